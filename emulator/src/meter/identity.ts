import { FlashError, MeterError } from '../errors.js';
import type { Crc32, FlashPort, FlashRegion, Sector } from '../flash/flash-port.js';
import { EUI64_BYTES, IDENTITY_BYTES_MAX, PUBLIC_KEY_BYTES, TRUST_ANCHORS_MAX } from '../limits.js';
import { sameOctets } from '../octets.js';

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

/**
 * Writes the identity, in two copies. What a cut left of an earlier attempt is erased.
 * @throws MeterError `already-provisioned`, `bad-identity`; FlashError; PowerLost
 */
export function provision(flash: FlashPort, crc32: Crc32, identity: DeviceIdentity): void {
  const encoded = encodeIdentity(identity, crc32);
  if (readIdentity(flash, crc32) !== undefined) {
    throw new MeterError(
      'already-provisioned',
      'this meter has an identity; start with a new flash to make another one',
    );
  }
  const region = flash.partition('identity');
  const written = copiesOf(region).map((copy) => writeCopy(region, copy, encoded));
  if (written.includes(true)) return;
  throw new FlashError('worn', 'the sectors of the identity do not keep what is programmed; use another device');
}

/** For a meter that was never finished. @throws PowerLost */
export function eraseIdentity(flash: FlashPort): void {
  const region = flash.partition('identity');
  for (const sector of region.sectors) region.eraseSector(sector.index);
}

/** The first intact copy; undefined when there is none. A copy that reads differently twice is not intact. */
export function readIdentity(flash: FlashPort, crc32: Crc32): DeviceIdentity | undefined {
  const region = flash.partition('identity');
  for (const copy of copiesOf(region)) {
    const octets = readCopy(region, copy, crc32);
    if (octets !== undefined) return decodeIdentity(octets);
  }
  return undefined;
}

/**
 * Writes a copy again that has rotted, or that a cut or weak cells have spoilt, from the one that is intact. At most an
 * erase and the pages of one copy; does nothing when both are intact, or neither. A sector that is worn stays as it is.
 * @throws PowerLost
 */
export function repairIdentity(flash: FlashPort, crc32: Crc32): void {
  const region = flash.partition('identity');
  const copies = copiesOf(region);
  const octets = copies.map((copy) => readCopy(region, copy, crc32));
  const intact = octets.find((copy) => copy !== undefined);
  if (intact === undefined) return;
  copies.forEach((copy, i) => {
    if (octets[i] === undefined) writeCopy(region, copy, intact);
  });
}

/** Where a copy lies: whole sectors, so that writing one never touches the other. */
type Copy = readonly Sector[];

function copiesOf(region: FlashRegion): readonly Copy[] {
  const half = Math.ceil(region.sectors.length / 2);
  return [region.sectors.slice(0, half), region.sectors.slice(half)].filter((copy) => copy.length > 0);
}

function readCopy(region: FlashRegion, copy: Copy, crc32: Crc32): Uint8Array | undefined {
  const first = copy[0]!;
  const octets = region.read(first.offsetBytes, Math.min(roomOf(copy), IDENTITY_BYTES_MAX));
  const view = new DataView(octets.buffer);
  if (view.getUint32(AT.magic, true) !== MAGIC) return undefined;
  const totalBytes = view.getUint16(AT.totalBytes, true);
  const anchorCount = view.getUint16(AT.anchorCount, true);
  if (totalBytes !== AT.anchors + anchorCount * ANCHOR_BYTES + 4 || totalBytes > octets.length) return undefined;
  const encoded = octets.subarray(0, totalBytes);
  if (!sameOctets(region.read(first.offsetBytes, totalBytes), encoded)) return undefined;
  if (view.getUint32(totalBytes - 4, true) !== crc32(octets.subarray(0, totalBytes - 4))) return undefined;
  return decodeIdentity(encoded) && encoded;
}

function roomOf(copy: Copy): number {
  return copy.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}

// False where flash does not keep it.
function writeCopy(region: FlashRegion, copy: Copy, encoded: Uint8Array): boolean {
  const { offsetBytes } = copy[0]!;
  const octets = new Uint8Array(Math.ceil(encoded.length / region.granuleBytes) * region.granuleBytes);
  octets.fill(region.erasedValue, encoded.length);
  octets.set(encoded);
  if (octets.length > roomOf(copy)) throw new FlashError('bad-layout', 'half of the partition "identity" is too small');
  try {
    for (const sector of copy) region.eraseSector(sector.index);
    region.program(offsetBytes, octets);
  } catch (error) {
    if (error instanceof FlashError && (error.code === 'worn' || error.code === 'not-erased')) return false;
    throw error;
  }
  return sameOctets(region.read(offsetBytes, octets.length), octets);
}

function decodeIdentity(octets: Uint8Array): DeviceIdentity | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const trustAnchors: TrustAnchor[] = [];
  for (let at: number = AT.anchors; at < octets.length - 4; at += ANCHOR_BYTES) {
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
