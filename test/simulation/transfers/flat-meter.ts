/**
 * The shipped receiver and staging over a store in memory, with the least of a boot around them: fast enough for millions of transfers. What
 * survives a cut is in {@link FlatStore}; everything else is made again from it. The real boot and flash have their own worlds
 * (`flash-meter.ts`); nothing that is claimed of them rests on this one.
 */
import {
  beginHeld,
  beginRecord,
  blocksOf,
  blocksRecords,
  checkAuthorisation,
  checkOffer,
  decodeHostMessage,
  droppedRecord,
  encodeMeterMessage,
  equalOctets,
  gbcsSignatureHolds,
  hasBlock,
  manufacturerImageHash,
  recoverHeld,
  runTask,
  sealedRecord,
  signOutcome,
  startReceiver,
  stepReceiver,
  toHex,
  TRIAL_STARTS_MAX,
  verifyBlock,
  wakeReceiverAtMs,
  type DeviceFacts,
  type HeldImage,
  type ImageOffer,
  type OutcomeCode,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
} from '@smets1/protocol';
import { BLOCK_SHIFT, type Bench, type Made } from './images.js';
import { nothingStruck, type Complain, type MeterStruck, type SimMeter } from './sim-meter.js';

const RESTART_MS = 20;
const SELF_TEST_MS = 30;
const SLOT_BYTES = 4_096;
const CUTS_IN_A_START_MAX = 4;

/** What a step on the store meets: nothing, or the power going before, in the middle of, or after it. */
export type Cut = 'before' | 'torn' | 'after' | undefined;

export interface FlatMeterOptions {
  readonly bench: Bench;
  /** Images that may be met, so that what runs can be named. */
  readonly known: readonly Made[];
  /** Asked once for every step on the store while faults last. */
  readonly drawCut: () => Cut;
  /** From 0 to `bytes`: how much of a torn program was done. */
  readonly drawTorn: (bytes: number) => number;
  readonly selfTest: boolean;
  /** Whether this authorisation was given out for this meter: anything else that is acted on is a broken promise. */
  readonly isAuthorised: (octets: Uint8Array) => boolean;
  readonly complain: Complain;
}

interface Pending {
  readonly authorisationDigest: Uint8Array;
  readonly imageHash: Uint8Array;
  readonly starts: number;
}

interface Installed {
  readonly octets: Uint8Array;
  readonly imageHash: Uint8Array;
  readonly fileVersion: number;
}

/** What is there after a power cut. */
interface FlatStore {
  running: Installed;
  floor: number;
  slot: Uint8Array;
  offer: ImageOffer | undefined;
  log: Uint8Array[];
  pending: Pending | undefined;
  counter: bigint;
  outcome: { readonly authorisationDigest: Uint8Array; readonly result: OutcomeCode } | undefined;
  epoch: number;
}

class PowerCut extends Error {}

/** One for all: a stack is no news, and costs more than the start that follows. */
const POWER_CUT = new PowerCut('power was cut');

export class FlatMeter implements SimMeter {
  readonly struck: MeterStruck = nothingStruck();
  readonly #options: FlatMeterOptions;
  readonly #store: FlatStore;
  #receiver!: ReceiverState;
  #onTrial: Installed | undefined;
  #faulty = true;
  #lastInstance = 0;
  #restartAtMs: number | undefined;
  #confirmAtMs: number | undefined;
  #outbox: Uint8Array[] = [];
  /** The image of which the meter last said blocks were durable, and its word for it. */
  #claimed: HeldImage | undefined;

  constructor(options: FlatMeterOptions) {
    this.#options = options;
    const { octets, image } = options.bench.old;
    const { imageHash, fileVersion, securityCounter } = image.manifest;
    this.#store = {
      running: { octets, imageHash, fileVersion },
      floor: securityCounter,
      slot: new Uint8Array(SLOT_BYTES),
      offer: undefined,
      log: [],
      pending: undefined,
      counter: 0n,
      outcome: undefined,
      epoch: 0,
    };
    this.#start(0);
  }

  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] | undefined {
    return this.#powered(nowMs, () => {
      this.#restartIfDue(nowMs);
      this.#run({ kind: 'heard', received: decodeHostMessage(frame) }, nowMs);
    });
  }

  tick(nowMs: number): readonly Uint8Array[] | undefined {
    return this.#powered(nowMs, () => {
      if (this.#confirmAtMs !== undefined && nowMs >= this.#confirmAtMs) this.#endOfSelfTest(nowMs);
      this.#run({ kind: 'tick' }, nowMs);
      this.#restartIfDue(nowMs);
    });
  }

  wakeAtMs(): number {
    return Math.min(
      this.#restartAtMs ?? Infinity,
      this.#confirmAtMs ?? Infinity,
      wakeReceiverAtMs(this.#receiver) ?? Infinity,
    );
  }

  endFaults(): void {
    this.#faulty = false;
  }

  runs(): Made['name'] | undefined {
    const { octets } = this.#onTrial ?? this.#store.running;
    return this.#options.known.find((made) => equalOctets(made.octets, octets))?.name;
  }

  isConfirmed(): boolean {
    return this.#onTrial === undefined && this.#store.pending === undefined;
  }

  holdsSealed(): Made['name'] | undefined {
    const { held } = this.#receiver;
    if (held?.sealed !== true) return undefined;
    const octets = this.#store.slot.subarray(0, held.manifest.imageBytes);
    return this.#options.known.find((made) => equalOctets(made.octets, octets))?.name;
  }

  survivingOctets(): readonly Uint8Array[] {
    const { running, slot, log } = this.#store;
    return [running.octets, slot, ...log];
  }

  /** Runs `work` until power goes, if it does. */
  #powered(nowMs: number, work: () => void): readonly Uint8Array[] | undefined {
    try {
      work();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.#outbox = [];
      this.#startAgain(nowMs);
      return undefined;
    }
    const said = this.#outbox;
    if (said.length > 0) {
      this.#outbox = [];
      this.#claimed = this.#receiver.held;
    }
    return said;
  }

  /** A start may be cut as well, but not for ever. */
  #startAgain(nowMs: number): void {
    for (let attempt = 0; ; attempt++) {
      const wasFaulty = this.#faulty;
      if (attempt >= CUTS_IN_A_START_MAX) this.#faulty = false;
      try {
        this.#start(nowMs);
        return;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      } finally {
        this.#faulty = wasFaulty;
      }
    }
  }

  /** One step on the store: all of it, none, or what `torn` leaves of it. */
  #step(done: () => void, torn?: () => void): void {
    const cut = this.#faulty ? this.#options.drawCut() : undefined;
    if (cut === undefined) {
      done();
      return;
    }
    this.struck.cuts += 1;
    if (cut === 'after') done();
    if (cut === 'torn' && torn !== undefined) {
      this.struck.tornPrograms += 1;
      torn();
    }
    throw POWER_CUT;
  }

  #start(nowMs: number): void {
    const store = this.#store;
    this.#restartAtMs = undefined;
    this.#confirmAtMs = undefined;
    this.#onTrial = undefined;
    store.epoch += 1;
    const { pending } = store;
    if (pending !== undefined) {
      const candidate = this.#verifiedSlot(pending);
      if (candidate === undefined || pending.starts >= TRIAL_STARTS_MAX) this.#revert(pending);
      else {
        this.#step(() => (store.pending = { ...pending, starts: pending.starts + 1 }));
        this.struck.trials += 1;
        this.#onTrial = candidate;
        this.#confirmAtMs = nowMs + SELF_TEST_MS;
      }
    }
    const { held, lastInstance } = recoverHeld(store.log, store.offer);
    this.#lastInstance = lastInstance;
    this.#judgeHeld(held);
    if (held !== undefined && held.map.durableCount > 0) this.struck.resumed += 1;
    const result = store.pending === undefined ? (store.outcome?.result ?? 'noImageHeld') : 'pending';
    const authorisationDigest = store.pending?.authorisationDigest ?? store.outcome?.authorisationDigest;
    this.#receiver = startReceiver(this.#facts(), held, {
      originatorCounter: store.counter,
      authorisationDigest,
      result,
    });
  }

  /** What was said to be durable is there, and what is there is what was signed. */
  #judgeHeld(held: HeldImage | undefined): void {
    const claimed = this.#claimed;
    const { complain, known } = this.#options;
    if (claimed !== undefined) {
      const kept = held?.instance === claimed.instance ? held.map : undefined;
      for (const block of blocksOf(0, claimed.map.bits)) {
        if (kept === undefined || !hasBlock(kept, block)) complain('I6', `block ${block} was said to be durable`);
      }
    }
    this.#claimed = held;
    if (held === undefined) return;
    const truth = known.find(({ image }) => equalOctets(image.manifestDigest, held.manifestDigest));
    for (const block of blocksOf(0, held.map.bits)) {
      const at = block << BLOCK_SHIFT;
      const end = Math.min(at + (1 << BLOCK_SHIFT), held.manifest.imageBytes);
      if (truth === undefined || !equalOctets(this.#store.slot.subarray(at, end), truth.octets.subarray(at, end)))
        complain('I7', `block ${block} in the slot is not the block that was signed`);
    }
  }

  #verifiedSlot(pending: Pending): Installed | undefined {
    const { slot, offer } = this.#store;
    if (offer === undefined) return undefined;
    const octets = slot.slice(0, offer.manifest.imageBytes);
    const imageHash = runTask(manufacturerImageHash(octets), this.#options.bench.crypto);
    if (!equalOctets(imageHash, pending.imageHash)) return undefined;
    return { octets, imageHash, fileVersion: offer.manifest.fileVersion };
  }

  #revert(pending: Pending): void {
    this.#step(() => {
      this.#store.pending = undefined;
      this.#store.outcome = { authorisationDigest: pending.authorisationDigest, result: 'activationFailure' };
    });
    this.struck.reverted += 1;
  }

  #facts(): DeviceFacts {
    const { identity } = this.#options.bench;
    const { imageHash, fileVersion } = this.#onTrial ?? this.#store.running;
    return {
      deviceId: identity.eui64,
      deviceClass: identity.deviceClass,
      manufacturerCode: identity.manufacturerCode,
      imageType: identity.imageType,
      hardwareVersion: identity.hardwareVersion,
      bootEpoch: this.#store.epoch,
      runningVersion: fileVersion,
      runningHash: imageHash,
      securityCounter: this.#store.floor,
      mode: this.#onTrial === undefined ? 'confirmed' : 'trial',
      slotBytes: SLOT_BYTES,
      blockShiftMin: BLOCK_SHIFT,
      blockShiftMax: 16,
      blockCountMax: 256,
      windowBytes: 2_048,
      frameBytesMax: 8_192,
    };
  }

  #restartIfDue(nowMs: number): void {
    if (this.#restartAtMs !== undefined && nowMs >= this.#restartAtMs) this.#start(nowMs);
  }

  #endOfSelfTest(nowMs: number): void {
    this.#confirmAtMs = undefined;
    const store = this.#store;
    const { pending, offer } = store;
    if (this.#onTrial === undefined || pending === undefined || offer === undefined) return;
    if (!this.#options.selfTest) {
      this.#restartAtMs = nowMs;
      return;
    }
    const confirmed = this.#onTrial;
    this.#step(() => {
      store.running = confirmed;
      store.floor = Math.max(store.floor, offer.manifest.securityCounter);
      store.pending = undefined;
      store.outcome = { authorisationDigest: pending.authorisationDigest, result: 'success' };
      store.log = [];
      store.offer = undefined;
      this.#claimed = undefined;
    });
    this.#onTrial = undefined;
    this.#run({ kind: 'confirmed', device: this.#facts() }, nowMs);
  }

  #run(first: ReceiverInput, nowMs: number): void {
    const inputs: ReceiverInput[] = [first];
    for (let i = 0; i < inputs.length; i++) {
      const { state, effects } = stepReceiver(this.#receiver, inputs[i]!, nowMs);
      this.#receiver = state;
      for (const effect of effects) {
        const next = this.#perform(effect, nowMs);
        if (next !== undefined) inputs.push(next);
      }
    }
  }

  #perform(effect: ReceiverEffect, nowMs: number): ReceiverInput | undefined {
    const { crypto, signer, trust } = this.#options.bench;
    const store = this.#store;
    switch (effect.kind) {
      case 'send':
        this.#outbox.push(encodeMeterMessage(effect.envelope));
        return undefined;
      case 'check-offer':
        return {
          kind: 'offer-checked',
          result: runTask(checkOffer(effect.offer, trust.manufacturer, store.epoch), crypto),
        };
      case 'prepare':
        return { kind: 'prepared', held: this.#prepare(effect.image) };
      case 'check-block': {
        const { manifest, manifestDigest, manufacturerKey } = effect.image;
        const { block, octets } = effect;
        const ok = runTask(verifyBlock(manifest, manifestDigest, block, octets, manufacturerKey), crypto);
        return { kind: 'block-checked', block, octets, ok };
      }
      case 'store-block': {
        const { payload, offsetBytes, block } = effect;
        const program = (bytes: number): void => store.slot.set(payload.subarray(0, bytes), offsetBytes);
        this.#step(
          () => program(payload.length),
          () => program(this.#options.drawTorn(payload.length)),
        );
        return { kind: 'block-stored', block, ok: true };
      }
      case 'record-blocks': {
        const { held } = this.#receiver;
        if (held !== undefined)
          for (const record of blocksRecords(held, effect.blocks)) this.#step(() => void store.log.push(record));
        return { kind: 'blocks-recorded', blocks: effect.blocks, ok: true };
      }
      case 'seal-image':
        return this.#seal(effect.image);
      case 'check-authorisation': {
        const { octets, reply } = effect;
        const result = runTask(checkAuthorisation(octets, trust), crypto);
        return { kind: 'authorisation-checked', octets, reply, result, nowS: 1_700_000_000 + Math.floor(nowMs / 1000) };
      }
      case 'store-counter': {
        const { authorised, result } = effect;
        this.#step(() => {
          store.counter = authorised.originatorCounter;
          store.outcome = { authorisationDigest: authorised.authorisationDigest, result };
        });
        return { ...effect, kind: 'counter-stored', ok: true };
      }
      case 'activate': {
        const { authorised } = effect;
        this.#judgeActivation(authorised.octets);
        const { originatorCounter, authorisationDigest, imageHash } = authorised;
        this.#step(() => {
          store.counter = originatorCounter;
          store.pending = { authorisationDigest, imageHash, starts: 0 };
        });
        this.#restartAtMs = nowMs + RESTART_MS;
        return undefined;
      }
      case 'sign-outcome':
        return {
          kind: 'outcome-signed',
          reply: effect.reply,
          as: effect.as,
          octets: runTask(signOutcome(effect.fields), crypto, signer),
        };
      case 'alert':
        return undefined;
    }
  }

  #judgeActivation(authorisation: Uint8Array): void {
    const { complain, isAuthorised, known } = this.#options;
    if (!isAuthorised(authorisation))
      complain('I3', `activated by an authorisation that nobody gave: ${toHex(authorisation.subarray(0, 104))}`);
    const { held } = this.#receiver;
    const wanted = known.find(({ name }) => name === 'new')!;
    const octets = this.#store.slot.subarray(0, held?.manifest.imageBytes ?? 0);
    if (!equalOctets(octets, wanted.octets)) complain('I1', 'activates octets that are not the authorised image');
  }

  #prepare(image: ImageOffer): HeldImage {
    const store = this.#store;
    const { held } = recoverHeld(store.log, store.offer);
    if (held !== undefined) this.#drop(held);
    this.#step(
      () => store.slot.fill(0),
      () => store.slot.fill(0, this.#options.drawTorn(SLOT_BYTES)),
    );
    this.#step(() => (store.offer = image));
    const begun = beginHeld(image, this.#lastInstance + 1);
    this.#lastInstance = begun.instance;
    this.#step(() => void store.log.push(beginRecord(begun)));
    return begun;
  }

  #seal(image: HeldImage): ReceiverInput {
    const { crypto, trust } = this.#options.bench;
    const octets = this.#store.slot.subarray(0, image.manifest.imageBytes);
    const imageHash = runTask(manufacturerImageHash(octets), crypto);
    const isWhole = equalOctets(imageHash, image.manifest.imageHash);
    if (isWhole && runTask(gbcsSignatureHolds(octets, image.gbcsSignature, trust.supplier), crypto)) {
      this.#step(() => void this.#store.log.push(sealedRecord(image)));
      return { kind: 'image-sealed', code: 'success', imageHash };
    }
    this.#drop(image);
    return { kind: 'image-sealed', code: isWhole ? 'notAuthentic' : 'hashMismatch', imageHash };
  }

  #drop(image: HeldImage): void {
    this.#step(() => {
      this.#store.log.push(droppedRecord(image));
      this.#claimed = undefined;
    });
  }
}
