import { stopRule } from '@smets1/campaign';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleMaxOf, verdictsOf } from './checker/stop-evidence.js';

const POLICY = { acceptRate: 0.001, stopRate: 0.02, falseStop: 0.0001, falseGo: 0.01 };

describe("The checker's stop rule", () => {
  it("says what the campaign's says, of any counts, with starts under way and without", () => {
    const rule = stopRule(POLICY);
    const verdicts: Record<string, number> = {};
    let waiting = 0;
    fc.assert(
      fc.property(fc.nat(12), fc.nat(3_000), fc.nat(3), (failures, successes, pending) => {
        const { verdict } = rule.observe(rule.begin(), { failures, successes, pending });
        const allowed = verdictsOf(POLICY, { failures, successes, pending });
        expect([...allowed]).toEqual([verdict]);
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
        if (!verdictsOf(POLICY, { failures, successes, pending: 0 }).has(verdict)) waiting += 1;
      }),
      { numRuns: 2_000, seed: 41 },
    );
    for (const verdict of ['stop', 'accept', 'go-on']) expect(verdicts[verdict]).toBeGreaterThan(100);
    expect(waiting).toBeGreaterThan(50);
  });

  it('has the same largest sample', () => {
    expect(sampleMaxOf(POLICY)).toBe(stopRule(POLICY).sampleMax);
  });
});
