/**
 * A line between host and meter: whole frames on message links, COBS octets on streams, and every fault a line can have. The rates of a world
 * are drawn first, then the faults, so that quiet worlds and brutal ones both occur.
 */
import type { Random } from '@smets1/host';
import { decodeFromLine, encodeForLine, lineDecoder, type Framing, type LineDecoder } from '@smets1/protocol';

/** Each from 0 to 1, of the frames sent. */
export interface LineRates {
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  readonly flip: number;
  readonly splice: number;
  readonly truncate: number;
}

export const QUIET: LineRates = { loss: 0, duplicate: 0, reorder: 0, flip: 0, splice: 0, truncate: 0 };
const MOST: LineRates = { loss: 0.4, duplicate: 0.5, reorder: 0.3, flip: 0.15, splice: 0.1, truncate: 0.1 };
const LATE_MS = 300;
const FLIPS_MAX = 3;

export type LineStruck = Record<'lost' | 'duplicated' | 'overtaken' | 'flipped' | 'spliced' | 'truncated', number>;

export function drawRates(random: Random): LineRates {
  const rate = (most: number): number => (random.chance(0.5) ? 0 : random.fraction() * most);
  return {
    loss: rate(MOST.loss),
    duplicate: rate(MOST.duplicate),
    reorder: rate(MOST.reorder),
    flip: rate(MOST.flip),
    splice: rate(MOST.splice),
    truncate: rate(MOST.truncate),
  };
}

/** One direction of the line. */
export class OneWay {
  readonly struck: LineStruck = { lost: 0, duplicated: 0, overtaken: 0, flipped: 0, spliced: 0, truncated: 0 };
  readonly #random: Random;
  readonly #framing: Framing;
  readonly #latencyMs: number;
  readonly #deliver: (atMs: number, octets: Uint8Array, number: number) => void;
  #rates: LineRates;
  #isQuiet: boolean;
  #decoder: LineDecoder;
  #lastArrivalMs = 0;
  #sent = 0;
  #newest = 0;
  /** Octets that lost their end: those that come next are glued to them. */
  #torn: Uint8Array | undefined;

  constructor(
    random: Random,
    framing: Framing,
    latencyMs: number,
    rates: LineRates,
    deliver: (atMs: number, octets: Uint8Array, number: number) => void,
  ) {
    this.#random = random;
    this.#framing = framing;
    this.#latencyMs = latencyMs;
    this.#rates = rates;
    this.#isQuiet = isQuiet(rates);
    this.#deliver = deliver;
    this.#decoder = lineDecoder(framing);
  }

  send(frame: Uint8Array, nowMs: number): void {
    this.#sent += 1;
    let octets = encodeForLine(this.#framing, frame);
    if (this.#isQuiet) {
      this.#launch(octets, nowMs, 0);
      return;
    }
    const random = this.#random;
    if (this.#strikes('loss', 'lost')) return;
    if (this.#torn !== undefined) {
      octets = glued(this.#torn, random.chance(0.5) ? octets : octets.subarray(random.below(octets.length)));
      this.#torn = undefined;
    } else if (this.#strikes('splice', 'spliced')) {
      this.#torn = octets.subarray(0, random.below(octets.length));
      return;
    }
    if (this.#strikes('truncate', 'truncated')) octets = octets.subarray(0, random.below(octets.length));
    if (this.#strikes('flip', 'flipped')) octets = flipped(octets, random);
    const copies = this.#strikes('duplicate', 'duplicated') ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const lateMs = random.chance(this.#rates.reorder) ? random.fraction() * LATE_MS : 0;
      this.#launch(octets, nowMs, lateMs);
    }
  }

  /** What of these octets makes frames. */
  arrived(octets: Uint8Array, number: number): readonly Uint8Array[] {
    if (number < this.#newest) this.struck.overtaken += 1;
    else this.#newest = number;
    const { decoder, frames } = decodeFromLine(this.#decoder, octets);
    this.#decoder = decoder;
    return frames;
  }

  /** The line went down and came up: nothing of before is left. */
  reset(): void {
    this.#decoder = lineDecoder(this.#framing);
    this.#torn = undefined;
  }

  endFaults(): void {
    this.#rates = QUIET;
    this.#isQuiet = true;
    this.#torn = undefined;
  }

  #launch(octets: Uint8Array, nowMs: number, lateMs: number): void {
    const inOrderMs = Math.max(nowMs + this.#latencyMs, this.#lastArrivalMs);
    if (lateMs === 0) this.#lastArrivalMs = inOrderMs;
    this.#deliver(inOrderMs + lateMs, octets, this.#sent);
  }

  #strikes(fault: keyof LineRates, name: keyof LineStruck): boolean {
    const rate = this.#rates[fault];
    if (rate === 0 || this.#random.fraction() >= rate) return false;
    this.struck[name] += 1;
    return true;
  }
}

function isQuiet(rates: LineRates): boolean {
  return Object.values(rates).every((rate) => rate === 0);
}

function glued(one: Uint8Array, other: Uint8Array): Uint8Array {
  const whole = new Uint8Array(one.length + other.length);
  whole.set(one);
  whole.set(other, one.length);
  return whole;
}

function flipped(octets: Uint8Array, random: Random): Uint8Array {
  const spoilt = octets.slice();
  if (spoilt.length === 0) return spoilt;
  for (let i = 0; i <= random.below(FLIPS_MAX); i++) {
    const bit = random.below(spoilt.length * 8);
    spoilt[bit >> 3]! ^= 1 << (bit & 7);
  }
  return spoilt;
}
