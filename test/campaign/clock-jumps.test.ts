import { createHash } from 'node:crypto';
import {
  apply,
  createState,
  lineOfRecord,
  nextRecord,
  recordOfOutcomes,
  type CampaignRecord,
  type MeterOutcome,
} from '@smets1/campaign';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HAND_INPUT } from './checker/by-hand.test-support.js';
import { DAY_MS } from './checker/calendar.js';
import { verdictOn } from './checker/checker.js';
import { metersIn } from './journal-draft.js';
import { campaignOf } from './machine.test-support.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * DAY_MS;

const INPUT = JSON.stringify({
  ...(JSON.parse(HAND_INPUT) as object),
  windows: [{ zone: 'Europe/London', weekdays: [1, 2, 3, 4, 5], from: '23:00', to: '03:00' }],
});

/** Where the clock is set: near to a change of London's clock, to 2038, or anywhere. */
const beginning = fc.constantFrom(
  Date.parse('2027-03-26T20:00:00Z'),
  Date.parse('2027-10-29T20:00:00Z'),
  Date.parse('2038-01-18T20:00:00Z'),
  Date.parse('2027-03-01T00:00:00Z'),
);
const jump = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 * HOUR_MS }) },
  { weight: 2, arbitrary: fc.integer({ min: -2 * DAY_MS, max: 2 * DAY_MS }) },
  { weight: 1, arbitrary: fc.constantFrom(-1000, 1000, -HOUR_MS, HOUR_MS, -10 * YEAR_MS, 10 * YEAR_MS) },
);

describe('A clock that is set forward and back, by a second or by ten years', () => {
  it('lets no image start outside of a window, and none twice', () => {
    const campaign = campaignOf(INPUT);
    const inputDigest = createHash('sha256').update(INPUT).digest('hex');
    let starts = 0;
    let setBack = 0;
    fc.assert(
      fc.property(beginning, fc.array(jump, { minLength: 20, maxLength: 120 }), (firstMs, jumps) => {
        const state = createState(campaign);
        const records: CampaignRecord[] = [];
        const keep = (record: CampaignRecord | undefined): void => {
          if (record === undefined) return;
          apply(campaign, state, record);
          records.push(record);
        };
        let due: MeterOutcome[] = [];
        let nowMs = firstMs;
        for (const jumpMs of jumps) {
          if (state.status === 'ended') break;
          if (state.status === 'running' && due.length > 0) keep(recordOfOutcomes(campaign, state, due, nowMs));
          due = [];
          for (let record = nextRecord(campaign, state, nowMs, inputDigest); record !== undefined;) {
            keep(record);
            if (record.kind === 'released')
              for (const { route, hop, meters } of record.parts)
                for (const meter of metersIn(meters))
                  due.push({ meter, route, hop, tries: state.meters.tries[meter]!, result: 'success' });
            record = nextRecord(campaign, state, nowMs, inputDigest);
          }
          nowMs = Math.max(0, nowMs + jumpMs);
          if (jumpMs < 0) setBack += 1;
        }
        starts += records.filter(({ kind }) => kind === 'released').length;
        const journal = records.map((record) => `${lineOfRecord(record)}\n`).join('');
        const verdict = verdictOn(INPUT, journal, { isSimulated: false, isWhole: false, inputDigest });
        expect(verdict.faults).toEqual([]);
      }),
      { numRuns: 240 },
    );
    expect(starts).toBeGreaterThan(100);
    expect(setBack).toBeGreaterThan(1000);
  });
});
