/** The manifest (SPEC.md §4): what an image is, for whom, and in which blocks it comes. Signed by the manufacturer. */
import { CONTEXTS, keyIdOf, sha256, sign, verify, type CryptoTask } from '../crypto-port.js';
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import { decodeOtaHeader, type OtaHeader } from '../image/ota-header.js';
import { otaImageBytes } from '../image/ota-image.js';
import { layout, octets, reserved, u16, u32, u8 } from '../layout/layout.js';
import { concat, equalOctets, toHex } from '../layout/octets.js';
import {
  BLOCK_SHIFT_MAX,
  BLOCK_SHIFT_MIN,
  HASH_BYTES,
  IMAGE_BYTES_MAX,
  KEY_ID_BYTES,
  MANIFEST_BYTES_MAX,
  MANIFEST_BYTES_MIN,
  MANIFEST_FIXED_BYTES,
  SIGNATURE_BYTES,
} from '../limits.js';
import type { PackageFault } from '../refusal.js';
import { decodeTail, encodeTail } from './manifest-tail.js';

/** What the one who builds a manifest decides; the rest of {@link Manifest} follows from it. */
export interface ManifestFields {
  /** Payload octets of a block are 2^blockShift; 8 to 16. */
  readonly blockShift: number;
  /** Octets of the Manufacturer Image; 1 to 10,240,000. */
  readonly imageBytes: number;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly fileVersion: number;
  readonly hardwareMin: number;
  readonly hardwareMax: number;
  /** {@link DEVICE_CLASS_ESME}, or another that a meter will refuse. */
  readonly deviceClass: number;
  readonly securityCounter: number;
  /** Lowest and highest running version that this image may replace. */
  readonly applicableFromMin: number;
  readonly applicableFromMax: number;
  /** Manufacturer Image Hash, 32 octets. */
  readonly imageHash: Uint8Array;
  /** SHA-256 of the 60-octet OTA header. */
  readonly otaHeaderHash: Uint8Array;
  /** First 8 octets of SHA-256 of the manufacturer's public key. */
  readonly keyId: Uint8Array;
  /** For people; 1 to 64 octets as UTF-8. */
  readonly label?: string;
}

export interface Manifest extends ManifestFields {
  readonly minor: number;
  /** Octets of the whole manifest, signature included. */
  readonly manifestBytes: number;
  readonly profile: number;
  readonly encoding: number;
  readonly blockCount: number;
  readonly decodedBytes: number;
  /** The exact octets, signature included. */
  readonly octets: Uint8Array;
  /** How many of `octets`, from the first on, are signed. */
  readonly signedOctets: number;
}

/** A manifest, and the key that every block of it must be signed with. */
export interface VerifiedManifest {
  readonly manifest: Manifest;
  /** 32 octets: the identity of the manifest. */
  readonly digest: Uint8Array;
  readonly manufacturerKey: Uint8Array;
}

export const DEVICE_CLASS_ESME = 1;
/** Every block is signed with P-256. */
export const PROFILE_SIGNED_BLOCKS = 1;
/** Blocks carry the Manufacturer Image itself. */
export const ENCODING_NONE = 0;

/**
 * Encodes `fields` and signs them as the manufacturer.
 *
 * @throws {@link LocalProtocolError} when a field is out of its bounds, before anything is signed.
 */
export function* signManifest(fields: ManifestFields): CryptoTask<Manifest> {
  const tail = encodeTail(fields.label);
  const signedBytes = MANIFEST_FIXED_BYTES + tail.length;
  const head = FIXED.encode({
    ...fields,
    magic: MAGIC,
    major: MAJOR,
    minor: 0,
    manifestBytes: signedBytes + SIGNATURE_BYTES,
    profile: PROFILE_SIGNED_BLOCKS,
    encoding: ENCODING_NONE,
    blockCount: blockCountOf(fields.imageBytes, fields.blockShift),
    decodedBytes: fields.imageBytes,
  });
  const unsigned = decodeManifest(concat(head, tail, new Uint8Array(SIGNATURE_BYTES)));
  if (!unsigned.ok) throw new LocalProtocolError(`no manifest can say so: ${unsigned.fault.detail}`);
  const signature = yield* sign('manufacturer', signedMessage(unsigned.value));
  return { ...unsigned.value, octets: concat(head, tail, signature) };
}

/**
 * Reads the structure, field by field in the order of SPEC.md §4; the signature is not checked. The octets are copied.
 *
 * Faults: `truncated`, `trailingOctets`, `malformed`, `unsupportedVersion`, `unsupportedProfile`, `unsupportedEncoding`,
 * `unknownCriticalField`.
 */
export function decodeManifest(source: Uint8Array): Checked<Manifest, PackageFault> {
  if (source.length < MANIFEST_BYTES_MIN) {
    return bad('truncated', `a manifest has ${MANIFEST_BYTES_MIN} octets or more, not ${source.length}`);
  }
  const { magic, major, ...fixed } = FIXED.decode(source);
  if (!equalOctets(magic, MAGIC)) return bad('malformed', `not a manifest: begins with ${toHex(magic)}`);
  if (major !== MAJOR)
    return bad('unsupportedVersion', `manifest of major version ${major}, this release reads ${MAJOR}`);
  const { manifestBytes } = fixed;
  if (manifestBytes < MANIFEST_BYTES_MIN || manifestBytes > MANIFEST_BYTES_MAX) {
    return bad(
      'malformed',
      `manifestBytes is ${manifestBytes}, must be ${MANIFEST_BYTES_MIN} to ${MANIFEST_BYTES_MAX}`,
    );
  }
  if (source.length < manifestBytes)
    return bad('truncated', `${source.length} octets of a manifest of ${manifestBytes}`);
  if (source.length > manifestBytes)
    return bad('trailingOctets', `${source.length - manifestBytes} octets after the manifest`);
  if (fixed.profile !== PROFILE_SIGNED_BLOCKS)
    return bad('unsupportedProfile', `profile ${fixed.profile} is not known here`);
  if (fixed.encoding !== ENCODING_NONE)
    return bad('unsupportedEncoding', `encoding ${fixed.encoding} is not known here`);
  const reason =
    boundsBroken(fixed) ?? (FIXED.reservedIsZero(source) ? undefined : 'a reserved field of the manifest is not zero');
  if (reason !== undefined) return bad('malformed', reason);
  const signedOctets = manifestBytes - SIGNATURE_BYTES;
  const tail = decodeTail(source.subarray(MANIFEST_FIXED_BYTES, signedOctets));
  if (!tail.ok) return tail;
  return good({ ...fixed, ...tail.value, octets: source.slice(), signedOctets });
}

/** SHA-256 over context and signed octets: what identifies a manifest, whoever signed it how often. */
export function manifestDigest(manifest: Manifest): CryptoTask<Uint8Array> {
  return sha256(CONTEXTS.manifest, manifest.octets.subarray(0, manifest.signedOctets));
}

/** Checks the signature with the key of `manufacturerKeys` that the key id chooses. */
export function* verifyManifest(
  manifest: Manifest,
  manufacturerKeys: readonly Uint8Array[],
): CryptoTask<Checked<VerifiedManifest, 'unknownKey' | 'badSignature'>> {
  let known = false;
  const message = signedMessage(manifest);
  const signature = manifest.octets.subarray(manifest.signedOctets);
  for (const manufacturerKey of manufacturerKeys) {
    if (!equalOctets(yield* keyIdOf(manufacturerKey), manifest.keyId)) continue;
    known = true;
    if (yield* verify(manufacturerKey, message, signature)) {
      return good({ manifest, digest: yield* sha256(message), manufacturerKey });
    }
  }
  return known
    ? bad('badSignature', `the manifest's signature does not hold with key ${toHex(manifest.keyId)}`)
    : bad(
        'unknownKey',
        `the manifest is signed with key ${toHex(manifest.keyId)}, which is not trusted for manufacturers here`,
      );
}

/** Checks the OTA header against hash and fields of the manifest, and gives it back decoded. */
export function* checkOtaHeader(
  manifest: Manifest,
  headerOctets: Uint8Array,
): CryptoTask<Checked<OtaHeader, 'otaHeaderMismatch'>> {
  if (!equalOctets(yield* sha256(headerOctets), manifest.otaHeaderHash)) {
    return bad('otaHeaderMismatch', 'the OTA header is not the one whose hash the manifest gives');
  }
  const header = decodeOtaHeader(headerOctets);
  if (!header.ok) return bad('otaHeaderMismatch', header.fault.detail);
  for (const name of SHARED_FIELDS) {
    if (header.value[name] !== manifest[name]) {
      return bad(
        'otaHeaderMismatch',
        `${name} is ${header.value[name]} in the OTA header and ${manifest[name]} in the manifest`,
      );
    }
  }
  const expected = otaImageBytes(manifest.imageBytes);
  if (header.value.totalBytes !== expected) {
    return bad(
      'otaHeaderMismatch',
      `the OTA header states ${header.value.totalBytes} octets, the manifest's image makes ${expected}`,
    );
  }
  return header;
}

/** Blocks of an image of `imageBytes`; the last may be short. */
export function blockCountOf(imageBytes: number, blockShift: number): number {
  return Math.ceil(imageBytes / 2 ** blockShift);
}

/** Where the payload of block `index` begins in the Manufacturer Image. */
export function blockOffsetBytes(manifest: Pick<Manifest, 'blockShift'>, index: number): number {
  return index * 2 ** manifest.blockShift;
}

/**
 * Payload octets of block `index`.
 *
 * @throws {@link LocalProtocolError} when the image has no such block.
 */
export function blockPayloadBytes(manifest: Geometry, index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= manifest.blockCount) {
    throw new LocalProtocolError(`no block ${index}: the image has ${manifest.blockCount}`);
  }
  return Math.min(2 ** manifest.blockShift, manifest.imageBytes - blockOffsetBytes(manifest, index));
}

/** Octets of block `index` on the wire and at rest: payload and signature. */
export function blockBytes(manifest: Geometry, index: number): number {
  return blockPayloadBytes(manifest, index) + SIGNATURE_BYTES;
}

export type Geometry = Pick<Manifest, 'blockShift' | 'blockCount' | 'imageBytes'>;

const MAGIC = Uint8Array.of(0x53, 0x31, 0x4d, 0x46);
const MAJOR = 1;

const FIXED = layout({
  magic: octets(4),
  major: u8,
  minor: u8,
  manifestBytes: u16,
  profile: u8,
  encoding: u8,
  blockShift: u8,
  reservedOctet: reserved(1),
  blockCount: u32,
  imageBytes: u32,
  decodedBytes: u32,
  manufacturerCode: u16,
  imageType: u16,
  fileVersion: u32,
  hardwareMin: u16,
  hardwareMax: u16,
  deviceClass: u16,
  reservedPair: reserved(2),
  securityCounter: u32,
  applicableFromMin: u32,
  applicableFromMax: u32,
  imageHash: octets(HASH_BYTES),
  otaHeaderHash: octets(HASH_BYTES),
  keyId: octets(KEY_ID_BYTES),
});

const SHARED_FIELDS = ['manufacturerCode', 'imageType', 'fileVersion', 'hardwareMin', 'hardwareMax'] as const;

function signedMessage(manifest: Manifest): Uint8Array {
  return concat(CONTEXTS.manifest, manifest.octets.subarray(0, manifest.signedOctets));
}

type Bounded = Geometry &
  Pick<Manifest, 'decodedBytes' | 'hardwareMin' | 'hardwareMax' | 'applicableFromMin' | 'applicableFromMax'>;

function boundsBroken(fields: Bounded): string | undefined {
  const { blockShift, blockCount, imageBytes, decodedBytes } = fields;
  if (blockShift < BLOCK_SHIFT_MIN || blockShift > BLOCK_SHIFT_MAX) {
    return `blockShift is ${blockShift}, must be ${BLOCK_SHIFT_MIN} to ${BLOCK_SHIFT_MAX}`;
  }
  if (imageBytes < 1 || imageBytes > IMAGE_BYTES_MAX)
    return `imageBytes is ${imageBytes}, must be 1 to ${IMAGE_BYTES_MAX}`;
  const count = blockCountOf(imageBytes, blockShift);
  // Never above BLOCK_COUNT_MAX: the smallest blocks of the largest image are fewer.
  if (blockCount !== count) return `blockCount is ${blockCount}, must be ${count} for this image`;
  if (decodedBytes !== imageBytes) return `decodedBytes is ${decodedBytes}, must be imageBytes, ${imageBytes}`;
  if (fields.hardwareMax < fields.hardwareMin)
    return `hardwareMax ${fields.hardwareMax} is below hardwareMin ${fields.hardwareMin}`;
  if (fields.applicableFromMax < fields.applicableFromMin) {
    return `applicableFromMax ${fields.applicableFromMax} is below applicableFromMin ${fields.applicableFromMin}`;
  }
  return undefined;
}
