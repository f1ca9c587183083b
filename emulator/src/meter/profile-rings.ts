import {
  BILLING_ENTRIES,
  CONSUMPTION_BYTES,
  CONSUMPTION_CHUNK_DAYS,
  DAILY_CONSUMPTION_ENTRIES,
  DAILY_READ_ENTRIES,
  EXPORT_DAY_BYTES,
  EXPORT_PROFILE_DAYS,
  IMPORT_DAY_BYTES,
  IMPORT_PROFILE_DAYS,
  JOURNAL_OVERHEAD_BYTES,
  READ_BYTES_MAX,
} from '../limits.js';

/** The journals that share the partition `profile`, in the order in which they lie there. */
export const PROFILE_RINGS = ['import', 'export', 'daily-read', 'consumption', 'billing'] as const;
export type ProfileRing = (typeof PROFILE_RINGS)[number];

/** Where a ring lies in its partition, in whole sectors. */
export interface RingPlace {
  readonly ring: ProfileRing;
  readonly firstSector: number;
  readonly sectorCount: number;
}

/** A profile partition's worth of rings, and the depth that it has room for. */
export interface ProfilePlan {
  readonly days: number;
  readonly places: readonly RingPlace[];
  readonly sectorCount: number;
}

const RECORD_BYTES: Readonly<Record<ProfileRing, number>> = {
  import: IMPORT_DAY_BYTES,
  export: EXPORT_DAY_BYTES,
  'daily-read': READ_BYTES_MAX,
  consumption: CONSUMPTION_BYTES,
  billing: READ_BYTES_MAX,
};

/** Entries that a ring keeps where half-hourly import is kept for so many days. */
export function ringEntries(ring: ProfileRing, days: number): number {
  switch (ring) {
    case 'import':
      return days;
    case 'export':
      return Math.min(days, EXPORT_PROFILE_DAYS);
    case 'daily-read':
      return Math.min(days, DAILY_READ_ENTRIES);
    case 'consumption':
      return Math.ceil(consumptionDays(days) / CONSUMPTION_CHUNK_DAYS);
    case 'billing':
      return Math.min(days, BILLING_ENTRIES);
  }
}

/** Days of daily consumption: 731 where import is kept for 397. */
export function consumptionDays(days: number): number {
  return Math.ceil((DAILY_CONSUMPTION_ENTRIES * days) / IMPORT_PROFILE_DAYS);
}

/**
 * Octets a journal record takes: payload and overhead in whole granules, and one more granule that stands between it and
 * whatever is programmed next, because a torn program damages the granule before it.
 */
export function journalRecordBytes(payloadBytes: number, granuleBytes: number): number {
  return (Math.ceil((payloadBytes + JOURNAL_OVERHEAD_BYTES) / granuleBytes) + 1) * granuleBytes;
}

/** Places the rings on sectors, one after the other; undefined when the sectors do not suffice for so many days. */
export function planProfile(
  sectorBytes: readonly number[],
  granuleBytes: number,
  days: number,
): ProfilePlan | undefined {
  const places: RingPlace[] = [];
  let next = 0;
  for (const ring of PROFILE_RINGS) {
    const firstSector = next;
    const perRecord = journalRecordBytes(RECORD_BYTES[ring], granuleBytes);
    let capacity = 0;
    let largest = 0;
    // One sector of a ring is always about to be erased: what the others hold must be enough.
    while (next - firstSector < 2 || capacity - largest < ringEntries(ring, days)) {
      const bytes = sectorBytes[next++];
      if (bytes === undefined) return undefined;
      const holds = Math.floor(bytes / perRecord);
      if (holds < 1) return undefined;
      capacity += holds;
      largest = Math.max(largest, holds);
    }
    places.push({ ring, firstSector, sectorCount: next - firstSector });
  }
  return { days, places, sectorCount: next };
}

/** The deepest plan, up to 397 days, for which a partition has room; undefined when it has none for a single day. */
export function deepestProfile(sectorBytes: readonly number[], granuleBytes: number): ProfilePlan | undefined {
  let low = 0;
  let high = IMPORT_PROFILE_DAYS;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (planProfile(sectorBytes, granuleBytes, middle) === undefined) high = middle - 1;
    else low = middle;
  }
  return low === 0 ? undefined : planProfile(sectorBytes, granuleBytes, low);
}
