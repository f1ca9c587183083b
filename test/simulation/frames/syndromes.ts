/**
 * What the CRCs of a frame cannot miss, shown by syndromes: a CRC is affine, so an error goes unseen exactly when the syndromes of its bits
 * add up to nothing. The syndromes are taken from the shipped functions, bit by bit; that one follows from its neighbour by the shift of
 * one register is checked, not assumed, and allows every pattern to be moved to the start of the frame.
 *
 * Bits are counted as a serial line sends them: octet by octet, least significant bit first.
 */
import { crc16, crc32, putU16, putU32 } from '@smets1/protocol';

export interface CheckedCode {
  readonly name: string;
  readonly width: 16 | 32;
  /** Octets that the CRC covers; it stands right behind them, least significant octet first. */
  readonly coveredBytes: number;
  readonly crc: (octets: Uint8Array) => number;
}

export const HEADER_CODE = (coveredBytes: number): CheckedCode => ({
  name: 'crc16',
  width: 16,
  coveredBytes,
  crc: crc16,
});
export const FRAME_CODE = (coveredBytes: number): CheckedCode => ({
  name: 'crc32',
  width: 32,
  coveredBytes,
  crc: crc32,
});

/** Syndrome of each bit of the covered octets and of the CRC behind them. */
export function syndromesOf({ width, coveredBytes, crc }: CheckedCode): Uint32Array {
  const octets = new Uint8Array(coveredBytes);
  const none = crc(octets);
  const syndromes = new Uint32Array(coveredBytes * 8 + width);
  for (let bit = 0; bit < coveredBytes * 8; bit++) {
    octets[bit >> 3]! ^= 1 << (bit & 7);
    syndromes[bit] = (crc(octets) ^ none) >>> 0;
    octets[bit >> 3]! ^= 1 << (bit & 7);
  }
  for (let bit = 0; bit < width; bit++) syndromes[coveredBytes * 8 + bit] = (1 << bit) >>> 0;
  return syndromes;
}

export interface Proof {
  readonly bits: number;
  /** Patterns shown to be seen: of one, two and three bits, and windows of as many bits as the CRC has. */
  readonly patterns: number;
  /** What goes unseen, if anything does. */
  readonly holes: readonly string[];
}

/**
 * That no error of one, two or three bits goes unseen, wherever its bits are. All patterns are tried: of one and two bits by comparing all syndromes,
 * of three because two of the bits say which syndrome the third must not have.
 */
export function proveFewBits(syndromes: Uint32Array, order: Uint32Array): Proof {
  const holes: string[] = [];
  const at = new Map<number, number>();
  for (const [bit, syndrome] of syndromes.entries()) {
    if (syndrome === 0) holes.push(`bit ${bit}`);
    const other = at.get(syndrome);
    if (other !== undefined) holes.push(`bits ${other} and ${bit}`);
    at.set(syndrome, bit);
  }
  // Along `order` one step multiplies by x: so a pattern of three bits can be moved until its last bit is the last of all.
  const last = order.at(-1)!;
  const bits = order.length;
  for (let i = 0; i < bits - 1; i++) {
    const third = at.get((syndromes[last]! ^ syndromes[order[i]!]!) >>> 0);
    if (third !== undefined && third !== last && third !== order[i]!)
      holes.push(`bits ${order[i]}, ${third} and ${last}`);
  }
  return { bits, patterns: bits + (bits * (bits - 1)) / 2 + (bits * (bits - 1) * (bits - 2)) / 6, holes };
}

/** The order of bits in which the syndrome of each follows from the next by one shift of the register. */
export function shiftOrder({ width, coveredBytes }: CheckedCode): Uint32Array {
  const bits = coveredBytes * 8 + width;
  // CRC-32 takes the least significant bit of an octet first, CRC-16/CCITT the most significant one; its CRC stands in two swapped octets.
  if (width === 32) return Uint32Array.from({ length: bits }, (_, i) => i);
  return Uint32Array.from({ length: bits }, (_, i) => {
    if (i < coveredBytes * 8) return (i & ~7) | (7 - (i & 7));
    return coveredBytes * 8 + (width - 1 - (i - coveredBytes * 8));
  });
}

/** Syndromes along `order` are the powers of one register: a step back multiplies by x, and loses nothing. Gives what is wrong, if anything. */
export function checkShift(syndromes: Uint32Array, order: Uint32Array, width: 16 | 32): string | undefined {
  const top = 2 ** (width - 1);
  const isReflected = width === 32;
  let polynomial: number | undefined;
  for (let i = order.length - 1; i > 0; i--) {
    const from = syndromes[order[i]!]!;
    const next = syndromes[order[i - 1]!]!;
    const carries = isReflected ? (from & 1) === 1 : from >= top;
    const shifted = isReflected ? from >>> 1 : (from * 2) % 2 ** width;
    const rest = (next ^ shifted) >>> 0;
    if (!carries && rest !== 0) return `bit ${order[i - 1]} does not follow from bit ${order[i]}`;
    if (carries) {
      polynomial ??= rest;
      if (rest !== polynomial) return `bit ${order[i - 1]} follows from bit ${order[i]} by another polynomial`;
    }
  }
  return polynomial === undefined || polynomial === 0 ? 'no polynomial' : undefined;
}

/** That no burst of up to `width` bits along the line goes unseen: any so many neighbours have independent syndromes. */
export function proveBursts(syndromes: Uint32Array, order: Uint32Array, width: 16 | 32): Proof {
  const holes: string[] = [];
  const windows = order.length - width + 1;
  for (let start = 0; start < windows; start++) {
    const basis = new Uint32Array(width);
    for (let i = start; i < start + width; i++) {
      let rest = syndromes[order[i]!]!;
      for (let bit = width - 1; bit >= 0 && rest !== 0; bit--) {
        if (((rest >>> bit) & 1) === 0) continue;
        if (basis[bit] === 0) {
          basis[bit] = rest;
          rest = 0;
          break;
        }
        rest = (rest ^ basis[bit]!) >>> 0;
        if (rest === 0) holes.push(`a burst in bits ${start} to ${start + width - 1}`);
      }
    }
    if (basis.includes(0)) holes.push(`bits ${start} to ${start + width - 1} are not independent`);
  }
  return { bits: order.length, patterns: windows, holes };
}

/** That the shipped function is affine at all: of random octets, errors and their sums. */
export function isAffine(code: CheckedCode, octetsOf: (bytes: number) => Uint8Array): boolean {
  const a = octetsOf(code.coveredBytes);
  const b = octetsOf(code.coveredBytes);
  const sum = a.map((octet, i) => octet ^ b[i]!);
  const none = code.crc(new Uint8Array(code.coveredBytes));
  return (code.crc(a) ^ code.crc(b) ^ none) >>> 0 === code.crc(sum);
}

/** The residue that a receiver computes: 0 where it believes the octets. */
export function residueOf({ width, coveredBytes, crc }: CheckedCode, octets: Uint8Array): number {
  const stored = new Uint8Array(4);
  if (width === 16) putU16(stored, 0, crc(octets.subarray(0, coveredBytes)));
  else putU32(stored, 0, crc(octets.subarray(0, coveredBytes)));
  let residue = 0;
  for (let i = width / 8 - 1; i >= 0; i--) residue = residue * 256 + (stored[i]! ^ octets[coveredBytes + i]!);
  return residue;
}

/** The generator of CRC-32 as the line sends it: an error of 33 bits that no frame's CRC sees, wherever it falls. */
export const UNSEEN_BURST: readonly number[] = [0, 6, 9, 10, 16, 20, 21, 22, 24, 25, 27, 28, 30, 31, 32];
