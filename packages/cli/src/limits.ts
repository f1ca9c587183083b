/** Every bound of the command line, with its unit. */

/** A progress line on a terminal is drawn again after so long, not sooner. */
export const PROGRESS_REDRAW_MS = 100;
/** Where nobody watches, one progress line for each step of so many hundredths. */
export const PROGRESS_STEP_PERCENT = 10;
/** The rate shown is that of the last so long. */
export const RATE_WINDOW_MS = 3_000;
/** Instants kept to know the rate. */
export const RATE_SAMPLES_MAX = 64;

/** What the commands read of a file that has no size of its own (a pipe) at a time. */
export const READ_CHUNK_BYTES = 65_536;
/** The text in an OTA header. */
export const HEADER_STRING_BYTES_MAX = 32;
/** Parts given to one `package join`. */
export const PARTS_MAX = 1_000;

/** Bounds of options. They repeat bounds of the protocol, whose modules `--help` does not load; a test holds them together. */
export const BLOCK_BYTES_MIN = 256;
export const BLOCK_BYTES_MAX = 65_536;
export const BLOCK_BYTES_DEFAULT = 4_096;
export const PART_BYTES_DEFAULT = 750_000;
export const COUNTER_MAX = 0xffff_ffff;
export const ORIGINATOR_COUNTER_MAX: bigint = (1n << 63n) - 1n;
/** Seconds since 1970 as a u32. */
export const INSTANT_S_MAX = 0xffff_ffff;
/** A file with one token in it. */
export const TOKEN_FILE_BYTES_MAX = 4_096;
/** Pace of a link, in octets per second. */
export const RATE_MIN = 1;
export const RATE_MAX = 1_000_000_000;
/** How long to try to reopen a link that was lost. */
export const RECONNECT_S_MAX = 86_400;
/** A meter profile. */
export const PROFILE_FILE_BYTES_MAX = 65_536;
/** Of a profile's timings. */
export const PROFILE_MS_MAX = 600_000;
/** The firmware that a virtual meter leaves the factory with. */
export const FIRST_IMAGE_BYTES = 4_096;
export const FIRST_IMAGE_BYTES_MAX = 2_097_152;
/** A seed that is told to others must be easy to say. */
export const SEED_MAX = 0xffff_ffff;
/** Wait before a serial port that was unplugged is looked for again. */
export const REPLUG_MS = 500;
export const PORT_MAX = 65_535;
/** How often a DCO is asked whether a request was answered. */
export const POLL_MS = 100;
/** Devices named to one `dco submit`. */
export const DEVICES_MAX = 50_000;
/** A list of devices in a file. */
export const DEVICES_FILE_BYTES_MAX = 2_000_000;
/** Counters of RequestIDs. */
export const REQUEST_COUNTER_MAX: bigint = (1n << 64n) - 1n;
/** The image that a demonstration makes where it finds none. */
export const SYNTHETIC_IMAGE_BYTES = 971_304;
/** Where a PEM file has said what it holds. */
export const PEM_HEAD_BYTES = 64;
