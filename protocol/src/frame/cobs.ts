/** COBS: frames on an octet stream, free of zeros so that one zero can end each (SPEC.md §8). */

const FULL = 254;

/** Most octets that {@link cobsEncode} makes of `bytes`. */
export function cobsEncodedBytesMax(bytes: number): number {
  return bytes + 1 + Math.floor(bytes / FULL);
}

/** Encodes `octets` and ends them with the delimiter. */
export function cobsEncode(octets: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(cobsEncodedBytesMax(octets.length) + 1);
  let at = 0;
  let from = 0;
  for (;;) {
    const zero = octets.indexOf(0, from);
    const end = zero < 0 ? octets.length : zero;
    for (; end - from >= FULL; from += FULL) {
      encoded[at++] = FULL + 1;
      copy(octets, from, FULL, encoded, at);
      at += FULL;
    }
    const length = end - from;
    encoded[at++] = length + 1;
    copy(octets, from, length, encoded, at);
    at += length;
    if (zero < 0) break;
    from = zero + 1;
  }
  // encoded[at] is the delimiter: the array was born zero.
  return encoded.subarray(0, at + 1);
}

/** Decodes what stood before a delimiter; undefined when it is no COBS. The result shares no memory with `encoded`. */
export function cobsDecode(encoded: Uint8Array): Uint8Array | undefined {
  if (encoded.includes(0)) return undefined;
  const octets = new Uint8Array(encoded.length);
  let at = 0;
  let i = 0;
  while (i < encoded.length) {
    const code = encoded[i++]!;
    const length = code - 1;
    if (i + length > encoded.length) return undefined;
    copy(encoded, i, length, octets, at);
    at += length;
    i += length;
    // A zero stood here, unless the piece was full or the last; the array was born zero.
    if (code <= FULL && i < encoded.length) at += 1;
  }
  return octets.subarray(0, at);
}

/** Pieces below this are copied octet by octet: a view costs more than they do. */
const VIEW_FROM = 24;

function copy(source: Uint8Array, from: number, length: number, target: Uint8Array, at: number): void {
  if (length >= VIEW_FROM) target.set(source.subarray(from, from + length), at);
  else for (let i = 0; i < length; i++) target[at + i] = source[from + i]!;
}
