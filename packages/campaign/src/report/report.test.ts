/** Every figure of a report is counted a second time here, from the journal or from the table. */
import { describe, expect, it } from 'vitest';
import type { CampaignReport } from '../model/campaign-report.js';
import { countOf } from '../model/meter-set.js';
import {
  cohort,
  entry,
  type Json,
  LISTS,
  recordsOf,
  request,
  SUPPLIER_A,
  SUPPLIER_B,
  type World,
  worldOf,
} from '../small-world.test-support.js';
import { whatIf } from '../what-if.js';
import { reportCsv } from './report-csv.js';
import { createReporter } from './reporter.js';

const LIVELY: Json = {
  cohorts: [
    cohort('old', 40),
    cohort('new', 20, { entryId: 'V3' }),
    cohort('b', 30, { userId: SUPPLIER_B, entryId: 'V2' }),
    cohort('idle', 3),
  ],
  requests: [
    request('r', ['old', 'new'], { targetEntryId: 'V3', phases: [{ name: 'canary', meters: 5 }] }),
    request('s', ['b'], { userId: SUPPLIER_B, targetEntryId: 'V3', schedule: undefined }),
  ],
  policy: { capacityPerDay: 9, unscheduledPerDay: 4 },
  otherTraffic: [{ fromDay: '2027-01-06', toDay: '2027-01-07', imagesPerDay: 2 }],
  events: [
    { at: '2027-01-07T10:00:00Z', command: { kind: 'pause', requestId: 'r', reason: 'a doubt' } },
    { at: '2027-01-08T10:00:00Z', command: { kind: 'resume', requestId: 'r' } },
    { at: '2027-01-09T00:00:00Z', command: { kind: 'capacity', fromDay: '2027-01-10', imagesPerDay: 6 } },
  ],
  model: {
    otherwise: {
      silentShare: 0.05,
      brokenChance: 0.1,
      failureChance: 0.03,
      slowChance: 0.3,
      slowDaysMax: 9,
      churnShare: 0.05,
    },
  },
};

function reported(world: World, planned?: CampaignReport): CampaignReport {
  const reporter = createReporter(world.campaign);
  for (const record of world.records) reporter.add(record);
  return reporter.report(planned);
}

describe('A report', () => {
  const world = worldOf(LIVELY, 3);
  const report = reported(world);
  const starts = recordsOf(world, 'released').flatMap(({ parts, ...one }) =>
    parts.map((part) => ({ ...one, part, count: countOf(part.meters) })),
  );
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

  it('counts each start once, by day, User and request', () => {
    const total = sum(starts.map(({ count }) => count));
    expect(total).toBeGreaterThan(100);
    expect(report.head).toMatchObject({ meters: 93, inScope: 90, starts: total, largeStarts: total });
    expect(sum(report.days.map(({ largeStarts }) => largeStarts))).toBe(total);
    for (const { day, largeStarts, byUser } of report.days) {
      const own = starts.filter(({ atMs }) => new Date(atMs).toISOString().startsWith(day));
      expect(largeStarts).toBe(sum(own.map(({ count }) => count)));
      expect(sum(byUser.map((one) => one.largeStarts))).toBe(largeStarts);
    }
    for (const { userId, largeStarts } of report.users)
      expect(largeStarts).toBe(sum(starts.filter((one) => one.userId === userId).map(({ count }) => count)));
    for (const { requestId, largeStarts } of report.requests)
      expect(largeStarts).toBe(sum(starts.filter((one) => one.requestId === requestId).map(({ count }) => count)));
    expect(sum(report.batches.map(({ meters }) => meters))).toBe(total);
    expect(sum(report.batches.map(({ batches }) => batches))).toBe(recordsOf(world, 'released').length);
  });

  it('ends with every meter at its end, the same in every table', () => {
    expect(report.ended).toBe(true);
    const { done, failed, exempt } = report.head.stages;
    expect(done + failed + exempt).toBe(90);
    expect(failed).toBeGreaterThan(0);
    expect(exempt).toBeGreaterThan(0);
    for (const table of [report.cohorts, report.requests]) {
      expect(sum(table.map((row) => row.done))).toBe(done);
      expect(sum(table.map((row) => row.failed))).toBe(failed);
      expect(sum(table.map((row) => row.exempt))).toBe(exempt);
    }
    expect(sum(report.users.map((row) => row.meters))).toBe(93);
    expect(report.days.at(-1)).toMatchObject({ done, failed, exempt, left: 0 });
    expect(report.cohorts.map(({ path }) => path)).toEqual([['V1', 'V2', 'V3'], ['V3'], ['V2', 'V3'], []]);
  });

  it('holds each outcome against five days from the release of its batch', () => {
    const releasedMs = new Map<number, number>();
    const batchOf = new Map<number, number>();
    let [within, late, gaveUp] = [0, 0, 0];
    const meters = (set: readonly (number | readonly [number, number])[]): number[] =>
      set.flatMap((item) =>
        typeof item === 'number' ? [item] : Array.from({ length: item[1] - item[0] + 1 }, (_, k) => item[0] + k),
      );
    for (const record of world.records) {
      if (record.kind === 'released') {
        releasedMs.set(record.batch, record.atMs);
        for (const part of record.parts) for (const meter of meters(part.meters)) batchOf.set(meter, record.batch);
      } else if (record.kind === 'outcomes') {
        for (const meter of [
          record.succeeded,
          ...[...record.broken, ...record.failed].map((one) => one.meters),
        ].flatMap(meters)) {
          const batch = batchOf.get(meter);
          batchOf.delete(meter);
          if (batch === undefined) continue;
          if (record.atMs - releasedMs.get(batch)! <= 5 * 86_400_000) within += 1;
          else late += 1;
        }
      } else if (record.kind === 'gave-up') {
        gaveUp += countOf(record.meters);
        for (const meter of meters(record.meters)) batchOf.delete(meter);
      }
    }
    expect(report.response).toMatchObject({
      targetDays: 5,
      within,
      late,
      gaveUp,
      shareWithin: within / (within + late + gaveUp),
    });
    expect(late).toBeGreaterThan(0);
    expect(gaveUp).toBeGreaterThan(0);
    expect(sum(report.response.histogram.map((row) => row.starts))).toBe(within + late);
    expect(report.failures).toContainEqual({ reason: 'gave-up', of: 'start', count: gaveUp });
  });

  it('tells of holds, marks, capacity and rescheduled slots as they were', () => {
    expect(report.holds).toEqual([
      {
        kind: 'pause',
        requestId: 'r',
        reason: 'a doubt',
        fromMs: Date.UTC(2027, 0, 7, 10),
        toMs: Date.UTC(2027, 0, 8, 10),
      },
    ]);
    const byDay = new Map(report.days.map((day) => [day.day, day]));
    expect(byDay.get('2027-01-06')).toMatchObject({ capacity: 9, otherTraffic: 2 });
    expect(byDay.get('2027-01-10')).toMatchObject({ capacity: 6, otherTraffic: 0 });
    expect(byDay.get('2027-01-07')!.marks).toEqual(['r: pause (a doubt)']);
    expect(report.rescheduled.length).toBe(
      sum(recordsOf(world, 'granted').map(({ rescheduled }) => rescheduled.length)),
    );
    expect(report.rescheduled.length).toBeGreaterThan(3);
  });

  it('says what runs and what is pending, at the end and half-way', () => {
    const running = Object.fromEntries(report.versions.map((row) => [row.entryId, row.running]));
    expect(sum(Object.values(running))).toBe(90);
    expect(sum(report.versions.map((row) => row.pending))).toBe(0);
    const reporter = createReporter(world.campaign);
    for (const record of world.records.slice(0, Math.floor(world.records.length / 3))) reporter.add(record);
    const half = reporter.report();
    expect(half.ended).toBe(false);
    const left = half.days.at(-1)!.left;
    expect(left).toBeGreaterThan(10);
    expect(sum(half.versions.map((row) => row.pending))).toBe(left);
    expect(sum(half.versions.map((row) => row.underWay))).toBe(half.head.stages.released);
    expect(half.head.stages.scheduled).toBeGreaterThan(0);
  });

  it('puts a plan beside the days', () => {
    const plan = reported(worldOf({ ...LIVELY, model: {} }, 3));
    const both = reported(world, plan);
    expect(both.days[0]!.plannedLeft).toBe(plan.days[0]!.left);
    expect(both.days.at(-1)!.plannedLeft).toBe(0);
    expect(report.days[0]).not.toHaveProperty('plannedLeft');
  });

  it('measures fairness by how much everybody was slowed down', () => {
    const pair = (policy: Json): CampaignReport =>
      reported(
        worldOf({
          cohorts: [cohort('a', 40), cohort('b', 40, { userId: SUPPLIER_B })],
          requests: [
            request('ra', ['a'], { requestedAt: '2026-12-01T00:00:00Z' }),
            request('rb', ['b'], { userId: SUPPLIER_B, requestedAt: '2026-12-02T00:00:00Z' }),
          ],
          policy: { capacityPerDay: 10, ...policy },
        }),
      );
    expect(pair({}).fairness.index).toBeCloseTo(1, 5);
    // One after the other: 2 of 2 days, and 2 of 6.
    expect(pair({ simultaneousDays: 0 }).fairness.index).toBeCloseTo((1 + 1 / 3) ** 2 / (2 * (1 + 1 / 9)), 5);
  });

  it('of refused requests and small images is whole, too', () => {
    const small = reported(
      worldOf({
        lists: { cpl: [...LISTS.cpl, entry('S', ['V1'], { imageOctets: 5 })], epcl: [] },
        cohorts: [cohort('c', 7), cohort('d', 2, { userId: SUPPLIER_B })],
        requests: [request('r', ['c'], { targetEntryId: 'S' }), request('q', ['d'])],
      }),
    );
    expect(small.requests[1]).toMatchObject({ status: 'refused', refusal: 'not-the-responsible-supplier', exempt: 2 });
    expect(small.head).toMatchObject({
      starts: 7,
      largeStarts: 0,
      startDays: 0,
      firstStartDay: undefined,
      busiestDay: undefined,
    });
    expect(small.users[0]).toMatchObject({ userId: SUPPLIER_A, smallStarts: 7, largeStarts: 0 });
    expect(small.failures).toEqual([{ reason: 'request-refused', of: 'meter', count: 2 }]);
    expect(JSON.parse(JSON.stringify(small))).toMatchObject({ campaignId: 'small' });
  });
});

describe('The tables as CSV', () => {
  it('have a row for each row, and no cell that a spreadsheet would compute', () => {
    const users = [
      { userId: SUPPLIER_A, name: '=HYPERLINK("x")', role: 'supplier' },
      { userId: SUPPLIER_B, name: 'B, "b"', role: 'supplier' },
    ];
    const report = reported(worldOf({ users }));
    const files = new Map(reportCsv(report).map(({ name, text }) => [name, text]));
    expect([...files.keys()]).toEqual(
      [
        'days',
        'days-by-user',
        'response',
        'failures',
        'users',
        'requests',
        'cohorts',
        'batches',
        'rescheduled',
        'holds',
        'versions',
      ].map((name) => `${name}.csv`),
    );
    const lines = files.get('users.csv')!.split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe('userId,name,largeStarts,smallStarts,busiestDayStarts,meters,done,failed,exempt,left');
    expect(lines[1]).toContain(`,"'=HYPERLINK(""x"")",30,`);
    expect(lines[2]).toContain(',"B, ""b""",0,');
    expect(files.get('days.csv')!.split('\r\n')).toHaveLength(report.days.length + 2);
  });
});

describe('What if', () => {
  it('the capacity doubled: schedules grow with it, and the campaign ends sooner', () => {
    const { campaign } = worldOf();
    const faster = whatIf(campaign.input, { capacityPerDay: 20 });
    expect(faster.policy.capacityPerDay).toBe(20);
    expect(faster.requests[0]!.schedule!.periods[0]!.imagesPerDay).toBe(200_000);
    expect(campaign.input.policy.capacityPerDay).toBe(10);
  });

  it('other numbers, and nothing of what is left out', () => {
    const { campaign } = worldOf(LIVELY);
    const other = whatIf(campaign.input, {
      policy: { retriesMax: 0 },
      without: ['windows', 'other-traffic', 'pauses'],
    });
    expect(other.policy).toMatchObject({ retriesMax: 0, capacityPerDay: 9 });
    expect(other.otherTraffic).toEqual([]);
    expect(other.events.map(({ command }) => command.kind)).toEqual(['capacity']);
    expect(whatIf(campaign.input, { capacityPerDay: 12 }).events.map(({ command }) => command.kind)).toEqual([
      'pause',
      'resume',
    ]);
  });
});
