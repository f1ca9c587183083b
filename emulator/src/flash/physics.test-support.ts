/** Small flashes of every geometry, and how their octets are judged. */
import { crc32 } from 'node:zlib';
import { FlashError, PowerLost } from '../errors.js';
import type { FlashGeometry, FlashLayout } from './flash-port.js';
import type { NorFlash } from './nor-flash.js';
import { createFlash } from './nor-flash.js';

export const SECTOR_BYTES = 1536;
const SECTORS = 4;
export const GEOMETRIES: readonly FlashGeometry[] = [1, 2, 8, 16, 24, 512].flatMap((granuleBytes) =>
  ([0xff, 0x00] as const).flatMap((erasedValue) =>
    [true, false].map((granuleRewritable) => ({
      sectorRuns: [{ count: SECTORS, sectorBytes: SECTOR_BYTES }],
      granuleBytes,
      granuleRewritable,
      erasedValue,
    })),
  ),
);
/** Granule 16, erased to FF, rewritable. */
export const PLAIN: FlashGeometry = GEOMETRIES.find(({ granuleBytes }) => granuleBytes === 16)!;

export function flashOf(geometry: FlashGeometry): NorFlash {
  const layout: FlashLayout = { geometry, partitions: [] };
  return createFlash(layout);
}

/** The flash as a flash file. */
export function fileOf(flash: NorFlash): Uint8Array {
  let file = new Uint8Array(0);
  const writeAt = (offsetBytes: number, octets: Uint8Array): void => {
    const grown = new Uint8Array(Math.max(file.length, offsetBytes + octets.length));
    grown.set(file);
    grown.set(octets, offsetBytes);
    file = grown;
  };
  const copy = createFlash(flash.layout, { backing: { writeAt, sync() {} }, crc32 });
  copy.program(0, contents(flash));
  return file;
}

export const contents = (flash: NorFlash): Uint8Array => flash.read(0, flash.sizeBytes);
/** Bits that are programmed in `a` and erased in `b`. */
export const erasedAgain = (a: Uint8Array, b: Uint8Array, erasedValue: number): number =>
  a.reduce((sum, octet, i) => sum + popCount((octet ^ erasedValue) & ~(b[i]! ^ erasedValue)), 0);
export const differingBits = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, octet, i) => sum + popCount(octet ^ b[i]!), 0);

const POP_COUNTS = Array.from({ length: 256 }, (_, octet) => octet.toString(2).replaceAll('0', '').length);
const popCount = (octet: number): number => POP_COUNTS[octet & 0xff]!;

/** True when power was lost; anything else thrown is thrown on. */
export function isCut(call: () => void): boolean {
  try {
    call();
    return false;
  } catch (error) {
    if (error instanceof PowerLost) return true;
    throw error;
  }
}

export function codeOf(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof FlashError) return error.code;
    throw error;
  }
}

export const data = (lengthBytes: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: lengthBytes }, (_, i) => Math.imul(i + 1, 0x9e37 + 2 * seed) >>> 5);
