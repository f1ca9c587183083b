/** Goal: the host fits itself to the line: its round trip, its pace, its noise; slow is not dead, and a clean line costs little. */
import { describe, expect, it } from 'vitest';
import { authorisationFor, modelImage, planOf } from '../test-support/model-image.test-support.js';
import { NO_FAULTS, Pair } from '../test-support/pair.test-support.js';
import { withSample, backedOff, UNKNOWN_ROUND_TRIP } from './round-trip.js';
import { isDelivered, onNack, onSack, startTransfer, takeFrames, withProbe, type Transfer } from './transfer.js';

const image = modelImage({ bytes: 256 * 60 });
const MAIN_IMAGE_BYTES = 971_304;

describe('the octets on the wire', () => {
  const main = modelImage({ bytes: MAIN_IMAGE_BYTES, blockShift: 12, seed: 3 });
  const device = { windowBytes: 65_536, slotBytes: 1 << 20 };
  const perImageOctet = (pair: Pair): number => (pair.up.octets + pair.down.octets) / MAIN_IMAGE_BYTES;

  it('are at most 1.035 for each of a random image, in both directions together, on a clean line', () => {
    const pair = new Pair({ plan: planOf({ image: main }), meter: { device } });
    expect(pair.run()).toMatchObject({ kind: 'done' });
    expect(pair.host.stats).toMatchObject({ lostFrames: 0, dataFrames: main.blocks.length });
    console.log(`octets on the wire per image octet, unpaced: ${perImageOctet(pair).toFixed(4)}`);
    expect(perImageOctet(pair)).toBeLessThanOrEqual(1.03);
  });

  it('are no more on a line paced like a serial port of 115,200 baud', () => {
    const octetsPerSecond = 11_520;
    const pair = new Pair({
      plan: planOf({ image: main, octetsPerSecond }),
      line: { octetsPerSecond },
      meter: { device },
    });
    expect(pair.run()).toMatchObject({ kind: 'done' });
    console.log(`octets on the wire per image octet, 115,200 baud: ${perImageOctet(pair).toFixed(4)}`);
    expect(perImageOctet(pair)).toBeLessThanOrEqual(1.035);
    expect(pair.world.nowMs / 1000).toBeLessThan((1.06 * MAIN_IMAGE_BYTES) / octetsPerSecond);
  });
});

describe('a slow line', () => {
  it.each([300, 1_200, 9_600])('of %i baud is not a dead one, when the host knows its pace', (baud) => {
    const octetsPerSecond = baud / 10;
    const pair = new Pair({
      plan: planOf({ image, octetsPerSecond }),
      line: { octetsPerSecond },
      meter: { device: { windowBytes: 65_536 } },
    });
    expect(pair.run()).toMatchObject({ kind: 'done' });
    expect(pair.host.stats.lostFrames).toBe(0);
  });

  it.each([4_800, 9_600, 19_200])('of %i baud is not a dead one, when the host does not know its pace', (baud) => {
    const large = modelImage({ bytes: 200_000, blockShift: 12 });
    const pair = new Pair({
      plan: planOf({ image: large }),
      line: { octetsPerSecond: baud / 10 },
      meter: { device: { windowBytes: 65_536, slotBytes: 1 << 18 } },
    });
    expect(pair.run()).toMatchObject({ kind: 'done' });
  });

  it('minutes of silence during verify taken for death: a meter that says BUSY may take its time', () => {
    const pair = new Pair({
      plan: planOf({ image, authorisation: authorisationFor(image) }),
      meter: { workMs: { 'seal-image': 300_000, prepare: 120_000 }, trialMs: 200_000 },
    });
    expect(pair.run()).toMatchObject({ kind: 'done', what: 'activated' });
    expect(pair.world.nowMs).toBeGreaterThan(620_000);
  });

  it('that is dead is noticed in seconds', () => {
    const pair = new Pair({ plan: planOf({ image }), line: { octetsPerSecond: 5_000 } });
    let diedAtMs = 0;
    pair.world.at(1_500, () => {
      diedAtMs = pair.world.nowMs;
      Object.assign(pair.options, { hostSays: () => false });
    });
    expect(pair.run()).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(pair.world.nowMs - diedAtMs).toBeLessThan(11_000);
  });
});

describe('a line with a long way', () => {
  it('costs round trips for the conversation, not for the blocks', () => {
    const large = modelImage({ bytes: 300_000, blockShift: 12 });
    const took = (latencyMs: number): number => {
      const pair = new Pair({
        plan: planOf({ image: large }),
        line: { latencyMs, octetsPerSecond: 20_000 },
        meter: { device: { windowBytes: 65_536, slotBytes: 1 << 19 } },
      });
      expect(pair.run()).toMatchObject({ kind: 'done' });
      return pair.world.nowMs;
    };
    expect(took(500) - took(1)).toBeLessThan(12_000);
  });

  it('whose answers come later than the next probe is repaired all the same', () => {
    const dropped = new Set<number>();
    const pair = new Pair({
      plan: planOf({ image }),
      line: { latencyMs: 2_000 },
      // The end of each window is lost once: nothing sent later shows the gap, only a probe can.
      hostSays: ({ message, sequence }) =>
        message.kind !== 'data' || sequence % 8 !== 0 || dropped.has(message.block) || !dropped.add(message.block),
    });
    expect(pair.run()).toMatchObject({ kind: 'done' });
    expect(dropped.size).toBeGreaterThan(3);
    expect(pair.world.nowMs).toBeLessThan(180_000);
  });
});

describe('a noisy line', () => {
  it('is given smaller pieces, and larger ones again when it is clean', () => {
    const large = modelImage({ bytes: 400_000, blockShift: 12, seed: 4 });
    const sizes: number[] = [];
    let noisy = true;
    const pair: Pair = new Pair({
      seed: 5,
      plan: planOf({ image: large }),
      line: { octetsPerSecond: 50_000 },
      meter: { device: { windowBytes: 65_536, slotBytes: 1 << 19 } },
      hostSays: ({ message, sequence }) => {
        if (message.kind !== 'data') return true;
        sizes.push(message.octets.length);
        if (sizes.length > 200) noisy = false;
        return !(noisy && sequence % 3 === 0);
      },
    });
    expect(pair.run()).toMatchObject({ kind: 'done' });
    expect(sizes[0]).toBe(4_160);
    expect(Math.min(...sizes.slice(0, 200).filter((size) => size >= 64))).toBeLessThanOrEqual(130);
    expect(Math.max(...sizes.slice(-10))).toBeGreaterThan(500);
  });

  it('that lets nothing through is given up as too noisy while the meter answers', () => {
    const pair = new Pair({ plan: planOf({ image }), hostSays: ({ message }) => message.kind !== 'data' });
    expect(pair.run()).toMatchObject({ kind: 'failed', reason: 'too-noisy' });
    expect(pair.world.nowMs).toBeLessThan(90_000);
  });

  it('that spoils bodies has them asked for by name, without waiting for a timer', () => {
    const pair = new Pair({ seed: 3, plan: planOf({ image }), line: { faults: { ...NO_FAULTS, flip: 0.1 } } });
    let nacks = 0;
    Object.assign(pair.options, {
      meterSays: ({ message }: { message: { kind: string } }) => (nacks += message.kind === 'nack' ? 1 : 0) >= 0,
    });
    expect(pair.run()).toMatchObject({ kind: 'done' });
    expect(nacks).toBeGreaterThan(0);
    expect(pair.host.stats.lostFrames).toBeGreaterThan(0);
  });
});

describe('the round trip', () => {
  it('is estimated as RFC 6298 says, within bounds', () => {
    const first = withSample(UNKNOWN_ROUND_TRIP, 300);
    expect(first).toEqual({ smoothedMs: 300, variationMs: 150, timeoutMs: 900 });
    const second = withSample(first, 500);
    expect(second).toEqual({ smoothedMs: 325, variationMs: 162.5, timeoutMs: 975 });
    expect(withSample(UNKNOWN_ROUND_TRIP, 1).timeoutMs).toBe(200);
    expect(withSample(UNKNOWN_ROUND_TRIP, 60_000).timeoutMs).toBe(4_000);
    expect([1, 2, 3, 4].reduce(backedOff, first).timeoutMs).toBe(4_000);
  });
});

describe('the bookkeeping of a transfer', () => {
  const begin = (blocks: number, blockBytes: number, creditBlocks: number, fragmentBytes: number): Transfer =>
    startTransfer(
      {
        sessionTag: 1,
        blockBytes: Array.from({ length: blocks }, () => blockBytes),
        creditBlocks,
        fragmentBytesMax: fragmentBytes,
        fragmentBytes: undefined,
        octetsPerSecond: undefined,
      },
      0,
    );
  const sack = (highest: number, given: object = {}): Parameters<typeof onSack>[1] => ({
    kind: 'sack',
    highest,
    bitmap: new Uint8Array(8),
    creditBlocks: 4,
    heldMs: 0,
    durableCount: 0,
    durableFrom: 0,
    durable: new Uint8Array(0),
    ranges: [],
    receivedBytes: 0,
    storedBytes: 0,
    ...given,
  });

  it('declares a frame lost when three that were sent after it came, and no sooner', () => {
    const { transfer } = takeFrames(begin(10, 320, 8, 320), undefined, 0);
    expect(transfer.inFlight).toHaveLength(8);
    expect(onSack(transfer, sack(3, { bitmap: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) }), 0, 50).repairs).toEqual([]);
    const after = onSack(transfer, sack(4, { bitmap: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0) }), 0, 50);
    expect(after.repairs).toEqual([{ block: 0, offsetBytes: 0, lengthBytes: 320 }]);
    expect(after.lostFrames).toBe(1);
    expect(after.inFlight.map(({ sequence }) => sequence)).toEqual([5, 6, 7, 8]);
  });

  it('sends a NACKed piece again at once, and a block whose signature failed as a whole', () => {
    const { transfer } = takeFrames(begin(4, 320, 4, 100), undefined, 0);
    const piece = transfer.inFlight[5]!;
    expect(onNack(transfer, piece.sequence, piece).repairs).toEqual([
      { block: piece.block, offsetBytes: piece.offsetBytes, lengthBytes: piece.lengthBytes },
    ]);
    const whole = { block: 1, offsetBytes: 0, lengthBytes: 320 };
    expect(onNack(onNack(transfer, piece.sequence, piece), 0, whole).repairs).toEqual([whole]);
    for (const wrong of [
      { ...whole, block: 9 },
      { ...whole, lengthBytes: 321 },
      { ...whole, lengthBytes: 0 },
    ])
      expect(onNack(transfer, 0, wrong)).toBe(transfer);
  });

  it('takes no notice of a SACK that speaks of frames never sent', () => {
    const { transfer } = takeFrames(begin(4, 320, 4, 320), undefined, 0);
    expect(onSack(transfer, sack(5, { durableFrom: 8 }), 0, 50)).toBe(transfer);
  });

  it('sends again what neither meter nor line knows of, once a probe is answered and nothing is out', () => {
    const { transfer } = takeFrames(begin(4, 320, 4, 320), undefined, 0);
    const probed = withProbe(transfer, 9, 100);
    const all = sack(4, {
      bitmap: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0),
      durableFrom: 0,
      durable: Uint8Array.of(0b1101),
    });
    expect(onSack(probed, all, 9, 150).repairs).toEqual([{ block: 1, offsetBytes: 0, lengthBytes: 320 }]);
    const partly = { ...all, ranges: [{ block: 1, offsetBytes: 64, lengthBytes: 64 }] };
    expect(onSack(probed, partly, 9, 150).repairs).toEqual([
      { block: 1, offsetBytes: 0, lengthBytes: 64 },
      { block: 1, offsetBytes: 128, lengthBytes: 192 },
    ]);
  });

  it.each([
    ['40,000 blocks of 256 octets', 40_000, 320, 8_192, 256],
    ['150 blocks of 64 KiB in pieces of 64 octets', 150, 65_600, 64, 2],
  ])(
    'does not grow more expensive with the image: %s',
    (_name, blocks, blockBytes, fragmentBytes, window) => {
      let transfer = begin(blocks, blockBytes, window, fragmentBytes);
      let frames = 0;
      let sentBytes = 0;
      for (let nowMs = 0; !isDelivered(transfer); nowMs += 10) {
        const taken = takeFrames(transfer, undefined, nowMs);
        ({ transfer } = taken);
        frames += taken.frames.length;
        sentBytes += taken.frames.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
        const whole = Math.floor(sentBytes / blockBytes);
        const durableFrom = Math.floor(whole / 8) * 8;
        const last = Array.from({ length: 8 }, (_, i) => (durableFrom + i < whole ? 1 << i : 0)).reduce(
          (a, b) => a | b,
          0,
        );
        const ranges = [{ block: Math.min(whole, blocks - 1), offsetBytes: 0, lengthBytes: blockBytes }];
        const bitmap = new Uint8Array(8).fill(255);
        transfer = onSack(
          transfer,
          sack(transfer.nextSequence - 1, {
            durableFrom,
            durable: Uint8Array.of(last),
            creditBlocks: window + whole,
            bitmap,
            ranges,
          }),
          0,
          nowMs + 5,
        );
        expect(taken.frames.length, 'goes on').toBeGreaterThan(0);
      }
      expect(transfer.durable.durableCount).toBe(blocks);
      expect(frames).toBe(blocks * Math.ceil(blockBytes / fragmentBytes));
    },
    20_000,
  );
});
