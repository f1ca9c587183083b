import { LARGE_IMAGE_BYTES } from '@smets1/protocol';
import {
  ABANDONED_MS_MAX_DEFAULT,
  ANSWERED_MS_MAX_DEFAULT,
  CAPACITY_WAIT_MS_MAX_DEFAULT,
  DELIVERIES_MAX_DEFAULT,
  HELD_BYTES_MAX_DEFAULT,
  IMAGES_MAX_DEFAULT,
  LARGE_STARTS_PER_DAY_MAX_DEFAULT,
  LATE_ACTIVATION_MS_MAX_DEFAULT,
  LOOK_AHEAD_MS_MAX_DEFAULT,
  RELEASE_MS_MAX_DEFAULT,
  RELEASES_PENDING_MAX_DEFAULT,
  REQUESTS_MAX_DEFAULT,
  RETRY_MS_FIRST,
  RETRY_MS_MAX,
  UNSCHEDULED_STARTS_PER_DAY_DEFAULT,
  UNUSED_IMAGE_MS_MAX_DEFAULT,
} from '../limits.js';
import type { CapacityPolicy } from '../ledger/may-start.js';

/** Modelled policy of store and release: no public text gives these numbers, but for the two of {@link CapacityPolicy}. */
export interface DcoSettings extends CapacityPolicy {
  /** Octets of parts and device lists. */
  readonly heldBytesMax: number;
  readonly imagesMax: number;
  readonly requestsMax: number;
  /** An image that is not whole after so long is given up; its requests are answered `abandoned`. */
  readonly abandonedMsMax: number;
  /** A whole image that no request named for so long is removed. */
  readonly unusedImageMsMax: number;
  /** Answered and acknowledged requests are remembered for so long. */
  readonly answeredMsMax: number;
  readonly lookAheadMsMax: number;
  readonly lateActivationMsMax: number;
  /** An OTA Upgrade Image of more octets is large: 750,000 (MP230 says 750 kB). */
  readonly largeImageBytes: number;
  /** How long a release waits for the daily capacity; then it is answered `not-actioned`. */
  readonly capacityWaitMsMax: number;
  /** How long an 11.2 or an immediate 11.3 is tried; a release from its start on. */
  readonly releaseMsMax: number;
  readonly releasesPendingMax: number;
  /** Meters spoken to at the same time. */
  readonly deliveriesMax: number;
  /** Activate meters whose key the inventory does not give: nobody can vouch for what they answer. */
  readonly allowUnattested: boolean;
  readonly retryMsFirst: number;
  readonly retryMsMax: number;
}

export const DEFAULT_SETTINGS: DcoSettings = {
  heldBytesMax: HELD_BYTES_MAX_DEFAULT,
  imagesMax: IMAGES_MAX_DEFAULT,
  requestsMax: REQUESTS_MAX_DEFAULT,
  abandonedMsMax: ABANDONED_MS_MAX_DEFAULT,
  unusedImageMsMax: UNUSED_IMAGE_MS_MAX_DEFAULT,
  answeredMsMax: ANSWERED_MS_MAX_DEFAULT,
  lookAheadMsMax: LOOK_AHEAD_MS_MAX_DEFAULT,
  lateActivationMsMax: LATE_ACTIVATION_MS_MAX_DEFAULT,
  largeImageBytes: LARGE_IMAGE_BYTES,
  largeStartsPerDayMax: LARGE_STARTS_PER_DAY_MAX_DEFAULT,
  unscheduledStartsPerDay: UNSCHEDULED_STARTS_PER_DAY_DEFAULT,
  scheduleEdge: 'larger-than',
  capacityWaitMsMax: CAPACITY_WAIT_MS_MAX_DEFAULT,
  releaseMsMax: RELEASE_MS_MAX_DEFAULT,
  releasesPendingMax: RELEASES_PENDING_MAX_DEFAULT,
  deliveriesMax: DELIVERIES_MAX_DEFAULT,
  allowUnattested: false,
  retryMsFirst: RETRY_MS_FIRST,
  retryMsMax: RETRY_MS_MAX,
};
