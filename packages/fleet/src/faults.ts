/** What befalls which meters: drawn once, from the seed and the number of meters alone, so that any worker knows its share. */
import { createWorld } from '@smets1/host';

/**
 * - `spoilt-octet`: one octet of one block is another one when it is sent, with a frame around it that is intact;
 * - `foreign-signature`: the same image, signed by a manufacturer that the meter does not trust;
 * - `power-cut`: the power goes at one flash operation of the update, and comes back.
 */
export type FaultKind = 'spoilt-octet' | 'foreign-signature' | 'power-cut';

export const FAULT_KINDS: readonly FaultKind[] = ['spoilt-octet', 'foreign-signature', 'power-cut'];

/**
 * As many meters as the rate says, to the nearest whole number, each kind as often as the others or once more.
 *
 * @param rate - From 0 to 1.
 */
export function drawFaults(seed: string, meters: number, rate: number): ReadonlyMap<number, FaultKind> {
  const struck = drawMeters(seed, 'faults', meters, Math.round(meters * rate));
  return new Map(struck.map((index, i) => [index, FAULT_KINDS[i % FAULT_KINDS.length]!]));
}

/** So many different meters, or all where there are fewer; in order. @param label - Names the stream of luck. */
export function drawMeters(seed: string, label: string, meters: number, wanted: number): readonly number[] {
  const random = createWorld({ seed }).random(label);
  const drawn = new Set<number>();
  // Whoever is drawn twice hands its place to the last that could not be drawn before (Floyd).
  for (let last = meters - Math.min(wanted, meters); last < meters; last++) {
    const one = random.below(last + 1);
    drawn.add(drawn.has(one) ? last : one);
  }
  return [...drawn].toSorted((one, other) => one - other);
}
