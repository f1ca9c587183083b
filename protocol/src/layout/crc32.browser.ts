import portable from 'crc/calculators/crc32';

/** CRC-32 (IEEE); `value` is the CRC of the octets before these. */
export function crc32(octets: Uint8Array, value = 0): number {
  return portable(octets, value) >>> 0;
}
