/**
 * Goal: the table of SPEC.md §10.3 is what the machine does.
 * Method: bring a meter into each state, say each message, print what came back, and hold the print against the table in SPEC.md.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../frame/frame.js';
import { decodeHostMessage } from '../message/envelope.js';
import type { HostMessage } from '../message/host-messages.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { refusalOf } from '../refusal.js';
import { BenchReceiver, dataOf, offerOf } from '../test-support/bench-receiver.test-support.js';
import { authorisationFor, modelImage } from '../test-support/model-image.test-support.js';

const image = modelImage();
const other = modelImage({ seed: 2, securityCounter: 8 });
const authorisation = authorisationFor(image);
const nonce = new Uint8Array(8).fill(9);
const whole = image.blocks.map((_, block) => block);
const images = [image, other];

const STATES: Readonly<Record<string, () => BenchReceiver>> = {
  idle: () => new BenchReceiver({ images }),
  checking: () => {
    const bench = new BenchReceiver({ images });
    bench.say(offerOf(image));
    return bench;
  },
  receiving: () => {
    const bench = new BenchReceiver({ images });
    bench.offer(image);
    return bench;
  },
  sealing: () => {
    const bench = new BenchReceiver({ images });
    bench.offer(image);
    bench.send(image, whole);
    bench.say({ kind: 'seal', manifestDigest: image.manifestDigest, nonce });
    return bench;
  },
  sealed: () => {
    const bench = new BenchReceiver({ images });
    bench.stage(image);
    return bench;
  },
  activating: () => {
    const bench = STATES['sealed']!();
    bench.say({ kind: 'activate', authorisation, nonce });
    bench.settle(10);
    return bench;
  },
  trial: () => {
    const bench = STATES['activating']!();
    bench.settle(400);
    return bench;
  },
};

const MESSAGES: Readonly<Record<string, HostMessage>> = {
  HELLO: { kind: 'hello', minor: 0, frameBytesMax: 8_192, nonce },
  OFFER: offerOf(other, { offerNonce: 77 }),
  DATA: dataOf(image, 0),
  MAP: { kind: 'get-map', firstBlock: 0 },
  SEAL: { kind: 'seal', manifestDigest: image.manifestDigest, nonce },
  ACTIVATE: { kind: 'activate', authorisation, nonce },
  READ_VERSION: { kind: 'read-version', nonce },
  STATE: { kind: 'get-state' },
  ABORT: { kind: 'abort', reason: 1 },
  PING: { kind: 'ping' },
};

const CAUSES = ['', 'erasing', 'checking', 'activating', 'trial', 'writing'];

function print(words: readonly MeterMessage[]): string {
  const names = words.map((word) => {
    switch (word.kind) {
      case 'meter-hello':
        return 'HELLO';
      case 'busy':
        return `BUSY ${CAUSES.indexOf(word.cause)}`;
      case 'refuse':
        return `REFUSE ${refusalOf(word.code)}`;
      case 'accept':
        return `ACCEPT ${word.status}`;
      default:
        return word.kind.toUpperCase();
    }
  });
  return names.length === 0 ? 'dropped' : names.join(', ');
}

/** What comes back at once; in a state that waits for something, nothing else happens meanwhile. */
function cell(state: string, name: string): string {
  const bench = STATES[state]!();
  const { phase } = stateOf(bench);
  const waits = ['checking', 'sealing', 'activating', 'trial'].includes(state);
  const message = MESSAGES[name]!;
  const words = waits
    ? [...bench.say(message), ...bench.settle(4)].filter((word, i, all) => all.indexOf(word) === i)
    : bench.ask(message);
  // Answers to what the state itself was waiting for are not answers to this message.
  const own = words.filter((word) => !(state === 'checking' && word.kind === 'accept'));
  expect(phase, `${state} is what it is called`).toBeDefined();
  return print(own);
}

function stateOf(bench: BenchReceiver): { phase: string } {
  const before = bench.heard;
  const [word] = bench.say({ kind: 'get-state' });
  bench.heard = before;
  return word?.kind === 'state' ? word : { phase: 'unknown' };
}

/** The rows of SPEC.md §10.3: message, then one cell a state. */
function table(): Map<string, Map<string, string>> {
  const spec = readFileSync(new URL('../../docs/SPEC.md', import.meta.url), 'utf8');
  const section = spec.slice(spec.indexOf('### 10.3'), spec.indexOf('### 10.4'));
  const rows = section
    .split('\n')
    .filter((line) => /^\| [^-]/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((text) => text.trim()),
    );
  const [head, ...body] = rows;
  return new Map(body.map(([name, ...cells]) => [name!, new Map(cells.map((text, i) => [head![i + 1]!, text]))]));
}

// What the machine does, printed. Cells of the table that say more than one word, or name a section, are spelled out by these.
const PRINTED: Readonly<Record<string, readonly string[]>> = {
  HELLO: ['HELLO', 'HELLO', 'HELLO', 'HELLO', 'HELLO', 'HELLO', 'HELLO'],
  OFFER: [
    'ACCEPT send',
    'REFUSE busyWithOther',
    'REFUSE otherImageHeld',
    'BUSY 2',
    'REFUSE otherImageHeld',
    'REFUSE trialRunning',
    'REFUSE trialRunning',
  ],
  DATA: ['REFUSE noSession', 'dropped', 'dropped', 'dropped', 'REFUSE noSession', 'dropped', 'REFUSE noSession'],
  MAP: [
    'REFUSE noSession',
    'REFUSE noSession',
    'MAP',
    'REFUSE noSession',
    'REFUSE noSession',
    'REFUSE noSession',
    'REFUSE noSession',
  ],
  SEAL: ['SEALED', 'BUSY 2', 'REFUSE incomplete', 'BUSY 2', 'SEALED', 'BUSY 3', 'BUSY 4'],
  ACTIVATE: ['OUTCOME', 'BUSY 2', 'OUTCOME', 'BUSY 2', 'BUSY 3', 'BUSY 3', 'BUSY 4'],
  READ_VERSION: ['OUTCOME', 'OUTCOME', 'OUTCOME', 'OUTCOME', 'OUTCOME', 'OUTCOME', 'OUTCOME'],
  STATE: ['STATE', 'STATE', 'STATE', 'STATE', 'STATE', 'STATE', 'STATE'],
  ABORT: ['STATE', 'STATE', 'STATE', 'STATE', 'STATE', 'STATE', 'STATE'],
  PING: ['STATE', 'BUSY 2', 'SACK', 'BUSY 2', 'STATE', 'BUSY 3', 'STATE'],
};

describe('every message in every state', () => {
  const spec = table();
  const states = Object.keys(STATES);

  it('is in the table of the specification, no more and no fewer', () => {
    expect([...spec.keys()]).toEqual([...Object.keys(MESSAGES), 'unknown type']);
    expect([...spec.get('HELLO')!.keys()]).toEqual(states);
  });

  describe.each(Object.keys(MESSAGES))('%s', (name) => {
    it.each(states)('in state %s is answered as printed, and as the specification says', (state) => {
      const printed = cell(state, name);
      expect(printed).toBe(PRINTED[name]![states.indexOf(state)]);
      const text = spec.get(name)!.get(state)!;
      if (!text.includes('§')) expect(text).toContain(printed);
    });
  });

  it.each(states)(
    "of an unknown type is refused in state %s, and a meter's own word coming back is ignored",
    (state) => {
      const hear = (type: number): string => {
        const bench = STATES[state]!();
        bench.heard = [];
        const frame = encodeFrame({
          type,
          sessionTag: 0,
          sequence: 5,
          block: 0,
          offsetBytes: 0,
          payload: new Uint8Array(0),
        });
        bench.meter.give({ kind: 'heard', received: decodeHostMessage(frame) });
        return print(bench.heard.map(({ message }) => message));
      };
      expect(hear(0x3f)).toBe('REFUSE unknownMessage');
      expect(hear(0x44)).toBe('dropped');
    },
  );

  it('OFFER of the same image says BUSY while it is checked and while the slot is prepared, and the same ACCEPT in its session', () => {
    const bench = STATES['checking']!();
    expect(print(bench.say(offerOf(image)))).toBe('BUSY 2');
    bench.settle(50);
    expect(print(bench.say(offerOf(image)))).toBe('BUSY 1');
    expect(print(bench.say({ kind: 'ping' }))).toBe('BUSY 1');
    bench.settle();
    const receiving = STATES['receiving']!();
    const tag = receiving.sessionTag;
    receiving.send(image, [0, 1, 2]);
    expect(receiving.offer(image)).toMatchObject({ kind: 'accept', status: 'send', durableCount: 2 });
    expect(receiving.sessionTag).toBe(tag);
  });

  it('with the tag of no session running is told so', () => {
    const bench = STATES['receiving']!();
    const strange = bench.sessionTag + 1;
    expect(print(bench.ask({ kind: 'ping' }, strange))).toBe('STATE');
    expect(print(bench.ask({ kind: 'abort', reason: 0 }, strange))).toBe('STATE');
    expect(print(bench.ask({ kind: 'get-map', firstBlock: 0 }, strange))).toBe('REFUSE noSession');
    expect(bench.ask(dataOf(image, 0), strange)).toMatchObject([{ kind: 'refuse' }]);
    expect(bench.heard[0]?.sessionTag).toBe(strange);
    expect(print(bench.ask({ kind: 'ping' }))).toBe('SACK');
  });

  it('of a babbling line is refused at most once in 100 ms', () => {
    const bench = STATES['idle']!();
    const counts = Array.from({ length: 1_000 }, () => {
      bench.world.nowMs += 1;
      return bench.say(dataOf(image, 0), 99).length;
    });
    expect(counts.reduce((a, b) => a + b)).toBe(10);
  });
});
