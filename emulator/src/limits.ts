/** Every bound of the virtual meter, with its unit in the name. */

// Flash
export const GRANULE_BYTES_MAX = 512;
export const SECTOR_BYTES_MAX = 1_048_576;
export const SECTOR_RUNS_MAX = 64;
export const FLASH_BYTES_MAX = 67_108_864;
export const PARTITION_NAME_BYTES = 16;
/** The file's header has this much room; the raw flash octets start right after it. */
export const FLASH_FILE_HEADER_BYTES = 4096;

// Record logs: octets a record needs beside its payload (sequence, generation, log, kind, length, CRC).
export const RECORD_OVERHEAD_BYTES = 16;
/** Slots tried for one record before the next sector is opened, and before flash counts as worn. */
export const RECORD_WRITE_TRIES_MAX = 3;

// Slots: the first octets of a slot hold the offer blob, the Manufacturer Image follows.
export const SLOT_HEADER_BYTES = 4096;
/** The offer blob shares its area with a length (2 octets) and a CRC (4 octets). */
export const OFFER_BLOB_BYTES_MAX: number = SLOT_HEADER_BYTES - 6;
export const IMAGE_BYTES_MAX = 2_097_152;
/** What the factory programs at once. */
export const FACTORY_CHUNK_BYTES = 4096;

// Boot
export const BOOT_PAYLOAD_BYTES = 416;
export const ORIGINATOR_COUNTER_MAX: bigint = (1n << 63n) - 1n;

// Staging: room for the map of durable blocks.
export const STAGING_BYTES_DEFAULT = 32_768;

// Meter
export const REGISTER_PAYLOAD_BYTES = 16;
/**
 * A register record is written once this much was counted since the last one. A power cut loses less than this
 * and the energy of the step it falls into; a `flush` before (power failing, a reading given out) loses nothing.
 */
export const REGISTER_PERSIST_WH = 100;
export const SECURITY_PAYLOAD_BYTES = 16;
export const SECURITY_LOG_ENTRIES = 100;
export const TRUST_ANCHORS_MAX = 8;
export const PUBLIC_KEY_BYTES = 65;
export const EUI64_BYTES = 8;
export const DIGEST_BYTES = 32;

// Firmware
/** From the accepted activation to the restart: time for the answer to leave. */
export const RESTART_DELAY_MS = 200;
/** How long the image on trial tests itself before it confirms. */
export const SELF_TEST_MS = 300;
/** How often the register is brought up to date when nothing else wakes the meter. */
export const METERING_INTERVAL_MS = 60_000;
/** Octets of open blocks that the firmware has room for. */
export const WINDOW_BYTES_DEFAULT = 65_536;
/** Alerts that wait for somebody to hear them. */
export const ALERTS_WAITING_MAX = 16;
/** Energy of a step is counted in whole watt-seconds; steps are cut at this length, so that no clock jump overflows a register. */
export const METERING_STEP_MS_MAX = 86_400_000;
