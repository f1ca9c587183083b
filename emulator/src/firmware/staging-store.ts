/** The held image in flash: offer blob and octets in the spare slot, what is durable of them in the staging log. */
import {
  STAGING_RECORD_BYTES_MAX,
  beginHeld,
  beginRecord,
  blocksRecords,
  droppedRecord,
  equalOctets,
  markDurable,
  recoverHeld,
  sealedRecord,
  snapshotBlocksMax,
  snapshotRecords,
  type HeldImage,
  type ImageOffer,
} from '@smets1/protocol';
import { discardStaged, recordStaged } from '../boot/boot-records.js';
import type { BootCrypto } from '../boot/boot-crypto.js';
import type { BootState, SlotIndex } from '../boot/boot-state.js';
import { eraseSlot } from '../boot/factory.js';
import { IMAGE_OFFSET_BYTES, readSlotHeader, slotRegion, writeSlotHeader } from '../boot/slot.js';
import type { FlashPort, FlashRegion } from '../flash/flash-port.js';
import { RecordLog } from '../flash/record-log.js';
import { isFilled, sameOctets } from '../octets.js';
import { blobOf } from './image-header.js';

const STAGING_LOG = { logId: 4, payloadBytes: STAGING_RECORD_BYTES_MAX } as const;

/** Lives as long as the power; every call may throw PowerLost, and FlashError `worn`. */
export class StagingStore {
  readonly #flash: FlashPort;
  readonly #crypto: BootCrypto;
  readonly #log: RecordLog;
  readonly #slot: SlotIndex;
  #lastInstance: number;
  #held: HeldImage | undefined;

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
    const records = this.#log.records.map(({ payload }) => payload);
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

  storeBlock(offsetBytes: number, payload: Uint8Array): void {
    const region = slotRegion(this.#flash, this.#slot);
    const padded = paddedFor(region, payload);
    const at = IMAGE_OFFSET_BYTES + offsetBytes;
    // Programmed before a cut, but not recorded: flash with ECC does not take the same octets twice, and need not.
    if (!region.granuleRewritable && sameOctets(region.read(at, padded.length), padded)) return;
    region.program(at, padded);
  }

  /** Whether what stands where the block goes is neither erased nor the block, on flash that programs a granule only once. */
  isSpoilt(offsetBytes: number, payload: Uint8Array): boolean {
    const region = slotRegion(this.#flash, this.#slot);
    if (region.granuleRewritable) return false;
    const padded = paddedFor(region, payload);
    const there = region.read(IMAGE_OFFSET_BYTES + offsetBytes, padded.length);
    return !isFilled(there, 0, there.length, region.erasedValue) && !sameOctets(there, padded);
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
    this.#held = undefined;
  }

  #append(record: Uint8Array): void {
    this.#log.append(record, () => snapshotRecords(this.#held));
  }
}

/** A sector of the log takes its header, the record that turned the ring, and one more. */
const RECORDS_SPARE = 3;

/** The payload in whole granules, its end as erased flash. */
function paddedFor({ granuleBytes, erasedValue }: FlashRegion, payload: Uint8Array): Uint8Array {
  if (payload.length % granuleBytes === 0) return payload;
  const padded = new Uint8Array(Math.ceil(payload.length / granuleBytes) * granuleBytes);
  padded.fill(erasedValue, payload.length);
  padded.set(payload);
  return padded;
}
