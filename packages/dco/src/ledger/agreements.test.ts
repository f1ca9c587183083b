/** Goal: nothing is agreed that the days cannot hold, nothing past is altered, and to say the same again changes nothing. */
import { describe, expect, it } from 'vitest';
import {
  CAPACITY_CHANGES_MAX,
  INCIDENTS_MAX,
  OVERBOOKED_DAYS_SHOWN,
  SCHEDULE_DAYS_MAX,
  SCHEDULES_MAX,
} from '../limits.js';
import type { Answer } from '../error.js';
import {
  agreeSchedule,
  changeCapacity,
  closeIncident,
  openIncident,
  overbookedDays,
  setDayBack,
} from './agreements.js';
import { EMPTY_LEDGER } from './ledger.js';
import {
  agreed,
  capacity,
  changed,
  incident,
  ledgerOf,
  opened,
  PUBLIC,
  schedule,
  SMALL,
  starts,
} from './ledger.test-support.js';
import type { LedgerChange } from './ledger-change.js';

const codeOf = (answer: Answer<unknown>): string => (answer.ok ? 'ok' : answer.refusal.code);
const messageOf = (answer: Answer<unknown>): string => (answer.ok ? 'ok' : answer.refusal.message);
const many = <T>(count: number, make: (i: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const remove = (what: 'schedule' | 'incident', key: string): LedgerChange => ({
  kind: 'ledger-remove',
  value: { what, key },
});

describe('a schedule', () => {
  it('is agreed, said again without effect, altered and withdrawn', () => {
    const one = schedule();
    expect(agreeSchedule(EMPTY_LEDGER, SMALL, one, 90)).toEqual({
      ok: true,
      value: [{ kind: 'schedule', value: one }],
    });
    const ledger = ledgerOf(...agreed(one));
    expect(agreeSchedule(ledger, SMALL, { ...one, atMs: 9 }, 90)).toEqual({ ok: true, value: [] });
    for (const altered of [{ perDay: 7 }, { fromDay: 101 }, { toDay: 108 }])
      expect(agreeSchedule(ledger, SMALL, { ...one, ...altered }, 90)).toEqual({
        ok: true,
        value: [{ kind: 'schedule', value: { ...one, ...altered } }],
      });
    expect(agreeSchedule(ledger, SMALL, { ...one, perDay: 0 }, 90)).toEqual({
      ok: true,
      value: [remove('schedule', 'form 1')],
    });
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, { ...one, perDay: 0 }, 90))).toBe('not-found');
  });

  it('is of one User under its reference', () => {
    const ledger = ledgerOf(...agreed({}));
    expect(codeOf(agreeSchedule(ledger, SMALL, schedule({ userId: 'B' }), 90))).toBe('reference-used');
    expect(codeOf(agreeSchedule(ledger, SMALL, schedule({ userId: 'B', perDay: 0 }), 90))).toBe('reference-used');
  });

  it('has days in order, not too many, and not all over', () => {
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, schedule({ toDay: 99 }), 90))).toBe('bad-request');
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, schedule({ toDay: 100 }), 90))).toBe('ok');
    const longest = 100 + SCHEDULE_DAYS_MAX - 1;
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, schedule({ toDay: longest }), 90))).toBe('ok');
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, schedule({ toDay: longest + 1 }), 90))).toBe('bad-request');
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, schedule(), 109))).toBe('ok');
    expect(codeOf(agreeSchedule(EMPTY_LEDGER, SMALL, schedule(), 110))).toBe('day-in-past');
  });

  it('does not share a day with another of its User', () => {
    const ledger = ledgerOf(...agreed({ perDay: 1 }));
    const second = (fromDay: number, toDay: number, userId = 'A'): string =>
      codeOf(agreeSchedule(ledger, SMALL, schedule({ reference: 'form 2', userId, fromDay, toDay, perDay: 1 }), 90));
    expect([second(95, 99), second(110, 115)]).toEqual(['ok', 'ok']);
    expect([second(95, 100), second(109, 115), second(102, 103), second(90, 120)]).toEqual(
      Array<string>(4).fill('schedule-overlaps'),
    );
    expect(second(102, 103, 'B')).toBe('ok');
  });

  it('leaves all schedules of a day within its capacity, and says what is left to agree', () => {
    const ledger = ledgerOf(...agreed({ perDay: 6 }), ...changed({ fromDay: 105, perDay: 7 }));
    const more = (fields: Partial<Parameters<typeof schedule>[0]>): Answer<unknown> =>
      agreeSchedule(ledger, SMALL, schedule({ reference: 'form 2', userId: 'B', ...fields }), 90);
    expect(codeOf(more({ toDay: 104, perDay: 4 }))).toBe('ok');
    expect(messageOf(more({ toDay: 104, perDay: 5 }))).toMatch(/^4 a day are left to agree on 1970-04-11, not 5/);
    expect(messageOf(more({ toDay: 105, perDay: 4 }))).toMatch(/^1 a day are left to agree on 1970-04-16, not 4/);
    expect(codeOf(more({ fromDay: 110, toDay: 120, perDay: 7 }))).toBe('ok');
    expect(codeOf(more({ fromDay: 110, toDay: 120, perDay: 8 }))).toBe('schedule-over-capacity');
    // Its own old numbers are no reason.
    expect(codeOf(agreeSchedule(ledger, SMALL, schedule({ perDay: 7 }), 90))).toBe('ok');
    const tight = ledgerOf(...agreed({}), ...changed({ perDay: 2 }));
    expect(messageOf(agreeSchedule(tight, SMALL, schedule({ reference: 'x', userId: 'B', perDay: 1 }), 90))).toMatch(
      /^0 a day/,
    );
  });

  it('is not held against days that are over', () => {
    const ledger = ledgerOf(...agreed({ toDay: 104, perDay: 10 }));
    const next = schedule({ reference: 'form 2', userId: 'B', perDay: 5 });
    expect(codeOf(agreeSchedule(ledger, SMALL, next, 104))).toBe('schedule-over-capacity');
    expect(codeOf(agreeSchedule(ledger, SMALL, next, 105))).toBe('ok');
    const closed = ledgerOf(...changed({ perDay: 0 }, { fromDay: 105 }));
    expect(codeOf(agreeSchedule(closed, SMALL, next, 104))).toBe('schedule-over-capacity');
    expect(codeOf(agreeSchedule(closed, SMALL, next, 105))).toBe('ok');
  });

  it('beyond so many takes the place of one that is over, or is refused', () => {
    const full = many(SCHEDULES_MAX, (i) => ({ reference: `form ${i}`, fromDay: 200 + i, toDay: 200 + i, perDay: 1 }));
    const ledger = ledgerOf(...agreed(...full));
    const more = schedule({ reference: 'one more', userId: 'B', fromDay: 5000, toDay: 5000 });
    expect(codeOf(agreeSchedule(ledger, SMALL, more, 200))).toBe('quota-exceeded');
    expect(codeOf(agreeSchedule(ledger, SMALL, schedule({ ...full[5], perDay: 2 }), 200))).toBe('ok');
    expect(agreeSchedule(ledger, SMALL, more, 201)).toEqual({
      ok: true,
      value: [remove('schedule', 'form 0'), { kind: 'schedule', value: more }],
    });
    const fewer = ledgerOf(...agreed(...full.slice(1)));
    expect(agreeSchedule(fewer, SMALL, more, 300)).toEqual({ ok: true, value: [{ kind: 'schedule', value: more }] });
  });
});

describe('a change of the capacity', () => {
  it('is written, said again without effect, and replaced from the same day', () => {
    const one = capacity();
    expect(changeCapacity(EMPTY_LEDGER, SMALL, one, 100)).toEqual({
      ok: true,
      value: [{ kind: 'capacity', value: one }],
    });
    const ledger = ledgerOf(...changed({}));
    expect(changeCapacity(ledger, SMALL, { ...one, atMs: 9 }, 200)).toEqual({ ok: true, value: [] });
    for (const other of [{ perDay: 7 }, { otherTraffic: 1 }, { reference: 'notice 2' }])
      expect(changeCapacity(ledger, SMALL, { ...one, ...other }, 100)).toEqual({
        ok: true,
        value: [{ kind: 'capacity', value: { ...one, ...other } }],
      });
  });

  it('stays at or below the ceiling, leaves other traffic within it, and begins today or later', () => {
    expect(codeOf(changeCapacity(EMPTY_LEDGER, PUBLIC, capacity({ perDay: 12_000 }), 100))).toBe('ok');
    expect(codeOf(changeCapacity(EMPTY_LEDGER, PUBLIC, capacity({ perDay: 12_001 }), 100))).toBe(
      'capacity-above-ceiling',
    );
    expect(codeOf(changeCapacity(EMPTY_LEDGER, SMALL, capacity({ otherTraffic: 8 }), 100))).toBe('ok');
    expect(codeOf(changeCapacity(EMPTY_LEDGER, SMALL, capacity({ otherTraffic: 9 }), 100))).toBe('bad-request');
    expect(codeOf(changeCapacity(EMPTY_LEDGER, SMALL, capacity(), 101))).toBe('day-in-past');
  });

  it('beyond so many takes the place of one that counts no more, or is refused', () => {
    const full = many(CAPACITY_CHANGES_MAX, (i) => ({ fromDay: 200 + i }));
    const ledger = ledgerOf(...changed(...full));
    const more = capacity({ fromDay: 5000 });
    expect(codeOf(changeCapacity(ledger, SMALL, more, 200))).toBe('quota-exceeded');
    expect(codeOf(changeCapacity(ledger, SMALL, more, 100))).toBe('quota-exceeded');
    expect(changeCapacity(ledger, SMALL, more, 201)).toEqual({
      ok: true,
      value: [
        { kind: 'ledger-remove', value: { what: 'capacity', key: 200 } },
        { kind: 'capacity', value: more },
      ],
    });
    expect(codeOf(changeCapacity(ledger, SMALL, capacity({ fromDay: 205, perDay: 1 }), 200))).toBe('ok');
  });

  it('names the days whose schedules no longer fit, the first few, from today on', () => {
    const ledger = ledgerOf(
      ...agreed({ perDay: 6 }, { reference: 'form 2', userId: 'B', fromDay: 105, toDay: 140, perDay: 4 }),
    );
    expect(overbookedDays(ledger, SMALL, 100)).toEqual([]);
    const tight = ledgerOf(
      ...agreed({ reference: 'form 2', userId: 'B', fromDay: 105, toDay: 140, perDay: 4 }, {}),
      ...changed({ perDay: 9 }),
    );
    expect(overbookedDays(tight, SMALL, 100)).toEqual([105, 106, 107, 108, 109]);
    expect(overbookedDays(tight, SMALL, 107)).toEqual([107, 108, 109]);
    const none = ledgerOf(...agreed({ toDay: 150 }), ...changed({ perDay: 0 }));
    expect(overbookedDays(none, SMALL, 100)).toEqual(many(OVERBOOKED_DAYS_SHOWN, (i) => 100 + i));
    const unsorted = ledgerOf(
      ...agreed({ fromDay: 109 }, { reference: 'early', userId: 'B', toDay: 100 }),
      ...changed({ perDay: 0 }),
    );
    expect(overbookedDays(unsorted, SMALL, 100)).toEqual([100, 109]);
  });
});

describe('an incident', () => {
  it('is opened, said again without effect, altered, and closed once and for all', () => {
    const one = incident();
    expect(openIncident(EMPTY_LEDGER, one)).toEqual({ ok: true, value: [{ kind: 'incident', value: one }] });
    const ledger = ledgerOf(...opened({}));
    expect(openIncident(ledger, { ...one, atMs: 9 })).toEqual({ ok: true, value: [] });
    for (const other of [{ priority: 2 }, { halts: false }, { firmwareHash: 'WORSE' }])
      expect(openIncident(ledger, { ...one, ...other })).toEqual({
        ok: true,
        value: [{ kind: 'incident', value: { ...one, ...other } }],
      });
    expect(closeIncident(ledger, 'INC 1', 7)).toEqual({
      ok: true,
      value: [{ kind: 'incident', value: { ...one, isOpen: false, atMs: 7 } }],
    });
    const closed = ledgerOf(...opened({ isOpen: false }));
    expect(closeIncident(closed, 'INC 1', 7)).toEqual({ ok: true, value: [] });
    expect(codeOf(openIncident(closed, one))).toBe('reference-used');
    expect(codeOf(closeIncident(ledger, 'INC 2', 7))).toBe('not-found');
  });

  it('beyond so many takes the place of a closed one, or is refused', () => {
    const full = many(INCIDENTS_MAX, (i) => ({ reference: `INC ${i}`, isOpen: true }));
    const more = incident({ reference: 'one more' });
    expect(codeOf(openIncident(ledgerOf(...opened(...full)), more))).toBe('quota-exceeded');
    const altered = incident({ reference: 'INC 3', priority: 2 });
    expect(codeOf(openIncident(ledgerOf(...opened(...full)), altered))).toBe('ok');
    const closed = ledgerOf(...opened(...full), ...opened({ reference: 'INC 7', isOpen: false }));
    expect(openIncident(closed, more)).toEqual({
      ok: true,
      value: [remove('incident', 'INC 7'), { kind: 'incident', value: more }],
    });
    expect(openIncident(closed, altered)).toEqual({ ok: true, value: [{ kind: 'incident', value: altered }] });
  });
});

describe('the day of the ledger', () => {
  it('goes back by hand to the day of the clock, and only when it is ahead', () => {
    const ahead = ledgerOf(starts(900, 'A', 1));
    expect(setDayBack(ahead, 100, 100)).toEqual({ ok: true, value: [{ kind: 'ledger-day', value: { day: 100 } }] });
    expect(codeOf(setDayBack(ahead, 99, 100))).toBe('day-not-ahead');
    expect(messageOf(setDayBack(ahead, 99, 100))).toMatch(/goes back to that day/);
    expect(messageOf(setDayBack(ahead, 900, 900))).toMatch(/not ahead/);
    expect(messageOf(setDayBack(ahead, 901, 901))).toMatch(/not ahead/);
    expect(codeOf(setDayBack(EMPTY_LEDGER, 100, 100))).toBe('day-not-ahead');
  });
});
