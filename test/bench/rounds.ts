/** Interleaved rounds: what is compared runs in turn, so that a busy machine slows both; medians, after warm rounds that do not count. */

export interface Contender {
  readonly name: string;
  /** One round's work; what it gives back is looked at, so that nothing is optimised away. */
  readonly run: () => unknown;
}

export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  readonly lowestMs: number;
  readonly highestMs: number;
}

export interface Comparison {
  readonly ours: Timing;
  readonly floor: Timing;
  /** Median of the ratios of each round. */
  readonly ratio: number;
}

export const ROUNDS = 11;
const WARM_ROUNDS = 5;

export function compare(ours: Contender, floor: Contender): Comparison {
  const oursMs: number[] = [];
  const floorMs: number[] = [];
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    const [first, second] = round % 2 === 0 ? [ours, floor] : [floor, ours];
    const firstMs = timed(first);
    const secondMs = timed(second);
    if (round < WARM_ROUNDS) continue;
    oursMs.push(first === ours ? firstMs : secondMs);
    floorMs.push(first === ours ? secondMs : firstMs);
  }
  const ratio = median(oursMs.map((ms, i) => ms / floorMs[i]!));
  return { ours: timing(ours.name, oursMs), floor: timing(floor.name, floorMs), ratio };
}

function timed(contender: Contender): number {
  const startMs = performance.now();
  if (contender.run() === undefined) throw new Error(`${contender.name} did nothing`);
  return performance.now() - startMs;
}

function timing(name: string, ms: readonly number[]): Timing {
  return { name, medianMs: median(ms), lowestMs: Math.min(...ms), highestMs: Math.max(...ms) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
