/** The receiver machine with the least around it: a slot in memory, effects performed at once. What reaches the slot can be looked at. */
import {
  beginHeld,
  checkAuthorisation,
  checkOffer,
  decodeHostMessage,
  encodeFrame,
  encodeHostMessage,
  HOST_TYPES,
  manufacturerImageHash,
  gbcsSignatureHolds,
  signOutcome,
  startReceiver,
  stepReceiver,
  verifyBlock,
  type HostMessage,
  type MeterMessage,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
} from '@smets1/protocol';
import { run, TRUST } from './bench-crypto.js';
import { DEVICE_ID, VERIFIED } from './bench-image.js';

const BOOT_EPOCH = 3;
const NOW_MS = 1_000;
const NOW_S = 1_700_000_000;

export class BenchMeter {
  #state: ReceiverState = emptyMeter();
  #slot = new Uint8Array(VERIFIED.manifest.imageBytes);
  #activated = false;
  #sessionTag = 0;
  #sequence = 0;

  /** Another meter in the same state. */
  fork(): BenchMeter {
    const twin = new BenchMeter();
    twin.#state = this.#state;
    twin.#slot = this.#slot.slice();
    twin.#activated = this.#activated;
    twin.#sessionTag = this.#sessionTag;
    twin.#sequence = this.#sequence;
    return twin;
  }

  get slot(): Uint8Array {
    return this.#slot;
  }

  get activated(): boolean {
    return this.#activated;
  }

  get durableCount(): number {
    return this.#state.held?.map.durableCount ?? 0;
  }

  /** The frame in which this message would come next. */
  frameOf(message: HostMessage): Uint8Array {
    return encodeHostMessage({ sessionTag: this.#sessionTag, sequence: this.#sequence + 1, message });
  }

  /** A frame like it, right in itself, with a payload that may be anything. */
  frameOfPayload(kind: HostMessage['kind'], payload: Uint8Array): Uint8Array {
    const type = HOST_TYPES[kind];
    return encodeFrame({
      type,
      sessionTag: this.#sessionTag,
      sequence: this.#sequence + 1,
      block: 0,
      offsetBytes: 0,
      payload,
    });
  }

  tell(message: HostMessage): readonly MeterMessage[] {
    return this.hear(this.frameOf(message));
  }

  hear(frame: Uint8Array): readonly MeterMessage[] {
    this.#sequence++;
    const said: MeterMessage[] = [];
    const inputs: ReceiverInput[] = [{ kind: 'heard', received: decodeHostMessage(frame) }];
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      const step = stepReceiver(this.#state, input, NOW_MS);
      this.#state = step.state;
      for (const effect of step.effects) {
        if (effect.kind === 'send') {
          said.push(effect.envelope.message);
          if (effect.envelope.message.kind === 'accept') this.#sessionTag = effect.envelope.sessionTag;
        } else {
          const report = this.#perform(effect);
          if (report !== undefined) inputs.push(report);
        }
      }
    }
    return said;
  }

  #perform(effect: Exclude<ReceiverEffect, { kind: 'send' }>): ReceiverInput | undefined {
    switch (effect.kind) {
      case 'check-offer':
        return { kind: 'offer-checked', result: run(checkOffer(effect.offer, TRUST.manufacturer, BOOT_EPOCH)) };
      case 'prepare':
        return { kind: 'prepared', held: beginHeld(effect.image, 1) };
      case 'check-block': {
        const { image, block, octets } = effect;
        const ok = run(verifyBlock(image.manifest, image.manifestDigest, block, octets, image.manufacturerKey));
        return { kind: 'block-checked', block, octets, ok };
      }
      case 'store-block':
        this.#slot.set(effect.payload, effect.offsetBytes);
        return { kind: 'block-stored', block: effect.block, ok: true };
      case 'record-blocks':
        return { kind: 'blocks-recorded', blocks: effect.blocks, ok: true };
      case 'seal-image': {
        const imageHash = run(manufacturerImageHash(this.#slot));
        if (Buffer.compare(imageHash, effect.image.manifest.imageHash) !== 0)
          return { kind: 'image-sealed', code: 'hashMismatch', imageHash };
        const authentic = run(gbcsSignatureHolds(this.#slot, effect.image.gbcsSignature, TRUST.supplier));
        return { kind: 'image-sealed', code: authentic ? 'success' : 'notAuthentic', imageHash };
      }
      case 'check-authorisation': {
        const { octets, reply } = effect;
        return {
          kind: 'authorisation-checked',
          octets,
          reply,
          result: run(checkAuthorisation(octets, TRUST)),
          nowS: NOW_S,
        };
      }
      case 'store-counter':
        return { ...effect, kind: 'counter-stored', ok: true };
      case 'activate':
        this.#activated = true;
        return undefined;
      case 'sign-outcome':
        return { kind: 'outcome-signed', reply: effect.reply, as: effect.as, octets: run(signOutcome(effect.fields)) };
      case 'alert':
        return undefined;
    }
  }
}

function emptyMeter(): ReceiverState {
  const { manifest } = VERIFIED;
  return startReceiver(
    {
      deviceId: DEVICE_ID,
      deviceClass: manifest.deviceClass,
      manufacturerCode: manifest.manufacturerCode,
      imageType: manifest.imageType,
      hardwareVersion: manifest.hardwareMin,
      bootEpoch: BOOT_EPOCH,
      runningVersion: manifest.fileVersion - 1,
      runningHash: new Uint8Array(32),
      securityCounter: manifest.securityCounter - 1,
      mode: 'confirmed',
      slotBytes: 1 << 20,
      blockShiftMin: 8,
      blockShiftMax: 16,
      blockCountMax: 4_096,
      windowBytes: 65_536,
      frameBytesMax: 8_192,
    },
    undefined,
    { originatorCounter: 0n, authorisationDigest: undefined, result: 'success' },
  );
}
