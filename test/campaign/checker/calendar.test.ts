import { describe, expect, it } from 'vitest';
import { dayFrom, dayNumberOf, dayTextOf, isInWindows, msOf } from './calendar.js';

const night = { zone: 'Europe/London', weekdays: [6], from: '23:30', to: '01:30' } as const;

describe("A window on London's clock", () => {
  it.each([
    ['opens on its weekday', '2027-03-20T23:30:00Z', true],
    ['is closed before', '2027-03-20T23:29:59Z', false],
    ['goes on past midnight', '2027-03-21T01:29:00Z', true],
    ['closes by the minute', '2027-03-21T01:30:00Z', false],
    ['does not open on another day', '2027-03-21T23:45:00Z', false],
    ['ends when the clocks go forward past its end', '2027-03-28T01:00:00Z', false],
    ['is open until then', '2027-03-28T00:59:00Z', true],
    ['is open in the hour before the clocks go back', '2027-10-31T00:29:00Z', true],
    ['closes in that hour', '2027-10-31T00:30:00Z', false],
    ['opens again in the hour that comes twice', '2027-10-31T01:00:00Z', true],
    ['and closes again', '2027-10-31T01:30:00Z', false],
    ['is the same after 2038', '2038-01-23T23:30:00Z', true],
  ])('%s', (_, instant, isOpen) => {
    expect(isInWindows([night], msOf(instant))).toBe(isOpen);
  });

  it('is every moment, if there is none', () => {
    expect(isInWindows([], 0)).toBe(true);
  });
});

describe('Days', () => {
  it('are counted from 1970', () => {
    expect(dayNumberOf('1970-01-02')).toBe(1);
    expect(dayTextOf(20_899)).toBe('2027-03-22');
    expect(dayNumberOf('2027-3-22')).toBeNaN();
    expect(dayFrom(msOf('2027-03-22T00:00:00Z'))).toBe(20_899);
    expect(dayFrom(msOf('2027-03-22T00:00:01Z'))).toBe(20_900);
  });
});
