/**
 * Goal: a plan keeps every rule and wastes nothing.
 * Method: each rule by example; random plans before a judge that knows only the rules. How good plans are: `plan-optimum.test.ts`.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeliveryPlan, DeliveryPolicy, DeliveryRequest } from './delivery-plan.js';
import { DAY_MS, judge, POLICY, request } from './plan.test-support.js';
import { planDeliveries } from './plan-deliveries.js';

const capacity = (images: number) => () => images;

/** For each request its days with their images, as `0:10 1:5`. */
function byDay({ batches }: DeliveryPlan): Readonly<Record<string, string>> {
  const days: Record<string, string> = {};
  for (const { requestId, day, images } of batches)
    days[requestId] = `${requestId in days ? `${days[requestId]} ` : ''}${day}:${images}`;
  return days;
}

describe('a plan', () => {
  it('takes 56 days for 670,000 images at 12,000 a day', () => {
    const plan = planDeliveries([request('R', { images: 670_000, perDayMax: 12_000 })], capacity(12_000), POLICY);
    expect(plan).toMatchObject({ days: 56, firstDay: 0, endDay: 55, unplanned: 0, unusedImages: 2_000, fairness: [] });
    expect(plan.batches).toHaveLength(56);
    expect(plan.batches[0]).toEqual({ day: 0, requestId: 'R', userId: 'U-R', hop: 1, images: 12_000 });
    expect(plan.batches[55]).toEqual({ day: 55, requestId: 'R', userId: 'U-R', hop: 1, images: 10_000 });
    expect(plan.requests).toEqual([
      {
        requestId: 'R',
        userId: 'U-R',
        starts: 670_000,
        unplanned: 0,
        firstDay: 0,
        lastDay: 55,
        meanEndDay: expect.closeTo(27.4179, 4),
      },
    ]);
  });

  it('takes 28 days for them at 24,000', () => {
    const requests = [request('R', { images: 670_000, perDayMax: 24_000 })];
    expect(planDeliveries(requests, capacity(24_000), POLICY).days).toBe(28);
  });

  it('takes as long when five large and 45 small Users share the days as one would', () => {
    const requests = Array.from({ length: 50 }, (_, k) =>
      request(`R${k}`, k < 5 ? { images: 130_000, perDayMax: 12_000 } : { images: k === 49 ? 460 : 444 }),
    );
    expect(requests.reduce((sum, { images }) => sum + images, 0)).toBe(669_996);
    const plan = planDeliveries(requests, capacity(12_000), { ...POLICY, simultaneousDays: 7 });
    expect([plan.days, plan.unusedImages]).toEqual([56, 56 * 12_000 - 669_996]);
    expect(plan.fairness).toHaveLength(1);
    expect(plan.fairness[0]!.leadImagesMax).toBeLessThanOrEqual(1);
  });

  it('is empty without requests', () => {
    const nothing = {
      batches: [],
      requests: [],
      firstDay: undefined,
      endDay: undefined,
      days: 0,
      unusedImages: 0,
      unplanned: 0,
      fairness: [],
    };
    expect(planDeliveries([], capacity(1), POLICY)).toEqual(nothing);
  });

  it('does not depend on the order of the requests', () => {
    const requests = [
      request('B'),
      request('A'),
      request('C', { requestedAtMs: -1 }),
      request('D', { requestedAtMs: 5 }),
    ];
    const plan = planDeliveries(requests, capacity(7), POLICY);
    expect(planDeliveries(requests.toReversed(), capacity(7), POLICY)).toEqual(plan);
    expect(plan.requests.map(({ requestId }) => requestId)).toEqual(['C', 'A', 'B', 'D']);
  });

  it('asks for the capacity of each day once, in order, and of no day after the last', () => {
    const asked: number[] = [];
    planDeliveries([request('R', { readyDay: 3, images: 25 })], (day) => asked.push(day) && 10, POLICY);
    expect(asked).toEqual([3, 4, 5]);
  });

  it('begins on the first day that is ready, which may be before day 0', () => {
    const requests = [request('A', { readyDay: -2, images: 3 }), request('B', { readyDay: 4, images: 3 })];
    expect(byDay(planDeliveries(requests, capacity(2), POLICY))).toEqual({
      A: '-2:2 -1:1',
      B: '4:2 5:1',
    });
  });

  it('counts as unused what nobody could use between its first and its last day', () => {
    const requests = [request('A', { readyDay: 1, images: 3 }), request('B', { readyDay: 4, images: 1 })];
    const plan = planDeliveries([...requests, request('C', { readyDay: 0, perDayMax: 0 })], capacity(2), {
      ...POLICY,
      daysMax: 9,
    });
    // Day 0 is before, days 5 to 8 are after: 1 on day 2, 2 on day 3, 1 on day 4.
    expect(plan).toMatchObject({ firstDay: 1, endDay: 4, days: 4, unusedImages: 4, unplanned: 10 });
  });

  it('says what it found no day for', () => {
    const requests = [request('A', { images: 8 }), request('B', { images: 5, requestedAtMs: 1 })];
    const plan = planDeliveries(requests, (day) => (day < 3 ? 2 : 0), POLICY);
    expect(plan).toMatchObject({ endDay: 2, unplanned: 7 });
    expect(plan.requests.map(({ unplanned, lastDay, meanEndDay }) => [unplanned, lastDay, meanEndDay])).toEqual([
      [2, 2, 1],
      [5, undefined, undefined],
    ]);
    expect(planDeliveries(requests, capacity(1), { ...POLICY, daysMax: 4 })).toMatchObject({ endDay: 3, unplanned: 9 });
  });
});

describe('the limit', () => {
  it('of a User without a schedule is 500 a day, over all requests', () => {
    const requests = [
      request('A', { userId: 'U', images: 700 }),
      request('B', { userId: 'U', images: 700, requestedAtMs: 1 }),
      request('C', { userId: 'V', images: 600, requestedAtMs: 2 }),
    ];
    expect(byDay(planDeliveries(requests, capacity(12_000), POLICY))).toEqual({
      A: '0:500 1:200',
      B: '1:300 2:400',
      C: '0:500 1:100',
    });
  });

  it('of an agreed schedule is that of the request, beside what the User has without one', () => {
    const requests = [
      request('A', { userId: 'U', images: 4_000, perDayMax: 3_000 }),
      request('B', { userId: 'U', images: 600 }),
    ];
    expect(byDay(planDeliveries(requests, capacity(12_000), POLICY))).toEqual({
      A: '0:3000 1:1000',
      B: '0:500 1:100',
    });
  });
});

describe('the order', () => {
  it('is that of the requests: who asked first takes all that it can', () => {
    const requests = [request('Z', { images: 15 }), request('A', { images: 15, requestedAtMs: 1 })];
    expect(byDay(planDeliveries(requests, capacity(10), POLICY))).toEqual({
      Z: '0:10 1:5',
      A: '1:5 2:10',
    });
  });

  it('lets another one have what the first cannot use', () => {
    const requests = [request('A', { images: 15, readyDay: 1 }), request('B', { images: 15, requestedAtMs: 1 })];
    expect(byDay(planDeliveries(requests, capacity(10), POLICY))).toEqual({
      B: '0:10 2:5',
      A: '1:10 2:5',
    });
  });

  it('is not asked for among those who asked within some days of the first of them', () => {
    const policy = { ...POLICY, simultaneousDays: 2 };
    const at = (days: number, images: number): DeliveryRequest =>
      request(`R${days}`, { requestedAtMs: days * DAY_MS, images });
    const plan = planDeliveries([at(0, 20), at(2, 10), at(3, 10)], capacity(10), policy);
    expect(byDay(plan)).toEqual({
      R0: '0:7 1:6 2:7',
      R2: '0:3 1:4 2:3',
      R3: '3:10',
    });
    expect(plan.fairness).toEqual([
      {
        claims: [
          { userId: 'U-R0', requestIds: ['R0'], asked: 20, given: 20 },
          { userId: 'U-R2', requestIds: ['R2'], asked: 10, given: 10 },
        ],
        measuredDay: 2,
        jain: 1,
        leadImagesMax: 1,
      },
    ]);
    // A millisecond more, and R2 is a group of its own.
    const late = { ...at(2, 10), requestedAtMs: 2 * DAY_MS + 1 };
    expect(byDay(planDeliveries([at(0, 20), late], capacity(10), policy))).toEqual({
      R0: '0:10 1:10',
      R2: '2:10',
    });
    // Nor does a group go on because each of its requests is near the one before.
    const third = request('R4', { requestedAtMs: 4 * DAY_MS, images: 10 });
    expect(planDeliveries([at(0, 20), at(2, 10), third], capacity(10), policy).batches.at(-1)).toMatchObject({
      requestId: 'R4',
      images: 10,
    });
  });

  it('puts security first, whenever it was asked for', () => {
    const requests = [
      request('A', { images: 15 }),
      request('S', { images: 15, requestedAtMs: 9, readyDay: 1, priority: 'security' }),
    ];
    expect(byDay(planDeliveries(requests, capacity(10), POLICY))).toEqual({
      A: '0:10 2:5',
      S: '1:10 2:5',
    });
  });

  it('has its groups among security requests, too', () => {
    const requests = ['S', 'T'].map((id) => request(id, { images: 10, priority: 'security' }));
    const plan = planDeliveries([...requests, request('A'), request('B')], capacity(10), POLICY);
    expect(byDay(plan)).toEqual({
      S: '0:5 1:5',
      T: '0:5 1:5',
      A: '2:5 3:5',
      B: '2:5 3:5',
    });
    expect(plan.fairness.map(({ claims }) => claims.map(({ userId }) => userId))).toEqual([
      ['U-S', 'U-T'],
      ['U-A', 'U-B'],
    ]);
  });

  it('halts what is normal while a security request that wants it is ready and not done, even with capacity left', () => {
    const security = request('S', { images: 4, perDayMax: 3, priority: 'security', readyDay: 1, haltsOthers: true });
    const plan = planDeliveries([request('A', { images: 25 }), security], capacity(10), POLICY);
    expect(byDay(plan)).toEqual({
      A: '0:10 3:10 4:5',
      S: '1:3 2:1',
    });
    expect(plan.unusedImages).toBe(7 + 9 + 5);
    const gentle = { ...security, haltsOthers: false };
    expect(byDay(planDeliveries([request('A', { images: 25 }), gentle], capacity(10), POLICY))).toEqual({
      A: '0:10 1:7 2:8',
      S: '1:3 2:1',
    });
  });
});

describe('hops', () => {
  const chain = { hops: 2, daysApart: 5 };

  it('are so many days apart at least', () => {
    const plan = planDeliveries([request('A', { images: 15, chain })], capacity(10), POLICY);
    expect(plan.batches.map(({ day, hop, images }) => [day, hop, images])).toEqual([
      [0, 1, 10],
      [1, 1, 5],
      [5, 2, 10],
      [6, 2, 5],
    ]);
    expect(plan.requests).toEqual([
      { requestId: 'A', userId: 'U-A', starts: 30, unplanned: 0, firstDay: 0, lastDay: 6, meanEndDay: 16 / 3 },
    ]);
  });

  it('go first to last for the earliest end, or last to first for fewest meters between', () => {
    const requests = [request('A', { images: 60, chain: { hops: 2, daysApart: 2 } })];
    const rows = (hopOrder: DeliveryPolicy['hopOrder']): readonly string[] =>
      planDeliveries(requests, capacity(10), { ...POLICY, hopOrder }).batches.map(({ day, hop }) => `${day}:${hop}`);
    expect(rows('earliest-end').join(' ')).toBe('0:1 1:1 2:1 3:1 4:1 5:1 6:2 7:2 8:2 9:2 10:2 11:2');
    expect(rows('fewest-half-done').join(' ')).toBe('0:1 1:1 2:2 3:2 4:1 5:1 6:2 7:2 8:1 9:1 10:2 11:2');
  });

  it('of three go in that order within a day', () => {
    const requests = [request('A', { images: 3, chain: { hops: 3, daysApart: 1 } })];
    const rows = (hopOrder: DeliveryPolicy['hopOrder']): readonly (readonly number[])[] =>
      planDeliveries(requests, (day) => [1, 2, 9, 9, 9][day]!, { ...POLICY, hopOrder }).batches.map(
        ({ day, hop, images }) => [day, hop, images],
      );
    expect(rows('earliest-end')).toEqual([
      [0, 1, 1],
      [1, 1, 2],
      [2, 2, 3],
      [3, 3, 3],
    ]);
    expect(rows('fewest-half-done')).toEqual([
      [0, 1, 1],
      [1, 2, 1],
      [1, 1, 1],
      [2, 3, 1],
      [2, 2, 1],
      [2, 1, 1],
      [3, 3, 1],
      [3, 2, 1],
      [4, 3, 1],
    ]);
  });
});

describe('fairness', () => {
  it('is shared by all that each asked for, with what a User asked for twice as one', () => {
    const policy = { ...POLICY, simultaneousDays: 1 };
    const requests = [
      request('A', { userId: 'U', images: 10 }),
      request('B', { userId: 'U', images: 20 }),
      request('C', { userId: 'V', images: 15, chain: { hops: 2, daysApart: 1 } }),
      request('D', { userId: 'V', images: 30, perDayMax: 100 }),
    ];
    const plan = planDeliveries(requests, capacity(30), policy);
    expect(plan.batches.filter(({ day }) => day === 0).map(({ requestId, images }) => [requestId, images])).toEqual([
      ['A', 10],
      ['C', 10],
      ['D', 10],
    ]);
    expect(plan.fairness).toEqual([
      {
        claims: [
          { userId: 'U', requestIds: ['A', 'B'], asked: 30, given: 30 },
          { userId: 'V', requestIds: ['C'], asked: 30, given: 30 },
          { userId: 'V', requestIds: ['D'], asked: 30, given: 30 },
        ],
        measuredDay: 2,
        jain: 1,
        leadImagesMax: 0,
      },
    ]);
  });

  it('is measured on the day on which the first of them has all, and shows what limits do', () => {
    const requests = [request('A', { images: 100, perDayMax: 50 }), request('B', { images: 100, perDayMax: 10 })];
    const plan = planDeliveries(requests, capacity(60), POLICY);
    const [{ jain, measuredDay, claims, leadImagesMax }] = plan.fairness as [DeliveryPlan['fairness'][0]];
    expect([measuredDay, claims.map(({ given }) => given), leadImagesMax]).toEqual([1, [100, 20], 0]);
    expect(jain).toBeCloseTo((1.2 * 1.2) / (2 * 1.04), 12);
  });

  it('is 1 when nobody was given anything', () => {
    const plan = planDeliveries([request('A'), request('B')], capacity(0), { ...POLICY, daysMax: 3 });
    expect(plan.fairness).toMatchObject([{ jain: 1, measuredDay: 2, leadImagesMax: 0 }]);
  });
});

describe('a mistake of the caller', () => {
  it.each<readonly [string, Partial<DeliveryRequest>]>([
    ['images of R', { images: 0 }],
    ['images of R', { images: 1.5 }],
    ['readyDay of R', { readyDay: Number.NaN }],
    ['requestedAtMs of R', { requestedAtMs: 0.5 }],
    ['perDayMax of R', { perDayMax: -1 }],
    ['chain.hops of R', { chain: { hops: 0, daysApart: 1 } }],
    ['chain.daysApart of R', { chain: { hops: 2, daysApart: 0 } }],
    ['the request R halts others', { haltsOthers: true }],
  ])('is thrown: %s', (words, about) => {
    expect(() => planDeliveries([request('R', about)], capacity(1), POLICY)).toThrow(RangeError);
    expect(() => planDeliveries([request('R', about)], capacity(1), POLICY)).toThrow(words);
  });

  it.each<readonly [string, Partial<DeliveryPolicy>]>([
    ['perUserPerDayMax is -1; it must be a whole number from 0', { perUserPerDayMax: -1 }],
    ['simultaneousDays is -1', { simultaneousDays: -1 }],
    ['daysMax is 0; it must be a whole number from 1', { daysMax: 0 }],
  ])('is thrown: %s', (words, about) => {
    expect(() => planDeliveries([request('R')], capacity(1), { ...POLICY, ...about })).toThrow(words);
  });

  it('is thrown: a request that is there twice, a capacity that is none', () => {
    expect(() => planDeliveries([request('R'), request('R')], capacity(1), POLICY)).toThrow(
      'the request R is there twice',
    );
    expect(() => planDeliveries([request('R')], capacity(-1), POLICY)).toThrow('the capacity of day 0 is -1');
    expect(() => planDeliveries([request('R')], capacity(0.5), POLICY)).toThrow(RangeError);
    expect(() => planDeliveries([request('R', { readyDay: 0.5 })], capacity(1), POLICY)).toThrow(
      /0\.5; it must be a whole number$/,
    );
  });
});

describe('any plan', () => {
  const any = fc.array(
    fc.record({
      userId: fc.constantFrom('U', 'V', 'W'),
      requestedAtMs: fc.nat({ max: 6 }).map((halves) => (halves * DAY_MS) / 2),
      readyDay: fc.integer({ min: -2, max: 8 }),
      images: fc.integer({ min: 1, max: 60 }),
      perDayMax: fc.option(fc.nat({ max: 25 }), { nil: undefined, freq: 3 }),
      chain: fc.option(fc.record({ hops: fc.integer({ min: 1, max: 3 }), daysApart: fc.integer({ min: 1, max: 4 }) }), {
        nil: undefined,
      }),
      security: fc.constantFrom('no', 'no', 'no', 'no', 'yes', 'halts'),
    }),
    { minLength: 1, maxLength: 6 },
  );
  const policies = fc.record({
    perUserPerDayMax: fc.integer({ min: 0, max: 20 }),
    simultaneousDays: fc.nat({ max: 2 }),
    hopOrder: fc.constantFrom('earliest-end' as const, 'fewest-half-done' as const),
    daysMax: fc.integer({ min: 5, max: 60 }),
  });

  it('keeps every rule and leaves nothing idle that anybody could use', () => {
    const counts: Record<string, number> = {};
    fc.assert(
      fc.property(
        any,
        policies,
        fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 10 }),
        (drawn, policy, some) => {
          const requests = drawn.map(({ perDayMax, chain, security, ...rest }, k) => ({
            ...request(`R${k}`),
            ...rest,
            ...(perDayMax === undefined ? {} : { perDayMax }),
            ...(chain === undefined ? {} : { chain }),
            ...(security === 'no' ? {} : { priority: 'security' as const, haltsOthers: security === 'halts' }),
          }));
          const capacityOf = (day: number): number => some[(day + 2) % some.length]!;
          const plan = planDeliveries(requests, capacityOf, policy);
          expect(judge(requests, capacityOf, policy, plan.batches, counts)).toEqual([]);
          const given = plan.batches.reduce((sum, { images }) => sum + images, 0);
          expect(plan.requests.reduce((sum, { starts }) => sum + starts, 0)).toBe(given + plan.unplanned);
          for (const { leadImagesMax, jain, claims } of plan.fairness) {
            expect(leadImagesMax).toBeLessThanOrEqual(1);
            expect(jain).toBeLessThanOrEqual(1 + 1e-12);
            expect(jain).toBeGreaterThanOrEqual(1 / claims.length - 1e-12);
          }
        },
      ),
      { numRuns: 600, seed: 41 },
    );
    for (const rule of ['halted', 'hops', 'limit reached', 'waits for an earlier one', 'share'])
      expect(counts[rule], rule).toBeGreaterThan(300);
  });

  it('would not pass the judge if a batch of it were changed', () => {
    const requests = [
      request('A', { images: 30, chain: { hops: 2, daysApart: 2 } }),
      request('B', { images: 30 }),
      request('C', { images: 30, requestedAtMs: DAY_MS }),
      request('S', { images: 5, readyDay: 3, priority: 'security', haltsOthers: true }),
    ];
    const policy = { ...POLICY, perUserPerDayMax: 12 };
    const { batches } = planDeliveries(requests, capacity(15), policy);
    expect(judge(requests, capacity(15), policy, batches)).toEqual([]);
    for (const k of batches.keys()) {
      const one = batches[k]!;
      for (const other of [
        { ...one, images: one.images + 1 },
        { ...one, images: one.images - 1 },
        { ...one, day: one.day - 1 },
        { ...one, day: one.day + 1 },
      ])
        expect(judge(requests, capacity(15), policy, batches.with(k, other)), JSON.stringify(other)).not.toEqual([]);
    }
    expect(batches.length).toBeGreaterThan(8);
  });

  it('of 60 requests and 400 days costs one question a day, and as many batches as it has', () => {
    let questions = 0;
    const requests = Array.from({ length: 60 }, (_, k) =>
      request(`R${k}`, { images: 20_000 + 997 * k, readyDay: k, perDayMax: 1_000 }),
    );
    const capacityOf = (): number => ((questions += 1), 12_000);
    const plan = planDeliveries(requests, capacityOf, { ...POLICY, simultaneousDays: 1 });
    expect(plan.unplanned).toBe(0);
    expect(questions).toBe(plan.endDay! + 1);
    expect(plan.batches.length).toBeLessThanOrEqual(60 * plan.days);
    expect(plan.fairness[0]!.leadImagesMax).toBeLessThanOrEqual(1);
  });
});
