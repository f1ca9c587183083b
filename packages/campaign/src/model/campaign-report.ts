/** The figures of a campaign, plain JSON: everything that a page or a table shows comes from here. Days are `YYYY-MM-DD`, UTC. */
import type { MeterReason, MeterStage } from './campaign-state.js';
import type { RequestRefusal } from './campaign-record.js';

export interface CampaignReport {
  readonly format: 1;
  readonly campaignId: string;
  readonly inputDigest: string;
  /** Every meter in scope has its end. */
  readonly ended: boolean;
  readonly records: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly head: HeadFigures;
  /** Each day from the first record to the last, without a gap. */
  readonly days: readonly DayRow[];
  readonly response: ResponseFigures;
  /** Meters and starts by what went wrong, most first. */
  readonly failures: readonly FailureRow[];
  readonly users: readonly UserRow[];
  readonly requests: readonly RequestRow[];
  readonly cohorts: readonly CohortRow[];
  /** By request and day of release, for a Gantt chart. */
  readonly batches: readonly BatchRow[];
  readonly holds: readonly HoldRow[];
  readonly rescheduled: readonly RescheduledRow[];
  readonly notices: readonly NoticeRow[];
  /** Deployed and pending (SECMP0024): every version that a meter in scope runs, or shall run. */
  readonly versions: readonly VersionRow[];
  readonly fairness: Fairness;
}

export interface HeadFigures {
  /** All meters of the input. */
  readonly meters: number;
  readonly inScope: number;
  /** Meters now, by stage; `scheduled` are waiting meters of requests with an agreed schedule. */
  readonly stages: Readonly<Record<MeterStage | 'scheduled', number>>;
  readonly starts: number;
  readonly largeStarts: number;
  /** Starts beyond the first of a hop. */
  readonly retries: number;
  /** Days with the start of a large image, and those of them whose spare capacity was used whole. */
  readonly startDays: number;
  readonly fullDays: number;
  readonly firstStartDay: string | undefined;
  readonly lastStartDay: string | undefined;
  /** Of the last record that changed a meter. */
  readonly endDay: string | undefined;
  readonly busiestDay: { readonly day: string; readonly largeStarts: number } | undefined;
}

export interface DayRow {
  readonly day: string;
  readonly capacity: number;
  readonly otherTraffic: number;
  readonly largeStarts: number;
  readonly smallStarts: number;
  /** Users with large starts on the day. */
  readonly byUser: readonly { readonly userId: string; readonly largeStarts: number }[];
  /** Installations that ended well on the day, interim versions included. */
  readonly installed: number;
  /** At the end of the day. */
  readonly done: number;
  readonly failed: number;
  readonly exempt: number;
  readonly parked: number;
  /** Meters in scope without an end: the burn-down. */
  readonly left: number;
  /** The same in the plan that the report was given; absent without one. */
  readonly plannedLeft?: number | undefined;
  /** What changed on the day: capacity, incidents, pauses, stops. */
  readonly marks: readonly string[];
}

export interface ResponseFigures {
  readonly targetDays: number;
  /** Starts with an outcome within the target, and after it. */
  readonly within: number;
  readonly late: number;
  /** Under way, or given up, past the target. */
  readonly overdue: number;
  readonly gaveUp: number;
  /** `within` of all that are decided (within + late + given up); 1 when there are none. */
  readonly shareWithin: number;
  /** Outcomes by whole days since release; the last row also counts what took longer. */
  readonly histogram: readonly { readonly days: number; readonly starts: number }[];
}

export interface FailureRow {
  readonly reason: MeterReason;
  /** `start`: a start that is tried again; `meter`: a meter that ended so. */
  readonly of: 'start' | 'meter';
  readonly count: number;
}

export interface UserRow {
  readonly userId: string;
  readonly name: string;
  readonly largeStarts: number;
  readonly smallStarts: number;
  readonly busiestDayStarts: number;
  /** Meters for which the User is responsible at the end. */
  readonly meters: number;
  readonly done: number;
  readonly failed: number;
  readonly exempt: number;
  readonly left: number;
}

export interface RequestRow {
  readonly requestId: string;
  readonly userId: string;
  readonly status: 'unopened' | 'refused' | 'open' | 'paused' | 'stopped' | 'aborted';
  readonly reason: string;
  readonly refusal: RequestRefusal | undefined;
  readonly priority: 'normal' | 'security';
  readonly requestedAt: string;
  readonly targetEntryId: string;
  readonly scheduled: boolean;
  readonly phase: string;
  readonly meters: number;
  readonly started: number;
  readonly done: number;
  readonly failed: number;
  readonly exempt: number;
  readonly parked: number;
  readonly underWay: number;
  readonly left: number;
  readonly largeStarts: number;
  readonly firstStartDay: string | undefined;
  readonly lastStartDay: string | undefined;
}

export interface CohortRow {
  readonly cohortId: string;
  readonly userId: string;
  readonly requestId: string | undefined;
  /** Entry ids from the present version to the target; empty without a way. */
  readonly path: readonly string[];
  readonly meters: number;
  readonly done: number;
  readonly failed: number;
  readonly exempt: number;
  readonly parked: number;
  readonly left: number;
}

export interface BatchRow {
  readonly requestId: string;
  readonly day: string;
  readonly batches: number;
  readonly meters: number;
  readonly firstReleaseAtMs: number;
  readonly lastReleaseAtMs: number;
  /** When the last of them had its outcome; undefined while one is under way. */
  readonly settledAtMs: number | undefined;
}

export interface HoldRow {
  readonly kind: 'pause' | 'halt' | 'stop' | 'abort';
  /** Undefined: all requests (of a halt: all others). */
  readonly requestId: string | undefined;
  readonly reason: string;
  readonly fromMs: number;
  /** Undefined: still so. */
  readonly toMs: number | undefined;
}

export interface RescheduledRow {
  readonly day: string;
  readonly requestId: string;
  readonly userId: string;
  readonly images: number;
  readonly because: 'halt' | 'capacity';
}

export interface NoticeRow {
  readonly requestId: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly releaseNotes: string;
  readonly noticedAtMs: number;
  readonly activateFromMs: number;
}

export interface VersionRow {
  readonly entryId: string;
  readonly deviceModel: string;
  readonly firmwareVersion: string;
  readonly running: number;
  /** Under way to it now. */
  readonly underWay: number;
  /** Shall run it in the end, and do not yet. */
  readonly pending: number;
}

/**
 * How evenly the capacity was shared. The speed of a request is the days that the first half of its large starts would have needed alone (at its own
 * limit and the whole spare capacity) over the days that they took from its first day on, at most 1. Halves, because the last starts are retries that
 * wait for their meter, not for capacity. The index is Jain's over these speeds: 1 when all were slowed down alike, 1/n when one had it all.
 * Halts and pauses count as they fell.
 */
export interface Fairness {
  readonly index: number;
  readonly speeds: readonly { readonly requestId: string; readonly aloneDays: number; readonly tookDays: number }[];
}
