/**
 * Goal: no flash operation exists at which losing power leaves a meter without a bootable image, takes the floor back,
 * or touches the metering partitions; and power that comes back for four operations at a time is enough.
 * Method: count the operations of one clean update, then repeat it once per operation and kind of cut, look, and go on.
 */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { FlashGeometry } from '../flash/flash-port.js';
import { planLayout } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { SecurityLog } from '../meter/security-log.js';
import {
  crypto,
  cut,
  essence,
  LAYOUT,
  NEW,
  newMeter,
  OLD,
  operationsOf,
  ports,
  sha256,
  stage,
  TWO_SECTORS,
  update,
} from './boot-bench.test-support.js';
import type { BootResult } from './boot.js';
import { boot } from './boot.js';
import { readBootState } from './boot-records.js';

const NEW_HASH = sha256([NEW.image]);

const GEOMETRIES: readonly FlashGeometry[] = [
  { sectorRuns: [{ count: 56, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { sectorRuns: [{ count: 120, sectorBytes: 4096 }], granuleBytes: 512, granuleRewritable: false, erasedValue: 0x00 },
  {
    sectorRuns: [
      { count: 32, sectorBytes: 4096 },
      { count: 16, sectorBytes: 8192 },
    ],
    granuleBytes: 4,
    granuleRewritable: false,
    erasedValue: 0xff,
  },
];

function meterOctets(flash: NorFlash): Uint8Array {
  return flash.partition('meter').read(0, flash.partition('meter').sizeBytes);
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
  const layout = planLayout(geometry, { imageBytesMax: 4096, stagingBytes: 4096, profileDays: 2 });

  /** A meter whose boot records stand at any fill, so that some operations meet a full sector in one of them. */
  function meterAfter(starts: number): NorFlash {
    const flash = newMeter(layout, starts);
    flash.partition('meter').program(0, new Uint8Array(512).fill(0x5a));
    return flash;
  }
  const fills = [0, 9, 22];

  it.each([true, false])(
    'boots the old or the new image after a cut anywhere, and then ends (good image: %s)',
    (isGood) => {
      const struck = { cuts: 0, trial: 0, newRuns: 0, oldRuns: 0, turns: 0 };
      for (const fill of fills) {
        const start = meterAfter(fill);
        const meter = meterOctets(start);
        const epochMin = readBootState(start, crypto).bootEpoch;
        const operations = operationsOf(start, (flash) => update(flash, isGood));
        const erases = (flash: NorFlash): number => [0, 1, 2].reduce((sum, sector) => sum + flash.wear(sector), 0);
        for (let cutAt = 1; cutAt <= operations; cutAt++) {
          for (const phase of PHASES) {
            const flash = start.fork();
            const wasCut = cut(flash, { cutAt, phase, seed: fill + cutAt }, (world) => update(world, isGood));
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
            expect(end.state.highestOriginatorCounter).toBe(1n);
            expect(Buffer.compare(meterOctets(flash), meter)).toBe(0);
            const changes = new SecurityLog(flash, crc32).entries.filter(({ code }) => code === 0x8f43).length;
            expect(changes).toBe(isGood ? 1 : 2);
            if (erases(flash) > erases(start)) struck.turns += 1;
          }
        }
      }
      expect(struck.cuts).toBeGreaterThan(100);
      expect(struck.trial).toBeGreaterThan(10);
      expect(struck.oldRuns).toBeGreaterThan(10);
      expect(struck.turns).toBeGreaterThan(10);
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

  it.each(['before', 'during'] as const)(
    'ends with an image that boots when power comes back for a few operations at a time and goes %s one',
    (phase) => {
      const ended = new Map<number, number>();
      for (const fill of fills) {
        const start = meterAfter(fill);
        stage(start);
        for (let operations = 1; operations <= 12; operations++) {
          const flash = start.fork();
          let isCut = true;
          for (let powerCycles = 0; isCut && powerCycles < 60; powerCycles++) {
            const plan = { cutAt: operations + 1, phase, seed: powerCycles };
            isCut = cut(flash, plan, (world) => void update(world, true));
          }
          look(flash.fork(), 0);
          expect(update(flash, true).phase).toBe('confirmed');
          if (!isCut) ended.set(operations, (ended.get(operations) ?? 0) + 1);
        }
      }
      // Four operations are enough, whatever sector must be erased on the way.
      for (let operations = 4; operations <= 12; operations++) expect(ended.get(operations)).toBe(fills.length);
    },
  );
});

describe.each([
  ['two sectors', TWO_SECTORS],
  ['four sectors', LAYOUT],
])('a meter with its boot records in %s', (_, layout) => {
  const start = newMeter(layout, 5);
  const plan: fc.Arbitrary<FaultPlan> = fc.record({
    cutAt: fc.integer({ min: 1, max: 24 }),
    phase: fc.constantFrom('during', 'during', 'before', 'after'),
    mode: fc.constantFrom('prefix', 'bits'),
    seed: fc.nat(),
    weak: fc.boolean(),
    neighbour: fc.boolean(),
  });

  it('never goes back behind what it acted on, through a chain of cuts of every kind', () => {
    const struck = { cuts: 0, weakReads: 0, neighbours: 0, success: 0 };
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 8 }), fc.boolean(), (plans, isGood) => {
        const flash = start.fork();
        let floor = 1;
        let counter = 0n;
        let epoch = readBootState(flash, crypto).bootEpoch;
        for (const each of plans) {
          if (cut(flash, each, (world) => void update(world, isGood))) struck.cuts += 1;
          const seen = look(flash, epoch);
          epoch = seen.epoch;
          const { confirmed, highestOriginatorCounter } = seen.state;
          expect(confirmed!.securityCounter).toBeGreaterThanOrEqual(floor);
          expect(highestOriginatorCounter).toBeGreaterThanOrEqual(counter);
          floor = confirmed!.securityCounter;
          counter = highestOriginatorCounter;
          for (let i = 0; i < 2; i++) expect(essence(readBootState(flash, crypto))).toBe(essence(seen.state));
        }
        struck.weakReads += flash.struck.weakReads ?? 0;
        struck.neighbours += flash.struck.neighbours ?? 0;
        const end = update(flash, isGood);
        expect(end).toMatchObject({ phase: 'confirmed', degraded: false });
        if (end.state.outcome?.code === 'success') struck.success += 1;
      }),
      { numRuns: 400 },
    );
    expect(Math.min(struck.cuts, struck.weakReads, struck.neighbours, struck.success)).toBeGreaterThan(50);
  });
});
