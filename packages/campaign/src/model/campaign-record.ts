/**
 * The journal of a campaign: one record after the other, and nothing else, makes its state. `docs/JOURNAL.md` says the same for somebody who
 * reads a journal without this package. Meters are indexes: cohorts in the order of the input, each with its meters in their order, from 0.
 */
import type { CampaignCommand, DeliverySchedule, MeterSet } from './campaign-input.js';
import type { StopState, StopVerdict } from './stop-rule-port.js';

/** What is common to all. `seq` counts from 0 without a gap; `atMs` is the wall clock in ms since 1970, which may be set back. */
interface Stamp {
  readonly seq: number;
  readonly atMs: number;
}

export type CampaignRecord = Stamp & RecordBody;

export type RecordBody =
  | Opened
  | Requested
  | Commanded
  | RoomTold
  | Granted
  | Released
  | Outcomes
  | GaveUp
  | Expired
  | PhaseBegun
  | SafetyTested
  | Stopped
  | Noticed
  | Ended;

/** First record, once. */
export interface Opened {
  readonly kind: 'opened';
  readonly format: 1;
  readonly campaignId: string;
  /** SHA-256 of the input as the caller computed it, 64 hex digits; another input cannot continue the journal. */
  readonly inputDigest: string;
  readonly meters: number;
}

/** One for each request, in the order of the input, right after `opened`: taken up with its routes, or refused before anything started. */
export interface Requested {
  readonly kind: 'requested';
  readonly requestId: string;
  readonly outcome: 'accepted' | 'refused';
  /** Of a refused request. */
  readonly refusal?: { readonly code: RequestRefusal; readonly message: string } | undefined;
  /**
   * One for each cohort that has a way, in the order of the request; none of a refused one. Routes are numbered over the whole journal, from 0.
   * Without hops: the cohort runs the target already, and its meters are done without a start.
   */
  readonly routes: readonly Route[];
  /** Cohorts without a way; `proof` is what the hop planner gave. */
  readonly withoutPath: readonly { readonly cohortId: string; readonly proof: object }[];
  /** The delivery schedule that is agreed, as the input has it. */
  readonly schedule?: DeliverySchedule | undefined;
}

export type RequestRefusal =
  'no-path' | 'too-many-hops' | 'not-the-responsible-supplier' | 'no-deemed-consent' | 'combination-not-listed';

export interface Route {
  readonly route: number;
  readonly cohortId: string;
  /** What a meter runs before the first hop. */
  readonly fromEntryId: string;
  readonly hops: readonly RouteHop[];
}

export interface RouteHop {
  readonly entryId: string;
  readonly imageHash: string;
  readonly large: boolean;
}

/** A command that took effect. `event` is its index in the input's `events`; absent when a person gave it while the campaign ran. */
export interface Commanded {
  readonly kind: 'commanded';
  readonly command: CampaignCommand;
  readonly event?: number | undefined;
  /** Of `retarget`: for each cohort, the route of what has not started, and the one that follows the old route. */
  readonly routes?: readonly RetargetRoutes[] | undefined;
}

export interface RetargetRoutes {
  readonly replaces: number;
  /** Absent: no way; meters that have not started stay as they are and are exempt as `no-path`. */
  readonly fresh?: Route | undefined;
  /** Absent: no way from the old target; those meters are done where they are. */
  readonly after?: Route | undefined;
}

/** What the DCO's ledger says is left on `day`, for all and for Users with less than their limit. Only in a run. */
export interface RoomTold {
  readonly kind: 'room-told';
  readonly day: string;
  readonly images: number;
  readonly users: readonly { readonly userId: string; readonly images: number }[];
}

/** Who may start how many large images on `day`, beyond what has started. Replaces the day's earlier grant. */
export interface Granted {
  readonly kind: 'granted';
  readonly day: string;
  /** Of the day, before anything is taken off. */
  readonly capacity: number;
  readonly otherTraffic: number;
  /** Large images that this campaign has started on the day. */
  readonly started: number;
  readonly grants: readonly Grant[];
  /** Agreed slots that a halt or the capacity moves to later days: the notice of rescheduling. */
  readonly rescheduled: readonly Rescheduled[];
}

export interface Grant {
  readonly requestId: string;
  /** On whose behalf: the request's User, or the Supplier that meters half-way have churned to. */
  readonly userId: string;
  /** Meters that could start a large image, as far as phases, pauses and waiting times allow. */
  readonly ready: number;
  /** What the User's 500, or the agreed schedule, leaves on this day. */
  readonly limit: number;
  readonly images: number;
}

export interface Rescheduled {
  readonly requestId: string;
  readonly userId: string;
  /** Images of the agreed schedule that cannot start on this day. */
  readonly images: number;
  readonly because: 'halt' | 'capacity';
}

/** A batch: these meters get this image now. The target response time runs from here (MP230). */
export interface Released {
  readonly kind: 'released';
  /** From 0, without a gap. */
  readonly batch: number;
  readonly requestId: string;
  readonly userId: string;
  readonly parts: readonly BatchPart[];
}

export interface BatchPart {
  readonly route: number;
  /** Of the route, from 0. */
  readonly hop: number;
  readonly meters: MeterSet;
}

/** Retry later: the meter is parked. */
export type BreakReason = 'no-answer' | 'broken-off' | 'not-sealed';
/** For good: the meter needs a person. */
export type FailureReason = 'no-image-held' | 'hash-mismatch' | 'activation-failure' | 'reverted' | 'refused';

/** What meters and the DCO reported up to this moment; only what changes something. */
export interface Outcomes {
  readonly kind: 'outcomes';
  readonly succeeded: MeterSet;
  readonly broken: readonly { readonly reason: BreakReason; readonly meters: MeterSet }[];
  readonly failed: readonly { readonly reason: FailureReason; readonly meters: MeterSet }[];
  /** What the stop rule made of it, for each request concerned. */
  readonly judged: readonly Judged[];
}

export interface Judged {
  readonly requestId: string;
  /** Of this record: meters that failed for good, and that succeeded. Broken starts are neither. */
  readonly failures: number;
  readonly successes: number;
  /** The stop rule's state afterwards. */
  readonly rule: StopState;
  /** `stop`: a `stopped` record follows. `accept`, or `go-on` with a full sample: the rule begins anew with the next outcomes. */
  readonly verdict: StopVerdict;
}

/** Nothing heard of these meters of a batch for `giveUpDays`: the Supplier takes its 11.1 as failed; they are parked. */
export interface GaveUp {
  readonly kind: 'gave-up';
  readonly batch: number;
  readonly meters: MeterSet;
}

/** Parked meters whose tries are spent, or that were parked too long: exempt from now on. */
export interface Expired {
  readonly kind: 'expired';
  readonly reason: 'retries-spent' | 'parked-too-long';
  readonly meters: MeterSet;
}

/** The request goes on to its next phase; `phase` is the index, after the last one `phases.length`: all meters. */
export interface PhaseBegun {
  readonly kind: 'phase-begun';
  readonly requestId: string;
  readonly phase: number;
}

/** Annex D 1.5: a safety test is carried out before any update. `passed: false` holds the request like the stop rule. */
export interface SafetyTested {
  readonly kind: 'safety-tested';
  readonly requestId: string;
  readonly incidentId: string;
  readonly answered: number;
  readonly failures: number;
  readonly passed: boolean;
}

/** The stop rule crossed its limit: nothing of the request starts until a person resumes or aborts it. */
export interface Stopped {
  readonly kind: 'stopped';
  readonly requestId: string;
  readonly failures: number;
  readonly successes: number;
  /** Meters of the request with an image under way at this moment: as many may still fail. */
  readonly underWay: number;
}

/** Users are told of communications-hub firmware; the request may start from `activateFromMs` on. */
export interface Noticed {
  readonly kind: 'noticed';
  readonly requestId: string;
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly releaseNotes: string;
  readonly activateFromMs: number;
}

/** Last record: every meter in scope has its end. */
export interface Ended {
  readonly kind: 'ended';
}
