import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { CLOSE_MS_MAX, HEADER_BYTES_MAX } from '../limits.js';
import { LinkError, type Link } from '../link.js';
import {
  DEFAULT_WEB_SOCKET_LIMITS,
  WebSocketLink,
  printable,
  readerOptions,
  type WebSocketLimits,
} from './web-socket-link.js';

/** `status` is an HTTP status of 400 or more; `message` is its body, for people. */
export type Authorisation =
  { readonly ok: true } | { readonly ok: false; readonly status: number; readonly message?: string };

export interface AcceptOptions {
  /** Exactly this path, without a query; any path when absent. */
  readonly path?: string;
  /** Decides before the handshake is answered: token, Host and Origin are looked at here. A throw refuses with 500. */
  readonly authorise: (request: IncomingMessage) => Authorisation | Promise<Authorisation>;
  readonly limits?: Partial<WebSocketLimits>;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** An open door for WebSockets. */
export interface WebSocketDoor {
  /** Where it listens, with the port the system chose. */
  readonly address: ListenAddress;
  /** Takes no more, closes every link it gave out, and, when it made the server itself, ends that too. */
  close(): Promise<void>;
}

/**
 * Accepts WebSockets as links, on a server of the caller or on one of its own.
 *
 * @param where - A server that listens already or will (its other upgrade handlers keep their paths; slow request heads
 *   are its own concern), or a host and port to listen on.
 * @param onLink - Called once per accepted link, in the turn it opens: set the handlers there.
 * @returns Once the door is listening; for a caller's server at once.
 * @throws LinkError `busy` (port taken), `permission`, `not-found` (no such host here) or `io`.
 */
export async function acceptWebSockets(
  where: Server | ListenAddress,
  options: AcceptOptions,
  onLink: (link: Link, request: IncomingMessage) => void,
): Promise<WebSocketDoor> {
  const limits = { ...DEFAULT_WEB_SOCKET_LIMITS, ...options.limits };
  const ownServer = 'listen' in where ? undefined : makeServer(limits);
  const server = 'listen' in where ? where : ownServer!;
  const door = new Door(server, ownServer !== undefined, options, limits, onLink);
  if (ownServer !== undefined && !('listen' in where)) await listen(ownServer, where);
  return {
    get address() {
      return addressOf(server);
    },
    close: async () => {
      await door.close();
      if (ownServer !== undefined) await endServer(ownServer);
    },
  };
}

class Door {
  readonly #server: Server;
  readonly #isOwnServer: boolean;
  readonly #options: AcceptOptions;
  readonly #limits: WebSocketLimits;
  readonly #onLink: (link: Link, request: IncomingMessage) => void;
  readonly #handshaker: WebSocketServer;
  readonly #links = new Set<Link>();
  readonly #waiting = new Set<Duplex>();
  readonly #upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    void this.#admit(request, socket, head);
  };

  constructor(
    server: Server,
    isOwnServer: boolean,
    options: AcceptOptions,
    limits: WebSocketLimits,
    onLink: (link: Link, request: IncomingMessage) => void,
  ) {
    this.#server = server;
    this.#isOwnServer = isOwnServer;
    this.#options = options;
    this.#limits = limits;
    this.#onLink = onLink;
    const handshakerOptions = {
      ...readerOptions(limits),
      noServer: true,
      clientTracking: false,
      closeTimeout: CLOSE_MS_MAX,
    };
    this.#handshaker = new WebSocketServer(handshakerOptions);
    server.on('upgrade', this.#upgrade);
  }

  async close(): Promise<void> {
    this.#server.off('upgrade', this.#upgrade);
    for (const socket of this.#waiting) socket.destroy();
    await Promise.all([...this.#links].map((link) => link.close()));
  }

  async #admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', ignoreBrokenSocket);
    const path = (request.url ?? '').split('?', 1)[0];
    if (this.#options.path !== undefined && path !== this.#options.path) {
      // On a shared server another door may own this path; the last word is ours only when we are alone.
      if (this.#isOwnServer || this.#server.listenerCount('upgrade') === 1) refuse(socket, 404, 'nothing at this path');
      return;
    }
    if (this.#links.size + this.#waiting.size >= this.#limits.webSocketsMax) {
      refuse(socket, 503, 'too many connections; try again later');
      return;
    }
    this.#waiting.add(socket);
    const timer = setTimeout(() => refuse(socket, 408, 'the handshake took too long'), this.#limits.handshakeMsMax);
    const verdict = await this.#ask(request);
    clearTimeout(timer);
    this.#waiting.delete(socket);
    if (socket.destroyed || socket.writableEnded) return;
    if (verdict.ok) this.#handshaker.handleUpgrade(request, socket, head, (opened) => this.#opened(opened, request));
    else refuse(socket, verdict.status, verdict.message ?? '');
  }

  async #ask(request: IncomingMessage): Promise<Authorisation> {
    try {
      return await this.#options.authorise(request);
    } catch {
      return { ok: false, status: 500, message: 'the request could not be checked' };
    }
  }

  #opened(socket: WebSocket, request: IncomingMessage): void {
    request.socket.off('error', ignoreBrokenSocket); // the link listens from here on
    const label = `ws from ${request.socket.remoteAddress ?? 'nowhere'}:${request.socket.remotePort ?? 0}`;
    const link = new WebSocketLink(socket, label, this.#limits);
    this.#links.add(link);
    socket.once('close', () => this.#links.delete(link));
    this.#onLink(link, request);
  }
}

function ignoreBrokenSocket(): void {} // a peer that leaves during the handshake needs no answer

function refuse(socket: Duplex, status: number, message: string): void {
  if (socket.destroyed || socket.writableEnded) return;
  const body = `${printable(message)}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Content-Type: text/plain; charset=us-ascii',
    `Content-Length: ${body.length}`,
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function makeServer(limits: WebSocketLimits): Server {
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (_request, response) => {
    response.writeHead(426, { Connection: 'close', 'Content-Type': 'text/plain' });
    response.end('This address speaks WebSocket only.\n');
  });
  // One clock from the first octet, whatever the peer does with it: nothing unauthorised outlives it.
  const clocks = new WeakMap<Duplex, NodeJS.Timeout>();
  server.on('connection', (socket) => {
    const clock = setTimeout(() => socket.destroy(), limits.handshakeMsMax);
    clocks.set(socket, clock);
    socket.once('close', () => clearTimeout(clock));
  });
  server.on('upgrade', (_request, socket) => clearTimeout(clocks.get(socket))); // the door keeps the time from here
  return server;
}

async function listen(server: Server, where: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(where, error)));
    server.listen(where.port, where.host, resolve);
  });
}

function listenError(where: ListenAddress, error: Error): LinkError {
  const place = `${where.host}:${where.port}`;
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return new LinkError('busy', `${place} is taken; choose another port, or 0 for any`, { cause: error });
    case 'EACCES':
      return new LinkError('permission', `the system does not let us listen on ${place}; choose a port above 1023`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new LinkError('not-found', `${where.host} is no address of this machine`, { cause: error });
    default:
      return new LinkError('io', `cannot listen on ${place}: ${error.message}`, { cause: error });
  }
}

function addressOf(server: Server): ListenAddress {
  const address = server.address();
  if (address === null || typeof address === 'string') return { host: '', port: 0 };
  return { host: address.address, port: address.port };
}

async function endServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
