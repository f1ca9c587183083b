/**
 * Goal G20.halt: firmware that fails is stopped on durable counts before the next start.
 * Method: failure rates stepped from 0 to 100 %, at once and after a good beginning; starts after the record that crossed the limit are counted.
 */
import { describe, expect, it } from 'vitest';
import { compileCampaign } from '../machine/campaign.js';
import { createState } from '../machine/create-state.js';
import { apply } from '../machine/apply.js';
import { nextRecord } from '../machine/next-record.js';
import { type MeterOutcome, recordOfOutcomes } from '../machine/record-of.js';
import { countOf, metersOf } from '../model/meter-set.js';
import type { CampaignRecord } from '../model/campaign-record.js';
import {
  campaignOf,
  cohort,
  DIGEST,
  PRODUCTS,
  recordsOf,
  request,
  STOP_RULE,
  worldOf,
} from '../small-world.test-support.js';
import { draw } from './draw.js';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2027, 0, 4);

/** Drives the machine by hand, failing each meter with the chance that holds for its position in the order of starts. */
function drive(
  rateOf: (started: number) => number,
  hours: number,
): { records: CampaignRecord[]; underWayAtStop: number; failedAfter: number } {
  const campaign = campaignOf({ cohorts: [cohort('c', 6000)], policy: { capacityPerDay: 2400, stopRule: {} } });
  const state = createState(campaign);
  const records: CampaignRecord[] = [];
  const pending: MeterOutcome[] = [];
  let started = 0;
  let underWayAtStop = 0;
  let failedAfter = 0;
  const keep = (record: CampaignRecord): void => {
    apply(campaign, state, record);
    records.push(record);
    if (record.kind === 'stopped') underWayAtStop = record.underWay;
    if (record.kind === 'outcomes' && records.some(({ kind }) => kind === 'stopped'))
      for (const { meters } of record.failed) failedAfter += countOf(meters);
    if (record.kind !== 'released') return;
    for (const { route, hop, meters } of record.parts) {
      for (const meter of metersOf(meters)) {
        const isBad = draw(9, meter) < rateOf(started);
        started += 1;
        pending.push({ meter, route, hop, tries: 1, result: isBad ? 'reverted' : 'success' });
      }
    }
  };
  for (let hour = 0; hour < hours; hour += 1) {
    const atMs = START_MS + hour * HOUR_MS;
    // Half of what is under way answers each hour, a few meters at a time.
    const answered = pending.splice(0, Math.ceil(pending.length / 2));
    for (let at = 0; at < answered.length; at += 7) {
      const record = recordOfOutcomes(campaign, state, answered.slice(at, at + 7), atMs);
      if (record !== undefined) keep(record);
      const due = nextRecord(campaign, state, atMs, DIGEST);
      if (due !== undefined) keep(due);
    }
    for (
      let due = nextRecord(campaign, state, atMs, DIGEST);
      due !== undefined;
      due = nextRecord(campaign, state, atMs, DIGEST)
    )
      keep(due);
  }
  // The rest answers in the end.
  const last = recordOfOutcomes(campaign, state, pending, START_MS + hours * HOUR_MS);
  if (last !== undefined) keep(last);
  const end = nextRecord(campaign, state, START_MS + hours * HOUR_MS, DIGEST);
  if (end !== undefined) keep(end);
  return { records, underWayAtStop, failedAfter };
}

function startsAfterStop(records: readonly CampaignRecord[]): number {
  const at = records.findIndex(({ kind }) => kind === 'stopped');
  expect(at).toBeGreaterThanOrEqual(0);
  return records.slice(at).filter(({ kind }) => kind === 'released').length;
}

describe('T62 the stop rule', () => {
  it.each([0, 0.001, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])(
    'holds firmware that fails at a rate of %d before the next start, and lets good firmware go on',
    (rate) => {
      const { records, underWayAtStop, failedAfter } = drive(() => rate, 75);
      const stops = records.filter(({ kind }) => kind === 'stopped');
      if (rate < 0.01) {
        expect(stops).toEqual([]);
        expect(records.at(-1)!.kind).toBe('ended');
        return;
      }
      expect(stops).toHaveLength(1);
      expect(startsAfterStop(records)).toBe(0);
      // What fails afterwards was under way already.
      expect(failedAfter).toBeLessThanOrEqual(underWayAtStop);
      expect(underWayAtStop).toBeGreaterThan(0);
      // Between the count that crossed the limit and the stop stands nothing.
      const crossed = records.findIndex(
        (one) => one.kind === 'outcomes' && one.judged.some(({ verdict }) => verdict === 'stop'),
      );
      expect(records[crossed + 1]!.kind).toBe('stopped');
    },
  );

  it('stops firmware that turns bad after thousands of good meters, as soon as at the beginning', () => {
    const { records, failedAfter, underWayAtStop } = drive((started) => (started < 3000 ? 0 : 0.3), 60);
    expect(startsAfterStop(records)).toBe(0);
    const stop = records.find((one) => one.kind === 'stopped');
    expect(stop?.kind === 'stopped' && stop.failures).toBeLessThanOrEqual(12);
    expect(failedAfter).toBeLessThanOrEqual(underWayAtStop);
  });

  it('holds its request alone, until a person resumes it', () => {
    const behaviour = { failureChance: 0.5, minutesMax: 40 };
    const world = worldOf({
      cohorts: [cohort('bad', 40), cohort('good', 40)],
      requests: [request('r', ['bad'], { phases: [{ name: 'canary', meters: 10 }] }), request('s', ['good'])],
      policy: { capacityPerDay: 20 },
      model: { cohorts: [{ cohortId: 'bad', behaviour }] },
      events: [{ at: '2027-01-20T00:00:00Z', command: { kind: 'resume', requestId: 'r' } }],
    });
    const [first, second] = recordsOf(world, 'stopped');
    expect(first!.requestId).toBe('r');
    const between = recordsOf(world, 'released').filter(
      ({ atMs }) => atMs > first!.atMs && atMs < Date.UTC(2027, 0, 20),
    );
    expect(between.length).toBeGreaterThan(0);
    expect(between.every(({ requestId }) => requestId === 's')).toBe(true);
    // Resumed, it failed on, and was stopped again by counts that began anew.
    expect(second!.atMs).toBeGreaterThan(Date.UTC(2027, 0, 20));
  });

  it('is asked with durable counts only: the same results in any grouping leave the same verdict', () => {
    const campaign = compileCampaign(campaignOf({ cohorts: [cohort('c', 100)] }).input, {
      products: PRODUCTS,
      stopRule: STOP_RULE,
    });
    const verdicts = [1, 5, 20].map((size) => {
      const state = createState(campaign);
      for (
        let due = nextRecord(campaign, state, START_MS, DIGEST);
        due !== undefined;
        due = nextRecord(campaign, state, START_MS, DIGEST)
      )
        apply(campaign, state, due);
      const route = 0;
      const told: MeterOutcome[] = [];
      for (const [meter, stage] of state.meters.stage.entries())
        if (stage === 2) told.push({ meter, route, hop: 0, tries: 1, result: 'reverted' });
      for (let at = 0; at < told.length; at += size) {
        const record = recordOfOutcomes(campaign, state, told.slice(at, at + size), START_MS);
        if (record !== undefined) apply(campaign, state, record);
      }
      return [state.requests[0]!.failures, state.requests[0]!.stopDue];
    });
    expect(new Set(verdicts.map((one) => JSON.stringify(one))).size).toBe(1);
  });
});
