/** The container of packages and parts (SPEC.md §6): one format, laid out and read here; nothing is signed or verified here. */
import { bad, good, LocalProtocolError, type Checked, type Fault } from '../errors.js';
import { crc32 } from '../layout/crc.js';
import { layout, octets, reserved, u16, u32, u8 } from '../layout/layout.js';
import { equalOctets, toHex } from '../layout/octets.js';
import {
  CRC32_BYTES,
  MANIFEST_BYTES_MAX,
  MANIFEST_BYTES_MIN,
  OTA_HEADER_BYTES,
  PART_BYTES_MAX,
  SIGNATURE_BYTES,
} from '../limits.js';
import type { PackageFault } from '../refusal.js';
import { blockBytes, decodeManifest, type Geometry, type Manifest } from './manifest.js';

export type ContainerKind = 'package' | 'part';

/** A container whose structure and CRCs are right; no signature is checked. All octets but the manifest's are views of what was read. */
export interface Container {
  readonly kind: ContainerKind;
  readonly manifest: Manifest;
  /** 60 octets. */
  readonly otaHeader: Uint8Array;
  /** 64 octets. */
  readonly gbcsSignature: Uint8Array;
  readonly firstBlock: number;
  /** Payload and signature of block `firstBlock + i` at `i`. */
  readonly blocks: readonly Uint8Array[];
  /** The block records as they stand: blocks, each followed by its CRC-32. */
  readonly records: Uint8Array;
}

export interface ContainerHead {
  readonly kind: ContainerKind;
  readonly manifest: Manifest;
  readonly otaHeader: Uint8Array;
  readonly gbcsSignature: Uint8Array;
  readonly firstBlock: number;
  readonly blockRun: number;
}

/**
 * Reads structure and CRCs of a package or part.
 *
 * Faults: `truncated`, `trailingOctets`, `malformed`, `unsupportedVersion`, `unknownKind`, `badLength`, `badCrc` (with the block, if it is
 * a block's), and those of `decodeManifest`.
 */
export function readContainer(source: Uint8Array): Checked<Container, PackageFault> {
  if (source.length < HEAD.bytes)
    return bad('truncated', `a package or part has more than ${HEAD.bytes} octets, not ${source.length}`);
  const { magic, major, minor, kind: kindOctet, totalBytes, firstBlock, blockRun, manifestBytes } = HEAD.decode(source);
  if (!equalOctets(magic, MAGIC)) return bad('malformed', `neither package nor part: begins with ${toHex(magic)}`);
  // A container is not signed as a whole, so nothing but this keeps another minor from being this one with a spoilt octet.
  if (major !== MAJOR || minor !== MINOR) {
    return bad('unsupportedVersion', `container of version ${major}.${minor}, this release reads ${MAJOR}.${MINOR}`);
  }
  const kind = KINDS.get(kindOctet);
  if (kind === undefined)
    return bad('unknownKind', `container of kind ${kindOctet}, known are 1 (package) and 2 (part)`);
  if (!HEAD.reservedIsZero(source)) return bad('malformed', `a reserved field of the ${kind} is not zero`);
  if (source.length < totalBytes) return bad('truncated', `${source.length} octets of a ${kind} of ${totalBytes}`);
  if (source.length > totalBytes)
    return bad('trailingOctets', `${source.length - totalBytes} octets after the end of the ${kind}`);
  if (kind === 'part' && totalBytes > PART_BYTES_MAX) {
    return bad('badLength', `a part has at most ${PART_BYTES_MAX} octets, not ${totalBytes}`);
  }
  if (manifestBytes < MANIFEST_BYTES_MIN || manifestBytes > MANIFEST_BYTES_MAX) {
    return bad(
      'badLength',
      `manifestBytes is ${manifestBytes}, must be ${MANIFEST_BYTES_MIN} to ${MANIFEST_BYTES_MAX}`,
    );
  }
  const otaHeaderAt = HEAD.bytes + manifestBytes;
  const gbcsSignatureAt = otaHeaderAt + OTA_HEADER_BYTES;
  const crcAt = gbcsSignatureAt + SIGNATURE_BYTES;
  const recordsAt = crcAt + CRC32_BYTES;
  if (source.length < recordsAt)
    return bad('badLength', `a ${kind} of ${totalBytes} octets has no room for its head of ${recordsAt}`);
  if (!crcHolds(source, 0, crcAt)) return bad('badCrc', `the head of the ${kind} is spoilt`);

  const decoded = decodeManifest(source.subarray(HEAD.bytes, otaHeaderAt));
  if (!decoded.ok)
    return decoded.fault.code === 'truncated' || decoded.fault.code === 'trailingOctets'
      ? headAndManifestDisagree(decoded.fault)
      : decoded;
  const manifest = decoded.value;
  const { blockCount } = manifest;
  if (blockRun < 1 || firstBlock + blockRun > blockCount) {
    return bad('malformed', `a run of ${blockRun} blocks from ${firstBlock} on, in an image of ${blockCount}`);
  }
  if (kind === 'package' && blockRun !== blockCount) {
    return bad('malformed', `a package holds every block, not ${blockRun} of ${blockCount}`);
  }
  // Before any block is looked at: the one length that the run can have.
  const expectedBytes = recordsAt + recordsBytes(manifest, firstBlock, blockRun);
  if (totalBytes !== expectedBytes) {
    return bad(
      'badLength',
      `a ${kind} of ${blockRun} blocks from ${firstBlock} on has ${expectedBytes} octets here, not ${totalBytes}`,
    );
  }
  const blocks: Uint8Array[] = [];
  for (let index = firstBlock, at = recordsAt; index < firstBlock + blockRun; index++) {
    const end = at + blockBytes(manifest, index);
    if (!crcHolds(source, at, end)) return bad('badCrc', `block ${index} is spoilt`, index);
    blocks.push(source.subarray(at, end));
    at = end + CRC32_BYTES;
  }
  return good({
    kind,
    manifest,
    otaHeader: source.subarray(otaHeaderAt, gbcsSignatureAt),
    gbcsSignature: source.subarray(gbcsSignatureAt, crcAt),
    firstBlock,
    blocks,
    records: source.subarray(recordsAt),
  });
}

/**
 * Lays out a container and writes all of it but the records, which the caller puts in from `recordsAt` on.
 *
 * @throws {@link LocalProtocolError} when the run is not within the image, or a part would be too large.
 */
export function layOutContainer(head: ContainerHead): { readonly octets: Uint8Array; readonly recordsAt: number } {
  const { kind, manifest, otaHeader, gbcsSignature, firstBlock, blockRun } = head;
  const recordsAt = containerHeadBytes(manifest);
  const totalBytes = recordsAt + recordsBytes(manifest, firstBlock, blockRun);
  if (kind === 'part' && totalBytes > PART_BYTES_MAX)
    throw new LocalProtocolError(`a part of ${totalBytes} octets is too large`);
  const container = new Uint8Array(totalBytes);
  const { manifestBytes } = manifest;
  HEAD.encodeInto(
    {
      magic: MAGIC,
      major: MAJOR,
      minor: MINOR,
      kind: KIND_OCTETS[kind],
      totalBytes,
      firstBlock,
      blockRun,
      manifestBytes,
    },
    container,
    0,
  );
  container.set(manifest.octets, HEAD.bytes);
  container.set(otaHeader, HEAD.bytes + manifestBytes);
  container.set(gbcsSignature, HEAD.bytes + manifestBytes + OTA_HEADER_BYTES);
  writeCrc(container, 0, recordsAt - CRC32_BYTES);
  return { octets: container, recordsAt };
}

/** Octets before the first record. */
export function containerHeadBytes(manifest: Pick<Manifest, 'manifestBytes'>): number {
  return HEAD.bytes + manifest.manifestBytes + OTA_HEADER_BYTES + SIGNATURE_BYTES + CRC32_BYTES;
}

/** Octets of the records of `blockRun` blocks from `firstBlock` on. */
export function recordsBytes(manifest: Geometry, firstBlock: number, blockRun: number): number {
  const last = firstBlock + blockRun - 1;
  return (blockRun - 1) * recordBytes(manifest, firstBlock) + recordBytes(manifest, last);
}

/** Octets of the record of one block: payload, signature and CRC-32. */
export function recordBytes(manifest: Geometry, index: number): number {
  return blockBytes(manifest, index) + CRC32_BYTES;
}

/** Writes the CRC-32 of octets `start` to `end` at `end`. */
export function writeCrc(container: Uint8Array, start: number, end: number): void {
  CRC.encodeInto({ crc32: crc32(container.subarray(start, end)) }, container, end);
}

const MAGIC = Uint8Array.of(0x53, 0x31, 0x50, 0x4b);
const MAJOR = 1;
const MINOR = 0;
const KIND_OCTETS: Readonly<Record<ContainerKind, number>> = { package: 1, part: 2 };
const KINDS: ReadonlyMap<number, ContainerKind> = new Map([
  [KIND_OCTETS.package, 'package'],
  [KIND_OCTETS.part, 'part'],
]);

const HEAD = layout({
  magic: octets(4),
  major: u8,
  minor: u8,
  kind: u8,
  reservedOctet: reserved(1),
  totalBytes: u32,
  firstBlock: u32,
  blockRun: u32,
  manifestBytes: u16,
  reservedPair: reserved(2),
});
const CRC = layout({ crc32: u32 });

/** The container has all its octets, so a manifest cut short is no reason to ask for more of them. */
function headAndManifestDisagree(fault: Fault<PackageFault>): Checked<never, PackageFault> {
  return bad('badLength', `the manifest does not fill the room that the head gives it: ${fault.detail}`);
}

function crcHolds(source: Uint8Array, start: number, end: number): boolean {
  return CRC.decode(source, end).crc32 === crc32(source.subarray(start, end));
}
