import type { Odds } from './noise.js';
import { noise, noiseWithOdds } from './noise.js';

/**
 * A power cut to come.
 *
 * - `before`: the operation does nothing.
 * - `during`: part of the operation is done.
 * - `after`: the operation is done; whoever asked for it never hears so.
 *
 * What a cut `during` leaves is a function of the plan and of what was held and wanted: a replay sees the same.
 */
export interface FaultPlan {
  /** The operation that loses power, 1 for the next one after the plan was armed. */
  readonly cutAt: number;
  readonly phase: 'before' | 'during' | 'after';
  /** Octets of the operation that are still done when it is cut `during`; from `seed` when absent (in mode `bits`: 0). */
  readonly torn?: number;
  /**
   * How a torn operation looks. `prefix`, the default: the first octets are done, the others as before. `bits`: after
   * the first `torn` octets, any part of the bits that should have changed has: one, all but one, or a share of them.
   */
  readonly mode?: 'prefix' | 'bits';
  readonly seed?: number;
  /** Cells that should have changed and have not read differently each time, until their sector is erased. */
  readonly weak?: boolean;
  /** A program cut `during` also damages the granule programmed last before it in the same sector. */
  readonly neighbour?: boolean;
}

/** Octets of a cut operation that still happen, 0 to `lengthBytes`. */
export function tornBytes(plan: FaultPlan, lengthBytes: number): number {
  if (plan.torn !== undefined) return Math.min(Math.max(plan.torn, 0), lengthBytes);
  return noise(plan.seed ?? 0, plan.cutAt) % (lengthBytes + 1);
}

/** What a cut `during` leaves of the change from `before` to `wanted`. A new array. */
export function tornResult(plan: FaultPlan, before: Uint8Array, wanted: Uint8Array): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(before);
  if (plan.mode !== 'bits') {
    octets.set(wanted.subarray(0, tornBytes(plan, wanted.length)));
    return octets;
  }
  const doneBytes = plan.torn === undefined ? 0 : tornBytes(plan, wanted.length);
  octets.set(wanted.subarray(0, doneBytes));
  changeSomeBits(octets, wanted, noise(plan.seed ?? 0, plan.cutAt));
  return octets;
}

/** Gives `octets` part of the bits in which they differ from `wanted`: one, all but one, or a seeded share. */
export function changeSomeBits(octets: Uint8Array, wanted: Uint8Array, seed: number): void {
  const differing = octets.reduce((sum, octet, i) => sum + bitCount(octet ^ wanted[i]!), 0);
  if (differing === 0) return;
  const chosen = noise(seed, 1) % differing;
  const odds = shareOdds(seed);
  const style = seed & 3;
  let bit = 0;
  for (let i = 0; i < octets.length; i++) {
    const change = octets[i]! ^ wanted[i]!;
    if (change === 0) continue;
    if (style >= 2) {
      octets[i]! ^= change & noiseWithOdds(seed, i + 2, odds);
      continue;
    }
    // The two ends that a share hardly ever reaches: one bit done, and one bit missing.
    let one = 0;
    for (let mask = 1; mask <= 0x80; mask <<= 1) {
      if ((change & mask) !== 0 && bit++ === chosen) one = mask;
    }
    octets[i]! ^= style === 0 ? one : change & ~one;
  }
}

function shareOdds(seed: number): Odds {
  const rounds = 1 + ((seed >>> 2) % 7);
  return (seed & 0x400) === 0 ? rounds : -rounds;
}

function bitCount(octet: number): number {
  let count = 0;
  for (let rest = octet; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
