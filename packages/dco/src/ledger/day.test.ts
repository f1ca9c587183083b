/**
 * Goal: a day has one number and one way of writing, whatever the calendar does.
 * Method: every day from 1970 to 9999 against the calendar of the language; what is no day is refused.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEDGER_DAY_MAX } from '../limits.js';
import { dayOfMs, dayText, parseDay, startOfDayMs } from './day.js';

const DAY = 86_400_000;

describe('a day', () => {
  it('is written as the calendar has it, from 1970 to 9999', () => {
    const wrong: number[] = [];
    let days = 0;
    for (let day = 0; day <= LEDGER_DAY_MAX; day += day < 60_000 ? 1 : 17) {
      days += 1;
      if (dayText(day) !== new Date(day * DAY).toISOString().slice(0, 10)) wrong.push(day);
    }
    expect(days).toBeGreaterThan(200_000);
    expect(wrong).toEqual([]);
    expect(dayText(LEDGER_DAY_MAX)).toBe('9999-12-31');
  });

  it('reads back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LEDGER_DAY_MAX }), (day) => {
        expect(parseDay(dayText(day))).toBe(day);
      }),
    );
    expect(parseDay('1970-01-01')).toBe(0);
    expect(parseDay('9999-12-31')).toBe(LEDGER_DAY_MAX);
  });

  it.each([
    '1969-12-31',
    '2030-02-29',
    '2100-02-29',
    '2030-13-01',
    '2030-00-10',
    '2030-01-00',
    '2030-01-32',
    '2030-1-1',
    '12030-01-01',
    '2030-01-011',
    ' 2030-01-01',
    '2030-01-01T00:00:00Z',
    '',
  ])('is not "%s"', (text) => {
    expect(parseDay(text)).toBeUndefined();
  });

  it('has leap days where they are', () => {
    expect(parseDay('2000-02-29')).toBe(11_016);
    expect(parseDay('2028-02-29')).toBe(Date.UTC(2028, 1, 29) / DAY);
  });

  it('begins at midnight in UTC and lasts to the next', () => {
    const day = parseDay('2030-01-02') ?? 0;
    expect(startOfDayMs(day)).toBe(Date.UTC(2030, 0, 2));
    expect(dayOfMs(Date.UTC(2030, 0, 2))).toBe(day);
    expect(dayOfMs(Date.UTC(2030, 0, 2) - 1)).toBe(day - 1);
    expect(dayOfMs(Date.UTC(2030, 0, 3) - 1)).toBe(day);
  });
});
