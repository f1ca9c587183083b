/**
 * Fractions in [0, 1) that one seed repeats for ever (mulberry32). For faults of models only, never for secrets.
 *
 * @param seed - Taken modulo 2^32.
 */
export function seededFractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A copy without the octets the line lost, each with probability `dropRate`; the same array when none was. */
export function withoutDropped(octets: Uint8Array, dropRate: number, fraction: () => number): Uint8Array {
  if (dropRate === 0) return octets;
  return octets.filter(() => fraction() >= dropRate);
}

/** @throws RangeError when `dropRate` is no probability: a mistake of the caller. */
export function checkDropRate(dropRate: number): void {
  if (!(dropRate >= 0 && dropRate <= 1)) throw new RangeError(`dropRate is ${dropRate}; it must be from 0 to 1`);
}
