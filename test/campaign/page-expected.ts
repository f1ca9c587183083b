/** What the page must show, worked out from the JSON alone: no code of the page is used. */
import type { CampaignReport, DayRow } from '@smets1/campaign';
import type { SeenTable } from './page-reader.js';

const COLOURS = 7;
const CHART_ROWS = 24;
const TABLE_ROWS = 1_000;

type Cell = number | string;
type Row = object;

/** By chart and kind of shape, how many figures are drawn. */
export function expectedMarks(report: CampaignReport): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const { days, response, failures, requests, batches, holds, fairness, head } = report;
  const count = <T>(rows: readonly T[], test: (row: T) => boolean): number => rows.filter(test).length;
  const some = (counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> =>
    Object.fromEntries(Object.entries(counts).filter(([, number]) => number > 0));
  const largest = (ids: readonly string[]): ReadonlySet<string> => {
    const meters = new Map(requests.map((row) => [row.requestId, row.meters]));
    return new Set(
      ids.toSorted((one, other) => (meters.get(other) ?? 0) - (meters.get(one) ?? 0)).slice(0, CHART_ROWS),
    );
  };
  const drawn = largest(requests.map(({ requestId }) => requestId));
  const released = count(batches, ({ requestId }) => drawn.has(requestId));
  const held = requests
    .filter(({ requestId }) => drawn.has(requestId))
    .reduce(
      (sum, request) =>
        sum +
        count(holds, (hold) =>
          hold.requestId === undefined
            ? hold.kind !== 'halt' || request.priority !== 'security'
            : hold.requestId === request.requestId,
        ),
      0,
    );
  const speeds = Math.min(CHART_ROWS, fairness.speeds.length);
  return {
    stages: some(
      Object.fromEntries(
        Object.entries(head.stages).flatMap(([stage, meters]) =>
          stage === 'out-of-scope' ? [] : [[stage, Math.sign(meters)]],
        ),
      ),
    ),
    'burn-down': { left: days.length, planned: count(days, ({ plannedLeft }) => plannedLeft !== undefined) },
    capacity: some({
      ...Object.fromEntries(
        seriesOf(report).map(({ key, startsOf }) => [key, count(days, (day) => startsOf(day) > 0)]),
      ),
      'other-traffic': count(days, ({ otherTraffic }) => otherTraffic > 0),
      capacity: days.length,
      change: count(days, ({ marks }) => marks.length > 0),
    }),
    response: some({
      within: count(response.histogram, (row) => row.starts > 0 && row.days < response.targetDays),
      late: count(response.histogram, (row) => row.starts > 0 && row.days >= response.targetDays),
      'given-up': Math.sign(response.gaveUp),
      target: 1,
    }),
    failures: some({
      'of-start': count(failures, ({ of }) => of === 'start'),
      'of-meter': count(failures, ({ of }) => of === 'meter'),
    }),
    gantt: some({ released, 'under-way': released, held }),
    fairness: { took: speeds, alone: speeds },
  };
}

interface Series {
  readonly key: string;
  readonly startsOf: (day: DayRow) => number;
}

function seriesOf({ users }: CampaignReport): readonly Series[] {
  const busy = users
    .filter(({ largeStarts }) => largeStarts > 0)
    .toSorted((one, other) => other.largeStarts - one.largeStarts);
  const of = (ids: readonly string[]) => (day: DayRow) =>
    day.byUser.reduce((sum, row) => sum + (ids.includes(row.userId) ? row.largeStarts : 0), 0);
  const rest = busy.slice(COLOURS).map(({ userId }) => userId);
  return [
    ...busy.slice(0, COLOURS).map(({ userId }, index) => ({ key: `user-${index + 1}`, startsOf: of([userId]) })),
    ...(rest.length === 0 ? [] : [{ key: 'user-others', startsOf: of(rest) }]),
  ];
}

/** As `data-v` has them. */
export function expectedFigures({
  head,
  response,
  failures,
  fairness,
}: CampaignReport): Readonly<Record<string, string>> {
  const expired = failures
    .filter(({ of, reason }) => of === 'meter' && (reason === 'retries-spent' || reason === 'parked-too-long'))
    .reduce((sum, { count }) => sum + count, 0);
  const { waiting, scheduled, released, installed, parked } = head.stages;
  const figures = {
    inScope: head.inScope,
    done: head.stages.done,
    left: waiting + scheduled + released + installed + parked,
    parked,
    failed: head.stages.failed,
    expired,
    exempt: head.stages.exempt,
    endDay: head.endDay,
    fullDays: head.fullDays,
    busiestDay: head.busiestDay?.largeStarts,
    shareWithin: response.shareWithin,
    gaveUp: response.gaveUp,
    largeStarts: head.largeStarts,
    retries: head.retries,
    fairness: fairness.index,
  };
  return Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, String(value ?? '')]));
}

/** In the order of the page. */
export function expectedTables(report: CampaignReport): readonly SeenTable[] {
  const {
    days,
    response,
    failures,
    users,
    requests,
    cohorts,
    batches,
    holds,
    versions,
    fairness,
    rescheduled,
    notices,
  } = report;
  const series = seriesOf(report);
  const userColumns = Object.fromEntries(
    series.map(({ key, startsOf }) => [key, (row: Row) => startsOf(row as DayRow)]),
  );
  const stages = Object.entries(report.head.stages).map(([stage, meters]) => ({ stage, meters }));
  const order = ['out-of-scope', 'waiting', 'scheduled', 'released', 'installed', 'parked', 'done', 'failed', 'exempt'];
  return [
    tableOf(
      'stages',
      order.map((stage) => stages.find((row) => row.stage === stage)!),
      'stage meters',
    ),
    tableOf('days', days, 'day left plannedLeft done failed exempt parked installed'),
    tableOf(
      'capacity',
      days,
      ['day capacity otherTraffic largeStarts', ...series.map(({ key }) => key), 'smallStarts marks'].join(' '),
      { ...userColumns, marks: (row) => (row as DayRow).marks.join('; ') },
    ),
    tableOf('response', response.histogram, 'days starts', {
      days: (row) => responseDays(row as { days: number }, response.histogram.length),
    }),
    tableOf('failures', failures, 'reason of count', {
      reason: (row) => REASONS[(row as { reason: string }).reason] ?? '?',
    }),
    tableOf('batches', batches, 'requestId day batches meters firstReleaseAtMs lastReleaseAtMs settledAtMs', {
      settledAtMs: (row) => instant(row, 'settledAtMs') ?? 'under way',
    }),
    tableOf('holds', holds, 'kind requestId reason fromMs toMs', {
      requestId: (row) => valueOf(row, 'requestId') ?? 'all others',
      toMs: (row) => instant(row, 'toMs') ?? 'still so',
    }),
    tableOf('fairness', fairness.speeds, 'requestId aloneDays tookDays speed', {
      speed: (row) => Number(valueOf(row, 'aloneDays')) / Number(valueOf(row, 'tookDays')),
    }),
    tableOf(
      'users',
      users,
      'name userId meters done left failed exempt doneShare largeStarts smallStarts busiestDayStarts',
      {
        doneShare: (row) => Number(valueOf(row, 'done')) / Number(valueOf(row, 'meters')),
      },
    ),
    tableOf(
      'requests',
      requests,
      'requestId status meters done left failed exempt parked underWay started largeStarts firstStartDay lastStartDay userId targetEntryId phase priority scheduled requestedAt reason',
      {
        status: (row) => valueOf(row, 'refusal') ?? valueOf(row, 'status') ?? '',
        scheduled: (row) => (valueOf(row, 'scheduled') === 'true' ? 'yes' : 'no'),
      },
    ),
    tableOf('cohorts', cohorts, 'cohortId requestId userId path meters done left failed exempt parked', {
      path: (row) => (row as { path: readonly string[] }).path.join(' → ') || 'none',
    }),
    tableOf('versions', versions, 'entryId deviceModel firmwareVersion running underWay pending'),
    tableOf('rescheduled', rescheduled, 'day requestId userId images because'),
    tableOf('notices', notices, 'requestId severity releaseNotes noticedAtMs activateFromMs'),
  ];
}

const REASONS: Readonly<Record<string, string>> = {
  'no-answer': 'no answer',
  'broken-off': 'transfer broken off',
  'retries-spent': 'retries spent',
  'parked-too-long': 'parked too long',
  'hash-mismatch': 'hash of the image differs',
};

function responseDays({ days }: { readonly days: number }, count: number): string {
  if (days === count - 1) return `${days} and more`;
  return days === 0 ? 'under 1' : `${days} to ${days + 1}`;
}

function tableOf(
  id: string,
  rows: readonly Row[],
  columns: string,
  others: Readonly<Record<string, (row: Row) => Cell>> = {},
): SeenTable {
  const keys = columns.split(' ');
  const cell = (row: Row, key: string): Cell =>
    others[key]?.(row) ?? (key.endsWith('Ms') ? instant(row, key) : valueOf(row, key)) ?? '–';
  return {
    id,
    rowCount: rows.length,
    keys,
    rows: rows.slice(0, TABLE_ROWS).map((row) => keys.map((key) => cell(row, key))),
  };
}

function valueOf(row: Row, key: string): Cell | undefined {
  const value = (row as Readonly<Record<string, Cell | boolean | undefined>>)[key];
  return typeof value === 'boolean' ? String(value) : value;
}

/** "2027-01-04 13:05". */
function instant(row: Row, key: string): string | undefined {
  const atMs = valueOf(row, key);
  return typeof atMs === 'number' ? new Date(atMs).toISOString().slice(0, 16).replace('T', ' ') : undefined;
}
