import { FlashError, PowerLost } from '../errors.js';
import { FLASH_FILE_HEADER_BYTES, PROGRAM_PAGE_BYTES } from '../limits.js';
import { isFilled, sameOctets } from '../octets.js';
import type { Aftermath, SectorView } from './fault-physics.js';
import { FaultPhysics } from './fault-physics.js';
import type { FaultPlan } from './fault-plan.js';
import { decodeFlashFile, encodeFlashFileHeader, encodeWear, wearOffsetBytes } from './flash-file.js';
import type {
  Crc32,
  FlashBacking,
  FlashLayout,
  FlashOperation,
  FlashPort,
  FlashRegion,
  FlashTimings,
  Partition,
  PartitionName,
  Sector,
} from './flash-port.js';
import type { FlashShape } from './geometry.js';
import { sectorIndexAt, shapeOf } from './geometry.js';
import { isInside, openRegion } from './region.js';
import type { FaultCounts, SectorFaultKind } from './sector-fault.js';
import { noFaultsYet } from './sector-fault.js';
import type { SectorPool } from './sector-table.js';
import { blankSector, SectorTable } from './sector-table.js';

export type { FaultCounts, SectorFaultKind } from './sector-fault.js';
export { SectorPool } from './sector-table.js';
export { restrictFlash } from './region.js';

/** What a flash needs to write itself through to a file. */
export interface FlashPersistence {
  readonly backing: FlashBacking;
  readonly crc32: Crc32;
}

/** A new, erased flash. With persistence, the whole file is written first, its header last. @throws FlashError `bad-layout` */
export function createFlash(layout: FlashLayout, persistence?: FlashPersistence): NorFlash {
  const shape = shapeOf(layout);
  const octets = shape.sectors.map((sector) => blankSector(sector.lengthBytes, layout.geometry.erasedValue));
  const wear = new Uint32Array(shape.sectors.length);
  if (persistence !== undefined) {
    const { backing, crc32 } = persistence;
    backing.writeAt(wearOffsetBytes(shape.sizeBytes, 0), encodeWear(wear, crc32));
    const whole = new Uint8Array(shape.sizeBytes).fill(layout.geometry.erasedValue);
    backing.writeAt(FLASH_FILE_HEADER_BYTES, whole);
    backing.writeAt(0, encodeFlashFileHeader(layout, crc32));
    backing.sync();
  }
  return new NorFlash({ shape, table: SectorTable.of(octets, wear), persistence });
}

/**
 * The flash a file holds; with a backing, further operations are written to that file. Timings are not in the file.
 * @throws FlashFileError
 */
export function loadFlash(file: Uint8Array, crc32: Crc32, backing?: FlashBacking, timings?: FlashTimings): NorFlash {
  const { shape: found, flash, wear } = decodeFlashFile(file, crc32);
  const { layout } = found;
  const shape = timings === undefined ? found : shapeOf({ ...layout, geometry: { ...layout.geometry, timings } });
  const octets = shape.sectors.map((sector) => {
    // Not `slice`, which on a Node Buffer is a view: what is held here must be ours, and aligned.
    const held = new Uint8Array(flash.subarray(sector.offsetBytes, sector.offsetBytes + sector.lengthBytes));
    const blank = blankSector(sector.lengthBytes, layout.geometry.erasedValue);
    return sameOctets(held, blank) ? blank : held;
  });
  const persistence = backing === undefined ? undefined : { backing, crc32 };
  return new NorFlash({ shape, table: SectorTable.of(octets, wear), persistence });
}

/** What a {@link NorFlash} starts from. */
export interface NorFlashParts {
  readonly shape: FlashShape;
  readonly table: SectorTable;
  readonly persistence?: FlashPersistence | undefined;
  readonly physics?: FaultPhysics | undefined;
  readonly operations?: number;
  readonly elapsedUs?: number;
}

/**
 * NOR flash as a model: an erase sets a sector to the erased value, a program only takes bits away from it. What else
 * flash does (docs/decisions/0004-flash-physics.md) it does only when told to, by {@link arm} and the fault methods.
 */
export class NorFlash implements FlashPort {
  readonly layout: FlashLayout;
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly granuleRewritable: boolean;
  readonly erasedValue: number;
  readonly sectors: readonly Sector[];
  readonly #shape: FlashShape;
  readonly #table: SectorTable;
  readonly #pageBytes: number;
  readonly #timings: FlashTimings | undefined;
  readonly #persistence: FlashPersistence | undefined;
  readonly #regions = new Map<PartitionName, FlashRegion>();
  #physics: FaultPhysics | undefined;
  #operations: number;
  #elapsedUs: number;
  #armed: { readonly plan: FaultPlan; readonly atOperation: number } | undefined;
  #observer: ((operation: FlashOperation) => void) | undefined;
  #powered = true;

  /** Use {@link createFlash} or {@link loadFlash}. */
  constructor(parts: NorFlashParts) {
    const { layout, sizeBytes, sectors } = parts.shape;
    const { granuleBytes, granuleRewritable, erasedValue, timings } = layout.geometry;
    this.layout = layout;
    this.sizeBytes = sizeBytes;
    this.sectors = sectors;
    this.granuleBytes = granuleBytes;
    this.granuleRewritable = granuleRewritable;
    this.erasedValue = erasedValue;
    this.#shape = parts.shape;
    this.#table = parts.table;
    this.#pageBytes = Math.max(granuleBytes, PROGRAM_PAGE_BYTES - (PROGRAM_PAGE_BYTES % granuleBytes));
    this.#timings = timings;
    this.#persistence = parts.persistence;
    this.#physics = parts.physics;
    this.#operations = parts.operations ?? 0;
    this.#elapsedUs = parts.elapsedUs ?? 0;
  }

  get operationCount(): number {
    return this.#operations;
  }

  get powered(): boolean {
    return this.#powered;
  }

  /** Time that all operations so far took, in microseconds, by the geometry's timings. */
  get elapsedUs(): number {
    return this.#elapsedUs;
  }

  /** Faults that struck this flash; a fork counts its own. */
  get struck(): Readonly<FaultCounts> {
    return this.#physics?.struck ?? NOTHING_STRUCK;
  }

  /** Arms a power cut, or disarms the last one. Its operations count from here. */
  arm(plan: FaultPlan | undefined): void {
    this.#armed = plan === undefined ? undefined : { plan, atOperation: this.#operations + plan.cutAt };
  }

  /** Power is back; the plan that took it is spent. */
  powerOn(): void {
    this.#powered = true;
    this.#armed = undefined;
  }

  /** Calls the observer before each operation happens; it may fork this flash or arm a cut, but neither program nor erase. */
  watch(observer: ((operation: FlashOperation) => void) | undefined): void {
    this.#observer = observer;
  }

  /** Seeds what reads and fails by chance: noise of worn sectors, which part of a failing operation is done. */
  seedNoise(seed: number): void {
    this.#faulty().seedNoise(seed);
  }

  /**
   * A flash with the same octets, counters and faults that goes its own way: powered, unarmed, unwatched, without a file,
   * and with nothing struck yet. It costs little until it is written to; then a table of its sectors, and each sector written.
   */
  fork(): NorFlash {
    return new NorFlash({
      shape: this.#shape,
      table: this.#table.fork(),
      physics: this.#physics?.fork(),
      operations: this.#operations,
      elapsedUs: this.#elapsedUs,
    });
  }

  /** Shares sectors of equal content with every other flash that shares through this pool. What is held stays the same. */
  shareSectors(pool: SectorPool): void {
    this.#table.share(pool);
  }

  /**
   * Wears a sector out: from its erase number `fromErase` on (default: now) it misbehaves in this way. A sector can
   * have several kinds. @throws FlashError `out-of-range`
   */
  breakSector(index: number, kind: SectorFaultKind, fromErase: number = this.wear(index)): void {
    this.wear(index);
    this.#faulty().break(index, kind, fromErase);
  }

  /** The bits of `mask` read as those of `value` from now on, whatever is programmed or erased. @throws FlashError `out-of-range` */
  stick(offsetBytes: number, mask: number, value: number): void {
    const { index, at } = this.#locate(offsetBytes);
    const octet = this.#table.octets(index)[at]!;
    this.#change(index, at, this.#faulty().stick(index, at, octet, mask, value));
  }

  /** Flips the bits of `mask` at rest: no operation is counted. Stuck bits stay. @throws FlashError `out-of-range` */
  rot(offsetBytes: number, mask: number): void {
    const { index, at } = this.#locate(offsetBytes);
    const octet = this.#table.octets(index)[at]!;
    this.#change(index, at, this.#faulty().rot(index, at, octet, mask));
  }

  /** Asks the file's host to make everything written so far survive the host's own power cut. */
  sync(): void {
    this.#persistence?.backing.sync();
  }

  wear(sectorIndex: number): number {
    if (this.sectors[sectorIndex] === undefined) {
      throw new FlashError('out-of-range', `there is no sector ${sectorIndex}`);
    }
    return this.#table.wear(sectorIndex);
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
    for (let index = sectorIndexAt(this.sectors, offsetBytes), from = 0; from < target.length; index++) {
      const sector = this.sectors[index]!;
      const at = offsetBytes + from - sector.offsetBytes;
      const length = Math.min(sector.lengthBytes - at, target.length - from);
      target.set(this.#table.octets(index).subarray(at, at + length), from);
      this.#physics?.read(this.#view(index), at, target.subarray(from, from + length));
      from += length;
    }
    if (this.#timings !== undefined) this.#elapsedUs += (target.length * this.#timings.readNsPerByte) / 1000;
  }

  program(offsetBytes: number, data: Uint8Array): void {
    this.#checkPower();
    this.#checkRange(offsetBytes, data.length);
    const granule = this.granuleBytes;
    if (data.length === 0 || offsetBytes % granule !== 0 || data.length % granule !== 0) {
      throw new FlashError('unaligned', `${data.length} octets at ${offsetBytes} are not whole granules of ${granule}`);
    }
    const first = sectorIndexAt(this.sectors, offsetBytes);
    const pageBytes = this.#pageBytes;
    let pages = 0;
    for (let index = first, from = 0; from < data.length; index++) {
      const sector = this.sectors[index]!;
      const at = offsetBytes + from - sector.offsetBytes;
      const length = Math.min(sector.lengthBytes - at, data.length - from);
      this.#checkErased(index, at, length === data.length ? data : data.subarray(from, from + length));
      pages += Math.floor((at + length - 1) / pageBytes) - Math.floor(at / pageBytes) + 1;
      from += length;
    }
    // Whether something may happen between the pages, or within one.
    const isPlain =
      this.#physics?.hasFaults !== true &&
      this.#observer === undefined &&
      (this.#armed === undefined || this.#operations + pages < this.#armed.atOperation);
    if (isPlain) {
      this.#operations += pages;
      this.#countProgramTime(data.length);
    }
    for (let index = first, from = 0; from < data.length; index++) {
      const sector = this.sectors[index]!;
      const at = offsetBytes + from - sector.offsetBytes;
      const length = Math.min(sector.lengthBytes - at, data.length - from);
      const piece = length === data.length ? data : data.subarray(from, from + length);
      if (isPlain) this.#put(index, at, piece);
      else this.#programPages(index, at, piece);
      from += length;
    }
    if (isPlain) this.#writeThrough(offsetBytes, data);
  }

  eraseSector(index: number): void {
    this.#checkPower();
    const sector = this.sectors[index];
    if (sector === undefined) throw new FlashError('out-of-range', `there is no sector ${index}`);
    this.#observer?.({ index: this.#operations + 1, kind: 'erase', sectorIndex: index });
    const cut = this.#begin();
    if (this.#timings !== undefined) this.#elapsedUs += this.#timings.eraseUsPerSector;
    const isPlain = cut?.phase !== 'during' && this.#physics?.hasFaults !== true;
    const isWorn = isPlain ? this.#blank(index) : this.#apply(index, this.#faulty().erase(this.#view(index), cut));
    this.#table.setLastUnit(index, undefined);
    this.#table.addErase(index);
    if (this.#persistence !== undefined) {
      const { backing, crc32 } = this.#persistence;
      const counter = Uint32Array.of(this.#table.wear(index));
      backing.writeAt(wearOffsetBytes(this.sizeBytes, index), encodeWear(counter, crc32));
    }
    if (cut !== undefined) this.#losePower();
    if (isWorn) throw new FlashError('worn', `sector ${index} was not erased; use another sector`);
  }

  // A sound sector erased whole. It is not worn: false.
  #blank(index: number): false {
    const { offsetBytes, lengthBytes } = this.sectors[index]!;
    const blank = blankSector(lengthBytes, this.erasedValue);
    this.#table.replace(index, blank, false);
    this.#writeThrough(offsetBytes, blank);
    return false;
  }

  #programPages(index: number, at: number, piece: Uint8Array): void {
    const sector = this.sectors[index]!;
    for (let from = 0; from < piece.length;) {
      const length = Math.min(this.#pageBytes - ((at + from) % this.#pageBytes), piece.length - from);
      const page = piece.subarray(from, from + length);
      this.#observer?.({
        index: this.#operations + 1,
        kind: 'program',
        offsetBytes: sector.offsetBytes + at + from,
        data: new Uint8Array(page),
      });
      this.#programPage(index, at + from, page);
      from += length;
    }
  }

  #programPage(index: number, at: number, page: Uint8Array): void {
    const cut = this.#begin();
    this.#countProgramTime(page.length);
    if (cut?.phase !== 'during' && this.#physics?.hasFaults !== true) {
      this.#put(index, at, page);
      this.#writeThrough(this.sectors[index]!.offsetBytes + at, page);
    } else {
      const isWorn = this.#apply(index, this.#faulty().program(this.#view(index), at, page, cut));
      this.#table.setLastUnit(index, at + page.length - this.granuleBytes);
      if (isWorn && cut === undefined) {
        throw new FlashError('worn', `sector ${index} did not take a program at ${at}; use another sector`);
      }
    }
    if (cut !== undefined) this.#losePower();
  }

  // Counts an operation; gives the plan when this is the one that loses power and something of it still happens.
  #begin(): FaultPlan | undefined {
    this.#operations += 1;
    const armed = this.#armed;
    if (armed === undefined || this.#operations !== armed.atOperation) return undefined;
    if (armed.plan.phase === 'before') this.#losePower();
    return armed.plan;
  }

  #losePower(): never {
    this.#powered = false;
    this.#faulty().struck.cuts += 1;
    throw new PowerLost(this.#operations);
  }

  #countProgramTime(lengthBytes: number): void {
    if (this.#timings === undefined) return;
    this.#elapsedUs += (lengthBytes / this.granuleBytes) * this.#timings.programUsPerGranule;
  }

  // Into a sound sector: the check has shown that the result of programming is the data itself.
  #put(index: number, at: number, data: Uint8Array): void {
    if (data.length === this.sectors[index]!.lengthBytes) this.#table.replace(index, new Uint8Array(data), true);
    else this.#table.own(index).set(data, at);
    this.#table.setLastUnit(index, at + data.length - this.granuleBytes);
  }

  // True when the sector said that it is worn.
  #apply(index: number, { changes, isWorn }: Aftermath): boolean {
    for (const { at, octets } of changes) {
      if (octets === blankSector(octets.length, this.erasedValue) && at === 0) this.#blank(index);
      else this.#change(index, at, octets);
    }
    return isWorn;
  }

  // Only what really changes goes to the file: a torn operation writes no octet that it did not reach.
  #change(index: number, at: number, octets: Uint8Array): void {
    const held = this.#table.octets(index);
    let from = 0;
    let to = octets.length;
    while (from < to && octets[from] === held[at + from]) from += 1;
    while (to > from && octets[to - 1] === held[at + to - 1]) to -= 1;
    if (from === to) return;
    const changed = octets.subarray(from, to);
    this.#table.own(index).set(changed, at + from);
    this.#writeThrough(this.sectors[index]!.offsetBytes + at + from, changed);
  }

  #writeThrough(offsetBytes: number, octets: Uint8Array): void {
    this.#persistence?.backing.writeAt(FLASH_FILE_HEADER_BYTES + offsetBytes, octets);
  }

  #faulty(): FaultPhysics {
    return (this.#physics ??= new FaultPhysics(this.layout.geometry));
  }

  #view(index: number): SectorView {
    const table = this.#table;
    return { index, octets: table.octets(index), wear: table.wear(index), lastUnit: table.lastUnit(index) };
  }

  #locate(offsetBytes: number): { readonly index: number; readonly at: number } {
    this.#checkRange(offsetBytes, 1);
    const index = sectorIndexAt(this.sectors, offsetBytes);
    return { index, at: offsetBytes - this.sectors[index]!.offsetBytes };
  }

  #checkErased(index: number, at: number, data: Uint8Array): void {
    const held = this.#table.octets(index);
    if (held === blankSector(held.length, this.erasedValue)) return;
    const fits = this.granuleRewritable
      ? onlyTakesBits(held, at, data, this.erasedValue)
      : isFilled(held, at, data.length, this.erasedValue);
    if (fits || this.#physics?.isExcused(this.#view(index), at, data) === true) return;
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
}

const NOTHING_STRUCK: Readonly<FaultCounts> = noFaultsYet();

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
