import { describe, expect, it } from 'vitest';
import type { FlashLayout } from './flash-port.js';
import { createFlash } from './nor-flash.js';
import { SectorPool, SectorTable, blankSector } from './sector-table.js';

const LAYOUT: FlashLayout = {
  geometry: {
    sectorRuns: [{ count: 4, sectorBytes: 256 }],
    granuleBytes: 4,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
  partitions: [],
};
const filled = (value: number): Uint8Array => new Uint8Array(256).fill(value);

/** What a table of this many sectors shows, as text. */
function state(table: SectorTable, sectors: number): string {
  const each = Array.from({ length: sectors }, (_, index) => index);
  return JSON.stringify(each.map((i) => [[...table.octets(i)], table.wear(i), table.lastUnit(i)]));
}

describe('a table of sectors', () => {
  it('is copied by the side of a fork that writes, and only the sector it writes to', () => {
    const table = SectorTable.of([filled(1), filled(2)], Uint32Array.of(3, 4));
    table.own(0)[0] = 9;
    const fork = table.fork();
    expect(fork.octets(0)).toBe(table.octets(0));
    fork.own(0)[1] = 8;
    fork.addErase(1);
    fork.setLastUnit(1, 4);
    expect([...table.octets(0).subarray(0, 2), ...fork.octets(0).subarray(0, 2)]).toEqual([9, 1, 9, 8]);
    expect(fork.octets(1)).toBe(table.octets(1));
    expect([table.wear(0), table.wear(1), fork.wear(0), fork.wear(1)]).toEqual([3, 4, 3, 5]);
    expect([table.lastUnit(1), fork.lastUnit(1)]).toEqual([0, 5]);
    table.own(0)[2] = 7;
    expect(fork.octets(0)[2]).toBe(1);
  });

  it('keeps sectors apart, however many there are', () => {
    const count = 200;
    const table = SectorTable.of(
      Array.from({ length: count }, (_, i) => filled(i)),
      Uint32Array.from({ length: count }, (_, i) => 1000 + i),
    );
    const fork = table.fork();
    for (let i = 0; i < count; i += 3) {
      fork.own(i)[0] = 255;
      fork.addErase(i);
      fork.setLastUnit(i, i);
    }
    for (let i = 0; i < count; i++) {
      const written = i % 3 === 0;
      expect([table.octets(i)[0], table.wear(i), table.lastUnit(i)]).toEqual([i, 1000 + i, 0]);
      expect([fork.octets(i)[0], fork.octets(i)[1], fork.wear(i)]).toEqual([
        written ? 255 : i,
        i,
        1000 + i + Number(written),
      ]);
      expect(fork.lastUnit(i)).toBe(written ? i + 1 : 0);
    }
  });

  it('copies for every single way to write after a fork', () => {
    const ways: readonly ((table: SectorTable) => void)[] = [
      (table) => table.own(1).fill(3),
      (table) => table.replace(1, filled(3), true),
      (table) => table.addErase(1),
      (table) => table.setLastUnit(1, 8),
    ];
    for (const write of ways) {
      const table = SectorTable.of([filled(1), filled(2)], new Uint32Array(2));
      const fork = table.fork();
      const before = state(table, 2);
      write(fork);
      expect(state(table, 2)).toBe(before);
      expect(state(fork, 2)).not.toBe(before);
      const after = state(fork, 2);
      write(table);
      expect(state(fork, 2)).toBe(after);
    }
  });
});

describe('a pool of sectors', () => {
  it('gives flashes that were filled apart one array for each content, and a write takes it from nobody', () => {
    const pool = new SectorPool();
    const tables = [0, 1, 2].map((last) => {
      const table = SectorTable.of([blankSector(256, 0xff), filled(2), filled(3)], new Uint32Array(3));
      table.own(0);
      table.own(1)[0] = 7;
      table.own(2)[0] = last;
      table.share(pool);
      return table;
    });
    const [a, b, c] = tables as [SectorTable, SectorTable, SectorTable];
    expect(a.octets(0)).toBe(blankSector(256, 0xff));
    expect(b.octets(1)).toBe(a.octets(1));
    expect(c.octets(1)).toBe(a.octets(1));
    expect(new Set([a.octets(2), b.octets(2), c.octets(2)]).size).toBe(3);
    b.own(1)[1] = 0;
    expect([...a.octets(1).subarray(0, 2), ...b.octets(1).subarray(0, 2)]).toEqual([7, 2, 7, 0]);
  });

  it('takes what was written before a fork as well, and leaves the fork as it was', () => {
    const pool = new SectorPool();
    const [a, b] = [0, 1].map(() => {
      const table = SectorTable.of([filled(2), filled(3)], new Uint32Array(2));
      table.own(1)[0] = 7;
      return table;
    }) as [SectorTable, SectorTable];
    const fork = a.fork();
    const before = state(fork, 2);
    for (const table of [a, b]) table.share(pool);
    expect(b.octets(1)).toBe(a.octets(1));
    expect(state(fork, 2)).toBe(before);
    a.own(1)[0] = 8;
    fork.own(1)[0] = 9;
    expect([a, b, fork].map((table) => table.octets(1)[0])).toEqual([8, 7, 9]);
  });

  it('keeps the counters of flashes apart that share everything else, before and after they write', () => {
    const pool = new SectorPool();
    const tables = [0, 0, 1, 2].map((erases) => {
      const table = SectorTable.of([filled(2), filled(3)], new Uint32Array(2));
      table.replace(0, filled(4), true);
      table.setLastUnit(0, 16);
      for (let i = 0; i < erases; i++) table.addErase(1);
      return table;
    });
    const before = tables.map((table) => state(table, 2));
    for (const table of tables) table.share(pool);
    expect(tables.map((table) => state(table, 2))).toEqual(before);
    expect(before[1]).toBe(before[0]);
    expect(before[2]).not.toBe(before[0]);
    for (const [i, table] of tables.entries()) {
      table.addErase(0);
      table.own(1)[0] = 9;
      tables.forEach((other, at) => {
        if (at > i) expect(state(other, 2)).toBe(before[at]);
      });
    }
    expect(tables.map((table) => [table.wear(0), table.wear(1)])).toEqual([
      [1, 0],
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  it('tells sectors apart that differ in one octet, and in length', () => {
    const pool = new SectorPool();
    const seen = new Set<Uint8Array>();
    for (let at = 0; at < 256; at++) {
      const octets = filled(5);
      octets[at] = 6;
      expect(pool.shared(octets)).toBe(octets);
      expect(pool.shared(octets.slice())).toBe(octets);
      seen.add(pool.shared(octets));
    }
    expect(seen.size).toBe(256);
    expect(pool.shared(new Uint8Array(128).fill(9))).not.toBe(pool.shared(filled(9)));
  });

  it('tells sectors apart whose fingerprints are the same', () => {
    const pool = new SectorPool();
    let next = 1;
    // By the odds, some ten of the pairs among so many share a fingerprint of 32 bits.
    for (let i = 0; i < 300_000; i++) {
      const octets = new Uint8Array(8);
      for (let at = 0; at < 8; at += 2) {
        next = (Math.imul(next, 0x41c6_4e6d) + 0x3039) >>> 0;
        octets[at] = next >>> 24;
        octets[at + 1] = next >>> 16;
      }
      if (pool.shared(octets) !== octets) throw new Error(`sector ${i} was taken for another`);
    }
    expect(next).not.toBe(1);
  });

  it('changes nothing that a flash holds, now or later', () => {
    const pool = new SectorPool();
    const flashes = [0, 1].map(() => {
      const flash = createFlash(LAYOUT);
      flash.program(0, filled(0x3c));
      flash.program(256, new Uint8Array(64).fill(0x11));
      return flash;
    });
    const before = flashes[0]!.read(0, 1024);
    for (const flash of flashes) flash.shareSectors(pool);
    flashes[0]!.program(320, new Uint8Array(4));
    flashes[0]!.rot(0, 0x01);
    flashes[0]!.eraseSector(3);
    expect(flashes[1]!.read(0, 1024)).toEqual(before);
    expect(flashes[0]!.read(320, 4)).toEqual(new Uint8Array(4));
    flashes[1]!.shareSectors(pool);
    flashes[1]!.eraseSector(1);
    expect(flashes[0]!.read(256, 1)[0]).toBe(0x11);
  });
});
