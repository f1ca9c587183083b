import { FlashError } from '../errors.js';
import {
  FLASH_BYTES_MAX,
  GRANULE_BYTES_MAX,
  PARTITION_NAME_BYTES,
  SECTOR_BYTES_MAX,
  SECTOR_RUNS_MAX,
  SHAPES_KEPT_MAX,
} from '../limits.js';
import { PARTITION_NAMES } from './flash-port.js';
import type { FlashGeometry, FlashLayout, Sector } from './flash-port.js';

/** What a layout works out to. Built once, and shared by every flash of this layout. */
export interface FlashShape {
  readonly layout: FlashLayout;
  readonly sizeBytes: number;
  readonly sectors: readonly Sector[];
}

// By content: a layout read from a file is a new object each time, and a fleet has thousands.
const shapes = new Map<string, FlashShape>();

/** @throws FlashError `bad-layout` with the rule that was broken */
export function shapeOf(layout: FlashLayout): FlashShape {
  const key = JSON.stringify(layout);
  const known = shapes.get(key);
  if (known !== undefined) return known;
  const shape = workOut(layout);
  if (shapes.size >= SHAPES_KEPT_MAX) shapes.clear();
  shapes.set(key, shape);
  return shape;
}

function workOut(layout: FlashLayout): FlashShape {
  const { granuleBytes, erasedValue, sectorRuns, timings } = layout.geometry;
  require(isCount(granuleBytes) &&
    granuleBytes <= GRANULE_BYTES_MAX, `granule must be 1 to ${GRANULE_BYTES_MAX} octets`);
  require(erasedValue === 0x00 || erasedValue === 0xff, 'the erased value is 0x00 or 0xFF');
  require(sectorRuns.length >= 1 && sectorRuns.length <= SECTOR_RUNS_MAX, `1 to ${SECTOR_RUNS_MAX} sector runs`);
  const times = timings === undefined ? [] : Object.values(timings);
  require(times.every((time) => Number.isFinite(time) && time >= 0), 'a time per operation is a number of at least 0');
  const sectors = sectorsOf(layout.geometry);
  const last = sectors.at(-1)!;
  checkPartitions(layout, sectors);
  return { layout, sectors, sizeBytes: last.offsetBytes + last.lengthBytes };
}

/** The sectors of a geometry, from offset 0. @throws FlashError `bad-layout` */
export function sectorsOf(geometry: FlashGeometry): readonly Sector[] {
  const sectors: Sector[] = [];
  let offsetBytes = 0;
  for (const { count, sectorBytes } of geometry.sectorRuns) {
    require(isCount(count) && isCount(sectorBytes), 'a sector run needs a count and a sector size of at least 1');
    require(sectorBytes <= SECTOR_BYTES_MAX, `a sector has at most ${SECTOR_BYTES_MAX} octets`);
    require(sectorBytes % geometry.granuleBytes === 0, 'a sector must be a whole number of granules');
    require(offsetBytes + count * sectorBytes <= FLASH_BYTES_MAX, `a device has at most ${FLASH_BYTES_MAX} octets`);
    for (let i = 0; i < count; i++, offsetBytes += sectorBytes) {
      sectors.push({ index: sectors.length, offsetBytes, lengthBytes: sectorBytes });
    }
  }
  return sectors;
}

/** Index of the sector that holds an offset inside the device. */
export function sectorIndexAt(sectors: readonly Sector[], offsetBytes: number): number {
  let low = 0;
  let high = sectors.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sectors[middle]!.offsetBytes <= offsetBytes) low = middle;
    else high = middle - 1;
  }
  return low;
}

function checkPartitions(layout: FlashLayout, sectors: readonly Sector[]): void {
  const edges = new Set([0, ...sectors.map((sector) => sector.offsetBytes + sector.lengthBytes)]);
  let endBytes = 0;
  const names = new Set<string>();
  for (const partition of [...layout.partitions].toSorted((a, b) => a.offsetBytes - b.offsetBytes)) {
    const { name, offsetBytes, lengthBytes } = partition;
    require(PARTITION_NAMES.includes(name) && name.length <= PARTITION_NAME_BYTES, `no partition is called "${name}"`);
    require(!names.has(name), `two partitions are called "${name}"`);
    require(offsetBytes >= endBytes && lengthBytes > 0, `partition "${name}" overlaps another or is empty`);
    endBytes = offsetBytes + lengthBytes;
    require(edges.has(offsetBytes) &&
      edges.has(endBytes), `partition "${name}" does not start and end at sector edges`);
    names.add(name);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function require(holds: boolean, rule: string): void {
  if (!holds) throw new FlashError('bad-layout', `${rule}; correct the layout`);
}
