/** What stands before the receiver: the family's temporary failures. Most messages pass. */
import type { HostMessage, MeterMessage, Received } from '@smets1/protocol';
import { BUSY_OFFER_ETA_MS } from '../limits.js';
import type { DeviceQuirks } from '../profiles/device-profile.js';

/** `passes`: to the receiver; `lost`: as on a line; else the answer. */
export type GateAnswer = 'passes' | 'lost' | MeterMessage;

/** Counts from the start of the meter. */
export class Gate {
  readonly #quirks: DeviceQuirks;
  #offers = 0;
  #dataFrames = 0;

  constructor(quirks: DeviceQuirks) {
    this.#quirks = quirks;
  }

  meets(received: Received<HostMessage>): GateAnswer {
    if (received.kind !== 'message') return 'passes';
    switch (received.envelope.message.kind) {
      case 'offer':
        this.#offers += 1;
        return isNth(this.#offers, this.#quirks.busyEveryOffers) ? BUSY : 'passes';
      case 'data':
        this.#dataFrames += 1;
        return isNth(this.#dataFrames, this.#quirks.dropEveryDataFrames) ? 'lost' : 'passes';
      default:
        return 'passes';
    }
  }
}

const BUSY: MeterMessage = { kind: 'busy', cause: 'checking', etaMs: BUSY_OFFER_ETA_MS };

/** A period of 1 would be a meter that never takes anything: 2 is the least. */
function isNth(count: number, every: number | undefined): boolean {
  return every !== undefined && count % Math.max(2, every) === 0;
}
