import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelImage } from '../test-support/model-image.test-support.js';
import {
  blocksOf,
  bitmapSlice,
  emptyMap,
  firstHole,
  hasBlock,
  isWhole,
  withBitmap,
  withBlocks,
  withBlocksBelow,
} from './block-map.js';
import {
  beginHeld,
  beginRecord,
  blocksRecords,
  droppedRecord,
  isComplete,
  markDurable,
  markSealed,
  recoverHeld,
  RECORD_BLOCKS,
  sealedRecord,
  snapshotBlocksMax,
  snapshotRecords,
  STAGING_RECORD_BYTES_MAX,
  type ImageOffer,
} from './staging.js';

const image = offerOf(modelImage({ bytes: 256 * 700 }));
const { blockCount } = image.manifest;
const blocks = fc.array(fc.nat({ max: blockCount - 1 }), { maxLength: 400 });

/** What a device keeps beside its slot; without the blocks, which no assertion should compare each time. */
function offerOf({ manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature }: ImageOffer): ImageOffer {
  return { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature };
}

describe('a block map', () => {
  it('is a set of blocks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_000 }),
        fc.array(fc.nat({ max: 4_000 })),
        fc.nat({ max: 3_100 }),
        (count, given, end) => {
          const map = withBlocks(emptyMap(count), given);
          const set = new Set(given.filter((block) => block < count));
          expect(map.durableCount).toBe(set.size);
          expect(isWhole(map)).toBe(set.size === count);
          expect([...blocksOf(0, map.bits)]).toEqual([...set].toSorted((a, b) => a - b));
          const all = Array.from({ length: count }, (_, block) => block);
          expect(firstHole(map)).toBe(all.find((block) => !set.has(block)));
          const from = end % count;
          expect(firstHole(map, from)).toBe(all.slice(from).find((block) => !set.has(block)));
          expect(withBlocksBelow(map, end)).toEqual(withBlocks(map, all.slice(0, end)));
        },
      ),
    );
  });

  it('is not changed in place, and takes nothing outside the image from a bitmap', () => {
    const map = emptyMap(10);
    const more = withBitmap(map, 8, Uint8Array.of(0xff, 0xff));
    expect(map).toEqual(emptyMap(10));
    expect([...blocksOf(0, more.bits)]).toEqual([8, 9]);
    expect(more.durableCount).toBe(2);
    expect(hasBlock(more, 10)).toBe(false);
    expect(bitmapSlice(more, 8, 2)).toEqual(Uint8Array.of(3));
  });

  it('does not grow more expensive with each question', () => {
    let map = emptyMap(65_535);
    for (let block = 0; block < 65_535; block += 16) map = withBlocksBelow(map, block);
    expect(firstHole(map)).toBe(65_520);
  });
});

describe('the log of an image', () => {
  it('gives back what was recorded, whatever the order of its records', () => {
    fc.assert(
      fc.property(
        fc.array(blocks, { maxLength: 5 }),
        fc.boolean(),
        fc.infiniteStream(fc.nat()),
        (batches, sealed, shuffle) => {
          let held = beginHeld(image, 3);
          const records = [beginRecord(held)];
          for (const batch of batches) {
            records.push(...blocksRecords(held, batch));
            held = markDurable(held, batch);
          }
          if (sealed) {
            records.push(sealedRecord(held));
            held = markSealed(held);
          }
          const mixed = records
            .map((record) => ({ record, key: shuffle.next().value }))
            .toSorted((a, b) => a.key - b.key);
          expect(
            recoverHeld(
              mixed.map(({ record }) => record),
              image,
            ),
          ).toEqual({ held, lastInstance: 3 });
          expect(recoverHeld(snapshotRecords(held), image)).toEqual({ held, lastInstance: 3 });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('names the blocks in as few records as hold them', () => {
    const held = beginHeld(image, 1);
    const all = Array.from({ length: blockCount }, (_, block) => block);
    expect(blocksRecords(held, [])).toEqual([]);
    expect(blocksRecords(held, [9, 8, 8 + RECORD_BLOCKS - 1])).toHaveLength(1);
    expect(blocksRecords(held, [0, RECORD_BLOCKS])).toHaveLength(2);
    expect(blocksRecords(held, all)).toHaveLength(Math.ceil(blockCount / RECORD_BLOCKS));
    const full = markSealed(markDurable(held, all));
    const snapshot = snapshotRecords(full);
    expect(snapshotBlocksMax(snapshot.length)).toBeGreaterThanOrEqual(blockCount);
    expect(snapshotBlocksMax(snapshot.length - 1)).toBeLessThan(blockCount);
    for (const record of snapshot) expect(record.length).toBeLessThanOrEqual(STAGING_RECORD_BYTES_MAX);
    expect(isComplete(full)).toBe(true);
  });

  it('holds nothing once it was dropped, nor for another offer, nor without one', () => {
    const held = markDurable(beginHeld(image, 1), [1, 2]);
    const log = [beginRecord(held), ...blocksRecords(held, [1, 2])];
    expect(recoverHeld(log, undefined)).toEqual({ held: undefined, lastInstance: 1 });
    expect(recoverHeld(log, modelImage({ seed: 2 })).held).toBeUndefined();
    expect(recoverHeld([...log, droppedRecord(held)], image).held).toBeUndefined();
    expect(recoverHeld([], image)).toEqual({ held: undefined, lastInstance: 0 });
  });

  it('stale offset after erase: the same image begun again has none of the blocks of its first life', () => {
    const first = beginHeld(image, 1);
    const second = beginHeld(image, 2);
    const log = [
      beginRecord(first),
      ...blocksRecords(first, [0, 1, 2]),
      beginRecord(second),
      ...blocksRecords(second, [7]),
    ];
    const { held } = recoverHeld(log, image);
    expect([...blocksOf(0, held!.map.bits)]).toEqual([7]);
    const late = [...log, ...blocksRecords(first, [9]), droppedRecord(first), sealedRecord(first)];
    expect(recoverHeld(late, image).held).toEqual(held);
  });

  it('never throws, whatever stands in it', () => {
    const held = beginHeld(image, 1);
    const good = [beginRecord(held), ...blocksRecords(held, [1, 500]), sealedRecord(held), droppedRecord(held)];
    const spoilt = fc.tuple(fc.constantFrom(...good), fc.nat(), fc.nat({ max: 255 })).map(([record, at, octet]) => {
      const copy = record.slice(0, 1 + (at % record.length));
      copy[at % copy.length] = octet;
      return copy;
    });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(spoilt, fc.uint8Array({ maxLength: 50 }), fc.constantFrom(...good))),
        (log) => void recoverHeld(log, image),
      ),
    );
  });
});
