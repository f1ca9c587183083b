import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { describeLink } from '../link.conformance.js';
import type { Link, LinkCloseReason } from '../link.js';
import { acceptWebSockets, type AcceptOptions, type WebSocketDoor } from './accept.js';
import { dialWebSocket } from './dial.js';

const LOOPBACK = { host: '127.0.0.1', port: 0 };
const everyone: AcceptOptions = { authorise: () => ({ ok: true }) };

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const door of opened.splice(0)) await door.close();
});

interface Accepted {
  readonly door: WebSocketDoor;
  readonly url: string;
  /** The link of the next one that comes in. */
  next(): Promise<Link>;
  /** Its TCP socket, to break it without a word. */
  lastSocket(): Socket;
}

async function accept(options: AcceptOptions = everyone): Promise<Accepted> {
  const links: Link[] = [];
  const waiting: ((link: Link) => void)[] = [];
  let last: IncomingMessage | undefined;
  const door = await acceptWebSockets(LOOPBACK, options, (link, incoming) => {
    last = incoming;
    const taker = waiting.shift();
    if (taker === undefined) links.push(link);
    else taker(link);
  });
  opened.push(door);
  const next = async (): Promise<Link> => links.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
  return { door, url: `ws://127.0.0.1:${door.address.port}/meter`, next, lastSocket: () => last!.socket };
}

describeLink('websocket', {
  framing: 'message',
  peerSeesClose: true,
  open: async () => {
    const accepted = await accept();
    const a = await dialWebSocket(accepted.url);
    const b = await accepted.next();
    return { a, b, unplug: () => void accepted.lastSocket().destroy() };
  },
});

const closing = async (link: Link): Promise<LinkCloseReason> => await new Promise((resolve) => link.onClose(resolve));

describe('dialWebSocket', () => {
  it('shows its token in the Authorization header, and the address has none of it', async () => {
    let header: string | undefined;
    const { url } = await accept({
      authorise: (incoming) => {
        header = incoming.headers.authorization;
        return { ok: true };
      },
    });
    const link = await dialWebSocket(`${url}?session=7`, { token: 'secret-1' });
    expect(header).toBe('Bearer secret-1');
    expect(link.label).toBe(url);
  });

  it('says unauthorised when the door does, with or without a token', async () => {
    const { url } = await accept({ authorise: () => ({ ok: false, status: 401, message: 'no' }) });
    await expect(dialWebSocket(url)).rejects.toMatchObject({
      code: 'unauthorised',
      message: expect.stringMatching(/asks for a token/),
    });
    await expect(dialWebSocket(url, { token: 'x' })).rejects.toMatchObject({
      message: expect.stringMatching(/not accepted/),
    });
    await expect(dialWebSocket(url, { token: 'line\nbreak' })).rejects.toMatchObject({ code: 'unauthorised' });
  });

  it('says refused where nothing listens', async () => {
    const { door, url } = await accept();
    await door.close();
    await expect(dialWebSocket(url)).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining(url) });
  });

  it('says timeout where someone listens and never answers', async () => {
    const { url } = await accept({ authorise: async () => await new Promise(() => {}) });
    await expect(dialWebSocket(url, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' });
  });

  it.each(['http://x/', 'ws:', 'meter', 'ws://me:secret@host/'])('says bad-address for %s', async (url) => {
    await expect(dialWebSocket(url)).rejects.toMatchObject({
      code: 'bad-address',
      message: expect.stringContaining('ws://127'),
    });
  });

  it('turns each refusal of a door into its code', async () => {
    const codes: unknown[] = [];
    for (const status of [403, 404, 503, 500, 418]) {
      const { url } = await accept({ authorise: () => ({ ok: false, status }) });
      codes.push(await dialWebSocket(url).catch((error: unknown) => (error as { code: string }).code));
    }
    expect(codes).toEqual(['unauthorised', 'not-found', 'busy', 'refused', 'refused']);
  });
});

describe('acceptWebSockets', () => {
  it('has only its own path', async () => {
    const { url } = await accept({ ...everyone, path: '/meter' });
    await expect(dialWebSocket(`${url}s`)).rejects.toMatchObject({ code: 'not-found' });
    await expect(dialWebSocket(`${url}?q=1`)).resolves.toBeDefined();
  });

  it('shares a server with other doors and with HTTP', async () => {
    const server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const seen: string[] = [];
    const doors = ['/one', '/two'].map(async (path) =>
      opened.push(await acceptWebSockets(server, { ...everyone, path }, () => seen.push(path))),
    );
    await Promise.all(doors);
    const { port } = server.address() as { port: number };
    const links = [
      await dialWebSocket(`ws://127.0.0.1:${port}/two`),
      await dialWebSocket(`ws://127.0.0.1:${port}/one`),
    ];
    expect(seen).toEqual(['/two', '/one']);
    const [first] = opened.splice(0, 1);
    await first!.close();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello');
    for (const link of links) await link.close();
    server.closeAllConnections();
    server.close();
  });

  it('refuses with 500 when the check itself fails, and gives no reason away', async () => {
    const { door } = await accept({
      authorise: () => {
        throw new Error('inner secret');
      },
    });
    const answer = await upgrade(door.address.port);
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret');
  });

  it('answers plain HTTP with 426', async () => {
    const { door } = await accept();
    expect((await fetch(`http://127.0.0.1:${door.address.port}/`)).status).toBe(426);
  });

  it('says busy when the port is taken', async () => {
    const { door } = await accept();
    const again = acceptWebSockets(door.address, everyone, () => {});
    await expect(again).rejects.toMatchObject({ code: 'busy', message: expect.stringContaining('another port') });
  });

  it('takes no more than its bound, and takes again when one has left', async () => {
    const { url, next } = await accept({ ...everyone, limits: { webSocketsMax: 1 } });
    const first = await dialWebSocket(url);
    const gone = closing(await next());
    await expect(dialWebSocket(url)).rejects.toMatchObject({ code: 'busy' });
    await first.close();
    await gone;
    await expect(dialWebSocket(url)).resolves.toBeDefined();
  });

  it('closes the links it gave out when it closes', async () => {
    const { door, url, next } = await accept();
    const dialled = await dialWebSocket(url);
    const reasons = [closing(dialled), closing(await next())];
    await door.close();
    expect(await Promise.all(reasons)).toMatchObject([{ kind: 'remote' }, { kind: 'local' }]);
  });

  it.each([
    ['says nothing', ''],
    ['never ends its request', 'GET /meter HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n'],
  ])('ends a connection that %s', async (_what, words) => {
    const { door } = await accept({ ...everyone, limits: { handshakeMsMax: 60 } });
    const socket = connect(door.address.port, '127.0.0.1', () => socket.write(words));
    await new Promise((resolve) => socket.once('close', resolve).resume());
    expect(socket.destroyed).toBe(true);
  });

  it('ends a handshake whose check never answers', async () => {
    const { door } = await accept({
      authorise: async () => await new Promise(() => {}),
      limits: { handshakeMsMax: 60 },
    });
    expect((await upgrade(door.address.port)).status).toBe(408);
  });
});

describe('an open WebSocket link', () => {
  it('closes 1009 on an oversize message, and says too-large here', async () => {
    const { url, next } = await accept();
    const loud = new WebSocket(url);
    await new Promise((resolve) => loud.once('open', resolve));
    const reason = closing(await next());
    loud.send(Buffer.alloc(64 * 1024 + 1));
    expect(await closeCode(loud)).toBe(1009);
    expect(await reason).toMatchObject({ kind: 'failed', error: { code: 'too-large' } });
  });

  it('closes 1003 on text', async () => {
    const { url, next } = await accept();
    const chatty = new WebSocket(url);
    await new Promise((resolve) => chatty.once('open', resolve));
    const reason = closing(await next());
    chatty.send('hello');
    expect(await closeCode(chatty)).toBe(1003);
    expect(await reason).toMatchObject({ kind: 'failed', error: { code: 'io' } });
  });

  it('closes on a message in more fragments than its bound', async () => {
    const { url, next } = await accept();
    const crumbly = new WebSocket(url);
    await new Promise((resolve) => crumbly.once('open', resolve));
    const reason = closing(await next());
    for (let i = 0; i < 100; i++) crumbly.send(Buffer.alloc(1), { fin: false });
    expect(await reason).toMatchObject({ kind: 'failed' });
  });

  it('closes a peer that reads too slowly, and leaves the others alone', async () => {
    const { url, next } = await accept({ ...everyone, limits: { sendBufferBytesMax: 100_000 } });
    const slow = new WebSocket(url);
    await new Promise((resolve) => slow.once('open', resolve));
    slow.pause();
    const toSlow = await next();
    const honest = await dialWebSocket(url);
    const toHonest = await next();
    const reason = closing(toSlow);
    const seen = { close: false };
    void reason.then(() => (seen.close = true));
    while (!seen.close) {
      toSlow.send(new Uint8Array(60_000)); // the system's own buffers fill first
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reason).toMatchObject({ kind: 'failed', error: { code: 'too-large' } });
    const heard = new Promise((resolve) => honest.onReceive((octets) => resolve([...octets])));
    toHonest.send(Uint8Array.of(8));
    expect(await heard).toEqual([8]);
    slow.terminate();
  });

  it('gives up a peer that shows no sign of life', async () => {
    const { door, next } = await accept({ ...everyone, limits: { idleMsMax: 80 } });
    const silent = await upgrade(door.address.port); // a socket that answers no ping
    expect(silent.status).toBe(101);
    expect(await closing(await next())).toMatchObject({ kind: 'failed', error: { code: 'timeout' } });
  });

  it('stays open for as long as pings are answered', async () => {
    const { url, next } = await accept({ ...everyone, limits: { idleMsMax: 500 } });
    const dialled = await dialWebSocket(url);
    const link = await next();
    let closes = 0;
    link.onClose(() => closes++);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(closes).toBe(0);
    await dialled.close();
  });

  it('does not compress', async () => {
    const { url } = await accept();
    const eager = new WebSocket(url, { perMessageDeflate: true });
    await new Promise((resolve) => eager.once('open', resolve));
    expect(eager.extensions).toBe('');
    eager.terminate();
  });

  it('closes in time though the peer never answers the close', { timeout: 10_000 }, async () => {
    const { door, next } = await accept();
    await upgrade(door.address.port);
    const link = await next();
    await link.close();
    expect(await closing(link)).toEqual({ kind: 'local' });
  });

  it('repeats what a peer says at its close without control characters', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await new Promise((resolve) => server.once('listening', resolve));
    server.on('connection', (socket) => socket.close(4000, 'bye\x1b[2J'));
    const link = await dialWebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}`);
    expect(await closing(link)).toEqual({ kind: 'remote', detail: 'the peer closed with code 4000: bye?[2J' });
    server.close();
  });
});

async function closeCode(socket: WebSocket): Promise<number> {
  return await new Promise((resolve) => socket.once('close', resolve));
}

/** Asks for an upgrade by hand; after a 101 the socket stays open and mute until the test ends. */
async function upgrade(port: number): Promise<{ readonly status: number; readonly body: string }> {
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
  };
  return await new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/meter', headers });
    asked.once('upgrade', (response, socket) => {
      opened.push({ close: async () => void socket.destroy() });
      socket.on('error', () => {});
      resolve({ status: response.statusCode ?? 0, body: '' });
    });
    asked.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.once('error', reject).end();
  });
}
