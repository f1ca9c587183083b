/** Every bound of this package, with its unit in the name. */

/** Senders that one update may take, unless told otherwise. */
export const SENDERS_MAX_DEFAULT = 40;
/** How long the power stays away after a cut in an update. */
export const OFF_MS_DEFAULT = 1_000;
export const LATENCY_MS_DEFAULT = 5;
/** How long a sender waits for a line that is down. */
export const RECONNECT_MS = 60_000;
export const IMAGE_BYTES_DEFAULT = 20_000;
export const FIRMWARE_BYTES_DEFAULT = 2_000;
export const BLOCK_SHIFT_DEFAULT = 10;
export const LOAD_W_DEFAULT = 500;
/** 2025-01-01T00:00:00Z. */
export const EPOCH_S_DEFAULT = 1_735_689_600;
/** Starts in a row that lost their power before the meter ran: more are a plan that never ends. */
export const STARTS_CUT_MAX = 10_000;
/** Factory flashes that are kept, so that the next meter of a kind is a fork. */
export const FACTORY_FLASHES_MAX = 8;
/** Images that are kept, so that a property signs each of its own once. */
export const IMAGES_KEPT_MAX = 64;
