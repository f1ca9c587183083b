/**
 * Goal: a whole update goes through the meter as SPEC.md says, and whatever the power does meanwhile, the meter runs the old or the new
 * image, keeps what it acknowledged, and goes on measuring.
 * Method: one update on virtual time; then the same once per flash operation with the power cut before and after it.
 */
import { describe, expect, it } from 'vitest';
import { equalOctets, toHex } from '@smets1/protocol';
import { IMAGE_OFFSET_BYTES } from './boot/slot.js';
import { isManufactured, manufacture, startEsme, type Esme, type EsmeOptions } from './esme.js';
import { authorise, crypto, deliver, IDENTITY, makeImage, planOf, signer, slotImageOf } from './esme.test-support.js';
import { PowerLost } from './errors.js';
import { planLayout } from './flash/layout-plan.js';
import { createFlash, type NorFlash } from './flash/nor-flash.js';

const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);
const OLD = makeImage({ imageBytes: 3000, fileVersion: 0x0001_0000 });
const NEW = makeImage({ imageBytes: 12_000, fileVersion: 0x0002_0000, blockShift: 10 });
const OPTIONS: EsmeOptions = { loadW: 3600, epochS: 1_700_000_000 };

function newFlash(layout = LAYOUT): NorFlash {
  const flash = createFlash(layout);
  manufacture(flash, crypto, IDENTITY, slotImageOf(OLD));
  return flash;
}

function start(flash: NorFlash, nowMs = 0, options = OPTIONS): Esme {
  return startEsme({ flash, crypto, signer }, options, nowMs);
}

describe('an update over a clean link', () => {
  it('is received, sealed, activated, tried, confirmed, and attested by the meter', () => {
    const meter = start(newFlash());
    const { result, stats, events, nowMs } = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    expect(result).toMatchObject({ kind: 'done', what: 'activated', attested: true });
    const view = meter.view(nowMs);
    expect(view).toMatchObject({
      mode: 'confirmed',
      runningVersion: 0x0002_0000,
      securityCounter: 0x0002_0000,
      activeSlot: 1,
      held: undefined,
    });
    expect(view.runningHash).toBe(toHex(NEW.manifest.imageHash));
    expect(stats).toMatchObject({ lostFrames: 0, discardedBytes: 0, sentBytes: stats.durableBytes });
    expect(view.securityLog.map(({ code }) => code)).toEqual([0x8f72, 0x8f43]);
    expect(events.map(({ kind }) => kind)).toContain('sealed');
  });

  it('asks for nothing when the image is already running, also with a new authorisation', () => {
    const meter = start(newFlash());
    const first = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    const again = deliver(meter, planOf(NEW, authorise(NEW, 1n)), first.nowMs);
    expect(again.result).toMatchObject({ kind: 'done', what: 'already-running', attested: true });
    expect(again.stats.dataFrames).toBe(0);
    const later = deliver(meter, planOf(NEW, authorise(NEW, 2n)), again.nowMs);
    expect(later.result).toMatchObject({ kind: 'done', what: 'already-running' });
    const lower = deliver(meter, planOf(NEW, authorise(NEW, 1n)), later.nowMs);
    expect(lower.result).toMatchObject({ kind: 'failed', reason: 'refused', refusal: { code: 38, detail: 2 } });
    expect(meter.view(lower.nowMs).bootEpoch).toBe(2);
  });

  it('takes the next image into the slot that was the way back', () => {
    const meter = start(newFlash());
    const first = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    const next = makeImage({ imageBytes: 9000, fileVersion: 0x0003_0000 });
    const second = deliver(meter, planOf(next, authorise(next, 2n)), first.nowMs);
    expect(second.result).toMatchObject({ kind: 'done', what: 'activated' });
    expect(meter.view(second.nowMs)).toMatchObject({ activeSlot: 0, runningVersion: 0x0003_0000 });
  });

  it('refuses a lower counter, and an equal one with another image, before the first data octet', () => {
    const meter = start(newFlash());
    const first = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    const lower = makeImage({ imageBytes: 5000, fileVersion: 0x0002_0001, securityCounter: 1 });
    const refused = deliver(meter, planOf(lower), first.nowMs);
    expect(refused).toMatchObject({ result: { reason: 'refused', refusal: { code: 14 } }, stats: { dataFrames: 0 } });
    const other = makeImage({ imageBytes: 5000, fileVersion: 0x0002_0001, securityCounter: 0x0002_0000 });
    const used = deliver(meter, planOf(other), refused.nowMs);
    expect(used).toMatchObject({ result: { reason: 'refused', refusal: { code: 15 } }, stats: { dataFrames: 0 } });
  });

  it('reverts an image that does not find itself well, and says so with the old version', () => {
    const flash = newFlash();
    const meter = start(flash, 0, { ...OPTIONS, selfTest: (version) => version !== 0x0002_0000 });
    const { result, nowMs } = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    expect(result).toMatchObject({
      kind: 'failed',
      reason: 'reverted',
      outcome: { code: 'activationFailure', runningVersion: 0x0001_0000 },
    });
    expect(meter.view(nowMs)).toMatchObject({
      mode: 'confirmed',
      runningVersion: 0x0001_0000,
      securityCounter: 0x0001_0000,
      bootEpoch: 5,
    });
    // A new authorisation may try the image again; it need not be sent again.
    const again = deliver(start(flash, nowMs), planOf(NEW, authorise(NEW, 2n)), nowMs);
    expect(again.stats.dataFrames).toBe(0);
    expect(again.result).toMatchObject({ kind: 'done', what: 'activated' });
  });

  it('counts energy through all of it, and never back', () => {
    const flash = newFlash();
    const meter = start(flash);
    const { nowMs } = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    const importWh = meter.view(nowMs + 3_600_000).importWh;
    expect(importWh).toBe(Math.floor((nowMs + 3_600_000) / 1000));
    meter.flush(nowMs + 3_600_000);
    expect(start(flash, nowMs + 3_600_000).view(nowMs + 3_600_000).importWh).toBe(importWh);
  });
});

describe.each([
  ['granules that may be programmed again', true],
  ['granules that are programmed once', false],
])('an update cut by a power loss, on flash of %s', (_, granuleRewritable) => {
  const layout = planLayout(
    { ...LAYOUT.geometry, granuleRewritable },
    { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
  );
  const blank = newFlash(layout);
  const clean = blank.fork();
  const before = clean.operationCount;
  deliver(start(clean), planOf(NEW, authorise(NEW, 1n)));
  const operations = clean.operationCount - before;
  const ends = { old: 0, new: 0, struck: 0, resumed: 0, begunAgain: 0 };

  it.each(['before', 'during', 'after'] as const)(
    'boots the old or the new image and loses nothing durable, cut %s any flash operation',
    (phase) => {
      for (let cutAt = 1; cutAt <= operations; cutAt++) {
        const flash = blank.fork();
        // Every other tear leaves cells that read differently each time.
        flash.arm({ cutAt, phase, seed: cutAt, ...(cutAt % 2 === 0 && { mode: 'bits', weak: true }) });
        let saidDurable = 0;
        let nowMs = 0;
        let wh = 0;
        const watched = (meter: Esme): Esme => ({
          ...meter,
          hear(frame, atMs) {
            const frames = meter.hear(frame, atMs);
            nowMs = atMs;
            if (frames.length > 0) saidDurable = Math.max(saidDurable, meter.view(atMs).held?.durableCount ?? 0);
            return frames;
          },
        });
        try {
          const meter = watched(start(flash));
          deliver(meter, planOf(NEW, authorise(NEW, 1n)));
          wh = meter.view(nowMs).importWh;
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error;
          ends.struck++;
        }
        flash.powerOn();
        const meter = start(flash, nowMs);
        const view = meter.view(nowMs);
        const runsOld = view.runningHash === toHex(OLD.manifest.imageHash);
        expect(runsOld || view.runningHash === toHex(NEW.manifest.imageHash)).toBe(true);
        ends[runsOld ? 'old' : 'new']++;
        // Once the new image runs, nothing is held any more: what was durable has become what runs.
        if (runsOld && saidDurable > 0) expect(view.held?.durableCount ?? 0).toBeGreaterThanOrEqual(saidDurable);
        if ((view.held?.durableCount ?? 0) > 0) ends.resumed++;
        expect(view.importWh).toBeGreaterThanOrEqual(wh - 100);
        const after = deliver(meter, planOf(NEW, authorise(NEW, 1n)), nowMs);
        expect(after.result).toMatchObject({ kind: 'done' });
        if (after.stats.sessions > 1) ends.begunAgain++;
        expect(meter.view(after.nowMs).runningHash).toBe(toHex(NEW.manifest.imageHash));
      }
    },
  );

  it('had operations to cut, of every kind, so that an empty table cannot pass', () => {
    expect(operations).toBeGreaterThan(40);
    expect(ends.struck).toBe(3 * operations);
    // A torn program is not mended: its sector is erased, and the host told to send that part again.
    expect(ends.begunAgain).toBeGreaterThan(0);
    expect(ends.old).toBeGreaterThan(20);
    expect(ends.new).toBeGreaterThan(4);
    expect(ends.resumed).toBeGreaterThan(20);
    expect(equalOctets(OLD.manifest.imageHash, NEW.manifest.imageHash)).toBe(false);
  });
});

describe('a meter cut off while it is manufactured', () => {
  it('can be manufactured again, with another identity', () => {
    const clean = createFlash(LAYOUT);
    manufacture(clean, crypto, IDENTITY, slotImageOf(OLD));
    const operations = clean.operationCount;
    let whole = 0;
    for (let cutAt = 1; cutAt < operations; cutAt++) {
      const flash = createFlash(LAYOUT);
      flash.arm({ cutAt, phase: 'after' });
      expect(() => manufacture(flash, crypto, IDENTITY, slotImageOf(OLD))).toThrow(PowerLost);
      flash.powerOn();
      if (isManufactured(flash)) {
        // One of two copies of the last record says so, and one is enough.
        whole += 1;
        expect(start(flash).view(0).runningVersion).toBe(0x0001_0000);
        continue;
      }
      manufacture(flash, crypto, { ...IDENTITY, hardwareVersion: 0x1151 }, slotImageOf(OLD));
      expect(start(flash).view(0).runningVersion).toBe(0x0001_0000);
    }
    expect(operations).toBeGreaterThan(5);
    expect(whole).toBeLessThan(5);
    expect(() => manufacture(clean, crypto, IDENTITY, slotImageOf(OLD))).toThrow(/identity/);
  });
});

describe('flash that does not hold a block', () => {
  it('is erased once more, and then said as what it is', () => {
    const flash = newFlash();
    const { offsetBytes } = LAYOUT.partitions.find(({ name }) => name === 'slot-1')!;
    // An erase leaves the bit as it should be; only a program that wants it otherwise finds out.
    const { image } = slotImageOf(NEW);
    const inImage = image.findIndex((octet, i) => i >= 2 * 1024 && (octet & 0x08) === 0);
    flash.stick(offsetBytes + IMAGE_OFFSET_BYTES + inImage, 0x08, 0x08);
    const meter = start(flash);
    const { result, stats, nowMs } = deliver(meter, planOf(NEW, authorise(NEW, 1n)));
    expect(result).toMatchObject({ kind: 'failed', reason: 'refused', refusal: { code: 23 } });
    expect(stats.sessions).toBe(2);
    expect(meter.view(nowMs)).toMatchObject({ mode: 'confirmed', runningVersion: 0x0001_0000 });
    // Where the bit happens to be the image's own, nobody notices.
    const lucky = newFlash();
    lucky.stick(offsetBytes + IMAGE_OFFSET_BYTES + image.findIndex((octet) => (octet & 0x08) !== 0), 0x08, 0x08);
    expect(deliver(start(lucky), planOf(NEW, authorise(NEW, 1n))).result.kind).toBe('done');
  });
});

describe('flash that takes no more records', () => {
  /** Every program into these partitions fails from now on, as on a worn sector that shows it. */
  function worn(flash: NorFlash, names: readonly string[]): void {
    for (const { offsetBytes, lengthBytes } of flash.layout.partitions.filter(({ name }) => names.includes(name)))
      for (const sector of flash.sectors)
        if (sector.offsetBytes >= offsetBytes && sector.offsetBytes < offsetBytes + lengthBytes)
          flash.breakSector(sector.index, 'program-fails');
  }

  it('is said as what it is at SEAL and at ACTIVATE, and the meter goes on', () => {
    const flash = newFlash();
    const meter = start(flash);
    worn(flash, ['boot-a', 'boot-b']);
    const sealing = deliver(meter, planOf(NEW));
    expect(sealing.result).toMatchObject({ kind: 'failed', reason: 'refused', refusal: { code: 23 } });
    expect(meter.view(sealing.nowMs)).toMatchObject({
      runningVersion: 0x0001_0000,
      held: { sealed: false, durableCount: 12 },
    });

    const other = newFlash();
    const second = start(other);
    const sealed = deliver(second, planOf(NEW));
    expect(sealed.result).toMatchObject({ kind: 'done', what: 'sealed' });
    worn(other, ['boot-a', 'boot-b']);
    const activating = deliver(second, planOf(NEW, authorise(NEW, 1n)), sealed.nowMs);
    expect(activating.result).toMatchObject({ kind: 'failed', reason: 'refused', refusal: { code: 23 } });
    expect(second.view(activating.nowMs)).toMatchObject({
      runningVersion: 0x0001_0000,
      bootEpoch: 1,
      originatorCounter: 0n,
    });
  });
});
