import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlashError, PowerLost } from '../errors.js';
import type { FlashGeometry } from './flash-port.js';
import { DEFAULT_LAYOUT, planLayout } from './layout-plan.js';
import { createFlash } from './nor-flash.js';

const SMALL = { imageBytesMax: 4096, stagingBytes: 4096, profileDays: 2 };
const GEOMETRIES: readonly FlashGeometry[] = [
  { sectorRuns: [{ count: 48, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { sectorRuns: [{ count: 124, sectorBytes: 4096 }], granuleBytes: 512, granuleRewritable: true, erasedValue: 0x00 },
  { sectorRuns: [{ count: 48, sectorBytes: 4096 }], granuleBytes: 8, granuleRewritable: false, erasedValue: 0xff },
  {
    sectorRuns: [
      { count: 24, sectorBytes: 8192 },
      { count: 1, sectorBytes: 32_768 },
      { count: 8, sectorBytes: 16_384 },
    ],
    granuleBytes: 1,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
];

function codeOf(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof FlashError || error instanceof PowerLost) return error.code;
    throw error;
  }
}

describe.each(GEOMETRIES)('NOR flash, granule $granuleBytes, erased $erasedValue', (geometry) => {
  const layout = planLayout(geometry, SMALL);
  const { granuleBytes, erasedValue } = geometry;

  it('agrees with a model in which every octet is looked at alone', () => {
    let refused = 0;
    let done = 0;
    const erase = fc.record({ kind: fc.constant('erase' as const), sector: fc.nat(1) });
    const program = fc.record({
      kind: fc.constant('program' as const),
      // Many of them where others are, or what is written twice would hardly ever be met.
      at: fc.oneof(fc.nat(16_000), fc.nat(30)),
      data: fc.uint8Array({ minLength: 0, maxLength: 1600 }),
      onGrid: fc.boolean(),
      onlyTakes: fc.boolean(),
    });
    const command = fc.oneof({ weight: 1, arbitrary: erase }, { weight: 4, arbitrary: program });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
        const flash = createFlash(layout);
        const model = new Uint8Array(20_000).fill(erasedValue);
        for (const step of commands) {
          if (step.kind === 'erase') {
            const sector = flash.sectors[step.sector]!;
            flash.eraseSector(step.sector);
            model.fill(erasedValue, sector.offsetBytes, sector.offsetBytes + sector.lengthBytes);
            continue;
          }
          const at = step.onGrid ? step.at - (step.at % granuleBytes) : step.at;
          const lengthBytes = step.onGrid
            ? Math.ceil((step.data.length + 1) / granuleBytes) * granuleBytes
            : step.data.length;
          const before = model.subarray(at, at + lengthBytes);
          const data = before.map((held, i) => {
            const octet = step.data[i] ?? erasedValue;
            if (!step.onlyTakes) return octet;
            return erasedValue === 0xff ? held & octet : held | octet;
          });
          const isTaken = data.every((octet, i) => {
            if (!geometry.granuleRewritable) return before[i] === erasedValue;
            return erasedValue === 0xff ? (octet & ~before[i]!) === 0 : (before[i]! & ~octet) === 0;
          });
          const isAligned = at % granuleBytes === 0 && lengthBytes % granuleBytes === 0 && lengthBytes > 0;
          const expected = isAligned ? (isTaken ? undefined : 'not-erased') : 'unaligned';
          expect(codeOf(() => flash.program(at, data))).toBe(expected);
          if (expected === undefined) model.set(data, at);
          if (expected === undefined) done += 1;
          else refused += 1;
        }
        expect(Buffer.compare(flash.read(0, model.length), model)).toBe(0);
      }),
      { numRuns: 300 },
    );
    expect(done).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(20);
  });

  it('refuses what leaves the device or its partition, and changes nothing', () => {
    const flash = createFlash(layout);
    const octets = new Uint8Array(granuleBytes);
    const size = flash.sizeBytes;
    for (const at of [size, size + granuleBytes, -granuleBytes, 2 ** 32, 2 ** 53, Number.NaN, 0.5]) {
      expect(codeOf(() => flash.program(at, octets))).toBe('out-of-range');
      expect(codeOf(() => void flash.read(at, 1))).toBe('out-of-range');
    }
    expect(codeOf(() => flash.eraseSector(flash.sectors.length))).toBe('out-of-range');
    const slot = flash.partition('slot-0');
    expect(codeOf(() => slot.program(slot.sizeBytes, octets))).toBe('out-of-range');
    expect(codeOf(() => slot.program(-granuleBytes, octets))).toBe('out-of-range');
    expect(codeOf(() => slot.program(slot.sizeBytes - granuleBytes, new Uint8Array(2 * granuleBytes)))).toBe(
      'out-of-range',
    );
    expect(codeOf(() => slot.eraseSector(slot.sectors.length))).toBe('out-of-range');
    expect(codeOf(() => slot.eraseSector(-1))).toBe('out-of-range');
    expect(flash.operationCount).toBe(0);
    expect(flash.read(0, size).every((octet) => octet === erasedValue)).toBe(true);
  });

  it('keeps a partition inside its own sectors', () => {
    const flash = createFlash(layout);
    const meter = flash.partition('boot-a');
    meter.program(0, new Uint8Array(granuleBytes).fill(0x5a));
    const { offsetBytes, lengthBytes } = layout.partitions.find(({ name }) => name === 'boot-a')!;
    expect(flash.read(offsetBytes, 1)[0]).toBe(0x5a);
    meter.eraseSector(0);
    expect(meter.read(0, lengthBytes).every((octet) => octet === erasedValue)).toBe(true);
    const worn = flash.sectors.filter(({ index }) => flash.wear(index) > 0);
    expect(worn.map((sector) => sector.offsetBytes)).toEqual([offsetBytes]);
  });

  it('keeps nothing of the octets it was given, not even those of a Node Buffer', () => {
    const flash = createFlash(layout);
    const sector = flash.sectors[1]!;
    const data = Buffer.alloc(2 * sector.lengthBytes + 3, 0x24).subarray(3, 3 + sector.lengthBytes);
    flash.program(sector.offsetBytes, data);
    data.fill(0x77);
    expect(flash.read(sector.offsetBytes, sector.lengthBytes).every((octet) => octet === 0x24)).toBe(true);
    const read = flash.read(sector.offsetBytes, 8);
    read.fill(0);
    expect(flash.read(sector.offsetBytes, 1)[0]).toBe(0x24);
    const more = geometry.granuleRewritable ? undefined : 'not-erased';
    const next = Buffer.alloc(sector.lengthBytes, erasedValue === 0xff ? 0x20 : 0x25);
    expect(codeOf(() => flash.program(sector.offsetBytes, next))).toBe(more);
  });

  it('forks into two that do not see each other, in both directions and in a chain', () => {
    const first = createFlash(layout);
    const granule = (value: number): Uint8Array => new Uint8Array(granuleBytes).fill(value);
    first.program(0, granule(0xa5));
    const second = first.fork();
    first.program(granuleBytes, granule(0x11));
    second.program(granuleBytes, granule(0x22));
    const third = second.fork();
    second.eraseSector(0);
    expect(first.read(granuleBytes, 1)[0]).toBe(0x11);
    expect(third.read(granuleBytes, 1)[0]).toBe(0x22);
    expect(second.read(0, 1)[0]).toBe(erasedValue);
    expect([first.wear(0), second.wear(0), third.wear(0)]).toEqual([0, 1, 0]);
    expect([first.operationCount, second.operationCount, third.operationCount]).toEqual([2, 3, 2]);
  });

  it('loses power before, during and after an operation, and does nothing until power is back', () => {
    const data = new Uint8Array(Math.max(granuleBytes, 4)).fill(0x3c);
    const blank = new Uint8Array(data.length).fill(erasedValue);
    const torn = blank.slice();
    torn.set(data.subarray(0, 3));
    const expected = { before: blank, during: torn, after: data };
    for (const phase of ['before', 'during', 'after'] as const) {
      const flash = createFlash(layout);
      flash.eraseSector(1);
      flash.arm({ cutAt: 2, phase, torn: 3 });
      flash.eraseSector(1);
      expect(codeOf(() => flash.program(0, data))).toBe('power-lost');
      expect(codeOf(() => void flash.read(0, 1))).toBe('power-lost');
      expect(codeOf(() => flash.program(0, data))).toBe('power-lost');
      expect(codeOf(() => flash.eraseSector(0))).toBe('power-lost');
      expect(flash.powered).toBe(false);
      flash.powerOn();
      expect(flash.read(0, data.length)).toEqual(expected[phase]);
      expect(flash.operationCount).toBe(3);
    }
  });

  it('erases a prefix of a sector when the cut falls into an erase', () => {
    const flash = createFlash(layout);
    const sector = flash.sectors[2]!;
    flash.program(sector.offsetBytes, new Uint8Array(sector.lengthBytes).fill(0x66));
    flash.arm({ cutAt: 1, phase: 'during', torn: 1000 });
    expect(codeOf(() => flash.eraseSector(2))).toBe('power-lost');
    flash.powerOn();
    const octets = flash.read(sector.offsetBytes, sector.lengthBytes);
    expect(octets.filter((octet) => octet === erasedValue).length).toBe(1000);
    expect(octets[999]).toBe(erasedValue);
    expect(octets[1000]).toBe(0x66);
  });
});

describe('a flash layout', () => {
  it('is refused when a partition overlaps, leaves a sector or the granule is too large', () => {
    const { geometry, partitions } = DEFAULT_LAYOUT;
    const bad = (overrides: Partial<typeof DEFAULT_LAYOUT>): string | undefined =>
      codeOf(() => void createFlash({ ...DEFAULT_LAYOUT, ...overrides }));
    expect(bad({})).toBeUndefined();
    expect(bad({ geometry: { ...geometry, granuleBytes: 513 } })).toBe('bad-layout');
    expect(bad({ geometry: { ...geometry, granuleBytes: 24 } })).toBe('bad-layout');
    expect(bad({ geometry: { ...geometry, sectorRuns: [] } })).toBe('bad-layout');
    expect(bad({ partitions: [...partitions, partitions[0]!] })).toBe('bad-layout');
    expect(bad({ partitions: [{ ...partitions[0]!, offsetBytes: 16 }] })).toBe('bad-layout');
    expect(bad({ partitions: [{ ...partitions[0]!, lengthBytes: 2 ** 40 }] })).toBe('bad-layout');
  });
});
