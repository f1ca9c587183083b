/**
 * Goal: a meter that has no image to run is no brick: boot's recovery hosts the receiver, takes an image at or above the floor, and runs it once
 * somebody with the authority says so. The fallback is as willing, and can do nothing to become more than a fallback.
 * Method: rot in one slot or both, then the ordinary update over an ordinary line; the same with the power cut at every flash operation.
 */
import { describe, expect, it } from 'vitest';
import { crc32, toHex, type SendableImage } from '@smets1/protocol';
import { confirmTrial, readBootState } from './boot/boot-records.js';
import { IMAGE_OFFSET_BYTES, slotRegion } from './boot/slot.js';
import { PowerLost } from './errors.js';
import { manufacture, startEsme, type Esme, type EsmeOptions } from './esme.js';
import { authorise, crypto, deliver, IDENTITY, makeImage, planOf, signer, slotImageOf } from './esme.test-support.js';
import { planLayout } from './flash/layout-plan.js';
import { createFlash, type NorFlash } from './flash/nor-flash.js';

const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);
const FIRST = makeImage({ imageBytes: 3000, fileVersion: 1 });
const SECOND = makeImage({ imageBytes: 5000, fileVersion: 2, blockShift: 10 });
const THIRD = makeImage({ imageBytes: 4000, fileVersion: 3, blockShift: 10 });
const FACTORY = createFlash(LAYOUT);
manufacture(FACTORY, crypto, IDENTITY, slotImageOf(FIRST));
const UPDATED = FACTORY.fork();
const UPDATED_MS = deliver(start(UPDATED), planOf(SECOND, authorise(SECOND, 1n))).nowMs;

function start(flash: NorFlash, nowMs = 0, options: EsmeOptions = {}): Esme {
  return startEsme({ flash, crypto, signer }, { loadW: 3600, ...options }, nowMs);
}

/** One bit of the image in a slot is not what it was. */
function rotten(flash: NorFlash, ...slots: readonly (0 | 1)[]): NorFlash {
  for (const slot of slots) {
    const { offsetBytes } = flash.layout.partitions.find(({ name }) => name === `slot-${slot}`)!;
    flash.rot(offsetBytes + IMAGE_OFFSET_BYTES + 1234, 0x10);
  }
  return flash;
}

function expectRuns(flash: NorFlash, meter: Esme, image: SendableImage, nowMs: number): void {
  const view = meter.view(nowMs);
  expect(view.runningHash).toBe(toHex(image.manifest.imageHash));
  const { image: octets } = slotImageOf(image);
  expect(slotRegion(flash, view.activeSlot as 0 | 1).read(IMAGE_OFFSET_BYTES, octets.length)).toEqual(octets);
}

describe.each([
  ['both slots rotten', () => rotten(UPDATED.fork(), 0, 1), 2, UPDATED_MS],
  ['the only image of the factory rotten and nothing staged', () => rotten(FACTORY.fork(), 0), 1, 0],
] as const)('a meter with %s', (_, broken, floor, startMs) => {
  it('answers, keeps its floor, and says that nothing runs', () => {
    const flash = broken();
    const meter = start(flash, startMs);
    expect(meter.view(startMs)).toMatchObject({ mode: 'recovery', runningVersion: 0, activeSlot: undefined });
    const read = deliver(meter, planOf(undefined), startMs);
    expect(read.result).toMatchObject({ kind: 'done', what: 'version-read', outcome: { runningVersion: 0 } });
    const below = makeImage({ imageBytes: 3000, fileVersion: 9, securityCounter: floor - 1, blockShift: 10 });
    const refused = deliver(meter, planOf(below), read.nowMs);
    expect(refused).toMatchObject({
      result: { reason: 'refused', refusal: { code: 14, detail: floor } },
      stats: { dataFrames: 0 },
    });
    expect(meter.view(refused.nowMs).securityLog.map(({ code }) => code)).toContain(0x8f1b);
  });

  it.each([
    ['the image that rotted', floor === 2 ? SECOND : FIRST],
    ['a newer one', THIRD],
  ])('takes %s, runs it only when that is authorised, and keeps it', (__, image) => {
    const flash = broken();
    const meter = start(flash, startMs);
    const staged = deliver(meter, planOf(image, undefined, true), startMs);
    expect(staged.result).toMatchObject({ kind: 'done', what: 'sealed' });
    expect(start(flash, staged.nowMs).view(staged.nowMs)).toMatchObject({ mode: 'recovery', held: { sealed: true } });
    const meter2 = start(flash, staged.nowMs);
    const activated = deliver(meter2, planOf(image, authorise(image, 2n)), staged.nowMs);
    expect(activated.result).toMatchObject({ kind: 'done', what: 'activated', attested: true });
    expect(activated.stats.dataFrames).toBe(0);
    expectRuns(flash, meter2, image, activated.nowMs);
    const again = start(flash, activated.nowMs);
    expect(again.view(activated.nowMs).mode).toBe('confirmed');
    expectRuns(flash, again, image, activated.nowMs);
  });

  it('is in recovery again after an image that only crashed, and takes a better one', () => {
    const flash = broken();
    const meter = start(flash, startMs, { behaviour: (version) => (version === 3 ? 'crash-at-boot' : 'healthy') });
    const crashed = deliver(meter, planOf(THIRD, authorise(THIRD, 2n)), startMs);
    expect(crashed.result.kind).toBe('failed');
    expect(meter.view(crashed.nowMs)).toMatchObject({ mode: 'recovery', securityCounter: floor });
    const better = makeImage({ imageBytes: 4500, fileVersion: 4, blockShift: 10 });
    const done = deliver(meter, planOf(better, authorise(better, 3n), true), crashed.nowMs);
    expect(done.result).toMatchObject({ kind: 'done', what: 'activated' });
    expectRuns(flash, meter, better, done.nowMs);
  });

  it('comes back whatever flash operation of that update loses its power', () => {
    const clean = broken();
    const before = clean.operationCount;
    deliver(start(clean, startMs), planOf(THIRD, authorise(THIRD, 2n)), startMs);
    const operations = clean.operationCount - before;
    const ends = { recovery: 0, third: 0 };
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      const flash = broken();
      flash.arm({ cutAt, phase: 'during', seed: cutAt });
      expect(() => deliver(start(flash, startMs), planOf(THIRD, authorise(THIRD, 2n)), startMs)).toThrow(PowerLost);
      flash.powerOn();
      const meter = start(flash, startMs + 60_000);
      if (meter.view(startMs + 60_000).mode === 'recovery') ends.recovery++;
      else ends.third++;
      const again = deliver(meter, planOf(THIRD, authorise(THIRD, 2n), true), startMs + 60_000);
      expect(again.result, `cut ${cutAt}`).toMatchObject({ kind: 'done' });
      expectRuns(flash, meter, THIRD, again.nowMs);
    }
    expect(ends.recovery).toBeGreaterThan(10);
    expect(ends.third).toBeGreaterThan(1);
  });
});

describe('a meter whose confirmed image is rotten', () => {
  it('runs exactly the one before it, which cannot confirm and takes only images at or above the floor', () => {
    const flash = rotten(UPDATED.fork(), 1);
    const meter = start(flash, UPDATED_MS);
    expect(meter.view(UPDATED_MS)).toMatchObject({ mode: 'fallback', runningVersion: 1, securityCounter: 2 });
    expectRuns(flash, meter, FIRST, UPDATED_MS);
    let atMs = UPDATED_MS;
    for (; atMs < UPDATED_MS + 600_000; atMs = Math.max(atMs + 1, meter.wakeAtMs())) meter.tick(atMs);
    expect(() => confirmTrial(flash, { crc32 })).toThrow(expect.objectContaining({ code: 'no-trial' }));
    expect(readBootState(flash, { crc32 }).confirmed).toMatchObject({ version: 2, securityCounter: 2 });
    const below = makeImage({ imageBytes: 3000, fileVersion: 9, securityCounter: 1, blockShift: 10 });
    const refused = deliver(meter, planOf(below, undefined, true), atMs);
    expect(refused.result).toMatchObject({ reason: 'refused', refusal: { code: 14, detail: 2 } });
    const itself = deliver(meter, planOf(FIRST, undefined, true), refused.nowMs);
    expect(itself.result).toMatchObject({ reason: 'refused', refusal: { code: 14 } });
  });

  it.each([
    ['the same image again', SECOND],
    ['a newer one', THIRD],
  ])('leaves its fallback with a new activation: %s', (_, image) => {
    const flash = rotten(UPDATED.fork(), 1);
    const meter = start(flash, UPDATED_MS);
    const { result, nowMs } = deliver(meter, planOf(image, authorise(image, 2n), true), UPDATED_MS);
    expect(result).toMatchObject({ kind: 'done', what: 'activated' });
    expect(meter.view(nowMs)).toMatchObject({ mode: 'confirmed', activeSlot: 1 });
    expectRuns(flash, meter, image, nowMs);
    // The way back is still the image that ran meanwhile.
    const after = start(rotten(flash, 1), nowMs);
    expect(after.view(nowMs)).toMatchObject({ mode: 'fallback', runningVersion: 1 });
  });
});
