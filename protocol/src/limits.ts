/** Every bound of the protocol, with its unit (SPEC.md §12 is written from here). */

/** 750 kB is never defined in octets in the sources; an image above this is large. */
export const LARGE_IMAGE_BYTES = 750_000;
export const PART_BYTES_MAX = 750_000;
export const IMAGE_BYTES_MAX = 10_240_000;
export const MANIFEST_FIXED_BYTES = 124;
export const MANIFEST_BYTES_MAX = 1_024;
export const LABEL_BYTES_MAX = 64;
export const BLOCK_SHIFT_MIN = 8;
export const BLOCK_SHIFT_MAX = 16;
export const BLOCK_COUNT_MAX = 65_535;
export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 65;
export const HASH_BYTES = 32;
export const KEY_ID_BYTES = 8;
export const DEVICE_ID_BYTES = 8;
export const NONCE_BYTES = 8;
export const ORIGINATOR_COUNTER_MAX: bigint = (1n << 63n) - 1n;

export const FRAME_PAYLOAD_BYTES_MAX = 8_192;
/** Most octets a decoder collects without a delimiter. */
export const ENCODED_FRAME_BYTES_MAX = 8_250;
export const MAP_BLOCKS_MAX = 4_096;
export const SACK_DURABLE_OCTETS_MAX = 32;
export const SACK_RANGES_MAX = 32;
export const SACK_BITMAP_BITS = 64;
/** DATA frames after which a SACK is due whatever they did: fewer than the bitmap has bits. */
export const SACK_FRAMES_MAX = 48;
/** DATA that comes so long after the last SACK earns one, so that a slow line is not taken for a dead one. */
export const SACK_AGE_MS_MAX = 2_000;
export const ALERT_PAYLOAD_BYTES_MAX = 64;

export const WINDOW_BYTES = 65_536;
export const WINDOW_BLOCKS_MIN = 2;
export const WINDOW_BLOCKS_MAX = 256;
export const FRAGMENT_BYTES_MIN = 64;
/** Of a paced line, that one fragment may take: far below the silence after which a peer counts as dead. */
export const FRAGMENT_MS_MAX = 4_000;

export const REQUEST_RETRY_MS = 500;
export const REQUEST_RETRY_MS_MAX = 4_000;
export const SILENCE_MS_MAX = 10_000;
export const KEEPALIVE_MS = 1_000;
export const BUSY_POLL_MS_MIN = 50;
export const BUSY_MS_MAX = 600_000;
export const SESSION_SILENCE_MS_MAX = 120_000;
/** Frames that must arrive after one before it counts as lost, since lines may reorder a little. */
export const REORDER_FRAMES = 3;
/** Frames without loss after which a larger piece is tried. */
export const CLEAN_FRAMES_TO_GROW = 64;
/** What a paced sender that woke up late may catch up with at once. */
export const BURST_MS_MAX = 20;
export const RETRANSMIT_MS_MIN = 200;
export const RETRANSMIT_MS_MAX = 4_000;
export const RETRANSMIT_MS_FIRST = 1_000;
export const REFUSE_INTERVAL_MS = 100;
/** A transfer that makes nothing durable for so long, while the meter answers, is given up as too noisy. */
export const NO_PROGRESS_MS_MAX = 60_000;
/** NACKs that find the signature of one block bad, after which a host sends it no more. */
export const SIGNATURE_NACKS_MAX = 3;
/** Most that a host adds to its patience because a paced line delays the meter's SACK. */
export const ACK_DELAY_MS_MAX = 3_000;
/** Sessions begun one after the other, no further block becoming durable, before a host gives up. */
export const SESSIONS_IN_VAIN_MAX = 20;
/** Probes that a host remembers; an answer to any of them counts. */
export const PROBES_MAX = 16;
export const TRIAL_STARTS_MAX = 3;
/** Slot preparations for a new image that a meter grants in one day. */
export const ERASES_PER_DAY_MAX = 24;
export const DAY_MS = 86_400_000;

export const CRC16_BYTES = 2;
export const CRC32_BYTES = 4;
export const OTA_HEADER_BYTES = 60;
/** What stands before the manifest in a package or part. */
export const CONTAINER_FIXED_BYTES = 24;
export const OTA_HEADER_STRING_BYTES = 32;
/** What follows the Manufacturer Image: `00 40` and the signature. */
export const GBCS_TRAILER_BYTES: number = 2 + SIGNATURE_BYTES;
export const MANIFEST_BYTES_MIN: number = MANIFEST_FIXED_BYTES + SIGNATURE_BYTES;
/** Unless the one who builds says otherwise: 4 KiB. */
export const BLOCK_SHIFT_DEFAULT = 12;
/** A package of the largest image in the smallest blocks, with the largest manifest. */
export const PACKAGE_BYTES_MAX: number =
  CONTAINER_FIXED_BYTES +
  MANIFEST_BYTES_MAX +
  OTA_HEADER_BYTES +
  SIGNATURE_BYTES +
  CRC32_BYTES +
  IMAGE_BYTES_MAX +
  (IMAGE_BYTES_MAX / 2 ** BLOCK_SHIFT_MIN) * (SIGNATURE_BYTES + CRC32_BYTES);
/** Octets of an authorisation that say what it permits: what must be equal for it to be the same one. */
export const AUTHORISATION_BODY_BYTES = 104;
export const AUTHORISATION_BYTES = 232;
/** An authorisation that waits for its countersignature. */
export const AUTHORISATION_UNCOUNTERSIGNED_BYTES = 168;
export const OUTCOME_BYTES = 208;
/** The end of an authorisation that never ends. */
export const NO_END_S = 0xffffffff;
/** Octets of bitmap in one record of the staging log. */
export const STAGING_RECORD_MAP_BYTES = 32;
