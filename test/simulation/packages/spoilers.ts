/**
 * Every way in which a package is spoilt, each a family of numbered cases: a case is made in a scratch copy, shown to the verifier, and undone.
 * A repaired case has its lengths and CRCs made right again, so that only structure, hashes and signatures can refuse it.
 */
import { crc32, CRC32_BYTES, SIGNATURE_BYTES } from '@smets1/protocol';
import {
  FOREIGN,
  GBCS_SIGNATURE_AT,
  HEAD_CRC_AT,
  MANIFEST_AT,
  MANIFEST_SIGNATURE_AT,
  PACKAGE,
  PACKAGE_BYTES,
  RECORDS,
} from './bench-package.js';

export interface Family {
  readonly name: string;
  readonly count: number;
  /** The spoilt octets of case `index`, good until the next is asked for; undefined where nothing differs from the intact package. */
  make(index: number): Uint8Array | undefined;
}

const TOTAL_BYTES_AT = 8;
const TAILS_BYTES: readonly number[] = [1, 2, 3, 4, 5, 8, 16, 63, 64, 65, 68, 255, 256, 4_096, 4_164, 65_536];

/** Bits that the quick tier takes: all of the head, of the last record and of every signature, and every 97th elsewhere. */
export function quickBits(): readonly number[] {
  const bits: number[] = [];
  const last = RECORDS.at(-1)![0];
  for (let bit = 0; bit < PACKAGE_BYTES * 8; bit++) {
    const at = bit >> 3;
    const inSignature = RECORDS.some(([, end]) => at >= end - SIGNATURE_BYTES && at < end + 4);
    if (at < HEAD_CRC_AT + 4 || (inSignature && bit % 5 === 0) || at >= last + 4_000 || bit % 97 === 0) bits.push(bit);
  }
  return bits;
}

export function flips(bits: readonly number[] | undefined): Family {
  const scratch = PACKAGE.slice();
  let flipped: number | undefined;
  return {
    name: 'flip',
    count: bits?.length ?? PACKAGE_BYTES * 8,
    make(index) {
      if (flipped !== undefined) scratch[flipped >> 3] = PACKAGE[flipped >> 3]!;
      flipped = bits?.[index] ?? index;
      scratch[flipped >> 3]! ^= 1 << (flipped & 7);
      return scratch;
    },
  };
}

/** A flipped bit of a CRC is undone by the repair, and left out. */
export function repairedFlips(bits: readonly number[] | undefined): Family {
  const flip = flips(bits);
  let repaired: number | undefined;
  return {
    name: 'flip-repaired',
    count: flip.count,
    make(index) {
      const at = (bits?.[index] ?? index) >> 3;
      const spoilt = flip.make(index)!;
      if (repaired !== undefined) spoilt.set(PACKAGE.subarray(repaired, repaired + CRC32_BYTES), repaired);
      const [start, end] = coveredAt(at);
      repaired = end;
      if (at >= end) {
        repaired = undefined;
        return undefined;
      }
      putCrc(spoilt, start, end);
      return spoilt;
    },
  };
}

/** Which CRC speaks for the octet at `at`: from where to where, and it stands behind. */
function coveredAt(at: number): readonly [start: number, end: number] {
  if (at < HEAD_CRC_AT + 4) return [0, HEAD_CRC_AT];
  return RECORDS.find(([, end]) => at < end + 4)!;
}

export function cuts(stepBytes: number): Family {
  return {
    name: 'cut',
    count: Math.ceil(PACKAGE_BYTES / stepBytes),
    make: (index) => PACKAGE.subarray(0, index * stepBytes),
  };
}

/** Says its own length, and the CRC of its head holds. */
export function repairedCuts(stepBytes: number): Family {
  return {
    name: 'cut-repaired',
    count: Math.ceil(PACKAGE_BYTES / stepBytes),
    make: (index) => withLength(PACKAGE.slice(0, index * stepBytes)),
  };
}

export function tails(): Family {
  const fills = ['zeros', 'again', 'ones'] as const;
  return {
    name: 'tail',
    count: TAILS_BYTES.length * fills.length * 2,
    make(index) {
      const bytes = TAILS_BYTES[index % TAILS_BYTES.length]!;
      const rest = Math.floor(index / TAILS_BYTES.length);
      const octets = new Uint8Array(PACKAGE_BYTES + bytes);
      octets.set(PACKAGE);
      const fill = fills[rest % fills.length]!;
      if (fill === 'ones') octets.fill(0xff, PACKAGE_BYTES);
      if (fill === 'again') octets.set(PACKAGE.subarray(-bytes), PACKAGE_BYTES);
      return rest >= fills.length ? withLength(octets) : octets;
    },
  };
}

/** Blocks of foreign images in the place of each block, alone and in halves; own blocks in each other's place. */
export function swaps(): Family {
  const count = RECORDS.length;
  const foreign = FOREIGN.length * count;
  const halves = FOREIGN.length * 2;
  const own = (count * (count - 1)) / 2;
  return {
    name: 'swap',
    count: foreign + halves + own,
    make(index) {
      const octets = PACKAGE.slice();
      if (index < foreign) {
        const [start, end] = RECORDS[index % count]!;
        octets.set(FOREIGN[Math.floor(index / count)]!.octets.subarray(start, end + 4), start);
      } else if (index < foreign + halves) {
        const at = index - foreign;
        const from = FOREIGN[at >> 1]!.octets;
        const middle = RECORDS[count >> 1]![0];
        if (at % 2 === 0) octets.set(from.subarray(middle), middle);
        else octets.set(from.subarray(HEAD_CRC_AT + 4, middle), HEAD_CRC_AT + 4);
      } else {
        const [one, other] = pairAt(index - foreign - halves, count);
        const [a, aEnd] = RECORDS[one]!;
        const [b, bEnd] = RECORDS[other]!;
        // The last block is shorter: then as much as fits goes over, and its CRC is made right.
        const bytes = Math.min(aEnd - a, bEnd - b);
        octets.set(PACKAGE.subarray(b, b + bytes), a);
        octets.set(PACKAGE.subarray(a, a + bytes), b);
        for (const [start, end] of [RECORDS[one]!, RECORDS[other]!]) putCrc(octets, start, end);
      }
      return octets;
    },
  };
}

function pairAt(index: number, count: number): readonly [number, number] {
  let rest = index;
  for (let one = 0; ; one++) {
    if (rest < count - 1 - one) return [one, one + 1 + rest];
    rest -= count - 1 - one;
  }
}

/** Several bits at once, where the least protects: head, manifest, its signature, OTA header, GBCS signature; CRC made right. */
export function bitPairs(octetsCount: number): Family {
  const bits = octetsCount * 8;
  const from = (MANIFEST_SIGNATURE_AT + SIGNATURE_BYTES - octetsCount) * 8;
  const head = PACKAGE.slice();
  return {
    name: `bit-pair-${octetsCount}`,
    count: (bits * (bits - 1)) / 2,
    make(index) {
      head.set(PACKAGE.subarray(0, HEAD_CRC_AT + 4));
      for (const bit of pairAt(index, bits)) head[(from + bit) >> 3]! ^= 1 << ((from + bit) & 7);
      putCrc(head, 0, HEAD_CRC_AT);
      return head;
    },
  };
}

export interface Field {
  readonly name: string;
  readonly at: number;
  readonly bytes: 1 | 2 | 4;
}

/** Every number of container head and manifest. */
export const FIELDS: readonly Field[] = [
  { name: 'major', at: 4, bytes: 1 },
  { name: 'minor', at: 5, bytes: 1 },
  { name: 'kind', at: 6, bytes: 1 },
  { name: 'reserved', at: 7, bytes: 1 },
  { name: 'totalBytes', at: 8, bytes: 4 },
  { name: 'firstBlock', at: 12, bytes: 4 },
  { name: 'blockRun', at: 16, bytes: 4 },
  { name: 'manifestBytes', at: 20, bytes: 2 },
  { name: 'reservedPair', at: 22, bytes: 2 },
  ...(
    [
      ['manifest.major', 4, 1],
      ['manifest.minor', 5, 1],
      ['manifest.manifestBytes', 6, 2],
      ['manifest.profile', 8, 1],
      ['manifest.encoding', 9, 1],
      ['manifest.blockShift', 10, 1],
      ['manifest.reserved', 11, 1],
      ['manifest.blockCount', 12, 4],
      ['manifest.imageBytes', 16, 4],
      ['manifest.decodedBytes', 20, 4],
      ['manifest.manufacturerCode', 24, 2],
      ['manifest.imageType', 26, 2],
      ['manifest.fileVersion', 28, 4],
      ['manifest.hardwareMin', 32, 2],
      ['manifest.hardwareMax', 34, 2],
      ['manifest.deviceClass', 36, 2],
      ['manifest.reservedPair', 38, 2],
      ['manifest.securityCounter', 40, 4],
      ['manifest.applicableFromMin', 44, 4],
      ['manifest.applicableFromMax', 48, 4],
    ] as const
  ).map(([name, at, bytes]) => ({ name, at: MANIFEST_AT + at, bytes })),
];

/** Where numbers break: ends, one beyond, powers of two around them. */
export function boundsOf({ at, bytes }: Field): readonly number[] {
  const top = 2 ** (8 * bytes);
  const intact = readField(PACKAGE, { name: '', at, bytes });
  const around = [
    0,
    2 ** 8,
    2 ** 15,
    2 ** 16,
    2 ** 24,
    2 ** 31,
    2 ** 32,
    10_240_000,
    65_535,
    750_000,
    188,
    1_024,
    intact,
  ];
  const values = around.flatMap((value) => [value - 2, value - 1, value, value + 1, value + 5]);
  return [...new Set(values)].filter((value) => value >= 0 && value < top && value !== intact);
}

function readField(octets: Uint8Array, { at, bytes }: Field): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + octets[at + i]!;
  return value;
}

export function writeField(octets: Uint8Array, { at, bytes }: Field, value: number): void {
  let rest = value;
  for (let i = 0; i < bytes; i++) {
    octets[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

export function putCrc(octets: Uint8Array, start: number, end: number): void {
  if (end + 4 > octets.length) return;
  new DataView(octets.buffer, octets.byteOffset).setUint32(end, crc32(octets.subarray(start, end)), true);
}

function withLength(octets: Uint8Array): Uint8Array {
  if (octets.length >= TOTAL_BYTES_AT + 4)
    new DataView(octets.buffer, octets.byteOffset).setUint32(TOTAL_BYTES_AT, octets.length, true);
  putCrc(octets, 0, HEAD_CRC_AT);
  return octets;
}

/** Where every signature of the package stands: of the manifest, of the supplier, of each block. */
export const SIGNATURES: readonly { readonly name: string; readonly at: number }[] = [
  { name: 'manifest', at: MANIFEST_SIGNATURE_AT },
  { name: 'gbcs', at: GBCS_SIGNATURE_AT },
  ...RECORDS.map(([, end], index) => ({ name: `block-${index}`, at: end - SIGNATURE_BYTES })),
];

/** With the CRCs made right that speak for the octets at `at`. */
export function repairedAt(octets: Uint8Array, at: number): Uint8Array {
  putCrc(octets, ...coveredAt(at));
  return octets;
}
