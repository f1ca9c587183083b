/** Reports with something in every table and chart. The figures need not come from one campaign; they must only be told apart. */
import type { CampaignReport, DayRow, MeterStage, RequestRow, UserRow } from '@smets1/campaign';

export interface Sample {
  readonly days: number;
  readonly users: number;
  readonly requests: number;
  /** Stands in for every text that comes from an input. */
  readonly text?: (what: string) => string;
}

const MS_PER_DAY = 86_400_000;
const FIRST_MS = Date.UTC(2027, 0, 4);

export function sampleReport({
  days: dayCount,
  users: userCount,
  requests: requestCount,
  text = (what) => what,
}: Sample): CampaignReport {
  const days = range(dayCount).map((index) => dayRow(index, dayCount, userCount, text));
  const users = range(userCount).map((index) => userRow(index, days, text));
  const requests = range(requestCount).map((index) => requestRow(index, userCount, text));
  const lastAtMs = FIRST_MS + dayCount * MS_PER_DAY - 1;
  const stages: Record<MeterStage | 'scheduled', number> = {
    'out-of-scope': 1_200,
    waiting: 31_000,
    scheduled: 120_500,
    released: 11_999,
    installed: 2_345,
    done: 498_011,
    parked: 3_021,
    failed: 411,
    exempt: 2_713,
  };
  return {
    format: 1,
    campaignId: text('estate-sample'),
    inputDigest: '5a'.repeat(32),
    ended: false,
    records: 123_456,
    firstAtMs: FIRST_MS,
    lastAtMs,
    head: {
      meters: 671_200,
      inScope: 670_000,
      stages,
      starts: 825_230,
      largeStarts: days.reduce((sum, { largeStarts }) => sum + largeStarts, 0),
      retries: 29_383,
      startDays: 110,
      fullDays: 55,
      firstStartDay: dayText(0),
      lastStartDay: dayText(dayCount - 1),
      endDay: dayText(dayCount - 1),
      busiestDay: { day: dayText(0), largeStarts: 11_702 },
    },
    days,
    response: {
      targetDays: 5,
      within: 810_975,
      late: 1_461,
      overdue: 12_801,
      gaveUp: 12_794,
      shareWithin: 810_975 / 825_230,
      histogram: [793_149, 13_578, 1_366, 1_409, 1_473, 1_283, 178, 0].map((starts, index) => ({
        days: index,
        starts,
      })),
    },
    failures: [
      { reason: 'no-answer', of: 'start', count: 12_332 },
      { reason: 'broken-off', of: 'start', count: 8_177 },
      { reason: 'retries-spent', of: 'meter', count: 3_130 },
      { reason: 'parked-too-long', of: 'meter', count: 777 },
      { reason: 'hash-mismatch', of: 'meter', count: 1 },
    ],
    users,
    requests,
    cohorts: range(requestCount).map((index) => ({
      cohortId: text(`cohort-${index}`),
      userId: userId(index % userCount),
      requestId: index === 0 ? undefined : text(`request-${index}`),
      path: index === 0 ? [] : [text('alto-1'), text('alto-2')],
      meters: 900 + index,
      done: 700 + index,
      failed: index,
      exempt: 3,
      parked: 7,
      left: 197 - index,
    })),
    batches: range(requestCount).flatMap((request) =>
      range(dayCount)
        .filter((day) => (day + request) % 3 === 0)
        .map((day) => {
          const releasedMs = FIRST_MS + day * MS_PER_DAY + 3_600_000;
          return {
            requestId: text(`request-${request}`),
            day: dayText(day),
            batches: 1 + (day % 4),
            meters: 100 + ((day * 37 + request * 11) % 900),
            firstReleaseAtMs: releasedMs,
            lastReleaseAtMs: releasedMs + 7_200_000,
            settledAtMs: day > dayCount - 3 ? undefined : releasedMs + 1.5 * MS_PER_DAY,
          };
        }),
    ),
    holds: [
      {
        kind: 'pause',
        requestId: text('request-1'),
        reason: text('tariff lost'),
        fromMs: FIRST_MS,
        toMs: FIRST_MS + MS_PER_DAY,
      },
      { kind: 'halt', requestId: undefined, reason: text('INC-1'), fromMs: lastAtMs - MS_PER_DAY, toMs: undefined },
    ],
    rescheduled: [
      { day: dayText(0), requestId: text('request-1'), userId: userId(0), images: 1_200, because: 'halt' },
      { day: dayText(0), requestId: text('request-2'), userId: userId(1), images: 80, because: 'capacity' },
    ],
    notices: [
      {
        requestId: text('request-2'),
        severity: 'high',
        releaseNotes: text('Repairs the clock.'),
        noticedAtMs: FIRST_MS,
        activateFromMs: FIRST_MS + 7 * MS_PER_DAY,
      },
    ],
    versions: [
      {
        entryId: text('alto-1'),
        deviceModel: text('Alto'),
        firmwareVersion: '0000000A',
        running: 171_000,
        underWay: 0,
        pending: 0,
      },
      {
        entryId: text('alto-2'),
        deviceModel: text('Alto'),
        firmwareVersion: '0000000B',
        running: 499_000,
        underWay: 11_999,
        pending: 168_865,
      },
    ],
    fairness: {
      index: 0.9137,
      speeds: range(requestCount)
        .slice(1)
        .map((index) => ({ requestId: text(`request-${index}`), aloneDays: 10 + index, tookDays: 20 + 3 * index })),
    },
  };
}

function dayRow(index: number, count: number, userCount: number, text: (what: string) => string): DayRow {
  const capacity = index % 50 < 25 ? 12_000 : 9_000;
  // One User rests each day; the last one never starts anything.
  const byUser = range(Math.max(0, userCount - 1))
    .filter((user) => (user + index) % 5 !== 4)
    .map((user) => ({
      userId: userId(user),
      largeStarts: Math.floor(capacity / (userCount + user * user)) + (index % 7),
    }));
  const left = Math.round((670_000 * (count - index)) / count);
  return {
    day: dayText(index),
    capacity,
    otherTraffic: index % 6 === 0 ? 0 : 250,
    largeStarts: byUser.reduce((sum, { largeStarts }) => sum + largeStarts, 0),
    smallStarts: index * 3,
    byUser,
    installed: 9_000 + index,
    done: 660_000 - left,
    failed: index,
    exempt: 2 * index,
    parked: 300 - (index % 100),
    left,
    ...(index % 2 === 0 ? { plannedLeft: Math.max(0, left - 5_000) } : { plannedLeft: left }),
    marks: index % 25 === 10 ? [text(`capacity changed ${index}`), text('incident INC-1 opened')] : [],
  };
}

function userRow(index: number, days: readonly DayRow[], text: (what: string) => string): UserRow {
  const starts = days.map(({ byUser }) => byUser.find((one) => one.userId === userId(index))?.largeStarts ?? 0);
  return {
    userId: userId(index),
    name: text(`Supplier ${index}`),
    largeStarts: starts.reduce((sum, one) => sum + one, 0),
    smallStarts: 17 * index,
    busiestDayStarts: Math.max(0, ...starts),
    meters: 10_000 + index,
    done: 9_000 + index,
    failed: index,
    exempt: 2 * index,
    left: 1_000 - 3 * index,
  };
}

function requestRow(index: number, userCount: number, text: (what: string) => string): RequestRow {
  const isRefused = index === 0;
  return {
    requestId: text(`request-${index}`),
    userId: userId(index % userCount),
    status: isRefused ? 'refused' : 'open',
    reason: isRefused ? text('no way to the target') : '',
    refusal: isRefused ? 'no-path' : undefined,
    priority: index === 2 ? 'security' : 'normal',
    requestedAt: '2026-11-30T12:00:00Z',
    targetEntryId: text('alto-2'),
    scheduled: index % 2 === 0,
    phase: text('all meters'),
    meters: 1_000 + ((index * 7_919) % 5_000),
    started: 700 + index,
    done: 600 + index,
    failed: index,
    exempt: 4,
    parked: 5,
    underWay: 60,
    left: 300,
    largeStarts: isRefused ? 0 : 900 + index,
    firstStartDay: isRefused ? undefined : dayText(0),
    lastStartDay: isRefused ? undefined : dayText(0),
  };
}

function userId(index: number): string {
  return `90-B3-D5-1F-30-01-${index.toString(16).toUpperCase().padStart(2, '0')}-00`;
}

function dayText(index: number): string {
  return new Date(FIRST_MS + index * MS_PER_DAY).toISOString().slice(0, 10);
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
