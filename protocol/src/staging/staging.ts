/**
 * What a device holds of an image, whatever language brought it: begin, mark, holes, seal; and the records that make it durable.
 * The device appends a record for each step to a log in flash and gives the log back after a reset: {@link recoverHeld}.
 */
import type { Manifest } from '../package/manifest.js';
import { layout, octets, reserved, u16, u32, u8 } from '../layout/layout.js';
import { equalOctets, isZero } from '../layout/octets.js';
import { HASH_BYTES, STAGING_RECORD_MAP_BYTES } from '../limits.js';
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
  /** Counts the slot preparations: the same image begun again is another instance, whose blocks are not those of the first. */
  readonly instance: number;
}

export function beginHeld(offer: ImageOffer, instance: number): HeldImage {
  return { ...offer, map: emptyMap(offer.manifest.blockCount), sealed: false, instance };
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

// Records. Types are far apart in bits, so that a spoilt one is not another; each names its instance, so that their order does not matter.
const TYPES = { begin: 0xb1, blocks: 0x4e, sealed: 0xd8, dropped: 0x27 } as const;
const BEGIN = layout({ type: u8, reserved1: reserved(3), instance: u32, manifestDigest: octets(HASH_BYTES) });
const BLOCKS = layout({
  type: u8,
  reserved1: reserved(1),
  firstBlock: u16,
  instance: u32,
  bits: octets(STAGING_RECORD_MAP_BYTES),
});
const MARK = layout({ type: u8, reserved1: reserved(3), instance: u32 });
/** Blocks that one record can name; it begins at a multiple of 8. */
export const RECORD_BLOCKS: number = STAGING_RECORD_MAP_BYTES * 8;
/** Longest record, before the log's own framing. */
export const STAGING_RECORD_BYTES_MAX: number = BEGIN.bytes;

export function beginRecord(held: HeldImage): Uint8Array {
  return BEGIN.encode({ type: TYPES.begin, instance: held.instance, manifestDigest: held.manifestDigest });
}

export function sealedRecord(held: HeldImage): Uint8Array {
  return MARK.encode({ type: TYPES.sealed, instance: held.instance });
}

export function droppedRecord(held: HeldImage): Uint8Array {
  return MARK.encode({ type: TYPES.dropped, instance: held.instance });
}

/** As few records as name all of `blocks`. */
export function blocksRecords(held: HeldImage, blocks: readonly number[]): Uint8Array[] {
  const records: Uint8Array[] = [];
  let rest = blocks.toSorted((a, b) => a - b);
  while (rest.length > 0) {
    const firstBlock = rest[0]! & ~7;
    const bits = new Uint8Array(STAGING_RECORD_MAP_BYTES);
    for (const block of rest)
      if (block < firstBlock + RECORD_BLOCKS) bits[(block - firstBlock) >> 3]! |= 1 << (block & 7);
    rest = rest.filter((block) => block >= firstBlock + RECORD_BLOCKS);
    records.push(BLOCKS.encode({ type: TYPES.blocks, firstBlock, instance: held.instance, bits }));
  }
  return records;
}

/** The shortest log that says the same: written when the log is full. */
export function snapshotRecords(held: HeldImage | undefined): Uint8Array[] {
  if (held === undefined) return [];
  const { map, instance } = held;
  const records = [beginRecord(held)];
  for (let firstBlock = 0; firstBlock < map.blockCount; firstBlock += RECORD_BLOCKS) {
    const bits = new Uint8Array(STAGING_RECORD_MAP_BYTES);
    bits.set(map.bits.subarray(firstBlock >> 3, (firstBlock >> 3) + STAGING_RECORD_MAP_BYTES));
    if (!isZero(bits)) records.push(BLOCKS.encode({ type: TYPES.blocks, firstBlock, instance, bits }));
  }
  return held.sealed ? [...records, sealedRecord(held)] : records;
}

/** Blocks of the largest image whose snapshot fits into `records` records. */
export function snapshotBlocksMax(records: number): number {
  return Math.max(0, records - 2) * RECORD_BLOCKS;
}

/** What the log says: the image held, if any, and the highest instance number used. */
export interface Recovered {
  readonly held: HeldImage | undefined;
  readonly lastInstance: number;
}

/**
 * `offer` is what stands beside the slot; when it is not the image that the log speaks of, nothing is held.
 * Unknown records are ignored: the log's own CRC has spoken for them.
 */
export function recoverHeld(records: readonly Uint8Array[], offer: ImageOffer | undefined): Recovered {
  const begun = records
    .filter((record) => record[0] === TYPES.begin && record.length >= BEGIN.bytes)
    .map((record) => BEGIN.decode(record));
  const last = begun.reduce<(typeof begun)[number] | undefined>(
    (a, b) => (a === undefined || b.instance >= a.instance ? b : a),
    undefined,
  );
  if (last === undefined) return { held: undefined, lastInstance: 0 };
  const { instance } = last;
  if (offer === undefined || !equalOctets(last.manifestDigest, offer.manifestDigest))
    return { held: undefined, lastInstance: instance };
  let held: HeldImage | undefined = beginHeld(offer, instance);
  for (const record of records) {
    const type = record[0];
    if (type === TYPES.blocks && record.length >= BLOCKS.bytes) {
      const blocks = BLOCKS.decode(record);
      if (held !== undefined && blocks.instance === instance)
        held = { ...held, map: withBitmap(held.map, blocks.firstBlock, blocks.bits) };
    } else if (
      (type === TYPES.sealed || type === TYPES.dropped) &&
      record.length >= MARK.bytes &&
      MARK.decode(record).instance === instance
    ) {
      if (type === TYPES.dropped) held = undefined;
      else if (held !== undefined) held = markSealed(held);
    }
  }
  return { held, lastInstance: instance };
}
