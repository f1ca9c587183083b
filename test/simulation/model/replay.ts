/**
 * A walk of the model, lived again by the shipped receiver, staging and boot on their flash: the same frames heard, power lost before the same
 * flash operation, the same block spoilt. After every event the meter must have said the same and stand in the same state.
 */
import {
  createFlash,
  IMAGE_OFFSET_BYTES,
  manufacture,
  otherSlot,
  planLayout,
  PowerLost,
  readBootState,
  slotRegion,
  startEsme,
  type Esme,
  type FlashRegion,
  type NorFlash,
  type SlotIndex,
} from '@smets1/emulator';
import { crc32, decodeMeterMessage, encodeHostMessage, toHex, type HostMessage } from '@smets1/protocol';
import { CuttingFlash } from './cutting-flash.js';
import { disagreementOf, eventsOf, RESULTS, wordOf, type Event } from './words.js';
import { CRYPTO, IDENTITY, party, permission, SIGNER, type Party } from '../engine/parties.js';

const BLOCK_SHIFT = 8;
const SELF_TEST_MS = 1_000_000;
/** Longer than the meter keeps refusals apart. */
const EVENT_MS = 150;

/** The images of the model by their number; the number is their security counter. */
function imagesOf(blocks: number): Readonly<Record<number, Party>> {
  const image = (securityCounter: number): Party =>
    party({ version: securityCounter, imageBytes: blocks << BLOCK_SHIFT, blockShift: BLOCK_SHIFT, securityCounter });
  return { 1: image(1), 2: image(2), 3: image(3) };
}

const COUNTERS: Readonly<Record<number, bigint>> = { 3: 1n, 2: 2n, 1: 2n };

/** What the model's walk and the meter disagree on, or undefined. */
export interface Replayed {
  readonly events: number;
  readonly disagreement: string | undefined;
  readonly struck: Readonly<Record<string, number>>;
}

export class Replayer {
  readonly #images: Readonly<Record<number, Party>>;
  readonly #factory: NorFlash;

  constructor(blocks: number) {
    this.#images = imagesOf(blocks);
    const geometry = {
      sectorRuns: [{ count: 64, sectorBytes: 4096 }],
      granuleBytes: 16,
      granuleRewritable: true,
      erasedValue: 0xff,
    } as const;
    this.#factory = createFlash(planLayout(geometry, { imageBytesMax: 4096, stagingBytes: 8192, profileDays: 2 }));
    manufacture(this.#factory, CRYPTO, IDENTITY, this.#images[1]!.slotImage);
  }

  replay(lines: readonly string[]): Replayed {
    return new Walk(this.#factory.fork(), this.#images).go(lines);
  }
}

class Walk {
  readonly #flash: NorFlash;
  readonly #port: CuttingFlash;
  readonly #images: Readonly<Record<number, Party>>;
  readonly #tags = new Map<number, number>();
  readonly #sequences = new Map<number, number>();
  readonly #struck: Record<string, number> = {};
  #esme: Esme;
  #isWell = true;
  #nowMs = 0;

  constructor(flash: NorFlash, images: Readonly<Record<number, Party>>) {
    this.#flash = flash;
    this.#images = images;
    this.#port = new CuttingFlash(flash);
    this.#esme = this.#started();
  }

  go(lines: readonly string[]): Replayed {
    let events = 0;
    for (const event of eventsOf(lines)) {
      // What comes after needs more sessions than the model has: nothing more is said of it.
      if (event.name === 'enough') break;
      events += 1;
      const where = `event ${events}, ${event.name} ${event.words.join(' ')}`;
      this.#count(event.name === 'hears' ? event.words[0]! : event.name);
      for (const cut of event.cuts) this.#count(`cut ${cut}`);
      try {
        const said = this.#live(event);
        const isAgain = said.includes('tag again');
        // A session tag that came back: the code only promises that it is not the one before. The model's are all different.
        if (isAgain) return { events, disagreement: undefined, struck: this.#struck };
        const disagreement = disagreementOf(event, said, this.#state());
        if (disagreement !== undefined)
          return { events, disagreement: `${where}: ${disagreement}`, struck: this.#struck };
      } catch (error) {
        return { events, disagreement: `${where}: ${String(error)}`, struck: this.#struck };
      }
    }
    return { events, disagreement: undefined, struck: this.#struck };
  }

  #count(name: string): void {
    this.#struck[name] = (this.#struck[name] ?? 0) + 1;
  }

  #live(event: Event): string[] {
    this.#nowMs += EVENT_MS;
    this.#port.cutBefore = event.cuts.filter((cut) => cut !== 'idle' && cut !== 'erasing');
    const said: string[] = [];
    switch (event.name) {
      case 'start':
        break;
      case 'hears':
        this.#port.listen();
        if (event.cuts.includes('erasing')) this.#port.cutBefore.push('erase');
        this.#guarded(() => said.push(...this.#hear(event.words)));
        if (event.cuts.includes('erasing')) this.#eraseBesideHeader();
        // The restart that an accepted activation asks for.
        if (said.includes('BUSY') && this.#stateOfBoot().pending !== undefined) this.#tick(EVENT_MS, true);
        break;
      case 'cut':
        this.#powerOff();
        break;
      case 'rot':
        this.#rot(Number(event.words[0]));
        break;
      case 'well':
      case 'crash':
        this.#isWell = event.name === 'well';
        this.#tick(SELF_TEST_MS, !this.#isWell);
        break;
      default:
        throw new Error(`the walk has an event that nobody knows: ${event.name}`);
    }
    if (this.#port.cutBefore.length > 0) throw new Error(`no flash operation for ${this.#port.cutBefore.join(' ')}`);
    return said;
  }

  #tick(afterMs: number, isRestart: boolean): void {
    this.#nowMs += afterMs;
    this.#port.isStarting = isRestart;
    this.#guarded(() => this.#esme.tick(this.#nowMs));
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      this.#powerOff();
    }
  }

  #powerOff(): void {
    this.#flash.powerOn();
    this.#esme = this.#started();
  }

  #started(): Esme {
    this.#port.isStarting = true;
    for (;;) {
      try {
        const ports = { flash: this.#port, crypto: CRYPTO, signer: SIGNER };
        const timings = { selfTestMs: SELF_TEST_MS, restartDelayMs: 1 };
        const options = { windowBytes: 2 << BLOCK_SHIFT, timings, selfTest: () => this.#isWell };
        return startEsme(ports, options, this.#nowMs);
      } catch (error) {
        if (!(error instanceof PowerLost)) throw error;
        this.#flash.powerOn();
      }
    }
  }

  #hear([kind, tag, request, x, y]: readonly string[]): string[] {
    const t = Number(tag);
    const sequence = kind === 'DATA' ? (this.#sequences.get(t) ?? 0) + 1 : Number(request);
    if (kind === 'DATA') this.#sequences.set(t, sequence);
    const message = this.#message(kind!, Number(request), Number(x), Number(y));
    const frame = encodeHostMessage({ sessionTag: this.#tags.get(t) ?? 0, sequence, message });
    const said: string[] = [];
    for (const octets of this.#esme.hear(frame, this.#nowMs)) {
      const received = decodeMeterMessage(octets);
      if (received.kind !== 'message') throw new Error('the meter said what is no message');
      const { message: answer, sessionTag } = received.envelope;
      const word = wordOf(answer);
      if (word !== undefined) said.push(word);
      if (word === 'ACCEPT SEND' && !this.#isRunning(sessionTag)) said.push('tag again');
    }
    return said;
  }

  /** Notes the tag of a session; false when an earlier one had it. */
  #isRunning(sessionTag: number): boolean {
    const known = [...this.#tags].find(([, real]) => real === sessionTag)?.[0];
    if (known !== undefined) return known === this.#tags.size;
    this.#tags.set(this.#tags.size + 1, sessionTag);
    return true;
  }

  #message(kind: string, request: number, x: number, y: number): HostMessage {
    const nonce = new Uint8Array(8).fill(request);
    const image = (number: number): Party['image'] => this.#images[number]!.image;
    switch (kind) {
      case 'OFFER': {
        const { manifest, otaHeader, gbcsSignature } = image(x);
        return {
          kind: 'offer',
          replace: true,
          offerNonce: request,
          manifest: manifest.octets,
          otaHeader,
          gbcsSignature,
        };
      }
      case 'GETMAP':
        return { kind: 'get-map', firstBlock: 0 };
      case 'DATA':
        return { kind: 'data', block: x, offsetBytes: 0, octets: image(y).blocks[x]! };
      case 'PING':
        return { kind: 'ping' };
      case 'SEAL':
        return { kind: 'seal', manifestDigest: image(x).manifestDigest, nonce };
      case 'ACTIVATE': {
        const device = y === 1 ? new Uint8Array(8).fill(0x77) : IDENTITY.eui64;
        const authorisation = permission(this.#images[x]!, COUNTERS[x]!, device);
        if (y === 2) authorisation[authorisation.length - 1]! ^= 1;
        return { kind: 'activate', authorisation, nonce };
      }
      default:
        throw new Error(`the walk has a message that nobody knows: ${kind}`);
    }
  }

  /** The slot that is not running. */
  #spare(): FlashRegion {
    return slotRegion(this.#flash, this.#spareSlot());
  }

  #spareSlot(): SlotIndex {
    const active = this.#esme.view(this.#nowMs).activeSlot;
    return otherSlot(active === 1 ? 1 : 0);
  }

  /** Clears bits of a block at rest. */
  #rot(block: number): void {
    const region = this.#spare();
    const at = IMAGE_OFFSET_BYTES + (block << BLOCK_SHIFT);
    const octets = region.read(at, region.granuleBytes);
    octets.fill(0, 0, 4);
    region.program(at, octets);
  }

  /** What an erase may leave that lost its power: the header stands, and nothing beside it. */
  #eraseBesideHeader(): void {
    const region = this.#spare();
    const header = region.read(0, IMAGE_OFFSET_BYTES);
    for (const { index } of region.sectors) region.eraseSector(index);
    region.program(0, header);
    this.#powerOff();
  }

  #stateOfBoot(): ReturnType<typeof readBootState> {
    return readBootState(this.#flash, { crc32 });
  }

  /** As the model prints it: trial, running, held, how many durable, sealed, floor, counter, result. */
  #state(): string {
    const view = this.#esme.view(this.#nowMs);
    const numberOf = (is: (image: Party) => boolean): number =>
      Number(Object.keys(this.#images).find((number) => is(this.#images[Number(number)]!)) ?? -1);
    const running = numberOf(({ image }) => toHex(image.manifest.imageHash) === view.runningHash);
    const { held } = view;
    const heldNumber = held ? numberOf(({ image }) => toHex(image.manifestDigest) === held.manifestDigest) : 0;
    const { pending, outcome } = this.#stateOfBoot();
    const result = pending === undefined ? (outcome === undefined ? 'NONE' : RESULTS[outcome.code]) : 'PENDING';
    const flags = [
      Number(view.mode === 'trial'),
      running,
      heldNumber,
      held?.durableCount ?? 0,
      Number(held?.sealed ?? false),
    ];
    return [...flags, view.securityCounter, view.originatorCounter, result].join(' ');
  }
}
