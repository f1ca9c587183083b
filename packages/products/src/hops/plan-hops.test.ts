/**
 * Goal: the planner finds the best way over interim versions, or proves that there is none.
 * Method: each rule and each tie-break on a list of a few entries. Random graphs: `version-graphs.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import type { CplEntry, EpclEntry, Product, ProductLists } from '../lists/product-lists.js';
import { checkProof } from './check-proof.js';
import type { HopOptions, HopPlan, NoPathProof } from './hop-plan.js';
import { DAY, entry } from './hops.test-support.js';
import { planHops } from './plan-hops.js';

const FREE: HopOptions = { day: DAY, combination: 'not-asked' };

function lists(cpl: readonly CplEntry[], epcl: readonly EpclEntry[] = []): ProductLists {
  return { cpl, epcl };
}

function versions(plan: HopPlan): readonly string[] | NoPathProof {
  return plan.ok ? plan.path.hops.map(({ to }) => to) : plan.proof;
}

describe('the way over interim versions', () => {
  it('is empty for a meter that runs the target, whatever the lists say of it', () => {
    const cancelled = entry('A', 'N/A', { status: 'Cancelled', operable: false, takesUpdates: false });
    const plan = planHops(lists([cancelled]), 'A', 'A', { day: DAY, combination: 'approved' });
    expect(plan).toEqual({ ok: true, path: { hops: [], largeStarts: 0, octets: 0 } });
  });

  it('says of each hop what is sent, and sums it up', () => {
    const cpl = [
      entry('A', 'N/A'),
      entry('B', ['A'], { imageOctets: 750_000, manufacturerImageHash: 'cd'.repeat(32) }),
      entry('C', ['B'], { imageOctets: 750_001 }),
    ];
    const plan = planHops(lists(cpl), 'A', 'C', FREE);
    expect(plan).toEqual({
      ok: true,
      path: {
        hops: [
          { from: 'A', to: 'B', manufacturerImageHash: 'cd'.repeat(32), imageOctets: 750_000, isLarge: false },
          { from: 'B', to: 'C', manufacturerImageHash: 'ab'.repeat(32), imageOctets: 750_001, isLarge: true },
        ],
        largeStarts: 1,
        octets: 1_500_001,
      },
    });
  });

  it('takes three small images rather than one large one', () => {
    const cpl = [
      entry('A', 'N/A'),
      entry('Z', ['A', 'C'], { imageOctets: 10 }),
      entry('B', ['A'], { imageOctets: 700_000 }),
      entry('C', ['B'], { imageOctets: 700_000 }),
      entry('L', ['A'], { imageOctets: 800_000 }),
      entry('T', ['L', 'Z'], { imageOctets: 500_000 }),
    ];
    expect(versions(planHops(lists(cpl), 'A', 'T', FREE))).toEqual(['Z', 'T']);
    const without = cpl.map((one) => (one.entryId === 'Z' ? { ...one, upgradableFrom: ['C'] } : one));
    expect(versions(planHops(lists(without), 'A', 'T', FREE))).toEqual(['B', 'C', 'Z', 'T']);
    // Were all images large, the number of hops would come first.
    expect(versions(planHops(lists(without), 'A', 'T', { ...FREE, largeAboveOctets: 0 }))).toEqual(['L', 'T']);
  });

  it('takes fewer octets, then fewer hops, then the smaller ids in order', () => {
    const fan = (octets: Readonly<Record<string, number>>): readonly CplEntry[] => [
      entry('A', 'N/A'),
      ...Object.entries(octets).map(([id, imageOctets]) => entry(id, ['A'], { imageOctets })),
      entry('T', Object.keys(octets)),
    ];
    expect(versions(planHops(lists(fan({ B: 6, C: 5 })), 'A', 'T', FREE))).toEqual(['C', 'T']);
    expect(versions(planHops(lists(fan({ C: 5, B: 5 })), 'A', 'T', FREE))).toEqual(['B', 'T']);
    expect(versions(planHops(lists(fan({ B: 5, C: 5 })), 'A', 'T', FREE))).toEqual(['B', 'T']);
    const longer = [
      entry('A', 'N/A'),
      entry('B', ['A'], { imageOctets: 2 }),
      entry('C', ['B'], { imageOctets: 3 }),
      entry('X', ['A'], { imageOctets: 5 }),
      entry('T', ['C', 'X']),
    ];
    expect(versions(planHops(lists(longer), 'A', 'T', FREE))).toEqual(['X', 'T']);
    // Of as many octets, but most of them in the first hop: seen from the target, the longer way is found first.
    const heavy = [
      entry('A', 'N/A'),
      entry('B', ['A'], { imageOctets: 8 }),
      entry('C', ['B'], { imageOctets: 1 }),
      entry('D', ['C'], { imageOctets: 1 }),
      entry('X', ['A'], { imageOctets: 5 }),
      entry('Y', ['X'], { imageOctets: 5 }),
      entry('T', ['D', 'Y']),
    ];
    expect(versions(planHops(lists(heavy), 'A', 'T', FREE))).toEqual(['X', 'Y', 'T']);
  });

  it('does not depend on the order of the lists', () => {
    const cpl = [entry('A', 'N/A'), entry('C', ['A']), entry('B', ['A']), entry('T', ['C', 'B'])];
    expect(planHops(lists(cpl.toReversed()), 'A', 'T', FREE)).toEqual(planHops(lists(cpl), 'A', 'T', FREE));
  });

  it('is not asked for on a day that is none', () => {
    expect(() => planHops(lists([]), 'A', 'B', { ...FREE, day: '2026-02-29' })).toThrow(
      expect.objectContaining({ code: 'misuse', message: expect.stringContaining('2026-02-29') }),
    );
  });
});

describe('a step that a rule forbids', () => {
  const chain = (b: Partial<CplEntry>, t: Partial<CplEntry> = {}, a: Partial<CplEntry> = {}): ProductLists =>
    lists([entry('A', 'N/A', a), entry('B', ['A'], b), entry('T', ['B'], t)]);
  const cut = (from: string, to: string, rule: string): NoPathProof =>
    ({
      kind: 'cut',
      reachable: from === 'A' ? ['A'] : ['A', 'B'],
      forbidden: [{ from, to, rule }],
    }) as NoPathProof;

  it.each<readonly [string, ProductLists, NoPathProof]>([
    ['the beginning takes no update', chain({}, {}, { takesUpdates: false }), cut('A', 'B', 'takes-no-update')],
    ['the interim version takes no update', chain({ takesUpdates: false }), cut('B', 'T', 'takes-no-update')],
    ['the interim version is of another model', chain({ deviceModel: 'X' }), cut('A', 'B', 'other-model')],
    ['the target is for other hardware', chain({}, { hardware: 'X' }), cut('B', 'T', 'other-hardware')],
    ['the interim version is withdrawn', chain({ status: 'Withdrawn' }), cut('A', 'B', 'not-active')],
    ['the target is cancelled', chain({}, { status: 'Cancelled' }), cut('B', 'T', 'not-active')],
    ['the interim version cannot be operated', chain({ operable: false }), cut('A', 'B', 'not-operable')],
    ['the target cannot be operated', chain({}, { operable: false }), cut('B', 'T', 'not-operable')],
    ['the target takes no further update', chain({}, { takesUpdates: false }), cut('B', 'T', 'target-takes-no-update')],
  ])('because %s is in the proof', (_, given, proof) => {
    const plan = planHops(given, 'A', 'T', FREE);
    expect(plan).toEqual({ ok: false, proof });
    expect(checkProof(given, 'A', 'T', FREE, proof)).toEqual({ ok: true });
  });

  it('is allowed again when the last version may be final', () => {
    const given = chain({}, { takesUpdates: false });
    expect(versions(planHops(given, 'A', 'T', { ...FREE, targetTakesUpdates: false }))).toEqual(['B', 'T']);
  });

  it('is walked around', () => {
    const cpl = [entry('A', 'N/A'), entry('B', ['A'], { operable: false }), entry('C', ['A']), entry('T', ['B', 'C'])];
    expect(versions(planHops(lists(cpl), 'A', 'T', FREE))).toEqual(['C', 'T']);
  });

  it('shows in the proof in order, and only where it leaves what can be reached', () => {
    const cpl = [
      entry('A', 'N/A'),
      entry('C', ['A']),
      entry('B', ['A', 'C']),
      entry('Y', ['B', 'A'], { operable: false }),
      entry('X', ['C', 'A'], { status: 'Expired' }),
      entry('T', ['X']),
    ];
    expect(planHops(lists(cpl), 'A', 'T', FREE)).toEqual({
      ok: false,
      proof: {
        kind: 'cut',
        reachable: ['A', 'B', 'C'],
        forbidden: [
          { from: 'A', to: 'X', rule: 'not-active' },
          { from: 'A', to: 'Y', rule: 'not-operable' },
          { from: 'B', to: 'Y', rule: 'not-operable' },
          { from: 'C', to: 'X', rule: 'not-active' },
        ],
      },
    });
  });

  it('is left out of the proof when its end is reached in another way', () => {
    const cpl = [
      entry('A', 'N/A'),
      entry('B', ['A'], { takesUpdates: false }),
      entry('C', ['A', 'B']), // from B not, from A yes
      entry('T', 'N/A'),
    ];
    expect(planHops(lists(cpl), 'A', 'T', FREE)).toEqual({
      ok: false,
      proof: { kind: 'cut', reachable: ['A', 'B', 'C'], forbidden: [] },
    });
  });

  it('is not even looked for when an entry is not listed', () => {
    const given = lists([entry('A', 'N/A')]);
    expect(versions(planHops(given, 'A', 'T', FREE))).toEqual({ kind: 'not-listed', entryId: 'T' });
    expect(versions(planHops(given, 'S', 'A', FREE))).toEqual({ kind: 'not-listed', entryId: 'S' });
    expect(versions(planHops(given, 'S', 'T', FREE))).toEqual({ kind: 'not-listed', entryId: 'S' });
  });
});

describe('the combination of products', () => {
  const hub: Product = { deviceModel: 'HUB', hardware: '01', firmwareVersion: '00000009' };
  const a = entry('A', 'N/A');
  const b = entry('B', ['A']);
  const t = entry('T', ['B']);
  const approved = (products: readonly Product[], approvedOn = DAY): EpclEntry => ({
    entryId: 'C1',
    products,
    status: 'approved',
    approvedOn,
  });
  const planned = (route?: EpclEntry['route']): EpclEntry => ({
    entryId: 'C2',
    products: [t, hub],
    status: 'planned',
    route,
  });
  const ask = (epcl: readonly EpclEntry[], about: Partial<HopOptions> = {}): readonly string[] | string => {
    const options: HopOptions = { day: DAY, combination: 'approved', beside: [hub], ...about };
    const plan = planHops(lists([a, b, t], epcl), 'A', 'T', options);
    if (plan.ok) return plan.path.hops.map(({ to }) => to);
    expect(checkProof(lists([a, b, t], epcl), 'A', 'T', options, plan.proof)).toEqual({ ok: true });
    return plan.proof.kind === 'cut' ? plan.proof.forbidden.map(({ to, rule }) => `${to}: ${rule}`).join() : '';
  };

  it('of the last version must be listed, in any order of its products', () => {
    expect(ask([])).toBe('T: combination-not-listed');
    expect(ask([approved([t, hub])])).toEqual(['B', 'T']);
    expect(ask([approved([hub, t])])).toEqual(['B', 'T']);
    expect(ask([approved([t])])).toBe('T: combination-not-listed');
    expect(ask([approved([t])], { beside: [] })).toEqual(['B', 'T']);
    expect(ask([approved([t, hub, { ...hub, hardware: '02' }])])).toBe('T: combination-not-listed');
    expect(ask([approved([t, { ...hub, hardware: '02' }])])).toBe('T: combination-not-listed');
    expect(ask([approved([t, { ...hub, firmwareVersion: '00000008' }])])).toBe('T: combination-not-listed');
    expect(ask([approved([t, { ...hub, deviceModel: 'OTHER' }])])).toBe('T: combination-not-listed');
  });

  it('counts from the day of its approval', () => {
    expect(ask([approved([t, hub], '2026-12-01')])).toBe('T: combination-not-approved');
    expect(ask([approved([t, hub], '2026-12-01')], { day: '2026-12-01' })).toEqual(['B', 'T']);
  });

  it('that is only planned will do for dormant meters, once its route is complete', () => {
    const done: EpclEntry['route'] = { kind: 'a', testingCompleteOn: DAY };
    const report: EpclEntry['route'] = { kind: 'b', reportPublishedOn: DAY };
    const tested = { combination: 'approved-or-tested' } as const;
    expect(ask([planned(done)])).toBe('T: combination-not-approved');
    expect(ask([planned(done)], tested)).toEqual(['B', 'T']);
    expect(ask([planned(report)], tested)).toEqual(['B', 'T']);
    expect(ask([planned(report)], { ...tested, day: '2026-11-29' })).toBe('T: combination-not-approved');
    expect(ask([planned({ kind: 'a' })], tested)).toBe('T: combination-not-approved');
    expect(ask([planned({ kind: 'b' })], tested)).toBe('T: combination-not-approved');
    expect(ask([planned()], tested)).toBe('T: combination-not-approved');
    expect(ask([approved([t, hub])], tested)).toEqual(['B', 'T']);
  });

  it('is good when one of several entries for it is', () => {
    expect(ask([planned(), approved([hub, t])])).toEqual(['B', 'T']);
    expect(ask([approved([hub, t]), planned()])).toEqual(['B', 'T']);
  });

  it('is asked of the version alone unless told what is beside it, and of the target unless told otherwise', () => {
    const alone: HopOptions = { day: DAY, combination: 'approved' };
    const epcl = [approved([t])];
    expect(versions(planHops(lists([a, b, t], epcl), 'A', 'T', alone))).toEqual(['B', 'T']);
  });

  it('is asked of each version when policy wants it', () => {
    const every = { combinationAt: 'every-version' } as const;
    expect(ask([approved([t, hub])], every)).toBe('B: combination-not-listed');
    expect(ask([approved([t, hub]), approved([b, hub])], every)).toEqual(['B', 'T']);
  });
});
