/**
 * Goal: an update, whatever becomes of it, is nothing to the metering part: its partitions hold the same octets as those of a twin that was not
 * updated, no register goes back, the load switch does not move; and the update path could not write there if it wanted to.
 * Method: two meters on the same time and load, one of them updated; the same with power cuts; commands through the same door.
 */
import { describe, expect, it } from 'vitest';
import { manufacture, startEsme, type Esme, type EsmeOptions } from './esme.js';
import { authorise, crypto, deliver, IDENTITY, makeImage, planOf, signer, slotImageOf } from './esme.test-support.js';
import { PowerLost } from './errors.js';
import { FIRMWARE_BEHAVIOURS } from './firmware/behaviour.js';
import type { PartitionName } from './flash/flash-port.js';
import { planLayout } from './flash/layout-plan.js';
import { createFlash, type NorFlash } from './flash/nor-flash.js';
import { constantLoad } from './meter/load-source.js';
import { householdLoad } from './meter/household-load.js';
import { DEFAULT_SETTINGS } from './meter/settings.js';

const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);
const OLD = makeImage({ imageBytes: 3000, fileVersion: 1 });
const NEW = makeImage({ imageBytes: 5000, fileVersion: 2, blockShift: 10 });
const FACTORY = createFlash(LAYOUT);
manufacture(FACTORY, crypto, IDENTITY, slotImageOf(OLD));
const EPOCH_S = 1_700_000_000;
const DAY_MS = 86_400_000;
const METERING: readonly PartitionName[] = ['meter', 'profile', 'event-log', 'power-log'];

function start(flash: NorFlash, nowMs = 0, options: EsmeOptions = {}): Esme {
  return startEsme({ flash, crypto, signer }, { epochS: EPOCH_S, load: householdLoad(7), ...options }, nowMs);
}

function letTimePass(meter: Esme, fromMs: number, toMs: number): void {
  for (let atMs = meter.wakeAtMs(); atMs <= toMs; atMs = meter.wakeAtMs()) meter.tick(Math.max(fromMs, atMs));
}

function meteringOctets(flash: NorFlash): readonly string[] {
  return METERING.map((name) => {
    const region = flash.partition(name);
    return `${name} ${Buffer.from(region.read(0, region.sizeBytes)).toString('base64')}`;
  });
}

describe('metering', () => {
  const twinFlash = FACTORY.fork();
  const twin = start(twinFlash);
  letTimePass(twin, 0, DAY_MS);
  twin.flush(DAY_MS);

  it.each(FIRMWARE_BEHAVIOURS)(
    'leaves the same octets as without an update, when the image is to "%s"',
    (behaviour) => {
      const flash = FACTORY.fork();
      const meter = start(flash, 0, { behaviour: (version) => (version === 2 ? behaviour : 'healthy') });
      letTimePass(meter, 0, 3_600_000);
      const { nowMs } = deliver(meter, planOf(NEW, authorise(NEW, 1n)), 3_600_000);
      letTimePass(meter, nowMs, DAY_MS);
      meter.flush(DAY_MS);
      expect(meter.meter.view(DAY_MS).activeImportRegisterWh).toBeGreaterThan(1000);
      expect(meter.meter.view(DAY_MS)).toEqual(twin.meter.view(DAY_MS));
      expect(meteringOctets(flash)).toEqual(meteringOctets(twinFlash));
    },
  );

  it('goes on in recovery', () => {
    const flash = FACTORY.fork();
    const meter = start(flash, 0, { behaviour: () => 'crash-at-boot' });
    letTimePass(meter, 0, DAY_MS);
    meter.flush(DAY_MS);
    expect(meter.view(DAY_MS).mode).toBe('recovery');
    expect(meteringOctets(flash)).toEqual(meteringOctets(twinFlash));
  });

  it('is not touched by any operation of an update', () => {
    const flash = FACTORY.fork();
    const meter = start(flash, 0, { load: () => ({ importWs: 0, exportWs: 0 }) });
    const touched = new Set<string>();
    flash.watch((operation) => {
      const at =
        operation.kind === 'program' ? operation.offsetBytes : flash.sectors[operation.sectorIndex]!.offsetBytes;
      const partition = LAYOUT.partitions.find(
        ({ offsetBytes, lengthBytes }) => at >= offsetBytes && at < offsetBytes + lengthBytes,
      );
      touched.add(partition?.name ?? 'none');
    });
    deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    expect(touched).toContain('slot-1');
    expect(touched).toContain('staging');
    expect(METERING.filter((name) => touched.has(name))).toEqual([]);
  });

  it('loses no more to a cut than it said it would, and its load switch stays where it was', () => {
    const paused = FACTORY.fork();
    const before = start(paused, 0, { load: constantLoad(3600) });
    expect(before.meter.command({ kind: 'arm-supply' }, 60_000)).toMatchObject({ ok: true });
    letTimePass(before, 60_000, 3_600_000);
    const clean = paused.fork();
    const operationsBefore = clean.operationCount;
    deliver(start(clean, 3_600_000), planOf(NEW, authorise(NEW, 1n)), 3_600_000);
    const operations = clean.operationCount - operationsBefore;
    let struck = 0;
    for (let cutAt = 1; cutAt <= operations; cutAt += 3) {
      const flash = paused.fork();
      const meter = start(flash, 3_600_000);
      const { activeImportRegisterWh, unpersistedWh } = meter.meter.view(3_600_000);
      flash.arm({ cutAt, phase: 'during', seed: cutAt, mode: 'bits', weak: true });
      try {
        deliver(meter, planOf(NEW, authorise(NEW, 1n)), 3_600_000);
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        struck += 1;
      }
      flash.powerOn();
      const after = start(flash, 3_700_000).meter.view(3_700_000);
      expect(after.activeImportRegisterWh).toBeGreaterThanOrEqual(activeImportRegisterWh - unpersistedWh);
      expect(after.supplyState).toBe('armed');
    }
    expect(struck).toBeGreaterThan(10);
  });

  it('takes its settings from the factory, and commands from its door', () => {
    const settings = { ...DEFAULT_SETTINGS, paymentMode: 'prepayment' as const };
    const flash = FACTORY.fork();
    const meter = start(flash, 0, { settings });
    expect(meter.meter.command({ kind: 'top-up', millipence: 1_000_000 }, 1000)).toMatchObject({ ok: true });
    expect(meter.meter.view(2000)).toMatchObject({ paymentMode: 'prepayment', meterBalanceMillipence: 1_000_000 });
    expect(meter.meter.command({ kind: 'press-button' }, 3000)).toMatchObject({ ok: false, code: 'not-armed' });
    letTimePass(meter, 3000, 7_200_000);
    expect(meter.meter.profile('active-import', 7_200_000).length).toBeGreaterThan(2);
    expect(meter.meter.logs(7_200_000).events.length).toBeGreaterThan(0);
    const again = start(flash, 7_300_000);
    expect(again.meter.view(7_300_000).meterBalanceMillipence).toBe(1_000_000);
  });
});

describe('the clock of the meter', () => {
  it('is what an authorisation is held against, and moves with a command', () => {
    const meter = start(FACTORY.fork());
    const utcS = EPOCH_S + 10_000;
    expect(meter.meter.command({ kind: 'set-clock', utcS, toleranceS: 86_400 }, 1000)).toMatchObject({ ok: true });
    const { nowMs } = deliver(meter, planOf(NEW, authorise(NEW, 1n)), 2000);
    const [verified] = meter.view(nowMs).securityLog;
    expect(verified!.timestampS).toBeGreaterThanOrEqual(utcS);
    expect(verified!.timestampS).toBeLessThan(utcS + 60);
  });
});

describe('time', () => {
  it('that flash takes is told after each call, and none where flash takes none', () => {
    const { geometry } = LAYOUT;
    const timings = { programUsPerGranule: 100, eraseUsPerSector: 50_000, readNsPerByte: 10 };
    const layout = planLayout({ ...geometry, timings }, { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 });
    const flash = createFlash(layout);
    manufacture(flash, crypto, IDENTITY, slotImageOf(OLD));
    const busy: number[] = [];
    for (const one of [flash, FACTORY.fork()]) {
      const meter = start(one);
      let most = 0;
      const watched: Esme = {
        ...meter,
        hear(frame, atMs) {
          const frames = meter.hear(frame, atMs);
          most = Math.max(most, meter.busyMs());
          return frames;
        },
      };
      deliver(watched, planOf(NEW));
      busy.push(most);
    }
    // The offer costs three erases: header and image.
    expect(busy[0]).toBeGreaterThan(150);
    expect(busy[0]).toBeLessThan(400);
    expect(busy[1]).toBe(0);
  });
});
