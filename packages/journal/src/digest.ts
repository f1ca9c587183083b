import { createHash, randomBytes } from 'node:crypto';
import { crc32 as zlibCrc32 } from 'node:zlib';

/** CRC-32 (ISO-HDLC) of all pieces in a row. */
export function crc32(...pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = zlibCrc32(piece, crc);
  return crc;
}

/**
 * SHA-256 of all pieces in a row, cut to 16 octets. The chain has to show that a frame was written after exactly this past (a
 * leftover from before a crash, or a file of another journal, was not); nobody signs it. Finding a second past for a given link
 * still costs 2^128, and 16 octets keep the frame header at 48.
 */
export function chainHash(...pieces: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return new Uint8Array(hash.digest().subarray(0, 16));
}

export function randomOctets(count: number): Uint8Array {
  return new Uint8Array(randomBytes(count));
}
