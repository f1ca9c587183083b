import { FlashError } from '../errors.js';
import {
  BOOT_PAYLOAD_BYTES,
  BOOT_SLOTS_PER_COPY_MIN,
  BOOT_SLOTS_PER_SECTOR_MIN,
  CHECKPOINT_BYTES_MAX,
  EVENT_LOG_ENTRIES,
  EVENT_PAYLOAD_BYTES,
  GUARD_GRANULE_BYTES_MAX,
  IDENTITY_BYTES_MAX,
  IMPORT_PROFILE_DAYS,
  POWER_LOG_ENTRIES,
  POWER_PAYLOAD_BYTES,
  PROGRAM_PAGE_BYTES,
  RECORD_OVERHEAD_BYTES,
  SECURITY_LOG_ENTRIES,
  SECURITY_PAYLOAD_BYTES,
  SLOT_HEADER_BYTES,
  SLOT_IMAGE_BYTES_DEFAULT,
  STAGING_BYTES_DEFAULT,
} from '../limits.js';
import { journalRecordBytes, planProfile } from '../meter/profile-rings.js';
import type { FlashGeometry, FlashLayout, Partition, PartitionName, Sector } from './flash-port.js';
import { PARTITION_NAMES } from './flash-port.js';
import { sectorsOf, shapeOf } from './geometry.js';

export interface LayoutNeeds {
  readonly imageBytesMax?: number;
  readonly stagingBytes?: number;
  /** Days of half-hourly import, 1 to 397; the other logs of the meter's data keep their proportion to it. */
  readonly profileDays?: number;
}

/** 32 Mbit: 4 KiB sectors, granule 16, erased to FF, two slots for images of up to 1.75 MiB, and every log. */
export const DEFAULT_GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 1024, sectorBytes: 4096 }],
  granuleBytes: 16,
  granuleRewritable: true,
  erasedValue: 0xff,
};

/** Octets one record takes in flash: its payload and the overhead, in whole granules. */
export function recordSlotBytes(payloadBytes: number, granuleBytes: number): number {
  return Math.ceil((payloadBytes + RECORD_OVERHEAD_BYTES) / granuleBytes) * granuleBytes;
}

/**
 * Octets one slot of a record log takes: a record and, where granules are small, one more granule that is nobody's. A
 * program that is cut may damage the granule programmed before it: this one.
 */
export function logSlotBytes(payloadBytes: number, granuleBytes: number): number {
  const guardBytes = granuleBytes <= GUARD_GRANULE_BYTES_MAX ? granuleBytes : 0;
  return recordSlotBytes(payloadBytes, granuleBytes) + guardBytes;
}

/**
 * How often a log writes each entry: where no granule stands between two records, a cut may take the last record with it,
 * and so there is another one behind it.
 */
export function entryCopies(granuleBytes: number): number {
  return granuleBytes <= GUARD_GRANULE_BYTES_MAX ? 1 : 2;
}

/** Octets one boot record takes: whole program pages, so that a record is never more operations than its pages. */
export function bootSlotBytes(granuleBytes: number): number {
  const pageBytes = Math.max(granuleBytes, PROGRAM_PAGE_BYTES - (PROGRAM_PAGE_BYTES % granuleBytes));
  return Math.ceil(recordSlotBytes(BOOT_PAYLOAD_BYTES, granuleBytes) / pageBytes) * pageBytes;
}

/**
 * Places every partition on a geometry, in the order of {@link PARTITION_NAMES}, each in as many whole sectors as it
 * needs. @throws FlashError `bad-layout` when the device is too small, or a sector for what must lie in one
 */
export function planLayout(geometry: FlashGeometry, needs: LayoutNeeds = {}): FlashLayout {
  const sectors = sectorsOf(geometry);
  const partitions: Partition[] = [];
  let next = 0;
  for (const name of PARTITION_NAMES) {
    const count = sectorsNeeded(name, sectors.slice(next), geometry.granuleBytes, needs);
    const taken = sectors.slice(next, next + count);
    if (count === 0 || taken.length < count) {
      throw new FlashError('bad-layout', `no room for partition "${name}"; add sectors`);
    }
    next += count;
    const lengthBytes = taken.reduce((sum, sector) => sum + sector.lengthBytes, 0);
    partitions.push({ name, offsetBytes: taken[0]!.offsetBytes, lengthBytes });
  }
  const layout: FlashLayout = { geometry, partitions };
  shapeOf(layout);
  return layout;
}

// How many of the sectors that are left a partition takes; 0 when they do not suffice.
function sectorsNeeded(name: PartitionName, left: readonly Sector[], granuleBytes: number, needs: LayoutNeeds): number {
  switch (name) {
    case 'boot-a':
      return bootSectors(name, left, bootSlotBytes(granuleBytes), 1);
    case 'boot-b':
      return bootSectors(name, left, bootSlotBytes(granuleBytes), 2);
    // One erase unit, or more, for each copy.
    case 'identity':
      return 2 * octets(left, IDENTITY_BYTES_MAX, 1);
    case 'staging':
      return octets(left, needs.stagingBytes ?? STAGING_BYTES_DEFAULT, 2);
    // Two copies of two sectors: one is there while the other one is erased.
    case 'meter':
      return records(name, left, journalRecordBytes(CHECKPOINT_BYTES_MAX, granuleBytes), 4);
    case 'profile': {
      const sizes = left.map(({ lengthBytes }) => lengthBytes);
      return planProfile(sizes, granuleBytes, needs.profileDays ?? IMPORT_PROFILE_DAYS)?.sectorCount ?? 0;
    }
    case 'event-log':
      return log(name, left, granuleBytes, EVENT_PAYLOAD_BYTES, EVENT_LOG_ENTRIES);
    case 'security-log':
      return log(name, left, granuleBytes, SECURITY_PAYLOAD_BYTES, SECURITY_LOG_ENTRIES);
    case 'power-log':
      return log(name, left, granuleBytes, POWER_PAYLOAD_BYTES, POWER_LOG_ENTRIES);
    case 'slot-0':
    case 'slot-1':
      return octets(left, SLOT_HEADER_BYTES + (needs.imageBytesMax ?? SLOT_IMAGE_BYTES_DEFAULT), 1);
  }
}

// Three sectors in all, or more: then one that is worn leaves one to write to, beside the one that holds the state.
function bootSectors(name: PartitionName, left: readonly Sector[], slotBytes: number, sectorsMin: number): number {
  const count = octets(left, BOOT_SLOTS_PER_COPY_MIN * slotBytes, sectorsMin);
  return records(name, left, BOOT_SLOTS_PER_SECTOR_MIN * slotBytes, count);
}

function octets(left: readonly Sector[], neededBytes: number, sectorsMin: number): number {
  let lengthBytes = 0;
  let count = 0;
  while (lengthBytes < neededBytes || count < sectorsMin) {
    const sector = left[count++];
    if (sector === undefined) return 0;
    lengthBytes += sector.lengthBytes;
  }
  return count;
}

function records(name: PartitionName, left: readonly Sector[], neededBytes: number, count: number): number {
  const small = left.slice(0, count).some(({ lengthBytes }) => lengthBytes < neededBytes);
  if (small)
    throw new FlashError('bad-layout', `sectors of "${name}" need ${neededBytes} octets; use larger ones there`);
  return count;
}

// A record log that holds so many entries while its largest sector is erased.
function log(
  name: PartitionName,
  left: readonly Sector[],
  granuleBytes: number,
  payloadBytes: number,
  entries: number,
): number {
  const slotBytes = logSlotBytes(payloadBytes, granuleBytes);
  let capacity = 0;
  let largest = 0;
  let count = 0;
  while (count < 2 || capacity - largest < entries * entryCopies(granuleBytes)) {
    const sector = left[count++];
    if (sector === undefined) return 0;
    const holds = Math.floor(sector.lengthBytes / slotBytes) - 1;
    if (holds < 1)
      throw new FlashError('bad-layout', `sectors of "${name}" need ${2 * slotBytes} octets; use larger ones there`);
    capacity += holds;
    largest = Math.max(largest, holds);
  }
  return count;
}

export const DEFAULT_LAYOUT: FlashLayout = planLayout(DEFAULT_GEOMETRY);
