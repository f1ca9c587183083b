/** Goal: no message is one on which everything hangs. Method: one clean update; then once for each message in it, with that one message lost. */
import { describe, expect, it } from 'vitest';
import { authorisationFor, modelImage, planOf } from '../test-support/model-image.test-support.js';
import { Pair, type PairOptions } from '../test-support/pair.test-support.js';

const image = modelImage({ bytes: 256 * 24 + 100 });
const plan = planOf({ image, authorisation: authorisationFor(image) });
/** Longer than any timer that a lost message may have to wait for. */
const PATIENCE_MS = 5_000;

interface Word {
  readonly from: 'host' | 'meter';
  readonly kind: string;
}

function update(
  loses: (word: number) => boolean,
  given: Partial<PairOptions> = {},
): { readonly words: readonly Word[]; readonly pair: Pair } {
  const words: Word[] = [];
  const lost: Word[] = [];
  const passes = (from: Word['from'], kind: string): boolean => {
    const pass = !loses(words.length);
    words.push({ from, kind });
    if (!pass) lost.push({ from, kind });
    return pass;
  };
  const pair = new Pair({
    plan,
    hostSays: ({ message }) => passes('host', message.kind),
    meterSays: ({ message }) => passes('meter', message.kind),
    ...given,
    meter: { device: { windowBytes: 1_024 }, ...given.meter },
  });
  expect(pair.run(), `lost: ${JSON.stringify(lost)}`).toMatchObject({ kind: 'done', what: 'activated' });
  expect(pair.meter.flash.running.hash).toEqual(image.imageHash);
  expect(pair.meter.counts['activate']).toBe(1);
  return { words, pair };
}

describe.each([
  ['a plain line', {}],
  ['a slow line', { line: { octetsPerSecond: 2_400 } }],
  ['a line whose round trip is longer than any timer', { line: { latencyMs: 2_600 } }],
] as [string, Partial<PairOptions>][])('an update over %s', (_name, given) => {
  const clean = update(() => false, given);
  const kinds = new Set(clean.words.map(({ from, kind }) => `${from} ${kind}`));

  it('has every kind of message that can be lost in it', () => {
    for (const kind of ['hello', 'offer', 'data', 'ping', 'seal', 'activate']) expect(kinds).toContain(`host ${kind}`);
    for (const kind of ['meter-hello', 'accept', 'sack', 'busy', 'sealed', 'outcome', 'alert'])
      expect(kinds).toContain(`meter ${kind}`);
  });

  it('ends well, and soon, whichever one message is lost', () => {
    let slowest = 0;
    for (const losing of clean.words.keys()) {
      const { pair } = update((word) => word === losing, given);
      slowest = Math.max(slowest, pair.world.nowMs - clean.pair.world.nowMs);
    }
    const roundTripMs = 2 * (given.line?.latencyMs ?? 5);
    expect(slowest).toBeLessThan(PATIENCE_MS + 2 * roundTripMs);
  });

  it('ends well whichever two messages in a row are lost', () => {
    let ended = 0;
    for (const losing of clean.words.keys()) {
      update((word) => word === losing || word === losing + 1, given);
      ended++;
    }
    expect(ended).toBe(clean.words.length);
  });
});

describe('a resumed transfer', () => {
  it('ends well whichever one message is lost, MAP and NACK among them', () => {
    const resumed = (losing: number | undefined): { words: Word[]; pair: Pair } => {
      const words: Word[] = [];
      let counting = false;
      let spoilt = false;
      const passes = (from: Word['from'], kind: string): boolean => {
        if (!counting) return true;
        words.push({ from, kind });
        return words.length - 1 !== losing;
      };
      const pair = new Pair({
        plan: planOf({ image }),
        meter: { device: { windowBytes: 1_024 } },
        hostSays: ({ message }) => passes('host', message.kind),
        meterSays: ({ message }) => passes('meter', message.kind),
      });
      pair.world.run(360);
      counting = true;
      pair.crashHost(10);
      // One body is spoilt on its way, so that there is a NACK to lose.
      const carry = pair.up.carry.bind(pair.up);
      pair.up.carry = (octets) => {
        if (!spoilt && counting && octets.length > 200 && pair.host.phase.kind === 'sending') {
          spoilt = true;
          carry(octets.with(150, octets[150]! ^ 0x81));
        } else carry(octets);
      };
      expect(pair.run(), JSON.stringify(words[losing ?? -1])).toMatchObject({ kind: 'done', what: 'sealed' });
      return { words, pair };
    };
    const { words, pair } = resumed(undefined);
    const kinds = new Set(words.map(({ from, kind }) => `${from} ${kind}`));
    for (const kind of ['host get-map', 'meter map', 'meter nack']) expect(kinds).toContain(kind);
    for (const losing of words.keys()) {
      const lossy = resumed(losing);
      expect(lossy.pair.world.nowMs - pair.world.nowMs).toBeLessThan(PATIENCE_MS);
    }
  });
});
