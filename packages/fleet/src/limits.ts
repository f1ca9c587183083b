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
