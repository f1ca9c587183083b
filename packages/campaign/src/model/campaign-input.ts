/**
 * The input of a campaign as it is read: one JSON file, checked, defaults filled in. `docs/INPUT.md` says the same for people who write one.
 * A day is `YYYY-MM-DD`, an instant `YYYY-MM-DDTHH:MM:SSZ`; both are UTC.
 */
import type { ProductLists } from './products-port.js';

export interface CampaignInput {
  readonly format: 1;
  readonly campaignId: string;
  /** Nothing starts before it. */
  readonly startDay: string;
  readonly users: readonly User[];
  readonly lists: ProductLists;
  readonly cohorts: readonly Cohort[];
  readonly requests: readonly Request[];
  readonly policy: Policy;
  /** No image starts outside of them; none at all: any time. */
  readonly windows: readonly MaintenanceWindow[];
  /** Large images that are not this campaign's, and take its capacity ("spare capacity", MP230). Periods add up where they overlap. */
  readonly otherTraffic: readonly OtherTraffic[];
  /** What happens at a stated time, in the order of time. A running campaign takes the same commands from people. */
  readonly events: readonly ScriptedCommand[];
  /** How meters behave in a simulation; a run with real meters does not look at it. */
  readonly model: MeterModel;
}

export interface User {
  /** EUI-64, upper case with dashes. */
  readonly userId: string;
  readonly name: string;
  /** `dcc`: acts on dormant meters under deemed consent (TMAD 4.26), and on communications hubs. */
  readonly role: 'supplier' | 'dcc';
}

export interface Cohort {
  readonly cohortId: string;
  /** The Responsible Supplier. */
  readonly userId: string;
  /** CPL entry that its meters run: model, hardware and version. */
  readonly entryId: string;
  readonly meters: MeterList;
  /** Dormant meters belong to the DCC's requests, all others to their Supplier's. */
  readonly dormant: boolean;
  /** EPCL entry that dormant meters shall come to match; dormant cohorts must have one. */
  readonly epclEntryId?: string | undefined;
}

export type MeterList =
  /** Ids counted up from the first as 64-bit numbers. */
  { readonly count: number; readonly firstDeviceId: string } | { readonly deviceIds: readonly string[] };

export interface Request {
  readonly requestId: string;
  /** Who asks. */
  readonly userId: string;
  readonly requestedAt: string;
  readonly targetEntryId: string;
  /** A cohort is in at most one request: a meter's scope is decided before anything starts. */
  readonly cohortIds: readonly string[];
  readonly deviceType: 'esme' | 'comms-hub';
  /** Nothing of it starts earlier; the later of this and the campaign's own. */
  readonly readyDay?: string | undefined;
  /** Cohorts without a way to the target are left out instead of refusing the request. */
  readonly skipCohortsWithoutPath: boolean;
  /** `security`: belongs to an incident, goes first, and starts with a safety test (Annex D 1.5). */
  readonly priority: 'normal' | 'security';
  /** First phase of a security request: so many meters must answer without one failure. */
  readonly safetyTestMeters?: number | undefined;
  /** The agreed delivery schedule (Annex D 1.2); without one 500 large images a day of its User. */
  readonly schedule?: DeliverySchedule | undefined;
  /** How many meters may have been started when each phase ends; after the last one: all. */
  readonly phases: readonly Phase[];
  /** Communications hubs only: what Users are told `noticeDays` before (SECMP0024). */
  readonly notice?: Notice | undefined;
}

export interface DeliverySchedule {
  /** Reference of the bulk firmware approval form. */
  readonly approvalForm: string;
  readonly periods: readonly SchedulePeriod[];
}

/** At most `imagesPerDay` large images of this request on each day from `fromDay` to `toDay`, or without end. */
export interface SchedulePeriod {
  readonly fromDay: string;
  readonly toDay?: string | undefined;
  readonly imagesPerDay: number;
}

export interface Phase {
  readonly name: string;
  /** Cumulative: meters of this request that may have had their first start while the phase lasts. */
  readonly meters: number;
}

export interface Notice {
  readonly severity: 'low' | 'medium' | 'high' | 'critical';
  readonly releaseNotes: string;
}

export interface OtherTraffic {
  readonly fromDay: string;
  readonly toDay: string;
  readonly imagesPerDay: number;
}

/** `from` and `to` as `HH:MM` on the clock of the zone, `from` included, `to` not; `to` at or before `from` is on the next day. */
export interface MaintenanceWindow {
  readonly zone: 'UTC' | 'Europe/London';
  /** 1 Monday … 7 Sunday, of the day on which the window opens. */
  readonly weekdays: readonly number[];
  readonly from: string;
  readonly to: string;
}

/** Every number is configurable; the sources are in `docs/RULES.md`. */
export interface Policy {
  readonly largeAboveOctets: number;
  readonly capacityPerDay: number;
  readonly unscheduledPerDay: number;
  /** `more-than`: 500 need no schedule, 501 do (MP230). `or-more`: 500 need one already (Annex D). */
  readonly unscheduledEdge: 'more-than' | 'or-more';
  readonly responseDays: number;
  readonly giveUpDays: number;
  readonly noticeDays: number;
  readonly simultaneousDays: number;
  /** Starts of one image for one meter beyond the first. */
  readonly retriesMax: number;
  readonly retryAfterDays: number;
  readonly parkedDaysMax: number;
  readonly releaseEveryMinutes: number;
  readonly phaseAnsweredShare: number;
  /** The sequential stop rule: fractions of failures that are good, and that are bad, and how often it may err. */
  readonly stopRule: StopRulePolicy;
}

export interface StopRulePolicy {
  readonly acceptRate: number;
  readonly stopRate: number;
  /** Chance to stop firmware that fails at `acceptRate`. */
  readonly falseStop: number;
  /** Chance to go on with firmware that fails at `stopRate`. */
  readonly falseGo: number;
}

export interface ScriptedCommand {
  readonly at: string;
  readonly command: CampaignCommand;
}

/** What people and the outside world tell a campaign. */
export type CampaignCommand =
  /** From `fromDay` on, until another change. */
  | { readonly kind: 'capacity'; readonly fromDay: string; readonly imagesPerDay: number }
  /** Without a request: all of them. No new starts; meters on an interim version are completed (TMAD). */
  | { readonly kind: 'pause'; readonly requestId?: string | undefined; readonly reason: string }
  /** Ends a pause, and a hold of the stop rule. */
  | { readonly kind: 'resume'; readonly requestId?: string | undefined }
  /** For good. `complete`: meters on an interim version still get to their target; `leave`: they stay, working, where they are. */
  | {
      readonly kind: 'abort';
      readonly requestId?: string | undefined;
      readonly reason: string;
      readonly halfDone: 'complete' | 'leave';
    }
  /** A security request may start once its incident is open. 1 is the highest priority. */
  | {
      readonly kind: 'open-incident';
      readonly incidentId: string;
      readonly requestId: string;
      readonly priority: number;
      readonly haltsOthers: boolean;
    }
  | { readonly kind: 'close-incident'; readonly incidentId: string }
  /** These meters of one cohort, counted from 0 within it, are another Supplier's from now on. */
  | { readonly kind: 'churn'; readonly cohortId: string; readonly meters: MeterSet; readonly toUserId: string }
  /** A paused or held request goes for another version: what has not started goes straight there, the rest afterwards. */
  | { readonly kind: 'retarget'; readonly requestId: string; readonly targetEntryId: string };

/** Ascending and disjoint: single indexes, and `[first, last]` for two or more in a row. */
export type MeterSet = readonly (number | readonly [first: number, last: number])[];

/** Chances are 0 to 1. Everything is drawn from (seed, meter, hop, try), so that the order of asking changes nothing. */
export interface MeterModel {
  readonly otherwise: MeterBehaviour;
  readonly cohorts: readonly { readonly cohortId: string; readonly behaviour: MeterBehaviour }[];
}

export interface MeterBehaviour {
  /** Meters that never answer. */
  readonly silentShare: number;
  /** One start of any other meter gets no answer. */
  readonly noAnswerChance: number;
  /** One start is broken off, and may be tried again. */
  readonly brokenChance: number;
  /** One start ends in a failure for good; which one, is drawn evenly. */
  readonly failureChance: number;
  /** From release to outcome, evenly between the two. */
  readonly minutesMin: number;
  readonly minutesMax: number;
  /** Some take longer: days, evenly up to `slowDaysMax`. */
  readonly slowChance: number;
  readonly slowDaysMax: number;
  /** Meters that change their Supplier within `churnDays` of the campaign's start, on a day and to a Supplier that are drawn. */
  readonly churnShare: number;
  readonly churnDays: number;
}
