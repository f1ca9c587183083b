/** 32 bits that depend on both numbers and on nothing else: the same fault strikes the same way in every replay. */
export function noise(seed: number, index: number): number {
  let mixed = Math.imul(seed ^ 0x9e37_79b1, 0x85eb_ca6b) ^ Math.imul(index + 1, 0xc2b2_ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** How often a bit is set: 1 for every second, 4 for one in 2⁴; negative for all but as many. */
export type Odds = number;

/** 32 bits, each set with the odds. */
export function noiseWithOdds(seed: number, index: number, odds: Odds): number {
  const rounds = Math.abs(odds);
  let bits = 0xffff_ffff;
  for (let round = 0; round < rounds; round++) bits &= noise(seed + round, index);
  return (odds < 0 ? ~bits : bits) >>> 0;
}
