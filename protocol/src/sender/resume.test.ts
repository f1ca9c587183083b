/**
 * Goal: nothing starts again at 0. After a crash of either side at any moment the transfer goes on with what is durable, and re-sends at most
 * what was in flight: the window and one block.
 */
import { describe, expect, it } from 'vitest';
import { blockBytes } from '../package/manifest.js';
import { authorisationFor, modelImage, planOf } from '../test-support/model-image.test-support.js';
import { Pair } from '../test-support/pair.test-support.js';
import type { Cut } from '../test-support/model-meter.test-support.js';
import { resentBytes } from './sender-types.js';

const image = modelImage({ bytes: 256 * 24 + 100 });
const plan = planOf({ image });
const imageBytes = image.blocks.reduce((sum, { length }) => sum + length, 0);
const BLOCK_BYTES = blockBytes(image.manifest, 0);
const WINDOW_BLOCKS = 4;
const device = { windowBytes: WINDOW_BLOCKS * 256 };
const BOUND_BYTES = (WINDOW_BLOCKS + 1) * BLOCK_BYTES;
const line = { octetsPerSecond: 5_000, latencyMs: 20 };

function exact(pair: Pair): void {
  expect(
    Buffer.compare(pair.meter.flash.slot.subarray(0, image.manufacturerImage.length), image.manufacturerImage),
  ).toBe(0);
  expect(pair.meter.recovered().held).toMatchObject({ sealed: true });
}

/** Octets of DATA that all runs of the host together sent beyond the image once. */
function resent(sentBytes: number): number {
  return sentBytes - imageBytes;
}

const clean = new Pair({ plan, line, meter: { device } });
clean.run();

describe('a clean transfer', () => {
  it('sends every octet once', () => {
    exact(clean);
    expect(clean.host.stats).toMatchObject({
      sentBytes: imageBytes,
      lostFrames: 0,
      sessions: 1,
      discardedBytes: 0,
      durableBytes: imageBytes,
    });
    expect(resentBytes(clean.host.stats)).toBe(0);
  });
});

describe('a host that dies', () => {
  const events = clean.world.events;

  it.each(['lost', 'arrives'] as const)(
    'at any moment goes on where the meter is, and re-sends at most what was in flight (which %s)',
    (underWay) => {
      let resumed = 0;
      let worst = 0;
      for (let at = 1; at < events; at++) {
        const pair = new Pair({ plan, line, meter: { device } });
        pair.world.run(Infinity, () => pair.world.events >= at);
        if (pair.host.phase.kind === 'ended') continue;
        const sentBefore = pair.host.stats.sentBytes;
        pair.crashHost(300, underWay);
        pair.world.run(pair.world.nowMs + 301, () => false);
        const held = pair.meter.recovered().held?.map.durableCount ?? 0;
        const result = pair.run();
        expect(result, `crash after event ${at}`).toMatchObject({ kind: 'done', what: 'sealed' });
        exact(pair);
        const { stats } = pair.host;
        if (held > 0) resumed++;
        worst = Math.max(worst, resent(sentBefore + stats.sentBytes));
        expect(resent(sentBefore + stats.sentBytes), `crash after event ${at}`).toBeLessThanOrEqual(BOUND_BYTES);
        // What the new run says it had to send again is what the meter took before it and could not keep, and no less than was sent in vain there.
        expect(resentBytes(stats)).toBeLessThanOrEqual(BOUND_BYTES);
        if (underWay === 'arrives' && stats.sessions > 0)
          expect(resentBytes(stats), `crash after event ${at}`).toBe(resent(sentBefore + stats.sentBytes));
        expect(stats.durableBytes).toBe(stats.sessions === 0 ? 0 : imageBytes);
      }
      expect(resumed).toBeGreaterThan(50);
      if (underWay === 'lost') expect(worst).toBeGreaterThan(0);
    },
  );

  it('silent restart at offset 0: says from where it goes on', () => {
    const pair = new Pair({ plan, line, meter: { device } });
    pair.world.run(1_500);
    const held = pair.meter.recovered().held!.map.durableCount;
    expect(held).toBeGreaterThan(4);
    pair.crashHost();
    pair.run();
    expect(pair.host.stats.resumedFromBlocks).toBeGreaterThanOrEqual(held);
    expect(pair.host.stats.resumedFromBytes).toBe(pair.host.stats.resumedFromBlocks * BLOCK_BYTES);
    expect(pair.host.stats.sentBytes).toBeLessThan(imageBytes - held * BLOCK_BYTES + 1);
  });
});

describe('a meter that loses power', () => {
  const phases: readonly Cut['phase'][] = ['before', 'torn', 'after'];

  it('at any write of a transfer keeps what it said it holds, and is sent at most what was in flight again', () => {
    let cuts = 0;
    for (let atWrite = 2; atWrite <= clean.meter.writes; atWrite++) {
      for (const phase of phases) {
        const pair = new Pair({ plan, line, meter: { device, cut: { atWrite, phase } } });
        expect(pair.run(), `${phase} write ${atWrite}`).toMatchObject({ kind: 'done', what: 'sealed' });
        exact(pair);
        cuts += pair.meter.cuts;
        expect(resent(pair.host.stats.sentBytes), `${phase} write ${atWrite}`).toBeLessThanOrEqual(BOUND_BYTES);
        expect(resentBytes(pair.host.stats)).toBe(resent(pair.host.stats.sentBytes));
      }
    }
    expect(cuts).toBe(3 * (clean.meter.writes - 1));
  });

  it('at any write of an update has the old or the new image, activates once, and the host knows which', () => {
    const authorisation = authorisationFor(image);
    const whole = new Pair({ plan: planOf({ image, authorisation }), meter: { device } });
    whole.run();
    for (let atWrite = 2; atWrite <= whole.meter.writes; atWrite++) {
      for (const phase of phases) {
        const pair = new Pair({ plan: planOf({ image, authorisation }), meter: { device, cut: { atWrite, phase } } });
        expect(pair.run(), `${phase} write ${atWrite}`).toMatchObject({
          kind: 'done',
          what: expect.stringMatching(/^(activated|already-running)$/),
        });
        expect(pair.meter.flash.running).toEqual({ hash: image.imageHash, version: 0x20001, securityCounter: 7 });
        expect(pair.meter.flash.activation).toMatchObject({ originatorCounter: 5n, result: 'success' });
      }
    }
  });

  it('at any write of a replacement holds the old image, the new one, or none, and never blocks of another', () => {
    const old = modelImage({ bytes: 3_000, seed: 8 });
    const staged = (cut: Cut | undefined): Pair => {
      const pair = new Pair({ plan: planOf({ image: old }), meter: { device, images: [old, image], cut } });
      pair.run();
      pair.startHost(planOf({ image, replace: true }));
      expect(pair.run()).toMatchObject({ kind: 'done', what: 'sealed' });
      exact(pair);
      return pair;
    };
    const { writes } = staged(undefined).meter;
    for (let atWrite = 2; atWrite <= writes; atWrite++) for (const phase of phases) staged({ atWrite, phase });
  });
});

describe('the promise that the model meter keeps', () => {
  it('is one that can be broken: a record that vanishes is noticed at the next word', () => {
    const pair = new Pair({ plan, line, meter: { device } });
    pair.world.run(1_500);
    pair.meter.flash.log = pair.meter.flash.log.slice(0, 1);
    expect(() => pair.run()).toThrow(/durable/);
  });

  it('is one that can be broken: octets that rot in the slot are noticed at the next word', () => {
    const pair = new Pair({ plan, line, meter: { device } });
    pair.world.run(1_500);
    pair.meter.flash.slot[3]! ^= 1;
    expect(() => pair.run()).toThrow(/other octets/);
  });
});
