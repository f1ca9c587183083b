import { sameOctets } from '../octets.js';
import type { FaultPlan } from './fault-plan.js';
import { changeSomeBits, tornResult } from './fault-plan.js';
import type { FlashGeometry } from './flash-port.js';
import { damageNeighbour } from './neighbour.js';
import { noise } from './noise.js';
import type { FaultCounts, SectorFaultKind } from './sector-fault.js';
import { noFaultsYet, SectorFaultTable } from './sector-fault.js';
import { blankSector } from './sector-table.js';

/** A sector as an operation finds it. */
export interface SectorView {
  readonly index: number;
  readonly octets: Uint8Array;
  readonly wear: number;
  /** 1 + offset of the granule programmed last, 0 when that is not known. */
  readonly lastUnit: number;
}

/** What an operation leaves: stretches of its sector, to be written in this order. */
export interface Aftermath {
  readonly changes: readonly { readonly at: number; readonly octets: Uint8Array }[];
  /** The sector is worn, and says so. */
  readonly isWorn: boolean;
}

/** What operations really do to sectors with faults, and to any sector when power is cut `during`. Exists only once needed. */
export class FaultPhysics {
  readonly struck: FaultCounts = noFaultsYet();
  readonly #geometry: FlashGeometry;
  readonly #faults: SectorFaultTable;
  // Of everything that reads or fails by chance: the seed, and how many draws there were.
  #seed: number;
  #draws: number;

  constructor(geometry: FlashGeometry, faults: SectorFaultTable = new SectorFaultTable(), seed = 0, draws = 0) {
    this.#geometry = geometry;
    this.#faults = faults;
    this.#seed = seed;
    this.#draws = draws;
  }

  /** The same faults and the same draws to come; nothing has struck yet. */
  fork(): FaultPhysics | undefined {
    if (this.#faults.size === 0 && this.#seed === 0 && this.#draws === 0) return undefined;
    return new FaultPhysics(this.#geometry, this.#faults.fork(), this.#seed, this.#draws);
  }

  get hasFaults(): boolean {
    return this.#faults.size > 0;
  }

  seedNoise(seed: number): void {
    this.#seed = seed;
    this.#draws = 0;
  }

  break(sectorIndex: number, kind: SectorFaultKind, fromErase: number): void {
    this.#faults.break(sectorIndex, kind, fromErase);
  }

  /** The octet as it reads with its new stuck bits. */
  stick(sectorIndex: number, at: number, octet: number, mask: number, value: number): Uint8Array {
    this.#faults.stick(sectorIndex, at, mask, value);
    return this.#held(sectorIndex, at, Uint8Array.of(octet));
  }

  /** The octet with the bits of `mask` flipped, those excepted that are stuck. */
  rot(sectorIndex: number, at: number, octet: number, mask: number): Uint8Array {
    this.#faults.damage(sectorIndex, at, Uint8Array.of(mask & 0xff));
    this.struck.rots += 1;
    return this.#held(sectorIndex, at, Uint8Array.of(octet ^ mask));
  }

  /** Changes what a read of a stretch found into what it reads as. */
  read(sector: SectorView, at: number, target: Uint8Array): void {
    if (!this.#faults.has(sector.index)) return;
    if (this.#isBroken(sector, 'read-fails')) {
      const seed = noise(this.#seed, this.#draws++);
      for (let i = 0; i < target.length; i++) target[i] = noise(seed, i);
      this.struck.readsFailed += 1;
    } else if (this.#faults.readWeak(sector.index, at, target, this.#draws)) {
      this.#draws += 1;
      this.struck.weakReads += 1;
    }
  }

  /** @param cut - The plan, when power is lost in this operation and some of it still happens. */
  program(sector: SectorView, at: number, page: Uint8Array, cut: FaultPlan | undefined): Aftermath {
    const { erasedValue } = this.#geometry;
    const before = sector.octets.slice(at, at + page.length);
    const wanted = before.map((octet, i) => (erasedValue === 0xff ? octet & page[i]! : octet | page[i]!));
    const torn = cut?.phase === 'during' ? cut : undefined;
    const isWorn = this.#isBroken(sector, 'program-fails');
    let octets = wanted;
    if (this.#isBroken(sector, 'program-lies')) {
      octets = before;
      this.struck.programsLied += 1;
    } else if (isWorn) {
      octets = this.#partOf(before, wanted);
      this.struck.programsFailed += 1;
    } else if (torn !== undefined) {
      octets = tornResult(torn, before, wanted);
      if (!sameOctets(octets, wanted)) this.struck.tornPrograms += 1;
      if (torn.weak === true) this.#weaken(sector.index, at, octets, wanted, torn);
    }
    const changes = [{ at, octets: this.#held(sector.index, at, octets) }];
    if (torn?.neighbour === true) {
      const hurt = damageNeighbour(sector.octets, at, { ...this.#geometry, lastUnit: sector.lastUnit }, seedOf(torn));
      if (hurt !== undefined) {
        this.#faults.damage(sector.index, hurt.at, differing(hurt.octets, sector.octets.subarray(hurt.at)));
        changes.unshift({ at: hurt.at, octets: this.#held(sector.index, hurt.at, hurt.octets) });
        this.struck.neighbours += 1;
      }
    }
    return { changes, isWorn };
  }

  /** @param cut - The plan, when power is lost in this operation and some of it still happens. */
  erase(sector: SectorView, cut: FaultPlan | undefined): Aftermath {
    const before = sector.octets;
    const wanted = blankSector(before.length, this.#geometry.erasedValue);
    if (this.#isBroken(sector, 'erase-lies')) {
      this.struck.erasesLied += 1;
      return { changes: [], isWorn: false };
    }
    const isWorn = this.#isBroken(sector, 'erase-fails');
    let octets = wanted;
    if (isWorn) {
      octets = this.#partOf(before, wanted);
      this.struck.erasesFailed += 1;
    } else if (cut?.phase === 'during') {
      octets = tornResult(cut, before, wanted);
      if (!sameOctets(octets, wanted)) this.struck.tornErases += 1;
      if (cut.weak === true) this.#weaken(sector.index, 0, octets, wanted, cut);
    } else {
      this.#faults.erased(sector.index);
    }
    return { changes: [{ at: 0, octets: this.#held(sector.index, 0, octets) }], isWorn };
  }

  /**
   * Whether nothing but damage stands in the way of a program. Flash takes such a program and holds what comes of it:
   * neither it nor its user can know better.
   */
  isExcused(sector: SectorView, at: number, data: Uint8Array): boolean {
    if (!this.#faults.has(sector.index)) return false;
    const { granuleRewritable, erasedValue } = this.#geometry;
    return data.every((octet, i) => {
      const programmed = sector.octets[at + i]! ^ erasedValue;
      const inTheWay = granuleRewritable ? programmed & ~(octet ^ erasedValue) : programmed;
      return inTheWay === 0 || (inTheWay & ~this.#faults.excusedBits(sector.index, at + i)) === 0;
    });
  }

  #isBroken(sector: SectorView, kind: SectorFaultKind): boolean {
    return this.#faults.isBroken(sector.index, kind, sector.wear);
  }

  // The octets with stuck bits in their place.
  #held(sectorIndex: number, at: number, octets: Uint8Array): Uint8Array {
    const held = this.#faults.withStuck(sectorIndex, at, octets);
    if (held !== octets) this.struck.stuck += 1;
    return held;
  }

  #weaken(sectorIndex: number, at: number, octets: Uint8Array, wanted: Uint8Array, plan: FaultPlan): void {
    this.#faults.weaken(sectorIndex, at, differing(octets, wanted), seedOf(plan));
  }

  // Nothing, or some, of what a failing operation should have done.
  #partOf(before: Uint8Array, wanted: Uint8Array): Uint8Array<ArrayBuffer> {
    const octets = new Uint8Array(before);
    const seed = noise(this.#seed, this.#draws++);
    if ((seed & 0x1000) !== 0) changeSomeBits(octets, wanted, seed);
    return octets;
  }
}

function seedOf(plan: FaultPlan): number {
  return noise(plan.seed ?? 0, plan.cutAt);
}

function differing(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((octet, i) => octet ^ b[i]!);
}
