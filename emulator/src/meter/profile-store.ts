import { FlashError } from '../errors.js';
import type { Crc32, FlashRegion } from '../flash/flash-port.js';
import { openRegion } from '../flash/region.js';
import { Journal } from './journal.js';
import { deepestProfile, PROFILE_RINGS, ringEntries, type ProfilePlan, type ProfileRing } from './profile-rings.js';

const NUMBER_BYTES = 4;

/** The journals of the partition `profile`: records with a number in front. Reads nothing before it is asked to. */
export class ProfileStore {
  /** Days of half-hourly import that there is room for. */
  readonly days: number;
  readonly #journals: ReadonlyMap<ProfileRing, Journal>;

  /** @throws FlashError `bad-layout` when the partition has no room for a single day */
  constructor(region: FlashRegion, crc32: Crc32) {
    const plan = deepestProfile(
      region.sectors.map(({ lengthBytes }) => lengthBytes),
      region.granuleBytes,
    );
    if (plan === undefined) throw new FlashError('bad-layout', 'the partition "profile" is too small for one day');
    this.days = plan.days;
    this.#journals = new Map(
      plan.places.map(({ ring }) => [ring, new Journal(windowOf(region, plan, ring), idOf(ring), crc32)]),
    );
  }

  /** Writes the record of a number. Another one of that number no longer counts. @throws FlashError `worn`; PowerLost */
  write(ring: ProfileRing, number: number, payload: Uint8Array): void {
    const octets = new Uint8Array(NUMBER_BYTES + payload.length);
    new DataView(octets.buffer).setUint32(0, number, true);
    octets.set(payload, NUMBER_BYTES);
    this.#journals.get(ring)!.append(octets);
  }

  /** The newest records up to and with a number, oldest first, as many as the ring keeps. @throws PowerLost */
  read(ring: ProfileRing, upTo: number): readonly { readonly number: number; readonly payload: Uint8Array }[] {
    const byNumber = new Map<number, Uint8Array>();
    for (const { payload } of this.#journals.get(ring)!.records()) {
      const number = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0, true);
      if (number <= upTo) byNumber.set(number, payload.subarray(NUMBER_BYTES));
    }
    return [...byNumber]
      .map(([number, payload]) => ({ number, payload }))
      .toSorted((a, b) => a.number - b.number)
      .slice(-ringEntries(ring, this.days));
  }
}

function idOf(ring: ProfileRing): number {
  return 0x10 + PROFILE_RINGS.indexOf(ring);
}

function windowOf(region: FlashRegion, plan: ProfilePlan, ring: ProfileRing): FlashRegion {
  const { firstSector, sectorCount } = plan.places.find((place) => place.ring === ring)!;
  return sectorWindow(region, 'profile', firstSector, sectorCount);
}

/** Some sectors of a partition as a region of their own. */
export function sectorWindow(
  region: FlashRegion,
  name: 'meter' | 'profile',
  firstSector: number,
  sectorCount: number,
): FlashRegion {
  const sectors = region.sectors.slice(firstSector, firstSector + sectorCount);
  const lengthBytes = sectors.reduce((sum, sector) => sum + sector.lengthBytes, 0);
  return openRegion(region, { name, offsetBytes: sectors[0]!.offsetBytes, lengthBytes });
}
