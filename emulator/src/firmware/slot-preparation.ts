/**
 * A slot made ready for an image in steps, none of which a power cut undoes for long (docs/decisions/0007): its sectors are
 * erased from the last to the first, records say how far that is certain, and the offer blob is the last to be programmed.
 */
import { STAGING_RECORD_BYTES_MAX } from '@smets1/protocol';
import { eraseWhole, slotSectors } from '../boot/factory.js';
import { FlashError } from '../errors.js';
import type { FlashRegion } from '../flash/flash-port.js';
import { ERASES_PER_RECORD_MAX } from '../limits.js';
import { isFilled } from '../octets.js';
import { isSettled, pageKind, pagesOf } from './slot-pages.js';

/** What a record says of it. */
export interface PreparationNote {
  /** Counts the slot preparations, as the instance of the image that will be held. */
  readonly instance: number;
  readonly manifestDigest: Uint8Array;
  /** Sectors of the slot, from its first on, that are not known to be erased. */
  readonly sectorsLeft: number;
}

/** What is to be written, and where. */
export interface PreparationTask {
  readonly region: FlashRegion;
  readonly imageBytes: number;
  /** Of the slot: what stands before the image. */
  readonly headerOctets: Uint8Array;
  /** Makes a record durable. */
  readonly note: (note: PreparationNote) => void;
}

/** Lives as long as the power; after a cut it is made again from the last note. */
export class SlotPreparation {
  readonly #task: PreparationTask;
  #noted: PreparationNote;
  #sectorsLeft: number;
  #erased = 0;
  #headerErased = false;

  constructor(task: PreparationTask, noted: PreparationNote) {
    this.#task = task;
    this.#noted = noted;
    this.#sectorsLeft = noted.sectorsLeft;
  }

  /**
   * One share of the work.
   * @param erasesMax - Sectors that it may erase; 1 or more
   * @returns whether the slot is ready; false: more is to be done
   * @throws FlashError `worn` where a sector does not come out erased, or does not take the offer; PowerLost
   */
  step(erasesMax: number): boolean {
    const { region, imageBytes } = this.#task;
    const sectors = slotSectors(region, imageBytes);
    for (let erases = 0; erases < erasesMax && this.#sectorsLeft > 0; erases++) {
      eraseWhole(region, sectors[this.#sectorsLeft - 1]!);
      this.#sectorsLeft -= 1;
      this.#erased += 1;
      if (this.#sectorsLeft === 0 || this.#isNoteDue()) this.#note();
    }
    if (this.#sectorsLeft > 0) return false;
    if (this.#writeHeader()) return true;
    // What a cut has torn of the offer counts only after an erase of its sector; done twice, the sector is past that.
    if (this.#headerErased) throw new FlashError('worn', 'the slot does not take an offer; the device needs repair');
    this.#headerErased = true;
    this.#sectorsLeft = sectors.filter(({ offsetBytes }) => offsetBytes < this.#task.headerOctets.length).length;
    // Noted before the erase: a cut in it must not leave the sector as one that is erased.
    this.#note();
    return false;
  }

  /** Often at first: where power never stays on for long, an erase must not be lost with its record. Then more and more rarely. */
  #isNoteDue(): boolean {
    const rest = this.#noted.sectorsLeft - this.#sectorsLeft;
    return rest >= Math.min(Math.floor(this.#erased / 4), ERASES_PER_RECORD_MAX);
  }

  #note(): void {
    this.#noted = { ...this.#noted, sectorsLeft: this.#sectorsLeft };
    this.#task.note(this.#noted);
  }

  #writeHeader(): boolean {
    const { region, headerOctets } = this.#task;
    const pages = pagesOf(region, 0, headerOctets);
    const found = pages.map((page) => ({ page, kind: pageKind(region, page) }));
    if (!isSettled(region, found)) return false;
    return pages.every((page) => {
      if (pageKind(region, page) === 'erased' && !takes(() => region.program(page.at, page.octets))) return false;
      const kind = pageKind(region, page);
      return kind === 'same' || (kind === 'erased' && isFilled(page.octets, 0, page.octets.length, region.erasedValue));
    });
  }
}

/** False where flash says that octets are not erased which read so; everything else goes on up. */
function takes(program: () => void): boolean {
  try {
    program();
    return true;
  } catch (error) {
    if (error instanceof FlashError && error.code === 'not-erased') return false;
    throw error;
  }
}

// docs/FLASH-FILE.md §7.1 draws this record. Every other one of the staging log has its instance at the same place.
const TYPE = 0xe4;
const AT = { type: 0, sectorsLeft: 1, instance: 4, manifestDigest: 8 } as const;

export function preparingRecord({ instance, manifestDigest, sectorsLeft }: PreparationNote): Uint8Array {
  const record = new Uint8Array(STAGING_RECORD_BYTES_MAX);
  const view = new DataView(record.buffer);
  view.setUint32(AT.type, sectorsLeft * 0x100 + TYPE, true);
  view.setUint32(AT.instance, instance, true);
  record.set(manifestDigest, AT.manifestDigest);
  return record;
}

export interface PreparationFound {
  /** Begun and, as far as the log knows, not ended. */
  readonly preparing: PreparationNote | undefined;
  /** The highest instance that was prepared for. */
  readonly lastInstance: number;
}

/** @param log - Payloads of the staging log, oldest first. */
export function preparationIn(log: readonly Uint8Array[]): PreparationFound {
  let note: PreparationNote | undefined;
  let othersInstance = 0;
  for (const record of log) {
    if (record.length < AT.manifestDigest) continue;
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const instance = view.getUint32(AT.instance, true);
    if (record[AT.type] !== TYPE) othersInstance = Math.max(othersInstance, instance);
    else if (record.length === STAGING_RECORD_BYTES_MAX && instance >= (note?.instance ?? 0)) {
      const sectorsLeft = view.getUint32(AT.type, true) >>> 8;
      note = { instance, sectorsLeft, manifestDigest: record.slice(AT.manifestDigest) };
    }
  }
  const lastInstance = note?.instance ?? 0;
  // Any other record of its instance was written after it had ended, also where its begin record cannot be read any more.
  return { preparing: othersInstance < lastInstance ? note : undefined, lastInstance };
}
