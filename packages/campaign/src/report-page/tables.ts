/** The tables of the page, by what they list. Keys are those of the JSON. */
import type {
  BatchRow,
  CampaignReport,
  CohortRow,
  DayRow,
  FailureRow,
  HoldRow,
  NoticeRow,
  RequestRow,
  RescheduledRow,
  UserRow,
  VersionRow,
} from '../model/campaign-report.js';
import { hasPlan } from './burn-down-chart.js';
import { speedOf } from './fairness-chart.js';
import { daysWords } from './response-chart.js';
import type { Column, Table } from './table.js';
import { seriesOf } from './users-in-colour.js';
import { instantWords, reasonWords, shareOf } from './wording.js';

export function usersTable({ users }: CampaignReport): Table<UserRow> {
  return {
    id: 'users',
    caption: 'Users',
    rows: users,
    columns: [
      { key: 'name', head: 'User', value: (row) => row.name },
      { key: 'userId', head: 'EUI-64', value: (row) => row.userId },
      { key: 'meters', head: 'meters', value: (row) => row.meters },
      ...ends<UserRow>(),
      { key: 'doneShare', head: 'done, share', value: (row) => shareOf(row.done, row.meters), kind: 'share' },
      { key: 'largeStarts', head: 'large starts', value: (row) => row.largeStarts },
      { key: 'smallStarts', head: 'small starts', value: (row) => row.smallStarts },
      { key: 'busiestDayStarts', head: 'busiest day', value: (row) => row.busiestDayStarts },
    ],
  };
}

export function requestsTable({ requests }: CampaignReport): Table<RequestRow> {
  return {
    id: 'requests',
    caption: 'Requests',
    rows: requests,
    columns: [
      { key: 'requestId', head: 'request', value: (row) => row.requestId },
      { key: 'status', head: 'status', value: (row) => row.refusal ?? row.status },
      { key: 'meters', head: 'meters', value: (row) => row.meters },
      ...ends<RequestRow>(),
      { key: 'parked', head: 'parked', value: (row) => row.parked },
      { key: 'underWay', head: 'under way', value: (row) => row.underWay },
      { key: 'started', head: 'started', value: (row) => row.started },
      { key: 'largeStarts', head: 'large starts', value: (row) => row.largeStarts },
      { key: 'firstStartDay', head: 'first start', value: (row) => row.firstStartDay },
      { key: 'lastStartDay', head: 'last start', value: (row) => row.lastStartDay },
      { key: 'userId', head: 'User', value: (row) => row.userId },
      { key: 'targetEntryId', head: 'target', value: (row) => row.targetEntryId },
      { key: 'phase', head: 'phase', value: (row) => row.phase },
      { key: 'priority', head: 'priority', value: (row) => row.priority },
      { key: 'scheduled', head: 'agreed schedule', value: (row) => (row.scheduled ? 'yes' : 'no') },
      { key: 'requestedAt', head: 'requested', value: (row) => row.requestedAt },
      { key: 'reason', head: 'reason', value: (row) => row.reason },
    ],
  };
}

export function cohortsTable({ cohorts }: CampaignReport): Table<CohortRow> {
  return {
    id: 'cohorts',
    caption: 'Cohorts',
    rows: cohorts,
    columns: [
      { key: 'cohortId', head: 'cohort', value: (row) => row.cohortId },
      { key: 'requestId', head: 'request', value: (row) => row.requestId },
      { key: 'userId', head: 'User', value: (row) => row.userId },
      { key: 'path', head: 'way', value: (row) => (row.path.length === 0 ? 'none' : row.path.join(' → ')) },
      { key: 'meters', head: 'meters', value: (row) => row.meters },
      ...ends<CohortRow>(),
      { key: 'parked', head: 'parked', value: (row) => row.parked },
    ],
  };
}

export function daysTable(report: CampaignReport): Table<DayRow> {
  const planned: readonly Column<DayRow>[] = hasPlan(report)
    ? [{ key: 'plannedLeft', head: 'left, as planned', value: (row) => row.plannedLeft }]
    : [];
  return {
    id: 'days',
    caption: 'Days',
    rows: report.days,
    columns: [
      day(),
      { key: 'left', head: 'left', value: (row) => row.left },
      ...planned,
      { key: 'done', head: 'done', value: (row) => row.done },
      { key: 'failed', head: 'failed', value: (row) => row.failed },
      { key: 'exempt', head: 'exempt', value: (row) => row.exempt },
      { key: 'parked', head: 'parked', value: (row) => row.parked },
      { key: 'installed', head: 'installed on the day', value: (row) => row.installed },
    ],
  };
}

export function capacityTable(report: CampaignReport): Table<DayRow> {
  return {
    id: 'capacity',
    caption: 'Capacity used',
    rows: report.days,
    columns: [
      day(),
      { key: 'capacity', head: 'capacity', value: (row) => row.capacity },
      { key: 'otherTraffic', head: 'other traffic', value: (row) => row.otherTraffic },
      { key: 'largeStarts', head: 'large starts', value: (row) => row.largeStarts },
      ...seriesOf(report).map(({ mark, name, startsOf }): Column<DayRow> => ({
        key: mark,
        head: name,
        value: startsOf,
      })),
      { key: 'smallStarts', head: 'small starts', value: (row) => row.smallStarts },
      { key: 'marks', head: 'what changed', value: (row) => row.marks.join('; ') },
    ],
  };
}

type HistogramRow = CampaignReport['response']['histogram'][number];

export function responseTable({ response: { histogram } }: CampaignReport): Table<HistogramRow> {
  return {
    id: 'response',
    caption: 'Response times',
    rows: histogram,
    columns: [
      {
        key: 'days',
        head: 'days to the outcome',
        value: (row) => daysWords(row.days, row === histogram.at(-1)),
      },
      { key: 'starts', head: 'starts', value: (row) => row.starts },
    ],
  };
}

export function failuresTable({ failures }: CampaignReport): Table<FailureRow> {
  return {
    id: 'failures',
    caption: 'Failures by reason',
    rows: failures,
    columns: [
      { key: 'reason', head: 'reason', value: (row) => reasonWords(row.reason) },
      { key: 'of', head: 'of', value: (row) => row.of },
      { key: 'count', head: 'count', value: (row) => row.count },
    ],
  };
}

export function batchesTable({ batches }: CampaignReport): Table<BatchRow> {
  return {
    id: 'batches',
    caption: 'Batches by request and day',
    rows: batches,
    columns: [
      { key: 'requestId', head: 'request', value: (row) => row.requestId },
      day(),
      { key: 'batches', head: 'batches', value: (row) => row.batches },
      { key: 'meters', head: 'meters', value: (row) => row.meters },
      { key: 'firstReleaseAtMs', head: 'first release', value: (row) => instantWords(row.firstReleaseAtMs) },
      { key: 'lastReleaseAtMs', head: 'last release', value: (row) => instantWords(row.lastReleaseAtMs) },
      {
        key: 'settledAtMs',
        head: 'last outcome',
        value: (row) => (row.settledAtMs === undefined ? 'under way' : instantWords(row.settledAtMs)),
      },
    ],
  };
}

export function holdsTable({ holds }: CampaignReport): Table<HoldRow> {
  return {
    id: 'holds',
    caption: 'Pauses, halts, stops and aborts',
    rows: holds,
    columns: [
      { key: 'kind', head: 'kind', value: (row) => row.kind },
      {
        key: 'requestId',
        head: 'request',
        value: (row) => row.requestId ?? (row.kind === 'halt' ? 'all others' : 'all'),
      },
      { key: 'reason', head: 'reason', value: (row) => row.reason },
      { key: 'fromMs', head: 'from', value: (row) => instantWords(row.fromMs) },
      {
        key: 'toMs',
        head: 'to',
        value: (row) => (row.toMs === undefined ? 'still so' : instantWords(row.toMs)),
      },
    ],
  };
}

type SpeedRow = CampaignReport['fairness']['speeds'][number];

export function fairnessTable({ fairness: { speeds } }: CampaignReport): Table<SpeedRow> {
  return {
    id: 'fairness',
    caption: 'Speed of each request',
    rows: speeds,
    columns: [
      { key: 'requestId', head: 'request', value: (row) => row.requestId },
      { key: 'aloneDays', head: 'days alone', value: (row) => row.aloneDays },
      { key: 'tookDays', head: 'days taken', value: (row) => row.tookDays },
      { key: 'speed', head: 'speed', value: speedOf, kind: 'share' },
    ],
  };
}

export function versionsTable({ versions }: CampaignReport): Table<VersionRow> {
  return {
    id: 'versions',
    caption: 'Versions deployed and pending',
    rows: versions,
    columns: [
      { key: 'entryId', head: 'CPL entry', value: (row) => row.entryId },
      { key: 'deviceModel', head: 'model', value: (row) => row.deviceModel },
      { key: 'firmwareVersion', head: 'version', value: (row) => row.firmwareVersion },
      { key: 'running', head: 'running it', value: (row) => row.running },
      { key: 'underWay', head: 'under way to it', value: (row) => row.underWay },
      { key: 'pending', head: 'pending', value: (row) => row.pending },
    ],
  };
}

export function rescheduledTable({ rescheduled }: CampaignReport): Table<RescheduledRow> {
  return {
    id: 'rescheduled',
    caption: 'Agreed images that could not start on their day',
    rows: rescheduled,
    columns: [
      day(),
      { key: 'requestId', head: 'request', value: (row) => row.requestId },
      { key: 'userId', head: 'User', value: (row) => row.userId },
      { key: 'images', head: 'images', value: (row) => row.images },
      { key: 'because', head: 'because of', value: (row) => row.because },
    ],
  };
}

export function noticesTable({ notices }: CampaignReport): Table<NoticeRow> {
  return {
    id: 'notices',
    caption: 'Notices to Users',
    rows: notices,
    columns: [
      { key: 'requestId', head: 'request', value: (row) => row.requestId },
      { key: 'severity', head: 'severity', value: (row) => row.severity },
      { key: 'releaseNotes', head: 'release notes', value: (row) => row.releaseNotes },
      { key: 'noticedAtMs', head: 'told', value: (row) => instantWords(row.noticedAtMs) },
      { key: 'activateFromMs', head: 'activation from', value: (row) => instantWords(row.activateFromMs) },
    ],
  };
}

function day<Row extends { readonly day: string }>(): Column<Row> {
  return { key: 'day', head: 'day', value: (row) => row.day };
}

interface Ends {
  readonly done: number;
  readonly failed: number;
  readonly exempt: number;
  readonly left: number;
}

function ends<Row extends Ends>(): readonly Column<Row>[] {
  return [
    { key: 'done', head: 'done', value: (row) => row.done },
    { key: 'left', head: 'left', value: (row) => row.left },
    { key: 'failed', head: 'failed', value: (row) => row.failed },
    { key: 'exempt', head: 'exempt', value: (row) => row.exempt },
  ];
}
