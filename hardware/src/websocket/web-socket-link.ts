import { WebSocket, type RawData } from 'ws';
import { Inbox } from '../inbox.js';
import {
  CLOSE_DETAIL_CHARS_MAX,
  CLOSE_MS_MAX,
  HANDSHAKE_MS_MAX,
  IDLE_MS_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGE_CHUNKS_MAX,
  MESSAGE_FRAGMENTS_MAX,
  SEND_BUFFER_BYTES_MAX,
  WEBSOCKETS_MAX,
} from '../limits.js';
import { LinkError, type Link, type LinkCapabilities, type LinkCloseReason } from '../link.js';

/** Bounds of WebSocket links; each defaults to its constant in `limits.ts`. */
export interface WebSocketLimits {
  readonly messageBytesMax: number;
  /** A peer that reads so slowly that more than this waits is closed. */
  readonly sendBufferBytesMax: number;
  readonly idleMsMax: number;
  readonly handshakeMsMax: number;
  /** Of one door: open or being opened. */
  readonly webSocketsMax: number;
}

export const DEFAULT_WEB_SOCKET_LIMITS: WebSocketLimits = {
  messageBytesMax: MESSAGE_BYTES_MAX,
  sendBufferBytesMax: SEND_BUFFER_BYTES_MAX,
  idleMsMax: IDLE_MS_MAX,
  handshakeMsMax: HANDSHAKE_MS_MAX,
  webSocketsMax: WEBSOCKETS_MAX,
};

/** What `ws` is told on both sides. No compression: firmware does not shrink, and inflating is how memory runs out. */
export interface ReaderOptions {
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
}
export function readerOptions(limits: WebSocketLimits): ReaderOptions {
  return {
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
    maxFragments: MESSAGE_FRAGMENTS_MAX,
    maxBufferedChunks: MESSAGE_CHUNKS_MAX,
  };
}

const CLOSE_CODE = { normal: 1000, goingAway: 1001, noCode: 1005, lost: 1006, notBinary: 1003, policy: 1008 } as const;

/** A Link over one WebSocket. Made before or at the opening, so that no message slips by. */
export class WebSocketLink implements Link {
  readonly label: string;
  readonly capabilities: LinkCapabilities;
  readonly #socket: WebSocket;
  readonly #limits: WebSocketLimits;
  readonly #inbox = new Inbox();
  readonly #idleTimer: NodeJS.Timeout;
  readonly #closed: Promise<void>;
  #lastSeenMs = performance.now();
  /** Decided before the socket has closed: by us, or because the peer broke a rule. */
  #verdict: LinkCloseReason | undefined;

  constructor(socket: WebSocket, label: string, limits: WebSocketLimits) {
    this.#socket = socket;
    this.label = label;
    this.#limits = limits;
    this.capabilities = { framing: 'message', messageBytesMax: limits.messageBytesMax };
    socket.on('message', (data, isBinary) => this.#take(data, isBinary));
    socket.on('ping', () => this.#seen());
    socket.on('pong', () => this.#seen());
    socket.on('error', (error) => (this.#verdict ??= verdictOn(error, limits)));
    this.#closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        clearInterval(this.#idleTimer);
        this.#inbox.end(this.#verdict ?? { kind: 'remote', detail: closeDetail(code, reason) });
        resolve();
      });
    });
    // Asked at half the bound, so that one lost answer is still in time.
    this.#idleTimer = setInterval(() => this.#watchIdle(), limits.idleMsMax / 2);
    this.#idleTimer.unref();
  }

  get bufferedBytes(): number {
    return this.#isOpen ? this.#socket.bufferedAmount : 0;
  }

  /** @throws LinkError `too-large` when the message is longer than `messageBytesMax`; nothing was sent. */
  send(octets: Uint8Array): void {
    if (!this.#isOpen) return;
    if (octets.length > this.#limits.messageBytesMax) {
      throw new LinkError(
        'too-large',
        `a message of ${octets.length} octets does not fit; ${this.label} carries at most ${this.#limits.messageBytesMax}: send smaller pieces`,
      );
    }
    this.#socket.send(new Uint8Array(octets), { binary: true }, noop);
    if (this.#socket.bufferedAmount <= this.#limits.sendBufferBytesMax) return;
    const text = `more than ${this.#limits.sendBufferBytesMax} octets wait because ${this.label} reads too slowly`;
    this.#fail(new LinkError('too-large', `${text}; look at bufferedBytes before sending more`), CLOSE_CODE.policy);
    this.#socket.terminate(); // a close frame would wait behind all of it
  }

  onReceive(handler: (octets: Uint8Array) => void): void {
    this.#inbox.onReceive(handler);
  }

  onClose(handler: (reason: LinkCloseReason) => void): void {
    this.#inbox.onClose(handler);
  }

  async close(): Promise<void> {
    this.#closeWith({ kind: 'local' }, CLOSE_CODE.normal, '');
    await this.#closed;
  }

  get #isOpen(): boolean {
    return this.#verdict === undefined && this.#socket.readyState === WebSocket.OPEN;
  }

  #take(data: RawData, isBinary: boolean): void {
    this.#seen();
    if (this.#verdict !== undefined) return;
    if (!isBinary) {
      this.#fail(
        new LinkError('io', `${this.label} sent text; this link speaks binary messages only`),
        CLOSE_CODE.notBinary,
      );
      return;
    }
    const error = this.#inbox.deliver(asOctets(data));
    if (error !== undefined) this.#fail(error, CLOSE_CODE.policy);
  }

  #seen(): void {
    this.#lastSeenMs = performance.now();
  }

  #watchIdle(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.#lastSeenMs < this.#limits.idleMsMax) {
      this.#socket.ping(undefined, undefined, noop);
      return;
    }
    const text = `no sign of life from ${this.label} for ${this.#limits.idleMsMax / 1000} s; check the network and dial again`;
    this.#verdict ??= { kind: 'failed', error: new LinkError('timeout', text) };
    this.#socket.terminate();
  }

  #fail(error: LinkError, code: number): void {
    this.#closeWith({ kind: 'failed', error }, code, error.code);
  }

  #closeWith(verdict: LinkCloseReason, code: number, reason: string): void {
    if (this.#verdict !== undefined || this.#socket.readyState === WebSocket.CLOSED) return;
    this.#verdict = verdict;
    this.#socket.close(code, reason);
    const hurry = setTimeout(() => this.#socket.terminate(), CLOSE_MS_MAX); // a peer that never answers the close
    void this.#closed.then(() => clearTimeout(hurry));
  }
}

// A failed write is followed by the socket's own 'close'; the callback only keeps it from being thrown.
function noop(): void {}

function asOctets(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function verdictOn(error: Error, limits: WebSocketLimits): LinkCloseReason {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') {
    const text = `the peer sent a message of more than ${limits.messageBytesMax} octets`;
    return { kind: 'failed', error: new LinkError('too-large', text, { cause: error }) };
  }
  if (code.startsWith('WS_ERR_')) {
    const text = `the peer broke the WebSocket rules: ${error.message}`;
    return { kind: 'failed', error: new LinkError('io', text, { cause: error }) };
  }
  return { kind: 'remote', detail: `the connection broke: ${error.message}` };
}

function closeDetail(code: number, reason: Buffer): string {
  const words = printable(reason.toString('utf8'));
  switch (code) {
    case CLOSE_CODE.normal:
    case CLOSE_CODE.noCode:
      return 'the peer closed';
    case CLOSE_CODE.goingAway:
      return 'the peer is going away';
    case CLOSE_CODE.lost:
      return 'the connection was lost';
    default:
      return words === '' ? `the peer closed with code ${code}` : `the peer closed with code ${code}: ${words}`;
  }
}

/** What a peer says ends on terminals and in logs: no control characters, no novels. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, CLOSE_DETAIL_CHARS_MAX);
}
