import { JournalError } from './error.js';
import type { FilePort, OpenFile } from './files/file-port.js';
import { SEGMENT_HEADER_BYTES, decodeFrame, decodeSegmentHeader, sameOctets, sequenceOfFrameHeader } from './format.js';
import type { Frame, SegmentHeader } from './format.js';
import { SECTOR_BYTES, SEGMENT_BYTES_MAX } from './limits.js';
import { RecordIndex } from './record-index.js';
import { closeQuietly, listSegments, segmentPath } from './segment.js';

/** What the files say. Nothing was changed to find out. */
export interface Scan {
  readonly index: RecordIndex;
  /** The last segment; undefined while there is none. */
  readonly last: ScannedSegment | undefined;
}

export interface ScannedSegment {
  readonly header: SegmentHeader;
  readonly frames: readonly Frame[];
  readonly endBytes: number;
  readonly nextSequence: number;
  readonly chain: Uint8Array;
  /** The octets of the last frame, which alone may not be durable yet. */
  readonly lastFrameOctets: Uint8Array;
}

/**
 * Reads all segments. A bad frame ends the log when nothing good follows it.
 *
 * @param rounds - How often to look at the last segment before a hole in it is believed: 1, or more while its owner may write.
 * @throws {@link JournalError} `corrupt`; whatever the port throws.
 */
export function scanJournal(files: FilePort, directory: string, rounds: number): Scan {
  const index = new RecordIndex(files, directory);
  const numbers = listSegments(files, directory);
  let last: ScannedSegment | undefined;
  for (const [position, number] of numbers.entries()) {
    const path = segmentPath(directory, number);
    if (number !== position + 1) throw corrupt(segmentPath(directory, position + 1), 'is missing');
    for (let round = 1; ; round += 1) {
      const octets = readWhole(files, path);
      const header = decodeSegmentHeader(octets);
      if (header?.number !== number) throw corrupt(path, 'has a damaged header');
      if (octets.length !== header.segmentBytes)
        throw corrupt(path, `has ${octets.length} of ${header.segmentBytes} octets`);
      if (last !== undefined && !carriesOn(last, header)) {
        throw corrupt(
          segmentPath(directory, number - 1),
          'has lost records that the next segment builds on',
          last.endBytes,
        );
      }
      if (last === undefined && header.firstSequence !== 1) throw corrupt(path, 'does not begin with record 1');
      const scanned = scanSegment(octets, header);
      const follower = laterFrame(octets, scanned);
      if (follower === undefined) {
        last = scanned;
        break;
      }
      if (round >= rounds) throw corrupt(path, `is damaged before a good frame at octet ${follower}`, scanned.endBytes);
    }
    for (const frame of last.frames) index.add(number, frame);
  }
  return { index, last };
}

function scanSegment(octets: Uint8Array, header: SegmentHeader): ScannedSegment {
  const frames: Frame[] = [];
  let endBytes = SEGMENT_HEADER_BYTES;
  let nextSequence = header.firstSequence;
  let chain = header.chain;
  for (;;) {
    const frame = decodeFrame(octets, endBytes, nextSequence, header.salt, chain);
    if (frame === undefined) break;
    frames.push(frame);
    endBytes = frame.endBytes;
    nextSequence += frame.records.length;
    chain = frame.chain;
  }
  const lastFrame = frames.at(-1);
  const lastFrameOctets = lastFrame === undefined ? new Uint8Array(0) : octets.slice(lastFrame.offsetBytes, endBytes);
  return { header, frames, endBytes, nextSequence, chain, lastFrameOctets };
}

/** Offset of an intact frame header behind the end: the frame at the end was durable once, for frames are written one at a time. */
function laterFrame(octets: Uint8Array, scanned: ScannedSegment): number | undefined {
  for (let at = scanned.endBytes + SECTOR_BYTES; at < octets.length; at += SECTOR_BYTES) {
    const sequence = sequenceOfFrameHeader(octets, at, scanned.header.salt);
    if (sequence !== undefined && sequence > scanned.nextSequence) return at;
  }
  return undefined;
}

function carriesOn(before: ScannedSegment, header: SegmentHeader): boolean {
  return (
    header.firstSequence === before.nextSequence &&
    sameOctets(header.chain, before.chain) &&
    sameOctets(header.salt, before.header.salt)
  );
}

function readWhole(files: FilePort, path: string): Uint8Array {
  let file: OpenFile | undefined;
  try {
    file = files.open(path, 'read');
    const sizeBytes = file.sizeBytes();
    if (sizeBytes > SEGMENT_BYTES_MAX) throw corrupt(path, `has ${sizeBytes} octets, more than any segment`);
    const octets = new Uint8Array(sizeBytes);
    return octets.subarray(0, file.readAt(octets, 0));
  } finally {
    if (file !== undefined) closeQuietly(file);
  }
}

function corrupt(path: string, what: string, offsetBytes?: number): JournalError {
  const where = offsetBytes === undefined ? '' : ` (octet ${offsetBytes})`;
  return new JournalError('corrupt', `${path} ${what}${where}; nothing was changed. Restore the directory from a copy`);
}
