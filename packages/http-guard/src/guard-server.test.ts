/**
 * Goal: nothing but an exact, authenticated, complete and timely request reaches a handler, and nothing ends the server.
 * Method: raw sockets on loopback against a server with small limits.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { GuardError } from './error.js';
import { guardServer } from './guard-server.js';
import type { GuardOptions, GuardedRequest, GuardedServer } from './guard-server.js';
import { DEFAULT_LIMITS } from './limits.js';
import { errorResponse } from './response.js';
import type { ServerEvent } from './event-stream.js';

const TOKEN = 'canary-token-0123456789';
const FAST = { incompleteMsMax: 200, idleMsMax: 400, sendStallMsMax: 200, closeGraceMs: 50 };

interface Running {
  readonly guard: GuardedServer;
  readonly port: number;
  readonly host: string;
  readonly seen: GuardedRequest[];
  readonly reported: unknown[];
}
const running: GuardedServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((guard) => guard.close()));
});

async function start(options: Partial<GuardOptions> = {}): Promise<Running> {
  const seen: GuardedRequest[] = [];
  const reported: unknown[] = [];
  const { handler, limits, ...rest } = options;
  const guard = guardServer({
    token: TOKEN,
    allowedOrigins: (port) => [`http://127.0.0.1:${port}`],
    handler: (request) => {
      seen.push(request);
      return handler === undefined ? { status: 200, json: { hello: request.path } } : handler(request);
    },
    report: (error) => reported.push(error),
    limits: { ...FAST, ...limits },
    ...rest,
  });
  running.push(guard);
  const { port } = await guard.listen(0);
  return { guard, port, host: `127.0.0.1:${port}`, seen, reported };
}

/** Connects, writes, and gives what came back when the other end has closed. */
function talk(
  port: number,
  ...pieces: readonly string[]
): Promise<{ readonly text: string; readonly endedMs: number }> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const socket = open(port);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => (text += piece));
    socket.on('close', () => resolve({ text, endedMs: performance.now() - startedMs }));
    for (const piece of pieces) socket.write(piece);
  });
}
function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // a reset is an ending like any other here
  sockets.push(socket);
  return socket;
}
const head = (host: string, start = 'GET /a HTTP/1.1', ...more: readonly string[]): string =>
  [start, `Host: ${host}`, `Authorization: Bearer ${TOKEN}`, ...more, '', ''].join('\r\n');
const closing = 'Connection: close';
const statusOf = (text: string): string => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'none';
const codeOf = (text: string): string => /"code":"([a-z-]+)"/.exec(text)?.[1] ?? 'none';

describe('the defaults', () => {
  it('are the specified numbers', () => {
    expect(DEFAULT_LIMITS).toMatchObject({
      headerBytesMax: 8192,
      bodyBytesMax: 2_097_152,
      incompleteMsMax: 5000,
      bodyBytesPerSecondMin: 16_000,
      idleMsMax: 60_000,
    });
  });

  it('listen on loopback, and elsewhere only with names given', async () => {
    const { guard } = await start();
    expect(guard.server.address()).toMatchObject({ address: '127.0.0.1' });
    const open = guardServer({ token: TOKEN, handler: () => errorResponse(404, 'none', 'none') });
    await expect(open.listen(0, '0.0.0.0')).rejects.toMatchObject({ code: 'misuse' });
    const { port } = await start();
    await expect(open.listen(port)).rejects.toMatchObject({ code: 'listen-failed' });
    expect(() => guardServer({ token: 'short', handler: () => errorResponse(404, 'none', 'none') })).toThrow(
      GuardError,
    );
  });
});

describe('who may ask', () => {
  const hosts = (port: number): readonly [string, boolean][] => [
    [`127.0.0.1:${port}`, true],
    [`localhost:${port}`, true],
    ['127.0.0.1', false],
    [`127.0.0.1:${port + 1}`, false],
    [`127.0.0.1.:${port}`, false],
    [`LOCALHOST:${port}`, false],
    [`evil.example:${port}`, false],
    [`127.0.0.1:${port}.evil.example`, false],
    ['', false],
  ];
  const origins = (port: number): readonly [string | undefined, boolean][] => [
    [undefined, true],
    [`http://127.0.0.1:${port}`, true],
    ['null', false],
    ['', false],
    [`https://127.0.0.1:${port}`, false],
    [`http://127.0.0.1:${port}/`, false],
    [`http://127.0.0.1:${port + 1}`, false],
    ['http://127.0.0.1', false],
    [`HTTP://127.0.0.1:${port}`, false],
    [`http://127.0.0.1.:${port}`, false],
    [`http://127.0.0.1:${port}.evil.example`, false],
    [`http://evil.example#http://127.0.0.1:${port}`, false],
    [`http://xn--127-0.0.1:${port}`, false],
  ];
  const tokens: readonly [string | undefined, boolean][] = [
    [`Bearer ${TOKEN}`, true],
    [`bearer ${TOKEN}`, true],
    [undefined, false],
    ['Bearer', false],
    [`Bearer ${TOKEN}x`, false],
    [`Bearer ${TOKEN.slice(0, -1)}`, false],
    [`Bearer ${TOKEN.toUpperCase()}`, false],
    [`Basic ${TOKEN}`, false],
    [TOKEN, false],
    [`Bearer ${TOKEN} ${TOKEN}`, false],
  ];

  it('is decided by exact Host, exact Origin and token, for requests and for upgrades', async () => {
    const upgraded: unknown[] = [];
    const { port, seen } = await start({
      onUpgrade: (request, socket) => {
        upgraded.push(request);
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      },
      limits: { socketsPerAddressMax: 5000, socketsMax: 5000 },
    });
    let passed = 0;
    const asks = hosts(port).flatMap(([host, hostOk]) =>
      origins(port).flatMap(([origin, originOk]) =>
        tokens.map(([token, tokenOk]) => ({ host, origin, token, hostOk, originOk, tokenOk })),
      ),
    );
    for (const { host, origin, token, hostOk, originOk, tokenOk } of asks) {
      const lines = [`Host: ${host}`];
      if (origin !== undefined) lines.push(`Origin: ${origin}`);
      if (token !== undefined) lines.push(`Authorization: ${token}`);
      const good = hostOk && originOk && tokenOk;
      const code = !hostOk ? 'wrong-host' : !originOk ? 'wrong-origin' : undefined;
      const plain = await talk(port, ['GET /a HTTP/1.1', ...lines, closing, '', ''].join('\r\n'));
      const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];
      const socket = await talk(port, ['GET /a HTTP/1.1', ...lines, ...upgrade, '', ''].join('\r\n'));
      expect([lines, statusOf(plain.text), statusOf(socket.text)]).toEqual(
        good ? [lines, '200', '101'] : [lines, code === undefined ? '401' : '403', code === undefined ? '401' : '403'],
      );
      if (code !== undefined) expect([codeOf(plain.text), codeOf(socket.text)]).toEqual([code, code]);
      expect(plain.text + socket.text).not.toContain(TOKEN);
      passed += good ? 1 : 0;
    }
    expect([passed, seen.length, upgraded.length]).toEqual([8, 8, 8]);
  }, 60_000);

  it('is not decided by the first or the last of two equal headers, nor by the URL', async () => {
    const { port, host, seen } = await start();
    const twice = async (line: string): Promise<string> =>
      codeOf((await talk(port, head(host, undefined, line, closing))).text);
    expect(await twice(`Host: ${host}`)).toBe('wrong-host');
    expect(await twice(`Authorization: Bearer ${TOKEN}`)).toBe('no-token');
    const inUrl = await talk(port, `GET /?token=${TOKEN}&access_token=${TOKEN} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(codeOf(inUrl.text)).toBe('no-token');
    const noHost = await talk(port, `GET / HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    expect(codeOf(noHost.text)).toBe('wrong-host');
    expect(seen).toEqual([]);
  });

  it('is told no only once a connection: a refusal ends it', async () => {
    const { port, host, seen } = await start({ limits: { incompleteMsMax: 30_000, idleMsMax: 30_000 } });
    const { text, endedMs } = await talk(port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, head(host));
    expect(text.match(/HTTP\/1\.1/g)?.length).toBe(1);
    expect(endedMs).toBeLessThan(5000);
    expect(seen).toEqual([]);
    await talk(
      port,
      head(host, 'GET /first HTTP/1.1'),
      head('evil', 'GET /second HTTP/1.1'),
      head(host, 'GET /third HTTP/1.1'),
    );
    expect(seen.map((request) => request.path)).toEqual(['/first']);
  });

  it('has no WebSocket where none is served, and none but by GET', async () => {
    const { port, host } = await start();
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];
    expect(codeOf((await talk(port, head(host, undefined, ...upgrade))).text)).toBe('no-upgrade');
    expect(codeOf((await talk(port, head(host, 'POST / HTTP/1.1', ...upgrade))).text)).toBe('not-an-upgrade');
    expect(codeOf((await talk(port, head(host, undefined, 'Connection: Upgrade', 'Upgrade: h2c'))).text)).toBe(
      'not-an-upgrade',
    );
  });
});

describe('what a handler gets and gives', () => {
  it('is method, path, decoded segments, query and body', async () => {
    const { port, host, seen } = await start();
    const body = '{"n":[1,{"x":"é"}]}';
    const json = [
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      closing,
    ];
    const answer = await talk(port, head(host, 'POST /img/a%20b?after=7&x= HTTP/1.1', ...json), body);
    expect(statusOf(answer.text)).toBe('200');
    expect(answer.text).toContain('{"hello":"/img/a%20b"}');
    expect(seen[0]).toMatchObject({ method: 'POST', path: '/img/a%20b', segments: ['img', 'a b'] });
    expect([...seen[0]!.query]).toEqual([
      ['after', '7'],
      ['x', ''],
    ]);
    expect(JSON.stringify(seen[0]!.body)).toBe('{"kind":"json","value":{"n":[1,{"x":"é"}]}}');
    await talk(port, head(host, 'PUT / HTTP/1.1', 'Content-Length: 3', closing), 'abc');
    expect(seen[1]!.body).toEqual({ kind: 'octets', octets: new Uint8Array([97, 98, 99]) });
    await talk(port, head(host, undefined, closing));
    expect(seen[2]!.body).toEqual({ kind: 'none' });
  });

  it('is octets too, and several answers on one connection', async () => {
    const { port, host } = await start({ handler: () => ({ status: 201, octets: Uint8Array.of(72, 105) }) });
    const { text } = await talk(port, head(host), head(host), head(host, undefined, closing));
    expect(text.match(/HTTP\/1\.1 201/g)?.length).toBe(3);
    expect(text.endsWith('\r\n\r\nHi')).toBe(true);
  });

  it.each(['throws', 'rejects', 'returns what JSON has not'])(
    'is a defect when it %s, and the server lives',
    async (kind) => {
      const { port, host, reported } = await start({
        handler: (request) => {
          if (request.path === '/ok') return { status: 200, json: 1 };
          if (kind === 'throws') throw new Error('secret detail');
          if (kind === 'rejects') return Promise.reject(new Error('secret detail'));
          return { status: 200, json: undefined };
        },
      });
      const { text } = await talk(port, head(host));
      expect([statusOf(text), codeOf(text)]).toEqual(['500', 'defect']);
      expect(text).not.toContain('secret');
      expect(reported.length).toBe(1);
      expect(statusOf((await talk(port, head(host, 'GET /ok HTTP/1.1', closing))).text)).toBe('200');
    },
  );

  it.each([
    'GET /a/../b HTTP/1.1',
    'GET /a/%2e%2E/b HTTP/1.1',
    'GET //a HTTP/1.1',
    'GET /a%2fb HTTP/1.1',
    'GET /a%5cb HTTP/1.1',
    'GET /a%00 HTTP/1.1',
    'GET /a%zz HTTP/1.1',
    'GET /a%ff HTTP/1.1',
    'GET http://evil.example/a HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    'GET /?a=1&a=2 HTTP/1.1',
  ])('never is the target of "%s"', async (line) => {
    const { port, host, seen } = await start();
    expect(codeOf((await talk(port, head(host, line))).text)).toBe('bad-target');
    expect(seen).toEqual([]);
  });

  it.each([
    ['not JSON', '{"a":1,}', 'bad-json'],
    ['a key twice', '{"a":1,"a":1}', 'bad-json'],
    ['not UTF-8', '"\xff"', 'bad-json'],
  ])('never is a body that is %s', async (_, body, code) => {
    const { port, host, seen } = await start();
    const octets = Buffer.from(body, 'latin1');
    const socket = head(host, 'POST / HTTP/1.1', 'Content-Type: application/json', `Content-Length: ${octets.length}`);
    const answer = await new Promise<string>((resolve) => {
      const raw = open(port);
      let text = '';
      raw.on('data', (piece) => (text += piece.toString('latin1')));
      raw.on('close', () => resolve(text));
      raw.write(Buffer.concat([Buffer.from(socket), octets]));
    });
    expect(codeOf(answer)).toBe(code);
    expect(seen).toEqual([]);
  });
});

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
    const { port, host } = await start({ limits: { socketsPerAddressMax: 3, incompleteMsMax: 2000 } });
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
  const inTime = (endedMs: number): void => {
    expect(endedMs).toBeGreaterThan(150);
    expect(endedMs).toBeLessThan(1500);
  };

  it('ends a silent socket, a header that never ends, and one that dribbles', async () => {
    const { port, host, seen } = await start();
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
    inTime((await silent).endedMs);
    const { text, endedMs } = await unfinished;
    inTime(endedMs);
    expect(codeOf(text)).toBe('too-slow');
    inTime(await dribble);
    expect(seen).toEqual([]);
  });

  it('ends a slow second header on an authenticated socket too', async () => {
    const { port, host, seen } = await start({ limits: { idleMsMax: 30_000 } });
    const { endedMs } = await talk(port, head(host), 'GET /b HTTP/1.1\r\nHost:');
    inTime(endedMs);
    expect(seen.length).toBe(1);
  });

  it('ends a body that stops or comes too slowly, and waits for one that is merely long', async () => {
    const { port, host, seen } = await start({ limits: { bodyBytesPerSecondMin: 5000 } });
    const post = head(host, 'POST / HTTP/1.1', 'Content-Length: 4000', closing);
    const paced = async (bytesEach: number, everyMs: number): Promise<{ code: string; status: string; ms: number }> => {
      const startedMs = performance.now();
      const socket = open(port);
      let text = '';
      socket.on('data', (piece) => (text += piece.toString('latin1')));
      socket.write(post);
      const timer = setInterval(() => socket.write('x'.repeat(bytesEach)), everyMs);
      await new Promise((resolve) => socket.on('close', resolve));
      clearInterval(timer);
      return { code: codeOf(text), status: statusOf(text), ms: performance.now() - startedMs };
    };
    const [stopped, slow, fair] = await Promise.all([paced(0, 1000), paced(20, 40), paced(400, 40)]);
    expect([stopped.code, slow.code, fair.status]).toEqual(['too-slow', 'too-slow', '200']);
    inTime(stopped.ms);
    expect(fair.ms).toBeGreaterThan(FAST.incompleteMsMax); // longer than the deadline, and yet not ended by it
    expect(seen.length).toBe(1);
  });

  it('ends an authenticated socket that idles, later than an unauthenticated one', async () => {
    const { port, host } = await start();
    const { text, endedMs } = await talk(port, head(host));
    expect(statusOf(text)).toBe('200');
    expect(endedMs).toBeGreaterThan(350);
    expect(endedMs).toBeLessThan(3000);
  });
});

describe('an event stream', () => {
  it('sends events as they come, keeps a quiet client, and tells the source when the client goes', async () => {
    let ended = false;
    let aborted = false;
    const { port, host } = await start({
      handler: (request) => ({
        status: 200,
        events: (async function* (): AsyncGenerator<ServerEvent> {
          request.signal.addEventListener('abort', () => (aborted = true));
          try {
            yield { id: '1', event: 'stage', data: { text: 'a\nb' } };
            await new Promise((resolve) => setTimeout(resolve, FAST.idleMsMax * 2));
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
    await expect.poll(() => text, { timeout: 3000 }).toContain('data: 2\n\n');
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
      limits: { sendBudgetBytes: 100_000 },
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
    await expect.poll(sockets, { timeout: 5000 }).toBe(0);
    const before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sent).toBe(before);
    expect(largest).toBeLessThan(130_000);
  });
});

describe('close', () => {
  it('aborts what is under way and returns, whoever holds on', async () => {
    let aborted = false;
    const { port, host, guard } = await start({
      handler: (request) =>
        new Promise(() => {
          request.signal.addEventListener('abort', () => (aborted = true));
        }),
    });
    const waiting = talk(port, head(host));
    const idle = talk(port);
    await expect.poll(() => guard.server.listening).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await guard.close();
    expect(aborted).toBe(true);
    await Promise.all([waiting, idle]);
    await guard.close(); // again is harmless
  });
});
