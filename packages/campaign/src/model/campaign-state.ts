/**
 * What a journal adds up to. Only `apply` changes it, in place (`docs/decisions/0001-state-in-typed-arrays.md`); everybody else reads.
 * The fold of any prefix of a journal is the state after a crash at that point.
 */
import type { Grant, Route } from './campaign-record.js';
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
  /** {@link MARK_STARTED}, {@link MARK_ANSWERED}, {@link MARK_HALF_DONE}. */
  readonly marks: Uint8Array;
  /** Batch of the last start; −1: none. */
  readonly batch: Int32Array;
  /** When the stage began, ms since 1970. */
  readonly sinceMs: Float64Array;
}

export const NO_ROUTE = 0xffff;
export const MARK_STARTED = 1;
export const MARK_ANSWERED = 2;
/** Stands, or stood, on a version of its way that is not its last. */
export const MARK_HALF_DONE = 4;

export type RequestStatus = 'unopened' | 'refused' | 'open' | 'paused' | 'stopped' | 'aborted';

/** Meters of one request, hop and User that can be started, or will be. */
export interface Pool {
  readonly request: number;
  readonly route: number;
  readonly hop: number;
  readonly user: number;
  readonly large: boolean;
  /** Its meters stand on an interim version: a pause does not stop them. */
  readonly halfDone: boolean;
  /** Never started, in the order of indexes: the part of the cohort from `next` up to `end`. Empty for later hops. */
  next: number;
  readonly end: number;
  /** Of those, how many still wait. */
  fresh: number;
  /** Ready now. */
  readonly queue: number[];
  /** Everything before it has been taken. */
  queueHead: number;
  /** Meters in `queue` that still wait for this. */
  queued: number;
  /** Parked: ready from the day of the key on. Days are counted from 1970. */
  readonly retries: Map<number, number[]>;
}

export interface RequestState {
  status: RequestStatus;
  /** What `paused` and `stopped` return to is always `open`. */
  reason: string;
  /** A stop needs a person; the counts that led to it are in the journal. */
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
  /** The rule accepted the firmware in this phase. */
  accepted: boolean;
  incident: string | undefined;
  safetyTested: boolean;
  noticedFromMs: number | undefined;
  /** Of an aborted request. */
  halfDone: 'complete' | 'leave';
  readonly pools: Pool[];
  /** Meters without an end. */
  open: number;
}

export interface Lane {
  readonly grant: Grant;
  readonly request: number;
  readonly user: number;
  left: number;
  /** The moment of release that was served last. */
  slot: number;
}

export interface OpenBatch {
  readonly batch: number;
  readonly atMs: number;
  readonly request: number;
  readonly meters: readonly number[];
  /** Without an outcome. */
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
  /** Of the last record. */
  lastAtMs: number;
  status: 'new' | 'running' | 'ended';
  inputDigest: string;
  readonly meters: MeterTable;
  readonly routes: RouteState[];
  readonly requests: RequestState[];
  readonly incidents: IncidentState[];
  /** Large starts by day: of all, and of each User without an agreed schedule, and of each request. */
  readonly startedOn: Map<number, DayCount>;
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
  /** Parked for good in the next `expired` record. */
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
}

export interface DayCount {
  all: number;
  readonly byUser: Map<number, number>;
  readonly unscheduledByUser: Map<number, number>;
  readonly byRequest: Map<number, number>;
}
