/**
 * A meter for tests: the receiver machine on a flash of plain memory, on virtual time, with a power cut before, after or in the middle of
 * any write. It holds itself to two promises at every write and every word it says: what it says to be durable would survive a cut at this very
 * moment, and nothing unauthenticated stands in its slot.
 */
import { concat, equalOctets } from '../layout/octets.js';
import { encodeForLine, decodeFromLine, lineDecoder, type Framing, type LineDecoder } from '../frame/line-coding.js';
import { encodeOutcomeBody } from '../authorisation/outcome.js';
import { CONTEXTS } from '../crypto-port.js';
import { gbcsSignatureHolds } from '../image/ota-image.js';
import { TRIAL_STARTS_MAX } from '../limits.js';
import { decodeHostMessage, encodeMeterMessage, type Envelope } from '../message/envelope.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { verifyBlock } from '../package/block.js';
import { checkAuthorisation } from '../receiver/activation.js';
import { checkOffer } from '../receiver/offer.js';
import { startReceiver, stepReceiver, wakeReceiverAtMs } from '../receiver/receiver.js';
import type {
  ActivationMemory,
  CheckedAuthorisation,
  DeviceFacts,
  ReceiverEffect,
  ReceiverInput,
  ReceiverState,
} from '../receiver/receiver-types.js';
import {
  beginHeld,
  beginRecord,
  blocksRecords,
  droppedRecord,
  sealedRecord,
  type HeldImage,
  type ImageOffer,
  type Recovered,
} from '../staging/staging.js';
import { Promises, recovered, type ModelFlash } from './model-flash.test-support.js';
import { modelCrypto, modelKeys, modelSigner, modelTrust, runModel } from './model-crypto.test-support.js';
import { DEVICE_ID, type ModelImage } from './model-image.test-support.js';
import type { World } from './world.test-support.js';

export interface Cut {
  /** Counts the writes to flash from 1. */
  readonly atWrite: number;
  readonly phase: 'before' | 'torn' | 'after';
}

export interface MeterOptions {
  readonly device: Partial<DeviceFacts>;
  readonly framing: Framing;
  readonly cut: Cut | undefined;
  readonly restartMs: number;
  /** The images that exist: only octets of these may ever stand in the slot. */
  readonly images: readonly ModelImage[];
  /** A new image that never confirms. */
  readonly neverConfirms: boolean;
  readonly trialMs: number;
  /** Signature checks come back in any order within so many milliseconds, as from a browser's crypto. */
  readonly checkJitterMs: number;
  /** What an effect takes, where it is not the usual. */
  readonly workMs: Partial<typeof WORK_MS>;
  /** Effects that flash refuses: `prepare`, `store-block`, `record-blocks`, `store-counter`. */
  readonly fails: (effect: ReceiverEffect['kind']) => boolean;
  readonly chance: () => number;
  readonly nowS: () => number;
}

const ERASED = 0xff;
const WORK_MS: Readonly<Record<Exclude<ReceiverEffect['kind'], 'send' | 'alert' | 'activate'>, number>> = {
  'check-offer': 2,
  prepare: 300,
  'check-block': 1,
  'store-block': 2,
  'record-blocks': 1,
  'seal-image': 150,
  'check-authorisation': 3,
  'store-counter': 1,
  'sign-outcome': 1,
};

class PowerCut extends Error {}

export class ModelMeter {
  readonly flash: ModelFlash;
  state: ReceiverState;
  powered = false;
  writes = 0;
  cuts = 0;
  readonly promises: Promises;
  readonly counts: Record<string, number> = {};
  readonly alerts: number[] = [];
  /** Called with every word the meter says, before the line has its turn. */
  onSay: (envelope: Envelope<MeterMessage>) => void = () => {};
  private decoder: LineDecoder;
  private queue: ReceiverEffect[] = [];
  private working = false;
  private checking = 0;
  /** Goes up with each start, so that nothing planned before a cut happens after it. */
  private life = 0;

  private readonly world: World;
  private readonly options: MeterOptions;
  private readonly transmit: (octets: Uint8Array) => void;

  constructor(world: World, options: MeterOptions, transmit: (octets: Uint8Array) => void) {
    this.world = world;
    this.options = options;
    this.transmit = transmit;
    this.flash = {
      offer: undefined,
      slot: new Uint8Array(options.device.slotBytes ?? 16_384).fill(ERASED),
      log: [],
      activation: { originatorCounter: 0n, authorisationDigest: undefined, result: 'success' },
      running: {
        hash: new Uint8Array(32).fill(0x0d),
        version: 0x00010000,
        securityCounter: 3,
        ...pickRunning(options.device),
      },
      trial: undefined,
      bootEpoch: 0,
    };
    this.promises = new Promises(this.flash, options.images);
    this.decoder = lineDecoder(options.framing);
    this.state = startReceiver(this.device(), undefined, this.flash.activation);
    this.start();
  }

  start(): void {
    this.life++;
    this.powered = true;
    this.queue = [];
    this.working = false;
    this.checking = 0;
    this.decoder = lineDecoder(this.options.framing);
    try {
      this.boot();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
  }

  /** Power is lost now, and comes back by itself. */
  cutPower(): void {
    this.powered = false;
    this.cuts++;
    this.life++;
    this.world.in(this.options.restartMs, () => {
      if (!this.powered) this.start();
    });
  }

  hear(octets: Uint8Array): void {
    if (!this.powered) return;
    const decoded = decodeFromLine(this.decoder, octets);
    this.decoder = decoded.decoder;
    for (const frame of decoded.frames) {
      if (!this.powered) return;
      this.give({ kind: 'heard', received: decodeHostMessage(frame) });
    }
  }

  give(input: ReceiverInput): void {
    const { state, effects } = stepReceiver(this.state, input, this.world.nowMs);
    this.state = state;
    const wakeAtMs = wakeReceiverAtMs(state);
    if (wakeAtMs !== undefined) this.later(wakeAtMs - this.world.nowMs, () => this.give({ kind: 'tick' }));
    try {
      for (const effect of effects) this.take(effect);
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      return;
    }
    this.work();
  }

  /** What a start now would find. */
  recovered(): Recovered {
    return recovered(this.flash);
  }

  device(): DeviceFacts {
    const { trial, running, bootEpoch } = this.flash;
    const runs = trial ?? running;
    return {
      deviceId: DEVICE_ID,
      deviceClass: 1,
      manufacturerCode: 0x121d,
      imageType: 1,
      hardwareVersion: 0x1150,
      bootEpoch,
      slotBytes: 16_384,
      blockShiftMin: 8,
      blockShiftMax: 16,
      blockCountMax: 65_535,
      windowBytes: 2_048,
      frameBytesMax: 8_192,
      ...this.options.device,
      mode: trial === undefined ? (this.options.device.mode ?? 'confirmed') : 'trial',
      runningHash: runs.hash,
      runningVersion: runs.version,
      securityCounter: running.securityCounter,
    };
  }

  private boot(): void {
    const { flash } = this;
    this.write('boot', () => {
      flash.bootEpoch++;
      if (flash.trial !== undefined && ++flash.trial.starts > TRIAL_STARTS_MAX) {
        flash.trial = undefined;
        flash.activation = { ...flash.activation, result: 'activationFailure' };
      }
    });
    this.state = startReceiver(this.device(), this.recovered().held, flash.activation);
    if (flash.trial === undefined) return;
    this.later(this.options.trialMs, () => {
      if (this.options.neverConfirms) this.restart();
      else this.confirm();
    });
  }

  private confirm(): void {
    const { flash } = this;
    const { trial } = flash;
    if (trial === undefined) return;
    const { held } = this.recovered();
    this.write('confirm', () => {
      flash.running = { hash: trial.hash, version: trial.version, securityCounter: trial.securityCounter };
      flash.trial = undefined;
      flash.activation = { ...flash.activation, result: 'success' };
      if (held !== undefined) flash.log.push(droppedRecord(held));
      this.promises.forget();
    });
    this.give({ kind: 'confirmed', device: this.device() });
  }

  private restart(): void {
    this.powered = false;
    this.life++;
    this.start();
  }

  private take(effect: ReceiverEffect): void {
    switch (effect.kind) {
      case 'send':
        this.say(effect.envelope);
        return;
      case 'alert':
        this.alerts.push(effect.alertCode);
        this.say({
          sessionTag: 0,
          sequence: 0,
          message: {
            kind: 'alert',
            alertCode: effect.alertCode,
            timestampS: this.options.nowS(),
            payload: effect.payload,
          },
        });
        return;
      case 'activate':
        this.activate(effect.authorised);
        return;
      default:
        this.queue.push(effect);
    }
  }

  private work(): void {
    this.signWaiting();
    if (this.working || !this.powered) return;
    const [effect] = this.queue;
    if (effect === undefined || effect.kind === 'send' || effect.kind === 'alert' || effect.kind === 'activate') return;
    if (effect.kind === 'prepare' && this.checking > 0) return;
    this.queue.shift();
    if (effect.kind === 'check-block' && this.options.checkJitterMs > 0) {
      this.checking++;
      this.later(this.options.chance() * this.options.checkJitterMs, () => {
        this.checking--;
        this.perform(effect);
      });
      this.work();
      return;
    }
    this.working = true;
    this.later(this.workMs(effect.kind), () => {
      this.working = false;
      this.perform(effect);
    });
  }

  private workMs(kind: keyof typeof WORK_MS): number {
    return this.options.workMs[kind] ?? WORK_MS[kind];
  }

  /** The device key signs while flash is read or written. */
  private signWaiting(): void {
    for (const effect of this.queue) {
      if (effect.kind === 'sign-outcome') this.later(this.workMs(effect.kind), () => this.perform(effect));
    }
    this.queue = this.queue.filter(({ kind }) => kind !== 'sign-outcome');
  }

  private perform(effect: Exclude<ReceiverEffect, { kind: 'send' | 'alert' | 'activate' }>): void {
    this.counts[effect.kind] = (this.counts[effect.kind] ?? 0) + 1;
    this.give(this.resultOf(effect));
  }

  private resultOf(effect: Exclude<ReceiverEffect, { kind: 'send' | 'alert' | 'activate' }>): ReceiverInput {
    switch (effect.kind) {
      case 'check-offer':
        return {
          kind: 'offer-checked',
          result: runModel(checkOffer(effect.offer, modelTrust.manufacturer, this.flash.bootEpoch)),
        };
      case 'prepare':
        return { kind: 'prepared', held: this.options.fails('prepare') ? undefined : this.prepare(effect.image) };
      case 'check-block': {
        const { manifest, manifestDigest, manufacturerKey } = effect.image;
        const ok = runModel(verifyBlock(manifest, manifestDigest, effect.block, effect.octets, manufacturerKey));
        return { kind: 'block-checked', block: effect.block, octets: effect.octets, ok };
      }
      case 'store-block':
        if (this.options.fails('store-block')) return { kind: 'block-stored', block: effect.block, ok: false };
        this.store(effect.block, effect.offsetBytes, effect.payload);
        return { kind: 'block-stored', block: effect.block, ok: true };
      case 'record-blocks': {
        if (this.options.fails('record-blocks')) return { kind: 'blocks-recorded', blocks: effect.blocks, ok: false };
        const { held } = this.recovered();
        for (const record of blocksRecords(held!, effect.blocks))
          this.write('record', () => void this.flash.log.push(record));
        return { kind: 'blocks-recorded', blocks: effect.blocks, ok: true };
      }
      case 'seal-image':
        return this.seal(effect.image);
      case 'check-authorisation': {
        const { octets, reply } = effect;
        return {
          kind: 'authorisation-checked',
          octets,
          reply,
          result: runModel(checkAuthorisation(octets, modelTrust)),
          nowS: this.options.nowS(),
        };
      }
      case 'store-counter': {
        const { authorised, result, reply } = effect;
        if (this.options.fails('store-counter'))
          return { kind: 'counter-stored', authorised, result, reply, ok: false };
        this.write('counter', () => {
          this.flash.activation = memoryOf(authorised, result);
        });
        return { kind: 'counter-stored', authorised, result, reply, ok: true };
      }
      case 'sign-outcome': {
        const body = encodeOutcomeBody(effect.fields);
        const octets = concat(body, modelSigner(modelKeys).sign('device', concat(CONTEXTS.outcome, body)));
        return { kind: 'outcome-signed', reply: effect.reply, as: effect.as, octets };
      }
    }
  }

  private prepare(image: ImageOffer): HeldImage {
    const { flash } = this;
    const { held, lastInstance } = this.recovered();
    if (held !== undefined) {
      this.write('drop', () => {
        flash.log.push(droppedRecord(held));
        this.promises.forget();
      });
    }
    this.write(
      'erase',
      () => flash.slot.fill(ERASED),
      () => flash.slot.fill(ERASED, 0, flash.slot.length >> 1),
    );
    const fresh = beginHeld(image, lastInstance + 1);
    this.write('offer', () => {
      flash.offer = image;
    });
    this.write('begin', () => void flash.log.push(beginRecord(fresh)));
    return fresh;
  }

  private store(block: number, offsetBytes: number, payload: Uint8Array): void {
    const { held } = this.recovered();
    const image = this.options.images.find(({ manifestDigest }) => equalOctets(manifestDigest, held!.manifestDigest));
    const truth = image?.manufacturerImage.subarray(offsetBytes, offsetBytes + payload.length);
    if (truth === undefined || !equalOctets(truth, payload))
      throw new Error(`unauthenticated octets for block ${block} would reach the slot`);
    this.write(
      'store',
      () => this.flash.slot.set(payload, offsetBytes),
      () => this.flash.slot.set(payload.subarray(0, payload.length >> 1), offsetBytes),
    );
  }

  private seal(image: HeldImage): ReceiverInput {
    const octets = this.flash.slot.slice(0, image.manifest.imageBytes);
    const imageHash = modelCrypto.sha256([octets]);
    const authentic = runModel(gbcsSignatureHolds(octets, image.gbcsSignature, modelTrust.supplier));
    const code = !equalOctets(imageHash, image.manifest.imageHash)
      ? 'hashMismatch'
      : authentic
        ? 'success'
        : 'notAuthentic';
    this.write('seal', () => {
      this.flash.log.push(code === 'success' ? sealedRecord(image) : droppedRecord(image));
      if (code !== 'success') this.promises.forget();
    });
    return { kind: 'image-sealed', code, imageHash };
  }

  private activate(authorised: CheckedAuthorisation): void {
    const { held } = this.recovered();
    const { manifest } = held!;
    if (
      !held!.sealed ||
      !equalOctets(modelCrypto.sha256([this.flash.slot.subarray(0, manifest.imageBytes)]), authorised.imageHash)
    ) {
      throw new Error('another image than the authorised one would be started');
    }
    this.write('activate', () => {
      this.flash.activation = memoryOf(authorised, 'pending');
      this.flash.trial = {
        hash: manifest.imageHash,
        version: manifest.fileVersion,
        securityCounter: manifest.securityCounter,
        starts: 0,
      };
    });
    this.later(200, () => this.restart());
  }

  /** One write to flash, where power may be lost. */
  private write(name: string, whole: () => void, torn: () => void = () => {}): void {
    this.writes++;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    const { cut } = this.options;
    const cutHere = cut !== undefined && cut.atWrite === this.writes;
    if (cutHere && cut.phase !== 'after') {
      if (cut.phase === 'torn') torn();
      this.promises.keep();
      this.cutPower();
      throw new PowerCut();
    }
    whole();
    this.promises.keep();
    if (cutHere) {
      this.cutPower();
      throw new PowerCut();
    }
  }

  private say(envelope: Envelope<MeterMessage>): void {
    const { message } = envelope;
    this.promises.remember(message);
    this.promises.keep();
    this.onSay(envelope);
    this.transmit(encodeForLine(this.options.framing, encodeMeterMessage(envelope)));
  }

  private later(delayMs: number, what: () => void): void {
    const { life } = this;
    this.world.in(delayMs, () => {
      if (this.life !== life || !this.powered) return;
      try {
        what();
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
    });
  }
}

function memoryOf(authorised: CheckedAuthorisation, result: ActivationMemory['result']): ActivationMemory {
  const { originatorCounter, authorisationDigest } = authorised;
  return { originatorCounter, authorisationDigest, result };
}

function pickRunning(device: Partial<DeviceFacts>): Partial<ModelFlash['running']> {
  return {
    ...(device.runningHash === undefined ? {} : { hash: device.runningHash }),
    ...(device.runningVersion === undefined ? {} : { version: device.runningVersion }),
    ...(device.securityCounter === undefined ? {} : { securityCounter: device.securityCounter }),
  };
}
