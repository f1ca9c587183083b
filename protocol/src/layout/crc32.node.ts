import { crc32 as zlibCrc32 } from 'node:zlib';

/** CRC-32 (IEEE); `value` is the CRC of the octets before these. */
export function crc32(octets: Uint8Array, value = 0): number {
  return zlibCrc32(octets, value);
}
