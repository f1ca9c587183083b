import { FlashError } from '../errors.js';
import type { Crc32, FlashRegion } from '../flash/flash-port.js';
import { Journal } from './journal.js';
import type { MeterState } from './meter-state.js';
import { sectorWindow } from './profile-store.js';
import { decodeState, encodeState } from './state-codec.js';

interface Copy {
  readonly journal: Journal;
  isSound: boolean;
}

const NUMBER_BYTES = 4;
const JOURNAL_IDS = [1, 2] as const;

/**
 * The state in flash, twice: the two copies never share a sector. One is written after the other, so that whatever a cut
 * or a rotten record does to the one, the other holds the state as it was, or the new one.
 */
export class StateStore {
  readonly #copies: readonly Copy[];
  #number = 0;

  /** @throws FlashError `bad-layout` for fewer than four sectors */
  constructor(region: FlashRegion, crc32: Crc32) {
    const half = Math.floor(region.sectors.length / 2);
    if (half < 2) throw new FlashError('bad-layout', 'the partition "meter" needs four sectors: two for each copy');
    this.#copies = JOURNAL_IDS.map((id, i) => ({
      journal: new Journal(sectorWindow(region, 'meter', i * half, half), id, crc32),
      isSound: true,
    }));
  }

  /** Whether both copies take records. */
  get isSound(): boolean {
    return this.#copies.every(({ isSound }) => isSound);
  }

  /**
   * The newest state; undefined in a new meter. Before anything of it is given out it must be written again: what can be
   * read now may be what a cut left half-way.
   * @throws PowerLost
   */
  read(): MeterState | undefined {
    let best: MeterState | undefined;
    for (const copy of this.#copies) {
      for (const { payload } of copy.journal.records()) {
        const number = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0, true);
        const state = decodeState(payload.subarray(NUMBER_BYTES));
        if (state === undefined) continue;
        if (number <= this.#number) continue;
        this.#number = number;
        best = state;
      }
    }
    // A record that a cut left, and that nobody could read this time, must never come before what is written from now on.
    for (const { journal } of this.#copies) this.#number += journal.passedPages;
    return best;
  }

  /** Makes a state durable, in both copies. @throws FlashError `worn` when neither of them takes it; PowerLost */
  write(state: MeterState): void {
    const encoded = encodeState(state);
    const octets = new Uint8Array(NUMBER_BYTES + encoded.length);
    const number = this.#number + 1;
    new DataView(octets.buffer).setUint32(0, number, true);
    octets.set(encoded, NUMBER_BYTES);
    this.#number = number;
    let failure: unknown;
    let written = 0;
    for (const copy of this.#copies) {
      try {
        copy.journal.append(octets);
        written += 1;
      } catch (error) {
        if (!(error instanceof FlashError) || error.code !== 'worn') throw error;
        copy.isSound = false;
        failure = error;
      }
    }
    if (written === 0) throw failure;
  }
}
