/** Goal: a proof that is not one does not pass, whoever wrote it. */
import { describe, expect, it } from 'vitest';
import type { EpclEntry, EpclRoute, Product, ProductLists } from '../lists/product-lists.js';
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

  it.each(['Cancelled', 'Expired', 'Withdrawn'] as const)('with not-active holds against what is %s', (status) => {
    const cpl = [entry('A', 'N/A'), entry('T', ['A'], { status })];
    const forbidden = [{ from: 'A', to: 'T', rule: 'not-active' }] as const;
    expect(why({ kind: 'cut', reachable: ['A'], forbidden }, { cpl, epcl: [] })).toBe('holds');
  });

  describe('about a combination', () => {
    const a = entry('A', 'N/A');
    const t = entry('T', ['A']);
    const hub = { deviceModel: 'HUB', hardware: '01', firmwareVersion: '00000009' };
    const tested: HopOptions = { day: DAY, combination: 'approved-or-tested', beside: [hub] };
    const planned = (products: readonly Product[], route?: EpclRoute): EpclEntry => ({
      entryId: 'C1',
      products,
      route,
      status: 'planned',
    });
    const said = (rule: HopRule, epcl: readonly EpclEntry[], options: HopOptions = tested): string => {
      const forbidden = [{ from: 'A', to: 'T', rule }];
      return why({ kind: 'cut', reachable: ['A'], forbidden }, { cpl: [a, t], epcl }, options);
    };

    it.each<readonly [string, readonly Product[], 'same' | 'other']>([
      ['all products', [hub, t], 'same'],
      ['one product less', [t], 'other'],
      ['one product more', [t, hub, { ...hub, hardware: '02' }], 'other'],
      ['another version of one', [t, { ...hub, firmwareVersion: '00000008' }], 'other'],
      ['another model of one', [t, { ...hub, deviceModel: 'X' }], 'other'],
      ['other hardware of one', [t, { ...hub, hardware: '02' }], 'other'],
      [
        'nothing of it',
        [
          { ...hub, hardware: '03' },
          { ...hub, hardware: '02' },
        ],
        'other',
      ],
    ])('knows one with %s from others', (_, products, is) => {
      expect(said('combination-not-listed', [planned(products)])).toMatch(is === 'other' ? /^holds$/ : /does not/);
      expect(said('combination-not-approved', [planned(products)])).toMatch(is === 'same' ? /^holds$/ : /does not/);
    });

    it('counts no product of the installation twice', () => {
      const twice: HopOptions = { ...tested, beside: [hub, hub] };
      expect(said('combination-not-listed', [planned([t, hub, { ...hub, hardware: '02' }])], twice)).toBe('holds');
    });

    it.each<readonly [EpclRoute | undefined, 'holds' | 'does not']>([
      [undefined, 'holds'],
      [{ kind: 'a' }, 'holds'],
      [{ kind: 'b' }, 'holds'],
      [{ kind: 'a', testingCompleteOn: '2026-12-01' }, 'holds'],
      [{ kind: 'b', reportPublishedOn: '2026-12-01' }, 'holds'],
      [{ kind: 'a', testingCompleteOn: DAY }, 'does not'],
      [{ kind: 'b', reportPublishedOn: DAY }, 'does not'],
      [{ kind: 'b', reportPublishedOn: '2026-11-29' }, 'does not'],
    ])('that is planned by the route %j: combination-not-approved %s', (route, verdict) => {
      expect(said('combination-not-approved', [planned([t, hub], route)])).toContain(verdict);
      expect(said('combination-not-approved', [planned([t, hub], route)], { ...tested, combination: 'approved' })).toBe(
        'holds',
      );
    });

    it('is not missing approval when one of several entries has it, or when nobody asks', () => {
      const approved: EpclEntry = { entryId: 'C2', products: [t, hub], status: 'approved', approvedOn: DAY };
      expect(said('combination-not-approved', [planned([t, hub]), approved])).toContain('does not');
      expect(said('combination-not-approved', [planned([t, hub])], { ...tested, combination: 'not-asked' })).toContain(
        'does not',
      );
      expect(said('combination-not-approved', [])).toContain('does not');
    });
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
