import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MeterError } from '../errors.js';
import { DAY_S, MINUTE_S } from '../limits.js';
import { NEW_YEAR_S, settingsWith } from './meter.test-support.js';
import { OctetReader, OctetWriter } from './octet-stream.js';
import { checkSettings, DEFAULT_SETTINGS, DEFAULT_TARIFF } from './settings.js';
import { readSettings, settingsFit, writeSettings } from './settings-codec.js';
import { activeBlock, activeRegister, dateOf, dayOfDate, type Tariff } from './tariff.js';

const at = (iso: string): number => Date.parse(iso) / 1000;

// Day profiles 0 to 4 switch to registers 0, 10, 20, 30, 40 at 00:00 and to the next one at 07:00.
const SEASONS: Tariff = {
  ...DEFAULT_TARIFF,
  seasons: [
    { month: 3, day: 29, week: 1 },
    { month: 10, day: 25, week: 0 },
  ],
  weeks: [
    [0, 0, 0, 0, 0, 1, 1],
    [2, 2, 2, 2, 2, 3, 3],
  ],
  dayProfiles: [0, 1, 2, 3, 4].map((profile) => [
    { minute: 0, register: 10 * profile },
    { minute: 420, register: 10 * profile + 1 },
  ]),
  specialDays: [
    { month: 12, day: 25, dayProfile: 4 },
    { year: 2026, month: 5, day: 4, dayProfile: 1 },
  ],
};

describe('the switching table', () => {
  it.each([
    ['2026-01-01T00:00:00Z', 0, 'a Thursday before the first season of the year: the last season still holds'],
    ['2026-01-01T06:59:59Z', 0, 'one second before a switch'],
    ['2026-01-01T07:00:00Z', 1, 'at a switch'],
    ['2026-01-03T12:00:00Z', 11, 'a Saturday'],
    ['2026-03-28T12:00:00Z', 11, 'the last day of a season, a Saturday'],
    ['2026-03-29T12:00:00Z', 31, 'the first day of a season, a Sunday on which British clocks change'],
    ['2026-03-29T01:30:00Z', 30, 'the hour that British clocks leave out, which UTC has'],
    ['2026-10-24T23:59:59Z', 31, 'the last second of a season'],
    ['2026-10-25T00:00:00Z', 10, 'the first second of the next one'],
    ['2026-12-25T08:00:00Z', 41, 'a special day of every year'],
    ['2031-12-25T00:00:00Z', 40, 'that day five years later'],
    ['2026-05-04T08:00:00Z', 11, 'a special day of one year'],
    ['2027-05-04T08:00:00Z', 21, 'the same date in another year, a Tuesday'],
  ])('at %s counts in register %i: %s', (iso, register) => {
    expect(activeRegister(SEASONS, at(iso))).toBe(register);
  });

  it('knows the calendar as the platform does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 49_000 }), (day) => {
        const date = new Date(day * DAY_S * 1000);
        expect(dayOfDate(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())).toBe(day);
        expect(dateOf(day)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          weekday: (date.getUTCDay() + 6) % 7,
        });
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [2026, 2, 29],
    [2026, 4, 31],
    [2026, 13, 1],
    [2026, 1, 0],
  ])('has no day %i-%i-%i', (year, month, day) => {
    expect(dayOfDate(year, month, day)).toBeUndefined();
  });

  it('has exactly one register for each of the 1,440 minutes of any day, local clock changes or not', () => {
    for (const iso of ['2026-03-29T00:00:00Z', '2026-10-25T00:00:00Z', '2028-02-29T00:00:00Z']) {
      const registers = Array.from({ length: 1440 }, (_, i) => activeRegister(SEASONS, at(iso) + i * MINUTE_S) % 10);
      expect(registers.filter((register) => register === 0).length).toBe(420);
      expect(registers.indexOf(1)).toBe(420);
    }
  });
});

describe('a block', () => {
  it('begins where its threshold was counted', () => {
    const tariff = { ...DEFAULT_TARIFF, blockThresholdsWh: [[100, 250, 300], [50]] };
    expect(activeBlock(tariff, 0, 0)).toEqual({ block: 0, roomWh: 100 });
    expect(activeBlock(tariff, 0, 99)).toEqual({ block: 0, roomWh: 1 });
    expect(activeBlock(tariff, 0, 100)).toEqual({ block: 1, roomWh: 150 });
    expect(activeBlock(tariff, 0, 300)).toEqual({ block: 3, roomWh: Infinity });
    expect(activeBlock(tariff, 1, 60)).toEqual({ block: 1, roomWh: Infinity });
    expect(activeBlock(tariff, 2, 60)).toEqual({ block: 0, roomWh: Infinity });
  });
});

describe('settings', () => {
  const bad: readonly (readonly [string, unknown])[] = [
    ['tariff.seasons', { tariff: { ...SEASONS, seasons: [] } }],
    ['tariff.seasons[1]', { tariff: { ...SEASONS, seasons: SEASONS.seasons.toReversed() } }],
    ['tariff.seasons[0].week', { tariff: { ...SEASONS, weeks: SEASONS.weeks.slice(1) } }],
    ['tariff.weeks[0]', { tariff: { ...SEASONS, weeks: [[0, 0, 0, 0, 0, 0]], seasons: DEFAULT_TARIFF.seasons } }],
    ['tariff.weeks[1][0]', { tariff: { ...SEASONS, dayProfiles: SEASONS.dayProfiles.slice(0, 2) } }],
    [
      'tariff.dayProfiles[0][0].minute',
      {
        tariff: {
          ...SEASONS,
          dayProfiles: [[{ minute: 1, register: 0 }]],
          weeks: DEFAULT_TARIFF.weeks,
          seasons: DEFAULT_TARIFF.seasons,
        },
      },
    ],
    [
      'tariff.dayProfiles[0][0].register',
      { tariff: { ...DEFAULT_TARIFF, dayProfiles: [[{ minute: 0, register: 48 }]] } },
    ],
    [
      'tariff.dayProfiles[0][0].register',
      { tariff: { ...DEFAULT_TARIFF, mode: 'block', dayProfiles: [[{ minute: 0, register: 8 }]] } },
    ],
    [
      'tariff.specialDays[0].day',
      { tariff: { ...DEFAULT_TARIFF, specialDays: [{ month: 2, day: 30, dayProfile: 0 }] } },
    ],
    [
      'tariff.specialDays[0].dayProfile',
      { tariff: { ...DEFAULT_TARIFF, specialDays: [{ month: 2, day: 3, dayProfile: 1 }] } },
    ],
    ['tariff.touPricesMillipencePerKwh[1]', { tariff: { ...DEFAULT_TARIFF, touPricesMillipencePerKwh: [1, 1.5] } }],
    ['tariff.blockThresholdsWh[0][1]', { tariff: { ...DEFAULT_TARIFF, blockThresholdsWh: [[5, 5]] } }],
    ['loadLimit.periodS', { loadLimit: { ...DEFAULT_SETTINGS.loadLimit, periodS: 90 } }],
    ['prepayment.paymentDebtPermille', { prepayment: { ...DEFAULT_SETTINGS.prepayment, paymentDebtPermille: 1001 } }],
    ['billingDayOfMonth', { billingDayOfMonth: 29 }],
  ];

  it.each(bad)('are refused with the path of what is wrong: %s', (path, changes) => {
    const check = (): unknown => checkSettings({ ...DEFAULT_SETTINGS, ...(changes as object) });
    expect(check).toThrow(MeterError);
    expect(check).toThrow(`${path} must be`);
  });

  it('come back from their octets as they were', () => {
    const settings = settingsWith({
      tariff: { ...SEASONS, blockThresholdsWh: [[1, 2], [], [7]], touPricesMillipencePerKwh: [5, 70_000] },
    });
    const to = new OctetWriter();
    writeSettings(to, checkSettings(settings));
    expect(readSettings(new OctetReader(to.octets))).toEqual(settings);
  });

  it('that the record of the state has no room for are refused', () => {
    const dayProfiles = [0, 1].map(() => Array.from({ length: 48 }, (_, i) => ({ minute: 30 * i, register: i })));
    const specialDays = Array.from({ length: 50 }, (_, i) => ({
      year: 2026,
      month: 1 + (i % 12),
      day: 1 + (i % 28),
      dayProfile: 0,
    }));
    const touPricesMillipencePerKwh = Array.from({ length: 48 }, () => 16_000_000);
    const huge = settingsWith({ tariff: { ...DEFAULT_TARIFF, dayProfiles, specialDays, touPricesMillipencePerKwh } });
    expect(() => settingsFit(checkSettings(huge))).toThrow(/use fewer switches/);
  });
});

it('counts from the new year of its fixtures', () => {
  expect(dateOf(NEW_YEAR_S / DAY_S)).toEqual({ year: 2026, month: 1, day: 1, weekday: 3 });
});
