/** A small estate, and its journal written by hand from the documents: six meters, two hops, four images a day. */
import { DAY_MS } from './calendar.js';

const SUPPLIER = '00-DB-12-34-56-78-90-A0';
const OTHER = '00-DB-12-34-56-78-90-A1';
const hashOf = (digit: string): string => digit.repeat(64);

const entry = (entryId: string, upgradableFrom: string[] | 'N/A', digit: string): object => ({
  entryId,
  deviceModel: 'M',
  hardware: 'H',
  firmwareVersion: `0000000${digit}`,
  manufacturerImageHash: hashOf(digit),
  status: 'Active',
  imageOctets: 900_000,
  upgradableFrom,
  takesUpdates: true,
  operable: true,
});

export const HAND_INPUT: string = JSON.stringify({
  format: 1,
  campaignId: 'by-hand',
  startDay: '2027-03-01',
  users: [
    { userId: SUPPLIER, name: 'One', role: 'supplier' },
    { userId: OTHER, name: 'Other', role: 'supplier' },
  ],
  lists: { cpl: [entry('v1', 'N/A', '1'), entry('v2', ['v1'], '2'), entry('v3', ['v2'], '3')], epcl: [] },
  cohorts: [
    {
      cohortId: 'c',
      userId: SUPPLIER,
      entryId: 'v1',
      meters: { count: 6, firstDeviceId: '00-DB-00-00-00-00-00-00' },
    },
  ],
  requests: [
    { requestId: 'r', userId: SUPPLIER, requestedAt: '2027-02-20T00:00:00Z', targetEntryId: 'v3', cohortIds: ['c'] },
  ],
  policy: { capacityPerDay: 4 },
});

const START_MS = Date.parse('2027-03-01T00:00:00Z');
const at = (day: number, hour: number): number => START_MS + day * DAY_MS + hour * 3_600_000;
const dayText = (day: number): string => new Date(at(day, 0)).toISOString().slice(0, 10);
const granted = (day: number, hour: number, ready: number, images: number, started = 0): object => ({
  atMs: at(day, hour),
  kind: 'granted',
  day: dayText(day),
  capacity: 4,
  otherTraffic: 0,
  started,
  grants: [{ requestId: 'r', userId: SUPPLIER, ready, limit: 500 - started, images }],
  rescheduled: [],
});
const released = (day: number, hour: number, batch: number, parts: object[]): object => ({
  atMs: at(day, hour),
  kind: 'released',
  batch,
  requestId: 'r',
  userId: SUPPLIER,
  parts,
});
const part = (hop: number, meters: unknown): object => ({ route: 0, hop, meters });
/** `before`: successes so far. */
const outcomes = (day: number, hour: number, before: number, succeeded: unknown[], broken: unknown[] = []): object => ({
  atMs: at(day, hour),
  kind: 'outcomes',
  succeeded,
  broken: broken.length === 0 ? [] : [{ reason: 'no-answer', meters: broken }],
  failed: [],
  judged: [
    {
      requestId: 'r',
      failures: 0,
      successes: succeededCount(succeeded),
      rule: { failures: 0, successes: succeededCount(succeeded) + before, verdict: 'go-on' },
      verdict: 'go-on',
    },
  ],
});

function succeededCount(succeeded: readonly unknown[]): number {
  return succeeded.reduce<number>((sum, item) => {
    const [first, last] = Array.isArray(item) ? (item as number[]) : [item as number, item as number];
    return sum + last! - first! + 1;
  }, 0);
}

/** Without `seq`, which {@link handJournal} numbers. */
export const HAND_RECORDS: readonly object[] = [
  {
    atMs: at(0, 0),
    kind: 'opened',
    format: 1,
    campaignId: 'by-hand',
    inputDigest: hashOf('a'),
    meters: 6,
  },
  {
    atMs: at(0, 0),
    kind: 'requested',
    requestId: 'r',
    outcome: 'accepted',
    routes: [
      {
        route: 0,
        cohortId: 'c',
        fromEntryId: 'v1',
        hops: [
          { entryId: 'v2', imageHash: hashOf('2'), large: true },
          { entryId: 'v3', imageHash: hashOf('3'), large: true },
        ],
      },
    ],
    withoutPath: [],
  },
  granted(0, 0, 6, 4),
  released(0, 0, 0, [part(0, [[0, 3]])]),
  outcomes(0, 2, 0, [[0, 3]]),
  granted(1, 0, 6, 4),
  released(1, 0, 1, [part(0, [[4, 5]]), part(1, [[0, 1]])]),
  outcomes(1, 3, 4, [[0, 1], 5], [4]),
  granted(2, 0, 3, 3),
  released(2, 0, 2, [part(1, [[2, 3], 5])]),
  outcomes(2, 1, 7, [[2, 3], 5]),
  granted(4, 0, 1, 1),
  released(4, 0, 3, [part(0, [4])]),
  outcomes(4, 1, 10, [4]),
  granted(4, 2, 1, 1, 1),
  released(4, 2, 4, [part(1, [4])]),
  outcomes(4, 4, 11, [4]),
  { atMs: at(4, 4), kind: 'ended' },
];

export function handJournal(records: readonly object[]): string {
  return records.map((record, seq) => `${JSON.stringify({ seq, ...record })}\n`).join('');
}
