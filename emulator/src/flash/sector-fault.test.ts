import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { FlashOperation } from './flash-port.js';
import type { NorFlash, SectorFaultKind } from './nor-flash.js';
import { createFlash, loadFlash } from './nor-flash.js';
import { PLAIN, SECTOR_BYTES, codeOf, contents, data, differingBits, flashOf, isCut } from './physics.test-support.js';

describe('faults of a flash', () => {
  /** A flash with every kind of fault, and what it does next, as text. */
  function hurt(seed: number): NorFlash {
    const flash = flashOf(PLAIN);
    flash.seedNoise(seed);
    flash.program(0, data(512, 1));
    flash.arm({ cutAt: 1, phase: 'during', mode: 'bits', seed, weak: true, neighbour: true });
    isCut(() => flash.program(512, data(256, 2)));
    flash.powerOn();
    flash.breakSector(1, 'program-fails');
    flash.breakSector(1, 'read-fails', 1);
    flash.breakSector(2, 'erase-fails');
    flash.stick(2 * SECTOR_BYTES + 5, 0x0f, 0x05);
    flash.rot(3 * SECTOR_BYTES, 0x80);
    return flash;
  }
  function whatItDoesNext(flash: NorFlash): string {
    const seen: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      seen.push(codeOf(() => flash.program(SECTOR_BYTES + round * 64, data(64, round))));
      seen.push(
        codeOf(() => flash.eraseSector(2)),
        [...contents(flash)],
      );
    }
    flash.eraseSector(1);
    seen.push([...contents(flash)]);
    return JSON.stringify(seen);
  }

  it('strike the same way for the same seed, and another way for another', () => {
    const [first, again, other] = [7, 7, 8].map(hurt);
    const next = whatItDoesNext(first!);
    expect(whatItDoesNext(again!)).toBe(next);
    expect(again!.struck).toEqual(first!.struck);
    expect(whatItDoesNext(other!)).not.toBe(next);
  });

  it('go along with a fork, and what the fork does leaves the other as it was', () => {
    const flash = hurt(7);
    const forks = [flash.fork(), flash.fork().fork()];
    const first = forks.map(whatItDoesNext);
    expect(first[1]).toBe(first[0]);
    const late = flash.fork();
    expect(whatItDoesNext(late)).toBe(first[0]);
    const clean = flash.fork();
    clean.eraseSector(0);
    clean.stick(0, 0xff, 0);
    clean.breakSector(0, 'program-lies');
    clean.rot(100, 0xff);
    expect(whatItDoesNext(flash)).toBe(first[0]);
    expect(clean.read(1, 16)).toEqual(new Uint8Array(16).fill(0xff));
  });

  it('do not count in a fork what struck before it', () => {
    const flash = hurt(7);
    expect(flash.struck).toMatchObject({ cuts: 1, tornPrograms: 1, neighbours: 1, rots: 1 });
    expect(Object.values(flash.fork().struck).every((count) => count === 0)).toBe(true);
  });

  it('make a stuck bit hold against program and erase, and torn ones', () => {
    const flash = flashOf(PLAIN);
    flash.stick(20, 0b0000_1111, 0b0000_0101);
    expect(flash.read(20, 1)[0]).toBe(0xf5);
    flash.program(16, new Uint8Array(16));
    expect(flash.read(20, 1)[0]).toBe(0x05);
    flash.eraseSector(0);
    expect(flash.read(16, 8)).toEqual(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xf5, 0xff, 0xff, 0xff));
    flash.arm({ cutAt: 1, phase: 'during', torn: 16 });
    expect(isCut(() => flash.program(16, new Uint8Array(16)))).toBe(true);
    flash.powerOn();
    expect(flash.read(20, 1)[0]).toBe(0x05);
    flash.stick(20, 0b0000_0100, 0);
    flash.rot(20, 0xff);
    expect(flash.read(20, 1)[0]).toBe(0xf1);
    expect(flash.struck.stuck).toBeGreaterThan(3);
  });

  it('rot a bit at rest without an operation; the flash takes what is then programmed, and holds what comes of it', () => {
    for (const granuleRewritable of [true, false]) {
      const flash = flashOf({ ...PLAIN, granuleRewritable });
      flash.rot(33, 0x10);
      flash.rot(34, 0x01);
      expect(flash.operationCount).toBe(0);
      expect(flash.read(33, 2)).toEqual(Uint8Array.of(0xef, 0xfe));
      flash.program(32, new Uint8Array(16).fill(0xff));
      flash.program(32, new Uint8Array(16).fill(0x7f));
      expect(flash.read(32, 4)).toEqual(Uint8Array.of(0x7f, 0x6f, 0x7e, 0x7f));
      expect(codeOf(() => flash.program(32, new Uint8Array(16).fill(0xff)))).toBe('not-erased');
      flash.rot(40, 0x80);
      expect(flash.read(40, 1)[0]).toBe(0xff);
      flash.eraseSector(0);
      expect(codeOf(() => flash.program(32, new Uint8Array(16)))).toBeUndefined();
    }
  });

  const KINDS: readonly SectorFaultKind[] = [
    'program-fails',
    'erase-fails',
    'read-fails',
    'program-lies',
    'erase-lies',
  ];
  it.each(KINDS)('make a worn sector misbehave from an erase on: %s', (kind) => {
    const saw = { thrown: 0, part: 0, nothing: 0 };
    for (let seed = 0; seed < 20; seed++) {
      const flash = flashOf(PLAIN);
      flash.seedNoise(seed);
      flash.breakSector(1, kind, 2);
      for (let round = 0; round < 2; round++) {
        flash.program(SECTOR_BYTES, data(256, round));
        expect(flash.read(SECTOR_BYTES, 256)).toEqual(data(256, round));
        flash.eraseSector(1);
      }
      const operations = flash.operationCount;
      const programmed = codeOf(() => flash.program(SECTOR_BYTES, data(256, 5)));
      const held = flash.read(SECTOR_BYTES, 256);
      const again = flash.read(SECTOR_BYTES, 256);
      const erased = codeOf(() => flash.eraseSector(1));
      const left = flash.read(SECTOR_BYTES, 256);
      expect(flash.operationCount).toBe(operations + 2);
      expect(flash.wear(1)).toBe(3);
      expect(programmed).toBe(kind === 'program-fails' ? 'worn' : undefined);
      expect(erased).toBe(kind === 'erase-fails' ? 'worn' : undefined);
      if (kind === 'read-fails') {
        expect(again).not.toEqual(held);
        continue;
      }
      expect(again).toEqual(held);
      const blank = new Uint8Array(256).fill(0xff);
      if (kind === 'program-lies') expect(held).toEqual(blank);
      else if (kind !== 'program-fails') expect(held).toEqual(data(256, 5));
      if (kind === 'erase-lies') expect(left).toEqual(held);
      else if (kind !== 'erase-fails') expect(left).toEqual(blank);
      const result = kind === 'program-fails' ? held : left;
      const [from, to] = kind === 'program-fails' ? [blank, data(256, 5)] : [held, blank];
      saw.thrown += Number(programmed === 'worn' || erased === 'worn');
      saw.nothing += Number(differingBits(result, from) === 0);
      saw.part += Number(differingBits(result, from) > 0 && differingBits(result, to) > 0);
      // A sector that lied is programmed over what it still holds: nobody is told.
      expect(codeOf(() => flash.program(SECTOR_BYTES + 256, data(256, 6)))).toBe(programmed);
      expect(flash.read(0, 256)).toEqual(blank);
    }
    if (kind.endsWith('fails') && kind !== 'read-fails') {
      expect(saw.thrown).toBe(20);
      expect(Math.min(saw.nothing, saw.part)).toBeGreaterThan(3);
    }
  });

  it('leave in a flash file what the cells hold: weak ones the value from before, stuck ones theirs', () => {
    let file = new Uint8Array(0);
    const backing = {
      writeAt(offsetBytes: number, octets: Uint8Array): void {
        const grown = new Uint8Array(Math.max(file.length, offsetBytes + octets.length));
        grown.set(file);
        grown.set(octets, offsetBytes);
        file = grown;
      },
      sync(): void {},
    };
    const flash = createFlash({ geometry: PLAIN, partitions: [] }, { backing, crc32 });
    flash.program(0, data(512, 1));
    flash.arm({ cutAt: 1, phase: 'during', torn: 8, weak: true, neighbour: true, seed: 4 });
    isCut(() => flash.program(512, new Uint8Array(16)));
    flash.powerOn();
    flash.stick(SECTOR_BYTES, 0x01, 0);
    flash.rot(SECTOR_BYTES + 1, 0x02);
    const again = loadFlash(file, crc32);
    expect(again.read(512, 16)).toEqual(Uint8Array.from({ length: 16 }, (_, i) => (i < 8 ? 0 : 0xff)));
    expect(again.read(SECTOR_BYTES, 2)).toEqual(Uint8Array.of(0xfe, 0xfd));
    expect(again.read(0, 512)).toEqual(flash.read(0, 512));
    expect(again.read(0, 512)).not.toEqual(data(512, 1));
    const reads = Array.from({ length: 8 }, () => flash.read(512, 16).join());
    expect(new Set(reads).size).toBeGreaterThan(1);
    flash.eraseSector(0);
    expect(
      loadFlash(file, crc32)
        .read(0, 600)
        .every((octet) => octet === 0xff),
    ).toBe(true);
  });
});

describe('an observer', () => {
  it('is told of each operation before it happens, page by page, and may fork the flash as it is then', () => {
    const flash = flashOf(PLAIN);
    const octets = data(512, 1);
    const seen: { readonly operation: FlashOperation; readonly fork: NorFlash }[] = [];
    flash.watch((operation) => seen.push({ operation, fork: flash.fork() }));
    flash.program(SECTOR_BYTES - 256, octets);
    flash.eraseSector(1);
    octets.fill(0x55);
    flash.watch(undefined);
    flash.eraseSector(0);
    expect(seen.map(({ operation }) => operation)).toEqual([
      { index: 1, kind: 'program', offsetBytes: SECTOR_BYTES - 256, data: data(512, 1).subarray(0, 256) },
      { index: 2, kind: 'program', offsetBytes: SECTOR_BYTES, data: data(512, 1).subarray(256) },
      { index: 3, kind: 'erase', sectorIndex: 1 },
    ]);
    expect(seen.map(({ fork }) => fork.operationCount)).toEqual([0, 1, 2]);
    const held = seen.map(({ fork }) => [fork.read(SECTOR_BYTES - 256, 1)[0], fork.read(SECTOR_BYTES, 1)[0]]);
    const [first, second] = [data(512, 1)[0], data(512, 1)[256]];
    expect(held).toEqual([
      [0xff, 0xff],
      [first, 0xff],
      [first, second],
    ]);
    // Each fork has the operation still before it.
    for (const { operation, fork } of seen) {
      if (operation.kind === 'program') fork.program(operation.offsetBytes, operation.data);
    }
    expect(seen[1]!.fork.read(SECTOR_BYTES - 256, 512)).toEqual(data(512, 1));
  });

  it('may arm the cut of the very operation it is told of', () => {
    const flash = flashOf(PLAIN);
    flash.watch(({ index }) => {
      if (index === 2) flash.arm({ cutAt: 1, phase: 'before' });
    });
    expect(isCut(() => flash.program(0, data(1024, 1)))).toBe(true);
    expect(flash.operationCount).toBe(2);
    flash.powerOn();
    expect(flash.read(0, 257)).toEqual(Uint8Array.of(...data(256, 1), 0xff));
  });
});

it('takes the time its geometry says, by granule, sector and octet, forks included', () => {
  const timings = { programUsPerGranule: 30, eraseUsPerSector: 45_000, readNsPerByte: 100 };
  const flash = flashOf({ ...PLAIN, timings });
  flash.program(0, data(512, 1));
  expect(flash.elapsedUs).toBe(32 * 30);
  flash.eraseSector(0);
  const fork = flash.fork();
  fork.read(0, 1000);
  fork.arm({ cutAt: 1, phase: 'before' });
  isCut(() => fork.eraseSector(0));
  expect([flash.elapsedUs, fork.elapsedUs]).toEqual([45_960, 46_060]);
  flash.watch(() => undefined);
  flash.program(0, data(512, 1));
  expect(flash.elapsedUs).toBe(45_960 + 960);
  const untimed = flashOf(PLAIN);
  untimed.eraseSector(0);
  expect(untimed.elapsedUs).toBe(0);
  expect(codeOf(() => void flashOf({ ...PLAIN, timings: { ...timings, readNsPerByte: -1 } }))).toBe('bad-layout');
});
