import { describe, expect, it } from 'vitest';
import { HAND_INPUT } from './checker/by-hand.test-support.js';
import { verdictOn } from './checker/checker.js';
import { JournalDraft, metersIn } from './journal-draft.js';
import { trueJournal } from './seeded-violations.js';

/** Four hundred meters of which each start fails for good with this chance. */
function failing(failureChance: number): string {
  const input = JSON.parse(HAND_INPUT) as Record<string, unknown> & { cohorts: { meters: { count: number } }[] };
  input.cohorts[0]!.meters.count = 400;
  return JSON.stringify({
    ...input,
    policy: { capacityPerDay: 60 },
    model: { otherwise: { failureChance, noAnswerChance: 0.05, slowChance: 0.05 } },
  });
}

describe('Firmware that fails', () => {
  it('is stopped before anything else starts, at every failure rate from 0 to 100 %, and only what was under way can fail still', () => {
    const stopped: number[] = [];
    for (let percent = 0; percent <= 100; percent += 5)
      for (const seed of [1, 2]) {
        const { input, inputDigest, journal } = trueJournal(failing(percent / 100), seed);
        expect(verdictOn(input, journal, { isSimulated: true, inputDigest, isWhole: false }).faults).toEqual([]);
        const draft = new JournalDraft(journal);
        const [stop] = draft.all('stopped');
        if (stop === undefined) continue;
        stopped.push(percent);
        const after = draft.records.slice(stop.at + 1);
        expect(after.filter(({ kind }) => kind === 'released')).toEqual([]);
        const failures = after.flatMap((record) => (record.kind === 'outcomes' ? record.failed : []));
        const failed = failures.reduce((sum, { meters }) => sum + metersIn(meters).length, 0);
        expect(failed).toBeLessThanOrEqual(stop.record.underWay);
      }
    expect(stopped).not.toContain(0);
    for (let percent = 10; percent <= 100; percent += 5)
      expect(stopped.filter((one) => one === percent)).toHaveLength(2);
  });
});
