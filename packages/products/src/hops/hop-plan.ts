/** What a hop plan is asked with, and what it says. Plain data: a proof can be filed, and checked elsewhere. */
import type { Product } from '../lists/product-lists.js';

export interface HopOptions {
  /** The day for which the rules are asked, `YYYY-MM-DD`: approvals and reports after it do not count. */
  readonly day: string;
  /**
   * Which combination of products must be listed (modelled policy, for want of a public text on what holds after migration):
   * `approved`: an approved EPCL entry; `approved-or-tested`: also a planned one whose route (a) or (b) is complete, which is what TMAD 4.26
   * asks for dormant meters; `not-asked`: none.
   */
  readonly combination: 'approved' | 'approved-or-tested' | 'not-asked';
  /** Where the combination is asked: of the last version (what the TMAD says; the default), or of each version on the way. */
  readonly combinationAt?: 'target' | 'every-version';
  /** The other products of the installation; none unless told. With the version in question they must be an EPCL combination exactly. */
  readonly beside?: readonly Product[];
  /** Images with more octets are large: 750,000 unless told. */
  readonly largeAboveOctets?: number;
  /** Whether the last version must take another update, too: yes unless told (a condition of the exit from integration testing). */
  readonly targetTakesUpdates?: boolean;
}

/** Why a step from one version to the next is not allowed; where several hold, the first of this order is given. */
export type HopRule =
  /** What runs before the step takes no update over the air. */
  | 'takes-no-update'
  /** The next version is for another device model. */
  | 'other-model'
  /** The next version is for other hardware. */
  | 'other-hardware'
  /** The CPL has cancelled, expired or withdrawn the next version. */
  | 'not-active'
  /** A meter could not be operated on the next version. */
  | 'not-operable'
  /** The last version takes no further update. */
  | 'target-takes-no-update'
  /** No EPCL entry is this combination. */
  | 'combination-not-listed'
  /** There is such an entry, but it was not approved (nor, if that would do, tested) on the day. */
  | 'combination-not-approved';

export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly manufacturerImageHash: string;
  readonly imageOctets: number;
  readonly isLarge: boolean;
}

export interface HopPath {
  /** In order; empty when the meter runs the target already. */
  readonly hops: readonly Hop[];
  readonly largeStarts: number;
  readonly octets: number;
}

/** A step that MP231's entries name, and the rule against it. */
export interface ForbiddenHop {
  readonly from: string;
  readonly to: string;
  readonly rule: HopRule;
}

/**
 * Why there is no path. `not-listed`: the entry is in no list. `cut`: `reachable` holds the beginning and not the target, and each step that
 * the entries name out of it is in `forbidden` with its rule; so no allowed step leaves it. Both in the order of code units.
 */
export type NoPathProof =
  | { readonly kind: 'not-listed'; readonly entryId: string }
  | { readonly kind: 'cut'; readonly reachable: readonly string[]; readonly forbidden: readonly ForbiddenHop[] };

export type HopPlan =
  { readonly ok: true; readonly path: HopPath } | { readonly ok: false; readonly proof: NoPathProof };
