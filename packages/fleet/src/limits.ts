/** Every bound of this package, with its unit in the name. */

// Many meters in one process.
export const METERS_MAX = 50_000;
export const WORKERS_MAX = 64;
/** Share of the meters that something befalls. */
export const FAULT_RATE_DEFAULT = 0.01;
/** Slots that are read and hashed from outside when all meters have come to their end. */
export const SLOTS_HASHED_DEFAULT = 100;
/** The firmware that every meter leaves the factory with. */
export const FIRST_IMAGE_BYTES = 16_384;
/** Way of a frame between sender and meter: each meter draws its own. */
export const LATENCY_MS_MIN = 5;
export const LATENCY_MS_MAX = 200;
/** How long the power stays away after a cut. */
export const OFF_MS = 1_000;
/** How long a sender waits for a line before it gives up; the next one follows. */
export const RECONNECT_MS = 15_000;
/** Senders that follow each other on one meter. */
export const SENDERS_MAX = 40;
/** Power that each home draws. */
export const LOAD_W = 500;
/** 2026-01-01T00:00:00Z: when every world begins, in seconds since 1970. */
export const EPOCH_S = 1_767_225_600;
/** What a thread remembers of checks: answers, and octets that they were about. */
export const CHECKS_KEPT_MAX = 8_192;
export const CHECKED_BYTES_MAX: number = 128 * 1024 * 1024;
/** Hashing less than this costs no more than finding it again. */
export const SHARED_HASH_BYTES_MIN = 1_024;
/** After so many meters a thread hashes the image once more, bare: the floor that the pace is held against. */
export const METERS_PER_FLOOR = 25;
/** After so many meters a worker reports. */
export const METERS_PER_REPORT = 10;

// Past one machine: the queue of meter updates. What is marked "modelled policy" was found in no public text; options change it.
export const CAMPAIGN_ID_LENGTH_MAX = 64;
export const SITE_LENGTH_MAX = 32;
/** A job, and the record of what came of it, as JSON. */
export const JOB_BYTES_MAX = 4_096;
export const RECORD_BYTES_MAX = 16_384;
/** How long a worker may be silent before its meter is somebody else's. Modelled policy. */
export const LEASE_MS_DEFAULT = 30_000;
export const LEASE_MS_MIN = 500;
export const LEASE_MS_MAX: number = 60 * 60 * 1000;
/** A lease is renewed so many times before it would end. */
export const RENEWALS_PER_LEASE = 6;
/** A worker that could not renew lets go after this share of the lease: before anybody else may begin. */
export const FENCE_SHARE: number = 3 / 4;
/** Meters that one worker speaks to at a time. */
export const PARALLEL_DEFAULT = 4;
export const PARALLEL_MAX = 256;
/** Conversations with a meter that came to nothing before its job counts as failed. Modelled policy. */
export const TRIES_MAX_DEFAULT = 20;
/** A job that came to nothing waits so long, doubling up to the maximum. Modelled policy. */
export const PUT_BACK_MS_FIRST = 1_000;
export const PUT_BACK_MS_MAX: number = 5 * 60 * 1000;
/** After a job for a meter that it does not know a worker leaves the next one to others for so long. */
export const NOT_MINE_MS = 1_000;
/** How long a worker waits for a job before it looks whether it should end. */
export const TAKE_MS = 2_000;
/** How long a worker waits before it asks a server again that did not answer. */
export const SERVER_BACK_OFF_MS = 500;
/** One call to the server. */
export const SERVER_MS_MAX = 5_000;
/** The names of all records; and how many of those are read at a time. */
export const LIST_MS_MAX = 60_000;
export const READS_AT_A_TIME_MAX = 64;
/** A whole package to the server or from it. */
export const PACKAGE_MS_MAX = 120_000;
export const SERVER_PING_MS = 5_000;
export const SERVER_PINGS_LOST_MAX = 2;
/** Within this time the server itself knows a message that comes again. */
export const DUPLICATE_WINDOW_MS = 120_000;
/** Jobs that all workers of one site may have in hand, or put back for later, together. */
export const UNACKED_MAX = 100_000;
/** Packages that a worker keeps read. */
export const PACKAGES_KEPT_MAX = 4;
/** Races lost in a row over one record; more is a defect. */
export const RACES_MAX = 16;
/** How long a server of our own may take to listen, and to end. */
export const SERVER_START_MS_MAX = 10_000;
export const SERVER_POLL_MS = 20;
