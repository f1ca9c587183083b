/** The OTA Upgrade Image (SPEC.md §3). A raw binary is a Manufacturer Image: `buildOtaImage` puts header and signature around it. */
import { sha256, sign, verify, type CryptoTask } from '../crypto-port.js';
import { bad, good, LocalProtocolError, type Checked } from '../errors.js';
import {
  GBCS_TRAILER_BYTES,
  IMAGE_BYTES_MAX,
  LARGE_IMAGE_BYTES,
  OTA_HEADER_BYTES,
  OTA_HEADER_STRING_BYTES,
  SIGNATURE_BYTES,
} from '../limits.js';
import type { PackageFault } from '../refusal.js';
import { decodeOtaHeader, encodeOtaHeader, type OtaHeader } from './ota-header.js';

/** An image whose structure is right. All octets are views of what was read: whoever reads an image gives up writing to it. */
export interface OtaImage {
  readonly header: OtaHeader;
  readonly headerOctets: Uint8Array;
  readonly manufacturerImage: Uint8Array;
  /** 64 octets, not yet checked. */
  readonly gbcsSignature: Uint8Array;
}

export interface VerifiedOtaImage extends OtaImage {
  /** Manufacturer Image Hash, 32 octets. */
  readonly imageHash: Uint8Array;
}

export interface OtaImageFields {
  /** 1 to `IMAGE_BYTES_MAX` octets. */
  readonly manufacturerImage: Uint8Array;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly fileVersion: number;
  readonly hardwareMin: number;
  readonly hardwareMax: number;
  /** 32 octets; zeros when not given. */
  readonly headerString?: Uint8Array;
}

/**
 * Builds an OTA Upgrade Image, signed by the supplier.
 *
 * @throws {@link LocalProtocolError} when a field is out of its bounds, before anything is signed.
 */
export function* buildOtaImage(fields: OtaImageFields): CryptoTask<Uint8Array> {
  const { manufacturerImage, headerString = new Uint8Array(OTA_HEADER_STRING_BYTES), ...rest } = fields;
  const totalBytes = otaImageBytes(manufacturerImage.length);
  const header = encodeOtaHeader({ ...rest, headerString, totalBytes });
  const image = new Uint8Array(totalBytes);
  image.set(header);
  image.set(manufacturerImage, OTA_HEADER_BYTES);
  image.set(TRAILER_MARK, OTA_HEADER_BYTES + manufacturerImage.length);
  image.set(yield* sign('supplier', manufacturerImage), totalBytes - SIGNATURE_BYTES);
  return image;
}

/**
 * Reads the structure; the signature is not checked.
 *
 * Faults: those of `decodeOtaHeader`, and `truncated`, `trailingOctets` (the header states another size), `malformed` (the mark before
 * the signature is not `00 40`).
 */
export function readOtaImage(octets: Uint8Array): Checked<OtaImage, PackageFault> {
  const headerOctets = octets.subarray(0, OTA_HEADER_BYTES);
  const header = decodeOtaHeader(headerOctets);
  if (!header.ok) return header;
  const { totalBytes } = header.value;
  if (octets.length < totalBytes) return bad('truncated', `${octets.length} octets of an image of ${totalBytes}`);
  if (octets.length > totalBytes)
    return bad('trailingOctets', `${octets.length - totalBytes} octets after the end of the image`);
  const trailerAt = totalBytes - GBCS_TRAILER_BYTES;
  if (TRAILER_MARK.some((octet, i) => octets[trailerAt + i] !== octet)) {
    return bad('malformed', `no 00 40 between Manufacturer Image and signature, at octet ${trailerAt}`);
  }
  return good({
    header: header.value,
    headerOctets,
    manufacturerImage: octets.subarray(OTA_HEADER_BYTES, trailerAt),
    gbcsSignature: octets.subarray(totalBytes - SIGNATURE_BYTES),
  });
}

/** Reads and checks the GBCS signature with each of `supplierKeys`. Faults: those of `readOtaImage`, and `gbcsSignature`. */
export function* verifyOtaImage(
  octets: Uint8Array,
  supplierKeys: readonly Uint8Array[],
): CryptoTask<Checked<VerifiedOtaImage, PackageFault>> {
  const image = readOtaImage(octets);
  if (!image.ok) return image;
  const { manufacturerImage, gbcsSignature } = image.value;
  if (!(yield* gbcsSignatureHolds(manufacturerImage, gbcsSignature, supplierKeys))) return GBCS_SIGNATURE_BAD;
  return good({ ...image.value, imageHash: yield* manufacturerImageHash(manufacturerImage) });
}

/** True when one of `supplierKeys` made the signature. Either s is taken: this signature is not of our making (SPEC.md §2). */
export function* gbcsSignatureHolds(
  manufacturerImage: Uint8Array,
  gbcsSignature: Uint8Array,
  supplierKeys: readonly Uint8Array[],
): CryptoTask<boolean> {
  for (const key of supplierKeys) if (yield* verify(key, manufacturerImage, gbcsSignature, 'either')) return true;
  return false;
}

export const GBCS_SIGNATURE_BAD: Checked<never, 'gbcsSignature'> = bad(
  'gbcsSignature',
  'the GBCS signature holds with no trusted supplier key; sign the image again, or trust the key that signed it',
);

/** Manufacturer Image Hash: SHA-256 of the Manufacturer Image. */
export function manufacturerImageHash(manufacturerImage: Uint8Array): CryptoTask<Uint8Array> {
  return sha256(manufacturerImage);
}

/** Whether an OTA Upgrade Image of so many octets is large, which is above the threshold and not at it. */
export function isLargeImage(otaImageBytes: number, thresholdBytes: number = LARGE_IMAGE_BYTES): boolean {
  return otaImageBytes > thresholdBytes;
}

/**
 * Octets of the OTA Upgrade Image around a Manufacturer Image of so many.
 *
 * @throws {@link LocalProtocolError} when no image has so many.
 */
export function otaImageBytes(imageBytes: number): number {
  if (imageBytes < 1 || imageBytes > IMAGE_BYTES_MAX) {
    throw new LocalProtocolError(`a Manufacturer Image has 1 to ${IMAGE_BYTES_MAX} octets, not ${imageBytes}`);
  }
  return OTA_HEADER_BYTES + imageBytes + GBCS_TRAILER_BYTES;
}

/** A flag that meters do not use, and the length of the signature. */
const TRAILER_MARK = Uint8Array.of(0x00, SIGNATURE_BYTES);
