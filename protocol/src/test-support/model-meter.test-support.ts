/**
 * A meter for tests: the receiver machine on a flash of plain memory, on virtual time, with a power cut before, after or in the middle of
 * any write. It holds itself to two promises at every write and every word it says: what it says to be durable would survive a cut at this very
 * moment, and nothing unauthenticated stands in its slot.
 */
import { concat, equalOctets, toHex } from '../layout/octets.js';
import { encodeForLine, decodeFromLine, lineDecoder, type Framing, type LineDecoder } from '../frame/line-coding.js';
import { encodeOutcomeBody } from '../authorisation/outcome.js';
import { CONTEXTS } from '../crypto-port.js';
import { gbcsSignatureHolds } from '../image/ota-image.js';
import { SIGNATURE_BYTES, TRIAL_STARTS_MAX } from '../limits.js';
import { decodeHostMessage, encodeMeterMessage, type Envelope } from '../message/envelope.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { verifyBlock } from '../package/block.js';
import { blockOffsetBytes, blockPayloadBytes } from '../package/manifest.js';
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
import { blocksOf, hasBlock } from '../staging/block-map.js';
import {
  beginHeld,
  beginRecord,
  blocksRecords,
  droppedRecord,
  recoverHeld,
  sealedRecord,
  type HeldImage,
  type ImageOffer,
  type Recovered,
} from '../staging/staging.js';
import { modelCrypto, modelKeys, modelSigner, modelTrust, runModel } from './model-crypto.test-support.js';
import { DEVICE_ID, type ModelImage } from './model-image.test-support.js';
import type { World } from './world.test-support.js';

/** All that survives a power cut. */
export interface ModelFlash {
  offer: ImageOffer | undefined;
  readonly slot: Uint8Array;
  log: Uint8Array[];
  activation: ActivationMemory;
  running: { readonly hash: Uint8Array; readonly version: number; readonly securityCounter: number };
  trial: { readonly hash: Uint8Array; readonly version: number; readonly securityCounter: number; starts: number } | undefined;
  bootEpoch: number;
}

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
  /** Blocks of the held instance that were said to be durable. */
  readonly said = new Set<number>();
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
      running: { hash: new Uint8Array(32).fill(0x0d), version: 0x00010000, securityCounter: 3, ...pickRunning(options.device) },
      trial: undefined,
      bootEpoch: 0,
    };
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
    return recoverHeld(this.flash.log, this.flash.offer);
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
      this.said.clear();
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
          message: { kind: 'alert', alertCode: effect.alertCode, timestampS: this.options.nowS(), payload: effect.payload },
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
        return { kind: 'offer-checked', result: runModel(checkOffer(effect.offer, modelTrust.manufacturer, this.flash.bootEpoch)) };
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
        for (const record of blocksRecords(held!, effect.blocks)) this.write('record', () => void this.flash.log.push(record));
        return { kind: 'blocks-recorded', blocks: effect.blocks, ok: true };
      }
      case 'seal-image':
        return this.seal(effect.image);
      case 'check-authorisation': {
        const { octets, reply } = effect;
        return { kind: 'authorisation-checked', octets, reply, result: runModel(checkAuthorisation(octets, modelTrust)), nowS: this.options.nowS() };
      }
      case 'store-counter': {
        const { authorised, result, reply } = effect;
        if (this.options.fails('store-counter')) return { kind: 'counter-stored', authorised, result, reply, ok: false };
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
        this.said.clear();
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
    if (truth === undefined || !equalOctets(truth, payload)) throw new Error(`unauthenticated octets for block ${block} would reach the slot`);
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
    const code = !equalOctets(imageHash, image.manifest.imageHash) ? 'hashMismatch' : authentic ? 'success' : 'notAuthentic';
    this.write('seal', () => {
      this.flash.log.push(code === 'success' ? sealedRecord(image) : droppedRecord(image));
      if (code !== 'success') this.said.clear();
    });
    return { kind: 'image-sealed', code, imageHash };
  }

  private activate(authorised: CheckedAuthorisation): void {
    const { held } = this.recovered();
    const { manifest } = held!;
    if (!held!.sealed || !equalOctets(modelCrypto.sha256([this.flash.slot.subarray(0, manifest.imageBytes)]), authorised.imageHash)) {
      throw new Error('another image than the authorised one would be started');
    }
    this.write('activate', () => {
      this.flash.activation = memoryOf(authorised, 'pending');
      this.flash.trial = { hash: manifest.imageHash, version: manifest.fileVersion, securityCounter: manifest.securityCounter, starts: 0 };
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
      this.keepPromises();
      this.cutPower();
      throw new PowerCut();
    }
    whole();
    this.keepPromises();
    if (cutHere) {
      this.cutPower();
      throw new PowerCut();
    }
  }

  private say(envelope: Envelope<MeterMessage>): void {
    const { message } = envelope;
    this.remember(message);
    this.keepPromises();
    this.onSay(envelope);
    this.transmit(encodeForLine(this.options.framing, encodeMeterMessage(envelope)));
  }

  private remember(message: MeterMessage): void {
    switch (message.kind) {
      case 'sack':
        for (let block = 0; block < Math.min(message.durableFrom, this.state.held?.map.blockCount ?? 0); block++) this.said.add(block);
        for (const block of blocksOf(message.durableFrom, message.durable)) this.said.add(block);
        this.mustHold(message.durableCount);
        return;
      case 'map':
        for (const block of blocksOf(message.firstBlock, message.bitmap)) this.said.add(block);
        return;
      case 'accept':
        if (message.status === 'send') this.mustHold(message.durableCount);
        return;
      default:
    }
  }

  private mustHold(durableCount: number): void {
    const held = this.recovered().held?.map.durableCount ?? 0;
    if (held < durableCount) throw new Error(`says that ${durableCount} blocks are durable, a start now would find ${held}`);
  }

  private keepPromises(): void {
    if (this.said.size === 0) return;
    const { held } = this.recovered();
    const image = this.options.images.find(({ manifestDigest }) => held !== undefined && equalOctets(manifestDigest, held.manifestDigest));
    for (const block of this.said) {
      if (held === undefined || !hasBlock(held.map, block)) throw new Error(`block ${block} was said to be durable and a start now would not find it`);
      const from = blockOffsetBytes(held.manifest, block);
      const end = from + blockPayloadBytes(held.manifest, block);
      if (image !== undefined && Buffer.compare(this.flash.slot.subarray(from, end), image.manufacturerImage.subarray(from, end)) !== 0) {
        throw new Error(`block ${block} was said to be durable and the slot holds other octets (image ${toHex(image.imageHash)})`);
      }
    }
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

/** Octets of a block beside its signature. */
export function payloadOf(block: Uint8Array): Uint8Array {
  return block.subarray(0, block.length - SIGNATURE_BYTES);
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
