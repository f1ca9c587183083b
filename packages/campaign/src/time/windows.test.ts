/** Goal G20.clock: what a window says is what a clock on the wall says, on every day of every change of British time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MaintenanceWindow } from '../model/campaign-input.js';
import { instantOfText } from './civil.js';
import { britishOffsetMs, dividesDay, isInWindow, momentsLeft, slotOf } from './windows.js';

const HOUR_MS = 3_600_000;
const ALL_WEEK = [1, 2, 3, 4, 5, 6, 7];
const at = (text: string): number => instantOfText(text)!;
const window = (other: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({
  zone: 'UTC',
  weekdays: ALL_WEEK,
  from: '22:00',
  to: '06:00',
  ...other,
});
const london = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'Europe/London',
  weekday: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

describe('British time', () => {
  it('is what the time zone database says, each hour around both changes of each year to 2050', () => {
    let changes = 0;
    for (let year = 2020; year <= 2050; year += 1) {
      for (let ms = Date.UTC(year, 0, 1); ms < Date.UTC(year + 1, 0, 1); ms += HOUR_MS) {
        const offset = britishOffsetMs(ms);
        if (offset !== britishOffsetMs(ms - HOUR_MS)) changes += 1;
        // Every hour of the months of the changes, and one in a day elsewhere.
        const month = new Date(ms).getUTCMonth();
        if (month !== 2 && month !== 9 && ms % (24 * HOUR_MS) !== 0) continue;
        expect(london.format(ms).slice(-5, -3), new Date(ms).toISOString()).toBe(
          new Date(ms + offset).toISOString().slice(11, 13),
        );
      }
    }
    expect(changes).toBe(62);
  });
});

describe('A maintenance window', () => {
  it('takes its first minute and not its last, over midnight too', () => {
    const night = [window()];
    expect(isInWindow(night, at('2027-01-04T21:59:59Z'))).toBe(false);
    expect(isInWindow(night, at('2027-01-04T22:00:00Z'))).toBe(true);
    expect(isInWindow(night, at('2027-01-05T05:59:59Z'))).toBe(true);
    expect(isInWindow(night, at('2027-01-05T06:00:00Z'))).toBe(false);
    const noon = [window({ from: '11:30', to: '12:00' })];
    expect(isInWindow(noon, at('2027-01-04T11:29:59Z'))).toBe(false);
    expect(isInWindow(noon, at('2027-01-04T11:30:00Z'))).toBe(true);
    expect(isInWindow(noon, at('2027-01-04T12:00:00Z'))).toBe(false);
  });

  it('belongs to the weekday on which it opens', () => {
    const sunday = [window({ weekdays: [7] })];
    expect(isInWindow(sunday, at('2027-01-03T23:00:00Z'))).toBe(true);
    expect(isInWindow(sunday, at('2027-01-04T05:00:00Z'))).toBe(true);
    expect(isInWindow(sunday, at('2027-01-04T23:00:00Z'))).toBe(false);
    expect(isInWindow(sunday, at('2027-01-03T05:00:00Z'))).toBe(false);
  });

  it('is a whole day from midnight to midnight, and any time when there is none', () => {
    const day = [window({ weekdays: [1], from: '00:00', to: '00:00' })];
    expect(isInWindow(day, at('2027-01-04T00:00:00Z'))).toBe(true);
    expect(isInWindow(day, at('2027-01-04T23:59:59Z'))).toBe(true);
    expect(isInWindow(day, at('2027-01-05T00:00:00Z'))).toBe(false);
    expect(isInWindow([], 0)).toBe(true);
  });

  it('opens by the clock on the wall in summer and winter, and an hour that comes twice is inside twice', () => {
    const wall = [window({ zone: 'Europe/London', from: '01:00', to: '02:00' })];
    expect(isInWindow(wall, at('2027-07-01T00:30:00Z'))).toBe(true);
    expect(isInWindow(wall, at('2027-07-01T01:30:00Z'))).toBe(false);
    // 31 October 2027: 01:30 comes at 00:30 UTC and again at 01:30 UTC.
    expect(isInWindow(wall, at('2027-10-31T00:30:00Z'))).toBe(true);
    expect(isInWindow(wall, at('2027-10-31T01:30:00Z'))).toBe(true);
    // 28 March 2027: after 00:59 comes 02:00.
    for (const time of ['00:00', '00:59', '01:00', '01:30', '02:30'])
      expect(isInWindow(wall, at(`2027-03-28T${time}:00Z`))).toBe(false);
  });

  it('agrees with the clock of the time zone database at any moment', () => {
    const anywhere = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2060, 0, 1) });
    const minute = fc.integer({ min: 0, max: 1439 });
    const text = (m: number): string =>
      `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`;
    fc.assert(
      fc.property(anywhere, minute, minute, fc.constantFrom(...ALL_WEEK), (ms, from, to, weekday) => {
        const one = window({ zone: 'Europe/London', weekdays: [weekday], from: text(from), to: text(to) });
        const parts = Object.fromEntries(london.formatToParts(ms).map(({ type, value }) => [type, value]));
        const now = Number(parts['hour']) * 60 + Number(parts['minute']);
        const today = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(parts['weekday']!) + 1;
        const inside =
          to > from
            ? today === weekday && now >= from && now < to
            : (today === weekday && now >= from) || (today === (weekday % 7) + 1 && now < to);
        expect(isInWindow([one], ms)).toBe(inside);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('Moments of release', () => {
  it('are counted to the end of the day, as far as a window is open then', () => {
    expect(momentsLeft([], at('2027-01-04T00:00:00Z'), 60)).toBe(24);
    expect(momentsLeft([], at('2027-01-04T23:30:00Z'), 60)).toBe(1);
    expect(momentsLeft([window()], at('2027-01-04T00:00:00Z'), 60)).toBe(8);
    expect(momentsLeft([window()], at('2027-01-04T05:10:00Z'), 60)).toBe(3);
    expect(momentsLeft([window()], at('2027-01-04T23:00:00Z'), 60)).toBe(1);
  });

  it('belong to one day each', () => {
    expect([1, 7, 60, 90, 720, 1440].filter(dividesDay)).toEqual([1, 60, 90, 720, 1440]);
    expect(slotOf(at('2027-01-04T00:59:59Z'), 60)).toBe(slotOf(at('2027-01-04T00:00:00Z'), 60));
    expect(slotOf(at('2027-01-04T01:00:00Z'), 60)).toBe(slotOf(at('2027-01-04T00:00:00Z'), 60) + 1);
  });
});
