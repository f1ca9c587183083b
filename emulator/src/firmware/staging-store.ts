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
import { discardStaged, readBootState, recordStaged } from '../boot/boot-records.js';
import type { BootCrypto } from '../boot/boot-crypto.js';
import type { BootState, SlotIndex } from '../boot/boot-state.js';
import { eraseWhole, slotSectors } from '../boot/factory.js';
import { IMAGE_OFFSET_BYTES, readSlotHeader, slotHeaderOctets, slotRegion } from '../boot/slot.js';
import type { FlashPort } from '../flash/flash-port.js';
import { RecordLog } from '../flash/record-log.js';
import { sameOctets } from '../octets.js';
import { blobOf } from './image-header.js';
import { clearedRecord, lostRecords, names, withoutLost } from './lost-blocks.js';
import { isSettled, pageKind, pagesOf, wholeOf } from './slot-pages.js';
import { SlotPreparation, preparationIn, preparingRecord, type PreparationNote } from './slot-preparation.js';

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
  /** The slot was made ready since power came back: no cut can have struck a page in it. */
  #isFresh = false;
  #lastInstance: number;
  #held: HeldImage | undefined;
  /** Records of blocks that were given up and whose sectors are not known to have been erased since. */
  #lost: readonly Uint8Array[];
  /** The last record of a slot preparation that has not ended. */
  #preparing: PreparationNote | undefined;
  /** The same, since power came back, and the image that it is for. */
  #job: { readonly image: ImageOffer; readonly slot: SlotPreparation } | undefined;

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
    const prepared = preparationIn(records);
    this.#preparing = prepared.preparing;
    const blob = readSlotHeader(flash, crypto, slot);
    const { held, lastInstance } = recoverHeld(records, blob && readOffer(blob));
    // What was held before a preparation began is gone with its first erase.
    this.#held = this.#preparing === undefined ? held : undefined;
    this.#lost = this.#preparing === undefined ? lost : [];
    this.#lastInstance = Math.max(lastInstance, prepared.lastInstance);
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
    return this.#isStaged(state, held) ? held : { ...held, sealed: false };
  }

  /**
   * Forgets what was held, and begins to make the slot ready for an image; or goes on where a cut has stopped the same.
   * {@link prepareOn} does the work.
   */
  prepare(image: ImageOffer): void {
    discardStaged(this.#flash, this.#crypto);
    const { manifest, manifestDigest } = image;
    const region = slotRegion(this.#flash, this.#slot);
    if (this.#preparing === undefined || !equalOctets(this.#preparing.manifestDigest, manifestDigest)) {
      const sectorsLeft = slotSectors(region, manifest.imageBytes).length;
      const note = { instance: this.#lastInstance + 1, manifestDigest, sectorsLeft };
      this.#note(note);
      // Where a cut in the next record may damage this one: the same image begun again must not find its old blocks.
      if (!this.#log.isGuarded) this.#note(note);
    }
    const headerOctets = slotHeaderOctets(region, this.#crypto, blobOf(image));
    const task = { region, imageBytes: manifest.imageBytes, headerOctets, note: this.#note.bind(this) };
    this.#job = { image, slot: new SlotPreparation(task, this.#preparing!) };
  }

  /**
   * A share of what {@link prepare} began; only the last of it, the begin record, makes the image count.
   * @param erasesMax - Sectors that it may erase; 1 or more
   * @returns what is held then; undefined while more is to be done
   */
  prepareOn(erasesMax: number): HeldImage | undefined {
    if (this.#job?.slot.step(erasesMax) !== true) return undefined;
    const held = beginHeld(this.#job.image, this.#lastInstance);
    this.#append(beginRecord(held));
    this.#held = held;
    this.#preparing = undefined;
    this.#job = undefined;
    this.#isFresh = true;
    return held;
  }

  /**
   * Programs what of a block does not stand there yet. Pages that were programmed before a cut stay: flash with ECC does
   * not take the same octets twice, and power that never stays on for a whole block still gets it done.
   * @returns false, and nothing was programmed, where a page is neither erased nor the block's, or not the same each time it is
   *   read, or where its sector was about to be erased: see {@link reclaim}
   * @throws FlashError `worn`; `not-erased` where cells that a cut left undecided have changed since they were read
   */
  storeBlock(offsetBytes: number, payload: Uint8Array): boolean {
    const blocks = this.#lost.length === 0 ? [] : this.#blocksIn(offsetBytes, payload.length);
    if (this.#lost.some((record) => blocks.some((block) => names(record, block)))) return false;
    const region = slotRegion(this.#flash, this.#slot);
    const whole = wholeOf(region, IMAGE_OFFSET_BYTES + offsetBytes, payload);
    if (this.#isFresh && pageKind(region, whole) === 'erased') {
      region.program(whole.at, whole.octets);
      return true;
    }
    const pages = pagesOf(region, IMAGE_OFFSET_BYTES + offsetBytes, payload).map((page) => ({
      page,
      kind: pageKind(region, page),
    }));
    if (pages.some(({ kind }) => kind === 'spoilt') || !(this.#isFresh || isSettled(region, pages))) return false;
    for (const { page, kind } of pages) if (kind === 'erased') region.program(page.at, page.octets);
    return true;
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
    // Where power stays on for no more than that record, it must not be written for ever: once is enough.
    if (!this.#isStaged(readBootState(this.#flash, this.#crypto), held))
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

  #isStaged({ staged }: BootState, { manifestDigest }: HeldImage): boolean {
    return staged !== undefined && staged.slot === this.#slot && equalOctets(staged.manifestDigest, manifestDigest);
  }

  #note(note: PreparationNote): void {
    this.#append(preparingRecord(note));
    this.#preparing = note;
    this.#lastInstance = note.instance;
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
    const noted = this.#preparing === undefined ? [] : [preparingRecord(this.#preparing)];
    this.#log.append(record, () => [...this.#lost, ...noted, ...snapshotRecords(this.#held)]);
  }
}

/** A sector of the log takes its header, the record that turned the ring, and one more. */
const RECORDS_SPARE = 3;
