/**
 * Octets on disk; numbers are little-endian.
 *
 *   segment:  | header, one sector | frame | frame | … | zeros |       each frame starts on a sector
 *   frame:    0       4           8               16            20     28      44          48
 *             | magic | bodyBytes | firstSequence | recordCount | salt | chain | headerCrc | record | record | …
 *   record:   0          8        12    16
 *             | sequence | length | crc | octets[length]
 *
 * A frame is what one write and one fdatasync made durable. Since the next frame is written only after that, at most the last
 * frame can be torn, and a good frame behind a bad one proves that the bad one was whole once. The salt is random per journal:
 * octets that a caller stores cannot pass for a frame header. chain = chainHash(previous chain, header before chain, body).
 */
import { chainHash, crc32 } from './digest.js';
import { SECTOR_BYTES } from './limits.js';

const SEGMENT_AT = {
  magic: 0,
  version: 4,
  segmentBytes: 8,
  number: 12,
  firstSequence: 16,
  salt: 24,
  chain: 32,
  crc: 48,
} as const;
const FRAME_AT = { magic: 0, bodyBytes: 4, firstSequence: 8, recordCount: 16, salt: 20, chain: 28, crc: 44 } as const;
const RECORD_AT = { sequence: 0, length: 8, crc: 12, octets: 16 } as const;
const SEGMENT_MAGIC = 0x534a4d53; // 'SMJS'
const FRAME_MAGIC = 0x464a4d53; // 'SMJF'
const FORMAT_VERSION = 1;

export const SALT_BYTES = 8;
export const CHAIN_BYTES = 16;
export const FRAME_HEADER_BYTES = 48;
export const RECORD_HEADER_BYTES: number = RECORD_AT.octets;
export const SEGMENT_HEADER_BYTES: number = SECTOR_BYTES;

export interface SegmentHeader {
  readonly number: number;
  readonly segmentBytes: number;
  readonly firstSequence: number;
  readonly salt: Uint8Array;
  /** The chain before the first frame. */
  readonly chain: Uint8Array;
}

export interface Frame {
  /** From the start of the segment; where the next frame starts is `endBytes`. */
  readonly offsetBytes: number;
  readonly endBytes: number;
  readonly firstSequence: number;
  readonly records: readonly { readonly offsetBytes: number; readonly lengthBytes: number }[];
  readonly chain: Uint8Array;
}

/** What a frame for `bodyBytes` of records takes on disk. */
export function frameBytes(bodyBytes: number): number {
  return Math.ceil((FRAME_HEADER_BYTES + bodyBytes) / SECTOR_BYTES) * SECTOR_BYTES;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const octets = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(octets);
  view.setUint32(SEGMENT_AT.magic, SEGMENT_MAGIC, true);
  view.setUint32(SEGMENT_AT.version, FORMAT_VERSION, true);
  view.setUint32(SEGMENT_AT.segmentBytes, header.segmentBytes, true);
  view.setUint32(SEGMENT_AT.number, header.number, true);
  view.setBigUint64(SEGMENT_AT.firstSequence, BigInt(header.firstSequence), true);
  octets.set(header.salt, SEGMENT_AT.salt);
  octets.set(header.chain, SEGMENT_AT.chain);
  view.setUint32(SEGMENT_AT.crc, crc32(octets.subarray(0, SEGMENT_AT.crc)), true);
  return octets;
}

/** Undefined when the octets are no segment header of this version. */
export function decodeSegmentHeader(octets: Uint8Array): SegmentHeader | undefined {
  if (octets.length < SEGMENT_HEADER_BYTES) return undefined;
  const view = viewOf(octets);
  if (view.getUint32(SEGMENT_AT.magic, true) !== SEGMENT_MAGIC) return undefined;
  if (view.getUint32(SEGMENT_AT.version, true) !== FORMAT_VERSION) return undefined;
  if (view.getUint32(SEGMENT_AT.crc, true) !== crc32(octets.subarray(0, SEGMENT_AT.crc))) return undefined;
  return {
    number: view.getUint32(SEGMENT_AT.number, true),
    segmentBytes: view.getUint32(SEGMENT_AT.segmentBytes, true),
    firstSequence: Number(view.getBigUint64(SEGMENT_AT.firstSequence, true)),
    salt: octets.slice(SEGMENT_AT.salt, SEGMENT_AT.salt + SALT_BYTES),
    chain: octets.slice(SEGMENT_AT.chain, SEGMENT_AT.chain + CHAIN_BYTES),
  };
}

/** One frame, padded to whole sectors, and the chain after it. */
export function encodeFrame(
  records: readonly Uint8Array[],
  firstSequence: number,
  salt: Uint8Array,
  chain: Uint8Array,
): { readonly octets: Uint8Array; readonly chain: Uint8Array } {
  const bodyBytes = records.reduce((sum, record) => sum + RECORD_HEADER_BYTES + record.length, 0);
  const octets = new Uint8Array(frameBytes(bodyBytes));
  const view = viewOf(octets);
  view.setUint32(FRAME_AT.magic, FRAME_MAGIC, true);
  view.setUint32(FRAME_AT.bodyBytes, bodyBytes, true);
  view.setBigUint64(FRAME_AT.firstSequence, BigInt(firstSequence), true);
  view.setUint32(FRAME_AT.recordCount, records.length, true);
  octets.set(salt, FRAME_AT.salt);
  let at = FRAME_HEADER_BYTES;
  for (const [index, record] of records.entries()) {
    view.setBigUint64(at + RECORD_AT.sequence, BigInt(firstSequence + index), true);
    view.setUint32(at + RECORD_AT.length, record.length, true);
    view.setUint32(at + RECORD_AT.crc, crc32(octets.subarray(at, at + RECORD_AT.crc), record), true);
    octets.set(record, at + RECORD_AT.octets);
    at += RECORD_HEADER_BYTES + record.length;
  }
  const next = chainHash(chain, octets.subarray(0, FRAME_AT.chain), octets.subarray(FRAME_HEADER_BYTES, at));
  octets.set(next, FRAME_AT.chain);
  view.setUint32(FRAME_AT.crc, crc32(octets.subarray(0, FRAME_AT.crc)), true);
  return { octets, chain: next };
}

/** The frame at `offsetBytes`, if it is whole, carries on from `firstSequence` and hangs on `chain`; else undefined. */
export function decodeFrame(
  segment: Uint8Array,
  offsetBytes: number,
  firstSequence: number,
  salt: Uint8Array,
  chain: Uint8Array,
): Frame | undefined {
  if (sequenceOfFrameHeader(segment, offsetBytes, salt) !== firstSequence) return undefined;
  const view = viewOf(segment);
  const bodyAt = offsetBytes + FRAME_HEADER_BYTES;
  const bodyEnd = bodyAt + view.getUint32(offsetBytes + FRAME_AT.bodyBytes, true);
  if (bodyEnd > segment.length) return undefined;
  const own = segment.subarray(offsetBytes + FRAME_AT.chain, offsetBytes + FRAME_AT.chain + CHAIN_BYTES);
  const head = segment.subarray(offsetBytes, offsetBytes + FRAME_AT.chain);
  const next = chainHash(chain, head, segment.subarray(bodyAt, bodyEnd));
  if (!sameOctets(own, next)) return undefined;
  const records: { offsetBytes: number; lengthBytes: number }[] = [];
  let at = bodyAt;
  while (at < bodyEnd) {
    const record = decodeRecord(segment.subarray(at, bodyEnd), firstSequence + records.length);
    if (record === undefined) return undefined;
    records.push({ offsetBytes: at, lengthBytes: record.length });
    at += RECORD_HEADER_BYTES + record.length;
  }
  if (records.length !== view.getUint32(offsetBytes + FRAME_AT.recordCount, true)) return undefined;
  const endBytes = offsetBytes + frameBytes(bodyEnd - bodyAt);
  return { offsetBytes, endBytes, firstSequence, records, chain: next };
}

/** First sequence named by an intact frame header of this journal at `offsetBytes`; the body is not looked at. */
export function sequenceOfFrameHeader(segment: Uint8Array, offsetBytes: number, salt: Uint8Array): number | undefined {
  if (offsetBytes + FRAME_HEADER_BYTES > segment.length) return undefined;
  const view = viewOf(segment);
  if (view.getUint32(offsetBytes + FRAME_AT.magic, true) !== FRAME_MAGIC) return undefined;
  const header = segment.subarray(offsetBytes, offsetBytes + FRAME_HEADER_BYTES);
  if (view.getUint32(offsetBytes + FRAME_AT.crc, true) !== crc32(header.subarray(0, FRAME_AT.crc))) return undefined;
  if (!sameOctets(header.subarray(FRAME_AT.salt, FRAME_AT.salt + SALT_BYTES), salt)) return undefined;
  return Number(view.getBigUint64(offsetBytes + FRAME_AT.firstSequence, true));
}

/** The octets of the record that `bytes` begins with (a view, not a copy), if it is whole and is number `sequence`. */
export function decodeRecord(bytes: Uint8Array, sequence: number): Uint8Array | undefined {
  if (bytes.length < RECORD_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  const end = RECORD_HEADER_BYTES + view.getUint32(RECORD_AT.length, true);
  if (end > bytes.length) return undefined;
  if (Number(view.getBigUint64(RECORD_AT.sequence, true)) !== sequence) return undefined;
  const octets = bytes.subarray(RECORD_AT.octets, end);
  return view.getUint32(RECORD_AT.crc, true) === crc32(bytes.subarray(0, RECORD_AT.crc), octets) ? octets : undefined;
}

export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}
