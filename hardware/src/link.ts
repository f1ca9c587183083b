/**
 * The Link port: an ordered, two-way path for octets between one head and one meter.
 *
 * Every adapter (memory, WebSocket, serial) gives this shape and passes `link.conformance.ts`.
 */
export interface LinkCapabilities {
  /**
   * `stream`: octets may be split and merged on the way, as on a serial line.
   * `message`: what one `send` was given arrives as one `onReceive` call, or not at all.
   */
  readonly framing: 'stream' | 'message';
  /** Known line rate (serial: baud / 10), absent when unknown. */
  readonly octetsPerSecond?: number;
  /** The longest message the link carries, for message links only. */
  readonly messageBytesMax?: number;
}

export type LinkCloseReason =
  /** We closed it. */
  | { readonly kind: 'local' }
  /** The peer closed, was unplugged or hung up: an ordinary event. */
  | { readonly kind: 'remote'; readonly detail: string }
  /** The link broke a rule or the system refused to go on. */
  | { readonly kind: 'failed'; readonly error: LinkError };

export interface Link {
  /** For people: the address. */
  readonly label: string;
  readonly capabilities: LinkCapabilities;
  /** Octets accepted by `send` and not yet handed to the system. 0 after a close. */
  readonly bufferedBytes: number;
  /**
   * Never blocks; the octets are copied. Silently dropped after a close. When more than the link's send buffer waits, the
   * link closes as `failed` with `too-large`: look at `bufferedBytes` before sending much.
   *
   * @throws LinkError `too-large`, on message links, for more than `messageBytesMax` octets; nothing was sent.
   */
  send(octets: Uint8Array): void;
  /**
   * One handler; a second call replaces it. Octets that came before it was set are held (at most
   * `HELD_BYTES_MAX`, beyond which the link fails with `too-large`) and given to it in order. The octets belong to the handler.
   */
  onReceive(handler: (octets: Uint8Array) => void): void;
  /**
   * Called exactly once, also when set after the close; one handler, a second call replaces it.
   * Comes after the last octet has been given to the receive handler.
   */
  onClose(handler: (reason: LinkCloseReason) => void): void;
  /** Resolves when the link is closed and its resources are given back; safe to repeat. */
  close(): Promise<void>;
}

/**
 * - `bad-address`: the text is no link address; the message shows one that is.
 * - `not-found`: no such port, host name, or helper program; `permission`: the system does not let us.
 * - `busy`: someone else has it open; `refused`: the peer does not want us; `unauthorised`: the token is missing or wrong.
 * - `timeout`: no answer in time; `too-large`: a bound of `limits.ts` was passed; `io`: the system reported anything else.
 */
export type LinkErrorCode =
  'bad-address' | 'not-found' | 'permission' | 'busy' | 'refused' | 'unauthorised' | 'timeout' | 'too-large' | 'io';

/** What went wrong on the wire, with the way out in its message. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly code: LinkErrorCode;

  constructor(code: LinkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
