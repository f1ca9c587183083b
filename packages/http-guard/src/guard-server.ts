import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { checkAccess, checkUpgrade, requireUsableToken } from './access.js';
import type { AccessPolicy } from './access.js';
import { checkBodyHeaders, readBody } from './body.js';
import type { RequestBody } from './body.js';
import { GuardError, refuse } from './error.js';
import type { Refusal } from './error.js';
import { CHECKS_PER_DEADLINE, DEFAULT_LIMITS } from './limits.js';
import type { GuardLimits } from './limits.js';
import { send, sendRefusal, writeRefusal } from './response.js';
import type { GuardedResponse } from './response.js';
import { parseTarget } from './target.js';
import type { Target } from './target.js';

export interface GuardedRequest extends Omit<Target, 'ok'> {
  readonly method: string;
  readonly body: RequestBody;
  /** Aborted when the client goes away or the server closes. */
  readonly signal: AbortSignal;
}

export interface GuardOptions {
  /** At least 16 characters; clients send it as `Authorization: Bearer`. */
  readonly token: string;
  /** Exact Host values, `host:port`; unless given, the loopback names with the port that was bound. */
  readonly allowedHosts?: AllowList;
  /** Exact Origin values; none unless given. */
  readonly allowedOrigins?: AllowList;
  /** What differs from {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<GuardLimits>;
  /** Must answer within `idleMsMax`. What it throws becomes status 500, code `defect`. */
  readonly handler: (request: GuardedRequest) => GuardedResponse | Promise<GuardedResponse>;
  /** Takes over the socket of a WebSocket request that has passed. Without it upgrades are refused. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Told what a handler threw; standard error unless given. */
  readonly report?: (error: unknown) => void;
}

/** A list, or a function of the port that was bound, for servers that let the system choose it. */
export type AllowList = readonly string[] | ((port: number) => readonly string[]);

export interface GuardedServer {
  readonly server: Server;
  /**
   * @param port - 0 lets the system choose.
   * @param host - 127.0.0.1 unless given. Beyond loopback `allowedHosts` has to be given too.
   * @throws {@link GuardError} `listen-failed` or `misuse` (as a rejection).
   */
  listen(port: number, host?: string): Promise<{ readonly port: number; readonly host: string }>;
  /** Takes nothing new, gives requests under way `closeGraceMs`, then ends every socket. */
  close(): Promise<void>;
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** One HTTP server behind one guard. @throws {@link GuardError} `misuse` for a token that is too short. */
export function guardServer(options: GuardOptions): GuardedServer {
  requireUsableToken(options.token);
  const guard = new Guard(options);
  return { server: guard.server, listen: (port, host) => guard.listen(port, host), close: () => guard.close() };
}

class Guard {
  readonly server: Server;
  readonly #options: GuardOptions;
  readonly #limits: GuardLimits;
  readonly #sockets = new Set<Duplex>();
  readonly #socketsOf = new Map<string, number>();
  readonly #underWay = new Set<AbortController>();
  /** Sockets that are being ended. What was pipelined behind a refusal must not be done: its answer would go nowhere. */
  readonly #refused = new WeakSet<Duplex>();
  #policy: AccessPolicy;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#policy = { token: options.token, allowedHosts: [], allowedOrigins: [] };
    this.server = createServer({
      maxHeaderSize: this.#limits.headerBytesMax,
      // Counts from the connection, or from the end of the last answer's idling. Since a refusal ends its connection, this bounds
      // everything unauthenticated.
      headersTimeout: this.#limits.incompleteMsMax,
      requestTimeout: 0, // bodies have a rate to keep instead
      keepAliveTimeout: this.#limits.idleMsMax,
      connectionsCheckingInterval: this.#limits.incompleteMsMax / CHECKS_PER_DEADLINE,
      requireHostHeader: false, // checked by us, with an answer in our shape
    });
    this.server.timeout = this.#limits.idleMsMax;
    this.server.maxConnections = this.#limits.socketsMax;
    this.server.on('connection', (socket: Socket) => this.#admit(socket));
    this.server.on('request', (request, response) => this.#answer(request, response, false));
    this.server.on('checkContinue', (request, response) => this.#answer(request, response, true));
    this.server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.server.on('clientError', (error: Error & { code?: string }, socket) => refuseBroken(error, socket));
  }

  async listen(port: number, host = '127.0.0.1'): Promise<{ readonly port: number; readonly host: string }> {
    const { allowedHosts, allowedOrigins } = this.#options;
    if (allowedHosts === undefined && !LOOPBACK.has(host)) {
      throw new GuardError('misuse', `to listen on ${host}, say with allowedHosts by which names clients reach it`);
    }
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void =>
        reject(new GuardError('listen-failed', `cannot listen on ${host}:${port}: ${cause.message}`, { cause }));
      this.server.once('error', onError);
      this.server.listen(port, host, () => {
        this.server.off('error', onError);
        resolve();
      });
    });
    const bound = (this.server.address() as AddressInfo).port;
    const loopback = [`127.0.0.1:${bound}`, `localhost:${bound}`, `[::1]:${bound}`];
    this.#policy = {
      token: this.#options.token,
      allowedHosts: listFor(allowedHosts ?? loopback, bound),
      allowedOrigins: listFor(allowedOrigins ?? [], bound),
    };
    return { port: bound, host };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => resolve());
    });
    for (const request of this.#underWay) request.abort();
    this.server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, this.#limits.closeGraceMs);
    await closed;
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  #admit(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = this.#socketsOf.get(address) ?? 0;
    if (count >= this.#limits.socketsPerAddressMax) {
      socket.destroy();
      return;
    }
    this.#socketsOf.set(address, count + 1);
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#socketsOf.get(address) ?? 1) - 1;
      if (left > 0) this.#socketsOf.set(address, left);
      else this.#socketsOf.delete(address);
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    this.#respond(request, response, awaitsContinue).catch((error: unknown) => {
      this.#report(error);
      this.#refuse(request, response, refuse('defect', 'this server made a mistake; its log says which'));
    });
  }

  async #respond(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Promise<void> {
    if (this.#refused.has(request.socket)) return undefined;
    const access = checkAccess(request, this.#policy);
    if (!access.ok) return this.#refuse(request, response, access);
    const target = parseTarget(request.url ?? '');
    if (!target.ok) return this.#refuse(request, response, target);
    const refusal = checkBodyHeaders(request, this.#limits);
    if (refusal !== undefined) return this.#refuse(request, response, refusal);
    if (awaitsContinue) response.writeContinue();
    const read = await readBody(request, this.#limits);
    if (read === undefined) return undefined;
    if (!read.ok) return this.#refuse(request, response, read);
    const gone = new AbortController();
    this.#underWay.add(gone);
    response.once('close', () => {
      this.#underWay.delete(gone);
      gone.abort();
    });
    const { signal } = gone;
    const { path, segments, query } = target;
    const { body } = read;
    const answer = await this.#options.handler({ method: request.method ?? '', path, segments, query, body, signal });
    return send(response, answer, this.#limits, signal);
  }

  #refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
    this.#refused.add(request.socket);
    sendRefusal(response, refusal);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (this.#refused.has(socket)) return undefined;
    const access = checkUpgrade(request, this.#policy);
    if (!access.ok) return writeRefusal(socket, access);
    const { onUpgrade } = this.#options;
    if (onUpgrade === undefined) return writeRefusal(socket, refuse('no-upgrade', 'there is no WebSocket here'));
    try {
      onUpgrade(request, socket, head);
    } catch (error) {
      this.#report(error);
      writeRefusal(socket, refuse('defect', 'this server made a mistake; its log says which'));
    }
    return undefined;
  }

  #report(error: unknown): void {
    (this.#options.report ?? console.error)(error);
  }
}

function listFor(list: AllowList, port: number): readonly string[] {
  return typeof list === 'function' ? list(port) : list;
}

function refuseBroken(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    writeRefusal(socket, refuse('headers-too-large', 'the headers are too large'));
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    writeRefusal(socket, refuse('too-slow', 'the headers came too slowly'));
  else writeRefusal(socket, refuse('bad-request', 'that is not HTTP/1.1 as this server reads it'));
}
