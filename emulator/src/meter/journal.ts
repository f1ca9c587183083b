import { FlashError } from '../errors.js';
import type { Crc32, FlashRegion } from '../flash/flash-port.js';
import { JOURNAL_OVERHEAD_BYTES, PROGRAM_PAGE_BYTES, RECORD_WRITE_TRIES_MAX, WEAK_READS } from '../limits.js';
import { sameOctets } from '../octets.js';
import { journalRecordBytes } from './profile-rings.js';

export interface JournalRecord {
  /** Grows with each record, over all sectors. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

// docs/METER.md §4 draws this layout.
const AT = { magic: 0, journalId: 2, length: 4, sequence: 8, payload: 12 } as const;
const MAGIC = 0x4d53; // "SM"
const CRC_BYTES = 4;

/** What a scan found in a sector. */
interface SectorState {
  /** 0: no record. */
  newest: number;
  /** Where the next record goes; the sector's length when it takes none. */
  tailBytes: number;
}

/**
 * Records of any length in a ring of sectors; the oldest sector is erased when the newest is full. Nothing of the records
 * stays in memory. A record counts once its CRC is whole, so a cut leaves the records as they were or with the new one; and a
 * granule of filling stands behind each, because a torn program may damage the granule that was programmed before it.
 *
 * Lives as long as the power: after a PowerLost, open it again.
 */
export class Journal {
  readonly #region: FlashRegion;
  readonly #journalId: number;
  readonly #crc32: Crc32;
  #sectors: SectorState[] | undefined;
  #current = 0;
  #nextSequence = 1;

  /** Reads nothing before it is asked to. @param journalId - 1 to 65,535; records of another journal are none here */
  constructor(region: FlashRegion, journalId: number, crc32: Crc32) {
    this.#region = region;
    this.#journalId = journalId;
    this.#crc32 = crc32;
  }

  /** Intact records, oldest first. */
  records(): readonly JournalRecord[] {
    return this.#region.sectors
      .flatMap((_, index) => this.#read(index).records)
      .toSorted((a, b) => a.sequence - b.sequence);
  }

  /** The newest intact record. */
  newest(): JournalRecord | undefined {
    const sectors = this.#scanned();
    if (sectors[this.#current]!.newest === 0) return undefined;
    return this.#read(this.#current).records.findLast(({ sequence }) => sequence === sectors[this.#current]!.newest);
  }

  /**
   * How far the ring is filled, in pages. What a cut left may be no record today and one tomorrow; a number that grows by
   * this at each start is greater than any it could have.
   */
  get passedPages(): number {
    return this.#scanned().reduce((sum, { tailBytes }) => sum + Math.floor(tailBytes / this.#pageBytes), 0);
  }

  /** Makes a record durable. @throws FlashError `worn` when no sector takes it, `out-of-range` when none is large enough; PowerLost */
  append(payload: Uint8Array): void {
    const sectors = this.#scanned();
    const recordBytes = journalRecordBytes(payload.length, this.#region.granuleBytes);
    if (this.#region.sectors.every(({ lengthBytes }) => lengthBytes < recordBytes)) {
      throw new FlashError('out-of-range', `a record of ${recordBytes} octets does not fit a sector`);
    }
    // Sector 0 of a new journal is erased before its first use as well.
    const isNew = sectors.every(({ newest }) => newest === 0);
    if (!isNew && this.#appendHere(payload)) return;
    for (let i = isNew ? 0 : 1; i <= sectors.length; i++) {
      const next = (this.#current + i) % sectors.length;
      // The last try is the sector that holds the newest record: a journal that can take nothing must keep what it has.
      if (!isNew && next === this.#current) continue;
      if (!this.#erase(next)) continue;
      const before = this.#current;
      this.#current = next;
      if (this.#appendHere(payload)) return;
      this.#current = before;
    }
    throw new FlashError('worn', 'flash does not keep what is programmed into it; the device needs repair');
  }

  #erase(index: number): boolean {
    const sectors = this.#scanned();
    sectors[index] = { newest: 0, tailBytes: 0 };
    return this.#attempt(() => this.#region.eraseSector(index));
  }

  // A record that flash did not take is stepped over, a few times.
  #appendHere(payload: Uint8Array): boolean {
    const sector = this.#region.sectors[this.#current]!;
    const state = this.#scanned()[this.#current]!;
    const octets = this.#encode(payload);
    for (let tries = 0; tries < RECORD_WRITE_TRIES_MAX; tries++) {
      const at = state.tailBytes;
      if (at + octets.length > sector.lengthBytes) return false;
      state.tailBytes += octets.length;
      const offsetBytes = sector.offsetBytes + at;
      const isDone =
        this.#attempt(() => this.#region.program(offsetBytes, octets)) &&
        sameOctets(this.#region.read(offsetBytes, octets.length), octets);
      if (isDone) {
        state.newest = this.#nextSequence++;
        return true;
      }
    }
    return false;
  }

  // Worn cells and cells that only look erased are a matter of this sector; everything else is not ours to handle.
  #attempt(operation: () => void): boolean {
    try {
      operation();
      return true;
    } catch (error) {
      if (error instanceof FlashError && (error.code === 'worn' || error.code === 'not-erased')) return false;
      throw error;
    }
  }

  #encode(payload: Uint8Array): Uint8Array {
    const { granuleBytes, erasedValue } = this.#region;
    const octets = new Uint8Array(journalRecordBytes(payload.length, granuleBytes)).fill(erasedValue ^ 0xff);
    const view = new DataView(octets.buffer);
    view.setUint16(AT.magic, MAGIC, true);
    view.setUint16(AT.journalId, this.#journalId, true);
    view.setUint32(AT.length, payload.length, true);
    view.setUint32(AT.sequence, this.#nextSequence, true);
    octets.set(payload, AT.payload);
    const crcAt = AT.payload + payload.length;
    view.setUint32(crcAt, this.#crc32(octets.subarray(0, crcAt)), true);
    return octets;
  }

  #scanned(): SectorState[] {
    if (this.#sectors !== undefined) return this.#sectors;
    const sectors = this.#region.sectors.map(({ lengthBytes }, index) => {
      const { records, endBytes, tailBytes } = this.#read(index);
      // Behind damage the next record begins on a page of its own, so that each interrupted one counts in `passedPages`.
      const nextBytes = endBytes === tailBytes ? tailBytes : Math.min(lengthBytes, this.#nextPage(tailBytes));
      return { newest: records.reduce((newest, { sequence }) => Math.max(newest, sequence), 0), tailBytes: nextBytes };
    });
    this.#sectors = sectors;
    const newest = Math.max(...sectors.map((sector) => sector.newest));
    this.#current = sectors.findIndex((sector) => sector.newest === newest);
    const { offsetBytes, lengthBytes } = this.#region.sectors[this.#current]!;
    const current = sectors[this.#current]!;
    if (this.#isWeak(offsetBytes + current.tailBytes, lengthBytes - current.tailBytes)) {
      // An operation touches a page at most, wherever that begins.
      current.tailBytes = Math.min(lengthBytes, this.#nextPage(current.tailBytes + this.#pageBytes - 1));
    }
    this.#nextSequence = newest + 1 + this.passedPages;
    return sectors;
  }

  // Cells that an interrupted program left half-way read one way and then the other: what looks erased is read again and again.
  #isWeak(offsetBytes: number, lengthBytes: number): boolean {
    const { erasedValue } = this.#region;
    const readBytes = Math.min(lengthBytes, this.#pageBytes);
    const reads = Array.from({ length: WEAK_READS }, () => this.#region.read(offsetBytes, readBytes));
    return reads.some((octets) => octets.some((octet) => octet !== erasedValue));
  }

  get #pageBytes(): number {
    const { granuleBytes } = this.#region;
    return Math.ceil(PROGRAM_PAGE_BYTES / granuleBytes) * granuleBytes;
  }

  // The first page boundary behind an offset.
  #nextPage(offsetBytes: number): number {
    return (Math.floor(offsetBytes / this.#pageBytes) + 1) * this.#pageBytes;
  }

  #read(index: number): {
    readonly records: readonly JournalRecord[];
    readonly endBytes: number;
    readonly tailBytes: number;
  } {
    const { offsetBytes, lengthBytes } = this.#region.sectors[index]!;
    const { granuleBytes, erasedValue } = this.#region;
    const octets = this.#region.read(offsetBytes, lengthBytes);
    const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
    let usedBytes = lengthBytes;
    while (usedBytes > 0 && octets[usedBytes - 1] === erasedValue) usedBytes -= 1;
    const tailBytes = Math.ceil(usedBytes / granuleBytes) * granuleBytes;
    let endBytes = 0;
    const records: JournalRecord[] = [];
    for (let at = 0; at + JOURNAL_OVERHEAD_BYTES <= tailBytes;) {
      const payload = this.#decode(octets, view, at);
      if (payload === undefined) {
        // Damage: whatever whole record stands behind it still counts.
        at += granuleBytes;
        continue;
      }
      records.push({ sequence: view.getUint32(at + AT.sequence, true), payload });
      // Not over the filling: a cut may have left it out, and then the next record stands there.
      endBytes = at + journalRecordBytes(payload.length, granuleBytes);
      at = endBytes - granuleBytes;
    }
    return { records, endBytes, tailBytes };
  }

  #decode(octets: Uint8Array, view: DataView, at: number): Uint8Array | undefined {
    if (view.getUint16(at + AT.magic, true) !== MAGIC) return undefined;
    if (view.getUint16(at + AT.journalId, true) !== this.#journalId) return undefined;
    const length = view.getUint32(at + AT.length, true);
    const crcAt = at + AT.payload + length;
    if (crcAt + CRC_BYTES > octets.length) return undefined;
    if (view.getUint32(crcAt, true) !== this.#crc32(octets.subarray(at, crcAt))) return undefined;
    return octets.slice(at + AT.payload, crcAt);
  }
}
