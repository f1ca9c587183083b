/**
 * Goal: what runs is as good as it can be under its rules: how long it takes, how soon meters are done, how fairly a day is shared.
 * Method: small campaigns through the machine, against everything that could be done whatever the rules of order and fairness say. The bounds are
 * those of docs/decisions/sharing-the-days.md.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Grant } from '../model/campaign-record.js';
import { countOf } from '../model/meter-set.js';
import { type Ask, bestByBruteForce, type Cost, simulated, type SmallCase } from './optimum.test-support.js';

interface Wishes {
  readonly asksMax: number;
  readonly metersMax: number;
  /** Schedules, and the limit of Users without one. */
  readonly limits: boolean;
  readonly hops: boolean;
  /** Requests that are not made at the same time, security, and a halt. */
  readonly order: boolean;
  readonly isEven: boolean;
}

function cases({ asksMax, metersMax, limits, hops, order, isEven }: Wishes): fc.Arbitrary<SmallCase> {
  const ask: fc.Arbitrary<Ask> = fc.record({
    user: fc.constantFrom('A' as const, 'B' as const),
    askedDaysBefore: order ? fc.nat({ max: 3 }) : fc.constant(0),
    readyDay: fc.nat({ max: 3 }),
    meters: fc.integer({ min: 1, max: metersMax }),
    perDay: limits ? fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }) : fc.constant(99),
    hops: hops ? fc.integer({ min: 1, max: 3 }) : fc.constant(1),
    daysApart: hops ? fc.integer({ min: 1, max: 3 }) : fc.constant(1),
    isSecurity: order ? fc.nat({ max: 3 }).map((drawn) => drawn === 0) : fc.constant(false),
  });
  return fc
    .record({
      asks: fc.array(ask, { minLength: 1, maxLength: asksMax }),
      capacities: isEven ? fc.constant([]) : fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 8 }),
      laterCapacity: fc.integer({ min: 1, max: 3 }),
      unscheduledPerDay: fc.integer({ min: 1, max: 2 }),
      simultaneousDays: fc.nat({ max: 2 }),
      haltedUntilDay: order ? fc.nat({ max: 3 }) : fc.constant(0),
    })
    .map((about) => (about.asks.some(({ isSecurity }) => isSecurity) ? about : { ...about, haltedUntilDay: 0 }));
}

/** Runs a property over cases and says how many it compared, and how many were worth comparing. */
class Comparison {
  readonly #seed: number;
  compared = 0;
  /** Some meter had to wait for a later day: because of others, of the capacity, or of a limit. */
  contended = 0;
  /** Several requests had images on the same day. */
  shared = 0;
  withHops = 0;
  worstEnd = 1;
  worstMean = 1;

  constructor(seed: number) {
    this.#seed = seed;
  }

  hold(wishes: Wishes, numRuns: number, holds: (cost: Cost, best: Cost, about: SmallCase) => void): void {
    fc.assert(
      fc.property(cases(wishes), (about) => {
        const { cost, records } = simulated(about);
        const best = bestByBruteForce(about);
        holds(cost, best, about);
        const grants = records.flatMap((record) => (record.kind === 'granted' ? [record.grants] : []));
        this.compared += 1;
        if (grants.some((some) => some.some(({ images, ready }) => images < ready))) this.contended += 1;
        if (grants.some((some) => some.filter(({ images }) => images > 0).length > 1)) this.shared += 1;
        if (about.asks.some(({ hops }) => hops > 1)) this.withHops += 1;
        this.worstEnd = Math.max(this.worstEnd, cost.days / best.days);
        this.worstMean = Math.max(this.worstMean, cost.endDaysSum / best.endDaysSum);
      }),
      { numRuns, seed: this.#seed },
    );
    const { compared, contended, shared, withHops, worstEnd, worstMean } = this;
    console.log(
      `seed ${this.#seed}: ${compared} compared, ${contended} contended, ${shared} shared, ${withHops} with hops; worst end ${worstEnd.toFixed(2)}, worst mean ${worstMean.toFixed(2)}`,
    );
  }
}

const usable = ({ ready, limit }: Grant): number => Math.min(ready, limit);

describe('A campaign, against everything that could be done', () => {
  it('has the best end and the best mean day where no limit binds and nothing has hops', () => {
    const found = new Comparison(31);
    const wishes = { asksMax: 3, metersMax: 3, limits: false, hops: false, order: true, isEven: false };
    found.hold(wishes, 300, (cost, best) => expect(cost).toEqual(best));
    expect(found.contended).toBeGreaterThan(150);
    expect(found.shared).toBeGreaterThan(50);
  });

  it('has the best end and the best mean day for one request with a limit, on days of any capacity', () => {
    const found = new Comparison(32);
    const wishes = { asksMax: 1, metersMax: 6, limits: true, hops: false, order: false, isEven: false };
    found.hold(wishes, 200, (cost, best) => expect(cost).toEqual(best));
    expect(found.contended).toBeGreaterThan(100);
  });

  it('ends for one request with hops at most (hops - 1) times their days apart after the best, at an even capacity', () => {
    const found = new Comparison(33);
    const wishes = { asksMax: 1, metersMax: 5, limits: true, hops: true, order: false, isEven: true };
    found.hold(wishes, 200, (cost, best, { asks: [ask] }) => {
      expect(cost.days).toBeLessThanOrEqual(best.days + (ask!.hops - 1) * ask!.daysApart);
    });
    expect(found.withHops).toBeGreaterThan(100);
    expect(found.contended).toBeGreaterThan(100);
  });

  it('ends, and has its mean day, at most twice as late for any order and limits, at an even capacity without hops', () => {
    const found = new Comparison(34);
    const wishes = { asksMax: 3, metersMax: 3, limits: true, hops: false, order: true, isEven: true };
    found.hold(wishes, 300, (cost, best) => {
      expect(cost.days).toBeLessThanOrEqual(2 * best.days);
      expect(cost.endDaysSum).toBeLessThanOrEqual(2 * best.endDaysSum);
    });
    expect(found.contended).toBeGreaterThan(150);
    expect(found.worstEnd).toBeGreaterThan(1); // or the cases would be too tame to show anything
  });

  it('ends at most three times as late for anything, at an even capacity', () => {
    const found = new Comparison(35);
    const wishes = { asksMax: 2, metersMax: 2, limits: true, hops: true, order: true, isEven: true };
    found.hold(wishes, 200, (cost, best) => expect(cost.days).toBeLessThanOrEqual(3 * best.days));
    expect(found.withHops).toBeGreaterThan(100);
    expect(found.contended).toBeGreaterThan(50);
    expect(found.worstEnd).toBeGreaterThan(1);
  });
});

describe('A day that requests share', () => {
  it('is shared so that no other way would give more to who has the smallest part', () => {
    const seed = 36;
    let compared = 0;
    let contended = 0;
    const wishes = { asksMax: 3, metersMax: 9, limits: true, hops: true, order: false, isEven: false };
    // One request for each User: what Users share with each other, and nothing within one.
    const oneEach = cases(wishes).map((about) => ({
      ...about,
      asks: about.asks.map((ask, k) => ({ ...ask, user: USERS[k]! })),
    }));
    fc.assert(
      fc.property(oneEach, (about) => {
        const given = about.asks.map(() => 0);
        for (const record of simulated(about).records) {
          if (record.kind === 'released')
            for (const { meters } of record.parts) given[Number(record.requestId)]! += countOf(meters);
          if (record.kind !== 'granted') continue;
          const shares = record.grants.map((grant) => {
            const k = Number(grant.requestId);
            const { meters, hops } = about.asks[k]!;
            return { k, had: given[k]!, asked: meters * hops, able: usable(grant), images: grant.images };
          });
          const amounts = shares.map(({ images }) => images);
          const partsOf = (some: readonly number[]): readonly Part[] =>
            shares.map(({ k, had, asked }, at): Part => [(had + some[at]!) / asked, k]).toSorted(compareParts);
          const granted = partsOf(amounts);
          let others = 0;
          for (const other of waysToShare(shares, sum(amounts))) {
            others += 1;
            expect(compareAll(granted, partsOf(other))).toBeGreaterThanOrEqual(0);
          }
          compared += 1;
          if (others > 1) contended += 1;
        }
      }),
      { numRuns: 200, seed },
    );
    console.log(`seed ${seed}: ${compared} grants compared, ${contended} of them could have been shared otherwise`);
    expect(contended).toBeGreaterThan(300);
  });
});

/** What part of its images a request has, and its place among those that asked at the same time: of equals, the first is the poorer. */
type Part = readonly [part: number, place: number];

const USERS = ['A', 'B', 'C'] as const;

function compareParts(one: Part, other: Part): number {
  return one[0] - other[0] || one[1] - other[1];
}

/** By the poorest, then by the next. */
function compareAll(ones: readonly Part[], others: readonly Part[]): number {
  for (const [at, one] of ones.entries()) {
    const compared = compareParts(one, others[at]!);
    if (compared !== 0) return compared;
  }
  return 0;
}

/** Every way to give out exactly so many images. */
function waysToShare(shares: readonly { readonly able: number }[], images: number): readonly (readonly number[])[] {
  const [first, ...rest] = shares;
  if (first === undefined) return images === 0 ? [[]] : [];
  return Array.from({ length: Math.min(first.able, images) + 1 }, (_, some) => some).flatMap((some) =>
    waysToShare(rest, images - some).map((others) => [some, ...others]),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
