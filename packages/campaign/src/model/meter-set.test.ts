import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countOf, meterSetFault, meterSetOfAny, metersOf } from './meter-set.js';

const meters = fc.uniqueArray(fc.integer({ min: 0, max: 60 }));

describe('A set of meters', () => {
  it('gives back what was put in, in order, with as few items as there are runs', () => {
    fc.assert(
      fc.property(meters, (given) => {
        const set = meterSetOfAny(given);
        const sorted = given.toSorted((one, other) => one - other);
        expect([...metersOf(set)]).toEqual(sorted);
        expect(countOf(set)).toBe(given.length);
        expect(meterSetFault(set, 61)).toBeUndefined();
        expect(set.length).toBe(sorted.filter((meter, at) => sorted[at - 1] !== meter - 1).length);
      }),
    );
  });

  it('writes runs of two and more as pairs', () => {
    expect(meterSetOfAny([9, 1, 2, 3, 5, 7, 8])).toEqual([[1, 3], 5, [7, 9]]);
  });

  it.each([
    [[[3, 3]], '[3, 3] is no run of two or more'],
    [[[4, 3]], '[4, 3] is no run of two or more'],
    [[5, 5], '5 is not after what stands before it'],
    [[[1, 4], 3], '3 is not after what stands before it'],
    [[2, [4, 10]], '10 is none of the 10 meters'],
  ] as const)('of %j is none', (set, why) => {
    expect(meterSetFault(set, 10)).toBe(why);
  });
});
