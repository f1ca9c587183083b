/** Every bound of this package, with its unit in the name. */

/** Public keys whose imported form is kept; the one used longest ago goes first. */
export const PUBLIC_KEYS_CACHED_MAX = 256;
/** Larger than any PEM of one P-256 key, with room for comments. */
export const KEY_FILE_BYTES_MAX: number = 16 * 1024;

/** How long a sender goes on trying to reopen a link that was lost. */
export const RECONNECT_MS_DEFAULT = 15_000;
/** Wait after the first failed or lost opening; it doubles from there. */
export const BACK_OFF_MS_FIRST = 100;
export const BACK_OFF_MS_MAX = 2_000;
/** One attempt to open a link, should its adapter never answer. */
export const OPEN_MS_MAX = 10_000;
/** How long the end of a run waits for the last octets to leave. */
export const DRAIN_MS_MAX = 2_000;
export const DRAIN_POLL_MS = 5;
/** What setTimeout can count; a longer wait rings early, and whoever asked looks at the clock and asks again. */
export const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** A flash file as a whole: header, flash and wear counters. */
export const FLASH_FILE_BYTES_MAX: number = 64 * 1024 * 1024;

/** Nesting of a value that is digested; deeper is a cycle, or a mistake. */
export const DIGEST_DEPTH_MAX = 64;
/** Characters of a trace that wait to be hashed. */
export const TRACE_PENDING_CHARS_MAX: number = 16 * 1024;
/** Events of one call of `World.run`, unless told otherwise: a world that never rests must end all the same. */
export const WORLD_EVENTS_MAX_DEFAULT = 10_000_000;

/** Frames that wait in the port of a meter whose flash is at work; what comes beyond is lost. */
export const FRAMES_WAITING_MAX = 256;
