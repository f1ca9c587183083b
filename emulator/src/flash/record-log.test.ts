import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PowerLost } from '../errors.js';
import type { FlashGeometry, FlashLayout, FlashPort } from './flash-port.js';
import { createFlash } from './nor-flash.js';
import { RecordLog } from './record-log.js';

const GEOMETRIES: readonly FlashGeometry[] = [
  { sectorRuns: [{ count: 120, sectorBytes: 1024 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { sectorRuns: [{ count: 60, sectorBytes: 4096 }], granuleBytes: 512, granuleRewritable: true, erasedValue: 0x00 },
  { sectorRuns: [{ count: 120, sectorBytes: 1024 }], granuleBytes: 8, granuleRewritable: false, erasedValue: 0xff },
];
const KEEP = 3;

function open(flash: FlashPort): RecordLog {
  return new RecordLog([flash.partition('boot-a'), flash.partition('boot-b')], { logId: 9, payloadBytes: 20 }, crc32);
}

function payload(number: number): Uint8Array {
  return Uint8Array.from({ length: 1 + (number % 20) }, (_, i) => (i === 0 ? number & 0xff : (number * 13 + i) & 0xff));
}

/** Numbers of the records, in order, each once. Payloads name their number modulo 256. */
function numbers(log: RecordLog): readonly number[] {
  return [...new Set(log.records.map((record) => record.payload[0]!))];
}

/** Keeps the last KEEP records whatever sector is erased. */
function append(log: RecordLog, number: number): void {
  log.append(payload(number), (kept) => {
    const numbersKept = new Set(kept.map((record) => record.payload[0]));
    return log.records
      .slice(1 - KEEP)
      .map((record) => record.payload)
      .filter((octets) => !numbersKept.has(octets[0]));
  });
}

describe.each(GEOMETRIES)('a record log, granule $granuleBytes, erased $erasedValue', (geometry) => {
  const { sectorBytes } = geometry.sectorRuns[0]!;
  const layout: FlashLayout = {
    geometry,
    partitions: [
      { name: 'boot-a', offsetBytes: 0, lengthBytes: sectorBytes },
      { name: 'boot-b', offsetBytes: sectorBytes, lengthBytes: sectorBytes },
    ],
  };

  it('gives back a suffix of what was appended that loses nothing but the record of the cut', () => {
    const struck = { before: 0, during: 0, after: 0, compactions: 0 };
    const step = fc.record({
      appends: fc.integer({ min: 0, max: 9 }),
      cutAt: fc.integer({ min: 1, max: 24 }),
      phase: fc.constantFrom('before', 'during', 'after'),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
        const flash = createFlash(layout);
        let last = 0;
        let trying = 0;
        for (const { appends, cutAt, phase, seed } of steps) {
          flash.arm({ cutAt, phase, seed });
          try {
            const log = open(flash);
            for (let i = 0; i < appends; i++) {
              trying = last + 1;
              append(log, trying);
              last = trying;
            }
          } catch (error) {
            if (!(error instanceof PowerLost)) throw error;
            struck[phase] += 1;
          }
          flash.powerOn();
          const log = open(flash);
          const held = numbers(log);
          const end = held.at(-1) ?? 0;
          expect(end === last || end === trying).toBe(true);
          expect(held).toEqual(Array.from({ length: held.length }, (_, i) => end - held.length + 1 + i));
          expect(held.length).toBeGreaterThanOrEqual(Math.min(KEEP, end));
          for (const record of log.records) expect(record.payload).toEqual(payload(record.payload[0]!));
          last = end;
        }
        if (flash.operationCount > last + 3) struck.compactions += 1;
      }),
      { numRuns: 150 },
    );
    expect(Math.min(struck.before, struck.during, struck.after, struck.compactions)).toBeGreaterThan(10);
  });

  it('reads the old or the new state after a cut at every octet of every operation of a compaction', () => {
    const flash = createFlash(layout);
    let number = 0;
    for (const log = open(flash); flash.wear(0) + flash.wear(1) < 2;) append(log, ++number);
    // `flash` has just erased its second sector: redo its last append from the state before.
    const rewound = createFlash(layout);
    const log = open(rewound);
    for (let i = 1; i < number; i++) append(log, i);
    const clean = rewound.fork();
    append(open(clean), number);
    const operations = clean.operationCount - rewound.operationCount;
    expect(operations).toBeGreaterThanOrEqual(3);
    const seen = { old: 0, new: 0 };
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      for (let torn = 0; torn <= 4096; torn += torn < 64 ? 1 : 61) {
        const world = rewound.fork();
        world.arm({ cutAt, phase: 'during', torn });
        expect(() => append(open(world), number)).toThrow(PowerLost);
        world.powerOn();
        const end = numbers(open(world)).at(-1);
        expect(end === number || end === number - 1).toBe(true);
        seen[end === number ? 'new' : 'old'] += 1;
        append(open(world), number + 1);
        expect(numbers(open(world)).at(-1)).toBe(number + 1);
      }
    }
    expect(Math.min(seen.old, seen.new)).toBeGreaterThan(5);
  });

  it('does not count a sector whose header was not written, and erases it before it is used', () => {
    const flash = createFlash(layout);
    const log = open(flash);
    let number = 0;
    for (let isTurned = false; !isTurned;) {
      const before = flash.operationCount;
      const world = flash.fork();
      append(log, ++number);
      const lastOperations = flash.operationCount - before;
      isTurned = flash.wear(0) + flash.wear(1) === 2;
      if (!isTurned) continue;
      world.arm({ cutAt: lastOperations, phase: 'before' });
      expect(() => append(open(world), number)).toThrow(PowerLost);
      world.powerOn();
      expect(numbers(open(world)).at(-1)).toBe(number - 1);
      append(open(world), number);
      expect(numbers(open(world)).at(-1)).toBe(number);
    }
  });

  it('survives the rot of any one header or record with all the others', () => {
    const flash = createFlash(layout);
    for (let number = 1, log = open(flash); number <= 45; number++) append(log, number);
    const whole = open(flash).records.map((record) => record.sequence);
    const spoilt = new Uint8Array(geometry.granuleBytes).fill(geometry.erasedValue ^ 0xff);
    let struck = 0;
    for (const half of ['boot-a', 'boot-b'] as const) {
      const { sizeBytes } = flash.partition(half);
      const slotBytes = Math.ceil(36 / geometry.granuleBytes) * geometry.granuleBytes;
      for (let at = 0; at + slotBytes <= sizeBytes && geometry.granuleRewritable; at += slotBytes) {
        const world = flash.fork();
        world.partition(half).program(at, spoilt);
        const left = open(world).records.map((record) => record.sequence);
        expect(whole.length - left.length).toBeLessThanOrEqual(1);
        if (left.length < whole.length) struck += 1;
      }
    }
    expect(struck).toBeGreaterThan(geometry.granuleRewritable ? 5 : -1);
  });

  it('goes on with a turn of the ring that a cut stopped, and so ends it however short the power stays on', () => {
    const flash = createFlash(layout);
    let number = 0;
    for (const log = open(flash); flash.wear(0) + flash.wear(1) < 2;) append(log, ++number);
    const before = createFlash(layout);
    for (let i = 1, log = open(before); i < number; i++) append(log, i);
    for (const allowed of [2, 3]) {
      const world = before.fork();
      let cuts = 0;
      for (let isDone = false; !isDone && cuts < 40; cuts++) {
        world.arm({ cutAt: allowed + 1, phase: 'before' });
        try {
          append(open(world), number);
          isDone = true;
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
        }
        world.powerOn();
      }
      expect(cuts).toBeLessThan(40);
      expect(numbers(open(world)).at(-1)).toBe(number);
    }
  });

  it('loses no record before the one that was cut, whatever the cut leaves of that one and damages beside it', () => {
    const isGuarded = open(createFlash(layout)).isGuarded;
    expect(isGuarded).toBe(geometry.granuleBytes < 512);
    const flash = createFlash(layout);
    let struck = 0;
    for (let number = 1, log = open(flash); number <= 40; number++) {
      for (let seed = 0; seed < 12; seed++) {
        const world = flash.fork();
        const mode = seed % 2 === 0 ? 'bits' : 'prefix';
        world.arm({ cutAt: 1 + (seed % 3), phase: 'during', mode, seed, weak: seed % 3 !== 0, neighbour: isGuarded });
        try {
          append(open(world), number);
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
          struck += 1;
        }
        world.powerOn();
        for (let again = 0; again < 2; again++) {
          const held = numbers(open(world)).filter((held) => held < number);
          const kept = Array.from({ length: Math.min(KEEP - 1, number - 1) }, (_, i) => number - 1 - i);
          for (const one of kept) expect(held).toContain(one);
        }
        append(open(world), number + 1);
        expect(numbers(open(world))).toContain(number + 1);
      }
      append(log, number);
    }
    expect(struck).toBeGreaterThan(100);
  });
});

describe.each(['program-fails', 'erase-fails', 'read-fails', 'program-lies', 'erase-lies'] as const)(
  'a record log with a worn sector: %s',
  (kind) => {
    const [geometry] = GEOMETRIES;
    const { sectorBytes } = geometry!.sectorRuns[0]!;
    const layoutOf = (count: number): FlashLayout => ({
      geometry: geometry!,
      partitions: [
        { name: 'boot-a', offsetBytes: 0, lengthBytes: sectorBytes },
        { name: 'boot-b', offsetBytes: sectorBytes, lengthBytes: (count - 1) * sectorBytes },
      ],
    });

    it('takes records all the same where the ring has three', () => {
      for (let worn = 0; worn < 3; worn++) {
        for (const from of [0, 7, 20, 31]) {
          const flash = createFlash(layoutOf(3));
          for (let number = 1, log = open(flash); number <= from; number++) append(log, number);
          flash.breakSector(worn, kind);
          for (let number = from + 1; number <= from + 90; number++) {
            append(open(flash), number);
            expect(numbers(open(flash)).at(-1)).toBe(number);
          }
        }
      }
    });

    it('says so where the ring has two, and keeps what it had', () => {
      const flash = createFlash(layoutOf(2));
      let last = 0;
      for (const log = open(flash); last < 7;) append(log, ++last);
      flash.breakSector(1, kind);
      const appendAll = (): void => {
        for (; last < 200; last++) append(open(flash), last + 1);
      };
      expect(appendAll).toThrow(/does not keep/);
      expect(numbers(open(flash)).at(-1)).toBe(last & 0xff);
    });
  },
);
