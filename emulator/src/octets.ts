import { WORDWISE_BYTES_MIN } from './limits.js';

/** True when both hold the same octets. Not constant-time: for digests and records, not for secrets. */
export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a;
  if (length !== b.length) return false;
  let i = 0;
  if (length >= WORDWISE_BYTES_MIN && (a.byteOffset | b.byteOffset) % 4 === 0) {
    const words = wordsOf(a);
    const others = wordsOf(b);
    for (let word = 0; word < words.length; word++) if (words[word] !== others[word]) return false;
    i = 4 * words.length;
  }
  for (; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** True when every octet of a range has one value. */
export function isFilled(octets: Uint8Array, offsetBytes: number, lengthBytes: number, value: number): boolean {
  let i = offsetBytes;
  const end = offsetBytes + lengthBytes;
  if (lengthBytes >= WORDWISE_BYTES_MIN && (octets.byteOffset + offsetBytes) % 4 === 0) {
    const words = wordsOf(octets.subarray(offsetBytes, end));
    const filled = Math.imul(value, 0x0101_0101) >>> 0;
    for (let word = 0; word < words.length; word++) if (words[word] !== filled) return false;
    i += 4 * words.length;
  }
  for (; i < end; i++) if (octets[i] !== value) return false;
  return true;
}

/** FNV-1a over words, where the octets lie so; equal octets in arrays of their own have equal fingerprints. */
export function fingerprint(octets: Uint8Array): number {
  let hash = 0x811c_9dc5 ^ octets.length;
  let i = 0;
  if (octets.byteOffset % 4 === 0) {
    const words = wordsOf(octets);
    for (let word = 0; word < words.length; word++) hash = mixed(hash, words[word]!);
    i = 4 * words.length;
  }
  for (; i < octets.length; i++) hash = mixed(hash, octets[i]!);
  return hash;
}

// The fold lets high bits of a word count in the low ones of the next step: a product carries them upwards only.
function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x0100_0193);
  return product ^ (product >>> 15);
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length >>> 2);
}
