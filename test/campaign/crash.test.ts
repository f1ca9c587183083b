import { createHash } from 'node:crypto';
import { recordOfLine, simulate } from '@smets1/campaign';
import { describe, expect, it } from 'vitest';
import { campaignOf } from './machine.test-support.js';
import { PROVING_DAYS, provingGround } from './proving-ground.js';
import { trueJournal } from './seeded-violations.js';

const SEED = 3;

describe('A campaign that is broken off after any record', () => {
  it('goes on from its journal to the same end, octet for octet: no meter lost, none started twice', () => {
    const { input, inputDigest, journal } = trueJournal(provingGround(PROVING_DAYS[0]!), SEED);
    const lines = journal.split('\n').slice(0, -1);
    const campaign = campaignOf(input);
    // The first records one by one, then with a wide step; and after each command.
    const cuts = lines
      .map((_, at) => at)
      .filter((at) => at > 0 && (at < 20 || at % 37 === 0 || lines[at - 1]!.includes('"kind":"commanded"')));
    expect(cuts.length).toBeGreaterThan(50);
    const whole = createHash('sha256').update(journal).digest('hex');
    const kinds = new Set<string>();
    for (const cut of cuts) {
      const kept = lines.slice(0, cut).map(recordOfLine);
      kinds.add(kept.at(-1)!.kind);
      const hash = createHash('sha256').update(`${lines.slice(0, cut).join('\n')}\n`);
      const { ended } = simulate({
        campaign,
        seed: SEED,
        inputDigest,
        journal: kept,
        onRecord: (record) => hash.update(`${JSON.stringify(record)}\n`),
      });
      expect([cut, ended, hash.digest('hex')]).toEqual([cut, true, whole]);
    }
    expect([...kinds]).toEqual(expect.arrayContaining(['granted', 'released', 'outcomes', 'commanded']));
  }, 120_000);

  it('does not go on from the journal of another input', () => {
    const { inputDigest, journal } = trueJournal(provingGround(PROVING_DAYS[0]!), SEED);
    const kept = journal.split('\n').slice(0, 50).map(recordOfLine);
    const other = campaignOf(provingGround(PROVING_DAYS[1]!));
    expect(() =>
      simulate({ campaign: other, seed: SEED, inputDigest: inputDigest.replaceAll(/./gu, '0'), journal: kept }),
    ).toThrow(expect.objectContaining({ code: 'other-campaign' }) as Error);
  });
});
