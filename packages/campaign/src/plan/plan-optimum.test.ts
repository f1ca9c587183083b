/**
 * Goal: a plan is as good as a plan under its rules can be.
 * Method: small cases against everything that could be done, whatever the rules of order and fairness say. The bounds are those of
 * docs/decisions/sharing-the-days.md.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeliveryPlan, DeliveryRequest } from './delivery-plan.js';
import { bestByBruteForce, DAY_MS, POLICY, request } from './plan.test-support.js';
import { planDeliveries } from './plan-deliveries.js';

const capacity = (images: number) => () => images;

const small = (about: {
  readonly limits: boolean;
  readonly chains: boolean;
  readonly order: boolean;
}): fc.Arbitrary<DeliveryRequest[]> =>
  fc
    .array(
      fc.record({
        userId: fc.constantFrom('U', 'V'),
        requestedAtMs: about.order ? fc.nat({ max: 3 }).map((days) => days * DAY_MS) : fc.constant(0),
        readyDay: fc.nat({ max: 3 }),
        images: fc.integer({ min: 1, max: 3 }),
        perDayMax: about.limits ? fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }) : fc.constant(9),
        chain: about.chains
          ? fc.option(fc.record({ hops: fc.integer({ min: 2, max: 3 }), daysApart: fc.integer({ min: 1, max: 3 }) }), {
              nil: undefined,
            })
          : fc.constant(undefined),
        priority: about.order ? fc.constantFrom('normal', 'normal', 'security') : fc.constant('normal'),
      }),
      { minLength: 1, maxLength: 3 },
    )
    .map((some) =>
      some.map(({ perDayMax, chain, ...rest }, k) => ({
        ...request(`R${k}`),
        ...(rest as Partial<DeliveryRequest>),
        ...(perDayMax === undefined ? {} : { perDayMax }),
        ...(chain === undefined ? {} : { chain }),
      })),
    );

/** What a plan of days from 0 comes to. */
function costOf(
  { endDay, batches }: DeliveryPlan,
  requests: readonly DeliveryRequest[],
): { readonly days: number; readonly endDaysSum: number } {
  const hops = new Map(requests.map(({ requestId, chain }) => [requestId, chain?.hops ?? 1]));
  const ends = batches.filter(({ requestId, hop }) => hop === hops.get(requestId));
  return { days: endDay! + 1, endDaysSum: ends.reduce((sum, { day, images }) => sum + (day + 1) * images, 0) };
}

describe('against everything that could be done, on small cases', () => {
  const days = fc.array(fc.nat({ max: 3 }), { minLength: 4, maxLength: 8 });
  const capacityFrom = (some: readonly number[]) => (day: number) => some[day] ?? 2;

  it('the end and the mean day are the best that there are, where no limit binds and nothing has hops', () => {
    let shared = 0;
    fc.assert(
      fc.property(
        small({ limits: false, chains: false, order: true }),
        days,
        fc.nat({ max: 3 }),
        (requests, some, simultaneousDays) => {
          const policy = { ...POLICY, simultaneousDays };
          const plan = planDeliveries(requests, capacityFrom(some), policy);
          expect(costOf(plan, requests)).toEqual(bestByBruteForce(requests, capacityFrom(some), policy));
          if (plan.fairness.length > 0) shared += 1;
        },
      ),
      { numRuns: 400, seed: 31 },
    );
    expect(shared).toBeGreaterThan(50);
  });

  it('the end of one request is the best that there is, with limits, hops and days of any capacity', () => {
    let withHops = 0;
    const one = small({ limits: true, chains: true, order: false }).map(([first]) => [
      { ...first!, images: first!.images + 2 },
    ]);
    fc.assert(
      fc.property(one, days, (requests, some) => {
        const policy = { ...POLICY, perUserPerDayMax: 2 };
        const plan = planDeliveries(requests, capacityFrom(some), policy);
        expect(costOf(plan, requests).days).toBe(bestByBruteForce(requests, capacityFrom(some), policy).days);
        if (requests[0]!.chain !== undefined) withHops += 1;
      }),
      { numRuns: 300, seed: 32 },
    );
    expect(withHops).toBeGreaterThan(100);
  });

  it('end and mean day are at most twice the best for any order and limits, at an even capacity without hops', () => {
    let worst = { days: 1, mean: 1 };
    fc.assert(
      fc.property(
        small({ limits: true, chains: false, order: true }),
        fc.integer({ min: 1, max: 4 }),
        (requests, images) => {
          const policy = { ...POLICY, perUserPerDayMax: 2, simultaneousDays: 1 };
          const cost = costOf(planDeliveries(requests, capacity(images), policy), requests);
          const best = bestByBruteForce(requests, capacity(images), policy);
          worst = {
            days: Math.max(worst.days, cost.days / best.days),
            mean: Math.max(worst.mean, cost.endDaysSum / best.endDaysSum),
          };
          expect(cost.days).toBeLessThanOrEqual(2 * best.days);
          expect(cost.endDaysSum).toBeLessThanOrEqual(2 * best.endDaysSum);
        },
      ),
      { numRuns: 400, seed: 33 },
    );
    console.log(`without hops, worst against the best: end ${worst.days.toFixed(2)}, mean ${worst.mean.toFixed(2)}`);
    expect(worst.days).toBeGreaterThan(1); // or the cases would be too tame to show anything
  });

  it('the end is at most three times the best for anything at an even capacity', () => {
    let worst = 1;
    fc.assert(
      fc.property(
        small({ limits: true, chains: true, order: true }),
        fc.integer({ min: 1, max: 3 }),
        (requests, images) => {
          const few = requests.slice(0, 2).map((one) => ({ ...one, images: Math.min(one.images, 2) }));
          const policy = { ...POLICY, perUserPerDayMax: 2, simultaneousDays: 1 };
          const { days } = costOf(planDeliveries(few, capacity(images), policy), few);
          const best = bestByBruteForce(few, capacity(images), policy);
          worst = Math.max(worst, days / best.days);
          expect(days).toBeLessThanOrEqual(3 * best.days);
        },
      ),
      { numRuns: 300, seed: 34 },
    );
    console.log(`with hops, worst end against the best: ${worst.toFixed(2)}`);
    expect(worst).toBeGreaterThan(1);
  });
});
