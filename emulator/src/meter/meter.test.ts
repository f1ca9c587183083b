import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MeterError, PowerLost } from '../errors.js';
import { DEFAULT_LAYOUT, planLayout } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { REGISTER_PERSIST_WH, SECURITY_LOG_ENTRIES } from '../limits.js';
import type { DeviceIdentity } from './identity.js';
import { provision, readIdentity } from './identity.js';
import type { MeterInput, MeterState } from './import-register.js';
import { meterStep, RegisterStore } from './import-register.js';
import { SecurityLog } from './security-log.js';

const LAYOUT = planLayout(
  {
    sectorRuns: [{ count: 60, sectorBytes: 2048 }],
    granuleBytes: 16,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
  { imageBytesMax: 2048, stagingBytes: 4096 },
);
const LAYOUT_512 = planLayout(
  {
    sectorRuns: [{ count: 60, sectorBytes: 4096 }],
    granuleBytes: 512,
    granuleRewritable: false,
    erasedValue: 0x00,
  },
  { imageBytesMax: 4096, stagingBytes: 4096 },
);

/** What the firmware does with an input: step, do the effects, tell the machine. */
function perform(state: MeterState, store: RegisterStore, input: MeterInput): MeterState {
  const { state: next, effects } = meterStep(state, input);
  return effects.reduce((current, effect) => meterStep(current, store.persist(effect)).state, next);
}

const totalWattSeconds = (state: MeterState): number => state.importWh * 3600 + state.remainderWattSeconds;

describe('the import register', () => {
  it('counts every watt-second, in whatever portions they come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000_000)), (portions) => {
        const store = new RegisterStore(createFlash(LAYOUT), crc32);
        let state = store.read();
        for (const wattSeconds of portions) state = perform(state, store, { kind: 'energy', wattSeconds });
        expect(totalWattSeconds(state)).toBe(portions.reduce((sum, portion) => sum + portion, 0));
        expect(state.remainderWattSeconds).toBeLessThan(3600);
        expect(state.importWh - state.persistedWh).toBeLessThan(REGISTER_PERSIST_WH);
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])('refuses %s watt-seconds', (wattSeconds) => {
    const state = new RegisterStore(createFlash(LAYOUT), crc32).read();
    expect(() => meterStep(state, { kind: 'energy', wattSeconds })).toThrow(MeterError);
  });

  it.each([
    ['granule 16', LAYOUT],
    ['granule 512', LAYOUT_512],
  ])('loses less than its bound, and nothing that was flushed, after a cut at any operation (%s)', (_, layout) => {
    const run = (flash: NorFlash, seen: { flushed: number; counted: number }): void => {
      const store = new RegisterStore(flash, crc32);
      let state = store.read();
      for (let i = 1; i <= 200; i++) {
        const wattSeconds = 90_001;
        seen.counted = totalWattSeconds(state) + wattSeconds;
        state = perform(state, store, { kind: 'energy', wattSeconds });
        if (i % 7 !== 0) continue;
        state = perform(state, store, { kind: 'flush' });
        seen.flushed = totalWattSeconds(state);
      }
    };
    const clean = createFlash(layout);
    run(clean, { flushed: 0, counted: 0 });
    const operations = clean.operationCount;
    let compactionCuts = 0;
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      for (const phase of ['before', 'during', 'after'] as const) {
        const flash = createFlash(layout);
        const seen = { flushed: 0, counted: 0 };
        flash.arm({ cutAt, phase, seed: 3 });
        expect(() => run(flash, seen)).toThrow(PowerLost);
        flash.powerOn();
        const held = totalWattSeconds(new RegisterStore(flash, crc32).read());
        expect(held).toBeGreaterThanOrEqual(seen.flushed);
        expect(held).toBeLessThanOrEqual(seen.counted);
        expect(seen.counted - held).toBeLessThan(REGISTER_PERSIST_WH * 3600 + 90_001);
        const after = { flushed: 0, counted: 0 };
        run(flash, after);
        expect(after.flushed).toBe(held + 90_001 * 196);
        if (flash.sectors.filter(({ index }) => flash.wear(index) > 0).length > 1) compactionCuts += 1;
      }
    }
    expect(operations).toBeGreaterThan(50);
    expect(compactionCuts).toBeGreaterThan(10);
  });
});

describe('the security log', () => {
  it.each([
    ['granule 16', DEFAULT_LAYOUT],
    ['granule 512', LAYOUT_512],
  ])('holds the last hundred entries whatever it went through (%s)', (_, layout) => {
    const flash = createFlash(layout);
    let entries = [...new SecurityLog(flash, crc32).entries];
    let cuts = 0;
    for (let i = 1; i <= 700; i++) {
      const entry = { timestampS: 1_800_000_000 + i, code: 0x8f00 + (i % 200), bootEpoch: i };
      if (i % 3 === 0)
        flash.arm({ cutAt: 1 + (i % 4), phase: (['before', 'during', 'after'] as const)[(i % 7) % 3]!, seed: i });
      try {
        new SecurityLog(flash, crc32).append(entry);
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        cuts += 1;
      }
      flash.powerOn();
      const held = new SecurityLog(flash, crc32).entries;
      const isIn = held.at(-1)?.bootEpoch === i;
      if (isIn) entries = [...entries, entry].slice(-SECURITY_LOG_ENTRIES);
      expect(held).toEqual(entries);
    }
    expect(cuts).toBeGreaterThan(50);
    expect(entries.length).toBe(SECURITY_LOG_ENTRIES);
  });

  it('loses none of the hundred when every other record is torn', () => {
    const flash = createFlash(DEFAULT_LAYOUT);
    let tornCount = 0;
    for (let i = 1; i <= 400; i++) {
      const entry = { timestampS: i, code: 0x8f43, bootEpoch: i };
      flash.arm({ cutAt: 1, phase: 'during', torn: 5 });
      expect(() => new SecurityLog(flash, crc32).append(entry)).toThrow(PowerLost);
      tornCount += 1;
      flash.powerOn();
      new SecurityLog(flash, crc32).append(entry);
      const { entries } = new SecurityLog(flash, crc32);
      expect(entries.length).toBe(Math.min(i, SECURITY_LOG_ENTRIES));
      expect([entries[0]?.bootEpoch, entries.at(-1)?.bootEpoch]).toEqual([
        Math.max(1, i - SECURITY_LOG_ENTRIES + 1),
        i,
      ]);
    }
    expect(tornCount).toBe(400);
  });

  it('takes an entry once per boot when asked to', () => {
    const log = new SecurityLog(createFlash(DEFAULT_LAYOUT), crc32);
    for (const bootEpoch of [1, 1, 2]) log.appendOnce({ timestampS: 5, code: 0x8f1b, bootEpoch });
    expect(log.entries.map(({ bootEpoch }) => bootEpoch)).toEqual([1, 2]);
    expect(log.entryCount).toBe(2);
  });
});

describe('the identity', () => {
  const key = (seed: number): Uint8Array =>
    Uint8Array.from({ length: 65 }, (_, i) => (i === 0 ? 4 : (i * seed) & 0xff));
  const identity: DeviceIdentity = {
    eui64: Uint8Array.of(0, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0),
    manufacturerCode: 0x121d,
    imageType: 1,
    hardwareVersion: 0x1111,
    deviceClass: 2,
    trustAnchors: [
      { role: 'manufacturer', publicKey: key(3) },
      { role: 'supplier', publicKey: key(5) },
      { role: 'dco', publicKey: key(7) },
    ],
  };

  it.each([
    ['granule 16', LAYOUT],
    ['granule 512, erased to 00', LAYOUT_512],
  ])('is written once and read back (%s)', (_, layout) => {
    const flash = createFlash(layout);
    expect(readIdentity(flash, crc32)).toBeUndefined();
    provision(flash, crc32, identity);
    expect(readIdentity(flash, crc32)).toEqual(identity);
    expect(() => provision(flash, crc32, identity)).toThrow(MeterError);
  });

  it('can be written again after a cut at any operation', () => {
    let cuts = 0;
    for (const cutAt of [1, 2]) {
      for (const phase of ['before', 'during', 'after'] as const) {
        const flash = createFlash(LAYOUT);
        flash.arm({ cutAt, phase, torn: 100 });
        expect(() => provision(flash, crc32, identity)).toThrow(PowerLost);
        cuts += 1;
        flash.powerOn();
        if (readIdentity(flash, crc32) === undefined) provision(flash, crc32, identity);
        expect(readIdentity(flash, crc32)).toEqual(identity);
      }
    }
    expect(cuts).toBe(6);
  });

  it('is refused when a field does not fit, before anything is written', () => {
    const flash = createFlash(LAYOUT);
    const bad: readonly Partial<DeviceIdentity>[] = [
      { eui64: new Uint8Array(7) },
      { manufacturerCode: 0x1_0000 },
      { hardwareVersion: -1 },
      { trustAnchors: [{ role: 'dco', publicKey: new Uint8Array(65) }] },
      { trustAnchors: Array.from({ length: 9 }, () => ({ role: 'dco' as const, publicKey: key(3) })) },
    ];
    for (const part of bad) expect(() => provision(flash, crc32, { ...identity, ...part })).toThrow(MeterError);
    expect(flash.operationCount).toBe(0);
  });
});
