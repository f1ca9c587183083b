import { MeterError } from '../errors.js';
import type { Crc32, FlashPort } from '../flash/flash-port.js';
import { EUI64_BYTES, PUBLIC_KEY_BYTES, TRUST_ANCHORS_MAX } from '../limits.js';

/** Whose signature a key checks. `bench` is one key for everything, on a bench only. */
export const ANCHOR_ROLES = { manufacturer: 1, supplier: 2, dco: 3, bench: 4, device: 5 } as const;
export type AnchorRole = keyof typeof ANCHOR_ROLES;

export interface TrustAnchor {
  readonly role: AnchorRole;
  /** Uncompressed P-256 point: 04, x, y; 65 octets. */
  readonly publicKey: Uint8Array;
}

/** Who this meter is; written once, at the factory. */
export interface DeviceIdentity {
  /** EUI-64, 8 octets, most significant first. */
  readonly eui64: Uint8Array;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareVersion: number;
  readonly deviceClass: number;
  readonly trustAnchors: readonly TrustAnchor[];
}

// docs/FLASH-FILE.md §8 draws this layout.
const MAGIC = 0x3144_4953; // "SID1", little-endian
const AT = {
  magic: 0,
  totalBytes: 4,
  anchorCount: 6,
  eui64: 8,
  manufacturerCode: 16,
  imageType: 18,
  hardwareVersion: 20,
  deviceClass: 22,
  anchors: 24,
} as const;
const ANCHOR_BYTES = 1 + PUBLIC_KEY_BYTES;
const TOTAL_BYTES_MAX = AT.anchors + TRUST_ANCHORS_MAX * ANCHOR_BYTES + 4;

/**
 * Writes the identity. What a cut left of an earlier attempt is erased.
 * @throws MeterError `already-provisioned`, `bad-identity`; FlashError; PowerLost
 */
export function provision(flash: FlashPort, crc32: Crc32, identity: DeviceIdentity): void {
  const region = flash.partition('identity');
  const encoded = encodeIdentity(identity, crc32);
  if (readIdentity(flash, crc32) !== undefined) {
    throw new MeterError(
      'already-provisioned',
      'this meter has an identity; start with a new flash to make another one',
    );
  }
  const octets = new Uint8Array(Math.ceil(encoded.length / region.granuleBytes) * region.granuleBytes);
  octets.fill(region.erasedValue, encoded.length);
  octets.set(encoded);
  eraseIdentity(flash);
  region.program(0, octets);
}

/** For a meter that was never finished. @throws PowerLost */
export function eraseIdentity(flash: FlashPort): void {
  const region = flash.partition('identity');
  for (const sector of region.sectors) region.eraseSector(sector.index);
}

/** Undefined when there is no intact identity. */
export function readIdentity(flash: FlashPort, crc32: Crc32): DeviceIdentity | undefined {
  const region = flash.partition('identity');
  const octets = region.read(0, Math.min(region.sizeBytes, TOTAL_BYTES_MAX));
  const view = new DataView(octets.buffer);
  if (view.getUint32(AT.magic, true) !== MAGIC) return undefined;
  const totalBytes = view.getUint16(AT.totalBytes, true);
  const anchorCount = view.getUint16(AT.anchorCount, true);
  if (totalBytes !== AT.anchors + anchorCount * ANCHOR_BYTES + 4 || totalBytes > octets.length) return undefined;
  if (view.getUint32(totalBytes - 4, true) !== crc32(octets.subarray(0, totalBytes - 4))) return undefined;
  const trustAnchors: TrustAnchor[] = [];
  for (let at: number = AT.anchors; at < totalBytes - 4; at += ANCHOR_BYTES) {
    const role = roleOf(octets[at]!);
    if (role === undefined) return undefined;
    trustAnchors.push({ role, publicKey: octets.slice(at + 1, at + ANCHOR_BYTES) });
  }
  return {
    eui64: octets.slice(AT.eui64, AT.eui64 + EUI64_BYTES),
    manufacturerCode: view.getUint16(AT.manufacturerCode, true),
    imageType: view.getUint16(AT.imageType, true),
    hardwareVersion: view.getUint16(AT.hardwareVersion, true),
    deviceClass: view.getUint16(AT.deviceClass, true),
    trustAnchors,
  };
}

function encodeIdentity(identity: DeviceIdentity, crc32: Crc32): Uint8Array {
  const { eui64, trustAnchors } = identity;
  if (eui64.length !== EUI64_BYTES) throw new MeterError('bad-identity', `an EUI-64 has ${EUI64_BYTES} octets`);
  if (trustAnchors.length > TRUST_ANCHORS_MAX) {
    throw new MeterError('bad-identity', `a meter holds at most ${TRUST_ANCHORS_MAX} trust anchors`);
  }
  const totalBytes = AT.anchors + trustAnchors.length * ANCHOR_BYTES + 4;
  const octets = new Uint8Array(totalBytes);
  const view = new DataView(octets.buffer);
  view.setUint32(AT.magic, MAGIC, true);
  view.setUint16(AT.totalBytes, totalBytes, true);
  view.setUint16(AT.anchorCount, trustAnchors.length, true);
  octets.set(eui64, AT.eui64);
  for (const field of ['manufacturerCode', 'imageType', 'hardwareVersion', 'deviceClass'] as const) {
    const value = identity[field];
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
      throw new MeterError('bad-identity', `${field} is a number from 0 to 65,535, not ${value}`);
    }
    view.setUint16(AT[field], value, true);
  }
  trustAnchors.forEach(({ role, publicKey }, i) => {
    if (publicKey.length !== PUBLIC_KEY_BYTES || publicKey[0] !== 4) {
      throw new MeterError(
        'bad-identity',
        `the ${role} key is not an uncompressed P-256 point of ${PUBLIC_KEY_BYTES} octets`,
      );
    }
    octets[AT.anchors + i * ANCHOR_BYTES] = ANCHOR_ROLES[role];
    octets.set(publicKey, AT.anchors + i * ANCHOR_BYTES + 1);
  });
  view.setUint32(totalBytes - 4, crc32(octets.subarray(0, totalBytes - 4)), true);
  return octets;
}

function roleOf(octet: number): AnchorRole | undefined {
  return (Object.keys(ANCHOR_ROLES) as AnchorRole[]).find((role) => ANCHOR_ROLES[role] === octet);
}
