/** Where a virtual meter can be reached: a WebSocket address, a serial line. It has one port: the link opened last is heard. */
import { existsSync, readlinkSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import {
  acceptWebSockets,
  openSerial,
  ptyPair,
  type Authorisation,
  type Link,
  type ListenAddress,
  type PtyPair,
  type WebSocketDoor,
} from '@smets1/hardware';
import { checkUpgrade } from '@smets1/http-guard';
import { REPLUG_MS } from '../limits.js';
import type { BenchMeter } from './bench-meter.js';

export interface DoorOptions {
  readonly meter: Pick<BenchMeter, 'attach'>;
  readonly ws: ListenAddress | undefined;
  /**
   * A serial device that is there: the meter sits on it. Any other path: a pair of pseudo terminals is made, and its far end is there.
   * `auto`: likewise, at a path of the system's choice, or none where this machine cannot make one.
   */
  readonly serial: { readonly path: string } | 'auto' | undefined;
  /** What WebSockets must show. */
  readonly token: string | undefined;
  readonly tell: (news: DoorNews) => void;
}

/** `detached` with a reason: the link did not end by itself. */
export interface DoorNews {
  readonly kind: 'attached' | 'detached' | 'no-serial';
  readonly detail: string;
  readonly reason?: typeof TAKEN_OVER;
}

const TAKEN_OVER = 'another sender took over';

export interface Doors {
  /** For whoever wants to reach the meter. */
  readonly wsUrl: string | undefined;
  readonly serialUrl: string | undefined;
  close(): Promise<void>;
}

/** @throws LinkError for a door that cannot be opened */
export async function openDoors(options: DoorOptions): Promise<Doors> {
  const doors = new MeterDoors(options);
  try {
    await doors.open();
    return doors;
  } catch (error) {
    await doors.close();
    throw error;
  }
}

class MeterDoors implements Doors {
  readonly #options: DoorOptions;
  #ws: WebSocketDoor | undefined;
  #pty: PtyPair | undefined;
  #serialPath: string | undefined;
  #serialUrl: string | undefined;
  #serialIsOpen = false;
  #webSockets = 0;
  /** The link that the meter hears, until it has ended or another one took over. */
  #heard: Link | undefined;
  #replug: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  get wsUrl(): string | undefined {
    return this.#ws === undefined ? undefined : `ws://${hostOf(this.#ws.address)}`;
  }

  get serialUrl(): string | undefined {
    return this.#serialUrl;
  }

  async open(): Promise<void> {
    await this.#openSerialDoor();
    const { ws } = this.#options;
    if (ws === undefined) return;
    const authorise = (request: IncomingMessage): Authorisation =>
      admits(request, this.#ws?.address, this.#options.token);
    this.#ws = await acceptWebSockets(ws, { authorise }, (link) => this.#attachWebSocket(link));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#replug);
    await this.#ws?.close();
    await this.#pty?.close();
  }

  #attachWebSocket(link: Link): void {
    this.#webSockets += 1;
    this.#attach(link, () => {
      this.#webSockets -= 1;
      void this.#plug();
    });
  }

  async #openSerialDoor(): Promise<void> {
    const { serial, tell } = this.#options;
    if (serial === undefined) return;
    if (serial !== 'auto' && existsSync(serial.path)) {
      this.#serialPath = serial.path;
      this.#serialUrl = `serial:${serial.path}`;
      // The first time a port that cannot be opened is the user's mistake; later it is a cable that was pulled.
      await this.#plugOnce();
      return;
    }
    if (serial !== 'auto') removeDeadLine(serial.path);
    try {
      this.#pty = await ptyPair(serial === 'auto' ? {} : { b: serial.path });
    } catch (error) {
      if (serial !== 'auto') throw error;
      tell({ kind: 'no-serial', detail: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#serialPath = this.#pty.a;
    this.#serialUrl = `serial:${this.#pty.b}`;
    await this.#plugOnce();
  }

  /** Sits down on the serial line unless a WebSocket is heard; tries again later where it cannot. */
  async #plug(): Promise<void> {
    if (this.#isClosed || this.#serialPath === undefined || this.#serialIsOpen || this.#webSockets > 0) return;
    try {
      await this.#remakeLine();
      await this.#plugOnce();
    } catch {
      this.#plugLater();
    }
  }

  /** When whoever held our pair of terminals ended, nobody could reach the meter any more: it is made again, its far end where it was. */
  async #remakeLine(): Promise<void> {
    const gone = this.#pty;
    if (gone === undefined || existsSync(gone.a)) return;
    await gone.close();
    removeDeadLine(gone.b);
    this.#pty = await ptyPair({ b: gone.b });
    this.#serialPath = this.#pty.a;
  }

  async #plugOnce(): Promise<void> {
    this.#serialIsOpen = true;
    try {
      const link = await openSerial({ path: this.#serialPath! });
      if (this.#isClosed || this.#webSockets > 0) {
        this.#serialIsOpen = false;
        await link.close();
        return;
      }
      this.#attach(link, () => {
        this.#serialIsOpen = false;
        // Also when we closed it: the meter's power went, and its line stays.
        this.#plugLater();
      });
    } catch (error) {
      this.#serialIsOpen = false;
      throw error;
    }
  }

  #plugLater(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#replug);
    this.#replug = setTimeout(() => void this.#plug(), REPLUG_MS);
  }

  #attach(link: Link, onClosed: () => void): void {
    const { meter, tell } = this.#options;
    const before = this.#heard;
    this.#heard = link;
    if (before !== undefined) tell({ kind: 'detached', detail: `${before.label}: ${TAKEN_OVER}`, reason: TAKEN_OVER });
    tell({ kind: 'attached', detail: link.label });
    meter.attach(
      watched(link, () => {
        if (!this.#isClosed && this.#heard === link) tell({ kind: 'detached', detail: link.label });
        if (this.#heard === link) this.#heard = undefined;
        onClosed();
      }),
    );
  }
}

/**
 * A page in a browser is refused. Without a token everybody else is let in: a meter believes only what is signed.
 *
 * @param address - Where the door listens; undefined while it is not open yet.
 */
export function admits(
  request: IncomingMessage,
  address: ListenAddress | undefined,
  token: string | undefined,
): Authorisation {
  if (address === undefined) return { ok: false, status: 503, message: 'not open yet' };
  if (token !== undefined) return checkUpgrade(request, { token, allowedHosts: [hostOf(address)], allowedOrigins: [] });
  if (request.headersDistinct['origin'] === undefined) return { ok: true };
  return { ok: false, status: 403, message: 'a page in a browser may not speak to this meter' };
}

export function hostOf({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What a line leaves behind whose meter and socat were killed: a name that points to no terminal any more. */
function removeDeadLine(path: string): void {
  let target: string;
  try {
    target = readlinkSync(path);
  } catch {
    return; // nothing there, or nothing of ours
  }
  if (target.startsWith('/dev/pts/') && !existsSync(target)) rmSync(path, { force: true });
}

/** The link, and word of its end also for somebody else than its one user. */
function watched(link: Link, onClosed: () => void): Link {
  return {
    label: link.label,
    capabilities: link.capabilities,
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    send: (octets) => link.send(octets),
    onReceive: (handler) => link.onReceive(handler),
    onClose: (handler) =>
      link.onClose((reason) => {
        handler(reason);
        onClosed();
      }),
    close: async () => await link.close(),
  };
}
