/** What stands before the receiver: the family's temporary failures, and an image that refuses offers. Most messages pass. */
import { HOST_TYPES, REFUSAL_CODES, type HostMessage, type MeterMessage, type Received } from '@smets1/protocol';
import { BUSY_OFFER_ETA_MS } from '../limits.js';
import type { DeviceQuirks } from '../profiles/device-profile.js';

/** `passes`: to the receiver; `lost`: as on a line; else the answer. */
export type GateAnswer = 'passes' | 'lost' | MeterMessage;

/** Counts from the start of the meter. */
export class Gate {
  readonly #quirks: DeviceQuirks;
  readonly #takesOffers: boolean;
  #offers = 0;
  #dataFrames = 0;

  constructor(quirks: DeviceQuirks, takesOffers: boolean) {
    this.#quirks = quirks;
    this.#takesOffers = takesOffers;
  }

  meets(received: Received<HostMessage>): GateAnswer {
    if (received.kind !== 'message') return 'passes';
    switch (received.envelope.message.kind) {
      case 'offer':
        this.#offers += 1;
        if (!this.#takesOffers) return REFUSED;
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
/** Any code would do for an image that does not want; this one makes no host try again. */
const REFUSED: MeterMessage = {
  kind: 'refuse',
  code: REFUSAL_CODES.storageFailed,
  requestType: HOST_TYPES.offer,
  detail: 0,
};

/** A period of 1 would be a meter that never takes anything: 2 is the least. */
function isNth(count: number, every: number | undefined): boolean {
  return every !== undefined && count % Math.max(2, every) === 0;
}
