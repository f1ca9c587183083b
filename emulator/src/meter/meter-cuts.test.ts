/**
 * Goal: no moment exists at which losing power takes back what a meter has measured and made durable, or lets it show more than
 * flowed. Method: two days are run once; before each flash operation the flash is forked and the power cut in that operation, in
 * several ways; each of those worlds is opened and looked at. Then whole lives are lived with cuts anywhere.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PowerLost } from '../errors.js';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { FlashLayout, FlashOperation } from '../flash/flash-port.js';
import { createFlash, type NorFlash } from '../flash/nor-flash.js';
import { DAY_S, HALF_HOUR_S, MINUTE_S, REGISTER_PERSIST_WH } from '../limits.js';
import { householdLoad } from './household-load.js';
import { constantLoad, type LoadSource } from './load-source.js';
import {
  allOf,
  BLOCKS_TARIFF,
  importWs,
  LAYOUT,
  LAYOUT_512,
  NEW_YEAR_S,
  open,
  settingsWith,
  total,
  TWO_RATES,
} from './meter.test-support.js';
import type { Meter, MeterCommand, MeterEvent } from './meter-types.js';

const LOAD: LoadSource = (fromS, toS) => {
  const { importWs: energy } = householdLoad(5)(fromS, toS);
  return { importWs: Math.floor(energy / 2), exportWs: 0 };
};
const NOTHING = constantLoad(0);
const SETTINGS = settingsWith({
  tariff: BLOCKS_TARIFF,
  billingDayOfMonth: 2,
  loadLimit: { thresholdW: 900, periodS: 60, restorationS: 240, interrupts: true },
});
// Of a minute's energy at most this much is counted at once; what is persisted is whole Wh.
const LOSS_WS_MAX = (REGISTER_PERSIST_WH + 1) * 3600 + 4_000 * MINUTE_S;

const PLANS: readonly FaultPlan[] = [
  { cutAt: 1, phase: 'before' },
  { cutAt: 1, phase: 'after' },
  { cutAt: 1, phase: 'during', neighbour: true, seed: 1 },
  { cutAt: 1, phase: 'during', mode: 'bits', weak: true, neighbour: true, seed: 0x1_0002 },
];

/** What is known of the run when an operation begins. */
interface Known {
  durableWs: number;
  countedWs: number;
  events: readonly MeterEvent[];
  timeS: number;
}

function strike(flash: NorFlash, operation: FlashOperation, plan: FaultPlan): NorFlash {
  const world = flash.fork();
  world.arm(plan);
  const act = (): void => {
    if (operation.kind === 'erase') world.eraseSector(operation.sectorIndex);
    else world.program(operation.offsetBytes, operation.data);
  };
  expect(act).toThrow(PowerLost);
  world.powerOn();
  return world;
}

/** What must hold of a meter whenever it was opened. @returns the import register in watt-seconds */
function checkWhole(meter: Meter, untilS: number): number {
  const opened = meter.view();
  meter.advance(untilS);
  const view = meter.view();
  expect(importWs(view)).toBe(importWs(opened));
  const entries = meter.profile('active-import');
  expect(total(entries.map(({ value }) => value))).toBe(view.activeImportRegisterWh);
  expect(new Set(entries.map(({ startS }) => startS)).size).toBe(entries.length);
  expect(total(view.tariffBlockTouRegisterMatrixWh.flat())).toBe(view.activeImportRegisterWh);
  const { dailyReads, dailyConsumption, bills } = meter.logs();
  const lastRead = dailyReads.at(-1);
  expect(total(dailyConsumption.map(({ importWh }) => importWh))).toBe(lastRead?.activeImportRegisterWh ?? 0);
  const lastBill = bills.at(-1)?.activeImportRegisterWh ?? 0;
  expect(total(view.tariffBlockCounterMatrixWh)).toBe(view.activeImportRegisterWh - lastBill);
  return importWs(opened);
}

describe.each([
  ['granule 16', LAYOUT],
  ['granule 512, erased to 00', LAYOUT_512],
] as const)('a meter cut in any flash operation of two days (%s)', (_, layout: FlashLayout) => {
  it('shows at least what was durable, at most what flowed, and logs that agree with its registers', () => {
    const flash = createFlash(layout);
    let meter = open(flash, { load: LOAD, settings: SETTINGS }, NEW_YEAR_S + 1);
    meter.flush();
    const known: Known = { durableWs: 0, countedWs: 0, events: [], timeS: NEW_YEAR_S + 1 };
    const seen = { worlds: 0, kept: 0, older: 0, erases: 0 };
    flash.watch((operation) => {
      if (operation.kind === 'erase') seen.erases += 1;
      for (const plan of PLANS) {
        const world = strike(flash, operation, { ...plan, seed: (plan.seed ?? 0) + operation.index * 4 });
        const opened = open(world, { load: NOTHING }, known.timeS);
        const heldWs = importWs(opened.view());
        expect(heldWs).toBeGreaterThanOrEqual(known.durableWs);
        expect(heldWs).toBeLessThanOrEqual(known.countedWs);
        expect(known.countedWs - heldWs).toBeLessThan(LOSS_WS_MAX);
        const { events } = opened.logs();
        expect(events.slice(0, known.events.length)).toEqual(known.events.slice(0, events.length));
        expect(events.length).toBeGreaterThanOrEqual(known.events.length);
        seen.worlds += 1;
        if (heldWs > known.durableWs) seen.kept += 1;
        if (heldWs < known.countedWs) seen.older += 1;
        if (seen.worlds % 11 !== 0) continue;
        checkWhole(opened, (Math.floor(known.timeS / HALF_HOUR_S) + 1) * HALF_HOUR_S);
        // Opened once more, it shows the same: what it gave out is in flash.
        expect(importWs(open(world, { load: NOTHING }, known.timeS + HALF_HOUR_S).view())).toBe(heldWs);
      }
    });
    for (let timeS = NEW_YEAR_S + MINUTE_S; timeS <= NEW_YEAR_S + 2 * DAY_S; timeS = meter.nextDueS()) {
      const operations = flash.operationCount;
      known.countedWs = importWs(meter.view()) + LOAD(known.timeS, timeS).importWs;
      known.timeS = timeS;
      meter.advance(timeS);
      if (flash.operationCount === operations) continue;
      known.durableWs = importWs(meter.view());
      known.events = meter.logs().events;
    }
    flash.watch(undefined);
    meter = open(flash, { load: NOTHING }, NEW_YEAR_S + 2 * DAY_S);
    expect(checkWhole(meter, NEW_YEAR_S + 2 * DAY_S + HALF_HOUR_S)).toBe(known.durableWs);
    expect(known.durableWs).toBeGreaterThan(3_000 * 3600);
    expect(meter.view().loadLimitCounter).toBeGreaterThan(2);
    expect(seen.worlds).toBeGreaterThan(2_000);
    expect(Math.min(seen.kept, seen.older, seen.erases)).toBeGreaterThan(20);
  });
});

it('shows the same registers whichever octet of its state rots', () => {
  const flash = createFlash(LAYOUT);
  const meter = open(flash, { load: LOAD, settings: SETTINGS });
  meter.advance(NEW_YEAR_S + DAY_S);
  meter.flush();
  const shownWs = importWs(meter.view());
  const { offsetBytes, lengthBytes } = flash.layout.partitions.find(({ name }) => name === 'meter')!;
  let struck = 0;
  for (let at = offsetBytes; at < offsetBytes + lengthBytes; at += 16) {
    if (flash.read(at, 1)[0] === 0xff) continue;
    const world = flash.fork();
    world.rot(at, 0x10);
    expect(importWs(open(world, { load: LOAD }, NEW_YEAR_S + DAY_S).view())).toBe(shownWs);
    struck += 1;
  }
  expect(struck).toBeGreaterThan(300);
});

it('never takes back what it showed, when what it showed came from a record that reads one way and then the other', () => {
  const flash = createFlash(LAYOUT);
  const meter = open(flash, { load: LOAD, settings: SETTINGS });
  meter.advance(NEW_YEAR_S + 3_600);
  const timeS = NEW_YEAR_S + 3_660;
  meter.advance(timeS);
  const struck = { worlds: 0, newer: 0 };
  const oldWs = importWs(open(flash.fork(), { load: LOAD, settings: SETTINGS }, timeS).view());
  flash.watch((operation) => {
    for (let seed = 0; seed < 300; seed++) {
      const world = strike(flash, operation, { cutAt: 1, phase: 'during', mode: 'bits', weak: true, seed });
      // No time has passed: there is nothing to write but the state itself.
      const shownWs = importWs(open(world, { load: LOAD }, timeS).view());
      if (shownWs > oldWs) struck.newer += 1;
      for (let i = 0; i < 3; i++) expect(importWs(open(world, { load: LOAD }, timeS).view())).toBe(shownWs);
      struck.worlds += 1;
    }
  });
  meter.flush();
  expect(struck.worlds).toBeGreaterThan(1_000);
  expect(struck.newer).toBeGreaterThan(100);
});

it.each([
  { kind: 'bill' },
  { kind: 'set-tariff', tariff: TWO_RATES },
  { kind: 'disable-supply' },
  { kind: 'set-clock', utcS: NEW_YEAR_S + 2 * DAY_S + 5, toleranceS: DAY_S },
  { kind: 'clear-event-log' },
] as const)('is as before or as after the command $kind, whatever operation of it is cut', (what: MeterCommand) => {
  const flash = createFlash(LAYOUT);
  const timeS = NEW_YEAR_S + DAY_S + 600;
  const meter = open(flash, { load: LOAD, settings: SETTINGS });
  meter.advance(timeS);
  meter.flush();
  const shown = (world: NorFlash): string => JSON.stringify(allOf(open(world, { load: LOAD }, timeS)));
  const before = shown(flash.fork());
  const worlds: NorFlash[] = [];
  flash.watch((operation) => worlds.push(...PLANS.map((plan) => strike(flash, operation, plan))));
  expect(meter.command(what, timeS).ok).toBe(true);
  const after = shown(flash.fork());
  expect(after).not.toBe(before);
  const seen = { before: 0, after: 0 };
  for (const world of worlds) {
    const left = shown(world);
    expect([before, after]).toContain(left);
    seen[left === before ? 'before' : 'after'] += 1;
  }
  expect(Math.min(seen.before, seen.after)).toBeGreaterThan(1);
});

describe('a life with power cuts', () => {
  const cut = fc.record({
    // Some in the first operations: a start does not do many.
    cutAt: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 1, max: 300 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
    ),
    phase: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
    mode: fc.constantFrom('prefix' as const, 'bits' as const),
    seed: fc.nat(),
    weak: fc.boolean(),
    neighbour: fc.boolean(),
    offS: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4_000 }), fc.integer({ min: 1, max: 3 * DAY_S })),
  });

  it('never takes a register back, never shows more than flowed, and ends with logs that agree', () => {
    const struck = { cuts: 0, whileOpening: 0, days: 0 };
    fc.assert(
      fc.property(fc.array(cut, { minLength: 1, maxLength: 12 }), fc.integer(), fc.boolean(), (cuts, seed, is512) => {
        const flash = createFlash(is512 ? LAYOUT_512 : LAYOUT);
        const load = householdLoad(seed);
        let timeS = NEW_YEAR_S;
        let flowedWs = 0;
        let shownWs = 0;
        const live = (untilS: number): void => {
          const meter = open(flash, { load, settings: SETTINGS }, timeS);
          const check = (atLeastWs: number): number => {
            const heldWs = importWs(meter.view());
            expect(heldWs).toBeGreaterThanOrEqual(atLeastWs);
            expect(heldWs).toBeLessThanOrEqual(flowedWs);
            return heldWs;
          };
          shownWs = check(shownWs);
          while (timeS < untilS) {
            const nextS = meter.nextDueS();
            flowedWs += load(timeS, nextS).importWs;
            timeS = nextS;
            const operations = flash.operationCount;
            meter.advance(timeS);
            const heldWs = check(shownWs);
            // Only what is in flash may be relied on.
            if (flash.operationCount !== operations) shownWs = heldWs;
          }
          meter.flush();
          shownWs = importWs(meter.view());
        };
        for (const { offS, ...plan } of cuts) {
          flash.arm(plan);
          const openedS = timeS;
          try {
            live(timeS + DAY_S / 2);
          } catch (error) {
            if (!(error instanceof PowerLost)) throw error;
            struck.cuts += 1;
            if (timeS === openedS) struck.whileOpening += 1;
          }
          flash.powerOn();
          timeS += offS;
        }
        const meter = open(flash, { load: NOTHING }, timeS);
        expect(checkLife(meter, (Math.floor(timeS / HALF_HOUR_S) + 1) * HALF_HOUR_S)).toBeGreaterThanOrEqual(shownWs);
        struck.days += meter.logs().dailyReads.length;
      }),
      { numRuns: 50 },
    );
    expect(struck.cuts).toBeGreaterThan(60);
    expect(struck.whileOpening).toBeGreaterThan(5);
    expect(struck.days).toBeGreaterThan(40);
  });
});

/** As {@link checkWhole}, for a life that may be longer than the logs of the small flash are deep. */
function checkLife(meter: Meter, untilS: number): number {
  const opened = meter.view();
  meter.advance(untilS);
  const view = meter.view();
  expect(total(view.tariffBlockTouRegisterMatrixWh.flat())).toBe(view.activeImportRegisterWh);
  const { dailyReads } = meter.logs();
  const registers = dailyReads.map((read) => read.activeImportRegisterWh);
  expect(registers).toEqual(registers.toSorted((a, b) => a - b));
  const entries = meter.profile('active-import');
  if (dailyReads.length < 8) expect(total(entries.map(({ value }) => value))).toBe(view.activeImportRegisterWh);
  return importWs(opened);
}
