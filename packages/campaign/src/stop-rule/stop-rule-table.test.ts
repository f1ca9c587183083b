/** Goal: the table says what the rule does. Method: luck, exact computation and all outcomes written out, each against the others. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type SequentialStopRule, stopRule, type StopRuleGoals } from './stop-rule.js';
import { type Arrival, exactOutcome, stopRuleTable } from './stop-rule-table.js';

const GOALS: StopRuleGoals = { acceptRate: 0.001, stopRate: 0.02, falseStop: 0.01, falseGo: 0.01 };
// Made anew for each test, so that a change of the code is met by the tests that use it and by no others.
let rule: SequentialStopRule;
/** Short enough that all its outcomes can be written out. */
let short: SequentialStopRule;
beforeEach(() => {
  rule = stopRule(GOALS);
  short = stopRule({ acceptRate: 0.1, stopRate: 0.8, falseStop: 0.2, falseGo: 0.2 });
});

/** The chance to stop and the mean sample over all sequences of results, looked at after every `metersPerLook`. */
function writtenOut(rate: number, metersPerLook: number): { readonly stop: number; readonly meanSample: number } {
  let stop = 0;
  let meanSample = 0;
  const walk = (failures: number, sample: number, chance: number): void => {
    if (sample > 0 && sample % metersPerLook === 0) {
      const { verdict } = short.observe(short.begin(), { failures, successes: sample - failures });
      if (verdict === 'stop') stop += chance;
      if (verdict !== 'go-on') meanSample += chance * sample;
      if (verdict !== 'go-on') return;
    }
    walk(failures + 1, sample + 1, chance * rate);
    walk(failures, sample + 1, chance * (1 - rate));
  };
  walk(0, 0, 1);
  return { stop, meanSample };
}

describe('the exact outcome', () => {
  it.each([1, 2, 3, 5])('is the sum over all sequences of results, looked at after every %i', (metersPerLook) => {
    for (const rate of [0, 0.1, 0.35, 0.8, 1]) {
      const exact = exactOutcome(short, rate, metersPerLook);
      const all = writtenOut(rate, metersPerLook);
      expect(exact.stop).toBeCloseTo(all.stop, 12);
      expect(exact.meanSample).toBeCloseTo(all.meanSample, 10);
    }
  });

  it('says for the rule of a campaign: one good firmware in 262 stopped, one bad one in 101 let go', () => {
    expect(exactOutcome(rule, 0.001, 1).stop).toBeCloseTo(0.003_818, 6);
    expect(1 - exactOutcome(rule, 0.02, 1).stop).toBeCloseTo(0.009_929, 6);
    expect(exactOutcome(rule, 0.001, 1).meanSample).toBeCloseTo(282.35, 2);
    expect(exactOutcome(rule, 0.02, 1).meanSample).toBeCloseTo(138.76, 2);
  });
});

describe('the table', () => {
  const byOne: Arrival = { metersPerLook: 1, failuresLate: false };
  const byHundred: Arrival = { metersPerLook: 100, failuresLate: false };
  const late: Arrival = { metersPerLook: 100, failuresLate: true };
  const seed = 20_261_130;

  it('has a row for each arrival and rate, and the same for the same seed', () => {
    const trial = { rates: [0.005, 0.02], arrivals: [byOne, late], runs: 100, seed };
    const rows = stopRuleTable(rule, trial);
    expect(rows.map(({ rate, arrival, runs }) => [arrival, rate, runs])).toEqual([
      [byOne, 0.005, 100],
      [byOne, 0.02, 100],
      [late, 0.005, 100],
      [late, 0.02, 100],
    ]);
    expect(stopRuleTable(rule, trial)).toEqual(rows);
    expect(stopRuleTable(rule, { ...trial, seed: 1 })).not.toEqual(rows);
  });

  it.each([byOne, byHundred])('agrees with exact computation, by $metersPerLook', (arrival) => {
    for (const row of stopRuleTable(rule, { rates: [0.001, 0.02], arrivals: [arrival], runs: 1_000, seed })) {
      const exact = exactOutcome(rule, row.rate, arrival.metersPerLook);
      expect(row.exact).toEqual(exact);
      expect(row.stop.low).toBeLessThanOrEqual(exact.stop);
      expect(row.stop.high).toBeGreaterThanOrEqual(exact.stop);
      expect(Math.abs(row.meanSample / exact.meanSample - 1)).toBeLessThan(0.05);
    }
  });

  it('keeps the stated error rates when failures are known late, because they are pending until then', () => {
    const [good, bad] = stopRuleTable(rule, { rates: [0.001, 0.02], arrivals: [late], runs: 2_000, seed });
    expect([good!.exact, bad!.exact]).toEqual([undefined, undefined]);
    expect(good!.stop.share).toBeLessThan(GOALS.falseStop);
    expect(1 - bad!.stop.share).toBeLessThan(GOALS.falseGo);
    // It takes longer than when all is known at once: the last hundred is not judged without its failures.
    expect(bad!.meanSample).toBeGreaterThan(exactOutcome(rule, 0.02, 100).meanSample + 100);
  });

  it('has Wilson intervals around its shares', () => {
    const [row] = stopRuleTable(short, { rates: [0.35], arrivals: [byOne], runs: 1_000, seed: 3 });
    const { share, low, high } = row!.stop;
    // The ends of a Wilson interval are the rates from which the share found is Z standard deviations away.
    for (const end of [low, high])
      expect(Math.abs(share - end) / Math.sqrt((end * (1 - end)) / 1_000)).toBeCloseTo(3.2905, 4);
    expect([share > low, share < high]).toEqual([true, true]);
    const [none] = stopRuleTable(short, { rates: [0], arrivals: [byOne], runs: 100, seed: 3 });
    expect(none!.stop.share).toBe(0);
    expect(none!.stop.low).toBeCloseTo(0, 12);
    expect(none!.stop.high).toBeCloseTo(0.0977, 4);
    const [all] = stopRuleTable(short, { rates: [1], arrivals: [byOne], runs: 100, seed: 3 });
    expect(all!.stop.share).toBe(1);
    expect(all!.stop.low).toBeCloseTo(1 - 0.0977, 4);
    expect(all!.stop.high).toBeCloseTo(1, 12);
  });
});
