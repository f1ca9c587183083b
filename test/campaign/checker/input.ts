/**
 * The input of a campaign as the checker reads it: by itself, from `packages/campaign/docs/INPUT.md`, with the defaults that stand there. It is
 * taken for valid; what makes an input invalid is the business of the campaign's own tests.
 */
import { dayNumberOf, msOf } from './calendar.js';
import type { MeterSet } from './meter-set.js';

export interface Input {
  readonly campaignId: string;
  readonly startDay: number;
  readonly users: readonly { readonly userId: string; readonly role: string }[];
  readonly cpl: ReadonlyMap<string, CplEntry>;
  readonly epcl: ReadonlyMap<string, EpclEntry>;
  readonly cohorts: readonly Cohort[];
  readonly requests: readonly Request[];
  readonly policy: Policy;
  readonly windows: readonly MaintenanceWindow[];
  readonly otherTraffic: readonly Period[];
  readonly events: readonly { readonly atMs: number; readonly command: Command }[];
  readonly meters: number;
}

export interface CplEntry {
  readonly entryId: string;
  readonly deviceModel: string;
  readonly hardware: string;
  readonly firmwareVersion: string;
  readonly manufacturerImageHash: string;
  readonly status: string;
  readonly imageOctets: number;
  readonly upgradableFrom: readonly string[] | 'N/A';
  readonly takesUpdates: boolean;
  readonly operable: boolean;
}

export interface EpclEntry {
  readonly entryId: string;
  readonly products: readonly Pick<CplEntry, 'deviceModel' | 'hardware' | 'firmwareVersion'>[];
  readonly status: string;
  readonly approvedOn?: string;
  readonly route?: {
    readonly kind: string;
    readonly testingCompleteOn?: string;
    readonly reportPublishedOn?: string;
  };
}

export interface Cohort {
  readonly cohortId: string;
  readonly userId: string;
  readonly entryId: string;
  readonly dormant: boolean;
  readonly epclEntryId: string | undefined;
  /** Index of its first meter, and the one after its last. */
  readonly first: number;
  readonly end: number;
  /** Position of its request; −1: none. */
  readonly request: number;
}

export interface Request {
  readonly position: number;
  readonly requestId: string;
  readonly userId: string;
  readonly requestedAtMs: number;
  readonly targetEntryId: string;
  /** Positions. */
  readonly cohorts: readonly number[];
  readonly isCommsHub: boolean;
  readonly readyDay: number;
  readonly skipCohortsWithoutPath: boolean;
  readonly isSecurity: boolean;
  readonly safetyTestMeters: number;
  readonly schedule: readonly Period[] | undefined;
  readonly phases: readonly number[];
  readonly notice: { readonly severity: string; readonly releaseNotes: string } | undefined;
}

/** Both days included, counted from 1970. */
export interface Period {
  readonly from: number;
  readonly to: number;
  readonly imagesPerDay: number;
}

export interface MaintenanceWindow {
  readonly zone: 'UTC' | 'Europe/London';
  readonly weekdays: readonly number[];
  readonly from: string;
  readonly to: string;
}

export interface Policy {
  readonly largeAboveOctets: number;
  readonly capacityPerDay: number;
  readonly unscheduledPerDay: number;
  readonly unscheduledEdge: 'more-than' | 'or-more';
  readonly responseDays: number;
  readonly giveUpDays: number;
  readonly noticeDays: number;
  readonly simultaneousDays: number;
  readonly retriesMax: number;
  readonly retryAfterDays: number;
  readonly parkedDaysMax: number;
  readonly phaseAnsweredShare: number;
  readonly stopRule: {
    readonly acceptRate: number;
    readonly stopRate: number;
    readonly falseStop: number;
    readonly falseGo: number;
  };
}

export interface Command {
  readonly kind: string;
  readonly requestId?: string;
  readonly fromDay?: string;
  readonly imagesPerDay?: number;
  readonly halfDone?: 'complete' | 'leave';
  readonly incidentId?: string;
  readonly priority?: number;
  readonly haltsOthers?: boolean;
  readonly cohortId?: string;
  readonly meters?: MeterSet;
  readonly toUserId?: string;
  readonly targetEntryId?: string;
}

const POLICY: Policy = {
  largeAboveOctets: 750_000,
  capacityPerDay: 12_000,
  unscheduledPerDay: 500,
  unscheduledEdge: 'more-than',
  responseDays: 5,
  giveUpDays: 7,
  noticeDays: 7,
  simultaneousDays: 2,
  retriesMax: 3,
  retryAfterDays: 3,
  parkedDaysMax: 60,
  phaseAnsweredShare: 0.9,
  stopRule: { acceptRate: 0.001, stopRate: 0.02, falseStop: 0.0001, falseGo: 0.01 },
};

interface PeriodText {
  readonly fromDay: string;
  readonly toDay?: string;
  readonly imagesPerDay: number;
}

interface InputText {
  readonly campaignId: string;
  readonly startDay: string;
  readonly users: Input['users'];
  readonly lists: { readonly cpl: readonly CplEntry[]; readonly epcl: readonly EpclEntry[] };
  readonly cohorts: readonly {
    readonly cohortId: string;
    readonly userId: string;
    readonly entryId: string;
    readonly meters: { readonly count: number } | { readonly deviceIds: readonly string[] };
    readonly dormant?: boolean;
    readonly epclEntryId?: string;
  }[];
  readonly requests: readonly {
    readonly requestId: string;
    readonly userId: string;
    readonly requestedAt: string;
    readonly targetEntryId: string;
    readonly cohortIds: readonly string[];
    readonly deviceType?: string;
    readonly readyDay?: string;
    readonly skipCohortsWithoutPath?: boolean;
    readonly priority?: string;
    readonly safetyTestMeters?: number;
    readonly schedule?: { readonly periods: readonly PeriodText[] };
    readonly phases?: readonly { readonly meters: number }[];
    readonly notice?: { readonly severity: string; readonly releaseNotes: string };
  }[];
  readonly policy?: Partial<Policy>;
  readonly windows?: readonly MaintenanceWindow[];
  readonly otherTraffic?: readonly PeriodText[];
  readonly events?: readonly { readonly at: string; readonly command: Command }[];
}

/** @throws TypeError for what is no input at all. */
export function inputOf(json: string): Input {
  const text = JSON.parse(json) as InputText;
  const requestOf = new Map(text.requests.flatMap((request, at) => request.cohortIds.map((id) => [id, at] as const)));
  let meters = 0;
  const cohorts = text.cohorts.map((cohort): Cohort => {
    const first = meters;
    meters += 'count' in cohort.meters ? cohort.meters.count : cohort.meters.deviceIds.length;
    return {
      cohortId: cohort.cohortId,
      userId: cohort.userId,
      entryId: cohort.entryId,
      dormant: cohort.dormant ?? false,
      epclEntryId: cohort.epclEntryId,
      first,
      end: meters,
      request: requestOf.get(cohort.cohortId) ?? -1,
    };
  });
  const positionOf = new Map(cohorts.map(({ cohortId }, at) => [cohortId, at]));
  return {
    campaignId: text.campaignId,
    startDay: dayNumberOf(text.startDay),
    users: text.users,
    cpl: new Map(text.lists.cpl.map((entry) => [entry.entryId, entry])),
    epcl: new Map(text.lists.epcl.map((entry) => [entry.entryId, entry])),
    cohorts,
    requests: text.requests.map((request, position): Request => ({
      position,
      requestId: request.requestId,
      userId: request.userId,
      requestedAtMs: msOf(request.requestedAt),
      targetEntryId: request.targetEntryId,
      cohorts: request.cohortIds.map((id) => positionOf.get(id)!),
      isCommsHub: request.deviceType === 'comms-hub',
      readyDay: request.readyDay === undefined ? -Infinity : dayNumberOf(request.readyDay),
      skipCohortsWithoutPath: request.skipCohortsWithoutPath ?? false,
      isSecurity: request.priority === 'security',
      safetyTestMeters: request.safetyTestMeters ?? 0,
      schedule: request.schedule?.periods.map(periodOf),
      phases: (request.phases ?? []).map((phase) => phase.meters),
      notice: request.notice,
    })),
    policy: { ...POLICY, ...text.policy, stopRule: { ...POLICY.stopRule, ...text.policy?.stopRule } },
    windows: text.windows ?? [],
    otherTraffic: (text.otherTraffic ?? []).map(periodOf),
    events: (text.events ?? []).map(({ at, command }) => ({ atMs: msOf(at), command })),
    meters,
  };
}

function periodOf(text: PeriodText): Period {
  return {
    from: dayNumberOf(text.fromDay),
    to: text.toDay === undefined ? Infinity : dayNumberOf(text.toDay),
    imagesPerDay: text.imagesPerDay,
  };
}
