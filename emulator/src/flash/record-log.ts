import { FlashError } from '../errors.js';
import { RECORD_WRITE_TRIES_MAX } from '../limits.js';
import { isFilled, sameOctets } from '../octets.js';
import type { Crc32, FlashRegion, Sector } from './flash-port.js';
import { logSlotBytes, recordSlotBytes } from './layout-plan.js';

/** Which log, and how much each of its records carries. */
export interface RecordLogFormat {
  /** 1 to 255; a record of another log is not a record here. */
  readonly logId: number;
  readonly payloadBytes: number;
}

export interface LogRecord {
  /** Grows by at least 1 with each record, over all sectors. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

// docs/FLASH-FILE.md §4 draws this layout; what is not payload is RECORD_OVERHEAD_BYTES.
const AT = { sequence: 0, generation: 4, logId: 8, kind: 9, length: 10, payload: 12 } as const;
const CRC_BYTES = 4;
const KIND = { header: 1, opening: 2, appended: 3 } as const;

/** One sector: a header, then records. */
interface Page {
  readonly region: FlashRegion;
  readonly sectorIndex: number;
  readonly offsetBytes: number;
  readonly slotCount: number;
  /** 0: not committed, not to be used as it is. */
  generation: number;
  records: LogRecord[];
  nextSlot: number;
  /** Of a sector that was erased and is not committed yet: what was put there since. Undefined for every other one. */
  begun: { readonly generation: number; readonly records: readonly LogRecord[] } | undefined;
}

/**
 * An append-only log in a ring of sectors, two or more. One sector takes records until it is full; then the oldest one
 * is erased, gets the first record of its generation, and only then the header that commits it. So a cut leaves the
 * records as they were or with the new one, half a record fails its CRC and is stepped over, and a cut in the middle of
 * a turn of the ring goes on where it was. A sector that does not take records is passed over while the ring has another.
 *
 * A record counts if two reads agree on it. Where granules are small, one that belongs to no record lies between two of
 * them, because a program that is cut may damage the granule programmed before; where they are not, a cut in the record
 * after it may cost the last record, and who cannot bear that numbers the records or writes them twice.
 *
 * A log object lives as long as the power: after a PowerLost, open it again.
 */
export class RecordLog {
  readonly #format: RecordLogFormat;
  readonly #crc32: Crc32;
  readonly #pages: readonly Page[];
  readonly #slotBytes: number;
  readonly #recordBytes: number;
  #nextSequence: number;

  /** @throws FlashError `bad-layout` for fewer than two sectors, or one without room for a header and a record; PowerLost */
  constructor(regions: readonly FlashRegion[], format: RecordLogFormat, crc32: Crc32) {
    const granuleBytes = regions[0]?.granuleBytes ?? 1;
    this.#format = format;
    this.#crc32 = crc32;
    this.#slotBytes = logSlotBytes(format.payloadBytes, granuleBytes);
    this.#recordBytes = recordSlotBytes(format.payloadBytes, granuleBytes);
    this.#nextSequence = 1;
    this.#pages = regions.flatMap((region) => region.sectors.map((sector) => this.#openPage(region, sector)));
    if (this.#pages.length < 2 || this.#pages.some(({ slotCount }) => slotCount < 2)) {
      throw new FlashError('bad-layout', `a log needs two sectors of at least ${2 * this.#slotBytes} octets`);
    }
    // A slot passed over may yet read as a record some day: no number that it could have is given again.
    this.#nextSequence += this.#pages.reduce((sum, { nextSlot }) => sum + nextSlot, 0);
  }

  /** Intact records of all committed sectors, oldest first. A record that was carried over may be there twice. */
  get records(): readonly LogRecord[] {
    return recordsOf(this.#pages);
  }

  /** Whether a cut in a record can not reach the one before it. */
  get isGuarded(): boolean {
    return this.#slotBytes > this.#recordBytes;
  }

  /** Slots of a sector, its header's included. */
  static recordsPerSector(sectorBytes: number, granuleBytes: number, format: RecordLogFormat): number {
    return Math.floor(sectorBytes / logSlotBytes(format.payloadBytes, granuleBytes));
  }

  /** Records that are there at any time, were none ever torn: the ring without its largest sector. */
  get capacity(): number {
    const counts = this.#pages.map(({ slotCount }) => slotCount - 1);
    return counts.reduce((sum, count) => sum + count, 0) - Math.max(...counts);
  }

  /**
   * Makes one record durable. All or nothing: before the last flash operation the log reads as it did.
   *
   * @param payload - At most `payloadBytes` octets.
   * @param carry - Called before a sector is erased with the records that stay: what must be written again, oldest first;
   *   what does not fit into one sector is left out, the oldest first.
   * @throws FlashError `worn` when flash does not take the record, `out-of-range` when it is too long; PowerLost
   */
  append(payload: Uint8Array, carry: (kept: readonly LogRecord[]) => readonly Uint8Array[] = () => []): void {
    if (payload.length > this.#format.payloadBytes) throw new FlashError('out-of-range', 'the record is too long');
    const current = this.#current();
    if (current !== undefined && this.#putAnywhere(current, KIND.appended, current.generation, payload)) return;
    const generation = (current?.generation ?? 0) + 1;
    const others = this.#pages.filter((page) => page !== current).toSorted((a, b) => a.generation - b.generation);
    // One that a cut stopped in the middle of its turn goes first: it holds nothing that counts.
    const isBegun = (page: Page): boolean => page.begun?.generation === generation;
    for (const page of [...others.filter(isBegun), ...others.filter((other) => !isBegun(other))]) {
      const kept = recordsOf(this.#pages.filter((other) => other !== page));
      if (this.#openNext(page, generation, [...carry(kept), payload])) return;
    }
    throw new FlashError('worn', 'flash does not keep what is programmed into it; the device needs repair');
  }

  #openNext(page: Page, generation: number, payloads: readonly Uint8Array[]): boolean {
    // Better to lose the oldest of what is carried over than to take no record any more.
    const wanted = payloads.slice(1 - page.slotCount);
    // Only where all that stands there is wanted still: what has changed since is not to be said by an old record.
    const isBegun =
      page.begun?.generation === generation &&
      page.begun.records.every((record) => wanted.some((payload) => sameOctets(payload, record.payload)));
    if (isBegun && this.#fill(page, generation, wanted)) return true;
    page.generation = 0;
    page.begun = undefined;
    page.nextSlot = 1;
    return takes(() => {
      // Always erased anew: octets that look erased may be what an interrupted erase or program left.
      page.region.eraseSector(page.sectorIndex);
      return isBlank(page, 0, page.slotCount * this.#slotBytes) && this.#fill(page, generation, wanted);
    });
  }

  #fill(page: Page, generation: number, payloads: readonly Uint8Array[]): boolean {
    // The last of what was begun may be what the cut left undecided: that one is written again.
    const there = page.begun?.records.slice(0, -1) ?? [];
    page.records = [...(page.begun?.records ?? [])];
    page.begun = undefined;
    const missing = payloads.filter((payload) => !there.some((record) => sameOctets(record.payload, payload)));
    for (const payload of missing) {
      if (!this.#putAnywhere(page, KIND.opening, generation, payload)) return false;
    }
    const header = this.#encode(KIND.header, generation, new Uint8Array(0));
    if (!isBlank(page, 0, header.length) || !this.#program(page, page.offsetBytes, header)) return false;
    page.generation = generation;
    return true;
  }

  #putAnywhere(page: Page, kind: number, generation: number, payload: Uint8Array): boolean {
    for (let tries = 0; tries < RECORD_WRITE_TRIES_MAX && page.nextSlot < page.slotCount; tries++) {
      if (this.#put(page, kind, generation, payload)) return true;
    }
    return false;
  }

  // Read back at once: a record that flash did not take is stepped over.
  #put(page: Page, kind: number, generation: number, payload: Uint8Array): boolean {
    const at = page.nextSlot * this.#slotBytes;
    const sequence = this.#nextSequence;
    const octets = this.#encode(kind, generation, payload);
    page.nextSlot += 1;
    if (!isBlank(page, at, this.#slotBytes) || !this.#program(page, page.offsetBytes + at, octets)) return false;
    page.records.push({ sequence, payload: new Uint8Array(payload) });
    return true;
  }

  #program({ region }: Page, offsetBytes: number, octets: Uint8Array): boolean {
    return takes(() => {
      region.program(offsetBytes, octets);
      return [1, 2].every(() => sameOctets(region.read(offsetBytes, octets.length), octets));
    });
  }

  #encode(kind: number, generation: number, payload: Uint8Array): Uint8Array {
    // The guard is programmed too: it is there to be the granule programmed last.
    const octets = new Uint8Array(this.#slotBytes);
    const view = new DataView(octets.buffer);
    view.setUint32(AT.sequence, this.#nextSequence++, true);
    view.setUint32(AT.generation, generation, true);
    view.setUint8(AT.logId, this.#format.logId);
    view.setUint8(AT.kind, kind);
    view.setUint16(AT.length, payload.length, true);
    octets.set(payload, AT.payload);
    const crcAt = this.#recordBytes - CRC_BYTES;
    view.setUint32(crcAt, this.#crc32(octets.subarray(0, crcAt)), true);
    return octets;
  }

  #openPage(region: FlashRegion, sector: Sector): Page {
    const slotCount = Math.floor(sector.lengthBytes / this.#slotBytes);
    const { index: sectorIndex, offsetBytes } = sector;
    const page: Page = {
      region,
      sectorIndex,
      offsetBytes,
      slotCount,
      generation: 0,
      records: [],
      nextSlot: 1,
      begun: undefined,
    };
    // Cells that an interrupted operation left undecided read now like this, now like that: one read is not believed.
    const octets = region.read(offsetBytes, sector.lengthBytes);
    const again = region.read(offsetBytes, sector.lengthBytes);
    const found: (Found & { readonly slot: number })[] = [];
    for (let slot = 0; slot < slotCount; slot++) {
      const at = slot * this.#slotBytes;
      const whole = again.subarray(at, at + this.#slotBytes);
      const isSame = sameOctets(octets.subarray(at, at + this.#slotBytes), whole);
      if (isSame && isFilled(whole, 0, whole.length, region.erasedValue)) continue;
      page.nextSlot = slot + 1;
      const record = this.#decode(octets.subarray(at, at + this.#recordBytes));
      if (
        record !== undefined &&
        sameOctets(octets.subarray(at, at + this.#recordBytes), whole.subarray(0, this.#recordBytes))
      )
        found.push({ ...record, slot });
    }
    // Records are appended only after the header: one of them proves the commit even when the header has rotted.
    const proof = found.find(({ kind }) => kind !== KIND.opening);
    const [first] = found;
    if (proof !== undefined) {
      page.generation = proof.generation;
      page.records = recordsIn(found, proof.generation);
    } else if (first?.slot === 1) {
      // The first opening record says that the erase before it was a whole one.
      page.begun = { generation: first.generation, records: recordsIn(found, first.generation) };
    }
    return page;
  }

  #decode(slot: Uint8Array): Found | undefined {
    const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
    const length = view.getUint16(AT.length, true);
    const crcAt = slot.length - CRC_BYTES;
    if (view.getUint8(AT.logId) !== this.#format.logId || length > this.#format.payloadBytes) return undefined;
    if (view.getUint32(crcAt, true) !== this.#crc32(slot.subarray(0, crcAt))) return undefined;
    const sequence = view.getUint32(AT.sequence, true);
    // Records of a sector that was never committed count here too: no sequence number is used twice.
    this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
    return {
      kind: view.getUint8(AT.kind),
      generation: view.getUint32(AT.generation, true),
      record: { sequence, payload: slot.slice(AT.payload, AT.payload + length) },
    };
  }

  #current(): Page | undefined {
    const newest = this.#pages.reduce((best, page) => (page.generation > best.generation ? page : best));
    return newest.generation > 0 ? newest : undefined;
  }
}

interface Found {
  readonly kind: number;
  readonly generation: number;
  readonly record: LogRecord;
}

function recordsIn(found: readonly Found[], wanted: number): LogRecord[] {
  return found
    .filter(({ kind, generation }) => kind !== KIND.header && generation === wanted)
    .map(({ record }) => record);
}

function recordsOf(pages: readonly Page[]): readonly LogRecord[] {
  return pages
    .filter(({ generation }) => generation > 0)
    .flatMap(({ records }) => records)
    .toSorted((a, b) => a.sequence - b.sequence);
}

function isBlank({ region, offsetBytes }: Page, at: number, lengthBytes: number): boolean {
  return isFilled(region.read(offsetBytes + at, lengthBytes), 0, lengthBytes, region.erasedValue);
}

/** False where flash itself refuses; a power cut and misuse go on up. */
function takes(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    if (error instanceof FlashError && (error.code === 'worn' || error.code === 'not-erased')) return false;
    throw error;
  }
}
