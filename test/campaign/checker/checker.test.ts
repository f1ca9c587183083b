import { describe, expect, it } from 'vitest';
import { HAND_INPUT, HAND_RECORDS, handJournal } from './by-hand.test-support.js';
import { verdictOn, type Verdict } from './checker.js';

const judge = (records: readonly object[], isWhole = true): Verdict =>
  verdictOn(HAND_INPUT, handJournal(records), { isSimulated: true, isWhole });

/** The journal with one record changed. */
const changed = (at: number, change: object): readonly object[] =>
  HAND_RECORDS.with(at, { ...HAND_RECORDS[at], ...change });

describe('A journal written by hand', () => {
  it('breaks no rule, and its figures are those that a person counts', () => {
    const verdict = judge(HAND_RECORDS);
    expect(verdict.faults).toEqual([]);
    expect(verdict.isEnded).toBe(true);
    expect(verdict.metersByStage).toEqual({ done: 6 });
    expect(verdict.starts).toEqual({ large: 13, largestDay: 4, batches: 5 });
    expect(verdict.endDay).toEqual({
      firstStartDay: '2027-03-01',
      lastStartDay: '2027-03-05',
      days: 5,
      daysAtFullCapacity: 4,
    });
  });

  it('may stop at any record, and still breaks no rule', () => {
    for (let length = 1; length < HAND_RECORDS.length - 1; length += 1)
      expect(judge(HAND_RECORDS.slice(0, length), false).faults).toEqual([]);
  });

  it('is not whole without its end', () => {
    expect(judge(HAND_RECORDS.slice(0, -1)).countByRule.get('R15')).toBe(1);
  });
});

describe('A line that is no record', () => {
  it.each([
    ['', 'no JSON'],
    ['null', 'unknown kind'],
    ['{"seq":0,"atMs":0,"kind":"toString"}', 'unknown kind'],
    ['{"seq":0,"atMs":0,"kind":"ended","more":1}', 'unknown key more'],
    ['{"seq":0,"atMs":0,"kind":"expired","reason":"retries-spent","meters":[]}', 'names no meter'],
    ['{"seq":0,"atMs":0,"kind":"expired","reason":"retries-spent","meters":[[2,2]]}', 'no run of two'],
    ['{"seq":0,"atMs":0,"kind":"expired","reason":"retries-spent","meters":[3,3]}', 'not above 3'],
    ['{"seq":0,"atMs":0,"kind":"expired","reason":"retries-spent","meters":[6]}', 'none of the 6'],
  ])('is said to be none: %s', (line, message) => {
    const [fault] = verdictOn(HAND_INPUT, `${line}\n`, { isSimulated: true }).faults;
    expect(fault).toMatchObject({ rule: 'R33', record: 0 });
    expect(fault?.message).toContain(message);
  });
});

describe('A wrong record', () => {
  it.each<[rule: string, at: number, change: object]>([
    ['R09', 5, { started: 1 }],
    ['R09', 5, { capacity: 5 }],
    ['R33', 3, { batch: 1 }],
    ['R33', 4, { atMs: 0 }],
    ['R33', 0, { meters: 5 }],
    [
      'R13',
      6,
      {
        parts: [
          { route: 0, hop: 1, meters: [[0, 3]] },
          { route: 0, hop: 1, meters: [4] },
        ],
      },
    ],
    [
      'R14',
      6,
      {
        parts: [
          {
            route: 0,
            hop: 0,
            meters: [
              [0, 1],
              [4, 5],
            ],
          },
        ],
      },
    ],
    [
      'R24',
      9,
      {
        parts: [
          { route: 0, hop: 1, meters: [2, 3] },
          { route: 0, hop: 0, meters: [4] },
        ],
      },
    ],
    ['R29', 9, { userId: '00-DB-12-34-56-78-90-A1' }],
    ['R18', 7, { judged: [] }],
    [
      'R04',
      1,
      {
        routes: [
          {
            route: 0,
            cohortId: 'c',
            fromEntryId: 'v1',
            hops: [
              { entryId: 'v2', imageHash: '2'.repeat(64), large: false },
              { entryId: 'v3', imageHash: '3'.repeat(64), large: true },
            ],
          },
        ],
      },
    ],
    [
      'R12',
      1,
      {
        routes: [
          {
            route: 0,
            cohortId: 'c',
            fromEntryId: 'v1',
            hops: [{ entryId: 'v3', imageHash: '3'.repeat(64), large: true }],
          },
        ],
      },
    ],
    ['R12', 1, { outcome: 'refused', refusal: { code: 'no-path', message: '' }, routes: [] }],
  ])('breaks %s at record %i', (rule, at, change) => {
    const first = judge(changed(at, change)).faults.filter(({ record }) => record === at);
    expect(first.map((fault) => fault.rule)).toContain(rule);
  });
});
