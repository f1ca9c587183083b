/** Small helpers on octet strings that every room needs. */

export function concat(...runs: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    whole.set(run, at);
    at += run.length;
  }
  return whole;
}

export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareOctets(a, b) === 0;
}

/** Order of the octet strings as big-endian numbers of equal length; the shorter first when one is a prefix. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/**
 * The same octets as a plain Uint8Array, not copied. Node's Buffer is a Uint8Array whose `slice` does not copy; what comes from outside is
 * made plain at the door, so that `slice` means a copy everywhere behind it.
 */
export function plainOctets(octets: Uint8Array): Uint8Array {
  return octets.constructor === Uint8Array
    ? octets
    : new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
}

/** Upper-case hex, no separators. */
export function toHex(octets: Uint8Array): string {
  let hex = '';
  for (const octet of octets) hex += HEX[octet >> 4]! + HEX[octet & 15]!;
  return hex;
}

/** Octets of a hex string (either case, blanks ignored), or undefined when it is not one. */
export function fromHex(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/\s/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export function asciiOctets(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 0x7f);
}

export function isZero(octets: Uint8Array): boolean {
  return octets.every((octet) => octet === 0);
}

const HEX = '0123456789ABCDEF';
