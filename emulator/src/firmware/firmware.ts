/**
 * The application that runs on the meter: hosts the protocol's receiver, does its effects on flash, activates, confirms.
 * Lives from one start to the next; after a restart or a power cut a new one is made from what boot found.
 */
import {
  ALERT_CODES,
  BLOCK_SHIFT_MAX,
  BLOCK_SHIFT_MIN,
  FRAME_PAYLOAD_BYTES_MAX,
  HASH_BYTES,
  blockMessages,
  checkAuthorisation,
  checkOffer,
  decodeHostMessage,
  encodeMeterMessage,
  runTask,
  signOutcome,
  startReceiver,
  stepReceiver,
  verifyBlock,
  wakeReceiverAtMs,
  type ActivationMemory,
  type BlockMessages,
  type CryptoPort,
  type DeviceFacts,
  type HeldImage,
  type ImageOffer,
  type MeterMessage,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
  type SealCode,
  type SignerPort,
  type TrustAnchors,
} from '@smets1/protocol';
import type { BootResult } from '../boot/boot.js';
import type { BootPorts } from '../boot/boot-crypto.js';
import { confirmTrial, otherSlot, recordActivation, recordOutcome } from '../boot/boot-records.js';
import type { BootState } from '../boot/boot-state.js';
import { IMAGE_OFFSET_BYTES, slotRegion, verifySlot } from '../boot/slot.js';
import { FlashError } from '../errors.js';
import type { FlashPort } from '../flash/flash-port.js';
import { ALERTS_WAITING_MAX } from '../limits.js';
import type { DeviceIdentity } from '../meter/identity.js';
import { SECURITY_CODES, SecurityLog } from '../meter/security-log.js';
import { offerOf } from './image-header.js';
import { StagingStore } from './staging-store.js';

export interface FirmwareTimings {
  readonly restartDelayMs: number;
  readonly selfTestMs: number;
}

export interface FirmwarePorts {
  readonly flash: FlashPort;
  readonly crypto: CryptoPort;
  /** Signs as the device. */
  readonly signer: SignerPort;
  readonly boot: BootPorts;
  readonly trust: TrustAnchors;
  readonly identity: DeviceIdentity;
  readonly windowBytes: number;
  readonly timings: FirmwareTimings;
  /** Whether the image on trial finds itself well; one that does not crashes instead of confirming. */
  readonly selfTest: (fileVersion: number) => boolean;
  /** The meter's own clock, seconds since 1970 (UTC). */
  readonly nowS: (nowMs: number) => number;
}

export class Firmware {
  readonly #ports: FirmwarePorts;
  #booted: BootResult;
  #staging: StagingStore | undefined;
  #receiver: ReceiverState;
  #messages: { readonly digest: Uint8Array; readonly of: BlockMessages } | undefined;
  #outbox: Uint8Array[] = [];
  #alerts: Uint8Array[] = [];
  #restartAtMs: number | undefined;
  #confirmAtMs: number | undefined;

  constructor(ports: FirmwarePorts, booted: BootResult, nowMs: number) {
    this.#ports = ports;
    this.#booted = booted;
    this.#staging = this.#openStaging();
    this.#receiver = startReceiver(
      this.#facts(booted.state, booted.phase),
      this.#staging?.recovered(booted.state),
      memoryOf(booted.state),
    );
    if (booted.phase === 'trial') this.#confirmAtMs = nowMs + ports.timings.selfTestMs;
    for (const { code } of booted.events) {
      if (code === SECURITY_CODES.verificationFailedAtPowerOn)
        this.#alert(ALERT_CODES.failedAtPowerOn, new Uint8Array(0), nowMs);
    }
  }

  get receiver(): ReceiverState {
    return this.#receiver;
  }

  /** When {@link tick} is owed; undefined while nothing waits. */
  get wakeAtMs(): number | undefined {
    const times = [this.#restartAtMs, this.#confirmAtMs, wakeReceiverAtMs(this.#receiver)].filter(
      (at) => at !== undefined,
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** True once the meter is to start again: into the new image, or because the one on trial crashed. */
  restartIsDue(nowMs: number): boolean {
    return this.#restartAtMs !== undefined && nowMs >= this.#restartAtMs;
  }

  /** One frame from a link, and the frames that answer it. @throws PowerLost */
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] {
    const received = decodeHostMessage(frame);
    this.#run({ kind: 'heard', received }, nowMs);
    if (received.kind === 'message' && this.#alerts.length > 0) {
      this.#outbox.push(...this.#alerts);
      this.#alerts = [];
    }
    return this.#taken();
  }

  /** @throws PowerLost */
  tick(nowMs: number): readonly Uint8Array[] {
    if (this.#confirmAtMs !== undefined && nowMs >= this.#confirmAtMs) this.#endOfSelfTest(nowMs);
    this.#run({ kind: 'tick' }, nowMs);
    return this.#taken();
  }

  #taken(): readonly Uint8Array[] {
    const frames = this.#outbox;
    this.#outbox = [];
    return frames;
  }

  #run(first: ReceiverInput, nowMs: number): void {
    const inputs: ReceiverInput[] = [first];
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      const { state, effects } = stepReceiver(this.#receiver, input, nowMs);
      this.#receiver = state;
      for (const effect of effects) {
        const next = this.#perform(effect, nowMs);
        if (next !== undefined) inputs.push(next);
      }
    }
  }

  #perform(effect: ReceiverEffect, nowMs: number): ReceiverInput | undefined {
    const { crypto, signer, trust } = this.#ports;
    switch (effect.kind) {
      case 'send':
        this.#outbox.push(encodeMeterMessage(effect.envelope));
        return undefined;
      case 'check-offer':
        return {
          kind: 'offer-checked',
          result: runTask(checkOffer(effect.offer, trust.manufacturer, this.#booted.epoch), crypto),
        };
      case 'prepare':
        return { kind: 'prepared', held: this.#onFlash(() => this.#staging?.prepare(effect.image)) };
      case 'check-block': {
        const { manifest, manifestDigest, manufacturerKey } = effect.image;
        const task = verifyBlock(
          manifest,
          manifestDigest,
          effect.block,
          effect.octets,
          manufacturerKey,
          this.#messagesOf(effect.image),
        );
        const ok = runTask(task, crypto);
        return { kind: 'block-checked', block: effect.block, octets: effect.octets, ok };
      }
      case 'store-block':
        if (this.#staging?.isSpoilt(effect.offsetBytes, effect.payload) === true) {
          this.#forgetHeld();
          return undefined;
        }
        return {
          kind: 'block-stored',
          block: effect.block,
          ok: this.#did(() => this.#staging!.storeBlock(effect.offsetBytes, effect.payload)),
        };
      case 'record-blocks':
        return {
          kind: 'blocks-recorded',
          blocks: effect.blocks,
          ok: this.#did(() => this.#staging!.record(effect.blocks)),
        };
      case 'seal-image':
        return this.#seal(effect.image);
      case 'check-authorisation': {
        const result = runTask(checkAuthorisation(effect.octets, trust), crypto);
        return {
          kind: 'authorisation-checked',
          octets: effect.octets,
          reply: effect.reply,
          result,
          nowS: this.#ports.nowS(nowMs),
        };
      }
      case 'store-counter': {
        const { originatorCounter, authorisationDigest, imageHash } = effect.authorised;
        const versionAfter = this.#receiver.device.runningVersion;
        const outcome = {
          code: effect.result,
          originatorCounter,
          authorisationDigest,
          imageHash,
          versionAfter,
        } as const;
        const ok = this.#did(() => recordOutcome(this.#ports.flash, this.#ports.boot.crypto, outcome));
        return {
          kind: 'counter-stored',
          authorised: effect.authorised,
          result: effect.result,
          reply: effect.reply,
          ok,
        };
      }
      case 'activate':
        return this.#activate(effect, nowMs);
      case 'sign-outcome':
        return {
          kind: 'outcome-signed',
          reply: effect.reply,
          as: effect.as,
          octets: runTask(signOutcome(effect.fields), crypto, signer),
        };
      case 'alert':
        this.#alert(effect.alertCode, effect.payload, nowMs);
        return undefined;
    }
  }

  /** One buffer for the messages of all blocks of an image. */
  #messagesOf({ manifest, manifestDigest }: ImageOffer): BlockMessages {
    if (this.#messages?.digest !== manifestDigest) {
      this.#messages = {
        digest: manifestDigest,
        of: blockMessages(manifestDigest, manifest.blockCount, 2 ** manifest.blockShift),
      };
    }
    return this.#messages.of;
  }

  #seal(image: HeldImage): ReceiverInput {
    const { flash, boot, crypto } = this.#ports;
    const { manifest, manifestDigest } = image;
    const slot = this.#booted.spareSlot;
    const found =
      slot === undefined ? undefined : verifySlot(flash, boot, slot, { manifestDigest, imageHash: manifest.imageHash });
    if (found === undefined || slot === undefined) return { kind: 'seal-failed' };
    if (found.ok) {
      if (!this.#did(() => this.#staging!.seal(image))) return { kind: 'seal-failed' };
      return { kind: 'image-sealed', code: 'success', imageHash: manifest.imageHash };
    }
    const imageHash = crypto.sha256([slotRegion(flash, slot).read(IMAGE_OFFSET_BYTES, manifest.imageBytes)]);
    this.#did(() => this.#staging!.drop());
    const code: SealCode = found.fault === 'bad-signature' ? 'notAuthentic' : 'hashMismatch';
    return { kind: 'image-sealed', code, imageHash };
  }

  /**
   * What a cut left of a program, on flash that programs a granule once: it cannot be made whole without an erase, which would take
   * its neighbours too. The image is dropped; the host finds no session, offers again, and the slot is prepared anew.
   */
  #forgetHeld(): void {
    this.#did(() => this.#staging!.drop());
    const { device, activation } = this.#receiver;
    this.#receiver = startReceiver(device, undefined, activation);
  }

  /** Counter and pending activation are one record: only then does anything happen. */
  #activate(effect: Extract<ReceiverEffect, { kind: 'activate' }>, nowMs: number): ReceiverInput | undefined {
    const { flash, boot, timings } = this.#ports;
    const { manifestDigest, imageHash, originatorCounter, authorisationDigest } = effect.authorised;
    const slot = this.#booted.spareSlot!;
    const activation = { slot, manifestDigest, imageHash, originatorCounter, authorisationDigest };
    if (!this.#did(() => recordActivation(flash, boot.crypto, activation))) {
      return { kind: 'activation-failed', reply: effect.reply };
    }
    this.#restartAtMs = nowMs + timings.restartDelayMs;
    return undefined;
  }

  #endOfSelfTest(nowMs: number): void {
    this.#confirmAtMs = undefined;
    const { flash, boot } = this.#ports;
    if (this.#booted.phase !== 'trial') return;
    if (!this.#ports.selfTest(this.#booted.header.fileVersion)) {
      this.#restartAtMs = nowMs;
      return;
    }
    const state = this.#onFlash(() => confirmTrial(flash, boot.crypto));
    if (state === undefined) {
      // Flash did not take the confirmation: the trial goes on and tries again, and a start still counts against its limit.
      this.#confirmAtMs = nowMs + this.#ports.timings.selfTestMs;
      return;
    }
    // From here on the other slot, until now the way back, may take the next image.
    this.#booted = { ...this.#booted, phase: 'confirmed', state, spareSlot: otherSlot(this.#booted.slot) };
    this.#staging = this.#openStaging();
    this.#run({ kind: 'confirmed', device: this.#facts(state, 'confirmed') }, nowMs);
  }

  #openStaging(): StagingStore | undefined {
    const { flash, boot, crypto, trust } = this.#ports;
    const slot = this.#booted.spareSlot;
    return slot === undefined
      ? undefined
      : new StagingStore(flash, boot.crypto, slot, (blob) => offerOf(blob, crypto, trust));
  }

  #alert(alertCode: number, payload: Uint8Array, nowMs: number): void {
    const { flash, boot, nowS } = this.#ports;
    const timestampS = nowS(nowMs);
    if (LOGGED.has(alertCode)) {
      this.#did(() =>
        new SecurityLog(flash, boot.crypto.crc32).append({
          timestampS,
          code: alertCode,
          bootEpoch: this.#booted.epoch,
        }),
      );
    }
    const message: MeterMessage = { kind: 'alert', alertCode, timestampS, payload };
    this.#alerts = [...this.#alerts, encodeMeterMessage({ sessionTag: 0, sequence: 0, message })].slice(
      -ALERTS_WAITING_MAX,
    );
  }

  /** Undefined where flash would not; a power cut goes on up. */
  #onFlash<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (error instanceof FlashError) return undefined;
      throw error;
    }
  }

  #did(work: () => unknown): boolean {
    return (
      this.#onFlash(() => {
        work();
        return true;
      }) === true
    );
  }

  #facts(state: BootState, phase: BootResult['phase']): DeviceFacts {
    const { identity, flash, windowBytes } = this.#ports;
    const running = this.#booted.phase === 'recovery' ? undefined : this.#booted.header;
    const region = slotRegion(flash, this.#booted.spareSlot ?? 0);
    return {
      deviceId: identity.eui64,
      deviceClass: identity.deviceClass,
      manufacturerCode: identity.manufacturerCode,
      imageType: identity.imageType,
      hardwareVersion: identity.hardwareVersion,
      bootEpoch: this.#booted.epoch,
      runningVersion: running?.fileVersion ?? 0,
      runningHash: running?.imageHash ?? new Uint8Array(HASH_BYTES),
      securityCounter: state.confirmed?.securityCounter ?? 0,
      mode: phase,
      slotBytes: region.sizeBytes - IMAGE_OFFSET_BYTES,
      // Two blocks must not share a granule.
      blockShiftMin: Math.max(BLOCK_SHIFT_MIN, Math.ceil(Math.log2(region.granuleBytes))),
      blockShiftMax: BLOCK_SHIFT_MAX,
      blockCountMax: StagingStore.blockCountMax(flash),
      windowBytes,
      frameBytesMax: FRAME_PAYLOAD_BYTES_MAX,
    };
  }
}

/** 0x8F67 is an alert only; 0x8F1B was logged by boot. */
const LOGGED: ReadonlySet<number> = new Set([ALERT_CODES.verificationSuccessful, ALERT_CODES.verificationFailed]);

function memoryOf(state: BootState): ActivationMemory {
  const { pending, outcome, highestOriginatorCounter: originatorCounter } = state;
  if (pending !== undefined)
    return { originatorCounter, authorisationDigest: pending.authorisationDigest, result: 'pending' };
  return {
    originatorCounter,
    authorisationDigest: outcome?.authorisationDigest,
    result: outcome?.code ?? 'noImageHeld',
  };
}
