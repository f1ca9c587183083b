/**
 * Goal G20.clock: no start outside of a window, whatever the clock does.
 * Method: the machine is asked at moments of a clock that jumps by 1 s to 10 years in both directions, over both changes of British time and the end of
 * 32-bit seconds in 2038; each start is held against the clock of the time zone database.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from '../journal-judge.test-support.js';
import { apply } from '../machine/apply.js';
import { createState } from '../machine/create-state.js';
import { nextRecord } from '../machine/next-record.js';
import { type MeterOutcome, recordOfOutcomes } from '../machine/record-of.js';
import type { CampaignRecord } from '../model/campaign-record.js';
import { metersOf } from '../model/meter-set.js';
import { campaignOf, cohort, DIGEST, worldOf } from '../small-world.test-support.js';

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const WINDOWS = [{ zone: 'Europe/London', weekdays: [1, 2, 3, 4, 5, 6, 7], from: '01:00', to: '03:30' }];
const london = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/London',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

/** Asks the machine at each moment; meters answer at the next one. */
function drive(moments: readonly number[]): CampaignRecord[] {
  const campaign = campaignOf({
    cohorts: [cohort('c', 4000)],
    startDay: '2027-01-04',
    windows: WINDOWS,
    policy: { capacityPerDay: 20 },
  });
  const state = createState(campaign);
  const records: CampaignRecord[] = [];
  let pending: MeterOutcome[] = [];
  for (const atMs of moments) {
    const told = recordOfOutcomes(campaign, state, pending, atMs);
    pending = [];
    const due = told ?? nextRecord(campaign, state, atMs, DIGEST);
    for (let record = due; record !== undefined; record = nextRecord(campaign, state, atMs, DIGEST)) {
      apply(campaign, state, record);
      records.push(record);
      if (record.kind !== 'released') continue;
      for (const { route, hop, meters } of record.parts)
        for (const meter of metersOf(meters)) pending.push({ meter, route, hop, tries: 1, result: 'success' });
    }
  }
  expect(judge(campaign.input, records, campaign.meterCount)).toEqual([]);
  return records;
}

function outside(records: readonly CampaignRecord[]): string[] {
  return records.flatMap(({ kind, atMs }) => {
    const clock = london.format(atMs);
    return kind === 'released' && (clock < '01:00' || clock >= '03:30') ? [new Date(atMs).toISOString()] : [];
  });
}

const starts = (records: readonly CampaignRecord[]): number => records.filter(({ kind }) => kind === 'released').length;

describe('T63 a clock that jumps', () => {
  const jump = fc
    .tuple(
      fc.constantFrom(SECOND_MS, 61 * SECOND_MS, 3_600_000, DAY_MS, 40 * DAY_MS, YEAR_MS, 10 * YEAR_MS),
      fc.integer({ min: -3, max: 3 }),
    )
    .map(([size, times]) => size * times);
  const step = fc.oneof({ weight: 8, arbitrary: fc.constant(30 * 60 * SECOND_MS) }, { weight: 1, arbitrary: jump });

  it('starts nothing outside of a window, and never more than a day holds', () => {
    let count = 0;
    let back = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 50, maxLength: 150 }),
        fc.integer({ min: 0, max: YEAR_MS }),
        (steps, offset) => {
          const moments = [Date.UTC(2030, 0, 4) + offset];
          for (const by of steps) moments.push(Math.max(0, moments.at(-1)! + by));
          const records = drive(moments);
          expect(outside(records)).toEqual([]);
          count += starts(records);
          back += moments.filter((moment, at) => at > 0 && moment < moments[at - 1]!).length;
        },
      ),
      { numRuns: 60 },
    );
    expect(count).toBeGreaterThan(150);
    expect(back).toBeGreaterThan(100);
  });

  it.each([
    ['the spring change', Date.UTC(2027, 2, 27)],
    ['the autumn change', Date.UTC(2027, 9, 30)],
    ['the end of 32-bit seconds', Date.UTC(2038, 0, 18)],
    ['a leap day', Date.UTC(2028, 1, 28)],
  ])('keeps windows over %s, minute by minute', (_, fromMs) => {
    const moments = Array.from({ length: 3 * 24 * 60 }, (__, minute) => fromMs + minute * 60 * SECOND_MS);
    const records = drive(moments);
    expect(outside(records)).toEqual([]);
    expect(starts(records)).toBeGreaterThan(5);
  });

  it('opens no day twice when it is set back', () => {
    const night = Date.UTC(2030, 5, 10);
    const hours = (fromMs: number): number[] => [0, 1, 2].map((hour) => fromMs + hour * 3_600_000);
    // Three times the same night, then the next one.
    const records = drive([
      ...hours(night),
      ...hours(night),
      ...hours(night - DAY_MS),
      ...hours(night),
      ...hours(night + DAY_MS),
    ]);
    const perDay = new Map<number, number>();
    for (const record of records) {
      if (record.kind !== 'released') continue;
      const day = Math.floor(record.atMs / DAY_MS);
      const count = record.parts.reduce((sum, { meters }) => sum + [...metersOf(meters)].length, 0);
      perDay.set(day, (perDay.get(day) ?? 0) + count);
    }
    expect([...perDay.values()]).toEqual([20, 20, 20]);
  });

  it('has no way round: a simulated campaign over both changes keeps its nights too', () => {
    const world = worldOf({
      cohorts: [cohort('c', 3000)],
      startDay: '2027-03-20',
      windows: WINDOWS,
      policy: { capacityPerDay: 12 },
    });
    expect(outside(world.records)).toEqual([]);
    expect(world.ended).toBe(true);
    expect(new Date(world.records.at(-1)!.atMs).toISOString().slice(0, 10) > '2027-11-01').toBe(true);
  });
});
