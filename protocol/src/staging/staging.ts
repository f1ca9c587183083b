/**
 * What a device holds of an image, whatever language brought it: begin, mark, holes, seal; and the records that make it durable.
 * The device appends a record for each step to a log in flash and gives the log back after a reset: {@link recoverHeld}.
 */
import type { Manifest } from '../package/manifest.js';
import { layout, octets, reserved, u16, u8 } from '../layout/layout.js';
import { equalOctets } from '../layout/octets.js';
import { HASH_BYTES } from '../limits.js';
import { emptyMap, isWhole, withBitmap, withBlocks, type BlockMap } from './block-map.js';

/** Manifest, OTA header and GBCS signature of an image, checked. */
export interface ImageOffer {
  readonly manifest: Manifest;
  readonly manifestDigest: Uint8Array;
  /** The key that signed the manifest: only it may sign the blocks. */
  readonly manufacturerKey: Uint8Array;
  readonly otaHeader: Uint8Array;
  readonly gbcsSignature: Uint8Array;
}

export interface HeldImage extends ImageOffer {
  /** Durable blocks. */
  readonly map: BlockMap;
  /** True once the whole image was hashed and its signatures held. */
  readonly sealed: boolean;
}

export function beginHeld(offer: ImageOffer): HeldImage {
  return { ...offer, map: emptyMap(offer.manifest.blockCount), sealed: false };
}

export function markDurable(held: HeldImage, blocks: readonly number[]): HeldImage {
  return { ...held, map: withBlocks(held.map, blocks) };
}

export function markSealed(held: HeldImage): HeldImage {
  return { ...held, sealed: true };
}

export function isComplete(held: HeldImage): boolean {
  return isWhole(held.map);
}

// Records. Types are far apart in bits, so that a spoilt one is not another.
const TYPES = { begin: 0xb1, blocks: 0x4e, sealed: 0xd8, dropped: 0x27 } as const;
const BEGIN = layout({ type: u8, reserved1: reserved(3), manifestDigest: octets(HASH_BYTES) });
const BITS_OCTETS = 8;
const BLOCKS = layout({ type: u8, reserved1: reserved(1), firstBlock: u16, bits: octets(BITS_OCTETS) });
const MARK = layout({ type: u8, reserved1: reserved(3) });
/** Blocks that one record can name; it begins at a multiple of 8. */
export const RECORD_BLOCKS: number = BITS_OCTETS * 8;
/** Longest record, before the log's own framing. */
export const STAGING_RECORD_BYTES_MAX: number = BEGIN.bytes;

export function beginRecord(manifestDigest: Uint8Array): Uint8Array {
  return BEGIN.encode({ type: TYPES.begin, manifestDigest });
}

export function sealedRecord(): Uint8Array {
  return MARK.encode({ type: TYPES.sealed });
}

export function droppedRecord(): Uint8Array {
  return MARK.encode({ type: TYPES.dropped });
}

/** As few records as name all of `blocks`. */
export function blocksRecords(blocks: readonly number[]): Uint8Array[] {
  const records: Uint8Array[] = [];
  let rest = [...blocks].toSorted((a, b) => a - b);
  while (rest.length > 0) {
    const firstBlock = rest[0]! & ~7;
    const bits = new Uint8Array(BITS_OCTETS);
    for (const block of rest) if (block < firstBlock + RECORD_BLOCKS) bits[(block - firstBlock) >> 3]! |= 1 << (block & 7);
    rest = rest.filter((block) => block >= firstBlock + RECORD_BLOCKS);
    records.push(BLOCKS.encode({ type: TYPES.blocks, firstBlock, bits }));
  }
  return records;
}

/** The shortest log that says the same: written when the log is full. */
export function snapshotRecords(held: HeldImage | undefined): Uint8Array[] {
  if (held === undefined) return [];
  const records = [beginRecord(held.manifestDigest)];
  for (let firstBlock = 0; firstBlock < held.map.blockCount; firstBlock += RECORD_BLOCKS) {
    const bits = new Uint8Array(BITS_OCTETS);
    bits.set(held.map.bits.subarray(firstBlock >> 3, (firstBlock >> 3) + BITS_OCTETS));
    if (bits.some((octet) => octet !== 0)) records.push(BLOCKS.encode({ type: TYPES.blocks, firstBlock, bits }));
  }
  return held.sealed ? [...records, sealedRecord()] : records;
}

/** Records that a snapshot of an image of `blockCount` blocks can need. */
export function snapshotRecordsMax(blockCount: number): number {
  return Math.ceil(blockCount / RECORD_BLOCKS) + 2;
}

/**
 * What the log says is held. `offer` is what stands beside the slot; when it is not the image that the log speaks of, nothing is held.
 * Unknown records are ignored: the log's own CRC has spoken for them.
 */
export function recoverHeld(records: Iterable<Uint8Array>, offer: ImageOffer | undefined): HeldImage | undefined {
  let held: HeldImage | undefined;
  for (const record of records) {
    switch (record[0]) {
      case TYPES.begin:
        held = undefined;
        if (offer !== undefined && record.length >= BEGIN.bytes) {
          if (equalOctets(BEGIN.decode(record).manifestDigest, offer.manifestDigest)) held = beginHeld(offer);
        }
        break;
      case TYPES.blocks:
        if (held !== undefined && record.length >= BLOCKS.bytes) {
          const { firstBlock, bits } = BLOCKS.decode(record);
          held = { ...held, map: withBitmap(held.map, firstBlock, bits) };
        }
        break;
      case TYPES.sealed:
        if (held !== undefined) held = markSealed(held);
        break;
      case TYPES.dropped:
        held = undefined;
        break;
    }
  }
  return held;
}
