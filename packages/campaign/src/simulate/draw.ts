/** Luck without a stream: a number for each question, from the seed and what is asked, so that the order of asking changes nothing. */

/** 0 ≤ x < 1, the same for the same arguments for ever. 32 bits fine; not for secrets. */
export function draw(seed: number, ...question: readonly number[]): number {
  let hash = mix(Math.trunc(seed / 2 ** 32) ^ 0x9e37_79b9) ^ mix(seed >>> 0);
  for (const part of question) hash = mix(hash ^ Math.imul(part + 1, 0x85eb_ca6b)) + 0x6d2b_79f5;
  return (mix(hash) >>> 0) / 2 ** 32;
}

/** Whole, from 0, below `count`. */
export function drawBelow(count: number, seed: number, ...question: readonly number[]): number {
  return Math.floor(draw(seed, ...question) * count);
}

/** The finaliser of MurmurHash3 (public domain): each bit of the input reaches each bit of the output. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
