import { JournalError } from './error.js';
import { errnoOf, writeFully } from './files/file-port.js';
import type { FilePort, OpenFile } from './files/file-port.js';
import { SEGMENT_HEADER_BYTES, encodeSegmentHeader } from './format.js';
import type { SegmentHeader } from './format.js';

const SEGMENT_NAME = /^segment-([0-9]{10})\.log$/;
/** A segment before it has its name: never read, thrown away when found. */
const UNFINISHED_NAME = 'segment.new';

/** Where the next frame goes, and what it hangs on. */
export interface Tail {
  readonly file: OpenFile;
  readonly header: SegmentHeader;
  readonly endBytes: number;
  readonly chain: Uint8Array;
}

export function segmentPath(directory: string, number: number): string {
  return `${directory}/segment-${String(number).padStart(10, '0')}.log`;
}

/** Numbers of the segments in `directory`, ascending. */
export function listSegments(files: FilePort, directory: string): readonly number[] {
  const numbers: number[] = [];
  for (const name of files.list(directory)) {
    const match = SEGMENT_NAME.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.toSorted((a, b) => a - b);
}

export function removeUnfinished(files: FilePort, directory: string): void {
  if (files.list(directory).includes(UNFINISHED_NAME)) files.unlink(`${directory}/${UNFINISHED_NAME}`);
}

/**
 * Makes an empty segment under its final name, all its space taken and everything durable.
 *
 * @throws {@link JournalError} with `code`
 *   - `storage-full`: no space; nothing is left behind, and it may be tried again;
 *   - `storage-failed`: anything else; whether the segment is there is unknown.
 */
export function createSegment(files: FilePort, directory: string, header: SegmentHeader): Tail {
  const unfinished = `${directory}/${UNFINISHED_NAME}`;
  let file: OpenFile | undefined;
  try {
    file = createAfresh(files, unfinished);
    file.preallocate(header.segmentBytes);
    writeFully(file, encodeSegmentHeader(header), 0);
    file.sync();
    files.rename(unfinished, segmentPath(directory, header.number));
  } catch (cause) {
    if (file !== undefined) closeQuietly(file);
    throwStorage(cause, directory, () => discard(files, unfinished));
  }
  try {
    files.syncDirectory(directory);
  } catch (cause) {
    closeQuietly(file);
    throw storageFailed(directory, cause);
  }
  return { file, header, endBytes: SEGMENT_HEADER_BYTES, chain: header.chain };
}

export function storageFailed(directory: string, cause: unknown): JournalError {
  const errno = errnoOf(cause);
  const what = errno === '' ? 'the storage' : `the storage (${errno})`;
  return new JournalError(
    'storage-failed',
    `${what} under ${directory} failed; nothing more is accepted. Check the disk, then open the journal again`,
    { cause },
  );
}

export function storageFull(directory: string, cause: unknown): JournalError {
  return new JournalError(
    'storage-full',
    `no space left under ${directory}; free some, what is stored stays readable`,
    {
      cause,
    },
  );
}

export function isFull(cause: unknown): boolean {
  return errnoOf(cause) === 'ENOSPC' || errnoOf(cause) === 'EDQUOT';
}

/** For files whose content is already durable, is given up, or was only read: their close has nothing left to lose. */
export function closeQuietly(file: OpenFile): void {
  try {
    file.close();
  } catch {
    // see above
  }
}

function throwStorage(cause: unknown, directory: string, discardIt: () => void): never {
  if (!isFull(cause)) throw storageFailed(directory, cause);
  discardIt();
  throw storageFull(directory, cause);
}

function createAfresh(files: FilePort, path: string): OpenFile {
  try {
    return files.create(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    files.unlink(path); // left by an attempt that could not clean up
    return files.create(path);
  }
}

function discard(files: FilePort, path: string): void {
  try {
    files.unlink(path);
  } catch {
    // The next attempt removes it.
  }
}
