/**
 * Goal: no flash operation exists at which losing power leaves a meter without a bootable image, takes the floor back,
 * or touches the metering partitions.
 * Method: count the operations of one clean run, then repeat it once per operation and kind of cut, look, and go on.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PowerLost } from '../errors.js';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { FlashGeometry } from '../flash/flash-port.js';
import { planLayout } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { RegisterStore } from '../meter/import-register.js';
import { SecurityLog } from '../meter/security-log.js';
import type { BootResult } from './boot.js';
import { boot } from './boot.js';
import type { BootPorts } from './boot-crypto.js';
import { confirmTrial, discardStaged, readBootState, recordActivation, recordStaged } from './boot-records.js';
import { eraseSlot, factoryInstall, writeSlotImage } from './factory.js';
import { modelImage, modelReader, modelSignature } from './model-image.test-support.js';
import { verifySlot, writeSlotHeader } from './slot.js';

const sha256 = (chunks: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return new Uint8Array(hash.digest());
};
const ports: BootPorts = {
  crypto: {
    sha256,
    crc32,
    verify: (role, message, signature) => Buffer.compare(modelSignature(sha256, role, message), signature) === 0,
  },
  readImageHeader: modelReader(sha256),
  timestampS: 1_800_000_000,
};
const { crypto } = ports;
const OLD = modelImage({ version: 1, securityCounter: 1, imageBytes: 5000 }, sha256);
const NEW = modelImage({ version: 2, securityCounter: 7, imageBytes: 4099 }, sha256);
const NEW_HASH = sha256([NEW.image]);
const AUTHORISATION = new Uint8Array(32).fill(0xaa);

const GEOMETRIES: readonly FlashGeometry[] = [
  { sectorRuns: [{ count: 20, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { sectorRuns: [{ count: 60, sectorBytes: 4096 }], granuleBytes: 512, granuleRewritable: false, erasedValue: 0x00 },
  {
    sectorRuns: [
      { count: 8, sectorBytes: 4096 },
      { count: 8, sectorBytes: 8192 },
    ],
    granuleBytes: 4,
    granuleRewritable: false,
    erasedValue: 0xff,
  },
];

/** What firmware does with the new image, step after step, from whatever flash says; ends when it is over. */
function update(flash: NorFlash, isGood: boolean): BootResult {
  for (let boots = 0; boots < 12; boots++) {
    const result = boot(flash, ports);
    if (result.phase === 'recovery') return result;
    if (result.phase === 'trial') {
      // A bad image never confirms; it is simply started again.
      if (isGood) confirmTrial(flash, crypto);
      continue;
    }
    const { outcome, staged } = result.state;
    if (outcome !== undefined) return result;
    if (staged === undefined) writeNew(flash);
    const image = readBootState(flash, crypto).staged!;
    recordActivation(flash, crypto, { ...image, originatorCounter: 5n, authorisationDigest: AUTHORISATION });
  }
  throw new Error('the update does not end');
}

function writeNew(flash: NorFlash): void {
  discardStaged(flash, crypto);
  eraseSlot(flash, 1, NEW.image.length);
  writeSlotImage(flash, 1, NEW.image);
  writeSlotHeader(flash, crypto, 1, NEW.offerBlob);
  const checked = verifySlot(flash, ports, 1, {});
  if (!checked.ok) throw new Error(checked.fault);
  const { manifestDigest, imageHash } = checked.header;
  recordStaged(flash, crypto, { slot: 1, manifestDigest, imageHash });
}

function cut(flash: NorFlash, plan: FaultPlan, run: (flash: NorFlash) => void): boolean {
  flash.arm(plan);
  try {
    run(flash);
    flash.arm(undefined);
    return false;
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error;
    flash.powerOn();
    return true;
  }
}

function operationsOf(flash: NorFlash, run: (flash: NorFlash) => void): number {
  const world = flash.fork();
  run(world);
  return world.operationCount - flash.operationCount;
}

function meterOctets(flash: NorFlash): Uint8Array {
  return Buffer.concat(['meter-a', 'meter-b'].map((name) => flash.partition(name as 'meter-a').read(0, 4096)));
}

/** Looks with its own eyes at what runs: the octets of the slot, not what boot says of them. */
function look(flash: NorFlash, epochMin: number): BootResult {
  const result = boot(flash, ports);
  if (result.phase === 'recovery') throw new Error('nothing boots');
  const expected = result.header.fileVersion === 2 ? NEW : OLD;
  const region = flash.partition(result.slot === 0 ? 'slot-0' : 'slot-1');
  expect(Buffer.compare(region.read(4096, expected.image.length), expected.image)).toBe(0);
  expect(result.phase).not.toBe('fallback');
  expect(result.epoch).toBeGreaterThan(epochMin);
  const { confirmed } = result.state;
  const isNew = Buffer.compare(confirmed!.imageHash, NEW_HASH) === 0;
  expect(confirmed!.securityCounter).toBe(isNew ? 7 : 1);
  expect(result.phase === 'trial' ? 2 : confirmed!.version).toBe(result.header.fileVersion);
  return result;
}

const PHASES = ['before', 'after', 'during'] as const;

describe.each(GEOMETRIES)('an update cut by a power loss, granule $granuleBytes, erased $erasedValue', (geometry) => {
  const layout = planLayout(geometry, { imageBytesMax: 8192, stagingBytes: 4096 });

  /** A meter whose boot log stands at any fill, so that every operation meets a compaction in one of them. */
  function meterAfter(boots: number): NorFlash {
    const flash = createFlash(layout);
    factoryInstall(flash, ports, OLD);
    const register = new RegisterStore(flash, crc32);
    register.persist({ kind: 'persist', importWh: 123_456, remainderWattSeconds: 7 });
    for (let i = 0; i < boots; i++) boot(flash, ports);
    return flash;
  }
  const fills = geometry.granuleBytes === 16 ? [0, 1, 2, 3, 4, 5, 6, 7, 8] : [0, 3, 5];

  it.each([true, false])(
    'boots the old or the new image after a cut anywhere, and then ends (good image: %s)',
    (isGood) => {
      const struck = { cuts: 0, trial: 0, newRuns: 0, oldRuns: 0, compactions: 0 };
      for (const fill of fills) {
        const start = meterAfter(fill);
        const meter = meterOctets(start);
        const epochMin = readBootState(start, crypto).bootEpoch;
        const operations = operationsOf(start, (flash) => update(flash, isGood));
        const erases = start.sectors.filter(({ index }) => index < 2).length;
        expect(erases).toBe(2);
        for (let cutAt = 1; cutAt <= operations; cutAt++) {
          for (const phase of PHASES) {
            const flash = start.fork();
            const wasCut = cut(flash, { cutAt, phase, seed: fill }, (world) => update(world, isGood));
            expect(wasCut).toBe(true);
            struck.cuts += 1;
            const seen = look(flash.fork(), epochMin);
            if (seen.phase === 'trial') struck.trial += 1;
            if (seen.phase === 'confirmed' && seen.slot === 1) struck.newRuns += 1;
            if (seen.phase === 'confirmed' && seen.slot === 0) struck.oldRuns += 1;
            const end = update(flash, isGood);
            // A trial that power took away may be used up: then it reverts and says so.
            const allowed = isGood ? ['success', 'activationFailure'] : ['activationFailure'];
            expect(allowed).toContain(end.state.outcome?.code);
            if (end.state.outcome?.code === 'success') expect(end).toMatchObject({ phase: 'confirmed', slot: 1 });
            else
              expect(end).toMatchObject({ phase: 'confirmed', slot: 0, state: { confirmed: { securityCounter: 1 } } });
            expect(end.state.highestOriginatorCounter).toBe(5n);
            expect(Buffer.compare(meterOctets(flash), meter)).toBe(0);
            const changes = new SecurityLog(flash, crc32).entries.filter(({ code }) => code === 0x8f43).length;
            expect(changes).toBe(isGood ? 1 : 2);
            if (flash.wear(0) + flash.wear(1) > start.wear(0) + start.wear(1)) struck.compactions += 1;
          }
        }
      }
      expect(struck.cuts).toBeGreaterThan(100);
      expect(struck.trial).toBeGreaterThan(10);
      expect(struck.oldRuns).toBeGreaterThan(10);
      expect(struck.compactions).toBeGreaterThan(10);
      if (isGood) expect(struck.newRuns).toBeGreaterThan(5);
    },
  );

  it('takes a second cut at every operation of the boot after the first', () => {
    const start = meterAfter(4);
    const epochMin = readBootState(start, crypto).bootEpoch;
    const operations = operationsOf(start, (flash) => update(flash, true));
    let pairs = 0;
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      for (const phase of PHASES) {
        const first = start.fork();
        cut(first, { cutAt, phase }, (world) => update(world, true));
        const bootOperations = operationsOf(first, (world) => boot(world, ports));
        for (let secondAt = 1; secondAt <= bootOperations; secondAt++) {
          for (const secondPhase of PHASES) {
            const second = first.fork();
            expect(cut(second, { cutAt: secondAt, phase: secondPhase }, (world) => boot(world, ports))).toBe(true);
            pairs += 1;
            look(second.fork(), epochMin);
            expect(update(second, true).phase).toBe('confirmed');
          }
        }
      }
    }
    expect(pairs).toBeGreaterThan(operations * 3);
  });

  it('ends with an image that boots when power comes back for a few operations at a time', () => {
    const ended = new Map<number, number>();
    for (const fill of fills) {
      const start = meterAfter(fill);
      boot(start, ports);
      writeNew(start);
      for (let operations = 1; operations <= 12; operations++) {
        const flash = start.fork();
        let powerCycles = 0;
        let isCut = true;
        for (; isCut && powerCycles < 60; powerCycles++) {
          isCut = cut(flash, { cutAt: operations + 1, phase: 'before' }, (world) => void update(world, true));
        }
        look(flash.fork(), 0);
        expect(update(flash, true).phase).toBe('confirmed');
        if (!isCut) ended.set(operations, (ended.get(operations) ?? 0) + 1);
      }
    }
    // Four operations are enough, whatever must be compacted on the way.
    for (let operations = 4; operations <= 12; operations++) expect(ended.get(operations)).toBe(fills.length);
  });
});
