/**
 * Goal: whoever is too large, too slow or too many is ended, and the server goes on for everybody else.
 * Method: raw sockets on loopback against a server with small limits.
 */
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ServerEvent } from './event-stream.js';
import { closing, codeOf, endAll, head, open, start, statusOf, talk } from './raw-client.test-support.js';

afterEach(endAll);

describe('size', () => {
  it('of headers is bounded', async () => {
    const { port, host, seen } = await start();
    const { text } = await talk(port, head(host, undefined, `X: ${'x'.repeat(9000)}`));
    expect([statusOf(text), codeOf(text)]).toEqual(['431', 'headers-too-large']);
    expect(statusOf((await talk(port, head(host, undefined, `X: ${'x'.repeat(7000)}`, closing))).text)).toBe('200');
    expect(seen.length).toBe(1);
  });

  it('of bodies is bounded, declared or not, before the handler', async () => {
    const { port, host, seen } = await start({ limits: { bodyBytesMax: 1000 } });
    const declared = (bytes: number | string) => head(host, 'POST / HTTP/1.1', `Content-Length: ${bytes}`, closing);
    expect(codeOf((await talk(port, declared(1001))).text)).toBe('body-too-large');
    expect(codeOf((await talk(port, declared('1073741824'))).text)).toBe('body-too-large');
    expect(statusOf((await talk(port, declared(1000), 'x'.repeat(1000))).text)).toBe('200');
    const chunked = head(host, 'POST / HTTP/1.1', 'Transfer-Encoding: chunked', closing);
    expect(codeOf((await talk(port, chunked, `3e9\r\n${'x'.repeat(1001)}\r\n`)).text)).toBe('body-too-large');
    expect(seen.length).toBe(1);
  });

  it('is asked for before the body is sent, by those who ask', async () => {
    const { port, host } = await start({ limits: { bodyBytesMax: 1000 } });
    const expecting = (bytes: number) =>
      head(host, 'POST / HTTP/1.1', `Content-Length: ${bytes}`, 'Expect: 100-continue', closing);
    expect((await talk(port, expecting(2000))).text).toMatch(/^HTTP\/1\.1 413/);
    expect((await talk(port, expecting(3), 'abc')).text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
  });

  it("of ambiguous or coded bodies is nobody's guess: they are refused", async () => {
    const { port, host, seen } = await start();
    const both = head(host, 'POST / HTTP/1.1', 'Content-Length: 3', 'Transfer-Encoding: chunked');
    expect(codeOf((await talk(port, both, '0\r\n\r\n')).text)).toBe('bad-request');
    const gzip = head(host, 'POST / HTTP/1.1', 'Content-Length: 3', 'Content-Encoding: gzip');
    expect(codeOf((await talk(port, gzip, 'abc')).text)).toBe('unsupported-encoding');
    expect(codeOf((await talk(port, 'HELO mail\r\n\r\n')).text)).toBe('bad-request');
    expect(seen).toEqual([]);
  });

  it('of the crowd from one address is bounded', async () => {
    const { port, host } = await start({ limits: { socketsPerAddressMax: 3 } });
    const held = [open(port), open(port), open(port)];
    await Promise.all(held.map((socket) => new Promise((resolve) => socket.on('connect', resolve))));
    expect((await talk(port, head(host, undefined, closing))).text).toBe('');
    held[0]!.destroy();
    await expect.poll(async () => statusOf((await talk(port, head(host, undefined, closing))).text)).toBe('200');
  });

  it('of that crowd is counted down to nobody', async () => {
    const { port, host } = await start({ limits: { socketsPerAddressMax: 1 } });
    const ask = async (): Promise<string> => statusOf((await talk(port, head(host, undefined, closing))).text);
    for (let i = 0; i < 3; i += 1) await expect.poll(ask).toBe('200');
  });
});

describe('time', () => {
  // Each deadline is the only one that could end the socket before the test itself is given up.
  const MS_MAX = 200;
  /** A timer is never early by more than its own rounding. */
  const notBefore = (endedMs: number): void => expect(endedMs).toBeGreaterThan(MS_MAX * 0.75);

  it('ends a silent socket, a header that never ends, and one that dribbles', async () => {
    const { port, host, seen } = await start({ limits: { incompleteMsMax: MS_MAX } });
    const silent = talk(port);
    const unfinished = talk(port, head(host).slice(0, -2));
    const dribble = new Promise<number>((resolve) => {
      const startedMs = performance.now();
      const socket = open(port);
      socket.write('GET / HTTP/1.1\r\nX');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => {
        clearInterval(timer);
        resolve(performance.now() - startedMs);
      });
      socket.resume();
    });
    notBefore((await silent).endedMs);
    const { text, endedMs } = await unfinished;
    notBefore(endedMs);
    expect(codeOf(text)).toBe('too-slow');
    notBefore(await dribble);
    expect(seen).toEqual([]);
  });

  it('ends a slow second header on an authenticated socket too', async () => {
    const { port, host, seen } = await start({ limits: { incompleteMsMax: 1_000 } });
    const { text } = await talk(port, head(host), 'GET /b HTTP/1.1\r\nHost:');
    expect([statusOf(text), codeOf(text)]).toEqual(['200', 'too-slow']);
    expect(seen.length).toBe(1);
  });

  it('ends a body that stops or comes too slowly', async () => {
    const { port, host, seen } = await start({ limits: { incompleteMsMax: MS_MAX, bodyBytesPerSecondMin: 5_000 } });
    const [stopped, slow] = await Promise.all([paced(port, post(host), 0, 1_000), paced(port, post(host), 20, 40)]);
    expect([stopped.code, slow.code]).toEqual(['too-slow', 'too-slow']);
    notBefore(stopped.ms);
    expect(seen).toEqual([]);
  });

  it('waits for a body that is merely long', async () => {
    const { port, host, seen } = await start({ limits: { incompleteMsMax: 1_000, bodyBytesPerSecondMin: 10 } });
    const { status, ms } = await paced(port, post(host), 100, 40);
    expect(status).toBe('200');
    expect(ms).toBeGreaterThan(1_000); // longer than the deadline, and yet not ended by it
    expect(seen.length).toBe(1);
  });

  it('ends an authenticated socket that idles', async () => {
    const { port, host } = await start({ limits: { idleMsMax: 1_000 } });
    const { text, endedMs } = await talk(port, head(host));
    expect(statusOf(text)).toBe('200');
    expect(endedMs).toBeGreaterThan(900);
  });

  const post = (host: string): string => head(host, 'POST / HTTP/1.1', 'Content-Length: 4000', closing);
  const paced = async (
    port: number,
    start: string,
    bytesEach: number,
    everyMs: number,
  ): Promise<{ code: string; status: string; ms: number }> => {
    const startedMs = performance.now();
    const socket = open(port);
    let text = '';
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    socket.write(start);
    const timer = setInterval(() => socket.write('x'.repeat(bytesEach)), everyMs);
    await new Promise((resolve) => socket.on('close', resolve));
    clearInterval(timer);
    return { code: codeOf(text), status: statusOf(text), ms: performance.now() - startedMs };
  };
});

describe('an event stream', () => {
  it('sends events as they come, keeps a quiet client, and tells the source when the client goes', async () => {
    const idleMsMax = 1_500;
    let ended = false;
    let aborted = false;
    const { port, host } = await start({
      limits: { idleMsMax },
      handler: (request) => ({
        status: 200,
        events: (async function* (): AsyncGenerator<ServerEvent> {
          request.signal.addEventListener('abort', () => (aborted = true));
          try {
            yield { id: '1', event: 'stage', data: { text: 'a\nb' } };
            await new Promise((resolve) => setTimeout(resolve, 2 * idleMsMax));
            yield { data: 2 };
            await new Promise((resolve) => request.signal.addEventListener('abort', resolve));
          } finally {
            ended = true;
          }
        })(),
      }),
    });
    const socket = open(port);
    let text = '';
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    socket.write(head(host));
    await expect.poll(() => text).toContain('data: 2\n\n');
    expect(text).toContain('Content-Type: text/event-stream');
    expect(text).toContain('id: 1\nevent: stage\ndata: {"text":"a\\nb"}\n\n');
    expect(ended).toBe(false);
    socket.destroy();
    await expect.poll(() => aborted && ended).toBe(true);
  });

  it('calls return on a source that heeds no signal', async () => {
    let asked = 0;
    let returned = 0;
    const source: AsyncIterator<ServerEvent> = {
      next: () => {
        asked += 1;
        return new Promise(() => {});
      },
      return: () => {
        returned += 1;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    const { port, host } = await start({
      handler: () => ({ status: 200, events: { [Symbol.asyncIterator]: () => source } }),
    });
    const socket = open(port);
    socket.write(head(host));
    await expect.poll(() => asked).toBe(1);
    socket.destroy();
    await expect.poll(() => returned).toBe(1);
  });

  it('ends when there is no more', async () => {
    const { port, host } = await start({
      handler: () => ({
        status: 200,
        events: (async function* () {
          for (let i = 0; i < 3; i += 1) yield { data: i };
        })(),
      }),
    });
    const { text } = await talk(port, head(host, undefined, closing));
    expect(text.match(/data: \d/g)).toEqual(['data: 0', 'data: 1', 'data: 2']);
  });

  it('cuts off a client that does not read, within its budget, and serves another one meanwhile', async () => {
    let sent = 0;
    let largest = 0;
    const { port, host, guard } = await start({
      limits: { sendBudgetBytes: 100_000, sendStallMsMax: 500 },
      handler: (request) =>
        request.path === '/ok'
          ? { status: 200, json: 1 }
          : {
              status: 200,
              events: (async function* () {
                for (;;) {
                  sent += 10_000;
                  yield { data: 'x'.repeat(10_000) };
                }
              })(),
            },
    });
    guard.server.on('connection', (socket: Socket) => {
      const timer = setInterval(() => (largest = Math.max(largest, socket.writableLength)), 5);
      socket.on('close', () => clearInterval(timer));
    });
    const deaf = open(port);
    deaf.pause();
    deaf.write(head(host));
    await expect.poll(() => sent).toBeGreaterThan(100_000);
    expect(statusOf((await talk(port, head(host, 'GET /ok HTTP/1.1', closing))).text)).toBe('200');
    const sockets = (): Promise<number> =>
      new Promise((resolve, reject) => {
        guard.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
      });
    await expect.poll(sockets).toBe(0);
    const before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sent).toBe(before);
    expect(largest).toBeLessThan(130_000);
  });
});

describe('close', () => {
  it('aborts what is under way and returns, whoever holds on', async () => {
    let aborted = false;
    const { port, host, guard, seen } = await start({
      handler: (request) =>
        new Promise(() => {
          request.signal.addEventListener('abort', () => (aborted = true));
        }),
    });
    const waiting = talk(port, head(host));
    const idle = talk(port);
    await expect.poll(() => seen.length).toBe(1);
    await guard.close();
    expect(aborted).toBe(true);
    await Promise.all([waiting, idle]);
    await guard.close(); // again is harmless
  });
});
