/**
 * Goal G20.scope: each meter is touched exactly as planned, and no other.
 * Method: whole campaigns on the virtual clock, their journals read by a judge that shares nothing with the machine.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from '../journal-judge.test-support.js';
import { METER_STAGES } from '../model/campaign-state.js';
import { countOf } from '../model/meter-set.js';
import { createReporter } from '../report/reporter.js';
import {
  campaignOf,
  cohort,
  DCC,
  DIGEST,
  entry,
  type Json,
  LISTS,
  recordsOf,
  request,
  SUPPLIER_A,
  SUPPLIER_B,
  SUPPLIER_C,
  worldOf,
} from '../small-world.test-support.js';
import { simulate } from './simulate.js';

const SUPPLIERS = [SUPPLIER_A, SUPPLIER_B, SUPPLIER_C];
const chance = fc.constantFrom(0, 0, 0.01, 0.1, 0.4);
const behaviour = fc.record({
  silentShare: chance,
  noAnswerChance: chance,
  brokenChance: chance,
  failureChance: fc.constantFrom(0, 0, 0.001, 0.05),
  minutesMax: fc.constantFrom(30, 300, 3000),
  slowChance: chance,
  slowDaysMax: fc.integer({ min: 1, max: 10 }),
});
const requestOf = (at: number): fc.Arbitrary<{ cohorts: Json[]; request: Json }> =>
  fc
    .record({
      counts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 2 }),
      from: fc.constantFrom('V1', 'V2'),
      user: fc.nat(2),
      daysBefore: fc.nat(9),
      perDay: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
      phases: fc.constantFrom(
        [],
        [{ name: 'canary', meters: 3 }],
        [
          { name: 'a', meters: 2 },
          { name: 'b', meters: 9 },
        ],
      ),
    })
    .map(({ counts, from, user, daysBefore, perDay, phases }) => {
      const userId = SUPPLIERS[user]!;
      const cohorts = counts.map((count, k) => cohort(`c${at}-${k}`, count, { userId, entryId: from }));
      const schedule =
        perDay === undefined
          ? undefined
          : { approvalForm: 'F', periods: [{ fromDay: '2027-01-01', imagesPerDay: perDay + 1 }] };
      const asked = {
        userId,
        targetEntryId: 'V3',
        phases,
        schedule,
        requestedAt: `2026-12-${30 - daysBefore}T12:00:00Z`,
      };
      return {
        cohorts,
        request: request(
          `r${at}`,
          cohorts.map((one) => one['cohortId'] as string),
          asked,
        ),
      };
    });
const worlds = fc.record({
  parts: fc
    .integer({ min: 1, max: 4 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, at) => requestOf(at)))),
  behaviour,
  capacityPerDay: fc.integer({ min: 4, max: 60 }),
  unscheduledPerDay: fc.integer({ min: 1, max: 20 }),
  otherTraffic: fc.integer({ min: 0, max: 3 }),
  windows: fc.constantFrom([], [{ zone: 'Europe/London', weekdays: [1, 2, 3, 4, 5], from: '22:00', to: '05:00' }]),
  hasPause: fc.boolean(),
  seed: fc.nat(1_000_000),
});

describe('T61 a campaign', () => {
  it('touches each meter in scope exactly as planned and no other, in any small world', () => {
    let starts = 0;
    let retries = 0;
    fc.assert(
      fc.property(worlds, ({ parts, seed, hasPause, ...rest }) => {
        const world = worldOf(
          {
            cohorts: [...parts.flatMap((part) => part.cohorts), cohort('nobody-asked', 5)],
            requests: parts.map((part) => part.request),
            policy: { capacityPerDay: rest.capacityPerDay, unscheduledPerDay: rest.unscheduledPerDay },
            otherTraffic: [{ fromDay: '2027-01-05', toDay: '2027-01-09', imagesPerDay: rest.otherTraffic }],
            windows: rest.windows,
            model: { otherwise: rest.behaviour },
            events: hasPause
              ? [
                  { at: '2027-01-05T03:00:00Z', command: { kind: 'pause', requestId: 'r0', reason: 'looking' } },
                  { at: '2027-01-06T00:00:00Z', command: { kind: 'capacity', fromDay: '2027-01-08', imagesPerDay: 5 } },
                  { at: '2027-01-09T03:00:00Z', command: { kind: 'resume', requestId: 'r0' } },
                ]
              : [],
          },
          seed,
        );
        const { campaign, records, state } = world;
        expect(judge(campaign.input, records, campaign.meterCount)).toEqual([]);
        expect(state.counts[METER_STAGES.indexOf('out-of-scope')]).toBe(5);
        starts += recordsOf(world, 'released').reduce(
          (sum, one) => sum + one.parts.reduce((n, part) => n + countOf(part.meters), 0),
          0,
        );
        retries += recordsOf(world, 'gave-up').length;
      }),
      { numRuns: 150 },
    );
    // The worlds were not empty, and meters did fall silent.
    expect(starts).toBeGreaterThan(5000);
    expect(retries).toBeGreaterThan(100);
  });

  it(
    'of 1,000,000 meters gives each its one end, and starts each image once when all of them answer',
    { timeout: 240_000 },
    () => {
      const campaign = campaignOf({
        cohorts: [
          cohort('wide', 700_000),
          cohort('other', 200_000, { userId: SUPPLIER_B }),
          cohort('left-alone', 100_000),
        ],
        requests: [request('r', ['wide']), request('s', ['other'], { userId: SUPPLIER_B })],
        policy: { capacityPerDay: 50_000 },
      });
      let started = 0;
      const { state, ended } = simulate({
        campaign,
        seed: 5,
        inputDigest: DIGEST,
        onRecord: (record) => {
          if (record.kind === 'released') for (const { meters } of record.parts) started += countOf(meters);
        },
      });
      expect(ended).toBe(true);
      expect(started).toBe(900_000);
      expect(state.counts).toEqual([100_000, 0, 0, 0, 900_000, 0, 0, 0]);
      expect(state.meters.tries.every((tries, meter) => tries === (meter < 900_000 ? 1 : 0))).toBe(true);
    },
  );
});

describe('A simulation', () => {
  it('is the same octet for octet for the same seed, and another for another', () => {
    const other = { model: { otherwise: { brokenChance: 0.2, silentShare: 0.1 } } };
    expect(worldOf(other, 7).lines).toEqual(worldOf(other, 7).lines);
    expect(worldOf(other, 8).lines).not.toEqual(worldOf(other, 7).lines);
  });

  it(
    'reports 56 days at full capacity for 670,000 meters without interim version or incident',
    { timeout: 240_000 },
    () => {
      const per = [241_000, 165_000, 118_000, 86_000, 60_000];
      const campaign = campaignOf({
        cohorts: per.map((count, at) => cohort(`c${at}`, count)),
        requests: per.map((_, at) => request(`r${at}`, [`c${at}`])),
        policy: {},
      });
      const reporter = createReporter(campaign);
      simulate({ campaign, seed: 1, inputDigest: DIGEST, onRecord: (record) => reporter.add(record) });
      const { head, response } = reporter.report();
      expect(head).toMatchObject({
        startDays: 56,
        fullDays: 55,
        largeStarts: 670_000,
        firstStartDay: '2027-01-04',
        lastStartDay: '2027-02-28',
      });
      expect(head.stages.done).toBe(670_000);
      expect(response.within).toBe(670_000);
    },
  );

  it('breaks off what would go on for ever, and says so', () => {
    const events = [{ at: '2027-01-05T00:00:00Z', command: { kind: 'pause', reason: 'for good' } }];
    const { ended, state } = worldOf({ events });
    expect(ended).toBe(false);
    expect(state.open).toBe(20);
  });

  it('leaves meters without a way alone, with the planner’s proof, and refuses the request unless it allows that', () => {
    const lists = { cpl: [...LISTS.cpl, entry('X1', 'N/A', { deviceModel: 'OTHER' })], epcl: [] };
    const cohorts = [cohort('c', 4), cohort('x', 3, { entryId: 'X1' })];
    const strict = worldOf({ lists, cohorts, requests: [request('r', ['c', 'x'])] });
    expect(recordsOf(strict, 'requested')[0]).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'no-path' },
      routes: [],
    });
    expect(recordsOf(strict, 'released')).toEqual([]);
    expect(strict.ended).toBe(true);
    const lenient = worldOf({ lists, cohorts, requests: [request('r', ['c', 'x'], { skipCohortsWithoutPath: true })] });
    expect(recordsOf(lenient, 'requested')[0]!.withoutPath).toEqual([
      { cohortId: 'x', proof: expect.any(Object) as object },
    ]);
    expect(lenient.state.counts).toEqual([0, 0, 0, 0, 4, 0, 0, 3]);
  });

  it.each([
    ['a Supplier for another one’s meters', { userId: SUPPLIER_B }, {}, 'not-the-responsible-supplier'],
    ['the DCC for meters that are not dormant', { userId: DCC }, {}, 'no-deemed-consent'],
    ['a Supplier for dormant meters', {}, { dormant: true, epclEntryId: 'E' }, 'not-the-responsible-supplier'],
    [
      'the DCC for a combination that is on no list',
      { userId: DCC },
      { dormant: true, epclEntryId: 'E' },
      'combination-not-listed',
    ],
  ])('refuses %s before anything starts', (_, asked, meters, code) => {
    const world = worldOf({ cohorts: [cohort('c', 3, meters)], requests: [request('r', ['c'], asked)] });
    expect(recordsOf(world, 'requested')[0]!.refusal!.code).toBe(code);
    expect(recordsOf(world, 'released')).toEqual([]);
  });
});
