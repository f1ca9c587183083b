/** COBS: frames on an octet stream, free of zeros so that one zero can end each (SPEC.md §8). */

const FULL = 254;

/** Most octets that {@link cobsEncode} makes of `bytes`. */
export function cobsEncodedBytesMax(bytes: number): number {
  return bytes + 1 + Math.floor(bytes / FULL);
}

/** Encodes `octets` and ends them with the delimiter. */
export function cobsEncode(octets: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(cobsEncodedBytesMax(octets.length) + 1);
  let codeAt = 0;
  let at = 1;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet !== 0) {
      encoded[at++] = octet;
      if (at - codeAt <= FULL) continue;
      encoded[codeAt] = FULL + 1;
      codeAt = at++;
      continue;
    }
    encoded[codeAt] = at - codeAt;
    codeAt = at++;
  }
  encoded[codeAt] = at - codeAt;
  // encoded[at] is the delimiter: the array was born zero.
  return encoded.subarray(0, at + 1);
}

/** Decodes what stood before a delimiter; undefined when it is no COBS. The result shares no memory with `encoded`. */
export function cobsDecode(encoded: Uint8Array): Uint8Array | undefined {
  const octets = new Uint8Array(encoded.length);
  let at = 0;
  let i = 0;
  while (i < encoded.length) {
    const code = encoded[i++]!;
    if (code === 0 || i + code - 1 > encoded.length) return undefined;
    for (const end = i + code - 1; i < end; i++) {
      const octet = encoded[i]!;
      if (octet === 0) return undefined;
      octets[at++] = octet;
    }
    if (code <= FULL && i < encoded.length) octets[at++] = 0;
  }
  return octets.subarray(0, at);
}
