/** What a stop rule is asked to keep, drawn. */
import fc from 'fast-check';
import type { StopRuleGoals } from './stop-rule.js';

export const goals: fc.Arbitrary<StopRuleGoals> = fc
  .record({
    acceptRate: fc.double({ min: 0.002, max: 0.1, noNaN: true }),
    times: fc.double({ min: 2.5, max: 9, noNaN: true }),
    falseStop: fc.double({ min: 0.001, max: 0.2, noNaN: true }),
    falseGo: fc.double({ min: 0.001, max: 0.2, noNaN: true }),
  })
  .map(({ acceptRate, times, falseStop, falseGo }) => ({
    acceptRate,
    stopRate: acceptRate * times,
    falseStop,
    falseGo,
  }));
