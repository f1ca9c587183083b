import type { BootCrypto, ImageHeader, ImageHeaderReader } from './boot-crypto.js';
import type { SlotImage } from './factory.js';

/**
 * A smallest image format for tests of boot: a header of fixed fields, the image's hash and a "signature" that the
 * crypto port of the test checks. Products bring the reader of the real format.
 */
export interface ModelImageOptions {
  readonly version: number;
  readonly securityCounter: number;
  readonly imageBytes: number;
  readonly hardwareMin?: number;
  readonly hardwareMax?: number;
}

const AT = {
  version: 0,
  counter: 4,
  imageBytes: 8,
  manufacturer: 12,
  type: 14,
  hardwareMin: 16,
  hardwareMax: 18,
  hash: 20,
  signature: 52,
} as const;
const BLOB_BYTES = AT.signature + 32;
export const MODEL_MANUFACTURER = 0x121d;
export const MODEL_IMAGE_TYPE = 1;

/** The signature the model's verifier takes: SHA-256 over role and message. */
export function modelSignature(sha256: BootCrypto['sha256'], role: string, message: readonly Uint8Array[]): Uint8Array {
  return sha256([Uint8Array.from(role, (c) => c.charCodeAt(0)), ...message]);
}

export function modelImage(options: ModelImageOptions, sha256: BootCrypto['sha256']): SlotImage {
  const image = Uint8Array.from(
    { length: options.imageBytes },
    (_, i) => (i * 31 + options.version * 7 + (i >> 8)) & 0xff,
  );
  const offerBlob = new Uint8Array(BLOB_BYTES);
  const view = new DataView(offerBlob.buffer);
  view.setUint32(AT.version, options.version, true);
  view.setUint32(AT.counter, options.securityCounter, true);
  view.setUint32(AT.imageBytes, options.imageBytes, true);
  view.setUint16(AT.manufacturer, MODEL_MANUFACTURER, true);
  view.setUint16(AT.type, MODEL_IMAGE_TYPE, true);
  view.setUint16(AT.hardwareMin, options.hardwareMin ?? 0, true);
  view.setUint16(AT.hardwareMax, options.hardwareMax ?? 0xffff, true);
  offerBlob.set(sha256([image]), AT.hash);
  offerBlob.set(modelSignature(sha256, 'manufacturer', [offerBlob.subarray(0, AT.signature)]), AT.signature);
  return { offerBlob, image };
}

export function modelReader(sha256: BootCrypto['sha256']): ImageHeaderReader {
  return (octets): ImageHeader | undefined => {
    if (octets.length !== BLOB_BYTES) return undefined;
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    return {
      manifestDigest: sha256([octets.subarray(0, AT.signature)]),
      imageHash: octets.slice(AT.hash, AT.signature),
      imageBytes: view.getUint32(AT.imageBytes, true),
      fileVersion: view.getUint32(AT.version, true),
      securityCounter: view.getUint32(AT.counter, true),
      manufacturerCode: view.getUint16(AT.manufacturer, true),
      imageType: view.getUint16(AT.type, true),
      hardwareMin: view.getUint16(AT.hardwareMin, true),
      hardwareMax: view.getUint16(AT.hardwareMax, true),
      check: (crypto) =>
        crypto.verify('manufacturer', [octets.subarray(0, AT.signature)], octets.subarray(AT.signature)),
    };
  };
}
