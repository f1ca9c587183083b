import { FlashError } from '../errors.js';
import type { Crc32, FlashPort, FlashRegion, Sector } from '../flash/flash-port.js';
import { bootSlotBytes } from '../flash/layout-plan.js';
import { BOOT_PAYLOAD_BYTES, BOOT_SLOTS_PER_SECTOR_MIN } from '../limits.js';
import { isFilled, sameOctets } from '../octets.js';
import type { BootState, BootStep } from './boot-state.js';
import { decodeBootState, EMPTY_BOOT_STATE, encodeBootState } from './boot-state.js';

// docs/FLASH-FILE.md §4 draws this layout; the frame is the one of every log.
const AT = { sequence: 0, generation: 4, logId: 8, kind: 9, length: 10, payload: 12 } as const;
const CRC_BYTES = 4;
const LOG_ID = 1;
const KIND_APPENDED = 3;

/** One erase unit of boot's partitions. */
interface Unit {
  readonly region: FlashRegion;
  readonly sectorIndex: number;
  readonly offsetBytes: number;
  readonly slotCount: number;
  /** Its record with the highest sequence. */
  newest: { readonly sequence: number; readonly state: BootState } | undefined;
  /** A record in the first slot is what says that the whole sector was erased before: nothing else does. */
  startsWithRecord: boolean;
  /** After the last slot that does not read as erased. */
  nextSlot: number;
  /** Slots before that one without an intact record. */
  unread: number;
}

/**
 * What boot knows, in copies: whole states in the sectors of `boot-a` and `boot-b`. The intact one with the highest
 * sequence is the state. Each write goes to another sector than the one that holds it, so whatever a power cut does to
 * a sector that is being written or erased, the state is not in there; two writes in a row leave it in two sectors.
 * A write is one page or two, and an erase before it where the sector has no room or cannot be trusted.
 *
 * A store object lives as long as the call that opened it.
 */
export class StateStore {
  readonly #crc32: Crc32;
  readonly #slotBytes: number;
  readonly #units: readonly Unit[];
  #nextSequence: number;

  /**
   * @param isPowerOn - True for who opens it first after power came back: the slot that was in flight may read as
   *   erased, and is then left alone.
   * @throws FlashError `bad-layout`; PowerLost
   */
  constructor(flash: FlashPort, crc32: Crc32, isPowerOn: boolean) {
    const regions = [flash.partition('boot-a'), flash.partition('boot-b')];
    this.#crc32 = crc32;
    this.#slotBytes = bootSlotBytes(flash.granuleBytes);
    this.#units = regions.flatMap((region) => region.sectors.map((sector) => this.#openUnit(region, sector)));
    if (this.#units.some(({ slotCount }) => slotCount < BOOT_SLOTS_PER_SECTOR_MIN)) {
      const neededBytes = BOOT_SLOTS_PER_SECTOR_MIN * this.#slotBytes;
      throw new FlashError('bad-layout', `sectors of "boot-a" and "boot-b" need ${neededBytes} octets`);
    }
    const holder = this.#holder();
    for (const unit of this.#units) {
      if (isPowerOn && unit !== holder && unit.nextSlot > 0) {
        unit.nextSlot += 1;
        unit.unread += 1;
      }
    }
    // A slot passed over may yet read as a record some day: no number that it could have is given again.
    const unread = this.#units.reduce((sum, unit) => sum + unit.unread, 0);
    this.#nextSequence = sequenceOf(holder) + unread + 1;
  }

  /** The state; undefined where not one record can be read. */
  get newest(): BootState | undefined {
    return this.#holder()?.newest?.state;
  }

  /** The state; the empty one on a flash that has never booted. */
  get state(): BootState {
    return this.newest ?? EMPTY_BOOT_STATE;
  }

  /**
   * Makes a state the newest, in one more sector. All or nothing: before its last flash operation the state is as it was.
   * @returns false when no sector but the one that holds the state takes a record: nothing was recorded
   * @throws BootError `bad-value`; PowerLost
   */
  writeOnce(step: BootStep, state: BootState): boolean {
    const payload = encodeBootState(step, state);
    return this.#targets().some((unit) => this.#writeTo(unit, payload, state));
  }

  /**
   * Makes a state the newest, in two sectors. It counts from the first one on, and the next start makes up for a second
   * one that a cut or a worn sector prevented.
   * @throws BootError `bad-value`; FlashError `worn`: nothing was recorded; PowerLost
   */
  writeTwice(step: BootStep, state: BootState): void {
    if (!this.writeOnce(step, state)) {
      throw new FlashError('worn', 'the sectors of the boot records take no record any more; the device needs repair');
    }
    this.writeOnce(step, state);
  }

  #openUnit(region: FlashRegion, sector: Sector): Unit {
    const { index: sectorIndex, offsetBytes, lengthBytes } = sector;
    const slotCount = Math.floor(lengthBytes / this.#slotBytes);
    const unit: Unit = {
      region,
      sectorIndex,
      offsetBytes,
      slotCount,
      newest: undefined,
      startsWithRecord: false,
      nextSlot: 0,
      unread: 0,
    };
    // A cell that an interrupted operation left undecided reads now like this, now like that: one read is not believed.
    const octets = region.read(offsetBytes, lengthBytes);
    const again = region.read(offsetBytes, lengthBytes);
    const { erasedValue } = region;
    let intact = 0;
    for (let slot = 0; slot < slotCount; slot++) {
      const at = slot * this.#slotBytes;
      const first = octets.subarray(at, at + this.#slotBytes);
      const second = again.subarray(at, at + this.#slotBytes);
      const isSame = sameOctets(first, second);
      if (isSame && isFilled(first, 0, first.length, erasedValue)) continue;
      unit.nextSlot = slot + 1;
      const record = isSame ? this.#decode(first) : undefined;
      if (record === undefined) continue;
      intact += 1;
      if (slot === 0) unit.startsWithRecord = true;
      if (record.sequence >= (unit.newest?.sequence ?? 0)) unit.newest = record;
    }
    unit.unread = unit.nextSlot - intact;
    return unit;
  }

  #decode(slot: Uint8Array): Unit['newest'] {
    const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength);
    const crcAt = slot.length - CRC_BYTES;
    if (view.getUint8(AT.logId) !== LOG_ID || view.getUint16(AT.length, true) !== BOOT_PAYLOAD_BYTES) return undefined;
    if (view.getUint32(crcAt, true) !== this.#crc32(slot.subarray(0, crcAt))) return undefined;
    const sequence = view.getUint32(AT.sequence, true);
    const state = decodeBootState(slot.subarray(AT.payload, AT.payload + BOOT_PAYLOAD_BYTES));
    return state && { sequence, state };
  }

  #holder(): Unit | undefined {
    return this.#units.reduce<Unit | undefined>(
      (best, unit) => (sequenceOf(unit) > sequenceOf(best) ? unit : best),
      undefined,
    );
  }

  /** Where a record may go, best first: after the last copy before the newest one; then wherever the oldest is. */
  #targets(): readonly Unit[] {
    const holder = this.#holder();
    const others = this.#units.filter((unit) => unit !== holder);
    const byAge = others.toSorted((a, b) => sequenceOf(a) - sequenceOf(b));
    return [...byAge.filter(hasRoom).toReversed(), ...byAge.filter((unit) => !hasRoom(unit))];
  }

  #writeTo(unit: Unit, payload: Uint8Array, state: BootState): boolean {
    if (hasRoom(unit) && takes(() => this.#put(unit, payload, state))) return true;
    return takes(() => {
      unit.newest = undefined;
      unit.startsWithRecord = false;
      unit.nextSlot = 0;
      unit.region.eraseSector(unit.sectorIndex);
      const octets = unit.region.read(unit.offsetBytes, unit.slotCount * this.#slotBytes);
      return isFilled(octets, 0, octets.length, unit.region.erasedValue) && this.#put(unit, payload, state);
    });
  }

  #put(unit: Unit, payload: Uint8Array, state: BootState): boolean {
    const { region } = unit;
    const slot = unit.nextSlot;
    const offsetBytes = unit.offsetBytes + slot * this.#slotBytes;
    const sequence = this.#nextSequence++;
    const octets = this.#encode(sequence, payload);
    unit.nextSlot += 1;
    region.program(offsetBytes, octets);
    const isThere = [1, 2].every(() => sameOctets(region.read(offsetBytes, octets.length), octets));
    if (!isThere) return false;
    // In the first slot, or behind a record that is.
    unit.startsWithRecord = true;
    unit.newest = { sequence, state };
    return true;
  }

  #encode(sequence: number, payload: Uint8Array): Uint8Array {
    const octets = new Uint8Array(this.#slotBytes);
    const view = new DataView(octets.buffer);
    view.setUint32(AT.sequence, sequence, true);
    view.setUint8(AT.logId, LOG_ID);
    view.setUint8(AT.kind, KIND_APPENDED);
    view.setUint16(AT.length, payload.length, true);
    octets.set(payload, AT.payload);
    const crcAt = octets.length - CRC_BYTES;
    view.setUint32(crcAt, this.#crc32(octets.subarray(0, crcAt)), true);
    return octets;
  }
}

function sequenceOf(unit: Unit | undefined): number {
  return unit?.newest?.sequence ?? 0;
}

function hasRoom(unit: Unit): boolean {
  return unit.startsWithRecord && unit.nextSlot < unit.slotCount;
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
