import { FlashError } from '../errors.js';
import type { FlashLayout, FlashPort, FlashRegion, Partition, PartitionName, Sector } from './flash-port.js';
import { sectorIndexAt } from './geometry.js';

/** The window of one partition: what lies outside cannot be reached through it. */
export function openRegion(device: FlashRegion, partition: Partition): FlashRegion {
  return new Region(device, partition);
}

/**
 * The same flash for somebody who may touch only some of its partitions: programs, erases and reads that leave them are
 * refused, whether by partition or by offset, and nothing is changed. Layout, counters and wear stay to be seen.
 *
 * @param names - The partitions that may be reached; every other one, and what lies in none, may not.
 * @throws FlashError from each of its calls, `forbidden` for what lies in no named partition; otherwise as `flash`
 */
export function restrictFlash(flash: FlashPort, names: readonly PartitionName[]): FlashPort {
  return new RestrictedFlash(flash, names);
}

/** The one bounds check: no wrap, no fractions, no negative numbers. */
export function isInside(offsetBytes: number, lengthBytes: number, sizeBytes: number): boolean {
  return (
    Number.isSafeInteger(offsetBytes) &&
    Number.isSafeInteger(lengthBytes) &&
    offsetBytes >= 0 &&
    lengthBytes >= 0 &&
    lengthBytes <= sizeBytes - offsetBytes
  );
}

class Region implements FlashRegion {
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly granuleRewritable: boolean;
  readonly erasedValue: number;
  readonly sectors: readonly Sector[];
  readonly #device: FlashRegion;
  readonly #partition: Partition;
  readonly #firstSector: number;

  constructor(device: FlashRegion, partition: Partition) {
    this.sizeBytes = partition.lengthBytes;
    this.granuleBytes = device.granuleBytes;
    this.granuleRewritable = device.granuleRewritable;
    this.erasedValue = device.erasedValue;
    this.sectors = sectorsWithin(device.sectors, partition);
    this.#device = device;
    this.#partition = partition;
    this.#firstSector = sectorIndexAt(device.sectors, partition.offsetBytes);
  }

  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    this.#check(offsetBytes, lengthBytes);
    return this.#device.read(this.#partition.offsetBytes + offsetBytes, lengthBytes);
  }

  readInto(offsetBytes: number, target: Uint8Array): void {
    this.#check(offsetBytes, target.length);
    this.#device.readInto(this.#partition.offsetBytes + offsetBytes, target);
  }

  program(offsetBytes: number, data: Uint8Array): void {
    this.#check(offsetBytes, data.length);
    this.#device.program(this.#partition.offsetBytes + offsetBytes, data);
  }

  eraseSector(index: number): void {
    if (this.sectors[index] === undefined) {
      throw new FlashError('out-of-range', `partition "${this.#partition.name}" has no sector ${index}`);
    }
    this.#device.eraseSector(this.#firstSector + index);
  }

  #check(offsetBytes: number, lengthBytes: number): void {
    if (isInside(offsetBytes, lengthBytes, this.sizeBytes)) return;
    throw new FlashError(
      'out-of-range',
      `${lengthBytes} octets at ${offsetBytes} leave partition "${this.#partition.name}" of ${this.sizeBytes} octets`,
    );
  }
}

class RestrictedFlash implements FlashPort {
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly granuleRewritable: boolean;
  readonly erasedValue: number;
  readonly sectors: readonly Sector[];
  readonly layout: FlashLayout;
  readonly #flash: FlashPort;
  readonly #allowed: readonly Partition[];

  constructor(flash: FlashPort, names: readonly PartitionName[]) {
    this.sizeBytes = flash.sizeBytes;
    this.granuleBytes = flash.granuleBytes;
    this.granuleRewritable = flash.granuleRewritable;
    this.erasedValue = flash.erasedValue;
    this.sectors = flash.sectors;
    this.layout = flash.layout;
    this.#flash = flash;
    this.#allowed = flash.layout.partitions.filter(({ name }) => names.includes(name));
  }

  get operationCount(): number {
    return this.#flash.operationCount;
  }

  wear(sectorIndex: number): number {
    return this.#flash.wear(sectorIndex);
  }

  partition(name: PartitionName): FlashRegion {
    if (this.#allowed.some((partition) => partition.name === name)) return this.#flash.partition(name);
    if (!this.layout.partitions.some((partition) => partition.name === name)) return this.#flash.partition(name);
    throw new FlashError('forbidden', `partition "${name}" is not for this user; use the flash of the whole device`);
  }

  read(offsetBytes: number, lengthBytes: number): Uint8Array {
    this.#check(offsetBytes, lengthBytes);
    return this.#flash.read(offsetBytes, lengthBytes);
  }

  readInto(offsetBytes: number, target: Uint8Array): void {
    this.#check(offsetBytes, target.length);
    this.#flash.readInto(offsetBytes, target);
  }

  program(offsetBytes: number, data: Uint8Array): void {
    this.#check(offsetBytes, data.length);
    this.#flash.program(offsetBytes, data);
  }

  eraseSector(index: number): void {
    const sector = this.sectors[index];
    if (sector !== undefined) this.#check(sector.offsetBytes, sector.lengthBytes);
    this.#flash.eraseSector(index);
  }

  // Within one partition: whoever means two addresses them one after the other. Nonsense is left for the flash to refuse.
  #check(offsetBytes: number, lengthBytes: number): void {
    if (!isInside(offsetBytes, lengthBytes, this.sizeBytes)) return;
    const isAllowed = this.#allowed.some((partition) =>
      isInside(offsetBytes - partition.offsetBytes, lengthBytes, partition.lengthBytes),
    );
    if (isAllowed) return;
    throw new FlashError(
      'forbidden',
      `${lengthBytes} octets at ${offsetBytes} are not all in one partition that this user may touch`,
    );
  }
}

// By the sector list of the device, which all flashes of one layout share: a thousand meters need one table.
const tables = new WeakMap<readonly Sector[], Map<string, readonly Sector[]>>();

function sectorsWithin(all: readonly Sector[], { offsetBytes, lengthBytes }: Partition): readonly Sector[] {
  let known = tables.get(all);
  if (known === undefined) {
    known = new Map();
    tables.set(all, known);
  }
  const key = `${offsetBytes}+${lengthBytes}`;
  let sectors = known.get(key);
  if (sectors === undefined) {
    sectors = all
      .filter((sector) => sector.offsetBytes >= offsetBytes && sector.offsetBytes < offsetBytes + lengthBytes)
      .map((sector, index) => ({
        index,
        offsetBytes: sector.offsetBytes - offsetBytes,
        lengthBytes: sector.lengthBytes,
      }));
    known.set(key, sectors);
  }
  return sectors;
}
