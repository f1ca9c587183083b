import portable from 'crc/calculators/crc32';

/** CRC-32 (IEEE); `value` is the CRC of the octets before these. */
export function crc32(octets: Uint8Array, value = 0): number {
  // The library takes a 0 that it is given for a register of zeros, not for the CRC of no octets.
  return portable(octets, value === 0 ? undefined : value) >>> 0;
}
