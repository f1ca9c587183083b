import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlashError, MeterError, PowerLost } from '../errors.js';
import { createFlash, type NorFlash } from '../flash/nor-flash.js';
import { DAY_S, HALF_HOUR_S, REGISTER_PERSIST_WH } from '../limits.js';
import { EVENT_CODES } from './event-codes.js';
import { householdLoad } from './household-load.js';
import { constantLoad, type LoadSource } from './load-source.js';
import {
  allOf,
  BLOCKS_TARIFF,
  importWs,
  LAYOUT,
  LAYOUT_512,
  moments,
  NEW_YEAR_S,
  open,
  settingsWith,
  total,
  TWO_RATES,
} from './meter.test-support.js';
import type { Meter, MeterCommand, MeterCommandResult } from './meter-types.js';
import { DEFAULT_SETTINGS, type MeterSettings } from './settings.js';

const HOUSE: LoadSource = householdLoad(11, { solarPeakW: 4_000, reactivePermille: 150 });
const DAYS_2 = NEW_YEAR_S + 2 * DAY_S;

const PREPAYMENT = settingsWith({ paymentMode: 'prepayment', tariff: TWO_RATES });
const LIMITED = settingsWith({
  tariff: BLOCKS_TARIFF,
  loadLimit: { thresholdW: 1_500, periodS: 120, restorationS: 600, interrupts: true },
});
const SETTINGS: readonly (readonly [string, MeterSettings])[] = [
  ['time of use', settingsWith({ tariff: TWO_RATES })],
  ['blocks, with load limiting', LIMITED],
  ['prepayment', PREPAYMENT],
];

function run(meter: Meter, times: readonly number[]): Meter {
  for (const time of times) meter.advance(time);
  return meter;
}

/** Advances and does a command that must be taken. */
function command(meter: Meter, what: MeterCommand, atS: number): Extract<MeterCommandResult, { ok: true }>['view'] {
  const result = meter.command(what, atS);
  if (!result.ok) throw new Error(`${what.kind} was refused: ${result.message}`);
  return result.view;
}

function codes(meter: Meter): readonly number[] {
  return meter.logs().events.map(({ code }) => code);
}

describe('the registers', () => {
  it('are the integral of the load, whatever the steps', () => {
    fc.assert(
      fc.property(moments(DAYS_2), fc.integer(), (times, seed) => {
        const load = householdLoad(seed, { solarPeakW: 4_000, reactivePermille: 200 });
        const view = run(open(createFlash(LAYOUT), { load }), times).view();
        const flow = load(NEW_YEAR_S, DAYS_2);
        expect(importWs(view)).toBe(flow.importWs);
        expect(view.activeExportRegisterWh).toBe(Math.floor(flow.exportWs / 3600));
        expect(view.reactiveImportRegisterVarh).toBe(Math.floor(flow.reactiveImportVarS! / 3600));
      }),
      { numRuns: 15 },
    );
  });

  it.each(SETTINGS)('and everything else do not depend on the steps (%s)', (_, settings) => {
    const once = allOf(run(open(createFlash(LAYOUT), { load: HOUSE, settings }), [DAYS_2]));
    fc.assert(
      fc.property(moments(DAYS_2), (times) => {
        expect(allOf(run(open(createFlash(LAYOUT), { load: HOUSE, settings }), times))).toEqual(once);
      }),
      { numRuns: 10 },
    );
  });

  it('of the times of use add up to the import, and so do those of the blocks', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, isBlock) => {
        const settings = settingsWith({ tariff: isBlock ? BLOCKS_TARIFF : TWO_RATES });
        const view = run(open(createFlash(LAYOUT), { load: householdLoad(seed), settings }), [DAYS_2]).view();
        const tou = total(view.tariffTouRegisterMatrixWh);
        const blocks = total(view.tariffBlockTouRegisterMatrixWh.flat());
        expect(isBlock ? [blocks, tou] : [tou, blocks]).toEqual([view.activeImportRegisterWh, 0]);
        expect(total(view.tariffBlockCounterMatrixWh)).toBe(blocks);
        const used = (isBlock ? view.tariffBlockTouRegisterMatrixWh.flat() : view.tariffTouRegisterMatrixWh).filter(
          (wh) => wh > 0,
        );
        expect(used.length).toBeGreaterThan(1);
      }),
      { numRuns: 10 },
    );
  });

  it('count each Wh at the price of its register', () => {
    const settings = settingsWith({ tariff: { ...TWO_RATES, standingChargeMillipencePerDay: 0 } });
    const view = run(open(createFlash(LAYOUT), { load: HOUSE, settings }), [DAYS_2]).view();
    const [day, night] = view.tariffTouRegisterMatrixWh;
    const cost = day! * 30_001 + night! * 15_003;
    expect(view.meterBalanceMillipence).toBe(-Math.floor(cost / 1000));
    expect(view.chargeRemainderMicropence).toBe(cost % 1000);
  });

  it.each([-1, 0.5, Number.NaN, 61_000_000])('refuse a load of %s watt-seconds a minute', (amount) => {
    const meter = open(createFlash(LAYOUT), { load: () => ({ importWs: amount, exportWs: 0 }) });
    expect(() => meter.advance(NEW_YEAR_S + 60)).toThrow(MeterError);
    expect(meter.view().activeImportRegisterWh).toBe(0);
  });

  it('are persisted before more than the bound is at stake, and on a flush to the last watt-second', () => {
    const flash = createFlash(LAYOUT);
    const meter = open(flash, { load: constantLoad(2_000) });
    let atStake = 0;
    for (let at = NEW_YEAR_S; at < NEW_YEAR_S + 7_200; at += 60) {
      meter.advance(at);
      atStake = Math.max(atStake, meter.view().unpersistedWh);
    }
    expect(atStake).toBeGreaterThan(REGISTER_PERSIST_WH - 40);
    expect(atStake).toBeLessThan(REGISTER_PERSIST_WH);
    meter.flush();
    const shown = meter.view();
    const operations = flash.operationCount;
    meter.flush();
    expect(flash.operationCount).toBe(operations);
    expect(importWs(open(flash, { load: HOUSE }, shown.clockUtcS).view())).toBe(importWs(shown));
  });
});

describe('the profile log', () => {
  it('adds up to the register, half hour by half hour', () => {
    const meter = run(open(createFlash(LAYOUT), { load: HOUSE }), [DAYS_2 + 5_000]);
    const entries = meter.profile('active-import');
    expect(entries.length).toBe(96 + 2);
    expect(entries.map(({ startS }) => startS)).toEqual(entries.map((_, i) => NEW_YEAR_S + i * HALF_HOUR_S));
    expect(entries.some(({ outage }) => outage)).toBe(false);
    meter.advance(DAYS_2 + 5_400);
    const shown = meter.view();
    expect(total(meter.profile('active-import').map(({ value }) => value))).toBe(shown.activeImportRegisterWh);
    expect(total(meter.profile('active-export').map(({ value }) => value))).toBe(shown.activeExportRegisterWh);
    expect(total(meter.profile('reactive-import').map(({ value }) => value))).toBe(shown.reactiveImportRegisterVarh);
    expect(shown.activeExportRegisterWh).toBeGreaterThan(0);
    expect(
      meter.profile('active-import', NEW_YEAR_S + 3_600, NEW_YEAR_S + 7_200).map(({ startS }) => startS - NEW_YEAR_S),
    ).toEqual([3_600, 5_400]);
  });

  it('marks the half hours in which there was no power for some time, and leaves out days without any', () => {
    const flash = createFlash(LAYOUT);
    const first = run(open(flash, { load: HOUSE }), [NEW_YEAR_S + 3_600 + 300]);
    first.flush();
    const second = run(open(flash, { load: HOUSE }, NEW_YEAR_S + 7_200 + 60), [NEW_YEAR_S + 4 * 3_600]);
    expect(second.profile('active-import').map(({ outage }) => outage)).toEqual([
      false,
      false,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(second.logs().powerEvents).toEqual([{ fromS: NEW_YEAR_S + 3_900, untilS: NEW_YEAR_S + 7_260 }]);
    second.flush();
    const third = run(open(flash, { load: HOUSE }, NEW_YEAR_S + 3 * DAY_S + 1_800), [NEW_YEAR_S + 3 * DAY_S + 3_600]);
    const entries = third.profile('active-import');
    const days = new Set(entries.map(({ startS }) => Math.floor((startS - NEW_YEAR_S) / DAY_S)));
    expect([...days]).toEqual([0, 3]);
    expect(entries.filter(({ outage }) => outage).length).toBe(3 + 40 + 1);
    expect(entries.at(-1)).toMatchObject({ outage: false });
    expect(total(entries.map(({ value }) => value))).toBe(third.view().activeImportRegisterWh);
  });
});

describe('the load switch', () => {
  const load = constantLoad(3_000, 500);

  it('cuts import and export off, and needs the consumer once it is armed', () => {
    const meter = open(createFlash(LAYOUT), { load });
    command(meter, { kind: 'disable-supply' }, NEW_YEAR_S + 3_600);
    expect(meter.command({ kind: 'press-button' }, NEW_YEAR_S + 5_400)).toMatchObject({ ok: false, code: 'not-armed' });
    command(meter, { kind: 'arm-supply' }, NEW_YEAR_S + 7_200);
    const armed = command(meter, { kind: 'read' }, NEW_YEAR_S + 9_000);
    expect(armed).toMatchObject({ supplyState: 'armed', activeImportRegisterWh: 3_000, activeExportRegisterWh: 500 });
    command(meter, { kind: 'press-button' }, NEW_YEAR_S + 9_000);
    expect(command(meter, { kind: 'read' }, NEW_YEAR_S + 12_600)).toMatchObject({
      supplyState: 'enabled',
      activeImportRegisterWh: 6_000,
    });
    const { supplyDisabled, supplyArmed, supplyEnabled } = EVENT_CODES;
    expect(codes(meter)).toEqual([supplyDisabled, supplyArmed, supplyEnabled]);
  });

  it.each(['disabled', 'armed', 'enabled'] as const)('stays %s through restarts and power cuts', (wanted) => {
    const flash = createFlash(LAYOUT);
    const kind = wanted === 'disabled' ? 'disable-supply' : wanted === 'armed' ? 'arm-supply' : 'enable-supply';
    command(open(flash, { load }), { kind }, NEW_YEAR_S + 60);
    let cuts = 0;
    for (let i = 1; i <= 6; i++) {
      flash.arm(i % 2 === 0 ? { cutAt: i / 2, phase: 'during', seed: i } : undefined);
      try {
        run(open(flash, { load }, NEW_YEAR_S + i * 3_600), [NEW_YEAR_S + i * 3_600 + 2_000]);
      } catch (error) {
        expect(error).toBeInstanceOf(PowerLost);
        cuts += 1;
        flash.powerOn();
      }
      expect(open(flash, { load }, NEW_YEAR_S + (i + 1) * 3_600).view().supplyState).toBe(wanted);
    }
    expect(cuts).toBe(3);
  });

  it('is limited by too much power for the period, armed, and enabled again after the restoration', () => {
    const settings = settingsWith({
      loadLimit: { thresholdW: 2_000, periodS: 300, restorationS: 900, interrupts: true },
    });
    const heavy: LoadSource = (fromS, toS) =>
      fromS < NEW_YEAR_S + 1_800 ? constantLoad(2_400)(fromS, toS) : constantLoad(100)(fromS, toS);
    const meter = open(createFlash(LAYOUT), { load: heavy, settings });
    meter.advance(NEW_YEAR_S + 299);
    expect(meter.view()).toMatchObject({ supplyState: 'enabled', loadLimitCounter: 0, activePowerImportW: 2_400 });
    meter.advance(NEW_YEAR_S + 300);
    expect(meter.view()).toMatchObject({ supplyState: 'armed', supplyCause: 'load-limit', loadLimitCounter: 1 });
    meter.advance(NEW_YEAR_S + 1_199);
    expect(meter.view()).toMatchObject({ supplyState: 'armed', activeImportRegisterWh: 200 });
    meter.advance(NEW_YEAR_S + 1_200);
    expect(meter.view()).toMatchObject({ supplyState: 'enabled', loadLimitCounter: 1 });
    meter.advance(NEW_YEAR_S + 7_200);
    expect(meter.view()).toMatchObject({ supplyState: 'enabled', loadLimitCounter: 2 });
  });

  it('is restored after a limit in spite of a power cut, and only counts the event when it may not interrupt', () => {
    const flash = createFlash(LAYOUT);
    run(open(flash, { load: constantLoad(2_000), settings: LIMITED }), [NEW_YEAR_S + 120]);
    const light = constantLoad(10);
    expect(open(flash, { load: light }, NEW_YEAR_S + 300).view().supplyState).toBe('armed');
    expect(run(open(flash, { load: light }, NEW_YEAR_S + 600), [NEW_YEAR_S + 720]).view()).toMatchObject({
      supplyState: 'enabled',
      loadLimitCounter: 1,
    });
    const settings = settingsWith({ loadLimit: { ...LIMITED.loadLimit, interrupts: false } });
    const counting = run(open(createFlash(LAYOUT), { load: constantLoad(2_000), settings }), [NEW_YEAR_S + 600]);
    expect(counting.view()).toMatchObject({ supplyState: 'enabled', loadLimitCounter: 5 });
  });
});

describe('prepayment', () => {
  // 1 kW at 30 p a kWh; 1 p lasts two minutes.
  const load = constantLoad(1_000);
  const settings: MeterSettings = settingsWith({
    paymentMode: 'prepayment',
    tariff: { ...DEFAULT_SETTINGS.tariff, touPricesMillipencePerKwh: [30_000] },
    prepayment: {
      ...DEFAULT_SETTINGS.prepayment,
      emergencyCreditLimitMillipence: 5_000,
      emergencyCreditThresholdMillipence: 2_000,
    },
  });

  it('disables the supply when credit ends, lends once asked, and arms it when there is credit again', () => {
    const meter = open(createFlash(LAYOUT), { load, settings });
    meter.advance(NEW_YEAR_S + 60);
    expect(meter.view()).toMatchObject({ supplyState: 'disabled', supplyCause: 'no-credit' });
    expect(meter.command({ kind: 'enable-supply' }, NEW_YEAR_S + 60)).toMatchObject({ ok: false, code: 'no-credit' });
    expect(command(meter, { kind: 'top-up', millipence: 10_500 }, NEW_YEAR_S + 60)).toMatchObject({
      supplyState: 'armed',
    });
    expect(meter.command({ kind: 'activate-emergency-credit' }, NEW_YEAR_S + 60)).toMatchObject({
      ok: false,
      code: 'not-available',
    });
    command(meter, { kind: 'press-button' }, NEW_YEAR_S + 60);
    meter.advance(NEW_YEAR_S + 60 + 20 * 60);
    expect(meter.view().supplyState).toBe('disabled');
    expect(meter.view().meterBalanceMillipence).toBeLessThanOrEqual(0);
    expect(command(meter, { kind: 'activate-emergency-credit' }, NEW_YEAR_S + 3_600)).toMatchObject({
      supplyState: 'armed',
      emergencyCreditBalanceMillipence: 5_000,
    });
    command(meter, { kind: 'press-button' }, NEW_YEAR_S + 3_600);
    meter.advance(NEW_YEAR_S + 3_600 + 300);
    expect(meter.view()).toMatchObject({ supplyState: 'enabled', emergencyCreditBalanceMillipence: 2_510 });
    meter.advance(NEW_YEAR_S + 7_200);
    expect(meter.view()).toMatchObject({ supplyState: 'disabled', emergencyCreditBalanceMillipence: 0 });
    expect(total(meter.view().tariffTouRegisterMatrixWh)).toBe(meter.view().activeImportRegisterWh);
  });

  it('ends with a change to credit mode, and the supply is armed', () => {
    const meter = open(createFlash(LAYOUT), { load, settings });
    meter.advance(NEW_YEAR_S + 600);
    expect(command(meter, { kind: 'set-payment-mode', paymentMode: 'credit' }, NEW_YEAR_S + 600)).toMatchObject({
      supplyState: 'armed',
      paymentMode: 'credit',
    });
    expect(meter.logs().bills.map(({ cause }) => cause)).toEqual(['mode-change']);
  });
});

describe('the clock', () => {
  it('is set within its tolerance, and says in the Event Log whether it was', () => {
    const flash = createFlash(LAYOUT);
    const meter = open(flash, { load: constantLoad(1_000) });
    expect(command(meter, { kind: 'set-clock', utcS: NEW_YEAR_S + 1_008 }, NEW_YEAR_S + 1_000).clockUtcS).toBe(
      NEW_YEAR_S + 1_008,
    );
    expect(meter.command({ kind: 'set-clock', utcS: NEW_YEAR_S + 2_000 }, NEW_YEAR_S + 1_500)).toMatchObject({
      ok: false,
      code: 'clock-out-of-tolerance',
    });
    expect(meter.view().clockUtcS).toBe(NEW_YEAR_S + 1_508);
    expect(codes(meter)).toEqual([0x8145, 0x8f0c]);
    expect(open(flash, { load: HOUSE }, NEW_YEAR_S + 1_600).view().clockUtcS).toBe(NEW_YEAR_S + 1_608);
    expect(meter.nextDueS()).toBe(NEW_YEAR_S + 1_552);
  });

  it.each([
    ['forward over midnight', 7_200],
    ['back over midnight', -7_200],
    ['back within the day', -600],
  ])('loses no energy when it is set %s', (_, leapS) => {
    const meter = open(createFlash(LAYOUT), { load: constantLoad(1_000) });
    const atS = NEW_YEAR_S + DAY_S + (leapS > 0 ? -3_600 : 3_600);
    meter.advance(atS);
    command(meter, { kind: 'set-clock', utcS: atS + leapS, toleranceS: 86_400 }, atS);
    meter.advance(atS + 2 * DAY_S - leapS);
    const entries = meter.profile('active-import');
    expect(total(entries.map(({ value }) => value))).toBe(meter.view().activeImportRegisterWh);
    expect(new Set(entries.map(({ startS }) => startS)).size).toBe(entries.length);
    expect(entries.filter(({ outage }) => outage).length).toBe(leapS > 0 ? 4 : 0);
    const logged = meter.logs().dailyConsumption;
    expect(new Set(logged.map(({ dayStartS }) => dayStartS)).size).toBe(logged.length);
  });

  it('that went back while the power was off takes nothing from the registers', () => {
    const flash = createFlash(LAYOUT);
    const before = run(open(flash, { load: HOUSE }), [NEW_YEAR_S + 3 * DAY_S]).view();
    const meter = open(flash, { load: HOUSE }, NEW_YEAR_S + 100);
    expect(importWs(meter.view())).toBe(importWs(before));
    expect(codes(meter)).toContain(EVENT_CODES.clockWentBack);
  });
});

describe('daily, billing and event logs', () => {
  it('hold a read and the consumption of each day, and a bill where a month begins', () => {
    const settings = settingsWith({ tariff: BLOCKS_TARIFF, billingDayOfMonth: 3 });
    const meter = run(open(createFlash(LAYOUT), { load: HOUSE, settings }), [NEW_YEAR_S + 4 * DAY_S + 100]);
    const { dailyReads, dailyConsumption, bills } = meter.logs();
    expect(dailyReads.map(({ atS }) => (atS - NEW_YEAR_S) / DAY_S)).toEqual([1, 2, 3, 4]);
    const consumed = dailyReads.map(
      (read, i) => read.activeImportRegisterWh - (dailyReads[i - 1]?.activeImportRegisterWh ?? 0),
    );
    expect(dailyConsumption.map(({ importWh }) => importWh)).toEqual(consumed);
    expect(bills.map(({ atS, cause }) => [(atS - NEW_YEAR_S) / DAY_S, cause])).toEqual([[2, 'calendar']]);
    expect(total(bills[0]!.tariffBlockCounterMatrixWh)).toBe(dailyReads[1]!.activeImportRegisterWh);
    expect(total(meter.view().tariffBlockCounterMatrixWh)).toBe(
      meter.view().activeImportRegisterWh - dailyReads[1]!.activeImportRegisterWh,
    );
    // Two standing charges are in the bill of the second midnight.
    const { dailyReads: plain } = run(open(createFlash(LAYOUT), { load: constantLoad(0), settings }), [
      DAYS_2 + 60,
    ]).logs();
    expect(plain.map(({ meterBalanceMillipence }) => meterBalanceMillipence)).toEqual(
      [0, -45_007].map((value) => value + 0),
    );
  });

  it('keep their depth and no more', () => {
    const meter = run(open(createFlash(LAYOUT), { load: constantLoad(50) }), [NEW_YEAR_S + 40 * DAY_S]);
    for (let i = 0; i < 130; i++) meter.logEvent(0xe100 + i, Uint8Array.of(i, 255));
    const { dailyReads, dailyConsumption, events } = meter.logs();
    // The partition was planned for 5 days; its whole sectors hold 8.
    expect(dailyReads.length).toBe(8);
    expect(dailyConsumption.length).toBe(15);
    expect(meter.profile('active-import').length).toBe(8 * 48);
    expect(events.map(({ code }) => code)).toEqual(Array.from({ length: 100 }, (_, i) => 0xe100 + 30 + i));
    expect(events.at(-1)?.otherInformation).toBe('81ff');
    expect(() => meter.logEvent(1, new Uint8Array(9))).toThrow(MeterError);
  });

  it('forget events when they are cleared, for good, and keep the clearing', () => {
    const flash = createFlash(LAYOUT);
    const meter = open(flash, { load: HOUSE });
    meter.logEvent(0xe100);
    command(meter, { kind: 'clear-event-log' }, NEW_YEAR_S + 5);
    meter.logEvent(0xe101);
    const again = open(flash, { load: HOUSE }, NEW_YEAR_S + 5);
    for (const one of [meter, again]) expect(codes(one)).toEqual([EVENT_CODES.eventLogCleared, 0xe101]);
  });

  it('keep tamper and its traces', () => {
    const flash = createFlash(LAYOUT);
    command(open(flash, { load: HOUSE }), { kind: 'set-tamper', tampered: true }, NEW_YEAR_S + 5);
    expect(open(flash, { load: HOUSE }, NEW_YEAR_S + 6).view()).toMatchObject({
      supplyTamperState: true,
      metrologyVersion: 0x0001_0000,
    });
  });
});

describe('settings', () => {
  it('of a command survive power cuts and count before those it was opened with', () => {
    const flash = createFlash(LAYOUT);
    command(open(flash, { load: HOUSE }), { kind: 'set-tariff', tariff: BLOCKS_TARIFF }, NEW_YEAR_S + 5);
    const { view, logs } = open(flash, { load: HOUSE, settings: PREPAYMENT }, NEW_YEAR_S + 6);
    expect(view().settings).toEqual({ ...DEFAULT_SETTINGS, tariff: BLOCKS_TARIFF });
    expect(logs().bills.map(({ cause }) => cause)).toEqual(['tariff-change']);
  });

  it('that are wrong change nothing', () => {
    const flash = createFlash(LAYOUT);
    const meter = open(flash, { load: HOUSE });
    const before = allOf(meter);
    const operations = flash.operationCount;
    const wrong: readonly MeterCommand[] = [
      { kind: 'set-tariff', tariff: { ...BLOCKS_TARIFF, weeks: [] } },
      { kind: 'top-up', millipence: 0.5 },
      { kind: 'set-billing-day', dayOfMonth: 31 },
      { kind: 'activate-emergency-credit' },
      { kind: 'adjust-balance', millipence: Number.NaN },
      { kind: 'set-debt', debt: 'time-1', millipence: -1 },
    ];
    for (const one of wrong) expect(meter.command(one, NEW_YEAR_S)).toMatchObject({ ok: false });
    expect(allOf(meter)).toEqual(before);
    expect(flash.operationCount).toBe(operations);
  });
});

describe('a meter whose flash wears out', () => {
  const sectorsOf = (flash: NorFlash, name: 'meter' | 'profile'): readonly number[] => {
    const { offsetBytes, lengthBytes } = flash.layout.partitions.find((partition) => partition.name === name)!;
    return flash.sectors
      .filter((s) => s.offsetBytes >= offsetBytes && s.offsetBytes < offsetBytes + lengthBytes)
      .map(({ index }) => index);
  };

  it.each(['program-fails', 'program-lies', 'erase-fails'] as const)(
    'goes on with one copy of its state, and says so (%s)',
    (kind) => {
      const flash = createFlash(LAYOUT);
      const meter = run(open(flash, { load: HOUSE }), [NEW_YEAR_S + 7_200]);
      for (const index of sectorsOf(flash, 'meter').slice(0, 2)) flash.breakSector(index, kind);
      const view = run(meter, [DAYS_2]).view();
      expect(view.storage).toBe('degraded');
      expect(codes(meter)).toEqual([EVENT_CODES.storageDegraded]);
      meter.flush();
      expect(importWs(open(flash, { load: HOUSE }, DAYS_2).view())).toBe(HOUSE(NEW_YEAR_S, DAYS_2).importWs);
    },
  );

  it('stops with a FlashError when neither copy takes a record', () => {
    const flash = createFlash(LAYOUT);
    const meter = open(flash, { load: HOUSE });
    for (const index of sectorsOf(flash, 'meter')) flash.breakSector(index, 'program-fails');
    expect(() => meter.advance(DAYS_2)).toThrow(FlashError);
  });

  it('keeps measuring when it can keep no more half hours', () => {
    const flash = createFlash(LAYOUT);
    const meter = open(flash, { load: HOUSE });
    for (const index of sectorsOf(flash, 'profile')) flash.breakSector(index, 'program-lies');
    expect(run(meter, [DAYS_2]).view()).toMatchObject({ storage: 'degraded' });
    expect(importWs(meter.view())).toBe(HOUSE(NEW_YEAR_S, DAYS_2).importWs);
  });
});

it('runs on flash with granules of 512 octets that are erased to 00', () => {
  const flash = createFlash(LAYOUT_512);
  const shown = allOf(run(open(flash, { load: HOUSE, settings: LIMITED }), [NEW_YEAR_S + 3 * DAY_S]));
  expect(allOf(run(open(createFlash(LAYOUT), { load: HOUSE, settings: LIMITED }), [NEW_YEAR_S + 3 * DAY_S]))).toEqual(
    shown,
  );
});
