/** Builds packages: cuts an OTA Upgrade Image into blocks and signs each (SPEC.md §4 to §6). */
import { keyIdOf, sha256, sign, type CryptoTask } from '../crypto-port.js';
import { LocalProtocolError } from '../errors.js';
import { manufacturerImageHash, readOtaImage } from '../image/ota-image.js';
import { BLOCK_SHIFT_DEFAULT, CRC32_BYTES } from '../limits.js';
import { blockMessages } from './block.js';
import { layOutContainer, writeCrc } from './container.js';
import { blockOffsetBytes, blockPayloadBytes, DEVICE_CLASS_ESME, signManifest, verifyManifest } from './manifest.js';

export interface PackageFields {
  /** An OTA Upgrade Image; one from elsewhere goes through `verifyOtaImage` first. */
  readonly otaImage: Uint8Array;
  /** The public key, 65 octets, of the manufacturer that signs: the package names it. */
  readonly manufacturerKey: Uint8Array;
  /** Payload octets of a block are 2^blockShift; 12 when not given. */
  readonly blockShift?: number;
  readonly securityCounter: number;
  /** ESME when not given. */
  readonly deviceClass?: number;
  /** Any running version when not given. */
  readonly applicableFromMin?: number;
  readonly applicableFromMax?: number;
  readonly label?: string;
}

/**
 * Builds a package, signed by the manufacturer.
 *
 * @throws {@link LocalProtocolError} when `otaImage` is not an OTA Upgrade Image, a field is out of its bounds, or the signer does not
 *   sign with `manufacturerKey`.
 */
export function* buildPackage(fields: PackageFields): CryptoTask<Uint8Array> {
  const read = readOtaImage(fields.otaImage);
  if (!read.ok) throw new LocalProtocolError(`not an OTA Upgrade Image: ${read.fault.detail}`);
  const { header, headerOctets, manufacturerImage, gbcsSignature } = read.value;
  const { manufacturerKey } = fields;
  const signed = yield* signManifest({
    blockShift: fields.blockShift ?? BLOCK_SHIFT_DEFAULT,
    imageBytes: manufacturerImage.length,
    manufacturerCode: header.manufacturerCode,
    imageType: header.imageType,
    fileVersion: header.fileVersion,
    hardwareMin: header.hardwareMin,
    hardwareMax: header.hardwareMax,
    deviceClass: fields.deviceClass ?? DEVICE_CLASS_ESME,
    securityCounter: fields.securityCounter,
    applicableFromMin: fields.applicableFromMin ?? 0,
    applicableFromMax: fields.applicableFromMax ?? 0xffffffff,
    imageHash: yield* manufacturerImageHash(manufacturerImage),
    otaHeaderHash: yield* sha256(headerOctets),
    keyId: yield* keyIdOf(manufacturerKey),
    ...(fields.label === undefined ? {} : { label: fields.label }),
  });
  // Once, not for every block: a key that does not belong to the signer makes a package that verifies nowhere.
  const verified = yield* verifyManifest(signed, [manufacturerKey]);
  if (!verified.ok) throw new LocalProtocolError('the signer does not sign with the private key of manufacturerKey');
  const { manifest, digest } = verified.value;

  const { blockCount } = manifest;
  const { octets, recordsAt } = layOutContainer({
    kind: 'package',
    manifest,
    otaHeader: headerOctets,
    gbcsSignature,
    firstBlock: 0,
    blockRun: blockCount,
  });
  const messages = blockMessages(digest, blockCount, blockPayloadBytes(manifest, 0));
  let at = recordsAt;
  for (let index = 0; index < blockCount; index++) {
    const offset = blockOffsetBytes(manifest, index);
    const payload = manufacturerImage.subarray(offset, offset + blockPayloadBytes(manifest, index));
    const signature = yield* sign('manufacturer', messages(index, payload));
    octets.set(payload, at);
    octets.set(signature, at + payload.length);
    const end = at + payload.length + signature.length;
    writeCrc(octets, at, end);
    at = end + CRC32_BYTES;
  }
  return octets;
}
