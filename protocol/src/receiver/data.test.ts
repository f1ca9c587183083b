/** Goal: blocks in any order and any pieces; what is acknowledged is durable; nothing unauthenticated is kept (SPEC.md §10.4). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SACK_AGE_MS_MAX, SACK_FRAMES_MAX, SESSION_SILENCE_MS_MAX } from '../limits.js';
import type { HostMessage } from '../message/host-messages.js';
import type { MeterMessage } from '../message/meter-messages.js';
import type { Sack } from '../message/sack.js';
import { REFUSAL_CODES } from '../refusal.js';
import { blocksOf } from '../staging/block-map.js';
import { BenchReceiver, dataOf } from '../test-support/bench-receiver.test-support.js';
import { modelImage } from '../test-support/model-image.test-support.js';
import { rangesOf, wholeBlock, withFragment } from './open-blocks.js';
import { stepReceiver } from './receiver.js';

const image = modelImage({ bytes: 256 * 40 });
const images = [image];
const whole = image.blocks.map((_, block) => block);

function receiving(given: ConstructorParameters<typeof BenchReceiver>[0] = {}): BenchReceiver {
  const bench = new BenchReceiver({ images, ...given });
  bench.offer(image);
  return bench;
}

function sackOf(words: readonly MeterMessage[]): Sack | undefined {
  return words.findLast((word): word is Sack => word.kind === 'sack');
}

const ping: HostMessage = { kind: 'ping' };

describe('an open block', () => {
  const block = image.blocks[0]!;
  const pieces = fc.array(fc.tuple(fc.nat({ max: block.length - 1 }), fc.integer({ min: 1, max: block.length })), {
    maxLength: 30,
  });

  it('is whole exactly when its pieces cover it, in any order, overlapping and repeated, and then has its octets', () => {
    fc.assert(
      fc.property(pieces, (given) => {
        let open = { block: 3, fragments: [], stage: 'gathering' } as Parameters<typeof withFragment>[0];
        const covered = new Set<number>();
        for (const [offsetBytes, lengthBytes] of given) {
          const octets = block.slice(offsetBytes, offsetBytes + lengthBytes);
          open = withFragment(open, { offsetBytes, octets });
          octets.forEach((_, i) => covered.add(offsetBytes + i));
        }
        const bytes = rangesOf([open], 99).reduce((sum, range) => sum + range.lengthBytes, 0);
        expect(bytes).toBe(covered.size);
        for (const { offsetBytes, lengthBytes } of rangesOf([open], 99))
          expect(covered.has(offsetBytes) && covered.has(offsetBytes + lengthBytes - 1)).toBe(true);
        expect(wholeBlock(open, block.length)).toEqual(covered.size === block.length ? block : undefined);
      }),
    );
  });

  it('of 64 KiB in pieces of 64 octets costs little', () => {
    const large = new Uint8Array(65_600).map((_, i) => i & 0xff);
    let open = { block: 0, fragments: [], stage: 'gathering' } as Parameters<typeof withFragment>[0];
    for (let at = 0; at < large.length; at += 64)
      open = withFragment(open, { offsetBytes: at, octets: large.slice(at, at + 64) });
    expect(Buffer.compare(wholeBlock(open, large.length)!, large)).toBe(0);
    expect(rangesOf([open], 32)).toEqual([{ block: 0, offsetBytes: 0, lengthBytes: large.length }]);
  });
});

describe('DATA', () => {
  it('is taken in any order and in any pieces, and the image is whole at the end', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), fc.integer({ min: 64, max: 400 }), (shuffle, bytes) => {
        const bench = receiving({ device: { windowBytes: 65_536 } });
        const pieces = whole.flatMap((block) =>
          Array.from({ length: Math.ceil(image.blocks[block]!.length / bytes) }, (_, i) =>
            dataOf(image, block, i * bytes, bytes),
          ),
        );
        const mixed = pieces.map((piece) => ({ piece, key: shuffle.next().value })).toSorted((a, b) => a.key - b.key);
        for (const { piece } of mixed) bench.say(piece);
        bench.settle();
        expect(bench.last(ping)).toMatchObject({ durableCount: 40, durableFrom: 40 });
        expect(bench.seal(image)).toMatchObject({ kind: 'sealed' });
      }),
      { numRuns: 15 },
    );
  });

  it('acknowledgement rounded to an alignment: what a SACK says is durable is exactly what flash holds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 39 }), { maxLength: 40 }), (blocks) => {
        const bench = receiving();
        bench.send(image, blocks);
        const sack = bench.last(ping) as Sack;
        const below = Array.from({ length: sack.durableFrom }, (_, block) => block);
        const said = new Set([...below, ...blocksOf(sack.durableFrom, sack.durable)]);
        expect([...said].toSorted((a, b) => a - b)).toEqual([...blocks].toSorted((a, b) => a - b));
        expect([...blocksOf(0, bench.meter.recovered().held!.map.bits)]).toEqual([...said].toSorted((a, b) => a - b));
      }),
      { numRuns: 40 },
    );
  });

  it('whose signature does not hold is forgotten, named, and welcome again', () => {
    const bench = receiving();
    const octets = image.blocks[4]!.with(10, image.blocks[4]![10]! ^ 1);
    expect(bench.ask({ kind: 'data', block: 4, offsetBytes: 0, octets })).toMatchObject([
      { kind: 'nack', cause: 'signature', block: 4, offsetBytes: 0, lengthBytes: 320 },
    ]);
    expect(bench.meter.counts['store']).toBeUndefined();
    expect(sackOf([bench.last(ping)!])?.ranges).toEqual([]);
    bench.send(image, [4]);
    expect(bench.last(ping)).toMatchObject({ durableCount: 1 });
  });

  it('of another block, image, count or length never passes for this one', () => {
    const twin = modelImage({ bytes: 256 * 40, seed: 5 });
    const bench = receiving();
    expect(bench.ask({ ...dataOf(image, 5), block: 6 })).toMatchObject([{ kind: 'nack', cause: 'signature' }]);
    expect(bench.ask(dataOf(twin, 7))).toMatchObject([{ kind: 'nack', cause: 'signature' }]);
    expect(bench.meter.counts['store']).toBeUndefined();
  });

  it('outside the image is told so, and counts as received', () => {
    const bench = receiving();
    expect(bench.ask({ kind: 'data', block: 40, offsetBytes: 0, octets: new Uint8Array(1) })).toMatchObject([
      { kind: 'nack', cause: 'outside', block: 40 },
    ]);
    expect(bench.ask({ kind: 'data', block: 0, offsetBytes: 320, octets: new Uint8Array(1) })).toMatchObject([
      { kind: 'nack', cause: 'outside', offsetBytes: 320 },
    ]);
    expect(bench.last(ping)).toMatchObject({ highest: 2, receivedBytes: 0 });
  });

  it('beyond the window is as if it had been lost', () => {
    const bench = receiving({ device: { windowBytes: 1_024 } });
    for (let block = 0; block < 6; block++) bench.say(dataOf(image, block, 0, 10));
    expect(bench.last(ping)).toMatchObject({ highest: 4, receivedBytes: 40 });
    expect(bench.meter.state.session?.open).toHaveLength(4);
  });

  it('with a whole header and a spoilt body is asked for again, in its session only', () => {
    const bench = receiving();
    const spoilt = (sessionTag: number): readonly MeterMessage[] => {
      bench.heard = [];
      bench.meter.give({
        kind: 'heard',
        received: { kind: 'spoilt-data', sessionTag, sequence: 7, block: 2, offsetBytes: 64, lengthBytes: 100 },
      });
      return bench.heard.map(({ message }) => message);
    };
    expect(spoilt(bench.sessionTag)).toEqual([
      { kind: 'nack', cause: 'spoilt', block: 2, offsetBytes: 64, lengthBytes: 100 },
    ]);
    expect(bench.heard[0]).toMatchObject({ sequence: 7 });
    expect(spoilt(bench.sessionTag + 1)).toEqual([]);
    expect(bench.last(ping)).toMatchObject({ highest: 0 });
  });

  it('that flash refuses ends the session with a refusal, and what was durable stays', () => {
    let broken = false;
    const bench = receiving({ fails: (kind) => broken && kind === 'store-block' });
    bench.send(image, [0, 1]);
    broken = true;
    expect(bench.send(image, [2])).toMatchObject([
      { kind: 'refuse', code: REFUSAL_CODES.storageFailed, requestType: 3 },
    ]);
    expect(bench.last(ping)).toMatchObject({ kind: 'state', durableCount: 2 });
    broken = false;
    expect(bench.offer(image, { offerNonce: 2 })).toMatchObject({ durableCount: 2 });
  });
});

describe('SACK', () => {
  it('comes when a gap shows, names what came, and not again while nothing new is missing', () => {
    const bench = receiving();
    bench.say(dataOf(image, 0, 0, 10));
    bench.dataSequence += 2; // two frames lost
    const [sack] = bench.say(dataOf(image, 0, 30, 10));
    expect(sack).toMatchObject({ kind: 'sack', highest: 4, heldMs: 0 });
    expect(bitsOf(sack as Sack)).toEqual([1]);
    expect((sack as Sack).ranges).toEqual([
      { block: 0, offsetBytes: 0, lengthBytes: 10 },
      { block: 0, offsetBytes: 30, lengthBytes: 10 },
    ]);
    expect(bench.say(dataOf(image, 0, 40, 10))).toEqual([]);
  });

  it('numbers the last 64 frames like a set of numbers does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 80 }), (sequences) => {
        const bench = receiving();
        for (const sequence of sequences) {
          bench.dataSequence = sequence - 1;
          bench.say(dataOf(image, 0, 0, 10));
        }
        const sack = bench.last(ping) as Sack;
        const highest = Math.max(...sequences);
        expect(sack.highest).toBe(highest);
        expect(bitsOf(sack)).toEqual(
          [...new Set(sequences)].filter((n) => n < highest && n >= highest - 64).toSorted((a, b) => a - b),
        );
        expect(sack.receivedBytes).toBe(sequences.length * 10);
      }),
      { numRuns: 40 },
    );
  });

  it('says credit that never goes down: the window, and what became durable in this session', () => {
    const bench = receiving({ device: { windowBytes: 1_024 } });
    expect(bench.last(ping)).toMatchObject({ creditBlocks: 4 });
    bench.send(image, [0, 1, 2]);
    expect(bench.last(ping)).toMatchObject({ creditBlocks: 7, durableCount: 3 });
    bench.offer(image, { offerNonce: 2 });
    expect(bench.last(ping)).toMatchObject({ creditBlocks: 4, durableCount: 3 });
  });

  it('gives credit for a block of the session before, which a host that does not know it opens again', () => {
    // What a slow flash says after the next session began.
    const recorded = { kind: 'blocks-recorded', blocks: [0, 1], ok: true } as const;
    let { state } = receiving({ device: { windowBytes: 1_024 } }).meter;
    for (let times = 0; times < 2; times++) {
      state = stepReceiver(state, recorded, 0).state;
      const heard = {
        kind: 'message',
        envelope: { sessionTag: state.session!.tag, sequence: 9, message: ping },
      } as const;
      const { effects } = stepReceiver(state, { kind: 'heard', received: heard }, 0);
      expect(effects).toMatchObject([{ envelope: { message: { creditBlocks: 6, durableCount: 2 } } }]);
    }
  });

  it('that a gap provokes is no answer to the PING that waits', () => {
    const bench = receiving({ workMs: { 'record-blocks': 300 } });
    bench.ask(dataOf(image, 0));
    expect(bench.say(ping)).toEqual([]);
    bench.dataSequence++;
    expect(bench.say(dataOf(image, 3, 0, 10))).toMatchObject([{ kind: 'sack', durableCount: 0 }]);
    expect(bench.heard).toMatchObject([{ sequence: 0 }]);
    bench.settle();
    expect(bench.heard.slice(1)).toMatchObject([{ sequence: 2, message: { kind: 'sack', durableCount: 1 } }]);
  });

  it('comes at most once for every two blocks on a clean line', () => {
    const bench = receiving({ device: { windowBytes: 65_536 } });
    const sacks = bench.send(image, whole).filter(({ kind }) => kind === 'sack');
    expect(sacks.length).toBeGreaterThan(0);
    expect(sacks.length).toBeLessThanOrEqual(20);
    expect(sackOf(sacks)).toMatchObject({ durableCount: 40 });
  });

  it('comes after so many frames and so much time whatever they did', () => {
    const bench = receiving();
    for (let i = 1; i < SACK_FRAMES_MAX; i++) expect(bench.say(dataOf(image, 0, 0, 10))).toEqual([]);
    expect(bench.say(dataOf(image, 0, 0, 10))).toMatchObject([{ kind: 'sack' }]);
    bench.world.nowMs += SACK_AGE_MS_MAX;
    expect(bench.say(dataOf(image, 0, 0, 10))).toMatchObject([{ kind: 'sack' }]);
  });

  it('says the time since the highest frame came, and 65,535 when it is longer or none came', () => {
    const bench = receiving();
    expect(bench.say(ping)).toMatchObject([{ highest: 0, heldMs: 65_535 }]);
    bench.say(dataOf(image, 0, 0, 10));
    bench.world.nowMs += 1_234;
    expect(bench.say(ping)).toMatchObject([{ heldMs: 1_234 }]);
    bench.world.nowMs += 100_000;
    expect(bench.say(ping)).toMatchObject([{ heldMs: 65_535 }]);
  });
});

describe('a session', () => {
  it('ends in silence, and keeps its blocks', () => {
    const bench = receiving();
    bench.send(image, [0, 1]);
    bench.settle(SESSION_SILENCE_MS_MAX - 2_000);
    expect(bench.last(ping)).toMatchObject({ kind: 'sack' });
    bench.settle(SESSION_SILENCE_MS_MAX + 1_000);
    expect(bench.last(ping)).toMatchObject({ kind: 'state', durableCount: 2, phase: 'receiving' });
  });

  it('ended by ABORT keeps its blocks', () => {
    const bench = receiving();
    bench.send(image, [0, 1]);
    expect(bench.last({ kind: 'abort', reason: 1 })).toMatchObject({ kind: 'state', durableCount: 2 });
    expect(bench.last(ping)).toMatchObject({ kind: 'state' });
  });

  it('answers MAP from any multiple of 8, and nothing past the end', () => {
    const bench = receiving();
    bench.send(image, [0, 8, 17, 39]);
    bench.ask(ping);
    const map = (firstBlock: number): MeterMessage | undefined => bench.last({ kind: 'get-map', firstBlock });
    expect(map(0)).toEqual({ kind: 'map', firstBlock: 0, count: 40, bitmap: Uint8Array.of(1, 1, 2, 0, 128) });
    expect(map(16)).toEqual({ kind: 'map', firstBlock: 16, count: 24, bitmap: Uint8Array.of(2, 0, 128) });
    expect(map(19)).toMatchObject({ firstBlock: 16 });
    expect(map(40)).toEqual({ kind: 'map', firstBlock: 40, count: 0, bitmap: new Uint8Array(0) });
    expect(map(65_528)).toMatchObject({ count: 0 });
  });
});

describe('a receiver', () => {
  it('never throws and holds little, whatever is said to it in whatever state', () => {
    const octets = fc.uint8Array({ maxLength: 500 });
    const u32 = fc.oneof(fc.nat({ max: 50 }), fc.integer({ min: 0, max: 0xffffffff }));
    const word = fc.oneof<fc.Arbitrary<HostMessage>[]>(
      fc.record({
        kind: fc.constant('data'),
        block: fc.nat({ max: 0xffff }),
        offsetBytes: u32,
        octets: octets.filter(({ length }) => length > 0),
      }),
      fc.record({
        kind: fc.constant('data'),
        block: fc.nat({ max: 39 }),
        offsetBytes: fc.nat({ max: 330 }),
        octets: octets.filter(({ length }) => length > 0),
      }),
      fc.nat({ max: 39 }).map((block) => dataOf(image, block)),
      fc.constantFrom<HostMessage>(
        ping,
        { kind: 'get-state' },
        { kind: 'abort', reason: 0 },
        { kind: 'get-map', firstBlock: 8 },
      ),
      fc.record({
        kind: fc.constant('offer'),
        replace: fc.boolean(),
        offerNonce: u32,
        manifest: octets,
        otaHeader: fc.constant(image.otaHeader),
        gbcsSignature: fc.constant(image.gbcsSignature),
      }),
      fc.record({
        kind: fc.constant('offer'),
        replace: fc.boolean(),
        offerNonce: u32,
        manifest: fc.constant(image.manifest.octets),
        otaHeader: fc.constant(image.otaHeader),
        gbcsSignature: fc.constant(image.gbcsSignature),
      }),
      fc.constant({ kind: 'seal', manifestDigest: image.manifestDigest, nonce: new Uint8Array(8) }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(word, fc.boolean(), u32, fc.nat({ max: 400 })), { maxLength: 80 }), (words) => {
        const bench = receiving();
        for (const [message, ours, tag, pauseMs] of words) {
          bench.say(message, ours ? (bench.meter.state.session?.tag ?? 0) : tag);
          bench.settle(pauseMs);
          const { session } = bench.meter.state;
          const open = session?.open ?? [];
          expect(open.length).toBeLessThanOrEqual(8);
          for (const { fragments } of open)
            expect(fragments.reduce((sum, fragment) => sum + fragment.octets.length, 0)).toBeLessThanOrEqual(320);
        }
      }),
      { numRuns: 150 },
    );
  });
});

function bitsOf(sack: Sack): number[] {
  return [...blocksOf(0, sack.bitmap)].map((bit) => sack.highest - 1 - bit).toSorted((a, b) => a - b);
}
