import { sameOctets } from '../octets.js';
import type { Odds } from './noise.js';
import { noise, noiseWithOdds } from './noise.js';

/**
 * How a worn sector misbehaves.
 *
 * - `program-fails`, `erase-fails`: the call throws FlashError `worn`; nothing or part of it is done.
 * - `read-fails`: reads as noise, other noise each time.
 * - `program-lies`, `erase-lies`: the call returns as if done, and has done nothing.
 */
export type SectorFaultKind = 'program-fails' | 'erase-fails' | 'read-fails' | 'program-lies' | 'erase-lies';

/** What really struck since the flash (or this fork of it) was made. */
export type FaultCounts = {
  /** Power cuts, whatever their phase. */
  cuts: number;
  /** Programs and erases cut in their middle with some of the change missing. */
  tornPrograms: number;
  tornErases: number;
  /** Reads that touched a weak cell. */
  weakReads: number;
  /** Granules damaged by a cut of the program after theirs. */
  neighbours: number;
  /** Operations whose result a stuck bit changed. */
  stuck: number;
  rots: number;
  programsFailed: number;
  erasesFailed: number;
  readsFailed: number;
  programsLied: number;
  erasesLied: number;
};

export function noFaultsYet(): FaultCounts {
  return {
    cuts: 0,
    tornPrograms: 0,
    tornErases: 0,
    weakReads: 0,
    neighbours: 0,
    stuck: 0,
    rots: 0,
    programsFailed: 0,
    erasesFailed: 0,
    readsFailed: 0,
    programsLied: 0,
    erasesLied: 0,
  };
}

/** Bits of a stretch of a sector. */
interface BitMask {
  readonly fromBytes: number;
  readonly bits: Uint8Array;
}

/** What is wrong with one sector. Replaced as a whole, never changed: forks share it. */
interface SectorFaults {
  readonly weak: { readonly cells: BitMask; readonly seed: number; readonly odds: Odds } | undefined;
  /** Bits that no program and no erase gave their value; whoever programs over them could not know. */
  readonly damaged: BitMask | undefined;
  readonly stuck: { readonly mask: BitMask; readonly value: BitMask } | undefined;
  readonly broken: Readonly<Partial<Record<SectorFaultKind, number>>>;
}

const SOUND: SectorFaults = { weak: undefined, damaged: undefined, stuck: undefined, broken: {} };

/** The faults of a flash, kept only for the sectors that have one. */
export class SectorFaultTable {
  readonly #faults: Map<number, SectorFaults>;

  constructor(faults: ReadonlyMap<number, SectorFaults> = new Map<number, SectorFaults>()) {
    this.#faults = new Map(faults);
  }

  fork(): SectorFaultTable {
    return new SectorFaultTable(this.#faults);
  }

  /** Sectors that have a fault. */
  get size(): number {
    return this.#faults.size;
  }

  has(sectorIndex: number): boolean {
    return this.#faults.has(sectorIndex);
  }

  break(sectorIndex: number, kind: SectorFaultKind, fromErase: number): void {
    const { broken } = this.#at(sectorIndex);
    this.#change(sectorIndex, { broken: { ...broken, [kind]: fromErase } });
  }

  /** Whether this kind has set in at this many erases. */
  isBroken(sectorIndex: number, kind: SectorFaultKind, wear: number): boolean {
    const fromErase = this.#faults.get(sectorIndex)?.broken[kind];
    return fromErase !== undefined && wear >= fromErase;
  }

  stick(sectorIndex: number, at: number, mask: number, value: number): void {
    const { stuck } = this.#at(sectorIndex);
    const held = { fromBytes: at, bits: Uint8Array.of(mask & 0xff) };
    const joined = stuck === undefined ? held : join(stuck.mask, held);
    const values = new Uint8Array(joined.bits.length);
    for (let i = 0; i < values.length; i++) {
      const octet = joined.fromBytes + i;
      const before = stuck === undefined ? 0 : bitsAt(stuck.value, octet);
      values[i] = octet === at ? (before & ~mask) | (value & mask) : before;
    }
    this.#change(sectorIndex, { stuck: { mask: joined, value: { fromBytes: joined.fromBytes, bits: values } } });
  }

  /** The stretch with its stuck bits in place; the same array when none of them differs. */
  withStuck(sectorIndex: number, at: number, octets: Uint8Array): Uint8Array {
    const stuck = this.#faults.get(sectorIndex)?.stuck;
    if (stuck === undefined) return octets;
    const held = octets.map((octet, i) => {
      const mask = bitsAt(stuck.mask, at + i);
      return (octet & ~mask) | (bitsAt(stuck.value, at + i) & mask);
    });
    return sameOctets(held, octets) ? octets : held;
  }

  /** Remembers bits that changed by themselves. */
  damage(sectorIndex: number, at: number, bits: Uint8Array): void {
    const { damaged } = this.#at(sectorIndex);
    const more = { fromBytes: at, bits };
    this.#change(sectorIndex, { damaged: damaged === undefined ? more : join(damaged, more) });
  }

  /** From now on these cells read as their value or as the other one. */
  weaken(sectorIndex: number, at: number, cells: Uint8Array, seed: number): void {
    if (cells.every((octet) => octet === 0)) return;
    const { weak } = this.#at(sectorIndex);
    const more = { fromBytes: at, bits: cells };
    const joined = weak === undefined ? more : join(weak.cells, more);
    // From mostly unfinished over undecided to "looks done nearly always".
    const odds = [1, 4, -4, -8, 1, -2][noise(seed, 3) % 6]!;
    this.#change(sectorIndex, { weak: { cells: joined, seed, odds } });
  }

  /** Flips weak cells in what a read of a stretch found. True when it touched one, whatever it read as. */
  readWeak(sectorIndex: number, at: number, target: Uint8Array, draw: number): boolean {
    const weak = this.#faults.get(sectorIndex)?.weak;
    if (weak === undefined) return false;
    const { cells, odds } = weak;
    const seed = noise(weak.seed, draw);
    const from = Math.max(at, cells.fromBytes);
    const to = Math.min(at + target.length, cells.fromBytes + cells.bits.length);
    let touched = false;
    for (let octet = from; octet < to; octet++) {
      const mask = bitsAt(cells, octet);
      if (mask === 0) continue;
      touched = true;
      target[octet - at]! ^= mask & noiseWithOdds(seed, octet, odds);
    }
    return touched;
  }

  /** Bits of an octet that need not be what its programmer left: nobody can be blamed for them. */
  excusedBits(sectorIndex: number, at: number): number {
    const faults = this.#faults.get(sectorIndex);
    if (faults === undefined) return 0;
    // A sector that lies or fails is not what its user believes it to be.
    if (Object.keys(faults.broken).length > 0) return 0xff;
    return bitsAt(faults.weak?.cells, at) | bitsAt(faults.damaged, at) | bitsAt(faults.stuck?.mask, at);
  }

  /** A whole erase: weak cells settle and damage is gone; stuck bits and wear stay. */
  erased(sectorIndex: number): void {
    const faults = this.#faults.get(sectorIndex);
    if (faults === undefined) return;
    if (faults.stuck === undefined && Object.keys(faults.broken).length === 0) this.#faults.delete(sectorIndex);
    else this.#change(sectorIndex, { weak: undefined, damaged: undefined });
  }

  #at(sectorIndex: number): SectorFaults {
    return this.#faults.get(sectorIndex) ?? SOUND;
  }

  #change(sectorIndex: number, changes: Partial<SectorFaults>): void {
    this.#faults.set(sectorIndex, { ...this.#at(sectorIndex), ...changes });
  }
}

function bitsAt(mask: BitMask | undefined, at: number): number {
  return mask === undefined ? 0 : (mask.bits[at - mask.fromBytes] ?? 0);
}

function join(a: BitMask, b: BitMask): BitMask {
  const fromBytes = Math.min(a.fromBytes, b.fromBytes);
  const endBytes = Math.max(a.fromBytes + a.bits.length, b.fromBytes + b.bits.length);
  const bits = new Uint8Array(endBytes - fromBytes);
  bits.set(a.bits, a.fromBytes - fromBytes);
  for (let i = 0; i < b.bits.length; i++) bits[b.fromBytes - fromBytes + i]! |= b.bits[i]!;
  return { fromBytes, bits };
}
