/**
 * Goal: where a boot record goes, which number it gets and which one counts is as docs/FLASH-FILE.md §4.1 says, slot by slot.
 * Method: flash in which records stand at chosen places, and what the next writes make of it.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BootError, FlashError, PowerLost } from '../errors.js';
import type { FlashLayout, FlashPort } from '../flash/flash-port.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { bootSlotBytes } from '../flash/layout-plan.js';
import { overlaid, readingBadly } from '../flash/overlaid-flash.test-support.js';
import { BOOT_SLOTS_PER_SECTOR_MIN } from '../limits.js';
import { bootRecordsIn, GEOMETRY, LAYOUT, TWO_SECTORS } from './boot-bench.test-support.js';
import { encodeBootState } from './boot-state.js';
import { StateStore } from './state-store.js';

const SECTOR_BYTES = 4096;
const SLOT_BYTES = bootSlotBytes(GEOMETRY.granuleBytes);
const SLOTS = SECTOR_BYTES / SLOT_BYTES;

/** Told apart by what they remember. */
const stateOf = (bootEpoch: number): { bootEpoch: number; highestOriginatorCounter: bigint } => ({
  bootEpoch,
  highestOriginatorCounter: 0n,
});

/** A record as flash holds it; its state is named after its number. */
function recordOf(sequence: number, spoil: (view: DataView) => void = () => {}): Uint8Array {
  const octets = new Uint8Array(SLOT_BYTES);
  const view = new DataView(octets.buffer);
  const payload = encodeBootState('boot', stateOf(sequence));
  view.setUint32(0, sequence, true);
  view.setUint8(8, 1);
  view.setUint8(9, 3);
  view.setUint16(10, payload.length, true);
  octets.set(payload, 12);
  spoil(view);
  view.setUint32(SLOT_BYTES - 4, crc32(octets.subarray(0, -4)), true);
  return octets;
}

/** Flash with these slots programmed; the sectors of the boot records are the first ones. */
function flashWith(
  slots: readonly (readonly [sector: number, slot: number, octets: Uint8Array])[],
  layout = TWO_SECTORS,
): NorFlash {
  const flash = createFlash(layout);
  for (const [sector, slot, octets] of slots) flash.program(sector * SECTOR_BYTES + slot * SLOT_BYTES, octets);
  return flash;
}

const open = (flash: FlashPort, isPowerOn = false): StateStore => new StateStore(flash, crc32, isPowerOn);

/** Sector, slot and number of the newest record. */
function newest(flash: NorFlash): readonly [sector: number, slot: number, sequence: number] | undefined {
  const [record] = bootRecordsIn(flash);
  return record && [Math.floor(record.at / SECTOR_BYTES), (record.at % SECTOR_BYTES) / SLOT_BYTES, record.sequence];
}

/** Where each of so many writes went. */
function writes(flash: NorFlash, count: number, store = open(flash)): readonly ReturnType<typeof newest>[] {
  return Array.from({ length: count }, (_, i) => {
    expect(store.writeOnce('boot', stateOf(1_000 + i))).toBe(true);
    expect(store.state.bootEpoch).toBe(1_000 + i);
    expect(open(flash).state.bootEpoch).toBe(1_000 + i);
    return newest(flash);
  });
}

describe('a boot record', () => {
  it('goes into the first slot of an erased sector, on a flash that has none, and the next into the other sector', () => {
    for (const isPowerOn of [false, true]) {
      const flash = flashWith([]);
      expect(open(flash).newest).toBeUndefined();
      expect(open(flash).state).toEqual({ bootEpoch: 0, highestOriginatorCounter: 0n });
      expect(writes(flash, 4, open(flash, isPowerOn))).toEqual([
        [0, 0, 1],
        [1, 0, 2],
        [0, 1, 3],
        [1, 1, 4],
      ]);
      expect([flash.wear(0), flash.wear(1)]).toEqual([1, 1]);
    }
  });

  it('is one more in two sectors until both are full, and an erase comes first then', () => {
    const flash = flashWith([]);
    writes(flash, 2 * SLOTS);
    expect([flash.wear(0), flash.wear(1)]).toEqual([1, 1]);
    expect(bootRecordsIn(flash)).toHaveLength(2 * SLOTS);
    expect(writes(flash, 2)).toEqual([
      [0, 0, 2 * SLOTS + 1],
      [1, 0, 2 * SLOTS + 2],
    ]);
    expect([flash.wear(0), flash.wear(1)]).toEqual([2, 2]);
  });

  it('goes round four sectors by pairs, into the oldest when none has room', () => {
    const flash = flashWith([], LAYOUT);
    const sectors = writes(flash, 4 * SLOTS + 2).map((at) => at?.[0]);
    const pair = (a: number, b: number): number[] => Array.from({ length: 2 * SLOTS }, (_, i) => (i % 2 === 0 ? a : b));
    expect(sectors).toEqual([...pair(0, 1), ...pair(2, 3), 0, 1]);
  });

  it('leaves one slot free at power on, but not where the state is, and the numbers that may be in such slots', () => {
    const flash = flashWith([
      [0, 0, recordOf(1)],
      [0, 1, recordOf(3)],
      [1, 0, recordOf(2)],
      [1, 1, recordOf(4)],
    ]);
    expect(writes(flash, 3, open(flash, true))).toEqual([
      [0, 3, 6],
      [1, 2, 7],
      [0, 4, 8],
    ]);
    expect(open(flash).state.bootEpoch).toBe(1_002);
  });

  it('goes where the second newest is, if there is room in several sectors', () => {
    const after = (sequences: readonly number[]): unknown => {
      const flash = flashWith(
        sequences.map((sequence, sector) => [sector, 0, recordOf(sequence)] as const),
        LAYOUT,
      );
      return writes(flash, 1)[0];
    };
    expect(after([1, 2, 3])).toEqual([1, 1, 4]);
    expect(after([2, 1, 3])).toEqual([0, 1, 4]);
    expect(after([3, 1, 2])).toEqual([2, 1, 4]);
    expect(after([4, 3, 2, 1])).toEqual([1, 1, 5]);
  });

  it('goes into a sector that has none in its first slot only after an erase', () => {
    for (const slots of [
      [[1, 1, recordOf(2)]],
      [
        [1, 0, new Uint8Array(SLOT_BYTES)],
        [1, 1, recordOf(2)],
      ],
    ] as const) {
      const flash = flashWith([[0, 0, recordOf(5)], ...slots]);
      expect(writes(flash, 1)[0]?.slice(0, 2)).toEqual([1, 0]);
      expect([flash.wear(0), flash.wear(1)]).toEqual([0, 1]);
    }
  });

  it('gets no number that a slot could have which cannot be read', () => {
    const spoilt = new Uint8Array(SLOT_BYTES).fill(0x5a);
    const flash = flashWith([
      [0, 0, recordOf(5)],
      [0, 1, spoilt],
      [0, 2, spoilt],
    ]);
    expect(writes(flash, 1)).toEqual([[1, 0, 8]]);
    // A blank slot before the last one may read as something yet, too.
    expect(
      writes(
        flashWith([
          [0, 0, recordOf(5)],
          [0, 4, recordOf(6)],
        ]),
        1,
      ),
    ).toEqual([[1, 0, 10]]);
  });

  it('counts by its number, wherever it stands', () => {
    const flash = flashWith([
      [0, 0, recordOf(9)],
      [0, 1, recordOf(5)],
      [1, 0, recordOf(3)],
    ]);
    expect(open(flash).state.bootEpoch).toBe(9);
    expect(writes(flash, 1)).toEqual([[1, 1, 10]]);
  });

  it('is none when two reads of it differ, and its slot is passed over, though one of them was blank', () => {
    const flash = flashWith([
      [0, 0, recordOf(1)],
      [1, 0, recordOf(2)],
      [0, 1, recordOf(3)],
    ]);
    for (const bad of [0, 1]) {
      let reads = 0;
      expect(open(readingBadly(flash, SLOT_BYTES + 40, () => reads++ === bad)).state.bootEpoch).toBe(2);
      let again = 0;
      const world = flash.fork();
      // The slot behind the one record of the other sector, where the next record would go.
      const store = open(readingBadly(world, SECTOR_BYTES + SLOT_BYTES + 40, () => again++ === bad));
      expect(writes(world, 1, store)).toEqual([[1, 2, 5]]);
    }
  });

  it('is none of another log, length or format, or with a CRC that is wrong', () => {
    const spoilers: readonly (readonly [number, (view: DataView) => void])[] = [
      [99, () => {}],
      [1, (view) => view.setUint8(8, 2)],
      [1, (view) => view.setUint16(10, 415, true)],
      [1, (view) => view.setUint16(10, 417, true)],
      [1, (view) => view.setUint8(12, 2)],
    ];
    for (const [expected, spoil] of spoilers) {
      const flash = flashWith([
        [0, 0, recordOf(1)],
        [1, 0, recordOf(99, spoil)],
      ]);
      expect(open(flash).state.bootEpoch).toBe(expected);
    }
    const spoilt = recordOf(99);
    spoilt[SLOT_BYTES - 1]! ^= 1;
    expect(
      open(
        flashWith([
          [0, 0, recordOf(1)],
          [1, 0, spoilt],
        ]),
      ).state.bootEpoch,
    ).toBe(1);
  });
});

describe('a boot record that flash does not take', () => {
  const full = (): NorFlash => {
    const flash = flashWith([]);
    writes(flash, 2 * SLOTS);
    return flash;
  };

  it('goes into another sector, and is not there when no other takes it', () => {
    const flash = flashWith([]);
    flash.breakSector(0, 'program-fails');
    const store = open(flash);
    expect(store.writeOnce('boot', stateOf(7))).toBe(true);
    expect(newest(flash)?.slice(0, 2)).toEqual([1, 0]);
    expect(store.writeOnce('boot', stateOf(8))).toBe(false);
    expect(store.state.bootEpoch).toBe(7);
    expect(open(flash).state.bootEpoch).toBe(7);
  });

  it('is enough once, where twice was wanted; and without any it is an error', () => {
    const flash = flashWith([]);
    flash.breakSector(0, 'program-fails');
    open(flash).writeTwice('boot', stateOf(7));
    expect(bootRecordsIn(flash)).toHaveLength(1);
    expect(() => open(flash).writeTwice('boot', stateOf(8))).toThrow(expect.objectContaining({ code: 'worn' }));
    const good = flashWith([]);
    open(good).writeTwice('boot', stateOf(7));
    expect(bootRecordsIn(good)).toHaveLength(2);
  });

  it('is not programmed into a sector that does not come out erased', () => {
    const flash = full();
    flash.breakSector(0, 'erase-lies');
    const { operationCount } = flash;
    const store = open(flash);
    for (let tries = 1; tries <= 2; tries++) {
      expect(store.writeOnce('boot', stateOf(7))).toBe(false);
      expect(flash.operationCount - operationCount).toBe(tries);
    }
  });

  it('is tried once in each sector that has room, and once after an erase', () => {
    const flash = flashWith([
      [0, 0, recordOf(1)],
      [1, 0, recordOf(2)],
    ]);
    flash.breakSector(0, 'program-fails');
    const { operationCount } = flash;
    expect(open(flash).writeOnce('boot', stateOf(7))).toBe(false);
    expect(flash.operationCount - operationCount).toBe(3);
  });

  it.each([3, 4])('is written again after an erase when the read %i of its octets differs', (bad) => {
    const flash = flashWith([]);
    writes(flash, 2);
    let reads = 0;
    // Two reads on opening, two after the program.
    const store = open(readingBadly(flash, SLOT_BYTES + 40, () => ++reads === bad));
    expect(store.writeOnce('boot', stateOf(7))).toBe(true);
    expect(newest(flash)?.slice(0, 2)).toEqual([0, 0]);
    expect([flash.wear(0), flash.wear(1)]).toEqual([2, 1]);
    expect(open(flash).state.bootEpoch).toBe(7);
  });

  /** The same flash, whose programs all throw this. */
  const throwing = (flash: NorFlash, error: Error): FlashPort =>
    overlaid(flash, () => ({
      program: () => {
        throw error;
      },
    }));

  it('is not recorded when flash says that it is worn or not erased; every other error goes up', () => {
    for (const code of ['worn', 'not-erased'] as const) {
      const store = open(throwing(full(), new FlashError(code, 'no')));
      expect(store.writeOnce('boot', stateOf(7))).toBe(false);
    }
    const others = [
      new FlashError('out-of-range', 'our mistake'),
      new PowerLost(1),
      Object.assign(new Error('not of flash'), { code: 'worn' }),
    ];
    for (const error of others) {
      expect(() => open(throwing(full(), error)).writeOnce('boot', stateOf(7))).toThrow(error);
    }
  });

  it('leaves flash alone when its state does not fit', () => {
    const flash = flashWith([]);
    expect(() => open(flash).writeOnce('boot', stateOf(2 ** 32))).toThrow(BootError);
    expect(flash.operationCount).toBe(0);
  });
});

describe('the sectors of the boot records', () => {
  const layoutOf = (...sectorBytes: readonly [number, number]): FlashLayout => ({
    geometry: { ...GEOMETRY, sectorRuns: sectorBytes.map((bytes) => ({ count: 1, sectorBytes: bytes })) },
    partitions: [
      { name: 'boot-a', offsetBytes: 0, lengthBytes: sectorBytes[0] },
      { name: 'boot-b', offsetBytes: sectorBytes[0], lengthBytes: sectorBytes[1] },
    ],
  });
  const leastBytes = BOOT_SLOTS_PER_SECTOR_MIN * SLOT_BYTES;

  it('have room for the least number of records, each of them', () => {
    expect(open(createFlash(layoutOf(leastBytes, leastBytes))).newest).toBeUndefined();
    // What is left behind the last whole slot is not used, and not looked at.
    const flash = createFlash(layoutOf(leastBytes + SLOT_BYTES / 2, leastBytes));
    flash.program(0, recordOf(1));
    flash.program(leastBytes, new Uint8Array(SLOT_BYTES / 2));
    flash.program(leastBytes + SLOT_BYTES / 2, recordOf(2));
    open(flash).writeOnce('boot', stateOf(7));
    expect(bootRecordsIn(flash).map(({ at, sequence }) => [at, sequence])[0]).toEqual([SLOT_BYTES, 3]);
    for (const [a, b] of [
      [leastBytes, leastBytes - SLOT_BYTES],
      [leastBytes - SLOT_BYTES, leastBytes],
    ] as const) {
      expect(() => open(createFlash(layoutOf(a, b)))).toThrow(
        expect.objectContaining({ code: 'bad-layout', message: expect.stringContaining('2048') as string }),
      );
    }
  });
});
