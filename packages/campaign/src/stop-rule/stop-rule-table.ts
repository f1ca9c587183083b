/** What a stop rule does to firmware of a given failure rate: tried often with seeded luck, and computed exactly. */
import type { SequentialStopRule, StopVerdict } from './stop-rule.js';

/** How results come to be known. */
export interface Arrival {
  /** Meters between two observations. */
  readonly metersPerLook: number;
  /** Whether failures are known one observation later than successes, as when a meter falls silent; until then they are pending. */
  readonly failuresLate: boolean;
}

/** A share of runs with its 99.9 % confidence interval (Wilson's score). */
export interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

export interface ExactOutcome {
  /** The chance that the first verdict is to stop. */
  readonly stop: number;
  /** The mean number of results at the first verdict. */
  readonly meanSample: number;
}

export interface StopRuleRow {
  /** The true failure rate. */
  readonly rate: number;
  readonly arrival: Arrival;
  readonly runs: number;
  /** Runs whose first verdict was to stop; all others accept. */
  readonly stop: Share;
  readonly meanSample: number;
  /** By dynamic programming; undefined where failures come late, which it does not model. */
  readonly exact: ExactOutcome | undefined;
}

export interface StopRuleTrial {
  readonly rates: readonly number[];
  readonly arrivals: readonly Arrival[];
  /** Firmware tried for each rate and arrival. */
  readonly runs: number;
  readonly seed: number;
}

/** One row for each arrival and rate. The same seed gives the same table. */
export function stopRuleTable(
  rule: SequentialStopRule,
  { rates, arrivals, runs, seed }: StopRuleTrial,
): readonly StopRuleRow[] {
  const fraction = fractions(seed);
  return arrivals.flatMap((arrival) =>
    rates.map((rate) => {
      let stops = 0;
      let results = 0;
      for (let run = 0; run < runs; run += 1) {
        const { verdict, sample } = oneRun(rule, rate, arrival, fraction);
        if (verdict === 'stop') stops += 1;
        results += sample;
      }
      const exact = arrival.failuresLate ? undefined : exactOutcome(rule, rate, arrival.metersPerLook);
      return { rate, arrival, runs, stop: shareOf(stops, runs), meanSample: results / runs, exact };
    }),
  );
}

interface Run {
  readonly verdict: StopVerdict;
  readonly sample: number;
}

function oneRun(
  rule: SequentialStopRule,
  rate: number,
  { metersPerLook, failuresLate }: Arrival,
  fraction: () => number,
): Run {
  let state = rule.begin();
  let late = 0;
  for (;;) {
    let failures = 0;
    for (let meter = 0; meter < metersPerLook; meter += 1) if (fraction() < rate) failures += 1;
    const pending = failuresLate ? failures : 0;
    const known = failuresLate ? late : failures;
    ({ state } = rule.observe(state, { failures: known, successes: metersPerLook - failures, pending }));
    late = pending;
    if (state.verdict !== 'go-on') return { verdict: state.verdict, sample: state.failures + state.successes };
  }
}

/**
 * The same without luck: the chance of each number of failures is carried from result to result, and taken out where the rule ends.
 *
 * @param metersPerLook - Results between two observations.
 */
export function exactOutcome(rule: SequentialStopRule, rate: number, metersPerLook: number): ExactOutcome {
  let chances: readonly number[] = [1];
  let stop = 0;
  let meanSample = 0;
  for (let sample = 1; chances.length > 0; sample += 1) {
    chances = afterOneMore(chances, rate);
    if (sample % metersPerLook !== 0) continue;
    const stopAt = rule.stopAt(sample);
    const acceptAt = rule.acceptAt(sample);
    const stopped = sum(chances.slice(stopAt));
    stop += stopped;
    meanSample += sample * (stopped + sum(chances.slice(0, acceptAt + 1)));
    chances = chances.slice(0, stopAt).map((chance, failures) => (failures <= acceptAt ? 0 : chance));
    if (sample >= rule.sampleMax) chances = [];
  }
  return { stop, meanSample };
}

function afterOneMore(chances: readonly number[], rate: number): readonly number[] {
  const next = chances.map((chance, failures) => chance * (1 - rate) + (chances[failures - 1] ?? 0) * rate);
  return [...next, (chances.at(-1) ?? 0) * rate];
}

function sum(chances: readonly number[]): number {
  return chances.reduce((total, chance) => total + chance, 0);
}

/** Of a normal distribution, 99.9 % between -Z and Z. */
const Z = 3.290_526_731_5;

function shareOf(count: number, runs: number): Share {
  const share = count / runs;
  const spread = (Z * Math.sqrt((share * (1 - share) + (Z * Z) / (4 * runs)) / runs)) / (1 + (Z * Z) / runs);
  const centre = (share + (Z * Z) / (2 * runs)) / (1 + (Z * Z) / runs);
  return { share, low: Math.max(0, centre - spread), high: Math.min(1, centre + spread) };
}

/** Fractions in [0, 1) that one seed repeats for ever (mulberry32). */
function fractions(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
