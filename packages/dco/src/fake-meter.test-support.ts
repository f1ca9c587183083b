/** A meter in a few lines: the protocol's receiver with memory for flash. It restarts in no time and confirms at once. */
import {
  beginHeld,
  checkAuthorisation,
  checkOffer,
  decodeHostMessage,
  encodeMeterMessage,
  equalOctets,
  gbcsSignatureHolds,
  manufacturerImageHash,
  signOutcome,
  startReceiver,
  stepReceiver,
  verifyBlock,
  wakeReceiverAtMs,
} from '@smets1/protocol';
import type { DeviceFacts, ReceiverEffect, ReceiverInput, ReceiverState } from '@smets1/protocol';
import { LinkError, memoryPair } from '@smets1/hardware';
import type { MemoryPair } from '@smets1/hardware';
import { hostMeter } from '@smets1/host';
import type { HostedMeter, MeterPort } from '@smets1/host';
import type { MeterLinks } from './meter-links.js';
import { deviceId, fastTime, idOctets, run, trust } from './bench.test-support.js';

export interface FakeMeter extends MeterPort {
  readonly deviceId: string;
  readonly state: ReceiverState;
  /** Starts into a new image; each is an effect that must not happen twice. */
  readonly activations: number;
  /** Blocks stored, repeats included. */
  readonly storedBlocks: number;
  readonly alerts: readonly number[];
  /** Swallows the next so many OUTCOME frames, as a line does. */
  loseOutcomes(count: number): void;
  /** The next activation reverts to the old image. */
  failNextActivation(): void;
}

export interface MeterFields {
  readonly runningVersion?: number;
  readonly hardwareVersion?: number;
  /** The DCO that it trusts, when it is not that of demonstrations. */
  readonly dcoKey?: Uint8Array;
  /** Seconds since 1970. */
  readonly nowS?: () => number;
}

const OLD_HASH = new Uint8Array(32).fill(0x0d);
const OUTCOME_TYPE = 0x49;

export function fakeMeter(n: number, fields: MeterFields = {}): FakeMeter {
  const id = deviceId(n);
  let device: DeviceFacts = {
    deviceId: idOctets(id),
    deviceClass: 1,
    manufacturerCode: 0x121d,
    imageType: 1,
    hardwareVersion: fields.hardwareVersion ?? 0x1111,
    bootEpoch: 1,
    runningVersion: fields.runningVersion ?? 0x00010001,
    runningHash: OLD_HASH,
    securityCounter: 1,
    mode: 'confirmed',
    slotBytes: 2 * 1024 * 1024,
    blockShiftMin: 8,
    blockShiftMax: 16,
    blockCountMax: 65_535,
    windowBytes: 64 * 1024,
    frameBytesMax: 8_192,
  };
  let state = startReceiver(device, undefined, {
    originatorCounter: 0n,
    authorisationDigest: undefined,
    result: 'noImageHeld',
  });
  let slot = new Uint8Array(0);
  let activations = 0;
  let preparations = 0;
  let storedBlocks = 0;
  let outcomesToLose = 0;
  let isToFail = false;
  const alerts: number[] = [];

  const give = (input: ReceiverInput, nowMs: number): Uint8Array[] => {
    const step = stepReceiver(state, input, nowMs);
    state = step.state;
    return step.effects.flatMap((effect) => perform(effect, nowMs));
  };

  const perform = (effect: ReceiverEffect, nowMs: number): Uint8Array[] => {
    switch (effect.kind) {
      case 'send': {
        const frame = encodeMeterMessage(effect.envelope);
        if (frame[1] === OUTCOME_TYPE && outcomesToLose > 0) {
          outcomesToLose -= 1;
          return [];
        }
        return [frame];
      }
      case 'check-offer':
        return give(
          { kind: 'offer-checked', result: run(checkOffer(effect.offer, trust.manufacturer, device.bootEpoch)) },
          nowMs,
        );
      case 'prepare':
        preparations += 1;
        slot = new Uint8Array(effect.image.manifest.imageBytes);
        return give({ kind: 'prepared', held: beginHeld(effect.image, preparations) }, nowMs);
      case 'check-block': {
        const { manifest, manifestDigest, manufacturerKey } = effect.image;
        const ok = run(verifyBlock(manifest, manifestDigest, effect.block, effect.octets, manufacturerKey));
        return give({ kind: 'block-checked', block: effect.block, octets: effect.octets, ok }, nowMs);
      }
      case 'store-block':
        slot.set(effect.payload, effect.offsetBytes);
        storedBlocks += 1;
        return give({ kind: 'block-stored', block: effect.block, ok: true }, nowMs);
      case 'record-blocks':
        return give({ kind: 'blocks-recorded', blocks: effect.blocks, ok: true }, nowMs);
      case 'seal-image': {
        const imageHash = run(manufacturerImageHash(slot));
        const isWhole = equalOctets(imageHash, effect.image.manifest.imageHash);
        const isSigned = run(gbcsSignatureHolds(slot, effect.image.gbcsSignature, trust.supplier));
        const code = isWhole ? (isSigned ? 'success' : 'notAuthentic') : 'hashMismatch';
        return give({ kind: 'image-sealed', code, imageHash }, nowMs);
      }
      case 'check-authorisation': {
        const result = run(checkAuthorisation(effect.octets, { ...trust, dco: [fields.dcoKey ?? trust.dco[0]!] }));
        const nowS = (fields.nowS ?? (() => 1_900_000_000))();
        return give({ kind: 'authorisation-checked', octets: effect.octets, reply: effect.reply, result, nowS }, nowMs);
      }
      case 'store-counter':
        return give(
          {
            kind: 'counter-stored',
            authorised: effect.authorised,
            result: effect.result,
            reply: effect.reply,
            ok: true,
          },
          nowMs,
        );
      case 'activate': {
        activations += 1;
        const { manifest } = state.held ?? {};
        if (manifest === undefined) throw new Error('an activation of nothing');
        const { bootEpoch } = device;
        const { originatorCounter, authorisationDigest } = effect.authorised;
        const result = isToFail ? 'activationFailure' : 'success';
        const { fileVersion, imageHash, securityCounter } = manifest;
        device = isToFail
          ? { ...device, bootEpoch: bootEpoch + 3 }
          : {
              ...device,
              bootEpoch: bootEpoch + 1,
              runningVersion: fileVersion,
              runningHash: imageHash,
              securityCounter,
            };
        isToFail = false;
        state = startReceiver(device, undefined, { originatorCounter, authorisationDigest, result });
        return [];
      }
      case 'sign-outcome':
        return give(
          { kind: 'outcome-signed', reply: effect.reply, as: effect.as, octets: run(signOutcome(effect.fields)) },
          nowMs,
        );
      case 'alert':
        alerts.push(effect.alertCode);
        return [];
    }
  };

  return {
    deviceId: id,
    get state() {
      return state;
    },
    get activations() {
      return activations;
    },
    get storedBlocks() {
      return storedBlocks;
    },
    alerts,
    hear: (frame, nowMs) => give({ kind: 'heard', received: decodeHostMessage(frame) }, nowMs),
    tick: (nowMs) => give({ kind: 'tick' }, nowMs),
    wakeAtMs: () => wakeReceiverAtMs(state),
    loseOutcomes: (count) => {
      outcomesToLose = count;
    },
    failNextActivation: () => {
      isToFail = true;
    },
  };
}

/** The way to meters of this process, with the number of links that were opened. */
export interface FakeLinks extends MeterLinks {
  readonly opened: readonly string[];
  /** The most links that were open at one moment: in all, and to one meter. */
  readonly most: { readonly all: number; readonly one: number };
  /** Meters that cannot be reached for now. */
  readonly unreachable: Set<string>;
  /** Ends every link. */
  unplug(): void;
  close(): Promise<void>;
}

export function fakeLinks(meters: readonly FakeMeter[]): FakeLinks {
  const hosted = new Map<string, HostedMeter>(
    meters.map((meter) => [meter.deviceId, hostMeter(meter, { time: fastTime() })]),
  );
  const opened: string[] = [];
  const pairs: MemoryPair[] = [];
  const unreachable = new Set<string>();
  const openNow: string[] = [];
  let most = { all: 0, one: 0 };
  return {
    opened,
    get most() {
      return most;
    },
    unreachable,
    open(id) {
      opened.push(id);
      const meter = hosted.get(id);
      if (meter === undefined || unreachable.has(id))
        return Promise.reject(new LinkError('not-found', `no way to ${id}`));
      const pair = memoryPair({ framing: 'message' });
      pairs.push(pair);
      meter.attach(pair.b);
      openNow.push(id);
      most = {
        all: Math.max(most.all, openNow.length),
        one: Math.max(most.one, openNow.filter((one) => one === id).length),
      };
      const close = pair.a.close.bind(pair.a);
      pair.a.close = () => {
        openNow.splice(openNow.indexOf(id), 1);
        pair.a.close = close;
        return close();
      };
      return Promise.resolve(pair.a);
    },
    unplug() {
      for (const pair of pairs) pair.unplug();
    },
    async close() {
      for (const meter of hosted.values()) await meter.stop();
    },
  };
}
