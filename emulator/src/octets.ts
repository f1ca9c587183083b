/** True when both hold the same octets. Not constant-time: for digests and records, not for secrets. */
export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** True when every octet of a range has one value. */
export function isFilled(octets: Uint8Array, offsetBytes: number, lengthBytes: number, value: number): boolean {
  for (let i = offsetBytes; i < offsetBytes + lengthBytes; i++) if (octets[i] !== value) return false;
  return true;
}
