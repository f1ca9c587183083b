/**
 * Goal: whatever a validly signed but broken image does, the meter ends with the image before it, octet for octet, within the limits that are
 * documented, and goes on measuring; what boot cannot see is said here as well.
 * Method: one update for each behaviour, over a clean link, then time.
 */
import { describe, expect, it } from 'vitest';
import { crc32, toHex, TRIAL_STARTS_MAX, type SendableImage } from '@smets1/protocol';
import { readBootState } from './boot/boot-records.js';
import { IMAGE_OFFSET_BYTES, slotRegion } from './boot/slot.js';
import { manufacture, startEsme, type Esme, type EsmeOptions, type EsmeStart } from './esme.js';
import { authorise, crypto, deliver, IDENTITY, makeImage, planOf, signer, slotImageOf } from './esme.test-support.js';
import { spoilRecords, type FirmwareBehaviour } from './firmware/behaviour.js';
import { planLayout } from './flash/layout-plan.js';
import { createFlash, type NorFlash } from './flash/nor-flash.js';
import { CRASHES_MAX, CRASH_MS, RESTART_DELAY_MS, SELF_TEST_MS, WATCHDOG_MS } from './limits.js';

const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);
const OLD = makeImage({ imageBytes: 3000, fileVersion: 1 });
const NEW = makeImage({ imageBytes: 5000, fileVersion: 2, blockShift: 10 });
const NEXT = makeImage({ imageBytes: 4000, fileVersion: 3, blockShift: 10 });
const FACTORY = createFlash(LAYOUT);
manufacture(FACTORY, crypto, IDENTITY, slotImageOf(OLD));

interface Bench {
  readonly flash: NorFlash;
  readonly meter: Esme;
  readonly starts: EsmeStart[];
}

/** A meter on which version 2 behaves so, and every other version well. */
function bench(behaviour: FirmwareBehaviour, version = 2, options: EsmeOptions = {}): Bench {
  const flash = FACTORY.fork();
  const starts: EsmeStart[] = [];
  const all: EsmeOptions = {
    loadW: 3600,
    behaviour: (fileVersion) => (fileVersion === version ? behaviour : 'healthy'),
    onStart: (start) => starts.push(start),
    ...options,
  };
  return { flash, starts, meter: startEsme({ flash, crypto, signer }, all, 0) };
}

/** Time goes on, as a host lets it. */
function letTimePass(meter: Esme, fromMs: number, toMs: number): void {
  for (let atMs = meter.wakeAtMs(); atMs <= toMs; atMs = meter.wakeAtMs()) meter.tick(Math.max(fromMs, atMs));
}

function expectRuns({ flash, meter }: Bench, image: SendableImage, nowMs: number): void {
  const view = meter.view(nowMs);
  expect(view.runningHash).toBe(toHex(image.manifest.imageHash));
  const { image: octets } = slotImageOf(image);
  expect(slotRegion(flash, view.activeSlot as 0 | 1).read(IMAGE_OFFSET_BYTES, octets.length)).toEqual(octets);
  expect(view.importWh).toBe(Math.floor(nowMs / 1000));
}

describe('an image on trial', () => {
  const perStart = {
    'crash-at-boot': CRASH_MS,
    hang: WATCHDOG_MS,
    'lose-link': SELF_TEST_MS,
    'corrupt-own-confirm': SELF_TEST_MS,
  } as const;

  it.each(Object.entries(perStart))('that does "%s" is gone after three starts of %i ms', (behaviour, startMs) => {
    const on = bench(behaviour as FirmwareBehaviour);
    const before = readBootState(on.flash, { crc32 });
    const { result, nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    expect(result).toMatchObject({ kind: 'failed', reason: 'reverted', outcome: { code: 'activationFailure' } });
    expect(on.starts.map(({ phase }) => phase)).toEqual(['confirmed', 'trial', 'trial', 'trial', 'confirmed']);
    expect(on.starts).toHaveLength(2 + TRIAL_STARTS_MAX);
    expectRuns(on, OLD, nowMs);
    const after = readBootState(on.flash, { crc32 });
    expect(after.confirmed).toEqual(before.confirmed);
    expect(nowMs).toBeGreaterThanOrEqual(RESTART_DELAY_MS + TRIAL_STARTS_MAX * startMs);
    // A host asks every few seconds at most; the meter itself needs no more than this.
    expect(nowMs).toBeLessThan(RESTART_DELAY_MS + TRIAL_STARTS_MAX * startMs + 10_000);
    const next = deliver(on.meter, planOf(NEXT, authorise(NEXT, 2n), true), nowMs);
    expect(next.result).toMatchObject({ kind: 'done', what: 'activated' });
    expectRuns(on, NEXT, next.nowMs);
  });

  it.each(['crash-at-boot', 'hang', 'lose-link'] as const)('that does "%s" answers nothing meanwhile', (behaviour) => {
    const on = bench(behaviour);
    const { events } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    const causes = events.flatMap((event) => (event.kind === 'busy' ? [event.cause] : []));
    expect(causes).toContain('activating');
    expect(causes).not.toContain('trial');
  });

  it('cannot program over the records of boot, which would take them away', () => {
    const unwatched = FACTORY.fork();
    spoilRecords(unwatched);
    expect(readBootState(unwatched, { crc32 }).confirmed).toBeUndefined();
    const on = bench('corrupt-own-confirm');
    deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    const { confirmed, outcome } = readBootState(on.flash, { crc32 });
    expect(confirmed?.version).toBe(1);
    expect(outcome?.code).toBe('activationFailure');
  });
});

describe('an image that confirms and then crashes at every start', () => {
  it('is left for the one before it after three crashes, which takes the next image', () => {
    const on = bench('confirm-then-die');
    const { result, nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    expect(result).toMatchObject({ kind: 'failed', reason: 'activation-failed' });
    const phases = on.starts.map(({ phase }) => phase);
    expect(phases).toEqual(['confirmed', 'trial', ...Array<string>(CRASHES_MAX - 1).fill('confirmed'), 'fallback']);
    expectRuns(on, OLD, nowMs);
    expect(on.meter.view(nowMs)).toMatchObject({ mode: 'fallback', securityCounter: 2 });
    const older = makeImage({ imageBytes: 4000, fileVersion: 9, securityCounter: 1, blockShift: 10 });
    const refused = deliver(on.meter, planOf(older), nowMs);
    expect(refused.result).toMatchObject({ reason: 'refused', refusal: { code: 14 } });
    // The crashed image still lies whole in its slot: who wants to put another one there has to say so.
    const next = deliver(on.meter, planOf(NEXT, authorise(NEXT, 2n), true), refused.nowMs);
    expect(next.result).toMatchObject({ kind: 'done', what: 'activated' });
    expectRuns(on, NEXT, next.nowMs);
    expect(on.meter.view(next.nowMs)).toMatchObject({ mode: 'confirmed', activeSlot: 1 });
  });

  it('gets another chance when it is activated again, and is not sent again for that', () => {
    let isIll = true;
    const on = bench('healthy', 2, {
      behaviour: (version) => (version === 2 && isIll ? 'confirm-then-die' : 'healthy'),
    });
    const { nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    expect(on.meter.view(nowMs).mode).toBe('fallback');
    isIll = false;
    const again = deliver(on.meter, planOf(NEW, authorise(NEW, 2n)), nowMs);
    expect(again).toMatchObject({ result: { kind: 'done', what: 'activated' }, stats: { dataFrames: 0 } });
    expectRuns(on, NEW, again.nowMs);
  });

  it('gets another chance when the power was away, and no more than that', () => {
    const on = bench('confirm-then-die');
    const { nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    const starts: EsmeStart[] = [];
    const options: EsmeOptions = { behaviour: () => 'crash-at-boot', onStart: (start) => starts.push(start) };
    const meter = startEsme({ flash: on.flash, crypto, signer }, options, nowMs);
    letTimePass(meter, nowMs, nowMs + 60_000);
    const phases = starts.map(({ phase }) => phase);
    expect(phases).toEqual([
      ...Array<string>(CRASHES_MAX).fill('confirmed'),
      ...Array<string>(CRASHES_MAX).fill('fallback'),
      'recovery',
    ]);
  });
});

describe('a factory image that does nothing but crash', () => {
  it('ends in recovery, which takes one that runs', () => {
    const on = bench('crash-at-boot', 1);
    letTimePass(on.meter, 0, 10_000);
    expect(on.meter.view(10_000)).toMatchObject({ mode: 'recovery', runningVersion: 0, securityCounter: 1 });
    const { result, nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)), 10_000);
    expect(result).toMatchObject({ kind: 'done', what: 'activated' });
    expectRuns(on, NEW, nowMs);
  });
});

describe('an image that refuses updates', () => {
  it('confirms, measures, and refuses every other image: no boot can see that, and nothing in the meter ends it', () => {
    const on = bench('refuse-updates');
    const { result, nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    expect(result).toMatchObject({ kind: 'done', what: 'activated' });
    const next = deliver(on.meter, planOf(NEXT, authorise(NEXT, 2n)), nowMs);
    expect(next).toMatchObject({ result: { kind: 'failed', reason: 'refused' }, stats: { dataFrames: 0 } });
    expectRuns(on, NEW, next.nowMs);
  });

  it('says of itself that it runs: a host that asks again is not told that it failed', () => {
    const on = bench('refuse-updates');
    const { nowMs } = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)));
    const again = deliver(on.meter, planOf(NEW, authorise(NEW, 1n)), nowMs);
    expect(again).toMatchObject({ result: { kind: 'done', what: 'already-running' }, stats: { dataFrames: 0 } });
    expectRuns(on, NEW, again.nowMs);
  });
});
