/** Every bound of this package, with its unit in the name. What is marked "modelled policy" was found in no public text. */

/** Meters of one campaign. The estate that the rules were written for has 670,000 (MP230). */
export const METERS_MAX = 2_000_000;
export const USERS_MAX = 500;
export const COHORTS_MAX = 5_000;
export const REQUESTS_MAX = 2_000;
export const PHASES_MAX = 16;
export const WINDOWS_MAX = 64;
export const TRAFFIC_PERIODS_MAX = 1_000;
export const EVENTS_MAX = 10_000;
export const SCHEDULE_PERIODS_MAX = 366;
/** Hops of one way. Longer ones are refused: nobody has tested them. Modelled policy. */
export const HOPS_MAX = 8;
/** Of an id in the input. */
export const ID_CHARACTERS_MAX = 64;
/** Of a name, a reason, release notes. */
export const TEXT_CHARACTERS_MAX = 1_000;
/** Of an input as text: a million device ids fit. */
export const INPUT_CHARACTERS_MAX: number = 64 * 1024 * 1024;
export const INPUT_DEPTH_MAX = 16;
export const INPUT_VALUES_MAX = 4_000_000;

/** The largest image of the protocol. */
export const IMAGE_OCTETS_MAX = 10_240_000;
/** Of any number of days in a policy, and of retries. */
export const POLICY_DAYS_MAX = 3_650;
export const RETRIES_MAX = 20;
/** 1 is the most urgent. Modelled policy. */
export const INCIDENT_PRIORITY_MAX = 4;
/** Of a modelled meter that takes its time. */
export const SLOW_DAYS_MAX = 30;
/** Days looked ahead, beyond one for each image, for how long a request would have needed alone. */
export const ALONE_DAYS_MARGIN = 1_000;

/** First and last year that an input may name. */
export const YEAR_MIN = 2000;
export const YEAR_MAX = 2199;

/** Meters of one `released` or `outcomes` record: with a number and a comma each they fit into one record of the journal (1 MiB). */
export const METERS_PER_RECORD_MAX = 50_000;
/** Rounds of the virtual clock without any record, after which a simulation says that it is stuck. */
export const IDLE_DAYS_MAX = 400;
/** Days that one simulation may last. */
export const SIMULATED_DAYS_MAX = 4_000;

/** MP230: an OTA Upgrade Image with more octets is large. */
export const LARGE_ABOVE_OCTETS_DEFAULT = 750_000;
/** MP230 Annex D 1.2: large images a day over all Users. */
export const CAPACITY_PER_DAY_DEFAULT = 12_000;
export const CAPACITY_PER_DAY_MAX = 1_000_000;
/** MP230: large images a day of one User without an agreed schedule. */
export const UNSCHEDULED_PER_DAY_DEFAULT = 500;
/** MP230: target response time, from the release of each batch. */
export const RESPONSE_DAYS_DEFAULT = 5;
/** MP230: a Supplier's own systems take an 11.1 as failed after this long. */
export const GIVE_UP_DAYS_DEFAULT = 7;
/** SECMP0024: notice before the firmware of communications hubs is activated. */
export const NOTICE_DAYS_DEFAULT = 7;
/** Modelled policy: requests made within so many days of the first of a group share its turn. */
export const SIMULTANEOUS_DAYS_DEFAULT = 2;
/** Modelled policy: starts after the first one that a meter without an answer gets, the days between, and the days it may stay parked. */
export const RETRIES_DEFAULT = 3;
export const RETRY_AFTER_DAYS_DEFAULT = 3;
export const PARKED_DAYS_DEFAULT = 60;
/** Modelled policy: how often a day's share is released. */
export const RELEASE_EVERY_MINUTES_DEFAULT = 60;
/** Modelled policy: the part of a phase that must have answered before the next one begins. */
export const PHASE_ANSWERED_SHARE_DEFAULT = 0.9;

export const MS_PER_MINUTE = 60_000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;
export const MINUTES_PER_DAY = 1_440;

/** Width of a chart of the report page on a desk, and in a hand, in CSS pixels at its natural size. */
export const WIDE_UNITS = 1_000;
export const NARROW_UNITS = 350;
/** Rows of one table on the report page; what is more stands in the CSV files. */
export const PAGE_TABLE_ROWS_MAX = 1_000;
/** Requests in a chart of the report page: the ones with most meters. */
export const PAGE_CHART_ROWS_MAX = 24;
/** Users with a colour of their own on the report page: more colours cannot be told apart. */
export const PAGE_USERS_MAX = 7;
/** In a run: wall clock and steady clock may differ by so much between two turns; beyond it nothing new starts until a person has looked. */
export const CLOCK_JUMP_MS_MAX: number = 5 * MS_PER_MINUTE;
/** In a run: requests to the DCO at the same time. */
export const REQUESTS_AT_ONCE_MAX = 32;
/** In a run: characters of records that are made durable together. */
export const APPEND_CHARACTERS_MAX = 1_000_000;
