import { HELD_BYTES_MAX, HELD_PIECE_BYTES } from './limits.js';
import { LinkError, type LinkCloseReason } from './link.js';

/**
 * The receiving half every link shares: holds octets until someone listens, and tells the close exactly once and last.
 *
 * Handlers never run inside `onReceive`, `onClose`, `send` or `close`: held octets and the close come in a microtask,
 * so that a caller can set both handlers before the first call.
 */
export class Inbox {
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #drainIsDue = false;
  #receive: ((octets: Uint8Array) => void) | undefined;
  #close: ((reason: LinkCloseReason) => void) | undefined;
  #reason: LinkCloseReason | undefined;
  #isTold = false;

  get isClosed(): boolean {
    return this.#reason !== undefined;
  }

  onReceive(handler: (octets: Uint8Array) => void): void {
    this.#receive = handler;
    this.#scheduleDrain();
  }

  onClose(handler: (reason: LinkCloseReason) => void): void {
    this.#close = handler;
    this.#scheduleDrain();
  }

  /**
   * Gives octets to the handler, or holds them. They must not be touched by the caller afterwards.
   *
   * @returns The error with which the adapter must fail the link when too much is held; undefined when all is well.
   */
  deliver(octets: Uint8Array): LinkError | undefined {
    if (this.#reason !== undefined) return undefined;
    const plain = asPlain(octets);
    if (this.#receive !== undefined && this.#held.length === 0) {
      this.#receive(plain);
      return undefined;
    }
    this.#heldBytes += plain.length + HELD_PIECE_BYTES;
    if (this.#heldBytes > HELD_BYTES_MAX) {
      return new LinkError(
        'too-large',
        `more than ${HELD_BYTES_MAX} octets came before anyone listened; set the receive handler when the link opens`,
      );
    }
    this.#held.push(plain);
    return undefined;
  }

  /** The link is over. Later calls change nothing: the first reason stands. */
  end(reason: LinkCloseReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (reason.kind === 'local') this.#forgetHeld(); // whoever closes has stopped listening
    this.#scheduleDrain();
  }

  #scheduleDrain(): void {
    if (this.#drainIsDue) return;
    this.#drainIsDue = true;
    queueMicrotask(() => {
      this.#drainIsDue = false;
      this.#drain();
    });
  }

  #drain(): void {
    while (this.#receive !== undefined && this.#held.length > 0) {
      const octets = this.#held.shift()!;
      this.#heldBytes -= octets.length + HELD_PIECE_BYTES;
      this.#receive(octets);
    }
    if (this.#reason === undefined || this.#close === undefined || this.#isTold) return;
    this.#isTold = true;
    this.#close(this.#reason);
  }

  #forgetHeld(): void {
    this.#held.length = 0;
    this.#heldBytes = 0;
  }
}

/** A Buffer's `slice` shares memory where a Uint8Array's copies; receivers rely on the copy. */
function asPlain(octets: Uint8Array): Uint8Array {
  if (!Buffer.isBuffer(octets)) return octets;
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
}
