/**
 * The application that runs on the meter: hosts the protocol's receiver, does its effects on flash, activates, confirms.
 * Lives from one start to the next; after a restart or a power cut a new one is made from what boot found.
 */
import {
  ALERT_CODES,
  blockMessages,
  checkAuthorisation,
  checkOffer,
  decodeHostMessage,
  encodeMeterMessage,
  isComplete,
  runTask,
  signOutcome,
  startReceiver,
  stepReceiver,
  verifyBlock,
  wakeReceiverAtMs,
  type BlockMessages,
  type CryptoPort,
  type DeviceFacts,
  type HeldImage,
  type ImageOffer,
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
import { ERASE_SHARE_MS, ERASES_PER_SHARE_MAX, READ_BACKS } from '../limits.js';
import type { DeviceIdentity } from '../meter/identity.js';
import { SECURITY_CODES } from '../meter/security-log.js';
import type { DeviceQuirks } from '../profiles/device-profile.js';
import { AlertBook } from './alert-book.js';
import { conductOf, spoilRecords, type Conduct, type FirmwareBehaviour } from './behaviour.js';
import { activationMemory, deviceFacts } from './device-facts.js';
import { Gate } from './gate.js';
import { offerOf } from './image-header.js';
import { readsAs } from './slot-pages.js';
import { StagingStore } from './staging-store.js';

export interface FirmwareTimings {
  readonly restartDelayMs: number;
  readonly selfTestMs: number;
}

/** `activation`: into the image that was authorised; `crash`: by the image's own fault, or by the watchdog. */
export type RestartCause = 'activation' | 'crash';

export interface FirmwarePorts {
  readonly flash: FlashPort;
  readonly crypto: CryptoPort;
  /** Signs as the device. */
  readonly signer: SignerPort;
  readonly boot: BootPorts;
  readonly trust: TrustAnchors;
  readonly identity: DeviceIdentity;
  /** What the image's own code may touch of the flash: neither boot's records nor the meter's. */
  readonly ownFlash: FlashPort;
  readonly windowBytes: number;
  readonly timings: FirmwareTimings;
  readonly quirks: DeviceQuirks;
  readonly behaviour: (fileVersion: number) => FirmwareBehaviour;
  /** Whether the image on trial finds itself well; one that does not crashes instead of confirming. */
  readonly selfTest: (fileVersion: number) => boolean;
  /** The meter's own clock, seconds since 1970 (UTC). */
  readonly nowS: (nowMs: number) => number;
}

export class Firmware {
  readonly #ports: FirmwarePorts;
  readonly #gate: Gate;
  readonly #alerts: AlertBook;
  #conduct: Conduct;
  #booted: BootResult;
  #staging: StagingStore | undefined;
  #receiver: ReceiverState;
  #messages: { readonly digest: Uint8Array; readonly of: BlockMessages } | undefined;
  #outbox: Uint8Array[] = [];
  /** Blocks of the held image whose sectors were erased because flash did not hold them, since the start. */
  readonly #reclaimed = new Set<number>();
  /** When a slot that is being made ready got its last share. */
  #preparedAtMs: number | undefined;
  #restart: { readonly atMs: number; readonly cause: RestartCause } | undefined;
  #confirmAtMs: number | undefined;
  #linkDropped = false;

  constructor(ports: FirmwarePorts, booted: BootResult, nowMs: number) {
    this.#ports = ports;
    this.#booted = booted;
    this.#alerts = new AlertBook(ports.flash, ports.boot.crypto.crc32, booted.epoch);
    this.#staging = this.#openStaging();
    this.#receiver = startReceiver(
      this.#facts(booted.state, booted.phase),
      this.#heldAtStart(),
      activationMemory(booted.state),
    );
    this.#conduct = this.#conductNow();
    this.#gate = new Gate(ports.quirks);
    // What hangs or crashes never comes to the end of its self-test.
    const lives = this.#conduct.diesAfterMs === undefined;
    if (booted.phase === 'trial' && lives) this.#confirmAtMs = nowMs + ports.timings.selfTestMs;
    this.#dieInTime(nowMs);
    for (const { code } of booted.events) {
      if (code === SECURITY_CODES.verificationFailedAtPowerOn)
        this.#alerts.raise(ALERT_CODES.failedAtPowerOn, new Uint8Array(0), ports.nowS(nowMs));
    }
  }

  get receiver(): ReceiverState {
    return this.#receiver;
  }

  /** When {@link tick} is owed; undefined while nothing waits. */
  get wakeAtMs(): number | undefined {
    const receiverAtMs = this.#isMute ? undefined : wakeReceiverAtMs(this.#receiver);
    const times = [this.#restart?.atMs, this.#confirmAtMs, this.#preparedAtMs, receiverAtMs].filter(
      (at) => at !== undefined,
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Why the meter is to start again now; undefined while it is not. */
  restartDue(nowMs: number): RestartCause | undefined {
    return this.#restart !== undefined && nowMs >= this.#restart.atMs ? this.#restart.cause : undefined;
  }

  /** One frame from a link, and the frames that answer it. @throws PowerLost */
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] {
    if (this.#isMute) return [];
    const received = decodeHostMessage(frame);
    const met = this.#gate.meets(received);
    if (met === 'lost') return [];
    if (met === 'passes') this.#run({ kind: 'heard', received }, nowMs);
    else if (received.kind === 'message')
      this.#outbox.push(encodeMeterMessage({ sessionTag: 0, sequence: received.envelope.sequence, message: met }));
    if (received.kind === 'message') this.#outbox.push(...this.#alerts.take());
    return this.#taken();
  }

  /** @throws PowerLost */
  tick(nowMs: number): readonly Uint8Array[] {
    if (this.#confirmAtMs !== undefined && nowMs >= this.#confirmAtMs) this.#endOfSelfTest(nowMs);
    if (!this.#isMute) this.#run({ kind: 'tick' }, nowMs);
    const prepared = this.#preparedAtMs === undefined ? undefined : this.#prepareOn(nowMs);
    if (prepared !== undefined) this.#run(prepared, nowMs);
    return this.#taken();
  }

  get #isMute(): boolean {
    return !this.#conduct.speaks || this.#linkDropped;
  }

  #taken(): readonly Uint8Array[] {
    const frames = this.#isMute ? [] : this.#outbox;
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
        return this.#prepare(effect.image, nowMs);
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
        return this.#store(effect);
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
        this.#alerts.raise(effect.alertCode, effect.payload, this.#ports.nowS(nowMs));
        return undefined;
    }
  }

  #prepare(image: ImageOffer, nowMs: number): ReceiverInput | undefined {
    this.#reclaimed.clear();
    const staging = this.#staging;
    // Asked here and not at the door: an image that takes no other says truly what runs, and that it is on trial.
    if (!this.#conduct.takesImages) return { kind: 'prepared', held: undefined };
    if (staging === undefined || !this.#did(() => staging.prepare(image))) return { kind: 'prepared', held: undefined };
    return this.#prepareOn(nowMs);
  }

  /** A share of it; undefined while more is to be done, by a tick each, between which whoever asks hears BUSY. */
  #prepareOn(nowMs: number): ReceiverInput | undefined {
    const { timings } = this.#ports.flash.layout.geometry;
    const shareMax = timings === undefined ? Infinity : Math.floor((ERASE_SHARE_MS * 1000) / timings.eraseUsPerSector);
    const erasesMax = Math.max(1, Math.min(shareMax, ERASES_PER_SHARE_MAX));
    const done = this.#onFlash(() => ({ held: this.#staging!.prepareOn(erasesMax) }));
    const isMore = done !== undefined && done.held === undefined;
    this.#preparedAtMs = isMore ? nowMs : undefined;
    return isMore ? undefined : { kind: 'prepared', held: done?.held };
  }

  /** Undefined where blocks had to be given up: their host finds no session, offers again, and is told what is missing. */
  #store({ block, offsetBytes, payload }: Extract<ReceiverEffect, { kind: 'store-block' }>): ReceiverInput | undefined {
    const staging = this.#staging!;
    const isStored = this.#onFlash(() => staging.storeBlock(offsetBytes, payload));
    if (isStored === true && this.#readsBack(offsetBytes, payload)) return { kind: 'block-stored', block, ok: true };
    // An erase makes good what a cut left behind. Where it did not, these octets of the flash are past that.
    const isFirst = !this.#reclaimed.has(block);
    this.#reclaimed.add(block);
    if (isFirst && this.#did(() => this.#reclaim(offsetBytes, payload.length))) return undefined;
    return { kind: 'block-stored', block, ok: false };
  }

  /** More than once: cells that lost their power while they were programmed may read so now and otherwise the next time. */
  #readsBack(offsetBytes: number, payload: Uint8Array): boolean {
    const region = slotRegion(this.#ports.flash, this.#booted.spareSlot!);
    return readsAs(region, IMAGE_OFFSET_BYTES + offsetBytes, payload, READ_BACKS);
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

  /** What a cut left of a program cannot be made whole without an erase, which takes its neighbours too: they are given up with it. */
  #reclaim(offsetBytes: number, lengthBytes: number): void {
    const held = this.#staging!.reclaim(offsetBytes, lengthBytes);
    const { device, activation } = this.#receiver;
    this.#receiver = startReceiver(device, held, activation);
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
    this.#restart = { atMs: nowMs + timings.restartDelayMs, cause: 'activation' };
    this.#linkDropped = this.#ports.quirks.dropLinkOnActivate === true;
    return undefined;
  }

  #endOfSelfTest(nowMs: number): void {
    this.#confirmAtMs = undefined;
    const { flash, boot } = this.#ports;
    if (this.#booted.phase !== 'trial') return;
    if (this.#conduct.spoilsRecords) this.#did(() => spoilRecords(this.#ports.ownFlash));
    if (!this.#conduct.passesSelfTest || !this.#ports.selfTest(this.#booted.header.fileVersion)) {
      this.#restart = { atMs: nowMs, cause: 'crash' };
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
    this.#conduct = this.#conductNow();
    this.#dieInTime(nowMs);
  }

  /** Recovery is boot's own code, which no image can break. */
  #conductNow(): Conduct {
    const { phase } = this.#booted;
    const behaviour = phase === 'recovery' ? 'healthy' : this.#ports.behaviour(this.#booted.header.fileVersion);
    return conductOf(behaviour, phase === 'trial');
  }

  #dieInTime(nowMs: number): void {
    const { diesAfterMs } = this.#conduct;
    if (diesAfterMs !== undefined) this.#restart = { atMs: nowMs + diesAfterMs, cause: 'crash' };
  }

  /**
   * What flash holds of an image. Where boot fell back because the confirmed one had rotted, the staging log still knows that one as whole, and
   * no host would send a block of it again: it is forgotten, unless its octets are what they should be.
   */
  #heldAtStart(): HeldImage | undefined {
    const { flash, boot } = this.#ports;
    const { phase, spareSlot, state } = this.#booted;
    const held = this.#staging?.recovered(state);
    if (phase !== 'fallback' || spareSlot === undefined || held === undefined || !isComplete(held)) return held;
    const { manifestDigest, manifest } = held;
    return verifySlot(flash, boot, spareSlot, { manifestDigest, imageHash: manifest.imageHash }).ok ? held : undefined;
  }

  #openStaging(): StagingStore | undefined {
    const { flash, boot, crypto, trust } = this.#ports;
    const slot = this.#booted.spareSlot;
    return slot === undefined
      ? undefined
      : new StagingStore(flash, boot.crypto, slot, (blob) => offerOf(blob, crypto, trust));
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
    return deviceFacts(this.#ports, this.#booted, state, phase);
  }
}
