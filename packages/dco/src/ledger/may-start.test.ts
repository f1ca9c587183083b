/** Goal: the rules of MP230 and its Annex D, each with its edge. */
import { describe, expect, it } from 'vitest';
import { LEDGER_LOOK_AHEAD_DAYS } from '../limits.js';
import { capacityOn, incidentOf, isHalting, limitOf, mayStart, scheduleOf, unscheduledLimit } from './may-start.js';
import type { StartRequest } from './may-start.js';
import { EMPTY_LEDGER } from './ledger.js';
import { agreed, capacity, changed, ledgerOf, opened, PUBLIC, SMALL, starts } from './ledger.test-support.js';

const ask = (fields: Partial<StartRequest> = {}): StartRequest => ({
  userId: 'A',
  isLarge: true,
  firmwareHash: 'GOOD',
  day: 100,
  ...fields,
});

describe('a day', () => {
  it('takes 12,000 large images over all Users; the 12,001st waits for the next day', () => {
    const full = Array.from({ length: 24 }, (_, i) => starts(100, `user ${i}`, 500));
    const almost = ledgerOf(...full.slice(1), starts(100, 'user 0', 499));
    expect(mayStart(almost, PUBLIC, ask())).toEqual({ kind: 'yes' });
    expect(mayStart(ledgerOf(...full), PUBLIC, ask())).toEqual({ kind: 'waits', because: 'day-full', untilDay: 101 });
    expect(mayStart(ledgerOf(...full), PUBLIC, ask({ isLarge: false }))).toEqual({ kind: 'yes' });
    expect(mayStart(ledgerOf(...full), PUBLIC, ask({ day: 101 }))).toEqual({ kind: 'yes' });
  });

  it('has the capacity that was changed last before it, less what other traffic takes', () => {
    const ledger = ledgerOf(
      ...changed(
        { fromDay: 110, perDay: 4 },
        { fromDay: 100, perDay: 8, otherTraffic: 3 },
        { fromDay: 120, perDay: 3, otherTraffic: 9 },
      ),
    );
    expect(capacityOn(ledger, SMALL, 99)).toEqual({ perDay: 10, otherTraffic: 0, max: 10, change: undefined });
    expect(capacityOn(ledger, SMALL, 100)).toEqual({
      perDay: 8,
      otherTraffic: 3,
      max: 5,
      change: capacity({ perDay: 8, otherTraffic: 3 }),
    });
    expect([109, 110, 119, 120].map((day) => capacityOn(ledger, SMALL, day).max)).toEqual([5, 4, 4, 0]);
  });

  it('has no more than the ceiling of the setting, whatever was agreed before', () => {
    expect(capacityOn(ledgerOf(...changed({ perDay: 11_000 })), SMALL, 100).max).toBe(10);
  });
});

describe('a User', () => {
  it('may start 500 a day; the 501st needs a schedule, or with the other edge the 500th', () => {
    expect(unscheduledLimit(PUBLIC)).toBe(500);
    expect(unscheduledLimit({ ...PUBLIC, scheduleEdge: 'or-more' })).toBe(499);
    expect(unscheduledLimit({ ...PUBLIC, scheduleEdge: 'or-more', unscheduledStartsPerDay: 0 })).toBe(0);
    expect(mayStart(ledgerOf(starts(100, 'A', 499)), PUBLIC, ask())).toEqual({ kind: 'yes' });
    const at = ledgerOf(starts(100, 'A', 500));
    expect(mayStart(at, PUBLIC, ask())).toEqual({ kind: 'waits', because: 'user-limit', untilDay: 101 });
    expect(mayStart(at, PUBLIC, ask({ userId: 'B' }))).toEqual({ kind: 'yes' });
  });

  it('may start what its schedule says on its days, first and last included', () => {
    const ledger = ledgerOf(
      ...agreed({ userId: 'B', perDay: 9 }, { reference: 'form 2', fromDay: 110, toDay: 110, perDay: 8 }, {}),
    );
    expect([99, 100, 109, 110, 111].map((day) => limitOf(ledger, SMALL, 'A', day))).toEqual([3, 6, 6, 8, 3]);
    expect(limitOf(ledger, SMALL, 'C', 100)).toBe(3);
    expect(scheduleOf(ledger, 'A', 110)?.reference).toBe('form 2');
    expect(scheduleOf(ledger, 'A', 111)).toBeUndefined();
  });

  it('is not given less by a schedule than without one', () => {
    expect(limitOf(ledgerOf(...agreed({ perDay: 1 })), SMALL, 'A', 100)).toBe(3);
  });

  it('waits for the first day that has room by what is agreed', () => {
    const none = changed({ perDay: 0 }, { fromDay: 104 });
    const ledger = ledgerOf(...none, starts(104, 'A', 3), starts(105, 'B', 8));
    expect(mayStart(ledger, SMALL, ask())).toEqual({ kind: 'waits', because: 'day-full', untilDay: 106 });
  });

  it('is told no day when there is none within a year', () => {
    const until = (fromDay: number): unknown =>
      mayStart(ledgerOf(...changed({ perDay: 0 }, { fromDay })), SMALL, ask());
    const last = 100 + LEDGER_LOOK_AHEAD_DAYS;
    expect(until(last)).toEqual({ kind: 'waits', because: 'day-full', untilDay: last });
    expect(until(last + 1)).toEqual({ kind: 'waits', because: 'day-full', untilDay: undefined });
  });
});

describe('an incident', () => {
  it('halts large images of other firmware while it is open', () => {
    const ledger = ledgerOf(...opened({}));
    expect(mayStart(ledger, SMALL, ask())).toEqual({ kind: 'waits', because: 'halted', untilDay: undefined });
    expect(mayStart(ledger, SMALL, ask({ firmwareHash: 'BAD' }))).toEqual({ kind: 'yes' });
    expect(mayStart(ledger, SMALL, ask({ isLarge: false }))).toEqual({ kind: 'yes' });
    expect(mayStart(ledgerOf(...opened({ isOpen: false })), SMALL, ask())).toEqual({ kind: 'yes' });
    expect(isHalting(EMPTY_LEDGER)).toBe(false);
  });

  it('that does not halt halts nothing', () => {
    const ledger = ledgerOf(...opened({ halts: false }));
    expect(isHalting(ledger)).toBe(false);
    expect(mayStart(ledger, SMALL, ask())).toEqual({ kind: 'yes' });
  });

  it('gives its image no more than the day has, and its User no more than its limit', () => {
    const bad = ask({ firmwareHash: 'BAD' });
    const full = ledgerOf(...opened({}), starts(100, 'B', 10));
    expect(mayStart(full, SMALL, bad)).toMatchObject({ because: 'day-full' });
    const limit = ledgerOf(...opened({}), starts(100, 'A', 3));
    expect(mayStart(limit, SMALL, bad)).toEqual({ kind: 'waits', because: 'user-limit', untilDay: 101 });
  });

  it('of several about an image is the open one with the first priority', () => {
    const ledger = ledgerOf(
      ...opened(
        { reference: 'two', priority: 2 },
        { reference: 'one', priority: 1 },
        { reference: 'three', priority: 3 },
        { reference: 'over', isOpen: false, priority: 1 },
        { reference: 'other', firmwareHash: 'WORSE', priority: 1 },
      ),
    );
    expect(incidentOf(ledger, 'BAD')?.reference).toBe('one');
    expect(incidentOf(ledger, 'GOOD')).toBeUndefined();
    expect(incidentOf(ledgerOf(...opened({ isOpen: false })), 'BAD')).toBeUndefined();
  });
});
