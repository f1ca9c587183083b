/** The meter's flash in a walk, and where in it the records are that the model names. */
import {
  IMAGE_OFFSET_BYTES,
  type FlashPort,
  type FlashRegion,
  type NorFlash,
  type PartitionName,
} from '@smets1/emulator';

/** A flash that loses power before the operation that the walk names. */
export class CuttingFlash implements FlashPort {
  cutBefore: string[] = [];
  /** Boot is at work, or about to be. */
  isStarting = false;
  readonly #flash: NorFlash;
  #isSlotTouched = false;
  /** The header of a slot stands, and no record of it yet: all that is left of its offer is that record, also after a cut. */
  #isHeaderUnrecorded = false;

  constructor(flash: NorFlash) {
    this.#flash = flash;
  }

  /** A frame is about to be heard. */
  listen(): void {
    this.#isSlotTouched = false;
    this.isStarting = false;
  }

  get layout(): FlashPort['layout'] {
    return this.#flash.layout;
  }
  get operationCount(): number {
    return this.#flash.operationCount;
  }
  get sizeBytes(): number {
    return this.#flash.sizeBytes;
  }
  get granuleBytes(): number {
    return this.#flash.granuleBytes;
  }
  get granuleRewritable(): boolean {
    return this.#flash.granuleRewritable;
  }
  get erasedValue(): number {
    return this.#flash.erasedValue;
  }
  get sectors(): FlashPort['sectors'] {
    return this.#flash.sectors;
  }
  wear(sectorIndex: number): number {
    return this.#flash.wear(sectorIndex);
  }
  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    return this.#flash.read(offsetBytes, lengthBytes);
  }
  readInto(offsetBytes: number, target: Uint8Array): void {
    this.#flash.readInto(offsetBytes, target);
  }
  program(offsetBytes: number, data: Uint8Array): void {
    this.#flash.program(offsetBytes, data);
  }
  eraseSector(index: number): void {
    this.#flash.eraseSector(index);
  }

  partition(name: PartitionName): FlashRegion {
    const region = this.#flash.partition(name);
    const { sizeBytes, granuleBytes, granuleRewritable, erasedValue, sectors } = region;
    return {
      sizeBytes,
      granuleBytes,
      granuleRewritable,
      erasedValue,
      sectors,
      read: (offsetBytes, lengthBytes) => region.read(offsetBytes, lengthBytes),
      readInto: (offsetBytes, target) => region.readInto(offsetBytes, target),
      program: (offsetBytes, data) => {
        const ofSlot = offsetBytes < IMAGE_OFFSET_BYTES ? 'header' : 'store';
        this.#before(name, name.startsWith('slot') ? ofSlot : 'append');
        if (name.startsWith('slot')) this.#isSlotTouched = true;
        region.program(offsetBytes, data);
        if (name.startsWith('slot')) this.#isHeaderUnrecorded = ofSlot === 'header';
        else if (name === 'staging') this.#isHeaderUnrecorded = false;
      },
      eraseSector: (index) => {
        this.#before(name, name.startsWith('slot') ? 'erase' : 'append');
        if (name.startsWith('slot')) {
          this.#isSlotTouched = true;
          this.#isHeaderUnrecorded = false;
        }
        region.eraseSector(index);
      },
    };
  }

  #before(name: PartitionName, operation: string): void {
    const [next] = this.cutBefore;
    if (next === undefined || (next === 'start' || next === 'revert') !== this.isStarting) return;
    const where = PLACES[next];
    // What was done before a cut is not done again: a block that stands whole goes to its record, a slot that was erased to its header, and one that
    // has its header to the record of its offer.
    const isIt =
      (this.#isHeaderUnrecorded && name === 'staging' && OF_OFFER.has(next)) ||
      (where === undefined
        ? operation === next || (next === 'store' && name === 'staging') || (next === 'erase' && operation === 'header')
        : name.startsWith(where) &&
          (next !== 'drop' || !this.#isSlotTouched) &&
          (next !== 'begin' || this.#isSlotTouched));
    if (!isIt) return;
    this.cutBefore.shift();
    this.#flash.arm({ cutAt: 1, phase: 'before' });
  }
}

/** What comes of an offer once nothing of the image before it is left. */
const OF_OFFER: ReadonlySet<string> = new Set(['erase', 'header', 'begin']);

/** Partitions of the records that the model names. What is not here is an operation on a slot. */
const PLACES: Readonly<Record<string, string>> = {
  drop: 'staging',
  begin: 'staging',
  record: 'staging',
  mark: 'staging',
  staged: 'boot',
  counter: 'boot',
  confirm: 'boot',
  start: 'boot',
  revert: 'boot',
};
