import { beforeAll, describe, expect, it } from 'vitest';
import { PROVING_DAYS, provingGround } from './proving-ground.js';
import { findAll, trueJournal, verdictOnTrue, type Found, type TrueJournal } from './seeded-violations.js';
import { VIOLATIONS } from './violations.js';

describe('The proving ground', () => {
  it.each(PROVING_DAYS)('breaks no rule from %s on, and ends', (day) => {
    for (const seed of [1, 2]) {
      const verdict = verdictOnTrue(trueJournal(provingGround(day), seed));
      expect(verdict.faults).toEqual([]);
      expect(verdict.isEnded).toBe(true);
    }
  });
});

describe('A violation', () => {
  let found: Found[];
  let journal: TrueJournal;
  beforeAll(() => {
    journal = trueJournal(provingGround(PROVING_DAYS[0]!), 1);
    found = findAll(journal);
  });

  it.each(VIOLATIONS.map(({ rule, what }, at) => [rule, what, at] as const))('of %s is found: %s', (rule, _, at) => {
    expect(found[at]!.rules).toContain(rule);
  });
});
