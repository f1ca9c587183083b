/**
 * Goal: whatever one fault does to one sector of the boot records, the state is the one before or the one after the step
 * that was cut, and once a start has acted on it, it stays that one.
 * Method: every step that writes boot records, cut in every operation: all octet prefixes, parts of the bits, cells that
 * stay undecided, damage to the granule before; then every bit of both copies at rest, and sectors that are worn.
 */
import { describe, expect, it } from 'vitest';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { bootSlotBytes } from '../flash/layout-plan.js';
import { readingBadly } from '../flash/overlaid-flash.test-support.js';
import { BootError, FlashError } from '../errors.js';
import { BOOT_SLOTS_PER_SECTOR_MIN } from '../limits.js';
import {
  activate,
  AUTHORISATION,
  bootRecordsIn,
  crypto,
  cut,
  essence,
  GEOMETRY,
  LAYOUT,
  metersInEachState,
  newMeter,
  operationsOf,
  ports,
  stage,
  TWO_SECTORS,
  update,
} from './boot-bench.test-support.js';
import { boot } from './boot.js';
import { confirmTrial, discardStaged, readBootState, recordOutcome } from './boot-records.js';
import type { BootState } from './boot-state.js';
import { StateStore } from './state-store.js';

const state = (flash: NorFlash): BootState => readBootState(flash, crypto);

interface Step {
  readonly name: string;
  readonly from: string;
  readonly run: (flash: NorFlash) => void;
}
const OUTCOME = {
  code: 'hashMismatch',
  originatorCounter: 40n,
  authorisationDigest: AUTHORISATION,
  imageHash: new Uint8Array(32),
  versionAfter: 1,
} as const;
const start = (flash: NorFlash): void => void boot(flash, ports);
const STEPS: readonly Step[] = [
  { name: 'a plain start', from: 'old', run: start },
  { name: 'discarding', from: 'staged', run: (flash) => void discardStaged(flash, crypto) },
  { name: 'an activation', from: 'staged', run: activate },
  { name: 'an outcome', from: 'staged', run: (flash) => void recordOutcome(flash, crypto, OUTCOME) },
  { name: 'the first start on trial', from: 'pending', run: start },
  { name: 'a confirmation', from: 'trial', run: (flash) => void confirmTrial(flash, crypto) },
  { name: 'a revert', from: 'spent', run: start },
  { name: 'a start after a revert', from: 'reverted', run: start },
];

/** The same meters with the boot records at some fill, so that steps meet sectors that are full and sectors that are not. */
function metersAt(fill: number, layout = TWO_SECTORS): ReadonlyMap<string, NorFlash> {
  const meters = new Map<string, NorFlash>();
  for (const [name, flash] of metersInEachState(layout)) {
    // A start on trial is one of its steps.
    const starts = name === 'pending' || name === 'trial' ? 0 : fill;
    for (let i = 0; i < starts; i++) boot(flash, ports);
    meters.set(name, flash);
  }
  const spent = meters.get('trial')!.fork();
  for (let i = 0; i < 2; i++) boot(spent, ports);
  return meters.set('spent', spent);
}

interface Seen {
  before: number;
  after: number;
  wentOn: number;
}

/** A step from one meter, and what may come of it. */
interface Case {
  readonly run: (flash: NorFlash) => void;
  readonly from: NorFlash;
  readonly operations: number;
  readonly before: BootState;
  /** A start goes on from the state before or after: where it changes something itself, from what it makes of these. */
  readonly allowed: ReadonlySet<string>;
}

function caseOf({ run }: Step, from: NorFlash): Case {
  const clean = from.fork();
  run(clean);
  const after = state(clean);
  const before = state(from);
  const next = from.fork();
  boot(next, ports);
  const then = clean.fork();
  boot(then, ports);
  const allowed = new Set([before, after, state(next), state(then)].map(essence));
  return { run, from, operations: operationsOf(from, run), before, allowed };
}

function strike({ run, from, before, allowed }: Case, plan: FaultPlan, seen: Seen): void {
  const flash = from.fork();
  expect(cut(flash, plan, run)).toBe(true);
  const booted = boot(flash, ports);
  expect(booted.degraded).toBe(false);
  expect(allowed).toContain(essence(booted.state));
  expect(booted.state.bootEpoch).toBeGreaterThan(before.bootEpoch);
  expect(booted.state.trial?.bootCount ?? 0).toBeLessThanOrEqual(3);
  seen[essence(booted.state) === essence(before) ? 'before' : 'after'] += 1;
  // What a start has acted on stays, however often it is read: the undecided record does not come back, nor go.
  for (let i = 0; i < 3; i++) expect(essence(state(flash))).toBe(essence(booted.state));
  const again = boot(flash, ports);
  expect(again.state.highestOriginatorCounter).toBe(booted.state.highestOriginatorCounter);
  expect(again.state.confirmed).toEqual(booted.state.confirmed);
  if (essence(again.state) === essence(booted.state)) seen.wentOn += 1;
}

const slotBytes = bootSlotBytes(GEOMETRY.granuleBytes);
/** Offsets of the two newest records. */
const newestTwo = (flash: NorFlash): readonly number[] =>
  bootRecordsIn(flash)
    .slice(0, 2)
    .map(({ at }) => at);

describe.each([
  ['two sectors', TWO_SECTORS],
  ['four sectors', undefined],
])('a step of the boot records in %s, cut', (_, layout) => {
  const fills = [0, 1, 2, 4].map((fill) => metersAt(fill, layout));
  const cases = fills.map((meters) => STEPS.map((step) => caseOf(step, meters.get(step.from)!)));
  const each = (visit: (one: Case, cutAt: number, fill: number) => void): void => {
    for (const [fill, ofFill] of cases.entries()) {
      for (const one of ofFill) for (let cutAt = 1; cutAt <= one.operations; cutAt++) visit(one, cutAt, fill);
    }
  };

  it('is done or not done, whichever octet was the last', () => {
    const seen: Seen = { before: 0, after: 0, wentOn: 0 };
    each((one, cutAt, fill) => {
      if (fill !== 0) return;
      // The longer ring is told apart by its turns only, which the coarser step still meets.
      const by = layout === TWO_SECTORS ? 1 : 5;
      for (let torn = 0; torn <= 256; torn += by) strike(one, { cutAt, phase: 'during', torn }, seen);
    });
    expect(Math.min(seen.before, seen.after, seen.wentOn)).toBeGreaterThan(500);
  });

  it('is done or not done before and after any operation, and whichever bits were done', () => {
    const seen: Seen = { before: 0, after: 0, wentOn: 0 };
    each((one, cutAt, fill) => {
      strike(one, { cutAt, phase: 'before' }, seen);
      strike(one, { cutAt, phase: 'after' }, seen);
      for (let seed = 0; seed < 6; seed++) {
        strike(one, { cutAt, phase: 'during', mode: 'bits', seed: seed + 8 * fill }, seen);
      }
    });
    expect(Math.min(seen.before, seen.after, seen.wentOn)).toBeGreaterThan(200);
  });

  it('is done or not done when cells stay undecided and the granule before is damaged', () => {
    const seen: Seen = { before: 0, after: 0, wentOn: 0 };
    each((one, cutAt, fill) => {
      for (let seed = 0; seed < 16; seed++) {
        const mode = seed % 2 === 0 ? 'bits' : 'prefix';
        const plan = { cutAt, phase: 'during', mode, seed: seed + 64 * fill, weak: true, neighbour: true } as const;
        strike(one, seed < 8 ? plan : { ...plan, torn: 256 - (seed % 4) }, seen);
      }
    });
    expect(Math.min(seen.before, seen.after, seen.wentOn)).toBeGreaterThan(200);
  });
});

describe('boot records at rest', () => {
  it.each([...metersInEachState(TWO_SECTORS)])('lose nothing of a meter that is %s by any one bit', (name, flash) => {
    const whole = state(flash);
    const clean = boot(flash.fork(), ports);
    let worlds = 0;
    for (const at of newestTwo(flash)) {
      for (let octet = 0; octet < slotBytes; octet++) {
        for (let mask = 1; mask <= 0x80; mask <<= 1) {
          flash.rot(at + octet, mask);
          const seen = state(flash);
          expect(seen.highestOriginatorCounter).toBe(whole.highestOriginatorCounter);
          if (seen.confirmed?.securityCounter !== whole.confirmed?.securityCounter) expect.unreachable();
          if (name !== 'reverted' && essence(seen) !== essence(whole)) expect.unreachable();
          flash.rot(at + octet, mask);
          worlds += 1;
        }
        const world = flash.fork();
        world.rot(at + octet, 1 << (octet & 7));
        const booted = boot(world, ports);
        expect(booted).toMatchObject({ phase: clean.phase, degraded: false });
        expect(essence(booted.state)).toBe(essence(clean.state));
      }
    }
    expect(worlds).toBe(2 * slotBytes * 8);
    expect(essence(state(flash))).toBe(essence(whole));
  });

  it('stand in two sectors after every step, so that either can be lost', () => {
    for (const [name, flash] of metersInEachState()) {
      const whole = essence(state(flash));
      if (name === 'trial' || name === 'reverted') continue;
      const sectors = newestTwo(flash).map((at) => Math.floor(at / 4096));
      expect(new Set(sectors).size).toBe(2);
      for (const sector of sectors) {
        const world = flash.fork();
        for (let at = 0; at < 4096; at += 64) world.rot(sector * 4096 + at, 0x10);
        expect(essence(state(world))).toBe(whole);
      }
    }
  });
});

describe('boot records on worn sectors', () => {
  const KINDS = ['program-fails', 'erase-fails', 'read-fails', 'program-lies', 'erase-lies'] as const;

  it.each(KINDS)('take an update all the same when any one of four sectors is worn: %s', (kind) => {
    for (const [name, from] of metersInEachState()) {
      for (let sector = 0; sector < 4; sector++) {
        for (const fill of [0, 7, 13]) {
          const flash = from.fork();
          for (let i = 0, starts = name === 'old' ? fill : 0; i < starts; i++) boot(flash, ports);
          const { highestOriginatorCounter, confirmed } = state(flash);
          flash.breakSector(sector, kind);
          const end = update(flash);
          expect(end).toMatchObject({ phase: 'confirmed', degraded: false });
          expect(end.state.highestOriginatorCounter).toBeGreaterThanOrEqual(highestOriginatorCounter);
          expect(end.state.confirmed!.securityCounter).toBeGreaterThanOrEqual(confirmed!.securityCounter);
          for (let i = 0; i < 20; i++) boot(flash, ports);
          expect(essence(state(flash))).toBe(essence(end.state));
        }
      }
    }
  });

  it.each(KINDS)('never keep a good image from running when one of two sectors is worn: %s', (kind) => {
    let degraded = 0;
    for (const [name, from] of metersInEachState(TWO_SECTORS)) {
      for (let sector = 0; sector < 2; sector++) {
        const flash = from.fork();
        flash.breakSector(sector, kind);
        const floor = state(flash).confirmed!.securityCounter;
        for (let i = 0; i < 12; i++) {
          const result = boot(flash, ports);
          expect(result.phase).toBeOneOf(['confirmed', 'trial']);
          // A start on trial that cannot be counted is not made.
          if (result.degraded) {
            degraded += 1;
            expect(result).toMatchObject({ phase: 'confirmed', spareSlot: undefined });
          }
          expect(state(flash).confirmed!.securityCounter).toBe(floor);
        }
        if (name === 'old' && kind === 'program-fails' && boot(flash, ports).degraded) {
          expect(() => recordOutcome(flash, crypto, OUTCOME)).toThrow(FlashError);
        }
      }
    }
    expect(degraded).toBeGreaterThan(10);
  });
});

describe('a record that a cut left all but done', () => {
  const from = newMeter();
  stage(from);
  /** Of the first of the two records of the activation, with the other one not begun. */
  const first = from.fork();
  cut(first, { cutAt: 2, phase: 'after' }, activate);
  const [at] = newestTwo(first);

  it('is believed only when two reads agree on it', () => {
    expect(state(first).pending).toBeDefined();
    let reads = 0;
    const everySecond = readingBadly(first, at! + 40, () => reads++ % 2 === 1);
    expect(readBootState(everySecond, crypto).pending).toBeUndefined();
    expect(reads).toBeGreaterThan(1);
  });

  it('comes back too late when a start did not see it', () => {
    // At some of these fills it was the last one of its sector, and the record of the start is in another one.
    for (let starts = 1; starts < 34; starts++) {
      const before = newMeter(LAYOUT, starts);
      stage(before);
      cut(before, { cutAt: operationsOf(before, activate) - 2, phase: 'after' }, activate);
      if (state(before).pending === undefined) continue;
      const [hidden] = newestTwo(before);
      const booted = boot(
        readingBadly(before, hidden! + 40, () => true),
        ports,
      );
      expect(booted.state.pending).toBeUndefined();
      // From here on it reads as intact, and is an older one.
      expect(essence(state(before))).toBe(essence(booted.state));
      expect(state(before).bootEpoch).toBe(booted.epoch);
    }
  });
});

describe('the store of boot records', () => {
  it('refuses sectors with room for too few records, and a state that does not fit', () => {
    const sectorBytes = (BOOT_SLOTS_PER_SECTOR_MIN - 1) * bootSlotBytes(16);
    const flash = createFlash({
      geometry: { ...GEOMETRY, sectorRuns: [{ count: 2, sectorBytes }] },
      partitions: [
        { name: 'boot-a', offsetBytes: 0, lengthBytes: sectorBytes },
        { name: 'boot-b', offsetBytes: sectorBytes, lengthBytes: sectorBytes },
      ],
    });
    expect(() => new StateStore(flash, crypto.crc32, true)).toThrow(/boot-a/);
    const store = new StateStore(newMeter(), crypto.crc32, false);
    expect(() => store.writeOnce('boot', { ...store.state, bootEpoch: 2 ** 32 })).toThrow(BootError);
  });

  it('takes one write a start, and an erase only where a sector is full', () => {
    const flash = newMeter(TWO_SECTORS, 0);
    const operations = Array.from({ length: 60 }, () => {
      const before = flash.operationCount;
      start(flash);
      return flash.operationCount - before;
    });
    expect(new Set(operations)).toEqual(new Set([2, 3]));
    expect(flash.wear(0) + flash.wear(1)).toBeLessThan(20);
    stage(flash);
    expect(operationsOf(flash, activate)).toBeLessThanOrEqual(5);
  });
});
