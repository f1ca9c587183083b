import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlashError, PowerLost } from '../errors.js';
import type { FlashGeometry, FlashLayout } from '../flash/flash-port.js';
import { createFlash, type NorFlash } from '../flash/nor-flash.js';
import { Journal } from './journal.js';

const GEOMETRIES: readonly FlashGeometry[] = [
  { sectorRuns: [{ count: 3, sectorBytes: 1024 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { sectorRuns: [{ count: 3, sectorBytes: 1024 }], granuleBytes: 1, granuleRewritable: true, erasedValue: 0x00 },
  { sectorRuns: [{ count: 3, sectorBytes: 4096 }], granuleBytes: 512, granuleRewritable: false, erasedValue: 0x00 },
];

function layoutOf(geometry: FlashGeometry): FlashLayout {
  const { count, sectorBytes } = geometry.sectorRuns[0]!;
  return { geometry, partitions: [{ name: 'profile', offsetBytes: 0, lengthBytes: count * sectorBytes }] };
}

const open = (flash: NorFlash): Journal => new Journal(flash.partition('profile'), 7, crc32);

/** A record that says its number, and is longer or shorter for it. */
const record = (number: number): Uint8Array =>
  Uint8Array.from({ length: 1 + ((number * 37) % 90) }, (_, i) => (i === 0 ? number : i * number) & 0xff);
const numbers = (journal: Journal): readonly number[] => journal.records().map(({ payload }) => payload[0]!);

describe.each(GEOMETRIES)('a journal, granule $granuleBytes, erased $erasedValue', (geometry) => {
  const layout = layoutOf(geometry);

  it('keeps the newest records of at least two sectors, in order, whole', () => {
    const flash = createFlash(layout);
    const journal = open(flash);
    for (let i = 1; i <= 200; i++) {
      journal.append(record(i));
      const held = i % 20 === 0 ? open(flash) : journal;
      const shown = held.records();
      expect(shown.at(-1)?.payload).toEqual(record(i));
      expect(held.newest()?.payload).toEqual(record(i));
      expect(shown.map(({ payload }) => payload[0])).toEqual(shown.map((_, at) => (i - shown.length + 1 + at) & 0xff));
    }
    expect(numbers(journal).length).toBeGreaterThanOrEqual(
      Math.floor((geometry.sectorRuns[0]!.sectorBytes * 2) / 1024),
    );
  });

  it('loses nothing but the record of the cut, whatever the cut does', () => {
    const struck = { cuts: 0, torn: 0, kept: 0 };
    const cut = fc.record({
      appends: fc.integer({ min: 1, max: 12 }),
      cutAt: fc.integer({ min: 1, max: 16 }),
      phase: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
      mode: fc.constantFrom('prefix' as const, 'bits' as const),
      weak: fc.boolean(),
      neighbour: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(cut, { maxLength: 12 }), (cuts) => {
        const flash = createFlash(layout);
        const done: number[] = [];
        const cutOff = new Set<number>();
        // An erase that was cut may leave some of what it was to erase, and not the rest.
        const overwritten = new Set<number>();
        flash.watch((operation) => {
          if (operation.kind !== 'erase') return;
          const world = flash.fork();
          const before = numbers(open(world));
          world.eraseSector(operation.sectorIndex);
          const kept = numbers(open(world));
          for (const number of before) if (!kept.includes(number)) overwritten.add(number);
        });
        let next = 1;
        for (const { appends, ...plan } of cuts) {
          flash.arm(plan);
          try {
            const journal = open(flash);
            for (let i = 0; i < appends; i++) {
              cutOff.add(next);
              journal.append(record(next));
              cutOff.delete(next);
              done.push(next++);
            }
          } catch (error) {
            if (!(error instanceof PowerLost)) throw error;
            struck.cuts += 1;
            if (plan.phase === 'during') struck.torn += 1;
            next += 1;
          }
          flash.powerOn();
          const held = numbers(open(flash)).filter((number) => !cutOff.has(number));
          const stands = (number: number): boolean => !overwritten.has(number);
          expect(held.filter(stands)).toEqual(done.filter(stands));
          expect(done).toEqual(expect.arrayContaining([...held]));
          expect(held.length).toBeGreaterThanOrEqual(Math.min(done.length, 1));
          struck.kept += held.length;
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(struck.cuts, struck.torn, struck.kept)).toBeGreaterThan(50);
  });

  it('reads every record that is whole, wherever another one has rotted', () => {
    const flash = createFlash(layout);
    const journal = open(flash);
    for (let i = 1; i <= 5; i++) journal.append(record(i));
    const whole = numbers(journal);
    let struck = 0;
    for (let at = 0; at < geometry.sectorRuns[0]!.sectorBytes; at += 7) {
      const world = flash.fork();
      world.rot(at, 1 << (at % 8));
      const left = numbers(open(world));
      expect(left.every((number) => whole.includes(number))).toBe(true);
      expect(whole.length - left.length).toBeLessThanOrEqual(1);
      if (left.length < whole.length) struck += 1;
      open(world).append(record(6));
      expect(numbers(open(world)).at(-1)).toBe(6);
    }
    expect(struck).toBeGreaterThan(10);
  });

  it.each(['program-fails', 'program-lies', 'erase-fails', 'erase-lies'] as const)(
    'passes over a sector that is worn: %s',
    (kind) => {
      const flash = createFlash(layout);
      const journal = open(flash);
      for (let i = 1; i <= 5; i++) journal.append(record(i));
      flash.breakSector(1, kind);
      for (let i = 6; i <= 90; i++) {
        journal.append(record(i));
        expect(numbers(open(flash)).at(-1)).toBe(i);
      }
      for (const index of [0, 2]) flash.breakSector(index, 'program-lies');
      const before = numbers(open(flash)).at(-1);
      expect(() => journal.append(record(91))).toThrow(FlashError);
      expect(numbers(open(flash)).at(-1)).toBe(before);
    },
  );

  it('does not take the records of another journal for its own, nor one that no sector has room for', () => {
    const flash = createFlash(layout);
    open(flash).append(record(3));
    expect(new Journal(flash.partition('profile'), 8, crc32).records()).toEqual([]);
    expect(() => open(flash).append(new Uint8Array(geometry.sectorRuns[0]!.sectorBytes))).toThrow(/does not fit/);
  });
});
