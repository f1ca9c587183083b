/** A small meter: the receiver machine, and a flash that is an object. It forgets everything else when its power is cut. */
import {
  blocksRecords,
  beginHeld,
  beginRecord,
  buildOtaImage,
  buildPackage,
  checkOffer,
  decodeHostMessage,
  DEVICE_CLASS_ESME,
  droppedRecord,
  encodeMeterMessage,
  equalOctets,
  gbcsSignatureHolds,
  recoverHeld,
  runTask,
  sealedRecord,
  signAuthorisation,
  countersign,
  signOutcome,
  startReceiver,
  stepReceiver,
  checkAuthorisation,
  verifyBlock,
  verifyPackage,
  wakeReceiverAtMs,
  type ActivationMemory,
  type CryptoPort,
  type CryptoTask,
  type HeldImage,
  type ImageOffer,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
  type SenderPlan,
} from '@smets1/protocol';
import { modelCrypto, modelKey } from '../crypto/model-crypto.js';
import { nodeSigner } from '../crypto/node-crypto.js';
import type { PrivateKey } from '../keys/private-key.js';
import type { MeterPort } from '../loop/meter-port.js';

const ROLES = ['manufacturer', 'supplier', 'dco', 'device'] as const;
export type Keys = Readonly<Record<(typeof ROLES)[number], PrivateKey>>;

export const MODEL_KEYS: Keys = {
  manufacturer: modelKey('manufacturer'),
  supplier: modelKey('supplier'),
  dco: modelKey('dco'),
  device: modelKey('device'),
};

const DEVICE_ID: Uint8Array = Uint8Array.of(0x00, 0x1d, 0x12, 0, 0, 0, 0, 1);

interface Flash {
  offer: ImageOffer | undefined;
  held: HeldImage | undefined;
  records: Uint8Array[];
  slot: Uint8Array;
  running: { readonly hash: Uint8Array; readonly version: number; readonly counter: number };
  memory: ActivationMemory;
  bootEpoch: number;
}

export class ModelMeter implements MeterPort {
  readonly flash: Flash = {
    offer: undefined,
    held: undefined,
    records: [],
    slot: new Uint8Array(0),
    running: { hash: new Uint8Array(32).fill(1), version: 0x00010001, counter: 3 },
    memory: { originatorCounter: 0n, authorisationDigest: undefined, result: 'success' },
    bootEpoch: 0,
  };
  readonly #crypto: CryptoPort;
  readonly #keys: Keys;
  #state: ReceiverState;
  #out: Uint8Array[] = [];

  constructor(keys: Keys = MODEL_KEYS, crypto: CryptoPort = modelCrypto()) {
    this.#keys = keys;
    this.#crypto = crypto;
    this.#state = this.#boot();
  }

  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] {
    return this.#step({ kind: 'heard', received: decodeHostMessage(frame) }, nowMs);
  }

  tick(nowMs: number): readonly Uint8Array[] {
    return this.#step({ kind: 'tick' }, nowMs);
  }

  wakeAtMs(): number | undefined {
    return wakeReceiverAtMs(this.#state);
  }

  /** Power off and on again. */
  restart(): void {
    this.#state = this.#boot();
  }

  #boot(): ReceiverState {
    const { flash } = this;
    flash.bootEpoch += 1;
    const { held } = recoverHeld(flash.records, flash.offer);
    flash.held = held;
    const device = {
      deviceId: DEVICE_ID,
      deviceClass: DEVICE_CLASS_ESME,
      manufacturerCode: 0x121d,
      imageType: 1,
      hardwareVersion: 0x1111,
      bootEpoch: flash.bootEpoch,
      runningVersion: flash.running.version,
      runningHash: flash.running.hash,
      securityCounter: flash.running.counter,
      mode: 'confirmed',
      slotBytes: 1_048_576,
      blockShiftMin: 8,
      blockShiftMax: 16,
      blockCountMax: 4_096,
      windowBytes: 65_536,
      frameBytesMax: 1_024,
    } as const;
    return startReceiver(device, held, flash.memory);
  }

  #step(input: ReceiverInput, nowMs: number): readonly Uint8Array[] {
    this.#out = [];
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const { state, effects } = stepReceiver(this.#state, next, nowMs);
      this.#state = state;
      for (const effect of effects) {
        const answer = this.#perform(effect);
        if (answer !== undefined) inputs.push(answer);
      }
    }
    return this.#out;
  }

  #run<T>(task: CryptoTask<T>): T {
    return runTask(task, this.#crypto, nodeSigner(this.#keys));
  }

  #perform(effect: ReceiverEffect): ReceiverInput | undefined {
    const { flash } = this;
    switch (effect.kind) {
      case 'send':
        this.#out.push(encodeMeterMessage(effect.envelope));
        return undefined;
      case 'check-offer': {
        const result = this.#run(checkOffer(effect.offer, [this.#keys.manufacturer.publicKey], flash.bootEpoch));
        return { kind: 'offer-checked', result };
      }
      case 'prepare':
        flash.offer = effect.image;
        flash.slot = new Uint8Array(effect.image.manifest.imageBytes).fill(0xff);
        flash.held = beginHeld(effect.image, recoverHeld(flash.records, undefined).lastInstance + 1);
        flash.records = [beginRecord(flash.held)];
        return { kind: 'prepared', held: flash.held };
      case 'check-block': {
        const { image, block, octets } = effect;
        const ok = this.#run(verifyBlock(image.manifest, image.manifestDigest, block, octets, image.manufacturerKey));
        return { kind: 'block-checked', block, octets, ok };
      }
      case 'store-block':
        flash.slot.set(effect.payload, effect.offsetBytes);
        return { kind: 'block-stored', block: effect.block, ok: true };
      case 'record-blocks':
        flash.records.push(...blocksRecords(flash.held!, effect.blocks));
        return { kind: 'blocks-recorded', blocks: effect.blocks, ok: true };
      case 'seal-image': {
        const imageHash = this.#crypto.sha256([flash.slot]);
        const same = equalOctets(imageHash, effect.image.manifest.imageHash);
        const signed = this.#run(
          gbcsSignatureHolds(flash.slot, effect.image.gbcsSignature, [this.#keys.supplier.publicKey]),
        );
        const code = !same ? 'hashMismatch' : signed ? 'success' : 'notAuthentic';
        flash.records.push(code === 'success' ? sealedRecord(effect.image) : droppedRecord(effect.image));
        return { kind: 'image-sealed', code, imageHash };
      }
      case 'check-authorisation': {
        const trust = { supplier: [this.#keys.supplier.publicKey], dco: [this.#keys.dco.publicKey] };
        const result = this.#run(checkAuthorisation(effect.octets, trust));
        return { kind: 'authorisation-checked', octets: effect.octets, reply: effect.reply, result, nowS: 1_000 };
      }
      case 'store-counter':
        flash.memory = { ...effect.authorised, result: effect.result };
        return { ...effect, kind: 'counter-stored', ok: true };
      case 'activate': {
        const { fileVersion: version, securityCounter: counter, imageHash: hash } = flash.offer!.manifest;
        flash.memory = { ...effect.authorised, result: 'success' };
        flash.running = { hash, version, counter };
        flash.records.push(droppedRecord(flash.held!));
        this.restart();
        return undefined;
      }
      case 'sign-outcome': {
        const octets = this.#run(signOutcome(effect.fields));
        return { kind: 'outcome-signed', reply: effect.reply, as: effect.as, octets };
      }
      case 'alert': {
        const { alertCode, payload } = effect;
        const message = { kind: 'alert', alertCode, timestampS: 1_000, payload } as const;
        this.#out.push(encodeMeterMessage({ sessionTag: 0, sequence: 0, message }));
        return undefined;
      }
    }
  }
}

export interface PlanFields {
  readonly imageBytes?: number;
  readonly keys?: Keys;
  readonly crypto?: CryptoPort;
  readonly activate?: boolean;
  readonly random?: Uint8Array;
}

/** A plan that takes a signed image of 20,000 octets in blocks of 256 to the model meter, and activates it unless told otherwise. */
export function planOf(fields: PlanFields = {}): SenderPlan & { readonly manufacturerImage: Uint8Array } {
  const { keys = MODEL_KEYS, crypto = modelCrypto(), activate = true } = fields;
  const run = <T>(task: CryptoTask<T>): T => runTask(task, crypto, nodeSigner(keys));
  const manufacturerImage = Uint8Array.from(
    { length: fields.imageBytes ?? 20_000 },
    (_, i) => (i * 7 + (i >> 8) * 31) & 0xff,
  );
  const versions = { fileVersion: 0x00020001, hardwareMin: 0x1111, hardwareMax: 0x1211 };
  const otaImage = run(buildOtaImage({ manufacturerImage, manufacturerCode: 0x121d, imageType: 1, ...versions }));
  const manufacturerKey = keys.manufacturer.publicKey;
  const octets = run(buildPackage({ otaImage, manufacturerKey, blockShift: 8, securityCounter: 7 }));
  const checked = run(verifyPackage(octets, { manufacturer: [manufacturerKey], supplier: [keys.supplier.publicKey] }));
  if (!checked.ok) throw new Error(checked.fault.detail);
  const { manifest, digest: manifestDigest, otaHeader, gbcsSignature, blocks, imageHash } = checked.value;
  const permission = { deviceId: DEVICE_ID, imageHash, manifestDigest, originator: DEVICE_ID, originatorCounter: 9n };
  const times = { notBeforeS: 0, notAfterS: 0xffffffff };
  return {
    manufacturerImage,
    image: { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks },
    authorisation: activate ? run(countersign(run(signAuthorisation({ ...permission, ...times })))) : undefined,
    replace: false,
    deviceId: undefined,
    octetsPerSecond: undefined,
    random: fields.random ?? Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  };
}
