import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MeterError } from '../errors.js';
import { DAY_S } from '../limits.js';
import { csvLoad } from './csv-load.js';
import { householdLoad } from './household-load.js';
import { constantLoad, type LoadSource } from './load-source.js';
import { NEW_YEAR_S } from './meter.test-support.js';

const HALF_HOURS = `time,import_wh,export_wh
2026-01-01T00:00:00Z,312,0
2026-01-01T00:30:00Z,290.5,7
2026-01-01T01:00:00Z,101,0
`;
const SECONDS = 'time,import_w\n1767225600,1500\n1767225601,0\n1767225602,2500.25\n';

const SOURCES: readonly (readonly [string, LoadSource])[] = [
  ['constant', constantLoad(333.3, 0.7)],
  ['household', householdLoad(3, { solarPeakW: 3_600, reactivePermille: 210 })],
  ['half hours', csvLoad(HALF_HOURS, { repeats: true })],
  ['seconds', csvLoad(SECONDS)],
];

describe.each(SOURCES)('the load "%s"', (_, load) => {
  it('is whole, and the sum of its parts', () => {
    const time = fc.integer({ min: NEW_YEAR_S - 100, max: NEW_YEAR_S + 3 * DAY_S });
    fc.assert(
      fc.property(fc.array(time, { minLength: 2, maxLength: 6 }), (times) => {
        const sorted = times.toSorted((a, b) => a - b);
        const whole = load(sorted[0]!, sorted.at(-1)!);
        for (const key of ['importWs', 'exportWs', 'reactiveImportVarS'] as const) {
          const parts = sorted.slice(1).map((at, i) => load(sorted[i]!, at)[key] ?? 0);
          expect(parts.every((part) => Number.isSafeInteger(part) && part >= 0)).toBe(true);
          expect(parts.reduce((sum, part) => sum + part, 0)).toBe(whole[key] ?? 0);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('a household', () => {
  it('uses between 4 and 25 kWh a day, more in winter, and is another one with another seed', () => {
    const dayWh = (seed: number, day: number): number =>
      householdLoad(seed)(NEW_YEAR_S + day * DAY_S, NEW_YEAR_S + (day + 1) * DAY_S).importWs / 3600;
    for (let seed = 0; seed < 20; seed++) {
      expect(dayWh(seed, seed * 17)).toBeGreaterThan(4_000);
      expect(dayWh(seed, seed * 17)).toBeLessThan(25_000);
      expect(dayWh(seed, 3)).not.toBe(dayWh(seed + 1, 3));
      expect(dayWh(seed, 3)).toBe(dayWh(seed, 3));
    }
    const mean = (from: number): number =>
      Array.from({ length: 20 }, (_, i) => dayWh(i, from)).reduce((a, b) => a + b) / 20;
    expect(mean(10)).toBeGreaterThan(1.1 * mean(182));
  });

  it('gives more than it takes at a summer noon under a roof of sun', () => {
    const noonS = NEW_YEAR_S + 170 * DAY_S + DAY_S / 2;
    const { importWs, exportWs } = householdLoad(2, { solarPeakW: 4_000 })(noonS, noonS + 3_600);
    expect(exportWs).toBeGreaterThan(importWs);
  });
});

describe('a load in CSV', () => {
  it('flows evenly from a line to the next one, in energy or in power', () => {
    const half = csvLoad(HALF_HOURS);
    expect(half(NEW_YEAR_S, NEW_YEAR_S + 1_800)).toEqual({ importWs: 312 * 3600, exportWs: 0 });
    expect(half(NEW_YEAR_S + 1_800, NEW_YEAR_S + 2_700)).toEqual({ importWs: 522_900, exportWs: 12_600 });
    expect(half(NEW_YEAR_S, NEW_YEAR_S + DAY_S).importWs).toBe(703.5 * 3600);
    expect(csvLoad(SECONDS)(NEW_YEAR_S - 9, NEW_YEAR_S + 9)).toEqual({ importWs: 4000, exportWs: 0 });
    expect(csvLoad(HALF_HOURS, { repeats: true })(NEW_YEAR_S + 5_400, NEW_YEAR_S + 7_200).importWs).toBe(312 * 3600);
  });

  it.each([
    ['', 'line 1: the header'],
    ['time,import_wh,colour\n1,2,3', 'line 1: the header'],
    ['time,import_wh,import_w\n1,2,3', 'line 1: import and export'],
    ['time,import_wh\n1,2\n2', 'line 3: it has 0 values'],
    ['time,import_wh\n1,2\n2,x', 'line 3: "x" is no import_wh'],
    ['time,import_wh\n1,2\n2,-1', 'line 3: "-1" is no import_wh'],
    ['time,import_wh\n1,2\n\n2,1\n2,1', 'line 5: times must grow'],
    ['time,import_wh\n2026-01-01T00:00:00,2\n2,1', 'line 2: "2026-01-01T00:00:00" is no time'],
    ['time,import_wh\n2026-13-01T00:00:00Z,2\n2,1', 'is no time'],
    ['time,import_wh\n1,2', 'at least two lines'],
    ['time,import_w\n1,2000000\n2,1', 'line 2: its import_w is more than'],
  ])('is refused with the number of the line: %j', (text, message) => {
    expect(() => csvLoad(text)).toThrow(MeterError);
    expect(() => csvLoad(text)).toThrow(message);
  });
});

it.each([-1, Number.NaN, Infinity, 2_000_000])('refuses a constant power of %s W', (watts) => {
  expect(() => constantLoad(watts)).toThrow(MeterError);
});
