/** The whole meter of the emulator on a small flash, as a transfer world holds it: the real boot, firmware and flash, and real cuts in it. */
import {
  createFlash,
  IMAGE_OFFSET_BYTES,
  manufacture,
  planLayout,
  PowerLost,
  startEsme,
  type Esme,
  type EsmeStart,
  type EsmeView,
  type FaultPlan,
  type FlashLayout,
  type NorFlash,
} from '@smets1/emulator';
import { decodeHostMessage, decodeMeterMessage, equalOctets, toHex, type HostMessage } from '@smets1/protocol';
import { offerBlobOf, SHAPE_BYTES, type Bench, type Made } from './images.js';
import type { FirmwareBehaviour } from './behaviours.js';
import { nothingStruck, type Complain, type MeterStruck, type SimMeter } from './sim-meter.js';

const SECTOR_BYTES = 4_096;
const SECTORS_MAX = 512;
const CUTS_IN_A_START_MAX = 6;

export interface FlashMeterOptions {
  readonly bench: Bench;
  readonly known: readonly Made[];
  /** The plan of the next start, while faults last. */
  readonly drawPlan: () => FaultPlan | undefined;
  /** Whether an image of this version finds itself well. */
  readonly selfTest: (fileVersion: number) => boolean;
  /** How images behave, by version; all are healthy unless said. */
  readonly behaviour?: (fileVersion: number) => FirmwareBehaviour;
  /** Images that may be on trial; the new one unless said. */
  readonly triable?: readonly Made['name'][];
  readonly complain: Complain;
}

export class FlashMeter implements SimMeter {
  readonly struck: MeterStruck = nothingStruck();
  readonly flash: NorFlash;
  readonly #options: FlashMeterOptions;
  #esme!: Esme;
  #faulty = true;
  #plan: FaultPlan | undefined;
  #phase = 'confirmed';
  /** Most blocks of one manifest that were said to be durable, and the offer under which they were. */
  #claimed: Claim = { manifestDigest: '', durableCount: 0, offer: undefined };
  /** The last offer that came, until it is answered. */
  #offered: Offer | undefined;
  /** A program of this image was torn: its sector, and whatever else is in it, may be given up for an erase. */
  #isTorn = false;
  /** By the cut that has just been. */
  #wasTorn = false;
  /** The image that the meter held when it was last known, its blocks perhaps torn: only another one has its slot made ready. */
  #holds: string | undefined;

  constructor(options: FlashMeterOptions) {
    this.#options = options;
    this.flash = factoryFlash(options.bench).fork();
    this.#start(0);
  }

  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] | undefined {
    const received = decodeHostMessage(frame);
    if (received.kind === 'message' && received.envelope.message.kind === 'offer')
      this.#offered = received.envelope.message;
    return this.#powered(nowMs, () => this.#esme.hear(frame, nowMs));
  }

  tick(nowMs: number): readonly Uint8Array[] | undefined {
    return this.#powered(nowMs, () => this.#esme.tick(nowMs));
  }

  wakeAtMs(): number {
    return this.#esme.wakeAtMs();
  }

  endFaults(): void {
    this.#faulty = false;
    this.flash.arm(undefined);
  }

  /** The power goes now, between two operations of the flash, and comes back. */
  cutPower(nowMs: number): void {
    this.struck.cuts += 1;
    this.#start(nowMs);
    this.#judge(nowMs);
  }

  /** How it runs: `confirmed`, `trial`, `fallback` or `recovery`. */
  mode(nowMs: number): string {
    return this.#view(nowMs).mode;
  }

  runs(): Made['name'] | undefined {
    const view = this.#view(0);
    const { known } = this.#options;
    const named = known.find(({ image }) => toHex(image.manifest.imageHash) === view.runningHash);
    if (named === undefined || view.activeSlot === undefined) return undefined;
    const there = this.flash
      .partition(view.activeSlot === 0 ? 'slot-0' : 'slot-1')
      .read(IMAGE_OFFSET_BYTES, named.octets.length);
    return equalOctets(there, named.octets) ? named.name : undefined;
  }

  isConfirmed(nowMs: number): boolean {
    return this.#view(nowMs).mode === 'confirmed';
  }

  holdsSealed(nowMs: number): Made['name'] | undefined {
    const { held } = this.#view(nowMs);
    if (held?.sealed !== true) return undefined;
    return this.#options.known.find(({ image }) => toHex(image.manifestDigest) === held.manifestDigest)?.name;
  }

  survivingOctets(): readonly Uint8Array[] {
    return [this.flash.read(0, this.flash.sizeBytes)];
  }

  /** Everything that is looked at must be there, whatever is armed. */
  #view(nowMs: number): EsmeView {
    this.flash.arm(undefined);
    return this.#esme.view(nowMs);
  }

  #powered(nowMs: number, work: () => readonly Uint8Array[]): readonly Uint8Array[] | undefined {
    try {
      const said = work();
      for (const frame of said) this.#remember(frame);
      return said;
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      this.#lostPower();
      this.#start(nowMs);
      this.#judge(nowMs);
      return undefined;
    }
  }

  #lostPower(): void {
    this.struck.cuts += 1;
    if (this.#plan?.phase === 'during') {
      this.struck.tornPrograms += 1;
      this.#wasTorn = true;
    }
    this.flash.powerOn();
  }

  #start(nowMs: number): void {
    const { bench, drawPlan, selfTest, behaviour } = this.#options;
    const conduct = { selfTest, ...(behaviour === undefined ? {} : { behaviour }) };
    for (let attempt = 0; ; attempt++) {
      this.#plan = this.#faulty && attempt < CUTS_IN_A_START_MAX ? drawPlan() : undefined;
      this.flash.arm(this.#plan);
      try {
        this.#esme = startEsme(
          { flash: this.flash, crypto: bench.crypto, signer: bench.signer },
          { loadW: 500, epochS: 1_700_000_000, ...conduct, onStart: (start) => this.#started(start) },
          nowMs,
        );
        if (this.#phase === 'trial') this.#judgeTrial();
        return;
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        this.#lostPower();
      }
    }
  }

  #started({ phase, runningVersion }: EsmeStart): void {
    const { manifest } = this.#options.bench.old.image;
    if (phase === 'trial') this.struck.trials += 1;
    else if (this.#phase === 'trial' && runningVersion === manifest.fileVersion) this.struck.reverted += 1;
    this.#phase = phase;
    this.#holds = undefined;
  }

  #judgeTrial(): void {
    const runs = this.runs();
    this.flash.arm(this.#plan);
    if (runs === undefined || !(this.#options.triable ?? ['new']).includes(runs))
      this.#options.complain('I1', `the image on trial is ${runs ?? 'none that was ever made'}`);
  }

  /**
   * What was said to be durable before the cut is held after it; but for what is given up on purpose: an image that an offer of another one was
   * about to replace, and the neighbours of a torn program, which the cut that tore it has left as they were.
   */
  #judge(nowMs: number): void {
    const { held } = this.#view(nowMs);
    this.flash.arm(this.#plan);
    if (held !== undefined && held.durableCount > 0) this.struck.resumed += 1;
    const { manifestDigest, durableCount, offer } = this.#claimed;
    const isReplaced = this.#offered !== undefined && offer !== undefined && !isSame(this.#offered, offer);
    const isGivenUp = this.#isTorn;
    this.#offered = undefined;
    this.#holds = held?.manifestDigest;
    this.#isTorn ||= this.#wasTorn;
    this.#wasTorn = false;
    if (held?.manifestDigest !== manifestDigest || held.durableCount >= durableCount) return;
    if (isReplaced) this.struck.replaced += 1;
    else if (isGivenUp) this.struck.givenUp += 1;
    else this.#options.complain('I6', `${durableCount} blocks were said to be durable, ${held.durableCount} are`);
    this.#claimed = { ...this.#claimed, durableCount: held.durableCount };
  }

  #remember(frame: Uint8Array): void {
    const received = decodeMeterMessage(frame);
    if (received.kind !== 'message') return;
    const { message } = received.envelope;
    if (message.kind === 'accept' && message.status === 'send') {
      const { durableCount } = message;
      const manifestDigest = toHex(message.manifestDigest);
      this.#claimed = { manifestDigest, durableCount, offer: this.#offered };
      // Nothing of what was there before the slot was made ready is there any more.
      if (this.#holds !== manifestDigest) this.#isTorn = false;
      this.#holds = manifestDigest;
    }
    if (message.kind === 'accept' || message.kind === 'refuse') this.#offered = undefined;
    if (message.kind === 'sack')
      this.#claimed = {
        ...this.#claimed,
        durableCount: Math.max(this.#claimed.durableCount, message.durableCount),
      };
  }
}

type Offer = Extract<HostMessage, { readonly kind: 'offer' }>;

interface Claim {
  readonly manifestDigest: string;
  readonly durableCount: number;
  readonly offer: Offer | undefined;
}

/** The same image: another GBCS signature makes another one of it (SPEC.md §10.6). */
function isSame(a: Offer, b: Offer): boolean {
  return equalOctets(a.manifest, b.manifest) && equalOctets(a.gbcsSignature, b.gbcsSignature);
}

const factories = new WeakMap<Bench, NorFlash>();

/** One flash from the factory for all worlds of a bench: each is a fork of it. */
function factoryFlash(bench: Bench): NorFlash {
  let flash = factories.get(bench);
  if (flash === undefined) {
    flash = createFlash(smallLayout());
    const { octets } = bench.old;
    manufacture(flash, bench.crypto, bench.identity, { offerBlob: offerBlobOf(bench.old), image: octets });
    factories.set(bench, flash);
  }
  return flash;
}

/** The smallest flash on which everything has its room. */
export function smallLayout(granuleBytes: number = 16): FlashLayout {
  const needs = { imageBytesMax: Math.max(...SHAPE_BYTES), stagingBytes: 2 * SECTOR_BYTES, profileDays: 1 };
  for (let count = 8; ; count++) {
    try {
      return planLayout(
        {
          sectorRuns: [{ count, sectorBytes: SECTOR_BYTES }],
          granuleBytes,
          granuleRewritable: true,
          erasedValue: 0xff,
        },
        needs,
      );
    } catch (error) {
      if (count >= SECTORS_MAX) throw error;
    }
  }
}
