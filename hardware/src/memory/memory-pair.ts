import { Inbox } from '../inbox.js';
import { SEND_BUFFER_BYTES_MAX, MESSAGE_BYTES_MAX } from '../limits.js';
import { LinkError, type Link, type LinkCapabilities, type LinkCloseReason } from '../link.js';
import { checkDropRate, seededFractions, withoutDropped } from '../seeded.js';

export interface MemoryPairOptions {
  /** `stream` merges what is sent in one turn of the event loop, so that nobody comes to rely on boundaries. */
  readonly framing: 'stream' | 'message';
  /** Message framing only; `MESSAGE_BYTES_MAX` when absent. */
  readonly messageBytesMax?: number;
  /** Loses octets (stream) or whole messages (message), each with probability `dropRate`. */
  readonly drop?: { readonly seed: number; readonly dropRate: number };
}

export interface MemoryPair {
  readonly a: Link;
  readonly b: Link;
  /** Cuts the line: what is on the way is lost, and both ends see an ordinary `remote` close. */
  unplug(): void;
}

/**
 * Two joined links inside one process. What one sends, the other receives in order, in a later turn of the event loop.
 *
 * @throws RangeError when `dropRate` is no probability.
 */
export function memoryPair(options: MemoryPairOptions): MemoryPair {
  if (options.drop !== undefined) checkDropRate(options.drop.dropRate);
  const seed = options.drop?.seed ?? 0;
  const a = new MemoryLink('memory:a', options, seededFractions(seed));
  const b = new MemoryLink('memory:b', options, seededFractions(seed + 1)); // each direction has its own luck
  a.peer = b;
  b.peer = a;
  return {
    a,
    b,
    unplug: () => {
      for (const end of [a, b]) end.lose({ kind: 'remote', detail: 'the line was unplugged' });
    },
  };
}

class MemoryLink implements Link {
  readonly label: string;
  readonly capabilities: LinkCapabilities;
  peer: MemoryLink | undefined;
  readonly #inbox = new Inbox();
  readonly #dropRate: number;
  readonly #fraction: () => number;
  #outgoing: Uint8Array[] = [];
  #bufferedBytes = 0;
  #isClosing = false;
  #flushIsDue = false;

  constructor(label: string, options: MemoryPairOptions, fraction: () => number) {
    this.label = label;
    this.capabilities =
      options.framing === 'stream'
        ? { framing: 'stream' }
        : { framing: 'message', messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX };
    this.#dropRate = options.drop?.dropRate ?? 0;
    this.#fraction = fraction;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  send(octets: Uint8Array): void {
    if (this.#isClosing || this.#inbox.isClosed) return;
    const { messageBytesMax } = this.capabilities;
    if (messageBytesMax !== undefined && octets.length > messageBytesMax) throw tooLong(octets.length, messageBytesMax);
    this.#outgoing.push(new Uint8Array(octets));
    this.#bufferedBytes += octets.length;
    if (this.#bufferedBytes > SEND_BUFFER_BYTES_MAX) this.lose({ kind: 'failed', error: sendBufferFull() });
    else this.#scheduleFlush();
  }

  onReceive(handler: (octets: Uint8Array) => void): void {
    this.#inbox.onReceive(handler);
  }

  onClose(handler: (reason: LinkCloseReason) => void): void {
    this.#inbox.onClose(handler);
  }

  async close(): Promise<void> {
    if (this.#isClosing || this.#inbox.isClosed) return;
    this.#isClosing = true;
    this.#inbox.end({ kind: 'local' });
    await new Promise((resolve) => setImmediate(resolve));
    this.#flush(); // what was sent before the close still arrives
    this.peer?.lose({ kind: 'remote', detail: 'the peer closed' });
  }

  /** Ends this side at once, and then the other: a line has two ends. */
  lose(reason: LinkCloseReason): void {
    if (this.#inbox.isClosed) return;
    this.#outgoing = [];
    this.#bufferedBytes = 0;
    this.#inbox.end(reason);
    this.peer?.lose({ kind: 'remote', detail: 'the peer is gone' });
  }

  #scheduleFlush(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const pieces = this.#outgoing;
    this.#outgoing = [];
    this.#bufferedBytes = 0;
    if (pieces.length === 0) return;
    for (const piece of this.capabilities.framing === 'stream' ? this.#asStream(pieces) : this.#asMessages(pieces)) {
      const error = this.peer?.take(piece);
      if (error !== undefined) this.peer?.lose({ kind: 'failed', error });
    }
  }

  take(octets: Uint8Array): LinkError | undefined {
    return this.#inbox.deliver(octets);
  }

  #asStream(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
    const arrived = withoutDropped(Buffer.concat(pieces), this.#dropRate, this.#fraction);
    return arrived.length === 0 ? [] : [arrived];
  }

  #asMessages(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
    if (this.#dropRate === 0) return pieces;
    return pieces.filter(() => this.#fraction() >= this.#dropRate);
  }
}

function tooLong(lengthBytes: number, messageBytesMax: number): LinkError {
  return new LinkError(
    'too-large',
    `a message of ${lengthBytes} octets does not fit; this link carries at most ${messageBytesMax}: send smaller pieces`,
  );
}

function sendBufferFull(): LinkError {
  return new LinkError(
    'too-large',
    `more than ${SEND_BUFFER_BYTES_MAX} octets wait to be sent; look at bufferedBytes before sending more`,
  );
}
