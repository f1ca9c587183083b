/** Conversations with meters under way, each of which a cancellation, its due time or the end of the DCO may end. */
import type { TimePort } from '@smets1/host';
import type { CryptoPort, SendableImage } from '@smets1/protocol';
import type { Clock } from '../clock.js';
import type { StageEvent } from '../events.js';
import type { Inventory } from '../inventory.js';
import type { MeterLinks } from '../meter-links.js';
import { speak } from './conversation.js';
import type { Spoken } from './conversation.js';

export interface TalkOptions {
  readonly inventory: Inventory;
  readonly links: MeterLinks;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly ratePerLink?: number;
  readonly linkTime?: TimePort;
}

export interface Talk {
  readonly requestId: string;
  readonly deviceId: string;
  readonly image: SendableImage | undefined;
  /** 232 octets; absent: nothing is activated. */
  readonly authorisation: Uint8Array | undefined;
  /** When it is over at the latest. */
  readonly endAtMs?: number | undefined;
  readonly tell: (event: Omit<StageEvent, 'atMs' | 'requestId' | 'deviceId'>) => void;
}

export class Talks {
  readonly #o: TalkOptions;
  readonly #talking = new Map<string, AbortController>();
  readonly #stop = new AbortController();

  constructor(options: TalkOptions) {
    this.#o = options;
  }

  /** Whether all are over for good. */
  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async hold(talk: Talk): Promise<Spoken> {
    const { requestId, deviceId, image, authorisation, endAtMs, tell } = talk;
    const { inventory, links, crypto, clock, ratePerLink, linkTime } = this.#o;
    const device = inventory.devices.get(deviceId);
    if (device === undefined) {
      const message = `device ${deviceId} is not in the inventory any more`;
      return { kind: 'failed', code: 'device-unknown', message, device: { deviceId }, meter: undefined };
    }
    const own = new AbortController();
    this.#talking.set(requestId, own);
    const cancel = endAtMs === undefined ? undefined : clock.at(endAtMs, () => own.abort());
    try {
      return await speak({
        device,
        links,
        crypto,
        image,
        authorisation,
        octetsPerSecond: ratePerLink,
        time: linkTime,
        signal: AbortSignal.any([own.signal, this.#stop.signal]),
        tell,
        nowMs: () => clock.nowMs(),
      });
    } finally {
      cancel?.();
      this.#talking.delete(requestId);
    }
  }

  end(requestId: string): void {
    this.#talking.get(requestId)?.abort();
  }

  /** Ends those under way, and every later one at once. */
  stop(): void {
    this.#stop.abort();
  }
}
