/**
 * What a journal adds up to. Only `apply` changes it, in place (`docs/decisions/0001-state-in-typed-arrays.md`); everybody else reads.
 * The fold of any prefix of a journal is the state after a crash at that point.
 */
import type { BatchPart, RequestRefusal, Route } from './campaign-record.js';
import type { StopState } from './stop-rule-port.js';

/** Where a meter is. `scheduled` is not stored: a waiting meter whose request has an agreed schedule. */
export type MeterStage = (typeof METER_STAGES)[number];
export const METER_STAGES = [
  /** Not in any request that was taken up. */
  'out-of-scope',
  /** For its first start, or, having answered once, for the start of its next hop or try. */
  'waiting',
  /** 11.1 and 11.3 under way. */
  'released',
  /** Stands on an interim version and waits for the start of its next hop. */
  'installed',
  'done',
  /** Did not answer; tried again later. */
  'parked',
  'failed',
  'exempt',
] as const;

/** Why, for stages that have a reason; the position in this list is what {@link MeterTable.reason} holds. */
export const METER_REASONS = [
  'none',
  'no-answer',
  'broken-off',
  'not-sealed',
  'gave-up',
  'no-image-held',
  'hash-mismatch',
  'activation-failure',
  'reverted',
  'refused',
  'retries-spent',
  'parked-too-long',
  'no-path',
  'request-refused',
  'churned-away',
  'aborted',
  'aborted-on-interim-version',
  'already-there',
] as const;
export type MeterReason = (typeof METER_REASONS)[number];

/** One row for each meter, by index. */
export interface MeterTable {
  /** Position in {@link METER_STAGES}. */
  readonly stage: Uint8Array;
  /** Position in {@link METER_REASONS}. */
  readonly reason: Uint8Array;
  /** Index of a route; {@link NO_ROUTE}: none. */
  readonly route: Uint16Array;
  /** The hop that is next, or under way; the number of hops behind it. */
  readonly hop: Uint8Array;
  /** Starts of the present hop so far. */
  readonly tries: Uint8Array;
  /** Index of the User who is responsible now. */
  readonly owner: Uint16Array;
  /** {@link MARK_STARTED}, {@link MARK_ANSWERED}. */
  readonly marks: Uint8Array;
  /** Batch of the last start; −1: none. */
  readonly batch: Int32Array;
  /** When the stage began, ms since 1970. */
  readonly sinceMs: Float64Array;
}

export const NO_ROUTE = 0xffff;
export const MARK_STARTED = 1;
export const MARK_ANSWERED = 2;

export type RequestStatus = 'unopened' | 'refused' | 'open' | 'paused' | 'stopped' | 'aborted';

/** Meters of one route, hop and User that can be started, now or later. */
export interface Pool {
  readonly request: number;
  readonly route: number;
  readonly hop: number;
  readonly user: number;
  readonly large: boolean;
  /** Never started: those of the indexes from `next` to before `end` that wait on this route. */
  next: number;
  readonly end: number;
  fresh: number;
  /** Others that are ready; before `queueHead`, and where a meter has moved on since, entries mean nothing. */
  queue: number[];
  queueHead: number;
  queued: number;
  /** Parked meters by the day, counted from 1970, from which they may be tried again. */
  readonly retries: Map<number, RetryBucket>;
  /** Meters with the image of this hop under way: not to be started, but their later hops are still owed. */
  underWay: number;
}

export interface RetryBucket {
  readonly meters: number[];
  /** Of those, how many are parked here still. */
  count: number;
}

export interface RequestState {
  status: RequestStatus;
  /** Of the status, for people. */
  reason: string;
  refusal: RequestRefusal | undefined;
  /** Index of the phase that lasts; as many as there are phases: all meters. */
  phase: number;
  /** Meters that had their first start. */
  started: number;
  /** Of those, how many answered at least once: with success or with a failure. */
  answered: number;
  underWay: number;
  failures: number;
  successes: number;
  /** Of the stop rule, as the journal has it; undefined: begins with the next outcomes. */
  rule: StopState | undefined;
  /** The rule crossed its limit, and no `stopped` record says so yet. */
  stopDue: boolean;
  safetyTested: boolean;
  noticedFromMs: number | undefined;
  /** Of an aborted request. */
  halfDone: 'complete' | 'leave';
  readonly pools: Pool[];
  /** Meters of it, and those without an end. */
  meters: number;
  open: number;
  /** Large starts since the beginning, by the User on whose behalf. */
  readonly startedFor: Map<number, number>;
}

/** What is left of one grant of the day. */
export interface Lane {
  readonly request: number;
  readonly user: number;
  left: number;
  /** The moment of release that was served last. */
  slot: number;
}

export interface OpenBatch {
  readonly batch: number;
  readonly atMs: number;
  readonly parts: readonly BatchPart[];
  /** Meters without an outcome. */
  open: number;
}

export interface IncidentState {
  readonly incidentId: string;
  readonly request: number;
  readonly priority: number;
  readonly haltsOthers: boolean;
  isOpen: boolean;
}

export interface CampaignState {
  /** Of the next record. */
  seq: number;
  /** Of the first record, and of the last one. */
  openedAtMs: number;
  lastAtMs: number;
  status: 'new' | 'running' | 'ended';
  inputDigest: string;
  readonly meters: MeterTable;
  readonly routes: RouteState[];
  readonly requests: RequestState[];
  readonly incidents: IncidentState[];
  /** Large starts by day: of all, and of each User without an agreed schedule, and of each request. */
  readonly startedOn: Map<number, DayCount>;
  readonly poolOf: Map<number, Pool>;
  /** Changes of the daily capacity, in the order in which they were told. */
  readonly capacityChanges: { readonly fromDay: number; readonly imagesPerDay: number }[];
  /** What the DCO's ledger told last; −1: nothing. */
  roomDay: number;
  roomImages: number;
  readonly roomByUser: Map<number, number>;
  /** Of the last grant; −1: none yet. */
  grantedDay: number;
  /** Something happened that the last grant did not know of. */
  grantStale: boolean;
  lanes: Lane[];
  /** For the release of small images, by request: the moment served last. */
  readonly smallSlot: Map<number, number>;
  eventsDone: number;
  batches: number;
  readonly openBatches: Map<number, OpenBatch>;
  /** Release of the oldest open batch; infinite without one. */
  oldestBatchMs: number;
  /** Parked meters without a try left; those that are parked still belong into the next `expired` record. */
  spent: number[];
  /** Parked meters by the day on which they expire. */
  readonly expiries: Map<number, number[]>;
  /** Meters without an end. */
  open: number;
  /** By position in {@link METER_STAGES}. */
  readonly counts: number[];
}

export interface RouteState {
  readonly route: Route;
  readonly request: number;
  readonly cohort: number;
  /** Route that meters go on to at the end of this one. */
  after: number | undefined;
  /** Route after which this one comes. */
  readonly before: number | undefined;
  /** A later retarget has dealt with it. */
  isReplaced: boolean;
}

export interface DayCount {
  all: number;
  readonly byUser: Map<number, number>;
  readonly unscheduledByUser: Map<number, number>;
  /** On behalf of the request's own User: what an agreed schedule limits. */
  readonly ownByRequest: Map<number, number>;
}
