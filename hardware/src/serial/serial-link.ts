import { SerialPortStream } from '@serialport/stream';
import type { BindingInterface } from '@serialport/bindings-interface' with { 'resolution-mode': 'require' };
import { Inbox } from '../inbox.js';
import {
  BAUD_RATE_DEFAULT,
  BAUD_RATE_MAX,
  BAUD_RATE_MIN,
  BITS_PER_OCTET,
  CLOSE_MS_MAX,
  SEND_BUFFER_BYTES_MAX,
} from '../limits.js';
import { LinkError, type Link, type LinkCapabilities, type LinkCloseReason } from '../link.js';
import { systemBinding } from './system-binding.js';

export interface SerialOptions {
  /** `/dev/ttyUSB0`, `/dev/serial/by-id/…`, `COM3`, or one end of a PTY pair. */
  readonly path: string;
  /** Bits per second; `BAUD_RATE_DEFAULT` when absent. */
  readonly baudRate?: number;
  /** Where ports come from: the system's when absent, a model in tests. */
  readonly binding?: BindingInterface;
}

/**
 * Opens a serial port, raw, 8 data bits, no parity, 1 stop bit, no flow control, for us alone.
 *
 * The lock is the `flock` that bindings-cpp takes on the device. It holds between processes, on pseudo terminals and
 * against root, which `TIOCEXCL` does not, and it ends with its process, so that no stale lock file can be left behind.
 * It does not stop a program that takes no `flock`.
 *
 * @throws LinkError `not-found`, `permission`, `busy`, `io`; `bad-address` for a rate no port has.
 */
export async function openSerial(options: SerialOptions): Promise<Link> {
  const baudRate = options.baudRate ?? BAUD_RATE_DEFAULT;
  if (!Number.isInteger(baudRate) || baudRate < BAUD_RATE_MIN || baudRate > BAUD_RATE_MAX) {
    const range = `${BAUD_RATE_MIN} to ${BAUD_RATE_MAX}`;
    throw new LinkError(
      'bad-address',
      `${baudRate} baud is no rate of a serial port; take a whole number from ${range}`,
    );
  }
  const stream = new SerialPortStream({
    binding: options.binding ?? (await systemBinding()),
    path: options.path,
    baudRate,
    dataBits: 8,
    parity: 'none',
    stopBits: 1,
    rtscts: false,
    xon: false,
    xoff: false,
    lock: true,
    autoOpen: false,
  });
  await new Promise<void>((resolve, reject) => {
    stream.open((error) => (error ? reject(openError(options.path, error)) : resolve()));
  });
  return new SerialLink(stream, options.path, baudRate);
}

class SerialLink implements Link {
  readonly label: string;
  readonly capabilities: LinkCapabilities;
  readonly #stream: SerialPortStream;
  readonly #inbox = new Inbox();
  #bufferedBytes = 0;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(stream: SerialPortStream, path: string, baudRate: number) {
    this.#stream = stream;
    this.label = `serial:${path}?baud=${baudRate}`;
    this.capabilities = { framing: 'stream', octetsPerSecond: baudRate / BITS_PER_OCTET };
    stream.on('data', (octets: Buffer) => this.#take(octets));
    stream.on('error', (error: Error) => this.#lost(error));
    // `close` comes with an error when the device went away, with null after our own close, and with nothing when the
    // stream destroyed itself because of an error that was already told.
    stream.on('close', (error?: Error | null) => {
      if (error instanceof Error) this.#lost(error);
    });
  }

  get bufferedBytes(): number {
    return this.#inbox.isClosed ? 0 : this.#bufferedBytes;
  }

  send(octets: Uint8Array): void {
    if (this.#isClosing || octets.length === 0) return;
    if (this.#bufferedBytes + octets.length > SEND_BUFFER_BYTES_MAX) {
      const text = `more than ${SEND_BUFFER_BYTES_MAX} octets wait for ${this.label}; look at bufferedBytes before sending more`;
      this.#end({ kind: 'failed', error: new LinkError('too-large', text) });
      return;
    }
    const { length } = octets;
    this.#bufferedBytes += length;
    this.#stream.write(Buffer.from(octets), undefined, (error) => {
      this.#bufferedBytes -= length;
      if (error) this.#lost(error);
      else if (this.#bufferedBytes === 0) this.#onEmpty?.();
    });
  }

  onReceive(handler: (octets: Uint8Array) => void): void {
    this.#inbox.onReceive(handler);
  }

  onClose(handler: (reason: LinkCloseReason) => void): void {
    this.#inbox.onClose(handler);
  }

  /** What was sent has `CLOSE_MS_MAX` to leave; the rest of it is lost. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeInOrder();
    await this.#closing;
  }

  #take(octets: Buffer): void {
    if (this.#isClosing) return;
    // A copy: the stream cuts its octets from one pool, and a held view would keep all 64 KiB of it.
    const error = this.#inbox.deliver(new Uint8Array(octets));
    if (error !== undefined) this.#end({ kind: 'failed', error });
  }

  /** The other end hung up or the device was pulled out; whatever the system calls it, it is an ordinary event. */
  #lost(error: Error): void {
    if (!this.#isClosing)
      this.#end({ kind: 'remote', detail: `${this.label} was unplugged or hung up (${error.message})` });
    this.#onEmpty?.();
  }

  #end(reason: LinkCloseReason): void {
    this.#isClosing = true;
    this.#inbox.end(reason);
    this.#closing ??= this.#closeStream();
  }

  async #closeInOrder(): Promise<void> {
    this.#isClosing = true;
    if (this.#bufferedBytes > 0) await this.#emptied();
    await this.#closeStream();
    this.#inbox.end({ kind: 'local' });
  }

  async #emptied(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MS_MAX);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #closeStream(): Promise<void> {
    if (!this.#stream.isOpen) return;
    await new Promise<void>((resolve) => {
      this.#stream.close(() => resolve()); // an error here says that it is closed already
    });
  }
}

function openError(path: string, error: Error): LinkError {
  const options = { cause: error };
  const text = error.message;
  if (/no such|not found|does not exist|no port/i.test(text)) {
    return new LinkError('not-found', `there is no port ${path}; is it plugged in? List the ports there are`, options);
  }
  if (/cannot lock port|resource busy|temporarily unavailable|is locked|port is open/i.test(text)) {
    return new LinkError('busy', `${path} is open in another program; close that and try again`, options);
  }
  if (/permission|access denied|not permitted/i.test(text)) {
    const way = 'on Linux, join its group: sudo usermod -aG dialout $USER, then log in again';
    return new LinkError('permission', `the system does not let us open ${path}; ${way}`, options);
  }
  return new LinkError('io', `${path} cannot be opened as a serial port: ${text}`, options);
}
