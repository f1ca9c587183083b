/** A fleet as plain data: what every worker is given, and what all of them make the same meters from. */
import { DEFAULT_GEOMETRY, planLayout, profileNamed, PROFILE_NAMES, SLOT_IMAGE_BYTES_DEFAULT } from '@smets1/emulator';
import type { DeviceProfile } from '@smets1/emulator';
import { createWorld, nodeCrypto } from '@smets1/host';
import { BLOCK_SHIFT_DEFAULT, type PackageTrust } from '@smets1/protocol';
import { FleetError } from './error.js';
import { fleetKeys, type FleetKeys } from './fleet-keys.js';
import { FAULT_RATE_DEFAULT, FIRST_IMAGE_BYTES, METERS_MAX } from './limits.js';
import { openRelease, signRelease, type ReleaseFields } from './release.js';

export interface FleetOptions {
  readonly meters: number;
  /** A number from 0 to 2^64 − 1, or its hex digits; 1 unless given. */
  readonly seed?: bigint | number | string;
  /** What the meters are to run: a signed package, or a Manufacturer Image that keys of the fleet sign. */
  readonly release:
    | { readonly packageOctets: Uint8Array; readonly trust: PackageTrust }
    | { readonly firmware: Uint8Array; readonly fields?: ReleaseFields };
  /** Share of the meters that a fault befalls, from 0 to 1; 0.01 unless given. */
  readonly faultRate?: number;
  /** Modelled family of all meters, `PROFILE_NAMES` of the emulator; `plain` unless given. */
  readonly profile?: string;
}

export interface FleetPlan {
  /** 16 hex digits. */
  readonly seed: string;
  readonly meters: number;
  readonly faultRate: number;
  readonly profile: string;
  readonly packageOctets: Uint8Array;
  readonly trust: PackageTrust;
  /** What the meters leave the factory with, signed by keys of the fleet. */
  readonly firstPackage: Uint8Array;
  /** The image of the release, signed by a stranger. */
  readonly foreignPackage: Uint8Array;
}

/**
 * Builds and signs what the fleet needs.
 *
 * @throws {@link FleetError} `misuse` for an option out of its bounds, `package-refused`
 */
export function planFleet(options: FleetOptions): FleetPlan {
  const { meters, faultRate = FAULT_RATE_DEFAULT, profile = 'plain' } = options;
  if (!Number.isInteger(meters) || meters < 1 || meters > METERS_MAX)
    throw new FleetError('misuse', `a fleet has 1 to ${METERS_MAX} meters, not ${meters}`);
  if (!(faultRate >= 0 && faultRate <= 1))
    throw new FleetError('misuse', `the share of meters with a fault is from 0 to 1, not ${faultRate}`);
  if (!PROFILE_NAMES.includes(profile))
    throw new FleetError('misuse', `no profile is called ${profile}; there are ${PROFILE_NAMES.join(', ')}`);
  const { seed } = createWorld({ seed: options.seed ?? 1 });
  const crypto = nodeCrypto();
  const keys = fleetKeys(seed);
  const { packageOctets, trust } = releaseOf(options.release, profileNamed(profile), keys);
  const { image, octets } = openRelease(packageOctets, trust, crypto);
  const { manifest } = image;
  const fields: ReleaseFields = manifest;
  const first = firstImage(seed);
  // Older than the release in every respect, so that the release may replace it.
  const fileVersion = Math.max(1, manifest.applicableFromMin);
  const securityCounter = Math.max(0, Math.min(1, manifest.securityCounter - 1));
  return {
    seed,
    meters,
    faultRate,
    profile,
    packageOctets,
    trust,
    firstPackage: signRelease(first, { ...fields, fileVersion, securityCounter }, keys, crypto),
    foreignPackage: signRelease(octets, fields, { ...keys, manufacturer: keys.stranger }, crypto),
  };
}

/** The flash of a family, with larger slots where the plain one's do not hold the image. */
export function profileFor(name: string, imageBytes: number): DeviceProfile {
  const profile = profileNamed(name);
  if (name !== 'plain' || imageBytes <= SLOT_IMAGE_BYTES_DEFAULT) return profile;
  const [run] = DEFAULT_GEOMETRY.sectorRuns;
  const more = 2 * Math.ceil((imageBytes - SLOT_IMAGE_BYTES_DEFAULT) / run!.sectorBytes);
  const sectorRuns = [{ ...run!, count: run!.count + more }];
  return { ...profile, layout: planLayout({ ...DEFAULT_GEOMETRY, sectorRuns }, { imageBytesMax: imageBytes }) };
}

function releaseOf(
  release: FleetOptions['release'],
  { quirks }: DeviceProfile,
  keys: FleetKeys,
): Pick<FleetPlan, 'packageOctets' | 'trust'> {
  if ('packageOctets' in release) return release;
  const { blockShiftMin = 0, blockShiftMax = Infinity } = quirks;
  const blockShift = Math.min(Math.max(BLOCK_SHIFT_DEFAULT, blockShiftMin), blockShiftMax);
  const fields = release.fields ?? { ...BARE_FIRMWARE, blockShift };
  if (release.firmware.length === 0) throw new FleetError('misuse', 'the firmware has no octets');
  return {
    packageOctets: signRelease(release.firmware, fields, keys, nodeCrypto()),
    trust: { manufacturer: [keys.manufacturer.publicKey], supplier: [keys.supplier.publicKey] },
  };
}

const BARE_FIRMWARE: ReleaseFields = {
  manufacturerCode: 0x121d,
  imageType: 1,
  fileVersion: 0x0002_0001,
  hardwareMin: 0x1111,
  hardwareMax: 0x1111,
  securityCounter: 2,
};

/** Octets that are no firmware of anything. */
function firstImage(seed: string): Uint8Array {
  return createWorld({ seed }).random('first image').octets(FIRST_IMAGE_BYTES);
}
