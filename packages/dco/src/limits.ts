/**
 * Every bound of this package, with its unit in the name. What is marked "modelled policy" was found in no public text: it is this
 * project's choice, and the settings of `startDco` change it.
 */

/** One request 11.1 (its DeviceIDList has room for so many). */
export const DEVICES_PER_IMAGE_MAX = 50_000;
/** Far more than the parts of the largest image; keeps one commit within one frame of the journal. */
export const PARTS_PER_SET_MAX = 1_024;
/** Distinct GBCS signatures remembered for one image: parts carry it unsigned, so one of them may be false. */
export const GBCS_SIGNATURES_PER_IMAGE_MAX = 8;

/** Octets of parts and device lists held. Modelled policy. */
export const HELD_BYTES_MAX_DEFAULT: number = 256 * 1024 * 1024;
export const IMAGES_MAX_DEFAULT = 64;
/** Requests remembered, answered or not. Modelled policy. */
export const REQUESTS_MAX_DEFAULT = 1_000_000;
/** A record holds one part and its head. */
export const RECORD_BYTES_MAX: number = 1024 * 1024;
export const RECORD_HEAD_BYTES_MAX: number = 64 * 1024;
/** Changes in one frame of the journal while it is rewritten. */
export const REWRITE_BATCH_BYTES: number = 1024 * 1024;
/** Rewritten only when that much is dead, and more than what is alive. */
export const DEAD_BYTES_MIN: number = 32 * 1024 * 1024;
/** How often a reader looks again while the owner changes from one generation to the next. */
export const GENERATION_ROUNDS_MAX = 8;

const HOUR_MS: number = 60 * 60 * 1000;
const DAY_MS: number = 24 * HOUR_MS;
/** An image that is not whole after this long is given up. Modelled policy: twice the 7 days after which a Supplier was seen to give up. */
export const ABANDONED_MS_MAX_DEFAULT: number = 14 * DAY_MS;
/** A whole image that nobody asked for in this time is removed. Modelled policy. */
export const UNUSED_IMAGE_MS_MAX_DEFAULT: number = 90 * DAY_MS;
/** How long answered and acknowledged requests are remembered for repeats. Modelled policy. */
export const ANSWERED_MS_MAX_DEFAULT: number = 90 * DAY_MS;
export const RETENTION_EVERY_MS: number = HOUR_MS;

/** Large images that may be started in a day over all Users (SEC modification MP230, Annex D 1.2). */
export const LARGE_STARTS_PER_DAY_MAX_DEFAULT = 12_000;
/** Large images of one User in a day without an agreed delivery schedule (MP230; whether 500 itself is allowed is `scheduleEdge`). */
export const UNSCHEDULED_STARTS_PER_DAY_DEFAULT = 500;
/** How long a release waits for capacity before it is answered `not-actioned`. Modelled policy. */
export const CAPACITY_WAIT_MS_MAX_DEFAULT: number = 30 * DAY_MS;
/** How late it may be noticed that a release has waited too long. */
export const CAPACITY_EXPIRY_EVERY_MS = 60_000;
export const LEDGER_DAY_MS: number = DAY_MS;
/** Days with starts of which the counts are kept; the newest of them. */
export const LEDGER_DAYS_KEPT = 92;
/** 9999-12-31, in days since 1970-01-01. */
export const LEDGER_DAY_MAX = 2_932_896;
/** How far ahead a day with capacity is looked for. */
export const LEDGER_LOOK_AHEAD_DAYS = 366;
export const SCHEDULE_DAYS_MAX = 366;
export const SCHEDULES_MAX = 1_000;
export const CAPACITY_CHANGES_MAX = 1_000;
export const INCIDENTS_MAX = 200;
/** 1 goes first. */
export const INCIDENT_PRIORITY_MAX = 5;
export const REFERENCE_LENGTH_MAX = 64;
/** Days that an answer names when agreed batches no longer fit. */
export const OVERBOOKED_DAYS_SHOWN = 16;
/** Devices not in the inventory that a response 11.1 names. */
export const UNKNOWN_DEVICES_SHOWN_MAX = 16;

/** Furthest execution date of an 11.3. Modelled policy. */
export const LOOK_AHEAD_MS_MAX_DEFAULT: number = 30 * DAY_MS;
/** How much later than asked a future-dated activation may still begin, for instance after a restart. Modelled policy. */
export const LATE_ACTIVATION_MS_MAX_DEFAULT: number = HOUR_MS;
/** How long a release or a read is tried before it is answered as failed. Modelled policy: the target response time. */
export const RELEASE_MS_MAX_DEFAULT: number = 5 * DAY_MS;
/** Releases accepted and not done. Modelled policy. */
export const RELEASES_PENDING_MAX_DEFAULT = 100_000;
export const DELIVERIES_MAX_DEFAULT = 16;
export const RETRY_MS_FIRST = 1_000;
export const RETRY_MS_MAX = 300_000;
/** A link that was lost in mid-delivery is reopened for so long before the delivery is put back in the queue. */
export const RECONNECT_MS = 15_000;
/** How late a wall clock that was set forward may be noticed. */
export const WAKE_MS_MAX = 60_000;
/** Checked images kept ready for further meters. */
export const READY_IMAGES_MAX = 2;

/** Countersignatures in one hour and one day. Modelled policy: 12,000 is the daily ceiling for large images over all Users. */
export const COUNTERSIGNATURES_PER_HOUR_MAX_DEFAULT = 2_000;
export const COUNTERSIGNATURES_PER_DAY_MAX_DEFAULT = 12_000;
export const CONTROL_HOUR_MS: number = HOUR_MS;
export const CONTROL_DAY_MS: number = DAY_MS;
export const CONTROL_JOURNAL_SEGMENT_BYTES: number = 1024 * 1024;
/** One line between the server and the process that countersigns. */
export const CONTROL_LINE_BYTES_MAX: number = 64 * 1024;
export const CONTROL_ANSWER_MS_MAX = 30_000;
export const CONTROL_START_MS_MAX = 20_000;
export const CONTROL_CLOSE_MS_MAX = 5_000;

/** A part of 750,000 octets in base64 and 50,000 device ids, with room. */
export const BODY_BYTES_MAX: number = 3 * 1024 * 1024;
export const RESPONSES_PER_PULL_MAX = 1_000;
export const REQUEST_ID_LENGTH_MAX = 96;
export const REQUEST_COUNTER_MAX: bigint = 2n ** 64n - 1n;
/** Events that wait for one watcher before the oldest are dropped, which it is told. */
export const WATCHER_EVENTS_MAX = 1_000;
export const WATCHERS_MAX = 32;
export const TOKEN_LENGTH_MIN = 16;
export const TOKEN_FILE_BYTES_MAX = 4_096;
export const INVENTORY_BYTES_MAX: number = 256 * 1024 * 1024;
export const INVENTORY_DEVICES_MAX = 1_000_000;
export const CLIENT_ANSWER_MS_MAX = 60_000;
/** How often progress of one delivery is told. */
export const PROGRESS_EVERY_MS = 250;
export const REMOVALS_PER_COMMIT_MAX = 2_000;
export const REWRITE_BATCH_RECORDS = 1_000;
export const COMPLAINT_LENGTH_MAX = 2_000;
/** How long a countersigner waits for the one before it to give its directory back. */
export const CONTROL_LOCK_ROUND_MS = 50;
export const CONTROL_LOCK_ROUNDS_MAX = 100;
