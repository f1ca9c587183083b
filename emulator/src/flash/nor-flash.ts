import { FlashError, PowerLost } from '../errors.js';
import { FLASH_FILE_HEADER_BYTES } from '../limits.js';
import type { FaultPlan } from './fault-plan.js';
import { tornBytes } from './fault-plan.js';
import { decodeFlashFile, encodeFlashFileHeader, encodeWear, wearOffsetBytes } from './flash-file.js';
import type {
  Crc32,
  FlashBacking,
  FlashLayout,
  FlashPort,
  FlashRegion,
  Partition,
  PartitionName,
  Sector,
} from './flash-port.js';
import type { FlashShape } from './geometry.js';
import { sectorIndexAt, shapeOf } from './geometry.js';
import { isInside, openRegion } from './region.js';
import { isFilled, sameOctets } from '../octets.js';

/** What a flash needs to write itself through to a file. */
export interface FlashPersistence {
  readonly backing: FlashBacking;
  readonly crc32: Crc32;
}

/** A new, erased flash. With persistence, the whole file is written first, its header last. @throws FlashError `bad-layout` */
export function createFlash(layout: FlashLayout, persistence?: FlashPersistence): NorFlash {
  const shape = shapeOf(layout);
  const octets = shape.sectors.map((sector) => pristine(sector, layout));
  const wear = new Uint32Array(shape.sectors.length);
  if (persistence !== undefined) {
    const { backing, crc32 } = persistence;
    backing.writeAt(wearOffsetBytes(shape.sizeBytes, 0), encodeWear(wear, crc32));
    const whole = new Uint8Array(shape.sizeBytes).fill(layout.geometry.erasedValue);
    backing.writeAt(FLASH_FILE_HEADER_BYTES, whole);
    backing.writeAt(0, encodeFlashFileHeader(layout, crc32));
    backing.sync();
  }
  return new NorFlash(shape, octets, wear, 0, persistence);
}

/** The flash a file holds; with a backing, further operations are written to that file. @throws FlashFileError */
export function loadFlash(file: Uint8Array, crc32: Crc32, backing?: FlashBacking): NorFlash {
  const { shape, flash, wear } = decodeFlashFile(file, crc32);
  const octets = shape.sectors.map((sector) => {
    // Not `slice`, which on a Node Buffer is a view: what is held here must be ours, and aligned.
    const held = new Uint8Array(flash.subarray(sector.offsetBytes, sector.offsetBytes + sector.lengthBytes));
    const blank = pristine(sector, shape.layout);
    return sameOctets(held, blank) ? blank : held;
  });
  return new NorFlash(shape, octets, wear, 0, backing === undefined ? undefined : { backing, crc32 });
}

/**
 * NOR flash as a model: an erase sets a sector to the erased value, a program only takes bits away from it.
 * Sectors are shared between forks (and with the one erased sector of their size) until somebody writes to them.
 */
export class NorFlash implements FlashPort {
  readonly layout: FlashLayout;
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly granuleRewritable: boolean;
  readonly erasedValue: number;
  readonly sectors: readonly Sector[];
  readonly #shape: FlashShape;
  readonly #octets: Uint8Array[];
  readonly #owned: Uint8Array;
  readonly #wear: Uint32Array;
  readonly #persistence: FlashPersistence | undefined;
  readonly #regions = new Map<PartitionName, FlashRegion>();
  #operations: number;
  #armed: { readonly plan: FaultPlan; readonly fromOperation: number } | undefined;
  #powered = true;

  /** Use {@link createFlash} or {@link loadFlash}. */
  constructor(
    shape: FlashShape,
    octets: Uint8Array[],
    wear: Uint32Array,
    operations: number,
    persistence: FlashPersistence | undefined,
  ) {
    const { geometry } = shape.layout;
    this.layout = shape.layout;
    this.sizeBytes = shape.sizeBytes;
    this.sectors = shape.sectors;
    this.granuleBytes = geometry.granuleBytes;
    this.granuleRewritable = geometry.granuleRewritable;
    this.erasedValue = geometry.erasedValue;
    this.#shape = shape;
    this.#octets = octets;
    this.#owned = new Uint8Array(octets.length);
    this.#wear = wear;
    this.#operations = operations;
    this.#persistence = persistence;
  }

  get operationCount(): number {
    return this.#operations;
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** Arms a power cut, or disarms the last one. Its operations count from here. */
  arm(plan: FaultPlan | undefined): void {
    this.#armed = plan === undefined ? undefined : { plan, fromOperation: this.#operations };
  }

  /** Power is back; the plan that took it is spent. */
  powerOn(): void {
    this.#powered = true;
    this.#armed = undefined;
  }

  /** A flash with the same octets and counters that goes its own way: powered, unarmed, without a file. */
  fork(): NorFlash {
    this.#owned.fill(0);
    return new NorFlash(this.#shape, [...this.#octets], this.#wear.slice(), this.#operations, undefined);
  }

  /** Asks the file's host to make everything written so far survive the host's own power cut. */
  sync(): void {
    this.#persistence?.backing.sync();
  }

  wear(sectorIndex: number): number {
    const count = this.#wear[sectorIndex];
    if (count === undefined) throw new FlashError('out-of-range', `there is no sector ${sectorIndex}`);
    return count;
  }

  partition(name: PartitionName): FlashRegion {
    const known = this.#regions.get(name);
    if (known !== undefined) return known;
    const partition: Partition | undefined = this.layout.partitions.find((candidate) => candidate.name === name);
    if (partition === undefined) throw new FlashError('bad-layout', `the layout has no partition "${name}"`);
    const region = openRegion(this, partition);
    this.#regions.set(name, region);
    return region;
  }

  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    this.#checkRange(offsetBytes, lengthBytes);
    const target = new Uint8Array(lengthBytes);
    this.readInto(offsetBytes, target);
    return target;
  }

  readInto(offsetBytes: number, target: Uint8Array): void {
    this.#checkPower();
    this.#checkRange(offsetBytes, target.length);
    this.#eachSpan(offsetBytes, target.length, (index, at, from, length) => {
      target.set(this.#octets[index]!.subarray(at, at + length), from);
    });
  }

  program(offsetBytes: number, data: Uint8Array): void {
    this.#checkPower();
    this.#checkRange(offsetBytes, data.length);
    const granule = this.granuleBytes;
    if (data.length === 0 || offsetBytes % granule !== 0 || data.length % granule !== 0) {
      throw new FlashError('unaligned', `${data.length} octets at ${offsetBytes} are not whole granules of ${granule}`);
    }
    this.#eachSpan(offsetBytes, data.length, (index, at, from, length) => {
      this.#checkErased(index, at, data.subarray(from, from + length));
    });
    const cut = this.#begin();
    this.#write(offsetBytes, cut?.phase === 'during' ? data.subarray(0, tornBytes(cut, data.length)) : data);
    if (cut !== undefined) this.#losePower();
  }

  eraseSector(index: number): void {
    this.#checkPower();
    const sector = this.sectors[index];
    if (sector === undefined) throw new FlashError('out-of-range', `there is no sector ${index}`);
    const cut = this.#begin();
    const blank = pristine(sector, this.layout);
    const erasedBytes = cut?.phase === 'during' ? tornBytes(cut, sector.lengthBytes) : sector.lengthBytes;
    if (erasedBytes === sector.lengthBytes) {
      this.#octets[index] = blank;
      this.#owned[index] = 0;
    } else {
      this.#own(index).fill(this.erasedValue, 0, erasedBytes);
    }
    this.#wear[index]! += 1;
    if (this.#persistence !== undefined) {
      const { backing, crc32 } = this.#persistence;
      if (erasedBytes > 0)
        backing.writeAt(FLASH_FILE_HEADER_BYTES + sector.offsetBytes, blank.subarray(0, erasedBytes));
      const counter = this.#wear.subarray(index, index + 1);
      backing.writeAt(wearOffsetBytes(this.sizeBytes, index), encodeWear(counter, crc32));
    }
    if (cut !== undefined) this.#losePower();
  }

  // Counts an operation; gives the plan when this is the one that loses power and something of it still happens.
  #begin(): FaultPlan | undefined {
    this.#operations += 1;
    const armed = this.#armed;
    if (armed === undefined || this.#operations - armed.fromOperation !== armed.plan.cutAt) return undefined;
    if (armed.plan.phase === 'before') this.#losePower();
    return armed.plan;
  }

  #losePower(): never {
    this.#powered = false;
    throw new PowerLost(this.#operations);
  }

  #write(offsetBytes: number, data: Uint8Array): void {
    if (data.length === 0) return;
    this.#eachSpan(offsetBytes, data.length, (index, at, from, length) => {
      if (length === this.sectors[index]!.lengthBytes) {
        this.#octets[index] = new Uint8Array(data.subarray(from, from + length));
        this.#owned[index] = 1;
        return;
      }
      // The check has shown that the result of programming is the data itself.
      this.#own(index).set(data.subarray(from, from + length), at);
    });
    this.#persistence?.backing.writeAt(FLASH_FILE_HEADER_BYTES + offsetBytes, data);
  }

  #own(index: number): Uint8Array {
    if (this.#owned[index] === 0) {
      this.#octets[index] = this.#octets[index]!.slice();
      this.#owned[index] = 1;
    }
    return this.#octets[index]!;
  }

  #checkErased(index: number, at: number, data: Uint8Array): void {
    const held = this.#octets[index]!;
    if (held === pristine(this.sectors[index]!, this.layout)) return;
    const fits = this.granuleRewritable
      ? onlyTakesBits(held, at, data, this.erasedValue)
      : isFilled(held, at, data.length, this.erasedValue);
    if (fits) return;
    const where = this.sectors[index]!.offsetBytes + at;
    throw new FlashError('not-erased', `octets at ${where} were programmed before; erase sector ${index} first`);
  }

  #checkRange(offsetBytes: number, lengthBytes: number): void {
    if (isInside(offsetBytes, lengthBytes, this.sizeBytes)) return;
    throw new FlashError(
      'out-of-range',
      `${lengthBytes} octets at ${offsetBytes} leave the flash of ${this.sizeBytes} octets`,
    );
  }

  #checkPower(): void {
    if (!this.#powered) throw new PowerLost(this.#operations);
  }

  #eachSpan(
    offsetBytes: number,
    lengthBytes: number,
    visit: (index: number, at: number, from: number, length: number) => void,
  ): void {
    let from = 0;
    for (let index = sectorIndexAt(this.sectors, offsetBytes); from < lengthBytes; index++) {
      const sector = this.sectors[index]!;
      const at = offsetBytes + from - sector.offsetBytes;
      const length = Math.min(sector.lengthBytes - at, lengthBytes - from);
      visit(index, at, from, length);
      from += length;
    }
  }
}

// Never written to: a sector that nobody owns is copied first. One per size and erased value in the whole process.
const blanks = new Map<number, Uint8Array>();

function pristine(sector: Sector, layout: FlashLayout): Uint8Array {
  const { erasedValue } = layout.geometry;
  const key = erasedValue === 0 ? -sector.lengthBytes : sector.lengthBytes;
  let blank = blanks.get(key);
  if (blank === undefined) {
    blank = new Uint8Array(sector.lengthBytes).fill(erasedValue);
    blanks.set(key, blank);
  }
  return blank;
}

// True when `data` differs from what is held only by bits that go from erased to programmed.
function onlyTakesBits(held: Uint8Array, at: number, data: Uint8Array, erasedValue: number): boolean {
  const flip = erasedValue === 0xff ? 0 : 0xffff_ffff;
  if ((at | data.byteOffset | data.length) % 4 === 0) {
    const words = new Uint32Array(data.buffer, data.byteOffset, data.length / 4);
    const heldWords = new Uint32Array(held.buffer, at, words.length);
    for (let i = 0; i < words.length; i++) {
      if ((~(heldWords[i]! ^ flip) & (words[i]! ^ flip)) !== 0) return false;
    }
    return true;
  }
  for (let i = 0; i < data.length; i++) {
    if ((~(held[at + i]! ^ flip) & (data[i]! ^ flip) & 0xff) !== 0) return false;
  }
  return true;
}
