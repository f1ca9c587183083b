import { FlashError, FlashFileError } from '../errors.js';
import { FLASH_FILE_HEADER_BYTES, PARTITION_NAME_BYTES, SECTOR_RUNS_MAX } from '../limits.js';
import type { Crc32, FlashLayout, Partition, PartitionName, SectorRun } from './flash-port.js';
import { PARTITION_NAMES } from './flash-port.js';
import type { FlashShape } from './geometry.js';
import { shapeOf } from './geometry.js';

// docs/FLASH-FILE.md draws this layout; everything is little-endian.
const MAGIC = [0x53, 0x31, 0x46, 0x4c, 0x41, 0x53, 0x48, 0x00]; // "S1FLASH" and a zero
const VERSION = 1;
const AT = {
  version: 8,
  flags: 10,
  headerBytes: 12,
  flashOffset: 16,
  flashBytes: 20,
  wearOffset: 24,
  sectorCount: 28,
  granuleBytes: 32,
  erasedValue: 34,
  runCount: 36,
  partitionCount: 38,
  runs: 40,
} as const;
const FLAG_REWRITABLE = 1;
const RUN_BYTES = 8;
const PARTITION_BYTES = PARTITION_NAME_BYTES + 8;
const WEAR_BYTES = 8;

/** Offset in the file of a sector's wear counter. */
export function wearOffsetBytes(flashBytes: number, sectorIndex: number): number {
  return FLASH_FILE_HEADER_BYTES + flashBytes + sectorIndex * WEAR_BYTES;
}

/** Wear counters as the file holds them: per sector the count (u32) and the CRC-32 of those four octets. */
export function encodeWear(counts: Uint32Array, crc32: Crc32): Uint8Array {
  const octets = new Uint8Array(counts.length * WEAR_BYTES);
  const view = new DataView(octets.buffer);
  counts.forEach((count, i) => {
    const at = i * WEAR_BYTES;
    view.setUint32(at, count, true);
    view.setUint32(at + 4, crc32(octets.subarray(at, at + 4)), true);
  });
  return octets;
}

/** The file's first {@link FLASH_FILE_HEADER_BYTES} octets. @throws FlashError `bad-layout` */
export function encodeFlashFileHeader(layout: FlashLayout, crc32: Crc32): Uint8Array {
  const shape = shapeOf(layout);
  const { geometry, partitions } = layout;
  const octets = new Uint8Array(FLASH_FILE_HEADER_BYTES);
  const view = new DataView(octets.buffer);
  const partitionsAt = AT.runs + geometry.sectorRuns.length * RUN_BYTES;
  const crcAt = partitionsAt + partitions.length * PARTITION_BYTES;
  octets.set(MAGIC);
  view.setUint16(AT.version, VERSION, true);
  view.setUint16(AT.flags, geometry.granuleRewritable ? FLAG_REWRITABLE : 0, true);
  view.setUint32(AT.headerBytes, crcAt + 4, true);
  view.setUint32(AT.flashOffset, FLASH_FILE_HEADER_BYTES, true);
  view.setUint32(AT.flashBytes, shape.sizeBytes, true);
  view.setUint32(AT.wearOffset, wearOffsetBytes(shape.sizeBytes, 0), true);
  view.setUint32(AT.sectorCount, shape.sectors.length, true);
  view.setUint16(AT.granuleBytes, geometry.granuleBytes, true);
  view.setUint8(AT.erasedValue, geometry.erasedValue);
  view.setUint16(AT.runCount, geometry.sectorRuns.length, true);
  view.setUint16(AT.partitionCount, partitions.length, true);
  geometry.sectorRuns.forEach((run, i) => {
    view.setUint32(AT.runs + i * RUN_BYTES, run.count, true);
    view.setUint32(AT.runs + i * RUN_BYTES + 4, run.sectorBytes, true);
  });
  partitions.forEach((partition, i) => {
    const at = partitionsAt + i * PARTITION_BYTES;
    octets.set(asciiOctets(partition.name), at);
    view.setUint32(at + PARTITION_NAME_BYTES, partition.offsetBytes, true);
    view.setUint32(at + PARTITION_NAME_BYTES + 4, partition.lengthBytes, true);
  });
  view.setUint32(crcAt, crc32(octets.subarray(0, crcAt)), true);
  return octets;
}

export interface FlashFile {
  readonly shape: FlashShape;
  /** The raw flash octets, a view of the file. */
  readonly flash: Uint8Array;
  readonly wear: Uint32Array;
}

/** @throws FlashFileError with the cause and the way out */
export function decodeFlashFile(file: Uint8Array, crc32: Crc32): FlashFile {
  const layout = decodeLayout(file, crc32);
  const shape = shapeOrFault(layout);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const declared = {
    flashOffset: view.getUint32(AT.flashOffset, true),
    flashBytes: view.getUint32(AT.flashBytes, true),
    wearOffset: view.getUint32(AT.wearOffset, true),
    sectorCount: view.getUint32(AT.sectorCount, true),
  };
  if (
    declared.flashOffset !== FLASH_FILE_HEADER_BYTES ||
    declared.flashBytes !== shape.sizeBytes ||
    declared.wearOffset !== wearOffsetBytes(shape.sizeBytes, 0) ||
    declared.sectorCount !== shape.sectors.length
  ) {
    throw fault('bad-layout', 'the offsets in its header contradict its sector table');
  }
  const endBytes = wearOffsetBytes(shape.sizeBytes, shape.sectors.length);
  if (file.length < endBytes) throw fault('truncated', `it has ${file.length} of ${endBytes} octets`);
  const wear = new Uint32Array(shape.sectors.length);
  for (let i = 0; i < wear.length; i++) {
    const at = wearOffsetBytes(shape.sizeBytes, i);
    // A counter is bookkeeping: a spoilt one starts again from 0, it does not take the meter away.
    const intact = view.getUint32(at + 4, true) === crc32(file.subarray(at, at + 4));
    wear[i] = intact ? view.getUint32(at, true) : 0;
  }
  const flash = file.subarray(declared.flashOffset, declared.flashOffset + declared.flashBytes);
  return { shape, flash, wear };
}

function decodeLayout(file: Uint8Array, crc32: Crc32): FlashLayout {
  if (file.length < FLASH_FILE_HEADER_BYTES) throw fault('truncated', `it has only ${file.length} octets`);
  if (MAGIC.some((octet, i) => file[i] !== octet)) throw fault('bad-magic', 'it does not start with S1FLASH');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const version = view.getUint16(AT.version, true);
  if (version !== VERSION) throw fault('bad-version', `its format is ${version}, this program reads ${VERSION}`);
  const runCount = view.getUint16(AT.runCount, true);
  const partitionCount = view.getUint16(AT.partitionCount, true);
  if (runCount > SECTOR_RUNS_MAX || partitionCount > PARTITION_NAMES.length) {
    throw fault('bad-layout', `it names ${runCount} sector runs and ${partitionCount} partitions`);
  }
  const partitionsAt = AT.runs + runCount * RUN_BYTES;
  const crcAt = partitionsAt + partitionCount * PARTITION_BYTES;
  if (view.getUint32(AT.headerBytes, true) !== crcAt + 4) throw fault('bad-layout', 'its header length is wrong');
  if (view.getUint32(crcAt, true) !== crc32(file.subarray(0, crcAt))) throw fault('bad-crc', 'its header is damaged');
  const sectorRuns: SectorRun[] = [];
  for (let i = 0; i < runCount; i++) {
    const at = AT.runs + i * RUN_BYTES;
    sectorRuns.push({ count: view.getUint32(at, true), sectorBytes: view.getUint32(at + 4, true) });
  }
  const partitions: Partition[] = [];
  for (let i = 0; i < partitionCount; i++) {
    const at = partitionsAt + i * PARTITION_BYTES;
    partitions.push({
      name: partitionName(file.subarray(at, at + PARTITION_NAME_BYTES)),
      offsetBytes: view.getUint32(at + PARTITION_NAME_BYTES, true),
      lengthBytes: view.getUint32(at + PARTITION_NAME_BYTES + 4, true),
    });
  }
  const erased = view.getUint8(AT.erasedValue);
  if (erased !== 0x00 && erased !== 0xff) throw fault('bad-layout', `its erased value is ${erased}`);
  const granuleBytes = view.getUint16(AT.granuleBytes, true);
  const granuleRewritable = (view.getUint16(AT.flags, true) & FLAG_REWRITABLE) !== 0;
  return { geometry: { sectorRuns, granuleBytes, granuleRewritable, erasedValue: erased }, partitions };
}

function shapeOrFault(layout: FlashLayout): FlashShape {
  try {
    return shapeOf(layout);
  } catch (error) {
    if (!(error instanceof FlashError)) throw error;
    throw new FlashFileError('bad-layout', `this flash file cannot be used: ${error.message}`, { cause: error });
  }
}

function partitionName(octets: Uint8Array): PartitionName {
  const text = String.fromCharCode(...octets).replace(/\0+$/, '');
  const name = PARTITION_NAMES.find((candidate) => candidate === text);
  if (name === undefined) throw fault('bad-layout', `it has a partition that this program does not know`);
  return name;
}

function asciiOctets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function fault(code: FlashFileError['code'], why: string): FlashFileError {
  return new FlashFileError(
    code,
    `this flash file cannot be used: ${why}. Take a copy of it, or delete it to start with a new meter`,
  );
}
