/**
 * Goal: what a cut, wear or age does to flash lies within what flash can do, is the same in every replay, and stays in
 * the flash it struck.
 * Method: properties over granules 1 to 512, both erased values, rewritable or not; the octets are judged bit by bit.
 */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FaultPlan } from './fault-plan.js';
import type { NorFlash } from './nor-flash.js';
import { loadFlash } from './nor-flash.js';
import {
  GEOMETRIES,
  PLAIN,
  SECTOR_BYTES,
  codeOf,
  contents,
  data,
  differingBits,
  erasedAgain,
  fileOf,
  flashOf,
  isCut,
} from './physics.test-support.js';

const plan = fc.record(
  {
    cutAt: fc.integer({ min: 1, max: 6 }),
    phase: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
    torn: fc.nat(SECTOR_BYTES),
    mode: fc.constantFrom('prefix' as const, 'bits' as const),
    seed: fc.nat(),
    weak: fc.boolean(),
  },
  { requiredKeys: ['cutAt', 'phase'] },
);

describe.each(GEOMETRIES)(
  'flash with granule $granuleBytes, erased $erasedValue, rewritable $granuleRewritable',
  (geometry) => {
    const { granuleBytes, erasedValue } = geometry;
    const pageBytes = Math.max(granuleBytes, 256 - (256 % granuleBytes));

    it('sets no bit toward erased but by an erase, whatever is cut, and touches only the sector of the operation', () => {
      let cuts = 0;
      fc.assert(
        fc.property(plan, fc.array(fc.nat(11), { minLength: 1, maxLength: 8 }), (armed: FaultPlan, units) => {
          const flash = flashOf(geometry);
          let held = contents(flash);
          flash.arm(armed);
          for (const unit of units) {
            const at = unit * 512 - ((unit * 512) % granuleBytes);
            const octets = data(granuleBytes, unit);
            if (codeOf(() => void (cuts += Number(isCut(() => flash.program(at, octets))))) === 'not-erased') continue;
            // What the cells hold, without the flicker of weak ones.
            const now = held.map((octet, i) => {
              if (i < at || i >= at + octets.length) return octet;
              return erasedValue === 0xff ? octet & octets[i - at]! : octet | octets[i - at]!;
            });
            if (!flash.powered) {
              flash.powerOn();
              const read = contents(flash);
              expect(erasedAgain(held, read, erasedValue)).toBe(0);
              expect(erasedAgain(read, now, erasedValue)).toBe(0);
              return;
            }
            expect(Buffer.compare(contents(flash), now)).toBe(0);
            held = now;
          }
        }),
        { numRuns: 60 },
      );
      expect(cuts).toBeGreaterThan(10);
    });

    it('holds after a torn program or erase something between before and after, bit for bit', () => {
      let torn = 0;
      fc.assert(
        fc.property(plan, fc.boolean(), fc.nat(), (armed: FaultPlan, erases, seed) => {
          const flash = flashOf(geometry);
          const sector = flash.sectors[1]!;
          if (erases) flash.program(sector.offsetBytes, data(SECTOR_BYTES, seed));
          const before = contents(flash);
          flash.arm({ ...armed, cutAt: 1, phase: 'during', weak: false });
          const lengthBytes = Math.ceil(100 / granuleBytes) * granuleBytes;
          const lost = isCut(() =>
            erases ? flash.eraseSector(1) : flash.program(sector.offsetBytes, data(lengthBytes, seed)),
          );
          expect(lost).toBe(true);
          flash.powerOn();
          const after = before.slice();
          if (erases) after.fill(erasedValue, sector.offsetBytes, sector.offsetBytes + SECTOR_BYTES);
          else after.set(data(lengthBytes, seed), sector.offsetBytes);
          const held = contents(flash);
          const strays = held.filter((octet, i) => ((octet ^ before[i]!) & ~(before[i]! ^ after[i]!)) !== 0);
          expect(strays.length).toBe(0);
          const { tornErases, tornPrograms, cuts } = flash.struck;
          const isTorn = differingBits(held, after) > 0;
          expect([tornErases, tornPrograms, cuts]).toEqual([Number(isTorn && erases), Number(isTorn && !erases), 1]);
          torn += Number(isTorn);
        }),
        { numRuns: 60 },
      );
      expect(torn).toBeGreaterThan(20);
    });

    it('counts a program once for each page, and can be cut between two of them', () => {
      const lengthBytes = 4 * pageBytes;
      const octets = data(lengthBytes, 7);
      const whole = flashOf(geometry);
      whole.program(SECTOR_BYTES, octets);
      const pages = whole.operationCount;
      expect(pages).toBe(4);
      const crossing = flashOf(geometry);
      crossing.program(SECTOR_BYTES - granuleBytes, octets.subarray(0, 2 * granuleBytes));
      expect(crossing.operationCount).toBe(2);
      for (let cutAt = 1; cutAt <= pages; cutAt++) {
        for (const phase of ['before', 'after'] as const) {
          const flash = flashOf(geometry);
          flash.arm({ cutAt, phase });
          expect(isCut(() => flash.program(SECTOR_BYTES, octets))).toBe(true);
          flash.powerOn();
          const doneBytes = (phase === 'after' ? cutAt : cutAt - 1) * pageBytes;
          expect(flash.operationCount).toBe(cutAt);
          expect(flash.read(SECTOR_BYTES, doneBytes)).toEqual(octets.subarray(0, doneBytes));
          const rest = flash.read(SECTOR_BYTES + doneBytes, lengthBytes - doneBytes);
          expect(rest.every((octet) => octet === erasedValue)).toBe(true);
        }
      }
    });

    it('has weak cells after a torn operation that read differently each time, until their sector is erased', () => {
      let flickered = 0;
      for (let seed = 0; seed < 12; seed++) {
        const flash = flashOf(geometry);
        const erases = seed % 2 === 0;
        if (erases) flash.program(0, data(SECTOR_BYTES, 3));
        const before = contents(flash);
        flash.arm({ cutAt: 1, phase: 'during', mode: seed % 3 === 0 ? 'prefix' : 'bits', seed, weak: true });
        const octets = data(Math.ceil(200 / granuleBytes) * granuleBytes, 9);
        isCut(() => (erases ? flash.eraseSector(0) : flash.program(0, octets)));
        flash.powerOn();
        const wanted = erases ? new Uint8Array(SECTOR_BYTES).fill(erasedValue) : octets;
        const reads = Array.from({ length: 6 }, () => contents(flash));
        for (const read of reads) {
          const strays = read.filter(
            (octet, i) => ((octet ^ before[i]!) & ~(before[i]! ^ (wanted[i] ?? before[i]!))) !== 0,
          );
          expect(strays.length).toBe(0);
        }
        if (new Set(reads.map((read) => read.join())).size > 1) {
          flickered += 1;
          expect(flash.struck.weakReads).toBeGreaterThan(1);
        }
        flash.eraseSector(0);
        const settled = Array.from({ length: 4 }, () => contents(flash));
        expect(settled.every((read) => read.every((octet) => octet === erasedValue))).toBe(true);
      }
      expect(flickered).toBeGreaterThan(5);
    });

    it('keeps cells weak that are programmed after a torn erase, until a whole one', () => {
      let unreliable = 0;
      for (let seed = 0; seed < 12; seed++) {
        const flash = flashOf(geometry);
        flash.program(0, new Uint8Array(SECTOR_BYTES).fill(0x5a));
        flash.arm({ cutAt: 1, phase: 'during', torn: 0, seed, weak: true });
        isCut(() => flash.eraseSector(0));
        flash.powerOn();
        flash.program(0, new Uint8Array(granuleBytes).fill(0x0f));
        const reads = new Set(Array.from({ length: 24 }, () => flash.read(0, granuleBytes).join()));
        unreliable += Number(reads.size > 1);
        flash.eraseSector(0);
        flash.program(0, new Uint8Array(granuleBytes).fill(0x0f));
        expect(flash.read(0, granuleBytes).every((octet) => octet === 0x0f)).toBe(true);
      }
      expect(unreliable).toBeGreaterThan(5);
    });

    it('damages, when a program is cut, only the granule programmed before it in the same sector', () => {
      const ways = new Set<string>();
      for (let seed = 0; seed < 40; seed++) {
        const flash = flashOf(geometry);
        // Elsewhere, the victim, and after it the program that is cut.
        flash.program(SECTOR_BYTES, data(granuleBytes, 1));
        flash.program(0, data(2 * granuleBytes, 2));
        const before = contents(flash);
        flash.arm({ cutAt: 1, phase: 'during', torn: 0, seed, neighbour: true });
        expect(isCut(() => flash.program(2 * granuleBytes, data(granuleBytes, 5)))).toBe(true);
        flash.powerOn();
        const held = contents(flash);
        const changed = [...held.keys()].filter((i) => held[i] !== before[i]);
        expect(changed.every((i) => i >= granuleBytes && i < 2 * granuleBytes)).toBe(true);
        if (changed.length === 0) continue;
        expect(flash.struck.neighbours).toBe(1);
        ways.add(
          erasedAgain(before.subarray(0, 1024), held.subarray(0, 1024), erasedValue) > 0
            ? 'some bit erased'
            : 'only programmed',
        );
      }
      expect(ways).toEqual(new Set(['some bit erased', 'only programmed']));
    });
  },
);

describe('a plan of mode bits', () => {
  it('reaches one bit done, one bit missing, and shares between, by its seed', () => {
    const wanted = new Uint8Array(64).fill(0x00);
    const missing = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const flash = flashOf(PLAIN);
      flash.arm({ cutAt: 1, phase: 'during', mode: 'bits', seed });
      isCut(() => flash.program(0, wanted));
      flash.powerOn();
      missing.add(differingBits(flash.read(0, 64), wanted));
    }
    expect(missing.has(1)).toBe(true);
    expect(missing.has(511)).toBe(true);
    expect([...missing].filter((count) => count > 150 && count < 350).length).toBeGreaterThan(5);
  });

  it('does the first octets whole when it says how many', () => {
    let partial = 0;
    for (let seed = 0; seed < 30; seed++) {
      const flash = flashOf(PLAIN);
      flash.arm({ cutAt: 1, phase: 'during', mode: 'bits', torn: 40, seed });
      isCut(() => flash.program(0, new Uint8Array(64)));
      flash.powerOn();
      const held = flash.read(0, 64);
      expect(held.subarray(0, 40).every((octet) => octet === 0)).toBe(true);
      partial += Number(held.subarray(40).some((octet) => octet !== 0));
    }
    expect(partial).toBeGreaterThan(20);
  });
});

describe('damage to the unit programmed before', () => {
  const granule = (value: number): Uint8Array => new Uint8Array(16).fill(value);
  const changedBy = (flash: NorFlash, at: number, seed: number): readonly number[] => {
    const before = contents(flash);
    flash.arm({ cutAt: 1, phase: 'during', torn: 16, seed, neighbour: true });
    isCut(() => flash.program(at, granule(0x0f)));
    flash.powerOn();
    const held = contents(flash);
    const outside = [...held.keys()].filter((i) => (i < at || i >= at + 16) && held[i] !== before[i]);
    return [...new Set(outside.map((i) => Math.floor(i / 16)))];
  };

  it('goes by the order of programs, not by their place', () => {
    for (let seed = 0; seed < 10; seed++) {
      const flash = flashOf(PLAIN);
      flash.program(5 * 16, granule(0x33));
      flash.program(16, granule(0x33));
      expect(changedBy(flash, 7 * 16, seed)).toEqual([1]);
    }
  });

  it('takes the nearest programmed granule below when the order is not known, and none when there is none', () => {
    const flash = flashOf(PLAIN);
    flash.program(16, granule(0x33));
    flash.program(5 * 16, granule(0x33));
    const loaded = loadFlash(fileOf(flash), crc32);
    expect(changedBy(loaded.fork(), 3 * 16, 1)).toEqual([1]);
    expect(changedBy(loaded.fork(), 7 * 16, 1)).toEqual([5]);
    const none = loaded.fork();
    expect(changedBy(none, 0, 1)).toEqual([]);
    expect(changedBy(none.fork(), SECTOR_BYTES, 1)).toEqual([]);
    expect(none.struck.neighbours).toBe(0);
  });

  it('is nobody’s fault: the same octets can be programmed again', () => {
    let hurt = 0;
    for (let seed = 0; seed < 30; seed++) {
      const flash = flashOf(PLAIN);
      flash.program(0, granule(0xf3));
      hurt += changedBy(flash, 16, seed).length;
      expect(codeOf(() => flash.program(0, granule(0xf3)))).toBeUndefined();
    }
    expect(hurt).toBe(30);
  });
});
