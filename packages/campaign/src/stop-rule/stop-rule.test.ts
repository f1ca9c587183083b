/**
 * Goal: bad firmware is stopped and good firmware is not, with the chances that are stated, however results come.
 * Method: the rule's sentences one by one; then how often it errs: `error-rates.test.ts`.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type SequentialStopRule, stopRule, type StopRuleGoals, type StopState } from './stop-rule.js';
import { goals } from './stop-rule.test-support.js';
import { exactOutcome } from './stop-rule-table.js';

const GOALS: StopRuleGoals = { acceptRate: 0.001, stopRate: 0.02, falseStop: 0.01, falseGo: 0.01 };
// Made anew for each test, so that a change of the code is met by the tests that use it and by no others.
let rule: SequentialStopRule;
beforeEach(() => {
  rule = stopRule(GOALS);
});

function after(
  given: SequentialStopRule,
  ...results: readonly (readonly [failures: number, successes: number, pending?: number])[]
): StopState {
  return results.reduce(
    (state, [failures, successes, pending = 0]) => given.observe(state, { failures, successes, pending }).state,
    given.begin(),
  );
}

const MISUSE: unknown = expect.objectContaining({ name: 'CampaignError', code: 'misuse' });

describe('a stop rule', () => {
  it('begins with nothing known', () => {
    expect(rule.begin()).toEqual({ failures: 0, successes: 0, verdict: 'go-on' });
    expect(rule.goals).toEqual(GOALS);
  });

  it('stops at the second failure when it comes early, at the third one later', () => {
    expect(after(rule, [1, 0]).verdict).toBe('go-on');
    expect(after(rule, [2, 0]).verdict).toBe('stop');
    expect(after(rule, [2, 66])).toEqual({ failures: 2, successes: 66, verdict: 'stop' });
    expect(after(rule, [2, 67]).verdict).toBe('go-on');
    expect(after(rule, [3, 67]).verdict).toBe('stop');
  });

  it('accepts after 240 successes, or about 156 more for each failure', () => {
    expect(after(rule, [0, 239]).verdict).toBe('go-on');
    expect(after(rule, [0, 240]).verdict).toBe('accept');
    expect(after(rule, [1, 395]).verdict).toBe('go-on');
    expect(after(rule, [1, 396]).verdict).toBe('accept');
  });

  it('gives the verdict with the state', () => {
    const { state, verdict } = rule.observe(rule.begin(), { failures: 2, successes: 0 });
    expect(verdict).toBe('stop');
    expect(state.verdict).toBe(verdict);
  });

  it('stops for ever: whatever comes later counts, and changes nothing', () => {
    expect(after(rule, [2, 0], [0, 100_000])).toEqual({ failures: 2, successes: 100_000, verdict: 'stop' });
  });

  it('takes an acceptance back when later results stop the firmware, and else keeps it', () => {
    expect(after(rule, [0, 240], [1, 0]).verdict).toBe('accept');
    expect(after(rule, [0, 240], [3, 0]).verdict).toBe('accept');
    expect(after(rule, [0, 240], [4, 0]).verdict).toBe('stop');
  });

  it('accepts nothing while what is pending could be failures', () => {
    expect(after(rule, [0, 240, 1]).verdict).toBe('go-on');
    expect(after(rule, [0, 395, 1]).verdict).toBe('go-on');
    expect(after(rule, [0, 396, 1]).verdict).toBe('accept');
    expect(after(rule, [0, 240, 1], [0, 1, 0]).verdict).toBe('accept');
  });

  it('stops nothing for what is pending', () => {
    expect(after(rule, [1, 0, 10_000]).verdict).toBe('go-on');
  });

  it('ends at its largest sample: what it does not accept then, it stops', () => {
    expect(rule.sampleMax).toBe(1_512);
    expect(after(rule, [9, 1_502]).verdict).toBe('go-on');
    expect(after(rule, [9, 1_503]).verdict).toBe('stop');
    expect(after(rule, [8, 1_504]).verdict).toBe('accept');
    expect(after(rule, [8, 1_504, 1]).verdict).toBe('go-on'); // acceptable, unless the last meter fails
    expect(after(rule, [8, 1_504, 1], [1, 0]).verdict).toBe('stop');
    expect(after(rule, [8, 1_504, 1], [0, 1]).verdict).toBe('accept');
  });

  it('can be stored as JSON between any two observations', () => {
    const state = after(rule, [1, 17]);
    const stored = JSON.parse(JSON.stringify(state)) as StopState;
    expect(rule.observe(stored, { failures: 1, successes: 0 })).toEqual(
      rule.observe(state, { failures: 1, successes: 0 }),
    );
  });

  it.each<Partial<StopRuleGoals>>([
    { acceptRate: 0 },
    { acceptRate: 0.02 },
    { acceptRate: Number.NaN },
    { stopRate: 1 },
    { stopRate: 0.001 },
    { falseStop: 0 },
    { falseStop: 0.5 },
    { falseGo: 0 },
    { falseGo: 0.5 },
    { falseGo: Number.NaN },
  ])('is not made for %j', (about) => {
    expect(() => stopRule({ ...GOALS, ...about })).toThrow(MISUSE);
    expect(() => stopRule({ ...GOALS, ...about })).toThrow(Object.keys(about)[0]);
  });

  it.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])('is not given %d results', (count) => {
    const state = rule.begin();
    expect(() => rule.observe(state, { failures: count, successes: 0 })).toThrow(MISUSE);
    expect(() => rule.observe(state, { failures: 0, successes: count })).toThrow(MISUSE);
    expect(() => rule.observe(state, { failures: 0, successes: 0, pending: count })).toThrow(MISUSE);
    expect(() => rule.observe({ ...state, failures: count }, { failures: 0, successes: 0 })).toThrow(MISUSE);
    expect(() => rule.observe({ ...state, successes: count }, { failures: 0, successes: 0 })).toThrow('no count');
  });
});

describe('any stop rule', () => {
  it('gives for the same results the same verdict in any grouping, as long as none was given before', () => {
    let compared = 0;
    const results = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 60 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(goals, results, (given, parts) => {
        const one = stopRule(given);
        let state = one.begin();
        let sums: readonly [number, number] = [0, 0];
        for (const [failures, successes] of parts) {
          if (state.verdict !== 'go-on') return;
          ({ state } = one.observe(state, { failures, successes }));
          sums = [sums[0] + failures, sums[1] + successes];
          expect(state).toEqual(after(one, sums));
          compared += 1;
        }
      }),
      { numRuns: 500, seed: 11 },
    );
    expect(compared).toBeGreaterThan(800);
  });

  it('never has a better verdict for more failures, fewer successes or more pending', () => {
    const order = ['stop', 'go-on', 'accept'];
    const seen = new Set<string>();
    fc.assert(
      fc.property(goals, fc.nat({ max: 12 }), fc.nat({ max: 600 }), fc.nat({ max: 5 }), (given, f, s, pending) => {
        const one = stopRule(given);
        const verdictOf = (...part: readonly [number, number, number]): number =>
          order.indexOf(after(one, part).verdict);
        const verdict = verdictOf(f, s, pending);
        seen.add(order[verdict]!);
        expect(verdictOf(f + 1, s, pending)).toBeLessThanOrEqual(verdict);
        expect(verdictOf(f, s, pending + 1)).toBeLessThanOrEqual(verdict);
        // At the largest sample undecided firmware is stopped, so one success more may end it; not so below.
        if (f + s + 1 < one.sampleMax) expect(verdictOf(f, s + 1, pending)).toBeGreaterThanOrEqual(verdict);
      }),
      { numRuns: 2_000, seed: 12 },
    );
    expect(seen.size).toBe(3);
  });

  it('ends, with nothing pending, at its largest sample at the latest', () => {
    fc.assert(
      fc.property(goals, fc.nat({ max: 50 }), fc.nat({ max: 500 }), (given, failures, more) => {
        const one = stopRule(given);
        expect(after(one, [failures, one.sampleMax + more]).verdict).not.toBe('go-on');
        expect(after(one, [Math.min(failures, one.sampleMax), Math.max(0, one.sampleMax - failures)]).verdict).not.toBe(
          'go-on',
        );
      }),
      { numRuns: 2_000, seed: 13 },
    );
  });

  it('has its bounds where it says', () => {
    for (const sample of [1, 2, 50, 66, 67, 239, 240, 241, 700, 1_511, 1_512, 1_513, 3_000]) {
      const stopAt = rule.stopAt(sample);
      const acceptAt = rule.acceptAt(sample);
      expect(acceptAt).toBeLessThan(stopAt);
      for (const failures of [0, 1, 2, 3, acceptAt - 1, acceptAt, acceptAt + 1, stopAt - 1, stopAt, stopAt + 1]) {
        if (failures < 0 || failures > sample) continue;
        const verdict = failures >= stopAt ? 'stop' : failures <= acceptAt ? 'accept' : 'go-on';
        expect(after(rule, [failures, sample - failures]).verdict, `${failures} of ${sample}`).toBe(verdict);
      }
    }
    expect([rule.stopAt(1), rule.acceptAt(239), rule.acceptAt(240), rule.stopAt(1_512)]).toEqual([2, -1, 0, 9]);
  });

  it('keeps most of its allowance for stopping good firmware for the time before its largest sample', () => {
    // Looked at once, at the end: only what is undecided there can be stopped wrongly.
    const { stop, meanSample } = exactOutcome(rule, GOALS.acceptRate, rule.sampleMax);
    expect(meanSample).toBeCloseTo(rule.sampleMax, 6);
    expect(stop).toBeLessThan(GOALS.falseStop / 10);
  });
});
