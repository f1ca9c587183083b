/** Goal: the error rates that a stop rule states are kept, whatever they are. Method: computed without luck, for many goals and groupings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stopRule } from './stop-rule.js';
import { goals } from './stop-rule.test-support.js';
import { exactOutcome } from './stop-rule-table.js';

describe('any stop rule', () => {
  it('keeps its error rates, computed exactly, however many results come between two looks', () => {
    let tightest = { falseStop: 0, falseGo: 0 };
    fc.assert(
      fc.property(goals, fc.constantFrom(1, 2, 7, 50, 400), (given, metersPerLook) => {
        const one = stopRule(given);
        const falseStop = exactOutcome(one, given.acceptRate, metersPerLook).stop;
        const falseGo = 1 - exactOutcome(one, given.stopRate, metersPerLook).stop;
        expect(falseStop).toBeLessThanOrEqual(given.falseStop);
        expect(falseGo).toBeLessThanOrEqual(given.falseGo + 1e-9); // the sum of many roundings
        tightest = {
          falseStop: Math.max(tightest.falseStop, falseStop / given.falseStop),
          falseGo: Math.max(tightest.falseGo, falseGo / given.falseGo),
        };
      }),
      { numRuns: 25, seed: 15 },
    );
    // A rule that never stops, or never accepts, would keep one of its rates without any merit.
    expect(tightest.falseStop).toBeGreaterThan(0.3);
    expect(tightest.falseGo).toBeGreaterThan(0.5);
  });
});
