import { fingerprint, isFilled, sameOctets } from '../octets.js';

// Sectors are kept in chunks of this many, so that a meter that writes to a few of them copies a small table.
const CHUNK_SHIFT = 6;
const CHUNK_SECTORS = 1 << CHUNK_SHIFT;
const IN_CHUNK = CHUNK_SECTORS - 1;
// Three numbers a sector, in one array: erases, 1 + offset of the granule programmed last, whether the octets are owned.
const AT = { wear: 0, lastUnit: CHUNK_SECTORS, owned: 2 * CHUNK_SECTORS } as const;
const NUMBERS = 3 * CHUNK_SECTORS;

interface Chunk {
  /** The only table that may write to this chunk, by its mark. */
  readonly owner: object;
  readonly octets: Uint8Array[];
  readonly numbers: Uint32Array;
}

/**
 * What the sectors of a flash hold, and how often each was erased. A fork costs nothing until one side writes: then
 * that side copies the chunk of references, and the sector it writes to. Shared sectors are never written to.
 */
export class SectorTable {
  readonly #chunks: Chunk[];
  // Another one after each fork: what was owned before is shared from then on.
  #mark: object = {};

  constructor(chunks: readonly Chunk[]) {
    this.#chunks = [...chunks];
  }

  /** @param octets - One array a sector; nobody may write to them any more. */
  static of(octets: readonly Uint8Array[], wear: Readonly<Uint32Array>): SectorTable {
    const chunks: Chunk[] = [];
    for (let first = 0; first < octets.length; first += CHUNK_SECTORS) {
      const numbers = new Uint32Array(NUMBERS);
      numbers.set(wear.subarray(first, first + CHUNK_SECTORS), AT.wear);
      chunks.push({ owner: NOBODY, octets: octets.slice(first, first + CHUNK_SECTORS), numbers });
    }
    return new SectorTable(chunks);
  }

  fork(): SectorTable {
    this.#mark = {};
    return new SectorTable(this.#chunks);
  }

  /** What a sector holds. Not to be written to: that is for {@link own} and {@link replace}. */
  octets(index: number): Uint8Array {
    return this.#chunks[index >> CHUNK_SHIFT]!.octets[index & IN_CHUNK]!;
  }

  /** Erases so far. */
  wear(index: number): number {
    return this.#chunks[index >> CHUNK_SHIFT]!.numbers[AT.wear + (index & IN_CHUNK)]!;
  }

  /** 1 + the offset of the granule programmed last, 0 for none since the sector's erase. */
  lastUnit(index: number): number {
    return this.#chunks[index >> CHUNK_SHIFT]!.numbers[AT.lastUnit + (index & IN_CHUNK)]!;
  }

  /** The sector's own octets, to be written to. */
  own(index: number): Uint8Array {
    const { octets, numbers } = this.#own(index);
    const at = index & IN_CHUNK;
    if (numbers[AT.owned + at] === 0) {
      octets[at] = octets[at]!.slice();
      numbers[AT.owned + at] = 1;
    }
    return octets[at]!;
  }

  /** @param isOwn - Whether nobody else holds these octets. */
  replace(index: number, octets: Uint8Array, isOwn: boolean): void {
    const chunk = this.#own(index);
    chunk.octets[index & IN_CHUNK] = octets;
    chunk.numbers[AT.owned + (index & IN_CHUNK)] = isOwn ? 1 : 0;
  }

  setLastUnit(index: number, at: number | undefined): void {
    this.#own(index).numbers[AT.lastUnit + (index & IN_CHUNK)] = at === undefined ? 0 : at + 1;
  }

  addErase(index: number): void {
    this.#own(index).numbers[AT.wear + (index & IN_CHUNK)]! += 1;
  }

  /** Swaps every sector that was written to since the last time, and whole chunks of them, for the pool's copy of the same. */
  share(pool: SectorPool): void {
    this.#chunks.forEach(({ owner, octets, numbers }, index) => {
      // What was written before a fork has no owner that may write any more; its forks see the same octets in the pool's arrays.
      if (owner === NOBODY) return;
      for (let at = 0; at < octets.length; at++) {
        if (numbers[AT.owned + at] !== 0) octets[at] = pool.shared(octets[at]!);
      }
      numbers.fill(0, AT.owned);
      this.#chunks[index] = pool.sharedChunk({ owner: NOBODY, octets, numbers });
    });
  }

  #own(index: number): Chunk {
    const chunk = this.#chunks[index >> CHUNK_SHIFT]!;
    if (chunk.owner === this.#mark) return chunk;
    const copy: Chunk = { owner: this.#mark, octets: [...chunk.octets], numbers: chunk.numbers.slice() };
    copy.numbers.fill(0, AT.owned);
    this.#chunks[index >> CHUNK_SHIFT] = copy;
    return copy;
  }
}

const NOBODY: object = {};

/**
 * Sectors by content. Flashes that share through one pool hold each different sector once: a fleet built from the same
 * factory image costs its image once. The pool keeps what it has seen; drop it when the fleet stands.
 */
export class SectorPool {
  // By fingerprint; what falls together is compared octet for octet.
  readonly #sectors = new Map<number, Uint8Array[]>();
  readonly #chunks = new Map<number, Chunk[]>();

  /** The one array that stands for these octets; nobody writes to it any more. */
  shared(octets: Uint8Array): Uint8Array {
    const first = octets[0];
    if (first !== undefined && (first === 0xff || first === 0) && isFilled(octets, 0, octets.length, first)) {
      return blankSector(octets.length, first);
    }
    const key = fingerprint(octets);
    const sectors = this.#sectors.get(key);
    if (sectors === undefined) {
      this.#sectors.set(key, [octets]);
      return octets;
    }
    const known = sectors.find((sector) => sameOctets(sector, octets));
    if (known !== undefined) return known;
    sectors.push(octets);
    return octets;
  }

  /** The same for a chunk of shared sectors, which nobody may own. */
  sharedChunk(chunk: Chunk): Chunk {
    const { octets, numbers } = chunk;
    const key = fingerprint(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    let chunks = this.#chunks.get(key);
    if (chunks === undefined) {
      chunks = [];
      this.#chunks.set(key, chunks);
    }
    const known = chunks.find(
      (other) =>
        other.octets.length === octets.length &&
        octets.every((sector, at) => sector === other.octets[at]) &&
        numbers.every((number, at) => number === other.numbers[at]),
    );
    if (known !== undefined) return known;
    chunks.push(chunk);
    return chunk;
  }
}

// Never written to: a sector that nobody owns is copied first. One per size and erased value in the whole process.
const blanks = new Map<number, Uint8Array>();

/** The erased sector of a size. Never write to it. */
export function blankSector(lengthBytes: number, erasedValue: number): Uint8Array {
  const key = erasedValue === 0 ? -lengthBytes : lengthBytes;
  let blank = blanks.get(key);
  if (blank === undefined) {
    blank = new Uint8Array(lengthBytes).fill(erasedValue);
    blanks.set(key, blank);
  }
  return blank;
}
