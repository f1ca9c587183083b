/** Goal: a proof that is not one does not pass, whoever wrote it. */
import { describe, expect, it } from 'vitest';
import type { EpclEntry, ProductLists } from '../lists/product-lists.js';
import { checkProof } from './check-proof.js';
import type { ForbiddenHop, HopOptions, HopRule, NoPathProof } from './hop-plan.js';
import { DAY, entry, fractions, randomWorld } from './hops.test-support.js';
import { planHops } from './plan-hops.js';

const FREE: HopOptions = { day: DAY, combination: 'not-asked' };
const LISTS: ProductLists = {
  cpl: [entry('A', 'N/A'), entry('B', ['A']), entry('C', ['A'], { operable: false }), entry('T', ['C'])],
  epcl: [],
};
const GOOD = { kind: 'cut', reachable: ['A', 'B'], forbidden: [{ from: 'A', to: 'C', rule: 'not-operable' }] } as const;

function why(proof: NoPathProof, lists: ProductLists = LISTS, options: HopOptions = FREE): string {
  const verdict = checkProof(lists, 'A', 'T', options, proof);
  return verdict.ok ? 'holds' : verdict.why;
}

describe('a proof', () => {
  it('holds when nothing allowed leaves the set', () => {
    expect(why(GOOD)).toBe('holds');
  });

  it('holds for a larger set than need be, as long as it is closed', () => {
    expect(why({ ...GOOD, reachable: ['A', 'B', 'nowhere'] })).toBe('holds');
  });

  it.each<readonly [string, NoPathProof, string]>([
    ['has the beginning outside', { ...GOOD, reachable: ['B'] }, 'the beginning A is outside'],
    ['has the target inside', { ...GOOD, reachable: ['A', 'B', 'T'] }, 'the target T is inside'],
    ['leaves an allowed step out', { ...GOOD, reachable: ['A'] }, 'the step from A to B leaves'],
    ['gives no rule against a step', { ...GOOD, forbidden: [] }, 'the step from A to C leaves'],
    [
      'forbids an allowed step',
      { ...GOOD, reachable: ['A'], forbidden: [...GOOD.forbidden, { from: 'A', to: 'B', rule: 'not-operable' }] },
      'not-operable does not forbid the step from A to B',
    ],
    [
      'names an entry that is not listed',
      { ...GOOD, forbidden: [...GOOD.forbidden, { from: 'A', to: 'Q', rule: 'not-operable' }] },
      'not-operable does not forbid the step from A to Q',
    ],
    [
      'begins a step at an entry that is not listed',
      { ...GOOD, forbidden: [...GOOD.forbidden, { from: 'Q', to: 'C', rule: 'not-operable' }] },
      'not-operable does not forbid the step from Q to C',
    ],
    ['says that a listed entry is not', { kind: 'not-listed', entryId: 'T' }, 'T is listed'],
    ['speaks of an entry that nobody asked for', { kind: 'not-listed', entryId: 'Q' }, 'Q was not asked for'],
  ])('that %s is refused', (_, proof, words) => {
    expect(why(proof)).toContain(words);
  });

  it('that an entry is not listed holds when it is so, for either end', () => {
    const proof = (entryId: string): NoPathProof => ({ kind: 'not-listed', entryId });
    expect(checkProof(LISTS, 'A', 'Q', FREE, proof('Q'))).toEqual({ ok: true });
    expect(checkProof(LISTS, 'Q', 'A', FREE, proof('Q'))).toEqual({ ok: true });
  });

  it.each<HopRule>([
    'takes-no-update',
    'other-model',
    'other-hardware',
    'not-active',
    'not-operable',
    'target-takes-no-update',
    'combination-not-listed',
    'combination-not-approved',
  ])('with %s is refused where that is not so', (rule) => {
    const cpl = [entry('A', 'N/A'), entry('T', ['A'])];
    const epcl: readonly EpclEntry[] = [{ entryId: 'C', products: [cpl[1]!], status: 'approved', approvedOn: DAY }];
    const proof: NoPathProof = { kind: 'cut', reachable: ['A'], forbidden: [{ from: 'A', to: 'T', rule }] };
    expect(why(proof, { cpl, epcl }, { ...FREE, combination: 'approved' })).toContain(rule);
    expect(why(proof, { cpl, epcl }, { ...FREE, combination: 'approved-or-tested' })).toContain(rule);
  });

  it('with a rule for the last version is refused for an interim one', () => {
    const cpl = [entry('A', 'N/A'), entry('B', ['A'], { takesUpdates: false }), entry('T', 'N/A')];
    const proof = (rule: HopRule): NoPathProof => ({
      kind: 'cut',
      reachable: ['A'],
      forbidden: [{ from: 'A', to: 'B', rule }],
    });
    const approved: HopOptions = { ...FREE, combination: 'approved' };
    expect(why(proof('target-takes-no-update'), { cpl, epcl: [] })).toContain('does not forbid');
    expect(why(proof('combination-not-listed'), { cpl, epcl: [] }, approved)).toContain('does not forbid');
    expect(
      why(proof('combination-not-listed'), { cpl, epcl: [] }, { ...approved, combinationAt: 'every-version' }),
    ).toBe('holds');
  });

  it('with a rule that policy lifts is refused', () => {
    const cpl = [entry('A', 'N/A'), entry('T', ['A'], { takesUpdates: false })];
    const proof = (rule: HopRule): NoPathProof => ({
      kind: 'cut',
      reachable: ['A'],
      forbidden: [{ from: 'A', to: 'T', rule }],
    });
    expect(why(proof('target-takes-no-update'), { cpl, epcl: [] })).toBe('holds');
    expect(why(proof('target-takes-no-update'), { cpl, epcl: [] }, { ...FREE, targetTakesUpdates: false })).toContain(
      'does not',
    );
    expect(why(proof('combination-not-listed'), { cpl, epcl: [] })).toContain('does not forbid');
  });

  it('that the planner gave is refused once any of its steps is taken out, on random graphs', () => {
    const fraction = fractions(7);
    let struck = 0;
    for (let round = 0; round < 5_000; round += 1) {
      const { lists, from, to, options } = randomWorld(fraction);
      const plan = planHops(lists, from, to, options);
      if (plan.ok || plan.proof.kind !== 'cut') continue;
      const { forbidden, reachable } = plan.proof;
      for (const left of forbidden) {
        const fewer: readonly ForbiddenHop[] = forbidden.filter((hop) => hop !== left);
        expect(checkProof(lists, from, to, options, { kind: 'cut', reachable, forbidden: fewer }).ok).toBe(false);
        struck += 1;
      }
    }
    expect(struck).toBeGreaterThan(2_000);
  });
});
