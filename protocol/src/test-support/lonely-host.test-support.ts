/** A host, and in the meter's place something that answers as it likes. */
import { encodeHostMessage, type Envelope } from '../message/envelope.js';
import type { Outcome } from '../authorisation/outcome.js';
import type { HostMessage } from '../message/host-messages.js';
import type { MeterHello, MeterMessage } from '../message/meter-messages.js';
import type { Sack } from '../message/sack.js';
import { startSender, stepSender, wakeSenderAtMs } from '../sender/sender.js';
import type { SenderInput, SenderPlan, SenderResult, SenderState } from '../sender/sender-types.js';
import { DEVICE_ID, modelImage, type ModelImage } from './model-image.test-support.js';
import { World } from './world.test-support.js';

export const image: ModelImage = modelImage({ bytes: 256 * 12 });
const DAY_MS = 86_400_000;

export type Answer = Omit<Envelope<MeterMessage>, 'message'> & { readonly message: MeterMessage };
export type Answers = (said: Envelope<HostMessage>, host: LonelyHost) => readonly Answer[];

/** A host, and whatever `answers`. */
export class LonelyHost {
  readonly world: World = new World();
  state: SenderState;
  sent = 0;
  /** Of any one frame. */
  longestBytes = 0;
  outcome: Outcome | undefined;
  attested = true;
  private readonly answers: Answers;

  constructor(plan: SenderPlan, answers: Answers) {
    this.answers = answers;
    this.state = startSender(plan, 0);
    this.give({ kind: 'link-up' });
  }

  run(): SenderResult {
    this.world.run(DAY_MS * 30, () => this.state.phase.kind === 'ended' || this.world.events > 500_000);
    const { phase } = this.state;
    if (phase.kind !== 'ended')
      throw new Error(`still ${phase.kind} after ${this.world.events} events and ${this.world.nowMs} ms`);
    return phase.result;
  }

  give(input: SenderInput): void {
    const { state, effects } = stepSender(this.state, input, this.world.nowMs);
    this.state = state;
    for (const effect of effects) {
      if (effect.kind === 'check-outcome') {
        const { outcome, attested } = this;
        this.world.in(1, () => this.give({ kind: 'outcome-checked', outcome, attested }));
      }
      if (effect.kind !== 'send') continue;
      this.sent++;
      this.longestBytes = Math.max(this.longestBytes, encodeHostMessage(effect.envelope).length);
      for (const envelope of this.answers(effect.envelope, this)) {
        this.world.in(10, () => this.give({ kind: 'heard', received: { kind: 'message', envelope } }));
      }
    }
    const wakeAtMs = wakeSenderAtMs(state);
    if (wakeAtMs !== undefined && Number.isFinite(wakeAtMs)) {
      this.world.at(wakeAtMs, () => {
        if (wakeSenderAtMs(this.state) === wakeAtMs) this.give({ kind: 'tick' });
      });
    }
  }
}

export const hello = (nonce: Uint8Array, given: Partial<MeterHello> = {}): MeterHello => ({
  kind: 'meter-hello',
  minor: 0,
  frameBytesMax: 8_192,
  nonce,
  deviceId: DEVICE_ID,
  bootEpoch: 1,
  deviceClass: 1,
  manufacturerCode: 0x121d,
  imageType: 1,
  hardwareVersion: 0x1150,
  runningVersion: 1,
  securityCounter: 1,
  phase: 'empty',
  blockShiftMax: 16,
  slotBytes: 1_000_000,
  blockCountMax: 65_535,
  windowBlocks: 16,
  originatorCounter: 0n,
  ...given,
});

export const sackNothing: Sack = {
  kind: 'sack',
  highest: 0,
  bitmap: new Uint8Array(8),
  creditBlocks: 16,
  heldMs: 0,
  durableCount: 0,
  durableFrom: 0,
  durable: new Uint8Array(0),
  ranges: [],
  receivedBytes: 0,
  storedBytes: 0,
};

/** A meter that is right up to some kind of message, and answers that one and what follows as told. */
export function until(
  own: Partial<
    Record<
      HostMessage['kind'],
      (said: Envelope<HostMessage>, host: LonelyHost) => MeterMessage | readonly MeterMessage[]
    >
  >,
): Answers {
  return (said, host) => {
    const { message, sequence } = said;
    const mine = own[message.kind]?.(said, host);
    const reply = (answer: MeterMessage): Answer => ({ sessionTag: 7, sequence, message: answer });
    if (mine !== undefined) return ('kind' in mine ? [mine] : mine).map(reply);
    switch (message.kind) {
      case 'hello':
        return [reply(hello(message.nonce))];
      case 'offer': {
        const { manifestDigest } = image;
        return [
          reply({
            kind: 'accept',
            status: 'send',
            blockShift: 8,
            durableCount: 0,
            offerNonce: message.offerNonce,
            creditBlocks: 16,
            frameBytesMax: 8_192,
            manifestDigest,
          }),
        ];
      }
      case 'ping':
        return [reply(sackNothing)];
      default:
        return [];
    }
  };
}
