/** Goal: the journal alone says what was started and agreed: replayed, rewritten, or after days are forgotten. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEDGER_DAYS_KEPT } from '../limits.js';
import { startOfDayMs } from './day.js';
import { EMPTY_LEDGER, ledgerDay, startsOfUser, startsOn } from './ledger.js';
import { applyLedgerChange, ledgerChanges, startChanges } from './ledger-change.js';
import type { LedgerChange } from './ledger-change.js';
import { agreed, capacity, changed, incident, ledgerOf, opened, schedule, starts } from './ledger.test-support.js';

describe('a ledger', () => {
  it('counts starts by day and User, each anew with its record', () => {
    const ledger = ledgerOf(starts(5, 'A', 1), starts(5, 'B', 1), starts(5, 'A', 2), starts(6, 'A', 1));
    expect([startsOn(ledger, 5), startsOn(ledger, 6), startsOn(ledger, 7)]).toEqual([3, 1, 0]);
    expect([startsOfUser(ledger, 5, 'A'), startsOfUser(ledger, 5, 'B'), startsOfUser(ledger, 5, 'C')]).toEqual([
      2, 1, 0,
    ]);
    expect(startsOfUser(ledger, 9, 'A')).toBe(0);
  });

  it('has what was agreed, altered and withdrawn', () => {
    const all = ledgerOf(
      ...agreed({}, { perDay: 7 }),
      ...changed({}, { fromDay: 101 }),
      ...opened({}, { isOpen: false }),
    );
    expect([...all.schedules.values()]).toEqual([schedule({ perDay: 7 })]);
    expect([...all.changes.keys()]).toEqual([100, 101]);
    expect([...all.incidents.values()]).toEqual([incident({ isOpen: false })]);
    const gone = ledgerOf(
      ...ledgerChanges(all),
      { kind: 'ledger-remove', value: { what: 'schedule', key: 'form 1' } },
      { kind: 'ledger-remove', value: { what: 'capacity', key: 101 } },
      { kind: 'ledger-remove', value: { what: 'incident', key: 'INC 1' } },
    );
    expect(gone).toEqual({ ...EMPTY_LEDGER, changes: new Map([[100, capacity()]]) });
  });

  it('leaves the ledger before it as it was', () => {
    const before = ledgerOf(starts(5, 'A', 1));
    applyLedgerChange(before, starts(5, 'A', 2));
    applyLedgerChange(before, { kind: 'ledger-remove', value: { what: 'starts', key: 5 } });
    expect(startsOfUser(before, 5, 'A')).toBe(1);
  });

  it('is the same when it is rewritten, whatever led to it', () => {
    const day = fc.integer({ min: 0, max: 4 });
    const name = fc.constantFrom('A', 'B');
    const change: fc.Arbitrary<LedgerChange> = fc.oneof(
      fc.record({ day, userId: name, count: fc.nat(9) }).map((value) => ({ kind: 'starts' as const, value })),
      name.map((reference) => ({ kind: 'schedule' as const, value: schedule({ reference }) })),
      day.map((fromDay) => ({ kind: 'capacity' as const, value: capacity({ fromDay }) })),
      name.map((reference) => ({ kind: 'incident' as const, value: incident({ reference }) })),
      day.map((value) => ({ kind: 'ledger-day' as const, value: { day: value } })),
      day.map((key) => ({ kind: 'ledger-remove' as const, value: { what: 'starts' as const, key } })),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
        const ledger = ledgerOf(...changes);
        expect(ledgerOf(...ledgerChanges(ledger))).toEqual(ledger);
      }),
    );
    expect([...ledgerChanges(EMPTY_LEDGER)]).toEqual([]);
  });
});

describe('the day of the ledger', () => {
  it('is that of the clock, or the latest with a start when the clock was set back', () => {
    expect(ledgerDay(EMPTY_LEDGER, startOfDayMs(7) + 1)).toBe(7);
    const ledger = ledgerOf(starts(9, 'A', 1), starts(8, 'A', 1));
    expect(ledger.day).toBe(9);
    expect(ledgerDay(ledger, startOfDayMs(7))).toBe(9);
    expect(ledgerDay(ledger, startOfDayMs(10))).toBe(10);
  });

  it('goes back only by hand, and what was counted stays counted', () => {
    const ledger = ledgerOf(starts(5, 'A', 4), starts(900, 'A', 1), { kind: 'ledger-day', value: { day: 5 } });
    expect(ledgerDay(ledger, startOfDayMs(5))).toBe(5);
    expect([startsOn(ledger, 5), startsOn(ledger, 900)]).toEqual([4, 1]);
  });
});

describe('one more start', () => {
  it('is one more of that User on that day', () => {
    const ledger = ledgerOf(starts(5, 'A', 4), starts(5, 'B', 1));
    expect(startChanges(ledger, 5, 'A')).toEqual([starts(5, 'A', 5)]);
    expect(startChanges(ledger, 6, 'A')).toEqual([starts(6, 'A', 1)]);
  });

  it('lets the oldest days go beyond so many, and never its own or a later one', () => {
    const days = Array.from({ length: LEDGER_DAYS_KEPT }, (_, i) => starts(100 - i, 'A', 1));
    const full = ledgerOf(...days.slice(1));
    expect(startChanges(full, 100, 'A')).toEqual([starts(100, 'A', 1)]);
    const over = ledgerOf(...days);
    expect(startChanges(over, 100, 'B')).toEqual([starts(100, 'B', 1)]);
    const oldest = 100 - LEDGER_DAYS_KEPT + 1;
    expect(startChanges(over, 101, 'B')).toEqual([
      starts(101, 'B', 1),
      { kind: 'ledger-remove', value: { what: 'starts', key: oldest } },
    ]);
    expect(startChanges(over, oldest, 'A')).toEqual([starts(oldest, 'A', 2)]);
  });
});
