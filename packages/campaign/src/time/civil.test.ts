import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayOfText, instantOfText, textOfDay, weekdayOf } from './civil.js';

const DAY_MS = 86_400_000;

describe('days and instants', () => {
  it('are those of the platform’s own calendar, from 2000 to 2199', () => {
    const [first, last] = [dayOfText('2000-01-01')!, dayOfText('2199-12-31')!];
    for (let day = first; day <= last; day += 1) {
      const date = new Date(day * DAY_MS);
      expect(textOfDay(day)).toBe(date.toISOString().slice(0, 10));
      expect(weekdayOf(day) % 7).toBe(date.getUTCDay());
    }
    expect(last - first).toBe(73_048);
  });

  it('come back from their text', () => {
    const ms = fc.integer({ min: 946_684_800, max: 7_258_118_399 }).map((seconds) => seconds * 1000);
    fc.assert(
      fc.property(ms, (atMs) => {
        expect(instantOfText(new Date(atMs).toISOString().replace('.000', ''))).toBe(atMs);
      }),
    );
  });

  it.each(['2027-02-29', '2027-00-10', '2027-13-01', '1999-12-31', '2200-01-01', '2027-1-1', '2027-01-01 ', ''])(
    'are not taken from %j',
    (text) => {
      expect(dayOfText(text)).toBeUndefined();
      expect(instantOfText(`${text}T00:00:00Z`)).toBeUndefined();
    },
  );

  it.each(['2027-01-01T24:00:00Z', '2027-01-01T00:60:00Z', '2027-01-01T00:00:60Z', '2027-01-01T00:00:00'])(
    'have no moment %j',
    (text) => {
      expect(instantOfText(text)).toBeUndefined();
    },
  );

  it('know the 29th of February of a leap year and none of 2100', () => {
    expect(textOfDay(dayOfText('2028-02-29')! + 1)).toBe('2028-03-01');
    expect(dayOfText('2100-02-29')).toBeUndefined();
  });
});
