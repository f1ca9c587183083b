/** A model meter without a line, for tests that speak to it word by word. */
import { decodeHostMessage, encodeHostMessage, type Envelope } from '../message/envelope.js';
import type { Data, HostMessage, Offer } from '../message/host-messages.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { ModelMeter, type MeterOptions } from './model-meter.test-support.js';
import type { ModelImage } from './model-image.test-support.js';
import { chanceOf, World } from './world.test-support.js';

export class BenchReceiver {
  readonly world: World = new World();
  readonly meter: ModelMeter;
  readonly options: MeterOptions;
  /** All that the meter said since {@link say} was last called. */
  heard: Envelope<MeterMessage>[] = [];
  sessionTag = 0;
  /** Of the last DATA said. */
  dataSequence = 0;
  nowS = 1_700_000_000;
  private request = 0;

  constructor(given: Partial<MeterOptions> = {}) {
    this.options = {
      device: {},
      framing: 'message',
      cut: undefined,
      restartMs: 100,
      images: [],
      neverConfirms: false,
      trialMs: 1_000,
      checkJitterMs: 0,
      workMs: {},
      fails: () => false,
      chance: chanceOf(1),
      nowS: () => this.nowS,
      ...given,
    };
    this.meter = new ModelMeter(this.world, this.options, () => {});
    this.meter.onSay = (envelope) => void this.heard.push(envelope);
  }

  /** Says it, and gives back what the meter says at once; nothing that takes time has happened yet. */
  say(message: HostMessage, sessionTag: number = this.sessionTag): readonly MeterMessage[] {
    this.heard = [];
    const sequence = message.kind === 'data' ? ++this.dataSequence : ++this.request;
    this.meter.give({
      kind: 'heard',
      received: decodeHostMessage(encodeHostMessage({ sessionTag, sequence, message })),
    });
    return this.words();
  }

  /** Says it, waits until the meter has nothing more to do, and gives back all that it said. */
  ask(message: HostMessage, sessionTag: number = this.sessionTag): readonly MeterMessage[] {
    this.say(message, sessionTag);
    return this.settle();
  }

  /** The last word of the answer. */
  last(message: HostMessage, sessionTag: number = this.sessionTag): MeterMessage | undefined {
    return this.ask(message, sessionTag).at(-1);
  }

  settle(forMs: number = 600): readonly MeterMessage[] {
    this.world.run(this.world.nowMs + forMs);
    this.world.nowMs += forMs;
    return this.words();
  }

  /** Offers and keeps the tag of the session. */
  offer(image: ModelImage, given: Partial<Offer> = {}): MeterMessage | undefined {
    this.ask(offerOf(image, given));
    const accepted = this.heard.findLast(({ message }) => message.kind === 'accept');
    if (accepted !== undefined) {
      this.sessionTag = accepted.sessionTag;
      this.dataSequence = 0;
    }
    return this.words().at(-1);
  }

  /** Sends whole blocks. */
  send(image: ModelImage, blocks: readonly number[]): readonly MeterMessage[] {
    const words: MeterMessage[] = [];
    for (const block of blocks) words.push(...this.ask(dataOf(image, block)));
    return words;
  }

  seal(image: ModelImage): MeterMessage | undefined {
    return this.last({
      kind: 'seal',
      manifestDigest: image.manifestDigest,
      nonce: new Uint8Array(8).fill(this.request),
    });
  }

  /** From nothing to a sealed image. */
  stage(image: ModelImage, given: Partial<Offer> = {}): void {
    this.offer(image, given);
    this.send(
      image,
      image.blocks.map((_, block) => block),
    );
    this.seal(image);
  }

  private words(): readonly MeterMessage[] {
    return this.heard.map(({ message }) => message);
  }
}

export function offerOf(image: ModelImage, given: Partial<Offer> = {}): Offer {
  const { manifest, otaHeader, gbcsSignature } = image;
  return {
    kind: 'offer',
    replace: false,
    offerNonce: 1,
    manifest: manifest.octets,
    otaHeader,
    gbcsSignature,
    ...given,
  };
}

export function dataOf(image: ModelImage, block: number, offsetBytes = 0, lengthBytes = 8_192): Data {
  return {
    kind: 'data',
    block,
    offsetBytes,
    octets: image.blocks[block]!.subarray(offsetBytes, offsetBytes + lengthBytes),
  };
}
