/**
 * Goal: nothing but an exact, authenticated, complete and timely request reaches a handler, and nothing ends the server.
 * Method: raw sockets on loopback against a server with small limits.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { GuardError } from './error.js';
import { guardServer } from './guard-server.js';
import { DEFAULT_LIMITS } from './limits.js';
import { closing, codeOf, endAll, head, open, start, statusOf, talk, TOKEN } from './raw-client.test-support.js';
import { errorResponse } from './response.js';

afterEach(endAll);

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
    const { port, host, seen } = await start();
    const { text } = await talk(port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, head(host));
    expect(text.match(/HTTP\/1\.1/g)?.length).toBe(1);
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
