/** The held image in flash: offer blob and octets in the spare slot, what is durable of them in the staging log. */
import {
  STAGING_RECORD_BYTES_MAX,
  beginHeld,
  beginRecord,
  blocksRecords,
  droppedRecord,
  emptyMap,
  equalOctets,
  hasBlock,
  markDurable,
  recoverHeld,
  sealedRecord,
  snapshotBlocksMax,
  snapshotRecords,
  type HeldImage,
  type ImageOffer,
} from '@smets1/protocol';
import { FlashError } from '../errors.js';
import { discardStaged, recordStaged } from '../boot/boot-records.js';
import type { BootCrypto } from '../boot/boot-crypto.js';
import type { BootState, SlotIndex } from '../boot/boot-state.js';
import { eraseSlot, eraseWhole } from '../boot/factory.js';
import { IMAGE_OFFSET_BYTES, readSlotHeader, slotRegion, writeSlotHeader } from '../boot/slot.js';
import type { FlashPort, FlashRegion } from '../flash/flash-port.js';
import { RecordLog } from '../flash/record-log.js';
import { PROGRAM_PAGE_BYTES, WEAK_READS } from '../limits.js';
import { isFilled, sameOctets } from '../octets.js';
import { blobOf } from './image-header.js';
import { clearedRecord, lostRecords, names, withoutLost } from './lost-blocks.js';

const STAGING_LOG = { logId: 4, payloadBytes: STAGING_RECORD_BYTES_MAX } as const;

/**
 * Lives as long as the power; every call may throw PowerLost, and FlashError `worn`. After a cut the map claims no block
 * whose record is not intact; a claim that was lost with its record only means that the block is sent again.
 */
export class StagingStore {
  readonly #flash: FlashPort;
  readonly #crypto: BootCrypto;
  readonly #log: RecordLog;
  readonly #slot: SlotIndex;
  #lastInstance: number;
  #held: HeldImage | undefined;
  /** Records of blocks that were given up and whose sectors are not known to have been erased since. */
  #lost: readonly Uint8Array[];

  constructor(
    flash: FlashPort,
    crypto: BootCrypto,
    slot: SlotIndex,
    readOffer: (blob: Uint8Array) => ImageOffer | undefined,
  ) {
    this.#flash = flash;
    this.#crypto = crypto;
    this.#slot = slot;
    this.#log = new RecordLog([flash.partition('staging')], STAGING_LOG, crypto.crc32);
    const { records, lost } = withoutLost(this.#log.records.map(({ payload }) => payload));
    this.#lost = lost;
    const blob = readSlotHeader(flash, crypto, slot);
    const { held, lastInstance } = recoverHeld(records, blob && readOffer(blob));
    this.#held = held;
    this.#lastInstance = lastInstance;
  }

  /** Blocks of the largest image whose whole map fits into one sector of the log, where it goes when the ring turns. */
  static blockCountMax(flash: FlashPort): number {
    const region = flash.partition('staging');
    const smallest = Math.min(...region.sectors.map(({ lengthBytes }) => lengthBytes));
    return snapshotBlocksMax(RecordLog.recordsPerSector(smallest, region.granuleBytes, STAGING_LOG) - RECORDS_SPARE);
  }

  /** What flash held at power on. An image that boot does not know as staged, as after a revert, must be sealed again. */
  recovered(state: BootState): HeldImage | undefined {
    const held = this.#held;
    if (held === undefined || !held.sealed) return held;
    const { staged } = state;
    const known =
      staged !== undefined && staged.slot === this.#slot && equalOctets(staged.manifestDigest, held.manifestDigest);
    return known ? held : { ...held, sealed: false };
  }

  /** Forgets what was held, erases the slot, writes the offer; only the last of it, the begin record, makes it count. */
  prepare(image: ImageOffer): HeldImage {
    this.drop();
    eraseSlot(this.#flash, this.#slot, image.manifest.imageBytes);
    writeSlotHeader(this.#flash, this.#crypto, this.#slot, blobOf(image));
    const held = beginHeld(image, this.#lastInstance + 1);
    this.#lastInstance = held.instance;
    this.#append(beginRecord(held));
    this.#held = held;
    return held;
  }

  /**
   * Programs what of a block does not stand there yet. Pages that were programmed before a cut stay: flash with ECC does
   * not take the same octets twice, and power that never stays on for a whole block still gets it done.
   * @throws FlashError `not-erased` where {@link isSpoilt}
   */
  storeBlock(offsetBytes: number, payload: Uint8Array): void {
    const region = slotRegion(this.#flash, this.#slot);
    for (const { at, octets } of pagesOf(region, offsetBytes, payload)) {
      const kind = pageKind(region, at, octets);
      if (kind === 'spoilt')
        throw new FlashError('not-erased', `octets at ${at} of the slot are those of a cut program`);
      if (kind === 'erased') region.program(at, octets);
    }
  }

  /** Whether a page where the block goes is neither erased nor the block's, or not the same each time it is read. */
  isSpoilt(offsetBytes: number, payload: Uint8Array): boolean {
    const region = slotRegion(this.#flash, this.#slot);
    if (
      this.#lost.some((record) => this.#blocksIn(offsetBytes, payload.length).some((block) => names(record, block)))
    ) {
      return true;
    }
    return pagesOf(region, offsetBytes, payload).some(({ at, octets }) => pageKind(region, at, octets) === 'spoilt');
  }

  /**
   * Gives up every block that shares a sector with these octets of the image, and erases those sectors: what a cut has
   * torn counts again only after a whole erase, and the blocks beside it may have been damaged with it.
   * @returns what is still held; undefined when that is nothing, because the offer lay in one of the sectors
   */
  reclaim(offsetBytes: number, lengthBytes: number): HeldImage | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    const region = slotRegion(this.#flash, this.#slot);
    const fromBytes = IMAGE_OFFSET_BYTES + offsetBytes;
    const sectors = region.sectors.filter(
      (sector) => sector.offsetBytes < fromBytes + lengthBytes && sector.offsetBytes + sector.lengthBytes > fromBytes,
    );
    const startBytes = sectors[0]!.offsetBytes - IMAGE_OFFSET_BYTES;
    if (startBytes < 0 || held.sealed) {
      this.drop();
      return undefined;
    }
    const sizeBytes = sectors.reduce((sum, sector) => sum + sector.lengthBytes, 0);
    const blocks = this.#blocksIn(startBytes, sizeBytes);
    const gone = lostRecords(held, blocks);
    for (const record of gone) {
      if (this.#lost.some((known) => sameOctets(known, record))) continue;
      this.#append(record);
      this.#lost = [...this.#lost, record];
    }
    const { map } = held;
    const kept = Array.from({ length: map.blockCount }, (_, block) => block).filter(
      (block) => hasBlock(map, block) && !blocks.includes(block),
    );
    this.#held = markDurable({ ...held, map: emptyMap(map.blockCount) }, kept);
    for (const sector of sectors) eraseWhole(region, sector);
    for (const record of gone) {
      this.#append(clearedRecord(record));
      this.#lost = this.#lost.filter((known) => !sameOctets(known, record));
    }
    return this.#held;
  }

  record(blocks: readonly number[]): void {
    if (this.#held === undefined) return;
    for (const record of blocksRecords(this.#held, blocks)) this.#append(record);
    this.#held = markDurable(this.#held, blocks);
  }

  /** Boot is told first: an image sealed here and unknown there would be one that cannot be activated. */
  seal(held: HeldImage): void {
    const { manifestDigest, manifest } = held;
    recordStaged(this.#flash, this.#crypto, { slot: this.#slot, manifestDigest, imageHash: manifest.imageHash });
    this.#append(sealedRecord(held));
    this.#held = { ...held, sealed: true };
  }

  drop(): void {
    const held = this.#held;
    discardStaged(this.#flash, this.#crypto);
    if (held === undefined) return;
    this.#append(droppedRecord(held));
    // Where a cut in the next record may damage this one: the same image begun again must not find its old blocks.
    if (!this.#log.isGuarded) this.#append(droppedRecord(held));
    this.#held = undefined;
    this.#lost = [];
  }

  /** Blocks of the held image that have an octet in this stretch of it. */
  #blocksIn(offsetBytes: number, lengthBytes: number): readonly number[] {
    if (this.#held === undefined) return [];
    const { blockShift, blockCount } = this.#held.manifest;
    const first = Math.max(0, Math.floor(offsetBytes / 2 ** blockShift));
    const end = Math.min(blockCount, Math.ceil((offsetBytes + lengthBytes) / 2 ** blockShift));
    return Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
  }

  #append(record: Uint8Array): void {
    this.#log.append(record, () => [...this.#lost, ...snapshotRecords(this.#held)]);
  }
}

/** A sector of the log takes its header, the record that turned the ring, and one more. */
const RECORDS_SPARE = 3;

interface Page {
  /** Offset in the slot. */
  readonly at: number;
  readonly octets: Uint8Array;
}

/** The block as it is programmed: page by page, the last one filled up to whole granules with erased octets. */
function pagesOf(region: FlashRegion, offsetBytes: number, payload: Uint8Array): readonly Page[] {
  const { granuleBytes } = region;
  const padded = paddedFor(region, payload);
  const pageBytes = Math.max(granuleBytes, PROGRAM_PAGE_BYTES - (PROGRAM_PAGE_BYTES % granuleBytes));
  const pages: Page[] = [];
  for (let from = 0; from < padded.length;) {
    const at = IMAGE_OFFSET_BYTES + offsetBytes + from;
    const to = Math.min(padded.length, from + pageBytes - (at % pageBytes));
    pages.push({ at, octets: padded.subarray(from, to) });
    from = to;
  }
  return pages;
}

/** What stands where a page goes. What was there before is looked at more than once: a cut may have left it undecided. */
function pageKind(region: FlashRegion, at: number, octets: Uint8Array): 'erased' | 'same' | 'spoilt' {
  const there = region.read(at, octets.length);
  if (isFilled(there, 0, there.length, region.erasedValue)) {
    return sameOctets(region.read(at, octets.length), there) ? 'erased' : 'spoilt';
  }
  for (let reads = 0; reads < WEAK_READS; reads++) {
    if (!sameOctets(region.read(at, octets.length), octets)) return 'spoilt';
  }
  return 'same';
}

/** The payload in whole granules, its end as erased flash. */
function paddedFor({ granuleBytes, erasedValue }: FlashRegion, payload: Uint8Array): Uint8Array {
  if (payload.length % granuleBytes === 0) return payload;
  const padded = new Uint8Array(Math.ceil(payload.length / granuleBytes) * granuleBytes);
  padded.fill(erasedValue, payload.length);
  padded.set(payload);
  return padded;
}
