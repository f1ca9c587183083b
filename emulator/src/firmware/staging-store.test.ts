/**
 * Goal: after any cut the store claims only blocks that stand in the slot octet for octet, a torn page counts again only
 * after its whole sector was erased, and blocks get stored however short the power stays on.
 */
import { hasBlock, type HeldImage, type ImageOffer } from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import { crypto, IDENTITY, ports } from '../boot/boot-bench.test-support.js';
import { factoryInstall } from '../boot/factory.js';
import { OLD } from '../boot/boot-bench.test-support.js';
import { FlashError, PowerLost } from '../errors.js';
import { makeImage } from '../esme.test-support.js';
import { IMAGE_OFFSET_BYTES } from '../boot/slot.js';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { Partition } from '../flash/flash-port.js';
import { planLayout } from '../flash/layout-plan.js';
import { createFlash, type NorFlash } from '../flash/nor-flash.js';
import { provision } from '../meter/identity.js';
import { blobOf } from './image-header.js';
import { StagingStore } from './staging-store.js';

const BLOCK_BYTES = 512;
const IMAGE = makeImage({ imageBytes: 11_000, fileVersion: 2, blockShift: 9 });
const BLOB = blobOf(IMAGE);
const PAYLOADS = IMAGE.blocks.map((block) => new Uint8Array(block.subarray(0, -64)));
/** Cuts that are drawn, and how often what is held after them is read. */
const SEEDS = 120;
const READS = 300;
const GEOMETRIES = [
  { sectorRuns: [{ count: 64, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { sectorRuns: [{ count: 64, sectorBytes: 4096 }], granuleBytes: 8, granuleRewritable: false, erasedValue: 0x00 },
] as const;

function open(flash: NorFlash): StagingStore {
  return new StagingStore(flash, crypto, 1, (blob) => (Buffer.compare(blob, BLOB) === 0 ? IMAGE : undefined));
}

function held(flash: NorFlash): HeldImage | undefined {
  return open(flash).recovered({ bootEpoch: 0, highestOriginatorCounter: 0n });
}

/** The whole of a preparation, in shares of two sectors. */
function prepared(store: StagingStore, image: ImageOffer = IMAGE): HeldImage {
  store.prepare(image);
  for (;;) {
    const ready = store.prepareOn(2);
    if (ready !== undefined) return ready;
  }
}

/** What firmware does with blocks, one after the other, until all are recorded; what it finds torn it gives up. */
function receive(flash: NorFlash): void {
  const store = open(flash);
  let image = store.recovered({ bootEpoch: 0, highestOriginatorCounter: 0n }) ?? prepared(store);
  for (let tries = 0; image.map.durableCount < PAYLOADS.length && tries < 4; tries++) {
    for (const [block, payload] of PAYLOADS.entries()) {
      if (hasBlock(image.map, block)) continue;
      if (!store.storeBlock(block * BLOCK_BYTES, payload)) {
        image = store.reclaim(block * BLOCK_BYTES, payload.length) ?? prepared(store);
        break;
      }
      store.record([block]);
      image = store.recovered({ bootEpoch: 0, highestOriginatorCounter: 0n })!;
    }
  }
}

function isTrue(flash: NorFlash, image: HeldImage): boolean {
  const region = flash.partition('slot-1');
  return PAYLOADS.every((payload, block) => {
    const there = region.read(4096 + block * BLOCK_BYTES, payload.length);
    return !hasBlock(image.map, block) || Buffer.compare(there, payload) === 0;
  });
}

/** Whether a block finds no place: asked of a fork, so that nothing of it is programmed. */
function isSpoilt(flash: NorFlash, block: number): boolean {
  return !open(flash.fork()).storeBlock(block * BLOCK_BYTES, PAYLOADS[block]!);
}

function cut(flash: NorFlash, plan: FaultPlan): boolean {
  flash.arm(plan);
  try {
    receive(flash);
    flash.arm(undefined);
    return false;
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error;
    flash.powerOn();
    return true;
  }
}

/** The operations of a transfer, counted from 1, that program octets of the image. */
function pagesIn(flash: NorFlash, { offsetBytes, lengthBytes }: Partition): readonly number[] {
  const before = flash.operationCount;
  const pages: number[] = [];
  flash.watch((operation) => {
    if (operation.kind !== 'program') return;
    const at = operation.offsetBytes - offsetBytes;
    if (at >= IMAGE_OFFSET_BYTES && at < lengthBytes) pages.push(operation.index - before);
  });
  receive(flash);
  return pages;
}

describe.each(GEOMETRIES)('what is held of an image, granule $granuleBytes', (geometry) => {
  const layout = planLayout(geometry, { imageBytesMax: 12_288, stagingBytes: 8192, profileDays: 2 });
  const start = createFlash(layout);
  provision(start, crypto.crc32, IDENTITY);
  factoryInstall(start, ports, OLD);
  const clean = start.fork();
  receive(clean);
  const operations = clean.operationCount - start.operationCount;

  const pages = pagesIn(
    start.fork(),
    layout.partitions.find(({ name }) => name === 'slot-1')!,
  );

  it('reads the same each time, also where a cut left a page nearly done: cells that read right nearly always are found', () => {
    let struck = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const flash = start.fork();
      // Towards the end of a page nearly all of it is done, and few cells are left undecided.
      const how = seed % 2 === 0 ? ({ mode: 'bits' } as const) : { torn: 240 + (seed % 16) };
      if (cut(flash, { cutAt: pages[seed % pages.length]!, phase: 'during', seed, weak: true, ...how })) struck += 1;
      receive(flash);
      const image = held(flash)!;
      expect(image.map.durableCount, `seed ${seed}`).toBe(PAYLOADS.length);
      const isSteady = Array.from({ length: READS }, () => isTrue(flash, image)).every(Boolean);
      expect(isSteady, `seed ${seed}: held, and reads as something else now and then`).toBe(true);
    }
    expect(struck).toBe(SEEDS);
  });

  it('is only what stands in flash, cut before, in and after any operation, and all of it in the end', () => {
    const struck = { cuts: 0, resumed: 0, reclaimed: 0 };
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      for (const phase of ['before', 'during', 'after'] as const) {
        for (const mode of ['prefix', 'bits'] as const) {
          const flash = start.fork();
          expect(cut(flash, { cutAt, phase, mode, seed: cutAt })).toBe(true);
          struck.cuts += 1;
          const after = held(flash);
          if (after !== undefined) {
            expect(isTrue(flash, after)).toBe(true);
            if (after.map.durableCount > 0) struck.resumed += 1;
          }
          const before = flash.operationCount;
          receive(flash);
          const end = held(flash)!;
          expect(end.map.durableCount).toBe(PAYLOADS.length);
          expect(isTrue(flash, end)).toBe(true);
          if (flash.operationCount - before > operations - cutAt + 3) struck.reclaimed += 1;
        }
      }
    }
    expect(Math.min(struck.cuts, struck.resumed, struck.reclaimed)).toBeGreaterThan(20);
  });

  it('gives up the blocks beside a torn one, and claims none of them before their sector was erased', () => {
    let struck = 0;
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      const flash = start.fork();
      cut(flash, { cutAt, phase: 'during', mode: 'bits', seed: 2 + 4 * cutAt, neighbour: true });
      const store = open(flash);
      const image = store.recovered({ bootEpoch: 0, highestOriginatorCounter: 0n });
      const torn = image && PAYLOADS.findIndex((_, block) => isSpoilt(flash, block));
      if (image === undefined || torn === undefined || torn < 0 || hasBlock(image.map, torn)) continue;
      struck += 1;
      const operationsBefore = flash.operationCount;
      expect(store.storeBlock(torn * BLOCK_BYTES, PAYLOADS[torn]!)).toBe(false);
      expect(flash.operationCount).toBe(operationsBefore);
      const sector = Math.floor((torn * BLOCK_BYTES) / 4096);
      const isBeside = (block: number): boolean => Math.floor((block * BLOCK_BYTES) / 4096) === sector;
      // Cut again at each operation of the erase: it is begun anew, and nothing beside it is claimed meanwhile.
      for (let secondAt = 1; secondAt <= 3; secondAt++) {
        const world = flash.fork();
        world.arm({ cutAt: secondAt, phase: 'during', mode: 'bits', seed: secondAt, weak: true });
        const run = (): unknown => open(world).reclaim(torn * BLOCK_BYTES, PAYLOADS[torn]!.length);
        expect(run).toThrow(PowerLost);
        world.powerOn();
        expect(isSpoilt(world, torn) || secondAt === 3).toBe(true);
        receive(world);
        expect(isTrue(world, held(world)!)).toBe(true);
      }
      const kept = store.reclaim(torn * BLOCK_BYTES, PAYLOADS[torn]!.length)!;
      expect(PAYLOADS.some((_, block) => isBeside(block) && hasBlock(kept.map, block))).toBe(false);
      expect(held(flash)!.map).toEqual(kept.map);
      expect(isSpoilt(flash, torn)).toBe(false);
    }
    expect(struck).toBeGreaterThan(5);
  });

  it.each([3, 4, 7])('is whole in the end when power stays on for %i operations at a time', (allowed) => {
    const flash = start.fork();
    let cycles = 0;
    while (cut(flash, { cutAt: allowed + 1, phase: 'before' }) && cycles < 200) cycles += 1;
    expect(cycles).toBeLessThan(200);
    expect(held(flash)!.map.durableCount).toBe(PAYLOADS.length);
  });
});

it('refuses an erase that did not happen', () => {
  const flash = createFlash(planLayout(GEOMETRIES[0], { imageBytesMax: 12_288, stagingBytes: 8192, profileDays: 2 }));
  provision(flash, crypto.crc32, IDENTITY);
  receive(flash);
  const { offsetBytes } = flash.layout.partitions.find(({ name }) => name === 'slot-1')!;
  flash.breakSector(flash.sectors.find((sector) => sector.offsetBytes === offsetBytes + 4096)!.index, 'erase-lies');
  expect(() => prepared(open(flash))).toThrow(FlashError);
  expect(held(flash)).toBeUndefined();
});
