/**
 * Goal: where a record of a log goes, which number it gets and which ones count is as docs/FLASH-FILE.md §4.2 says, slot by slot.
 * Method: flash in which records stand at chosen places, and what the log makes of it.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FlashError, PowerLost } from '../errors.js';
import { RECORD_WRITE_TRIES_MAX } from '../limits.js';
import type { FlashLayout, FlashPort } from './flash-port.js';
import type { NorFlash } from './nor-flash.js';
import { createFlash } from './nor-flash.js';
import { overlaid, readingBadly } from './overlaid-flash.test-support.js';
import type { LogRecord } from './record-log.js';
import { RecordLog } from './record-log.js';

const FORMAT = { logId: 9, payloadBytes: 20 } as const;
const SECTOR_BYTES = 1024;
const RECORD_BYTES = 48;
/** A record and the granule behind it. */
const SLOT_BYTES = 64;
const SLOTS = SECTOR_BYTES / SLOT_BYTES;
const KINDS = { header: 1, opening: 2, appended: 3 } as const;
type Kind = keyof typeof KINDS;

const layoutOf = (count: number): FlashLayout => ({
  geometry: {
    sectorRuns: [{ count, sectorBytes: SECTOR_BYTES }],
    granuleBytes: 16,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
  partitions: [
    { name: 'boot-a', offsetBytes: 0, lengthBytes: SECTOR_BYTES },
    { name: 'boot-b', offsetBytes: SECTOR_BYTES, lengthBytes: (count - 1) * SECTOR_BYTES },
  ],
});

const open = (flash: FlashPort): RecordLog =>
  new RecordLog([flash.partition('boot-a'), flash.partition('boot-b')], FORMAT, crc32);

/** Three octets of which the first is the name of the record. */
const payload = (name: number): Uint8Array => Uint8Array.of(name, name ^ 0xff, 0x33);
const names = (log: RecordLog): readonly number[] => log.records.map((record) => record.payload[0]!);

interface Slot {
  readonly sector: number;
  readonly slot: number;
  readonly kind: Kind;
  readonly generation: number;
  readonly sequence: number;
  readonly name?: number;
}

function recordOf({ kind, generation, sequence, name }: Slot, spoil: (view: DataView) => void = () => {}): Uint8Array {
  const octets = new Uint8Array(SLOT_BYTES);
  const view = new DataView(octets.buffer);
  view.setUint32(0, sequence, true);
  view.setUint32(4, generation, true);
  view.setUint8(8, FORMAT.logId);
  view.setUint8(9, KINDS[kind]);
  view.setUint16(10, name === undefined ? 0 : 3, true);
  if (name !== undefined) octets.set(payload(name), 12);
  spoil(view);
  view.setUint32(RECORD_BYTES - 4, crc32(octets.subarray(0, RECORD_BYTES - 4)), true);
  return octets;
}

const atOf = (sector: number, slot: number): number => sector * SECTOR_BYTES + slot * SLOT_BYTES;

function flashWith(slots: readonly Slot[], count = 2): NorFlash {
  const flash = createFlash(layoutOf(count));
  for (const slot of slots) flash.program(atOf(slot.sector, slot.slot), recordOf(slot));
  return flash;
}

/** What stands in a sector, as `slot kind generation sequence name`. */
function sectorOf(flash: NorFlash, sector: number): readonly string[] {
  return Array.from({ length: SLOTS }, (_, slot) => ({ slot, octets: flash.read(atOf(sector, slot), SLOT_BYTES) }))
    .filter(({ octets }) => octets.some((octet) => octet !== 0xff))
    .map(({ slot, octets }) => {
      const view = new DataView(octets.buffer);
      const kind = Object.keys(KINDS)[view.getUint8(9) - 1];
      const name = view.getUint16(10, true) === 0 ? '' : ` ${view.getUint8(12)}`;
      return `${slot} ${kind} ${view.getUint32(4, true)} ${view.getUint32(0, true)}${name}`;
    });
}

/** A committed sector whose records have these names, numbered from `first` on; full when there are 15. */
const committed = (sector: number, generation: number, first: number, named: readonly number[]): readonly Slot[] => [
  { sector, slot: 0, kind: 'header', generation, sequence: first + 1 },
  ...named.map((name, i): Slot => ({
    sector,
    slot: i + 1,
    kind: i === 0 ? 'opening' : 'appended',
    generation,
    sequence: i === 0 ? first : first + 1 + i,
    name,
  })),
];
const upTo = (last: number, from = 1): readonly number[] => Array.from({ length: last + 1 - from }, (_, i) => from + i);
const fullSector = (sector: number, generation: number, first: number, from: number): readonly Slot[] =>
  committed(sector, generation, first, upTo(from + SLOTS - 2, from));

describe('a record of a log', () => {
  it('opens a sector that is erased for it, is committed by the header after it, and the next stands behind it', () => {
    const flash = flashWith([]);
    const log = open(flash);
    expect(log.records).toEqual([]);
    log.append(payload(1));
    expect(sectorOf(flash, 0)).toEqual(['0 header 1 4', '1 opening 1 3 1']);
    log.append(payload(2));
    expect(sectorOf(flash, 0)).toEqual(['0 header 1 4', '1 opening 1 3 1', '2 appended 1 5 2']);
    expect([flash.wear(0), flash.wear(1), flash.operationCount]).toEqual([1, 0, 4]);
    const records = [
      { sequence: 3, payload: payload(1) },
      { sequence: 5, payload: payload(2) },
    ];
    expect(log.records).toEqual(records);
    expect(open(flash).records).toEqual(records);
    // Behind each record stands a granule that is nobody's, and it is programmed.
    expect(flash.read(atOf(0, 1) + RECORD_BYTES, 16)).toEqual(new Uint8Array(16));
  });

  it('does not count before the header is there', () => {
    const flash = flashWith([]);
    flash.arm({ cutAt: 2, phase: 'after' });
    expect(() => open(flash).append(payload(1))).toThrow(PowerLost);
    flash.powerOn();
    expect(sectorOf(flash, 0)).toEqual(['1 opening 1 3 1']);
    expect(open(flash).records).toEqual([]);
  });

  it('has as many octets as the format says, and no more', () => {
    const flash = flashWith([]);
    const log = open(flash);
    const most = new Uint8Array(FORMAT.payloadBytes).fill(7);
    log.append(most);
    log.append(new Uint8Array(0));
    expect(open(flash).records.map((record) => record.payload)).toEqual([most, new Uint8Array(0)]);
    const { operationCount } = flash;
    const append = (): void => log.append(new Uint8Array(FORMAT.payloadBytes + 1));
    expect(append).toThrow(expect.objectContaining({ code: 'out-of-range' }));
    expect(flash.operationCount).toBe(operationCount);
  });

  it('is given to whoever asks as it was, whatever becomes of the octets that it was made from', () => {
    const log = open(flashWith([]));
    const octets = payload(1);
    log.append(octets);
    octets.fill(0);
    expect(names(log)).toEqual([1]);
  });

  it('gets a number above every other one, and above all that the slots passed over could have', () => {
    const flash = flashWith([
      ...committed(0, 1, 1, [1]),
      { sector: 1, slot: 5, kind: 'opening', generation: 2, sequence: 40, name: 9 },
    ]);
    open(flash).append(payload(2));
    // Slots 0 and 1 of the one sector, 0 to 5 of the other.
    expect(sectorOf(flash, 0).at(-1)).toBe(`2 appended 1 ${40 + 1 + 2 + 6} 2`);
  });

  it('stands behind the last slot that is not blank, and is not put where something is', () => {
    const flash = flashWith([
      ...committed(0, 1, 1, [1]),
      { sector: 0, slot: 4, kind: 'appended', generation: 1, sequence: 6, name: 2 },
    ]);
    const log = open(flash);
    flash.program(atOf(0, 6), new Uint8Array(16));
    // In the granule behind the record, where it costs the slot as well.
    flash.program(atOf(0, 7) + RECORD_BYTES, new Uint8Array(16));
    log.append(payload(3));
    log.append(payload(4));
    expect(names(open(flash))).toEqual([1, 2, 3, 4]);
    expect(
      sectorOf(flash, 0)
        .filter((slot) => slot.includes('appended'))
        .map((slot) => slot.split(' ')[0]),
    ).toEqual(['4', '5', '8']);
  });

  it.each<[string, boolean, (view: DataView) => void]>([
    ['as it is', true, () => {}],
    ['of another log', false, (view) => view.setUint8(8, 8)],
    ['with more octets than the format says', false, (view) => view.setUint16(10, FORMAT.payloadBytes + 1, true)],
    ['of another generation', false, (view) => view.setUint32(4, 2, true)],
  ])('%s counts: %s', (_, isThere, spoil) => {
    const flash = flashWith(committed(0, 1, 1, [1]));
    const record: Slot = { sector: 0, slot: 2, kind: 'appended', generation: 1, sequence: 9, name: 2 };
    flash.program(atOf(0, 2), recordOf(record, spoil));
    expect(names(open(flash))).toEqual(isThere ? [1, 2] : [1]);
  });

  it('does not count with any one of its bits flipped', () => {
    const flash = flashWith(committed(0, 1, 1, [1, 2]));
    for (let bit = 0; bit < RECORD_BYTES * 8; bit++) {
      flash.rot(atOf(0, 2) + (bit >> 3), 1 << (bit & 7));
      expect(names(open(flash))).toEqual([1]);
      flash.rot(atOf(0, 2) + (bit >> 3), 1 << (bit & 7));
    }
    // The granule behind it is nobody's.
    flash.rot(atOf(0, 2) + RECORD_BYTES, 1);
    expect(names(open(flash))).toEqual([1, 2]);
  });

  it('counts when two reads of it agree, and its slot is passed over when they do not', () => {
    for (const bad of [0, 1]) {
      let reads = 0;
      const flash = flashWith(committed(0, 1, 1, [1, 2]));
      expect(names(open(readingBadly(flash, atOf(0, 2) + 12, () => reads++ === bad)))).toEqual([1]);
      let again = 0;
      open(readingBadly(flash, atOf(0, 3) + 12, () => again++ === bad)).append(payload(3));
      expect(sectorOf(flash, 0).at(-1)).toMatch(/^4 appended 1 \d+ 3$/);
    }
  });

  it('counts though the header has rotted, if it was appended; a sector of opening records does not', () => {
    const slots = committed(0, 1, 1, [1, 2, 3]).filter(({ kind }) => kind !== 'header');
    const flash = flashWith(slots);
    expect(names(open(flash))).toEqual([1, 2, 3]);
    flash.program(atOf(0, 0), new Uint8Array(16));
    expect(names(open(flash))).toEqual([1, 2, 3]);
    expect(names(open(flashWith(slots.filter(({ kind }) => kind === 'opening'))))).toEqual([]);
  });

  it('comes in the order of its number, whichever sector it is in', () => {
    const slots = [...committed(0, 2, 20, [4, 5]), ...committed(1, 1, 1, [1, 2, 3])];
    expect(names(open(flashWith(slots)))).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('a turn of the ring', () => {
  it('comes when a sector is full, and is told what stays', () => {
    const flash = flashWith(fullSector(0, 1, 1, 1));
    const log = open(flash);
    const kept: (readonly LogRecord[])[] = [];
    const carry = (records: readonly LogRecord[]): readonly Uint8Array[] => {
      kept.push(records);
      return [];
    };
    log.append(payload(16), carry);
    expect(kept.map((records) => records.map((record) => record.payload[0]))).toEqual([upTo(15)]);
    for (const name of upTo(30, 17)) log.append(payload(name), carry);
    expect(kept).toHaveLength(1);
    expect([flash.wear(0), flash.wear(1)]).toEqual([0, 1]);
    log.append(payload(31), carry);
    expect(kept.at(-1)?.map((record) => record.payload[0])).toEqual(upTo(30, 16));
    expect([flash.wear(0), flash.wear(1)]).toEqual([1, 1]);
    expect(names(log)).toEqual(upTo(31, 16));
    expect(names(open(flash))).toEqual(upTo(31, 16));
    expect(sectorOf(flash, 0).map((slot) => slot.split(' ').slice(0, 3).join(' '))).toEqual([
      '0 header 3',
      '1 opening 3',
    ]);
  });

  it('carries over what it is given, in that order, and of too much the newest', () => {
    for (const count of [2, SLOTS - 2, SLOTS + 3]) {
      const flash = flashWith(fullSector(0, 1, 1, 1));
      const log = open(flash);
      const carried = upTo(100 + count, 101);
      log.append(payload(16), () => carried.map(payload));
      const expected = [...upTo(15), ...carried.slice(2 - SLOTS), 16];
      expect(names(log)).toEqual(expected);
      expect(names(open(flash))).toEqual(expected);
    }
  });

  it('takes the sector of the lowest generation', () => {
    for (const generations of [
      [3, 1, 2],
      [3, 2, 1],
      [1, 3, 2],
    ] as const) {
      const flash = flashWith(
        generations.flatMap((generation, sector) => fullSector(sector, generation, generation * 20, generation * 20)),
        3,
      );
      open(flash).append(payload(1));
      expect(sectorOf(flash, generations.indexOf(1)).map((slot) => slot.split(' ').slice(0, 3).join(' '))).toEqual([
        '0 header 4',
        '1 opening 4',
      ]);
    }
  });

  const begun = (generation: number, named: readonly number[], from = 1): readonly Slot[] =>
    named.map((name, i) => ({ sector: 1, slot: from + i, kind: 'opening', generation, sequence: 90 + i, name }));

  it('goes on where a cut stopped it, the last record of it written again', () => {
    const flash = flashWith([...fullSector(0, 1, 1, 1), ...begun(2, [7, 8])]);
    const log = open(flash);
    expect(names(log)).toEqual(upTo(15));
    log.append(payload(16), () => [payload(7), payload(8)]);
    expect(flash.wear(1)).toBe(0);
    const there = sectorOf(flash, 1).map((slot) => slot.split(' '));
    expect(there.map(([slot, kind, generation]) => `${slot} ${kind} ${generation}`)).toEqual([
      '0 header 2',
      '1 opening 2',
      '2 opening 2',
      '3 opening 2',
      '4 opening 2',
    ]);
    expect(there.map(([, , , , name]) => name)).toEqual([undefined, '7', '8', '8', '16']);
    expect(names(log)).toEqual([...upTo(15), 7, 8, 8, 16]);
    expect(names(open(flash))).toEqual(names(log));
  });

  it('begins anew where what was begun is of another generation, not wanted any more, or not the first of its sector', () => {
    const cases: readonly (readonly Slot[])[] = [
      begun(3, [7]),
      begun(1, [7]),
      begun(2, [7, 9]),
      begun(2, [9, 7]),
      begun(2, [7], 2),
    ];
    for (const slots of cases) {
      const flash = flashWith([...fullSector(0, 1, 1, 1), ...slots]);
      open(flash).append(payload(16), () => [payload(7)]);
      expect(flash.wear(1)).toBe(1);
      expect(names(open(flash))).toEqual([...upTo(15), 7, 16]);
    }
  });

  it('goes on with the begun sector rather than with one that was never used', () => {
    const moved = begun(2, [7]).map((slot) => ({ ...slot, sector: 2 }));
    const flash = flashWith([...fullSector(0, 1, 1, 1), ...moved], 3);
    open(flash).append(payload(16), () => [payload(7)]);
    expect([0, 1, 2].map((sector) => flash.wear(sector))).toEqual([0, 0, 0]);
    expect(names(open(flash)).slice(-3)).toEqual([7, 7, 16]);
  });

  it('goes on with the begun sector rather than with the oldest', () => {
    const flash = flashWith([...fullSector(0, 3, 60, 60), ...begun(4, [7]), ...fullSector(2, 2, 40, 40)], 3);
    open(flash).append(payload(16), () => [payload(7)]);
    expect([0, 1, 2].map((sector) => flash.wear(sector))).toEqual([0, 0, 0]);
    expect(names(open(flash)).slice(-3)).toEqual([7, 7, 16]);
  });

  it('begins anew where something stands in the place of the header', () => {
    const flash = flashWith([...fullSector(0, 1, 1, 1), ...begun(2, [7])]);
    flash.program(atOf(1, 0), new Uint8Array(16));
    open(flash).append(payload(16), () => [payload(7)]);
    expect(flash.wear(1)).toBe(1);
    expect(names(open(flash))).toEqual([...upTo(15), 7, 16]);
  });
});

describe('a record that flash does not take', () => {
  it('is tried in so many slots, and then in the next sector', () => {
    const flash = flashWith(committed(0, 1, 1, [1]));
    flash.breakSector(0, 'program-lies');
    const { operationCount } = flash;
    open(flash).append(payload(2));
    expect(sectorOf(flash, 1).map((slot) => slot.split(' ').slice(0, 3).join(' '))).toEqual([
      '0 header 2',
      '1 opening 2',
    ]);
    // Erase, record and header in the next one.
    expect(flash.operationCount - operationCount).toBe(RECORD_WRITE_TRIES_MAX + 3);
    expect(names(open(flash))).toEqual([1, 2]);
  });

  it('is an error when no sector takes it, and what was there is there still', () => {
    const flash = flashWith(fullSector(0, 1, 1, 1));
    flash.breakSector(1, 'erase-lies');
    flash.program(atOf(1, 3), new Uint8Array(16));
    const log = open(flash);
    const { operationCount } = flash;
    for (let tries = 1; tries <= 2; tries++) {
      expect(() => log.append(payload(16))).toThrow(expect.objectContaining({ code: 'worn' }));
      // Nothing is programmed into a sector that does not come out erased.
      expect(flash.operationCount - operationCount).toBe(tries);
    }
    expect(names(open(flash))).toEqual(upTo(15));
  });

  it('is tried once as a turn goes on and once anew, and what was erased for it is not said to be there', () => {
    const tried = (slots: readonly Slot[]): number => {
      const flash = flashWith([...fullSector(0, 2, 40, 40), ...slots]);
      flash.breakSector(1, 'program-lies');
      const log = open(flash);
      const { operationCount } = flash;
      expect(() => log.append(payload(16), () => [payload(7)])).toThrow(expect.objectContaining({ code: 'worn' }));
      expect(names(log)).toEqual(upTo(54, 40));
      expect(names(open(flash))).toEqual(upTo(54, 40));
      return flash.operationCount - operationCount;
    };
    const anew = 1 + RECORD_WRITE_TRIES_MAX;
    expect(tried(fullSector(1, 1, 1, 1))).toBe(anew);
    const begun: Slot = { sector: 1, slot: 1, kind: 'opening', generation: 3, sequence: 90, name: 7 };
    expect(tried([begun])).toBe(RECORD_WRITE_TRIES_MAX + anew);
  });

  it('is not said to be there when the header is what flash does not take', () => {
    const flash = flashWith(fullSector(0, 1, 1, 1));
    const port = overlaid(flash, (region, { name }) => ({
      program: (offsetBytes, data) => {
        if (name === 'boot-b' && offsetBytes === 0) throw new FlashError('worn', 'no');
        region.program(offsetBytes, data);
      },
    }));
    const log = open(port);
    expect(() => log.append(payload(16))).toThrow(expect.objectContaining({ code: 'worn' }));
    expect(sectorOf(flash, 1)).toHaveLength(1);
    expect(names(log)).toEqual(upTo(15));
    expect(names(open(flash))).toEqual(upTo(15));
  });

  it.each([3, 4])('is stepped over when the read %i of its octets differs', (bad) => {
    const flash = flashWith(committed(0, 1, 1, [1]));
    let reads = 0;
    // Two reads on opening and one for what is blank; then two after the program.
    const log = open(readingBadly(flash, atOf(0, 2) + 12, () => reads++ === bad));
    log.append(payload(2));
    expect(names(log)).toEqual([1, 2]);
    expect(sectorOf(flash, 0).map((slot) => slot.split(' ')[0])).toEqual(['0', '1', '2', '3']);
  });

  it('is tried elsewhere when flash says that it is worn or not erased; every other error goes up', () => {
    const throwing = (error: Error): FlashPort =>
      overlaid(flashWith(committed(0, 1, 1, [1])), () => ({
        program: () => {
          throw error;
        },
      }));
    for (const code of ['worn', 'not-erased'] as const) {
      const append = (): void => open(throwing(new FlashError(code, 'no'))).append(payload(2));
      expect(append).toThrow(/does not keep/);
    }
    const others = [
      new FlashError('out-of-range', 'our mistake'),
      new PowerLost(1),
      Object.assign(new Error('not of flash'), { code: 'worn' }),
    ];
    for (const error of others) expect(() => open(throwing(error)).append(payload(2))).toThrow(error);
  });
});

describe('the room of a log', () => {
  const region = (...sectorBytes: readonly number[]): FlashPort =>
    createFlash({
      geometry: {
        ...layoutOf(2).geometry,
        sectorRuns: sectorBytes.map((bytes) => ({ count: 1, sectorBytes: bytes })),
      },
      partitions: [{ name: 'boot-a', offsetBytes: 0, lengthBytes: sectorBytes.reduce((sum, bytes) => sum + bytes, 0) }],
    });
  const logOn = (...sectorBytes: readonly number[]): RecordLog =>
    new RecordLog([region(...sectorBytes).partition('boot-a')], FORMAT, crc32);

  it('is that of its sectors without their headers, and without the largest of them', () => {
    expect(open(flashWith([])).capacity).toBe(15);
    expect(open(flashWith([], 3)).capacity).toBe(30);
    expect(logOn(1024, 2048, 512).capacity).toBe(15 + 7);
    expect(RecordLog.recordsPerSector(SECTOR_BYTES, 16, FORMAT)).toBe(SLOTS);
    expect(RecordLog.recordsPerSector(SECTOR_BYTES + 63, 16, FORMAT)).toBe(SLOTS);
  });

  it("ends with the last whole slot of a sector: what stands behind that is nobody's", () => {
    const flash = region(SECTOR_BYTES + RECORD_BYTES, SECTOR_BYTES);
    for (const slot of committed(0, 1, 1, [1])) flash.program(atOf(0, slot.slot), recordOf(slot));
    const stray: Slot = { sector: 0, slot: SLOTS, kind: 'appended', generation: 1, sequence: 9, name: 2 };
    flash.program(SECTOR_BYTES, recordOf(stray).subarray(0, RECORD_BYTES));
    const log = new RecordLog([flash.partition('boot-a')], FORMAT, crc32);
    expect(names(log)).toEqual([1]);
    log.append(payload(3));
    expect(flash.operationCount).toBe(4);
    expect(flash.wear(1)).toBe(0);
  });

  it('is guarded where granules are small, and not where the guard would cost half of it', () => {
    expect(open(flashWith([])).isGuarded).toBe(true);
    const coarse = createFlash({
      geometry: { ...layoutOf(2).geometry, sectorRuns: [{ count: 2, sectorBytes: 2048 }], granuleBytes: 512 },
      partitions: [{ name: 'boot-a', offsetBytes: 0, lengthBytes: 4096 }],
    });
    expect(new RecordLog([coarse.partition('boot-a')], FORMAT, crc32).isGuarded).toBe(false);
  });

  it('is two sectors with a header and a record each, at least', () => {
    expect(logOn(2 * SLOT_BYTES, 2 * SLOT_BYTES).capacity).toBe(1);
    const tooSmall = [
      () => logOn(1024),
      () => logOn(1024, SLOT_BYTES),
      () => logOn(SLOT_BYTES, 1024),
      () => new RecordLog([], FORMAT, crc32),
    ];
    for (const make of tooSmall) {
      expect(make).toThrow(expect.objectContaining({ code: 'bad-layout' }));
    }
    expect(() => logOn(1024)).toThrow(/128 octets/);
  });
});
