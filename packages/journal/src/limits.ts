/** Every bound of this package, with its unit in the name. */

/** What a disk promises to write whole or not at all; frames start on it, so that a torn write never touches an older frame. */
export const SECTOR_BYTES = 512;

/** One preallocated file. The whole of it is read when a journal is opened, hence the upper bound. */
export const SEGMENT_BYTES_DEFAULT: number = 8 * 1024 * 1024;
export const SEGMENT_BYTES_MIN: number = 4 * 1024;
export const SEGMENT_BYTES_MAX: number = 64 * 1024 * 1024;

/** Segments are numbered from 1 with ten digits; far more than the index in memory could describe. */
export const SEGMENT_COUNT_MAX = 1_000_000;

export const RECORD_BYTES_MAX_DEFAULT: number = 1024 * 1024;

/** One write and one fdatasync; also the most that `appendAll` can make atomic. */
export const FRAME_BYTES_MAX: number = 4 * 1024 * 1024;

/** Octets waiting for the next flush, beyond which `append` is refused instead of filling the memory. */
export const PENDING_BYTES_MAX_DEFAULT: number = 64 * 1024 * 1024;

/** Segment files held open for reading, the tail not counted. */
export const READ_HANDLES_MAX = 8;

/** Rounds in which a lock may slip away to another process before we say `locked`. */
export const LOCK_ROUNDS_MAX = 16;

/** How often a reader looks again at a segment that its owner is writing at the same moment. */
export const READER_ROUNDS_MAX = 4;

/** Zeros are written in pieces of this size: Node offers no fallocate. */
export const PREALLOCATE_CHUNK_BYTES: number = 1024 * 1024;
