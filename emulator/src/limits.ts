/** Every bound of the virtual meter, with its unit in the name. */

// Flash
export const GRANULE_BYTES_MAX = 512;
export const SECTOR_BYTES_MAX = 1_048_576;
export const SECTOR_RUNS_MAX = 64;
export const FLASH_BYTES_MAX = 67_108_864;
/** Different layouts whose sector tables are kept for the next flash. */
export const SHAPES_KEPT_MAX = 64;
/** A program is counted, and can be cut, in pages of this size (or of one granule, if that is larger). */
export const PROGRAM_PAGE_BYTES = 256;
export const PARTITION_NAME_BYTES = 16;
/** The file's header has this much room; the raw flash octets start right after it. */
export const FLASH_FILE_HEADER_BYTES = 4096;

// Record logs: octets a record needs beside its payload (sequence, generation, log, kind, length, CRC).
export const RECORD_OVERHEAD_BYTES = 16;
/** Slots tried for one record before the next sector is opened, and before flash counts as worn. */
export const RECORD_WRITE_TRIES_MAX = 3;
/** Up to this granule size a log leaves one granule free between two records; larger ones would cost it half its room. */
export const GUARD_GRANULE_BYTES_MAX = 64;

// Slots: the first octets of a slot hold the offer blob, the Manufacturer Image follows.
export const SLOT_HEADER_BYTES = 4096;
/** The offer blob shares its area with a length (2 octets) and a CRC (4 octets). */
export const OFFER_BLOB_BYTES_MAX: number = SLOT_HEADER_BYTES - 6;
export const IMAGE_BYTES_MAX = 2_097_152;
/** What a slot of the default layout, and of a plan that names no size, has room for: two of them and all logs fit 32 Mbit. */
export const SLOT_IMAGE_BYTES_DEFAULT = 1_835_008;
/** What the factory programs at once. */
export const FACTORY_CHUNK_BYTES = 4096;

// Boot
export const BOOT_PAYLOAD_BYTES = 416;
/** Fewer, and power that stays on for four operations at a time could find every sector full each time. */
export const BOOT_SLOTS_PER_SECTOR_MIN = 4;
/** Slots of `boot-a`, and of `boot-b`, that a planned layout has at least. */
export const BOOT_SLOTS_PER_COPY_MIN = 16;
export const ORIGINATOR_COUNTER_MAX: bigint = (1n << 63n) - 1n;

// Staging: room for the map of durable blocks.
export const STAGING_BYTES_DEFAULT = 32_768;

// Meter
/**
 * The state is written at each half hour, and at the full minute by which the four energy registers together counted this much
 * since the last time. A power cut loses less than this and a minute's energy; after a `flush` or a command it loses nothing.
 */
export const REGISTER_PERSIST_WH = 100;
export const SECURITY_PAYLOAD_BYTES = 16;
export const SECURITY_LOG_ENTRIES = 100;
export const TRUST_ANCHORS_MAX = 8;
export const PUBLIC_KEY_BYTES = 65;
export const EUI64_BYTES = 8;
/** One copy of the identity: its fields, the trust anchors, a CRC. */
export const IDENTITY_BYTES_MAX: number = 24 + TRUST_ANCHORS_MAX * (1 + PUBLIC_KEY_BYTES) + 4;
export const DIGEST_BYTES = 32;

/** Half-hourly entries of one UTC day, 4 octets each. */
export const HALF_HOURS_PER_DAY = 48;
export const TOU_REGISTERS = 48;
export const BLOCKS = 4;
export const BLOCK_TOU_REGISTERS = 8;
/** 19,056 half hours of active import. */
export const IMPORT_PROFILE_DAYS = 397;
/** 4,464 half hours of active export and reactive import. */
export const EXPORT_PROFILE_DAYS = 93;
export const DAILY_READ_ENTRIES = 31;
export const DAILY_CONSUMPTION_ENTRIES = 731;
/** Daily consumption goes to flash in records of this many days; the open one is part of the meter's state. */
export const CONSUMPTION_CHUNK_DAYS = 32;
export const BILLING_ENTRIES = 12;
export const EVENT_LOG_ENTRIES = 100;
export const POWER_LOG_ENTRIES = 100;
export const EVENT_PAYLOAD_BYTES = 20;
export const POWER_PAYLOAD_BYTES = 16;

export const MINUTE_S = 60;
export const HALF_HOUR_S = 1_800;
export const HOUR_S = 3_600;
export const DAY_S = 86_400;
export const MINUTES_PER_DAY = 1_440;
export const WATT_SECONDS_PER_WH = 3_600;
/** Mean power of any flow; more is no home, and would not fit the half hours. */
export const FLOW_W_MAX = 1_000_000;
/** Most that a register holds: 34 GWh, or 4 years at the greatest flow. */
export const REGISTER_WH_MAX = 34_359_738_367;
/** Lines of a load in CSV: a month of seconds. */
export const CSV_LINES_MAX = 2_700_000;
/** Midnights of an outage for which standing charges and time debts are still taken. */
export const MIDNIGHTS_CHARGED_MAX = 400;
export const OTHER_INFORMATION_BYTES_MAX = 8;
/** Of a metrology firmware nobody named: 1.0. */
export const METROLOGY_VERSION_DEFAULT = 0x0001_0000;
export const MICROPENCE_PER_MILLIPENCE = 1_000;
export const SEASONS_MAX = 4;
export const WEEKS_MAX = 4;
export const DAY_PROFILES_MAX = 16;
export const SWITCHES_PER_DAY_MAX = 48;
/** Over all day profiles: what the record of the state has room for. */
export const SWITCHES_TOTAL_MAX = 96;
export const SPECIAL_DAYS_MAX = 50;
export const PRICE_MILLIPENCE_MAX = 16_777_215;
/** Ten million pounds: balances, debts and what is added to them stay far inside whole numbers. */
export const MILLIPENCE_MAX = 1_000_000_000_000;

// Journals of the metering partitions: octets a record needs beside its payload.
export const JOURNAL_OVERHEAD_BYTES = 16;
/** Times that octets which look erased are read after power on before they are believed. */
export const WEAK_READS = 8;
/**
 * Times that the one page which a cut may have struck is read before it is believed, when it looks programmed and when it looks erased. A cell that
 * reads right all but once in 256 times passes 2,048 reads once in 3,000; some 80 ms of a flash that gives 6 MB/s.
 */
export const CUT_PAGE_READS = 2_048;
export const CUT_ERASED_READS = 256;
/** The whole state of a meter in one record; a sector of `meter` holds at least one. */
export const CHECKPOINT_BYTES_MAX = 1_900;
export const IMPORT_DAY_BYTES = 208;
export const EXPORT_DAY_BYTES = 392;
/** Of {@link CHECKPOINT_BYTES_MAX}, for the settings; a tariff that takes more is refused. */
export const SETTINGS_BYTES_MAX = 640;
/** All registers and balances at one moment: a day's read, or a bill. */
export const READ_BYTES_MAX = 480;
export const CONSUMPTION_BYTES: number = 8 + 8 * CONSUMPTION_CHUNK_DAYS;

// Firmware
/** From the accepted activation to the restart: time for the answer to leave. */
export const RESTART_DELAY_MS = 200;
/** How long the image on trial tests itself before it confirms. */
export const SELF_TEST_MS = 300;
/** Times that a block is read back before it counts as stored. */
export const READ_BACKS = 3;
/** A slot is made ready in shares, so that the meter can say BUSY between two of them: no share erases for longer than this. */
export const ERASE_SHARE_MS = 250;
/** The same where an erase takes no time. */
export const ERASES_PER_SHARE_MAX = 32;
/** Sectors of a slot that a power cut may cause to be erased once more. */
export const ERASES_PER_RECORD_MAX = 16;
/** An image that crashes does so this long after its start. */
export const CRASH_MS = 50;
/** The watchdog resets an image that has not fed it for so long. */
export const WATCHDOG_MS = 2_000;
/** Crashes in a row after which boot is told not to start an image again, until the power goes or an activation comes. */
export const CRASHES_MAX = 3;
/** When a host that was told BUSY for its offer is asked to come again. */
export const BUSY_OFFER_ETA_MS = 200;
/** Octets of open blocks that the firmware has room for. */
export const WINDOW_BYTES_DEFAULT = 65_536;
/** Alerts that wait for somebody to hear them. */
export const ALERTS_WAITING_MAX = 16;

// Octets: from here on comparing four at a time pays for the views that it takes.
export const WORDWISE_BYTES_MIN = 64;
