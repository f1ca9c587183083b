/**
 * Goal: a crash loses nothing and doubles nothing, wherever it comes.
 * Method: the journal is cut after every record, and taken up; what is written from there must be what would have been written without the crash.
 */
import { describe, expect, it } from 'vitest';
import { recordOfLine } from '../journal-line.js';
import { apply } from '../machine/apply.js';
import { createState } from '../machine/create-state.js';
import { owedEffects } from '../machine/effects.js';
import { metersOf } from '../model/meter-set.js';
import {
  campaignOf,
  cohort,
  DIGEST,
  type Json,
  recordsOf,
  request,
  SUPPLIER_B,
  worldOf,
} from '../small-world.test-support.js';
import { simulate } from './simulate.js';
import { lineOfRecord } from '../journal-line.js';

/** Hops, silence, failures, churn, phases, a pause, an incident, a change of capacity, a retarget. */
const EVENTFUL: Json = {
  cohorts: [
    cohort('old', 25),
    cohort('mid', 15, { entryId: 'V2' }),
    cohort('urgent', 12, { userId: SUPPLIER_B, entryId: 'V2' }),
  ],
  requests: [
    request('r', ['old'], { targetEntryId: 'V2', phases: [{ name: 'canary', meters: 4 }] }),
    request('s', ['mid'], { targetEntryId: 'V3', schedule: undefined }),
    request('u', ['urgent'], { userId: SUPPLIER_B, targetEntryId: 'V3', priority: 'security', safetyTestMeters: 2 }),
  ],
  policy: { capacityPerDay: 8, unscheduledPerDay: 3, retriesMax: 1, parkedDaysMax: 20 },
  windows: [{ zone: 'Europe/London', weekdays: [1, 2, 3, 4, 5, 6, 7], from: '20:00', to: '04:00' }],
  events: [
    {
      at: '2027-01-05T21:30:00Z',
      command: { kind: 'open-incident', incidentId: 'I', requestId: 'u', priority: 1, haltsOthers: true },
    },
    { at: '2027-01-07T21:30:00Z', command: { kind: 'close-incident', incidentId: 'I' } },
    { at: '2027-01-08T10:00:00Z', command: { kind: 'capacity', fromDay: '2027-01-09', imagesPerDay: 5 } },
    { at: '2027-01-08T22:30:00Z', command: { kind: 'pause', requestId: 'r', reason: 'another version' } },
    { at: '2027-01-09T22:30:00Z', command: { kind: 'retarget', requestId: 'r', targetEntryId: 'V3' } },
    { at: '2027-01-10T09:00:00Z', command: { kind: 'resume', requestId: 'r' } },
  ],
  model: {
    otherwise: {
      brokenChance: 0.15,
      silentShare: 0.1,
      slowChance: 0.1,
      slowDaysMax: 9,
      churnShare: 0.1,
      failureChance: 0.02,
    },
  },
};

describe('T64 a crash', () => {
  const whole = worldOf(EVENTFUL, 11);

  it('was tried on a journal in which every kind of record comes', () => {
    const kinds = new Set(whole.records.map(({ kind }) => kind));
    for (const kind of ['opened', 'requested', 'commanded', 'granted', 'released', 'outcomes', 'gave-up', 'expired'])
      expect(kinds).toContain(kind);
    for (const kind of ['phase-begun', 'safety-tested', 'ended']) expect(kinds).toContain(kind);
    expect(recordsOf(whole, 'commanded').some(({ command }) => command.kind === 'churn')).toBe(true);
    expect(whole.records.length).toBeGreaterThan(150);
  });

  it('after any record is followed by the very journal that would have been without it', { timeout: 120_000 }, () => {
    const campaign = campaignOf(EVENTFUL);
    for (let cut = 0; cut <= whole.lines.length; cut += 1) {
      const lines = whole.lines.slice(0, cut);
      simulate({
        campaign,
        seed: 11,
        inputDigest: DIGEST,
        journal: lines.map(recordOfLine),
        onRecord: (record) => void lines.push(lineOfRecord(record)),
      });
      expect(lines.length, `cut after ${cut} records`).toBe(whole.lines.length);
      expect(lines, `cut after ${cut} records`).toEqual(whole.lines);
    }
  });

  it('leaves exactly the starts owed that are under way, each under a key of its own that never changes', () => {
    const campaign = campaignOf(EVENTFUL);
    const state = createState(campaign);
    const keys = new Map<string, string>();
    let most = 0;
    for (const record of whole.records) {
      apply(campaign, state, record);
      const owed = owedEffects(campaign, state);
      expect(new Set(owed.map(({ key }) => key)).size).toBe(owed.length);
      most = Math.max(most, owed.length);
      if (record.kind !== 'released') continue;
      const started = new Set(record.parts.flatMap(({ meters }) => [...metersOf(meters)]));
      for (const { key, meter, batch } of owed.filter((one) => started.has(one.meter))) {
        expect(keys.has(key), key).toBe(false);
        expect(batch).toBe(record.batch);
        keys.set(key, `${meter}`);
      }
    }
    expect(most).toBeGreaterThan(3);
    expect(keys.size).toBeGreaterThan(60);
  });

  it.each([
    ['is missing', (lines: string[]) => lines.toSpliced(20, 1)],
    ['comes twice', (lines: string[]) => lines.toSpliced(20, 0, lines[20]!)],
    ['has changed places', (lines: string[]) => [...lines.slice(0, 20), lines[21]!, lines[20]!, ...lines.slice(22)]],
    ['is no JSON', (lines: string[]) => lines.with(20, '{"seq":20,')],
    ['is of no known kind', (lines: string[]) => lines.with(20, '{"seq":20,"atMs":1,"kind":"hope"}')],
    ['starts a meter that is under way', (lines: string[]) => [...lines.slice(0, firstRelease + 1), again(lines)]],
    ['follows the end', (lines: string[]) => [...lines, lines.at(-1)!.replace(/"seq":\d+/, `"seq":${lines.length}`)]],
  ] as const)('is not pretended when a record %s', (_, spoil) => {
    const campaign = campaignOf(EVENTFUL);
    const open = (): unknown =>
      simulate({ campaign, seed: 11, inputDigest: DIGEST, journal: spoil([...whole.lines]).map(recordOfLine) });
    expect(open).toThrow(expect.objectContaining({ name: 'CampaignError', code: 'journal-damaged' }));
  });

  const firstRelease = whole.records.findIndex(({ kind }) => kind === 'released');
  const again = (lines: readonly string[]): string =>
    lines[firstRelease]!.replace(/"seq":\d+/, `"seq":${firstRelease + 1}`).replace(/"batch":\d+/, '"batch":1');

  it('does not let the journal of another input be continued', () => {
    const other = campaignOf({ ...EVENTFUL, campaignId: 'other' });
    expect(() => simulate({ campaign: other, seed: 11, inputDigest: DIGEST, journal: whole.records })).toThrow(
      expect.objectContaining({ code: 'other-campaign' }),
    );
  });
});
