/** Every CRC of the protocol (SPEC.md §1), behind one door. */
import crc16ccitt from 'crc/calculators/crc16ccitt';

export { crc32 } from '#crc32';

/** CRC-16/CCITT-FALSE of `octets`; check value 29B1. */
export function crc16(octets: Uint8Array): number {
  return crc16ccitt(octets, 0xffff);
}
