/** What the stop rule is shown with each `outcomes` record: counts, and the starts that may still fail. Recounted from the journal. */
import { describe, expect, it } from 'vitest';
import type { MeterSet } from '../model/campaign-input.js';
import { metersOf } from '../model/meter-set.js';
import { cohort, request, STOP_RULE, type World, worldOf } from '../small-world.test-support.js';

interface Counts {
  failures: number;
  successes: number;
}

/** Follows one request; counts what it compared. */
function recount({ records }: World): { accepted: number; waited: number; full: number; judged: number } {
  const underWay = new Set<number>();
  const found = { accepted: 0, waited: 0, full: 0, judged: 0 };
  let seen: Counts = { failures: 0, successes: 0 };
  const settle = (meters: MeterSet): void => {
    for (const meter of metersOf(meters)) underWay.delete(meter);
  };
  for (const record of records) {
    if (record.kind === 'released')
      for (const { meters } of record.parts) for (const meter of metersOf(meters)) underWay.add(meter);
    if (record.kind === 'gave-up') settle(record.meters);
    if (record.kind !== 'outcomes') continue;
    settle(record.succeeded);
    for (const { meters } of [...record.broken, ...record.failed]) settle(meters);
    for (const { failures, successes, rule, verdict } of record.judged) {
      seen = { failures: seen.failures + failures, successes: seen.successes + successes };
      const score = seen.failures * 50 - seen.successes;
      const isAcceptable = score + 50 * underWay.size <= -200;
      expect(rule).toEqual({ ...seen, verdict: score >= 150 ? 'stop' : isAcceptable ? 'accept' : 'go-on' });
      expect(verdict).toBe(rule.verdict);
      found.judged += 1;
      const isFull = verdict === 'go-on' && seen.failures + seen.successes >= STOP_RULE.sampleMax;
      if (verdict === 'accept') found.accepted += 1;
      if (verdict === 'go-on' && score <= -200) found.waited += 1;
      if (isFull) found.full += 1;
      if (verdict === 'accept' || isFull) seen = { failures: 0, successes: 0 };
    }
  }
  return found;
}

describe('The stop rule of a campaign', () => {
  it('accepts nothing while starts that are under way could be failures, and begins anew when its sample is full', () => {
    const world = worldOf({
      cohorts: [cohort('c', 4_000)],
      requests: [request('r', ['c'])],
      policy: { capacityPerDay: 300 },
      model: { otherwise: { noAnswerChance: 0.02, slowChance: 0.05, slowDaysMax: 2, failureChance: 0.001 } },
    });
    expect(world.ended).toBe(true);
    const { accepted, waited, full, judged } = recount(world);
    expect(judged).toBeGreaterThan(100);
    expect(waited).toBeGreaterThan(20);
    expect(full).toBeGreaterThan(3);
    expect(accepted).toBeGreaterThan(0);
  });

  it('accepts at once when nothing is under way, and soon stops firmware that begins to fail', () => {
    const hour = { minutesMin: 10, minutesMax: 10 };
    const world = worldOf({
      cohorts: [cohort('good', 2_000), cohort('bad', 300)],
      requests: [request('r', ['good', 'bad'])],
      policy: { capacityPerDay: 2_400 },
      model: { otherwise: hour, cohorts: [{ cohortId: 'bad', behaviour: { ...hour, failureChance: 0.2 } }] },
    });
    const { accepted, waited } = recount(world);
    expect(accepted).toBeGreaterThan(5);
    expect(waited).toBe(0);
    const { failures, status } = world.state.requests[0]!;
    expect(status).toBe('stopped');
    expect(failures).toBeLessThan(40);
  });
});
