/**
 * Goal: the default flash holds every log at its full depth, and costs no more memory than a fleet can pay for.
 * Method: two years and more, minute by minute.
 */
import { expect, it } from 'vitest';
import { DEFAULT_LAYOUT } from '../flash/layout-plan.js';
import { createFlash } from '../flash/nor-flash.js';
import { DAILY_CONSUMPTION_ENTRIES, DAY_S, HALF_HOUR_S } from '../limits.js';
import { constantLoad } from './load-source.js';
import { NEW_YEAR_S, open, total } from './meter.test-support.js';

const DAYS = 770;

it(
  'keeps 19,056 and 4,464 half hours, 31 reads, 731 days and 12 bills, in less than 256 KiB',
  { timeout: 120_000 },
  () => {
    const flash = createFlash(DEFAULT_LAYOUT);
    expect(flash.sizeBytes).toBe(4 * 1024 * 1024);
    const endS = NEW_YEAR_S + DAYS * DAY_S;
    const load = constantLoad(41, 13);
    const meter = open(flash, { load });
    meter.advance(endS);
    for (let i = 0; i < 300; i++) meter.logEvent(0xe100 + i);

    const imported = meter.profile('active-import');
    const exported = meter.profile('active-export');
    expect([imported.length, exported.length]).toEqual([19_056, 4_464]);
    for (const entries of [imported, exported]) {
      expect(entries.map(({ startS }) => startS)).toEqual(
        entries.map((_, i) => endS - (entries.length - i) * HALF_HOUR_S),
      );
    }
    // 41 W for 397 days, but for what the first Wh of the oldest half hour had gathered before.
    expect(Math.abs(total(imported.map(({ value }) => value)) - 41 * 24 * 397)).toBeLessThanOrEqual(1);
    const { dailyReads, dailyConsumption, bills, events } = meter.logs();
    expect([dailyReads.length, dailyConsumption.length, bills.length, events.length]).toEqual([
      31,
      DAILY_CONSUMPTION_ENTRIES,
      12,
      100,
    ]);
    expect(dailyConsumption.map(({ dayStartS }) => dayStartS)).toEqual(
      dailyConsumption.map((_, i) => endS - (731 - i) * DAY_S),
    );
    expect(total(dailyConsumption.map(({ importWh }) => importWh))).toBe(41 * 24 * 731);

    const held = flash.sectors.filter(({ offsetBytes, lengthBytes }) =>
      flash.read(offsetBytes, lengthBytes).some((octet) => octet !== 0xff),
    );
    expect(held.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBeLessThanOrEqual(256 * 1024);
    // The state's sectors turn most: at this rate ten years stay far below what flash endures.
    const wear = Math.max(...flash.sectors.map(({ index }) => flash.wear(index)));
    expect((wear / DAYS) * 3650).toBeLessThan(50_000);

    const before = flash.operationCount;
    const again = open(flash, { load }, endS);
    expect(flash.operationCount - before).toBeLessThan(12);
    expect(again.view().activeImportRegisterWh).toBe(41 * 24 * DAYS);
  },
);
