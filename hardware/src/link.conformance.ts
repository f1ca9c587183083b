/**
 * Goal: whatever carries the octets, a machine on top of a Link sees the same behaviour.
 * Method: the same suite on every adapter, models and real ones alike; an adapter states what it is, not what it does.
 */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { HELD_BYTES_MAX } from './limits.js';
import { LinkError, type Link, type LinkCloseReason } from './link.js';
import { seededFractions } from './seeded.js';

export interface LinkEnds {
  readonly a: Link;
  readonly b: Link;
  /** Breaks the path between them without either closing: a pulled plug, a killed socket. */
  unplug(): void | Promise<void>;
  /** Gives back what is neither link: servers, pseudo terminals. */
  cleanUp?(): Promise<void>;
}

export interface LinkTraits {
  readonly framing: 'stream' | 'message';
  /** False on a serial line, where nothing tells that the other end closed its port. */
  readonly peerSeesClose: boolean;
  readonly open: () => Promise<LinkEnds>;
}

const MEBIBYTE = 1024 * 1024;

export function describeLink(name: string, traits: LinkTraits): void {
  describe(`the Link contract on ${name}`, () => {
    const opened: LinkEnds[] = [];
    const open = async (): Promise<LinkEnds> => {
      const ends = await traits.open();
      opened.push(ends);
      return ends;
    };
    afterEach(async () => {
      for (const ends of opened.splice(0)) {
        await Promise.all([ends.a.close(), ends.b.close()]);
        await ends.cleanUp?.();
      }
    });

    it('says what it is', async () => {
      const { a, b } = await open();
      for (const link of [a, b]) {
        expect(link.capabilities.framing).toBe(traits.framing);
        expect(link.label).not.toBe('');
      }
    });

    it('passes every octet value, in order, both ways', async () => {
      const { a, b } = await open();
      const everyValue = Uint8Array.from({ length: 256 }, (_, value) => value);
      const [atA, atB] = [collect(a), collect(b)];
      for (const value of everyValue) a.send(Uint8Array.of(value));
      b.send(everyValue.toReversed());
      await Promise.all([atB.until(256), atA.until(256)]);
      expect(atB.octets()).toEqual(everyValue);
      expect(atA.octets()).toEqual(everyValue.toReversed());
    });

    it('passes 1 MiB intact in pieces of random sizes, in both directions at once', { timeout: 30_000 }, async () => {
      const { a, b } = await open();
      const [atA, atB] = [collect(a), collect(b)];
      const [fromA, fromB] = [randomPieces(1, MEBIBYTE, 20_000), randomPieces(2, MEBIBYTE, 20_000)];
      for (let i = 0; i < Math.max(fromA.length, fromB.length); i++) {
        if (i < fromA.length) a.send(fromA[i]!);
        if (i < fromB.length) b.send(fromB[i]!);
      }
      await Promise.all([atB.until(MEBIBYTE), atA.until(MEBIBYTE)]);
      expect(digest(atB.pieces)).toBe(digest(fromA));
      expect(digest(atA.pieces)).toBe(digest(fromB));
      await drained(a);
      await drained(b);
    });

    it('gives plain octets, not Buffers whose slice would share memory', async () => {
      const { a, b } = await open();
      const atB = collect(b);
      a.send(Buffer.from([1, 2, 3]));
      await atB.until(3);
      expect(Object.getPrototypeOf(atB.pieces[0])).toBe(Uint8Array.prototype);
    });

    it('does not mind when the caller reuses its buffer after send, not even while octets wait', async () => {
      for (const [from, to] of await bothWays(open)) {
        const received = collect(to);
        const scratch = new Uint8Array(1000).fill(7);
        let sentBytes = 0;
        do {
          from.send(scratch);
          sentBytes += scratch.length;
        } while (from.bufferedBytes === 0 && sentBytes < 16 * MEBIBYTE);
        from.send(scratch);
        scratch.fill(9);
        await received.until(sentBytes + scratch.length);
        expect(received.octets().includes(9)).toBe(false);
      }
    });

    it('holds octets that came before anyone listened, and gives them first', async () => {
      const { a, b } = await open();
      const echoed = collect(a);
      const early = Uint8Array.from({ length: 100 }, (_, i) => i);
      a.send(early);
      b.send(Uint8Array.of(1)); // its arrival shows that a turn or more has gone by
      await echoed.until(1);
      const atB = collect(b);
      a.send(Uint8Array.of(100));
      await atB.until(101);
      expect(atB.octets()).toEqual(Uint8Array.from({ length: 101 }, (_, i) => i));
    });

    it('fails with too-large rather than hold without end', async () => {
      const { a, b } = await open();
      collect(a);
      const closed = closing(b);
      for (let sent = 0; sent <= HELD_BYTES_MAX; sent += 16_384) a.send(new Uint8Array(16_384));
      const reason = await closed.first;
      expect(reason).toMatchObject({ kind: 'failed', error: { code: 'too-large' } });
      expect(reason.kind === 'failed' && reason.error).toBeInstanceOf(LinkError);
    });

    it('counts what waits, and comes back to 0', async () => {
      const { a, b } = await open();
      const atB = collect(b);
      expect(a.bufferedBytes).toBe(0);
      let sentBytes = 0;
      // A system with large buffers of its own takes much at once; sooner or later something must wait here.
      while (a.bufferedBytes === 0 && sentBytes < 32 * MEBIBYTE) {
        a.send(new Uint8Array(20_000));
        sentBytes += 20_000;
      }
      const waiting = a.bufferedBytes;
      await atB.until(sentBytes);
      await drained(a);
      expect(waiting).toBeGreaterThan(0);
      expect(a.bufferedBytes).toBe(0);
    });

    if (traits.framing === 'message') {
      it('keeps message boundaries, of empty messages too', async () => {
        const { a, b } = await open();
        const atB = collect(b);
        const messages = [0, 1, 2, 0, 500, 65_000, 3].map((length) => new Uint8Array(length).fill(length & 0xff));
        for (const message of messages) a.send(message);
        await atB.until(messages.reduce((sum, message) => sum + message.length, 0));
        expect(atB.pieces.map((piece) => piece.length)).toEqual(messages.map((message) => message.length));
      });

      it('refuses a message it cannot carry, and carries the longest it names', async () => {
        const { a, b } = await open();
        const atB = collect(b);
        const longest = a.capabilities.messageBytesMax!;
        expect(() => a.send(new Uint8Array(longest + 1))).toThrow(expect.objectContaining({ code: 'too-large' }));
        a.send(new Uint8Array(longest));
        await atB.until(longest);
        expect(atB.pieces).toHaveLength(1);
      });
    }

    it('delivers what was sent before a close', async () => {
      const { a, b } = await open();
      const atB = collect(b);
      for (let i = 0; i < 10; i++) a.send(new Uint8Array(1000));
      await a.close();
      await atB.until(10_000);
      expect(atB.octets()).toHaveLength(10_000);
    });

    it('tells the closer of its own close exactly once, however often it closes', async () => {
      const { a } = await open();
      const closed = closing(a);
      await Promise.all([a.close(), a.close()]);
      await a.close();
      expect(closed.reasons).toEqual([{ kind: 'local' }]);
    });

    it('tells a close also to whoever asks after it, once', async () => {
      const { a } = await open();
      await a.close();
      const closed = closing(a);
      expect(await closed.first).toEqual({ kind: 'local' });
      await turn();
      const again = closing(a);
      await turn();
      expect([closed.reasons, again.reasons]).toEqual([[{ kind: 'local' }], []]);
    });

    it('drops what is sent after a close, without a word', async () => {
      const { a, b } = await open();
      const atB = collect(b);
      a.send(Uint8Array.of(1));
      const done = a.close();
      a.send(Uint8Array.of(2)); // closing
      await done;
      a.send(Uint8Array.of(3)); // closed
      await atB.until(1);
      await turn();
      expect(atB.octets()).toEqual(Uint8Array.of(1));
      expect(a.bufferedBytes).toBe(0);
    });

    if (traits.peerSeesClose) {
      it('tells both ends of one close: local here, remote there, each once', async () => {
        const { a, b } = await open();
        const [atA, atB] = [closing(a), closing(b)];
        await a.close();
        expect(await atB.first).toMatchObject({ kind: 'remote' });
        await Promise.all([a.close(), b.close()]);
        await turn();
        expect(atA.reasons).toEqual([{ kind: 'local' }]);
        expect(atB.reasons).toHaveLength(1);
      });

      it('gives held octets before it tells of the close', async () => {
        const { a, b } = await open();
        a.send(Uint8Array.of(1, 2, 3));
        await a.close();
        await turn();
        const seen: string[] = [];
        await new Promise<void>((resolve) => {
          b.onClose((reason) => {
            seen.push(reason.kind);
            resolve();
          });
          b.onReceive((octets) => void seen.push(String(octets)));
        });
        expect(seen).toEqual(['1,2,3', 'remote']);
      });
    } else {
      it('leaves the other end untouched by a close, as a wire does', async () => {
        const { a, b } = await open();
        const [atA, atB] = [closing(a), closing(b)];
        await a.close();
        await turn();
        expect(atB.reasons).toEqual([]);
        await b.close();
        expect([atA.reasons, atB.reasons]).toEqual([[{ kind: 'local' }], [{ kind: 'local' }]]);
      });
    }

    it('sees a pulled plug as an ordinary remote close, at both ends, once', async () => {
      const { a, b, unplug } = await open();
      const [atA, atB] = [closing(a), closing(b)];
      await unplug();
      expect(await atA.first).toMatchObject({ kind: 'remote', detail: expect.stringMatching(/./) });
      expect(await atB.first).toMatchObject({ kind: 'remote', detail: expect.stringMatching(/./) });
      await Promise.all([a.close(), b.close()]);
      a.send(Uint8Array.of(1));
      await turn();
      expect([atA.reasons.length, atB.reasons.length]).toEqual([1, 1]);
      expect([a.bufferedBytes, b.bufferedBytes]).toEqual([0, 0]);
    });

    it('sees a pulled plug in the middle of a transfer, too', async () => {
      const { a, b, unplug } = await open();
      const [atA, atB] = [closing(a), closing(b)];
      const seen = collect(b);
      const pump = (): void => {
        if (atA.reasons.length > 0) return;
        if (a.bufferedBytes < 60_000) a.send(new Uint8Array(10_000));
        setImmediate(pump);
      };
      pump();
      await seen.until(300_000);
      await unplug();
      const kinds = await Promise.all([atA.first, atB.first]);
      expect(kinds.map((reason) => reason.kind)).toEqual(['remote', 'remote']);
    });
  });
}

/** An accepting end may treat octets differently from a dialling one: from and to, each way round. */
async function bothWays(open: () => Promise<LinkEnds>): Promise<readonly (readonly [Link, Link])[]> {
  const { a, b } = await open();
  return [
    [a, b],
    [b, a],
  ];
}

interface Collected {
  readonly pieces: Uint8Array[];
  octets(): Uint8Array;
  /** Resolves once so many octets have come. */
  until(count: number): Promise<void>;
}

function collect(link: Link): Collected {
  const pieces: Uint8Array[] = [];
  let count = 0;
  let check = (): void => {};
  link.onReceive((octets) => {
    pieces.push(octets);
    count += octets.length;
    check();
  });
  return {
    pieces,
    octets: () => new Uint8Array(Buffer.concat(pieces)),
    until: async (wanted) => {
      await new Promise<void>((resolve) => {
        check = () => {
          if (count >= wanted) resolve();
        };
        check();
      });
    },
  };
}

function closing(link: Link): { readonly reasons: LinkCloseReason[]; readonly first: Promise<LinkCloseReason> } {
  const reasons: LinkCloseReason[] = [];
  const first = new Promise<LinkCloseReason>((resolve) => {
    link.onClose((reason) => {
      reasons.push(reason);
      resolve(reason);
    });
  });
  return { reasons, first };
}

/** `bufferedBytes` falls a little after the octets were seen: the system confirms in a turn of its own. */
async function drained(link: Link): Promise<void> {
  while (link.bufferedBytes > 0) await turn();
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

function randomPieces(seed: number, totalBytes: number, pieceBytesMax: number): readonly Uint8Array[] {
  const fraction = seededFractions(seed);
  const all = Uint8Array.from({ length: totalBytes }, () => Math.floor(fraction() * 256));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < totalBytes;) {
    const length = 1 + Math.floor(fraction() * pieceBytesMax);
    pieces.push(all.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function digest(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
