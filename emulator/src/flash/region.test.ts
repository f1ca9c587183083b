import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlashError } from '../errors.js';
import type { FlashGeometry, FlashLayout, FlashPort, PartitionName } from './flash-port.js';
import type { NorFlash } from './nor-flash.js';
import { createFlash } from './nor-flash.js';
import { restrictFlash } from './region.js';

const GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 8, sectorBytes: 1024 }],
  granuleBytes: 8,
  granuleRewritable: true,
  erasedValue: 0xff,
};
// Sector 7 lies in no partition.
const LAYOUT: FlashLayout = {
  geometry: GEOMETRY,
  partitions: [
    { name: 'boot-a', offsetBytes: 0, lengthBytes: 1024 },
    { name: 'staging', offsetBytes: 1024, lengthBytes: 2048 },
    { name: 'meter', offsetBytes: 3072, lengthBytes: 2048 },
    { name: 'slot-0', offsetBytes: 5120, lengthBytes: 1024 },
    { name: 'slot-1', offsetBytes: 6144, lengthBytes: 1024 },
  ],
};
const ALLOWED: readonly PartitionName[] = ['staging', 'slot-0', 'slot-1'];

function codeOf(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof FlashError) return error.code;
    throw error;
  }
}

function filled(): NorFlash {
  const flash = createFlash(LAYOUT);
  for (const { offsetBytes, lengthBytes } of flash.sectors)
    flash.program(offsetBytes, new Uint8Array(lengthBytes).fill(0x0f));
  return flash;
}

const isAllowed = (octet: number): boolean =>
  LAYOUT.partitions.some(
    ({ name, offsetBytes, lengthBytes }) =>
      ALLOWED.includes(name) && octet >= offsetBytes && octet < offsetBytes + lengthBytes,
  );

describe('the window of a partition', () => {
  it('counts its sectors and offsets from its own start, and erases what it names', () => {
    const flash = filled();
    const staging = flash.partition('staging');
    expect(staging.sectors).toEqual([
      { index: 0, offsetBytes: 0, lengthBytes: 1024 },
      { index: 1, offsetBytes: 1024, lengthBytes: 1024 },
    ]);
    expect(flash.fork().partition('staging').sectors).toBe(staging.sectors);
    expect(flash.partition('slot-1').sectors).toEqual([{ index: 0, offsetBytes: 0, lengthBytes: 1024 }]);
    staging.eraseSector(1);
    const octets = flash.read(0, flash.sizeBytes);
    expect([octets.indexOf(0xff), octets.lastIndexOf(0xff)]).toEqual([2048, 3071]);
    staging.program(1024, new Uint8Array(8).fill(0x21));
    expect(flash.read(2048, 1)).toEqual(Uint8Array.of(0x21));
  });
});

describe('a restricted flash', () => {
  it('reaches no octet outside of its partitions, by no call and no offset', () => {
    let refused = 0;
    let done = 0;
    const call = fc.record({
      kind: fc.constantFrom('program', 'read', 'readInto', 'erase'),
      offset: fc.oneof(
        fc.nat(8192),
        fc.integer({ min: -64, max: 9000 }),
        fc.constantFrom(1016, 3064, 3072, 5112, 7160, 8184),
      ),
      lengthBytes: fc.oneof(fc.nat(40), fc.nat(9000)),
      onGrid: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 10 }), (calls) => {
        const flash = filled();
        const before = flash.read(0, flash.sizeBytes);
        const restricted = restrictFlash(flash, ALLOWED);
        for (const { kind, offset, lengthBytes, onGrid } of calls) {
          const at = onGrid ? offset - (offset % 8) : offset;
          const length = onGrid ? lengthBytes - (lengthBytes % 8) : lengthBytes;
          const whole = flash.fork();
          const act = (port: FlashPort): void => {
            if (kind === 'program') port.program(at, new Uint8Array(length));
            else if (kind === 'read') port.read(at, length);
            else if (kind === 'readInto') port.readInto(at, new Uint8Array(length));
            else port.eraseSector(Math.floor(at / 1024));
          };
          const code = codeOf(() => act(restricted));
          // What is not forbidden ends as it would have on the flash itself.
          if (code === 'forbidden') refused += 1;
          else expect(code).toBe(codeOf(() => act(whole)));
          done += Number(code === undefined);
        }
        const after = flash.read(0, flash.sizeBytes);
        expect([...after.keys()].filter((octet) => after[octet] !== before[octet] && !isAllowed(octet))).toEqual([]);
      }),
      { numRuns: 200 },
    );
    expect(refused).toBeGreaterThan(50);
    expect(done).toBeGreaterThan(50);
  });

  it('gives its own partitions, refuses the others, and says "bad-layout" to what the layout does not have', () => {
    const flash = filled();
    const restricted = restrictFlash(flash, ALLOWED);
    for (const { name } of LAYOUT.partitions) {
      expect(codeOf(() => void restricted.partition(name))).toBe(ALLOWED.includes(name) ? undefined : 'forbidden');
    }
    expect(codeOf(() => void restricted.partition('identity'))).toBe('bad-layout');
    restricted.partition('slot-0').eraseSector(0);
    expect(flash.read(5120, 1)[0]).toBe(0xff);
    expect(codeOf(() => restricted.eraseSector(3))).toBe('forbidden');
    expect(codeOf(() => restricted.eraseSector(7))).toBe('forbidden');
    expect(codeOf(() => restricted.program(5112, new Uint8Array(16)))).toBe('forbidden');
    expect(codeOf(() => void restricted.read(3072, 1))).toBe('forbidden');
    expect(codeOf(() => restricted.eraseSector(8))).toBe('out-of-range');
  });

  it('shows the operations and the wear of the flash it stands for, and counts for it', () => {
    const flash = createFlash(LAYOUT);
    const restricted = restrictFlash(flash, ALLOWED);
    restricted.eraseSector(1);
    flash.eraseSector(0);
    expect([restricted.operationCount, flash.operationCount]).toEqual([2, 2]);
    expect([restricted.wear(0), restricted.wear(1), restricted.wear(3)]).toEqual([1, 1, 0]);
    expect(restricted.layout).toBe(flash.layout);
  });

  it('refuses everything when nothing is named', () => {
    const restricted = restrictFlash(filled(), []);
    for (let index = 0; index < 8; index++) expect(codeOf(() => restricted.eraseSector(index))).toBe('forbidden');
    expect(codeOf(() => void restricted.read(0, 8192))).toBe('forbidden');
  });
});
