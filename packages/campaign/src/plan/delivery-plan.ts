/**
 * What a plan of deliveries is made from, and what it says. Days are whole numbers, counted from any day that the caller likes; for instance days
 * since 1970 in UTC. Only images count here that use the daily capacity of large images.
 */

/** What one User asked for (MP230 Annex D 1.2, the bulk approval form). */
export interface DeliveryRequest {
  readonly requestId: string;
  readonly userId: string;
  /** Decides the order: first requester first. */
  readonly requestedAtMs: number;
  /** The first day on which an image of it may start. */
  readonly readyDay: number;
  /** Meters; each takes one large image, or one for each hop of `chain`. At least 1. */
  readonly images: number;
  /** Large images that each meter takes one after the other. One unless told. */
  readonly chain?: {
    readonly hops: number;
    /** Days from the start of one to the earliest start of the next, at least 1. */
    readonly daysApart: number;
  };
  /** Most images a day by the agreed delivery schedule. Without one, the User's requests share `perUserPerDayMax`. */
  readonly perDayMax?: number;
  readonly priority: 'normal' | 'security';
  /** `security` only: no normal image starts from `readyDay` until the last image of this has started (Annex D 1.5, the option to halt). */
  readonly haltsOthers?: boolean;
}

/** Choices that are not in public text, except for the 500. */
export interface DeliveryPolicy {
  /** Images a day of all requests together that a User has without an agreed schedule: 500 (MP230). */
  readonly perUserPerDayMax: number;
  /** Requests made at most so many days after the first of their group count as made at the same time. Modelled policy. */
  readonly simultaneousDays: number;
  /**
   * Which hop of a request goes first. `earliest-end`: the first one, with which the request ends as early as can be; `fewest-half-done`: the last
   * one, with which few meters stand on interim versions at a time. Modelled policy.
   */
  readonly hopOrder: 'earliest-end' | 'fewest-half-done';
  /** The plan looks no further than so many days from the first day on which anything is ready. */
  readonly daysMax: number;
}

/** Images of one hop of one request that start on one day. */
export interface DeliveryBatch {
  readonly day: number;
  readonly requestId: string;
  readonly userId: string;
  /** From 1. */
  readonly hop: number;
  readonly images: number;
}

export interface RequestOutcome {
  readonly requestId: string;
  readonly userId: string;
  /** Image starts asked for: images times hops. */
  readonly starts: number;
  /** Image starts for which there was no day. */
  readonly unplanned: number;
  /** Of its first and last image start; undefined without any. */
  readonly firstDay: number | undefined;
  readonly lastDay: number | undefined;
  /** Mean day of the starts of last hops; undefined without any. */
  readonly meanEndDay: number | undefined;
}

/** One party to the sharing of a group: a request with its own schedule, or all requests without one of a User. */
export interface Claim {
  readonly userId: string;
  readonly requestIds: readonly string[];
  /** Image starts asked for: the population by which is shared. */
  readonly asked: number;
  /** Image starts given until `measuredDay`, that day included. */
  readonly given: number;
}

/** How evenly requests made at the same time were served. */
export interface GroupFairness {
  /** By time of request. */
  readonly claims: readonly Claim[];
  /** The last day on which none of them had all; the last day of the plan when that never came. */
  readonly measuredDay: number;
  /** Jain's index of `given / asked`: 1 when all are equal, 1/n when one of n has everything. Below 1 also by limits and days of readiness. */
  readonly jain: number;
  /**
   * The promise of the plan, in images: how far anyone who was given an image was, at the end of that day, ahead of another one who could have
   * taken it. At most 1, since images are whole. Rounded to a millionth.
   */
  readonly leadImagesMax: number;
}

export interface DeliveryPlan {
  /** By day; within a day in the order of service. */
  readonly batches: readonly DeliveryBatch[];
  /** By time of request. */
  readonly requests: readonly RequestOutcome[];
  /** Of the first and the last image start; undefined when there is none. */
  readonly firstDay: number | undefined;
  readonly endDay: number | undefined;
  /** From the first to the last day, both counted; 0 without any. */
  readonly days: number;
  /** Capacity of those days that nobody could use. */
  readonly unusedImages: number;
  /** Image starts for which there was no day. */
  readonly unplanned: number;
  /** One for each group of at least two claims, security first, then by time of request. */
  readonly fairness: readonly GroupFairness[];
}
