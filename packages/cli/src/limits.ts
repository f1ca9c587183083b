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
/** How long a pipe that is to be read may say nothing, and how often it is asked meanwhile. */
export const PIPE_SILENCE_MS_MAX = 60_000;
export const PIPE_POLL_MS = 5;
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
/** Large images a day, far above what a DCO has room for: which are too many, it says itself. */
export const STARTS_PER_DAY_MAX = 1_000_000;
/** 1 goes first. It repeats a bound of the DCO. */
export const INCIDENT_PRIORITY_MAX = 5;
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

/** Where a virtual clock begins unless told: 2026-01-01T00:00:00Z, so that two runs are alike. */
export const VIRTUAL_START_S = 1_767_225_600;
/** A virtual clock is advanced by at most so much in one call: 400 days, more than the profile log holds. */
export const CLOCK_ADVANCE_MS_MAX = 34_560_000_000;
/** Events of virtual time between two looks at the links. */
export const CLOCK_EVENTS_AT_ONCE_MAX = 256;
/** Events of a bench that `log` can still show. */
export const EVENTS_KEPT_MAX = 1_000;
/** Events that wait for one slow watcher. */
export const WATCHER_EVENTS_MAX = 1_000;
/** Watchers of one control API. */
export const WATCHERS_MAX = 16;
/** A fault script in a file, and the faults in one. */
export const FAULTS_FILE_BYTES_MAX = 1_000_000;
export const FAULTS_MAX = 10_000;
/** Power comes back so long after a cut of a fault script that does not say when. */
export const SCRIPT_POWER_ON_MS_DEFAULT = 1_000;
/** How long a script may leave a meter without power. */
export const POWER_OFF_MS_MAX = 34_560_000_000;
/** Meters that one bench forks. */
export const FORKS_MAX = 16;
/** A snapshot that comes back: the largest flash file. */
export const CONTROL_BODY_BYTES_MAX = 67_112_960;
/** One line of the console. */
export const CONSOLE_LINE_CHARS_MAX = 4_096;
/** Events that `log` shows unless told. */
export const LOG_LINES_DEFAULT = 20;
/** Cells of the picture that `flash-file inspect` draws of wear and of the staging map. */
export const PICTURE_CELLS_MAX = 64;
/** Blocks are of 2^shift octets; a test holds these to the protocol's. */
export const BLOCK_SHIFT_MIN = 8;
export const BLOCK_SHIFT_MAX = 16;
/** Power that a home draws. */
export const LOAD_W_DEFAULT = 300;
export const LOAD_W_MAX = 100_000;
/** A load profile in a file: a year of half hours has room. */
export const LOAD_FILE_BYTES_MAX = 4_000_000;
/** Half-hourly import that a meter keeps. */
export const PROFILE_DAYS_MAX = 397;
/** Of one operation of flash, in the unit of its field. */
export const OPERATION_TIME_MAX = 60_000_000;
/** How often a console looks whether its terminal still listens to it. */
export const FOREGROUND_LOOK_MS = 250;
/** Options of the workers of a fleet; they repeat bounds of its queue, which `--help` does not load. */
export const LEASE_S_MIN = 1;
export const LEASE_S_MAX = 3_600;
export const PARALLEL_MAX = 256;
export const TRIES_MAX = 1_000_000;
/** Authorisations given to one `fleet enqueue`. */
export const AUTHORISATIONS_MAX = 1_000_000;
/** Jobs that `fleet status` names for people; programs get all. */
export const JOBS_SHOWN_MAX = 50;

/** The input of a campaign. */
export const CAMPAIGN_FILE_BYTES_MAX = 64_000_000;
/** Lines of a journal that are turned into octets together. */
export const JOURNAL_LINES_PER_CHUNK = 1_000;
export const CAPACITY_PER_DAY_MAX = 1_000_000;
/** Options of a fleet; they repeat bounds of its package, which `--help` does not load. */
export const FLEET_METERS_MAX = 50_000;
export const FLEET_WORKERS_MAX = 64;
/** Meters that one `emulate` runs for others to connect to. */
export const RACK_METERS_MAX = 10_000;
/** Ends that `fleet run` names for people; `--out` has all. */
export const ENDS_SHOWN_MAX = 10;
/** Links that may wait beside one for each meter, while others are being closed. */
export const RACK_LINKS_SPARE = 64;
/** The seed of meters that are kept, in a file. */
export const RACK_FILE_BYTES_MAX = 64;

/** Meters listed to a person by `campaign status --meters`. */
export const METERS_SHOWN_MAX = 100;
/** Starts of one hop, also beyond what any policy allows, among which the key of a response is looked for. */
export const RETRIES_LOOKED_FOR_MAX = 24;
/** Of the counter of a campaign's 11.1, 64 bits: the last say which part, those before which image and devices, what is left which campaign. */
export const PART_BITS = 8n;
export const SUBMISSION_BITS = 40n;
/** How long an authorisation of a campaign holds. Modelled policy: a DCO lets a release wait 30 days, then tries for 5. */
export const AUTHORISATION_DAYS = 40;
/** Pulls of responses in one turn of a campaign; what is more waits for the next. */
export const RESPONSE_PULLS_MAX = 100;
/** How often a campaign looks for answers while something is under way, and else. */
export const CAMPAIGN_POLL_MS = 500;
export const CAMPAIGN_IDLE_MS = 30_000;
/** One command to a campaign that runs, and how long its answer may take: a turn may have thousands of starts to ask for. */
export const CAMPAIGN_COMMAND_BYTES_MAX = 1_000_000;
export const CAMPAIGN_COMMAND_DEPTH_MAX = 8;
export const CAMPAIGN_COMMAND_VALUES_MAX = 200_000;
export const CAMPAIGN_COMMAND_MS_MAX = 300_000;
export const CAMPAIGN_CONTROL_FILE_BYTES_MAX = 4_096;
export const CAMPAIGN_LOOK_MS_MAX = 2_000;
