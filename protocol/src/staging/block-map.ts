/** Which blocks are durable: a bitmap as on the wire (SPEC.md §1), and the questions asked of it. Never changed in place. */

export interface BlockMap {
  readonly blockCount: number;
  readonly bits: Uint8Array;
  readonly durableCount: number;
}

export function emptyMap(blockCount: number): BlockMap {
  return { blockCount, bits: new Uint8Array(Math.ceil(blockCount / 8)), durableCount: 0 };
}

export function hasBlock(map: BlockMap, block: number): boolean {
  return ((map.bits[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
}

export function isWhole(map: BlockMap): boolean {
  return map.durableCount === map.blockCount;
}

/** The map with `blocks` added; blocks outside the image are left out. */
export function withBlocks(map: BlockMap, blocks: Iterable<number>): BlockMap {
  const bits = map.bits.slice();
  let added = 0;
  for (const block of blocks) {
    if (block >= map.blockCount) continue;
    const mask = 1 << (block & 7);
    if ((bits[block >> 3]! & mask) !== 0) continue;
    bits[block >> 3]! |= mask;
    added++;
  }
  return added === 0 ? map : { ...map, bits, durableCount: map.durableCount + added };
}

/** The map with every block below `end` added. */
export function withBlocksBelow(map: BlockMap, end: number): BlockMap {
  const to = Math.min(end, map.blockCount);
  const hole = firstHole(map);
  if (hole === undefined || hole >= to) return map;
  return withBlocks(map, blocksFrom(hole, to));
}

/** Merges `octets` of bitmap that start at block `firstBlock`, a multiple of 8. */
export function withBitmap(map: BlockMap, firstBlock: number, octets: Uint8Array): BlockMap {
  return withBlocks(map, blocksOf(firstBlock, octets));
}

/** First block at or after `from` that is not durable, or undefined. */
export function firstHole(map: BlockMap, from = 0): number | undefined {
  for (let block = from; block < map.blockCount; block++) {
    if ((block & 7) === 0 && map.bits[block >> 3] === 0xff) block += 7;
    else if (!hasBlock(map, block)) return block;
  }
  return undefined;
}

/** `count` bits from `firstBlock`, a multiple of 8, as a bitmap of its own. */
export function bitmapSlice(map: BlockMap, firstBlock: number, count: number): Uint8Array {
  return map.bits.slice(firstBlock >> 3, (firstBlock >> 3) + Math.ceil(count / 8));
}

function* blocksFrom(from: number, end: number): Generator<number> {
  for (let block = from; block < end; block++) yield block;
}

export function* blocksOf(firstBlock: number, octets: Uint8Array): Generator<number> {
  for (let i = 0; i < octets.length * 8; i++) {
    if ((octets[i >> 3]! & (1 << (i & 7))) !== 0) yield firstBlock + i;
  }
}
