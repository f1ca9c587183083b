import type { Crc32 } from '../flash/flash-port.js';

/** The crypto that boot and its records need, synchronous; the host adapts its own. */
export interface BootCrypto {
  sha256(chunks: readonly Uint8Array[]): Uint8Array;
  crc32: Crc32;
  verify(role: 'manufacturer' | 'supplier', message: readonly Uint8Array[], signature: Uint8Array): boolean;
}

/** What boot wants to know of an offer blob. */
export interface ImageHeader {
  readonly manifestDigest: Uint8Array;
  /** SHA-256 of the Manufacturer Image. */
  readonly imageHash: Uint8Array;
  readonly imageBytes: number;
  readonly fileVersion: number;
  readonly securityCounter: number;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareMin: number;
  readonly hardwareMax: number;
  /** Every signature, over every octet of the image as it stands in the slot. */
  check(crypto: BootCrypto, imageChunks: readonly Uint8Array[]): boolean;
}

/** Reads an offer blob (manifest, OTA header, GBCS signature); undefined when it is not one. */
export type ImageHeaderReader = (octets: Uint8Array) => ImageHeader | undefined;

export interface BootPorts {
  readonly crypto: BootCrypto;
  readonly readImageHeader: ImageHeaderReader;
  /** The meter's clock, seconds since 1970 (UTC), for the security log. */
  readonly timestampS: number;
}
