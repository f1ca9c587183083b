/**
 * Goal: making a slot ready gets on however short the power stays on, what is counted as erased is erased, and no image but the one that it was made
 * ready for finds it so.
 */
import { toHex, type HeldImage, type ImageOffer } from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import { crypto, IDENTITY, OLD, ports } from '../boot/boot-bench.test-support.js';
import { factoryInstall } from '../boot/factory.js';
import { readSlotHeader } from '../boot/slot.js';
import { PowerLost } from '../errors.js';
import { makeImage } from '../esme.test-support.js';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { FlashGeometry } from '../flash/flash-port.js';
import { planLayout } from '../flash/layout-plan.js';
import { createFlash, type NorFlash } from '../flash/nor-flash.js';
import { provision } from '../meter/identity.js';
import { blobOf } from './image-header.js';
import { preparationIn, preparingRecord, SlotPreparation, type PreparationNote } from './slot-preparation.js';
import { StagingStore } from './staging-store.js';

const SECTOR_BYTES = 4096;
const IMAGE = makeImage({ imageBytes: 60_000, fileVersion: 2, blockShift: 9 });
const OTHER = makeImage({ imageBytes: 30_000, fileVersion: 3, blockShift: 9 });
const OFFERS = [IMAGE, OTHER].map((offer) => ({ offer, blob: blobOf(offer) }));
const STATE = { bootEpoch: 0, highestOriginatorCounter: 0n };
const GEOMETRIES: readonly FlashGeometry[] = [
  {
    sectorRuns: [{ count: 160, sectorBytes: SECTOR_BYTES }],
    granuleBytes: 16,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
  {
    sectorRuns: [{ count: 160, sectorBytes: SECTOR_BYTES }],
    granuleBytes: 8,
    granuleRewritable: false,
    erasedValue: 0x00,
  },
  {
    sectorRuns: [{ count: 160, sectorBytes: SECTOR_BYTES }],
    granuleBytes: 512,
    granuleRewritable: false,
    erasedValue: 0xff,
  },
];

function open(flash: NorFlash): StagingStore {
  return new StagingStore(flash, crypto, 1, (blob) => OFFERS.find((known) => toHex(known.blob) === toHex(blob))?.offer);
}

/** The whole of a preparation, in shares of this many sectors. */
function prepare(flash: NorFlash, image: ImageOffer, share: number): HeldImage {
  const store = open(flash);
  const before = store.recovered(STATE);
  if (before !== undefined && toHex(before.manifestDigest) === toHex(image.manifestDigest)) return before;
  store.prepare(image);
  for (;;) {
    const held = store.prepareOn(share);
    if (held !== undefined) return held;
  }
}

/** Undefined where the power was cut. */
function cut(flash: NorFlash, image: ImageOffer, plan: FaultPlan, share = 3): HeldImage | undefined {
  flash.arm(plan);
  try {
    const held = prepare(flash, image, share);
    flash.arm(undefined);
    return held;
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error;
    flash.powerOn();
    return undefined;
  }
}

describe.each(GEOMETRIES)('a slot made ready, granule $granuleBytes', (geometry) => {
  const start = createFlash(planLayout(geometry, { imageBytesMax: 61_440, stagingBytes: 8192, profileDays: 2 }));
  provision(start, crypto.crc32, IDENTITY);
  factoryInstall(start, ports, OLD);
  // What lies there is anything but erased.
  const slot = start.partition('slot-1');
  for (const { offsetBytes, lengthBytes } of slot.sectors)
    slot.program(offsetBytes, new Uint8Array(lengthBytes).fill(0x5a));
  const sectors = slot.sectors.filter(({ offsetBytes }) => offsetBytes < SECTOR_BYTES + 60_000).length;
  const firstSector = start.sectors.find(
    ({ offsetBytes }) => offsetBytes === start.layout.partitions.find(({ name }) => name === 'slot-1')!.offsetBytes,
  )!.index;

  function erasesOf(flash: NorFlash): readonly number[] {
    return Array.from({ length: sectors }, (_, i) => flash.wear(firstSector + i) - start.wear(firstSector + i));
  }

  /** Ready for an image: its offer stands there, and not one octet behind it, however often it is read. */
  function expectReady(flash: NorFlash, image: ImageOffer): void {
    expect(open(flash).recovered(STATE)).toMatchObject({
      manifestDigest: image.manifestDigest,
      map: { durableCount: 0 },
    });
    expect(readSlotHeader(flash, crypto, 1)).toEqual(blobOf(image));
    for (let reads = 0; reads < 3; reads++) {
      const octets = flash.partition('slot-1').read(SECTOR_BYTES, image.manifest.imageBytes);
      expect(octets.every((octet) => octet === geometry.erasedValue)).toBe(true);
    }
  }

  const clean = start.fork();
  prepare(clean, IMAGE, 3);
  const operations = clean.operationCount - start.operationCount;

  it('is erased once, and says so in fewer records than it has sectors', () => {
    expectReady(clean, IMAGE);
    expect(erasesOf(clean).every((erases) => erases === 1)).toBe(true);
    expect(operations).toBeLessThan(3 * sectors);
    const bySingles = start.fork();
    prepare(bySingles, IMAGE, 1);
    const octetsOf = (flash: NorFlash): string => toHex(flash.read(0, flash.sizeBytes));
    expect(octetsOf(bySingles)).toBe(octetsOf(clean));
  });

  it.each([
    { phase: 'before' },
    { phase: 'after' },
    { phase: 'during', mode: 'prefix' },
    { phase: 'during', mode: 'bits', weak: true, neighbour: true },
  ] as const)('goes on after a cut in any of its operations, $phase, $mode', (mode) => {
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      const flash = start.fork();
      expect(cut(flash, IMAGE, { cutAt, seed: cutAt, ...mode })).toBeUndefined();
      const before = flash.operationCount;
      prepare(flash, IMAGE, 3);
      expectReady(flash, IMAGE);
      // What was cut, the sectors since the last record, and the offer's sector where the offer was torn.
      expect(Math.max(...erasesOf(flash))).toBeLessThanOrEqual(2);
      expect(flash.operationCount - before).toBeLessThanOrEqual(operations - cutAt + 14);
    }
  });

  it.each([3, 4, 5, 6, 7, 10, 20])('is ready in the end when power stays on for %i operations at a time', (allowed) => {
    const flash = start.fork();
    let cycles = 0;
    while (cut(flash, IMAGE, { cutAt: allowed + 1, phase: 'before' }) === undefined && cycles < 100) cycles += 1;
    expect(cycles).toBeLessThan(30);
    expectReady(flash, IMAGE);
    expect(Math.max(...erasesOf(flash))).toBeLessThanOrEqual(4);
  });

  it('begins anew for another image, and anew again for the first', () => {
    const flash = start.fork();
    const half = { cutAt: operations >> 1, phase: 'before' } as const;
    expect(cut(flash, IMAGE, half)).toBeUndefined();
    const erasedBefore = erasesOf(flash).reduce((sum, erases) => sum + erases, 0);
    expect(erasedBefore).toBeGreaterThan(2);
    expect(cut(flash, OTHER, { cutAt: 5, phase: 'before' })).toBeUndefined();
    expect(prepare(flash, IMAGE, 3).instance).toBe(3);
    expectReady(flash, IMAGE);
    expect(erasesOf(flash).slice(-3)).toEqual([2, 2, 2]);
    const flash2 = start.fork();
    cut(flash2, IMAGE, half);
    expect(prepare(flash2, OTHER, 3).instance).toBe(2);
    expectReady(flash2, OTHER);
  });

  it('holds nothing while it is made ready, not even what was held before', () => {
    const flash = clean.fork();
    const store = open(flash);
    store.record([0, 1]);
    expect(open(flash).recovered(STATE)?.map.durableCount).toBe(2);
    store.prepare(OTHER);
    expect(open(flash).recovered(STATE)).toBeUndefined();
    expect(prepare(flash, IMAGE, 3).map.durableCount).toBe(0);
    expectReady(flash, IMAGE);
  });
});

describe('an offer that a cut has torn', () => {
  it('is programmed anew after an erase of its sector, which counts as not erased from before that erase on', () => {
    const flash = createFlash(
      planLayout(GEOMETRIES[0]!, { imageBytesMax: 61_440, stagingBytes: 8192, profileDays: 2 }),
    );
    const region = flash.partition('slot-1');
    region.program(0, new Uint8Array(16));
    const done: string[] = [];
    flash.watch(({ kind }) => void done.push(kind));
    const note = ({ sectorsLeft }: PreparationNote): void => void done.push(`${sectorsLeft} left`);
    const { imageBytes } = IMAGE.manifest;
    const task = { region, imageBytes, headerOctets: new Uint8Array(32).fill(0x77), note };
    const preparation = new SlotPreparation(task, {
      instance: 1,
      sectorsLeft: 0,
      manifestDigest: IMAGE.manifestDigest,
    });
    expect([preparation.step(1), preparation.step(1)]).toEqual([false, true]);
    expect(done).toEqual(['1 left', 'erase', '0 left', 'program']);
  });
});

describe('the records of a preparation', () => {
  const manifestDigest = IMAGE.manifestDigest;
  const note = (instance: number, sectorsLeft: number): Uint8Array =>
    preparingRecord({ instance, sectorsLeft, manifestDigest });

  it('say the last word of the highest instance', () => {
    expect(preparationIn([])).toEqual({ preparing: undefined, lastInstance: 0 });
    const log = [note(1, 4), note(2, 70_000), note(2, 3), note(1, 0)];
    expect(preparationIn(log)).toEqual({ preparing: { instance: 2, sectorsLeft: 3, manifestDigest }, lastInstance: 2 });
  });

  it('are over with any other record of their instance, whatever became of its begin record', () => {
    for (const type of [0xb1, 0x4e, 0x72, 0x8d, 0xd8, 0x27]) {
      const later = (instance: number): Uint8Array => Uint8Array.of(type, 0, 0, 0, instance, 0, 0, 0);
      expect(preparationIn([note(2, 0), later(2)])).toEqual({ preparing: undefined, lastInstance: 2 });
      expect(preparationIn([note(2, 0), later(1)]).preparing?.instance).toBe(2);
    }
  });
});
