/**
 * Goal: the planner finds the best way over interim versions, or proves that there is none, in any graph of versions.
 * Method: 100,000 random graphs against all their simple paths; each proof goes to the checker, and each rule in it to a second opinion.
 */
import { describe, expect, it } from 'vitest';
import { checkProof } from './check-proof.js';
import { bestByBruteForce, fractions, randomWorld, reasonsAgainst } from './hops.test-support.js';
import { planHops } from './plan-hops.js';

describe('100,000 random version graphs', () => {
  const SEED = 20_261_130;
  const ROUNDS = 100_000;

  it(`agree with all their simple paths, seed ${SEED}`, { timeout: 120_000 }, () => {
    const fraction = fractions(SEED);
    const seen = { withPath: 0, ofSeveralHops: 0, withoutPath: 0, already: 0, rules: new Set<string>() };
    for (let round = 0; round < ROUNDS; round += 1) {
      const world = randomWorld(fraction);
      const plan = planHops(world.lists, world.from, world.to, world.options);
      const best = bestByBruteForce(world);
      const found = plan.ok ? [world.from, ...plan.path.hops.map(({ to }) => to)] : undefined;
      if (JSON.stringify(found) !== JSON.stringify(best))
        expect({ round, world, found }).toEqual({ round, world, found: best });
      if (plan.ok) {
        seen.withPath += 1;
        if (plan.path.hops.length === 0) seen.already += 1;
        if (plan.path.hops.length > 2) seen.ofSeveralHops += 1;
        continue;
      }
      seen.withoutPath += 1;
      const { proof } = plan;
      const verdict = checkProof(world.lists, world.from, world.to, world.options, proof);
      if (!verdict.ok) expect({ round, world, proof, verdict }).toEqual({ round, world, proof, verdict: { ok: true } });
      for (const { from, to, rule } of proof.kind === 'cut' ? proof.forbidden : []) {
        const [one, next] = [from, to].map((id) => world.lists.cpl.find(({ entryId }) => entryId === id)!);
        if (!reasonsAgainst(world, one!, next!).has(rule)) expect({ round, world, from, to }).toBe(rule);
        seen.rules.add(rule);
      }
    }
    console.log(
      `of ${ROUNDS} graphs ${seen.withPath} have a path (${seen.ofSeveralHops} of three hops or more, ${seen.already} run the target already), ${seen.withoutPath} have none`,
    );
    expect(seen.withPath - seen.already).toBeGreaterThan(ROUNDS / 5);
    expect(seen.withoutPath).toBeGreaterThan(ROUNDS / 5);
    expect(seen.ofSeveralHops).toBeGreaterThan(ROUNDS / 100);
    expect([...seen.rules].toSorted()).toEqual([
      'combination-not-approved',
      'combination-not-listed',
      'not-active',
      'not-operable',
      'other-hardware',
      'other-model',
      'takes-no-update',
      'target-takes-no-update',
    ]);
  });
});
