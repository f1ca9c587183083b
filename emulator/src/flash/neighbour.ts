import { isFilled } from '../octets.js';
import { noise } from './noise.js';

/** What of a sector the damage needs to know. */
export interface NeighbourUnit {
  readonly granuleBytes: number;
  readonly erasedValue: number;
  /** 1 + offset of the granule programmed last, 0 when that is not known. */
  readonly lastUnit: number;
}

/**
 * What a cut program does to the granule programmed before it in the same sector: by the seed, some bits that were still
 * erased become programmed, or a few flip, whichever way. Undefined when nothing was programmed before.
 *
 * @param held - The sector's octets.
 * @param at - Where the cut program begins.
 */
export function damageNeighbour(
  held: Uint8Array,
  at: number,
  unit: NeighbourUnit,
  seed: number,
): { readonly at: number; readonly octets: Uint8Array } | undefined {
  const { granuleBytes, erasedValue } = unit;
  const victim = unit.lastUnit > 0 ? unit.lastUnit - 1 : granuleBefore(held, at, unit);
  if (victim === undefined) return undefined;
  const octets = held.slice(victim, victim + granuleBytes);
  const onlyPrograms = (seed & 0x1_0000) !== 0;
  const candidates: number[] = [];
  for (let bit = 0; bit < granuleBytes * 8; bit++) {
    const isProgrammed = ((octets[bit >> 3]! ^ erasedValue) & (1 << (bit & 7))) !== 0;
    if (!onlyPrograms || !isProgrammed) candidates.push(bit);
  }
  if (candidates.length === 0) return undefined;
  const count = 1 + (noise(seed, 5) % (onlyPrograms ? 8 : 3));
  const chosen = new Set<number>();
  for (let i = 0; i < count; i++) chosen.add(candidates[noise(seed, 6 + i) % candidates.length]!);
  for (const bit of chosen) octets[bit >> 3]! ^= 1 << (bit & 7);
  return { at: victim, octets };
}

// The last granule before an offset that is not blank: records and images are programmed upwards.
function granuleBefore(held: Uint8Array, at: number, { granuleBytes, erasedValue }: NeighbourUnit): number | undefined {
  for (let granule = at - granuleBytes; granule >= 0; granule -= granuleBytes) {
    if (!isFilled(held, granule, granuleBytes, erasedValue)) return granule;
  }
  return undefined;
}
