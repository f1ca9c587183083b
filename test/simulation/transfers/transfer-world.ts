/**
 * One transfer, from its seed to its rest: host, line, whoever stands between, and a meter, on virtual time and without a promise. It ends
 * with a report; what was promised and not kept is in it.
 */
import { createWorld, type Random } from '@smets1/host';
import type { SenderPlan, SenderResult } from '@smets1/protocol';
import { FlashMeter } from './flash-meter.js';
import { FlatMeter, type Cut } from './flat-meter.js';
import { Happenings } from './happenings.js';
import { Host } from './host.js';
import { DEVICE_ID, type Bench, type Made } from './images.js';
import { liarOf } from './liars.js';
import { OneWay, type LineStruck } from './line.js';
import type { Middle, Scene } from './middle.js';
import { drawScenario, type MeterKind, type Scenario } from './scenario.js';
import type { Complain, MeterStruck, SimMeter } from './sim-meter.js';
import { stagerOf } from './stagers.js';

export interface TransferOptions {
  readonly bench: Bench;
  readonly seed: number;
  readonly meterKind: MeterKind;
  /** Told of everything that happens, in order. */
  readonly trace?: (atMs: number, what: string, octets?: Uint8Array) => void;
  /** Milliseconds that delivery takes on top of what the seed says: for worlds that are meant to differ. */
  readonly extraLatencyMs?: () => number;
}

export interface TransferReport {
  readonly scenario: Scenario;
  /** Broken promises, each with its invariant; none in a good world. */
  readonly complaints: readonly string[];
  /** How the last run of the host ended. */
  readonly end: string;
  readonly runs: Made['name'] | undefined;
  readonly endMs: number;
  readonly events: number;
  readonly hostRuns: number;
  readonly kills: number;
  readonly unplugs: number;
  readonly middleStruck: number;
  readonly line: LineStruck;
  readonly meter: MeterStruck;
  readonly surviving: readonly Uint8Array[];
}

/** Within so much virtual time after the last fault, whatever was begun has ended. */
const LIVENESS_MS = 1_500_000;
/** Events of one world, before it counts as running for ever. */
const EVENTS_MAX = 200_000;
const KILL_MS_MAX = 3_000;
const UNPLUG_MS_MAX = 2_000;
const NEXT_RUN_MS = 500;
const COUNTERS_MAX = 64;

export function runTransfer(options: TransferOptions): TransferReport {
  return new TransferWorld(options).run();
}

class TransferWorld {
  readonly #options: TransferOptions;
  readonly #random: Random;
  readonly #scenario: Scenario;
  readonly #happenings = new Happenings();
  readonly #complaints: string[] = [];
  readonly #up: OneWay;
  readonly #down: OneWay;
  readonly #meter: SimMeter;
  readonly #wanted: Made;
  readonly #issued = new Set<Uint8Array>();
  #middle: Middle | undefined;
  #host: Host | undefined;
  #isPlugged = true;
  #life = 0;
  #faulty = true;
  #nowMs = 0;
  #killAtMs = Infinity;
  #counter = 1;
  #hostRuns = 0;
  #kills = 0;
  #unplugs = 0;
  #lastEnd = 'none';
  #isOver = false;
  /** A run that began after the last fault: what it ends with is the end. */
  #isFinalRun = false;

  constructor(options: TransferOptions) {
    this.#options = options;
    const { bench, seed, meterKind } = options;
    const random = createWorld({ seed }).random('transfer');
    this.#random = random;
    const scenario = drawScenario(random, meterKind);
    this.#scenario = scenario;
    const shape = bench.shapes[scenario.shapeIndex]!;
    this.#wanted = shape.wanted;
    const known = [bench.old, shape.wanted, shape.other, shape.ancient, shape.foreign];
    const oneWay = (to: 'to-host' | 'to-meter'): OneWay =>
      new OneWay(random, scenario.framing, scenario.latencyMs, scenario.rates, (atMs, octets, number) => {
        const lateMs = options.extraLatencyMs?.() ?? 0;
        this.#happenings.push({ atMs: atMs + lateMs, kind: to, octets, number, life: this.#life });
      });
    this.#up = oneWay('to-meter');
    this.#down = oneWay('to-host');
    const complain: Complain = (invariant, detail) => void this.#complaints.push(`${invariant}: ${detail}`);
    const { selfTest, cutRate } = scenario;
    this.#meter =
      meterKind === 'flat'
        ? new FlatMeter({
            bench,
            known,
            selfTest,
            complain,
            drawCut: () => this.#drawCut(cutRate),
            drawTorn: (bytes) => random.below(bytes + 1),
            isAuthorised: (octets) => [...this.#issued].some((issued) => Buffer.compare(issued, octets) === 0),
          })
        : new FlashMeter({ bench, known, selfTest: () => selfTest, complain, drawPlan: () => this.#drawPlan(cutRate) });
    const authorisation = bench.authorise(shape.wanted, this.#counter);
    const scene: Scene = {
      random,
      bench,
      shape,
      authorisation,
      toMeter: (frame) => this.#up.send(frame, this.#nowMs),
      toHost: (frame) => this.#host?.hear(frame, this.#nowMs),
    };
    if (scenario.stager !== undefined) {
      // Who only was to send has the permission for later in his hands as well.
      this.#issued.add(authorisation);
      this.#middle = stagerOf(scenario.stager, scene);
    }
    if (scenario.liar !== undefined) this.#middle = liarOf(scenario.liar, scene);
  }

  run(): TransferReport {
    const { faultsEndMs } = this.#scenario;
    const middle = this.#middle;
    this.#happenings.push({ atMs: 0, kind: 'host-start', octets: undefined, number: 0, life: 0 });
    let events = 0;
    while (!this.#isOver) {
      const next = this.#happenings.peekMs();
      const hostMs = this.#host?.wakeAtMs() ?? Infinity;
      const atMs = Math.max(this.#nowMs, Math.min(next, hostMs, this.#meter.wakeAtMs(), this.#killAtMs));
      if (this.#faulty && atMs >= faultsEndMs) {
        this.#endFaults();
        continue;
      }
      events += 1;
      if (events > EVENTS_MAX || atMs > faultsEndMs + LIVENESS_MS) {
        const why = events > EVENTS_MAX ? `after ${events} events` : `${LIVENESS_MS} ms after the last fault`;
        this.#complaints.push(`I12: not at rest ${why}; last end: ${this.#lastEnd}`);
        break;
      }
      this.#nowMs = atMs;
      if (next <= atMs) this.#happen();
      else if (this.#killAtMs <= atMs) this.#kill();
      else if (hostMs <= atMs) this.#host!.tick(atMs);
      else this.#meterSays(this.#meter.tick(atMs));
      this.#lookAtHost();
    }
    return {
      scenario: this.#scenario,
      complaints: this.#complaints,
      end: this.#lastEnd,
      runs: this.#meter.runs(),
      endMs: this.#nowMs,
      events,
      hostRuns: this.#hostRuns,
      kills: this.#kills,
      unplugs: this.#unplugs,
      middleStruck: middle?.struck ?? 0,
      line: sum(this.#up.struck, this.#down.struck),
      meter: this.#meter.struck,
      surviving: this.#options.trace === undefined ? [] : this.#meter.survivingOctets(),
    };
  }

  #happen(): void {
    const { kind, octets, number, life } = this.#happenings.pop();
    switch (kind) {
      case 'to-meter':
        if (life !== this.#life) return;
        this.#options.trace?.(this.#nowMs, kind, octets);
        for (const frame of this.#up.arrived(octets!, number)) this.#meterSays(this.#meter.hear(frame, this.#nowMs));
        return;
      case 'to-host':
        if (life !== this.#life) return;
        this.#options.trace?.(this.#nowMs, kind, octets);
        for (const frame of this.#down.arrived(octets!, number)) {
          if (this.#middle === undefined) this.#host?.hear(frame, this.#nowMs);
          else this.#middle.fromMeter(frame);
        }
        return;
      case 'link-down':
        this.#host?.linkDown(this.#nowMs);
        return;
      case 'link-up':
        if (life !== this.#life) return;
        this.#isPlugged = true;
        this.#options.trace?.(this.#nowMs, kind);
        this.#host?.linkUp(this.#nowMs);
        return;
      case 'host-start':
        this.#startHost();
    }
  }

  #startHost(): void {
    if (this.#faulty && this.#hostRuns >= this.#scenario.faultyRunsMax) this.#endFaults();
    const { bench, trace } = this.#options;
    const { activates, killRate } = this.#scenario;
    const authorisation = activates ? bench.authorise(this.#wanted, this.#counter) : undefined;
    if (authorisation !== undefined) this.#issued.add(authorisation);
    const plan: SenderPlan = {
      image: this.#wanted.image,
      authorisation,
      replace: true,
      deviceId: this.#random.chance(0.5) ? DEVICE_ID : undefined,
      octetsPerSecond: undefined,
      random: this.#random.octets(8),
    };
    this.#isFinalRun = !this.#faulty;
    this.#hostRuns += 1;
    this.#host = new Host(bench, plan, this.#nowMs, (frame, nowMs) => this.#hostSays(frame, nowMs));
    const isMortal = this.#faulty && this.#random.chance(killRate);
    this.#killAtMs = isMortal ? this.#nowMs + this.#random.fraction() * KILL_MS_MAX : Infinity;
    trace?.(this.#nowMs, 'host-start', plan.random);
    if (this.#isPlugged) this.#host.linkUp(this.#nowMs);
  }

  #hostSays(frame: Uint8Array, nowMs: number): void {
    if (!this.#isPlugged) return;
    if (this.#middle === undefined) this.#up.send(frame, nowMs);
    else this.#middle.fromHost(frame);
    if (this.#faulty && this.#scenario.unplugRate > 0 && this.#random.chance(this.#scenario.unplugRate)) this.#unplug();
  }

  #meterSays(frames: readonly Uint8Array[] | undefined): void {
    if (frames === undefined) {
      this.#options.trace?.(this.#nowMs, 'cut');
      this.#unplug();
      return;
    }
    if (this.#isPlugged) for (const frame of frames) this.#down.send(frame, this.#nowMs);
  }

  /** What is on the way is lost. The host hears of it later, as an event of its own: it may be in the middle of a step. */
  #unplug(): void {
    if (!this.#isPlugged) return;
    this.#isPlugged = false;
    this.#life += 1;
    this.#unplugs += 1;
    this.#up.reset();
    this.#down.reset();
    const nowMs = this.#nowMs;
    const upMs = nowMs + this.#random.fraction() * UNPLUG_MS_MAX;
    const about = { octets: undefined, number: 0, life: this.#life };
    this.#happenings.push({ ...about, atMs: nowMs, kind: 'link-down' });
    this.#happenings.push({ ...about, atMs: upMs, kind: 'link-up' });
  }

  #kill(): void {
    this.#options.trace?.(this.#nowMs, 'kill');
    this.#kills += 1;
    this.#killAtMs = Infinity;
    this.#host = undefined;
    this.#startLater();
  }

  #startLater(): void {
    const atMs = this.#nowMs + this.#random.fraction() * NEXT_RUN_MS;
    this.#happenings.push({ atMs, kind: 'host-start', octets: undefined, number: 0, life: this.#life });
  }

  #lookAtHost(): void {
    const result = this.#host?.result;
    if (result === undefined) return;
    this.#lastEnd = result.kind === 'done' ? result.what : result.reason;
    if (result.kind === 'failed' && result.refusal !== undefined) this.#lastEnd += ` ${result.refusal.code}`;
    this.#options.trace?.(this.#nowMs, this.#lastEnd);
    this.#host = undefined;
    this.#killAtMs = Infinity;
    if (result.kind === 'done') this.#judgeDone(result);
    if (result.kind === 'done' || this.#isFinalRun || result.reason === 'reverted') this.#judgeEnd(result);
    else this.#startLater();
  }

  /** Done was said: then it is so. */
  #judgeDone(result: Extract<SenderResult, { kind: 'done' }>): void {
    if (!result.attested) this.#complaints.push('I8: done without the word of the meter');
    // Who stands between may have given the meter its permission meanwhile: whether it might run is asked by I3.
    const isThere =
      result.what === 'sealed'
        ? this.#meter.holdsSealed(this.#nowMs) === 'new' || this.#meter.runs() === 'new'
        : this.#meter.runs() === 'new' && this.#meter.isConfirmed(this.#nowMs);
    if (!isThere) this.#complaints.push(`I8: "${result.what}" was believed; the meter runs ${this.#meter.runs()}`);
  }

  #judgeEnd(result: SenderResult): void {
    const runs = this.#meter.runs();
    if (result.kind === 'done') {
      this.#isOver = true;
      return;
    }
    if (result.reason === 'reverted') {
      if (runs !== 'old') this.#complaints.push(`I5: reverted, and runs ${runs}`);
      this.#isOver = true;
      return;
    }
    // A stager that used up a permission, or a trial that died of it: the operator gives another one.
    if (result.reason === 'activation-failed' && this.#counter < COUNTERS_MAX) {
      this.#counter += 1;
      this.#startLater();
      return;
    }
    this.#isOver = true;
    const isSpent = result.refusal?.code === ERASE_BUDGET_SPENT;
    if (!(isSpent && this.#scenario.stager !== undefined))
      this.#complaints.push(`I12: no fault any more, and yet ${this.#lastEnd}: ${result.detail}`);
  }

  #endFaults(): void {
    this.#faulty = false;
    this.#killAtMs = Infinity;
    // What somebody between put on the line belongs to his doings: it goes with him.
    if (this.#middle !== undefined) this.#unplug();
    this.#middle = undefined;
    this.#up.endFaults();
    this.#down.endFaults();
    this.#meter.endFaults();
    this.#options.trace?.(this.#nowMs, 'faults-end');
  }

  #drawCut(rate: number): Cut {
    if (rate === 0 || this.#random.fraction() >= rate) return undefined;
    return this.#random.pick(CUTS);
  }

  #drawPlan(rate: number): ReturnType<ConstructorParameters<typeof FlashMeter>[0]['drawPlan']> {
    if (rate === 0 || !this.#random.chance(0.7)) return undefined;
    const phase = this.#random.pick(['before', 'during', 'after'] as const);
    return { cutAt: 1 + this.#random.below(Math.ceil(4 / rate)), phase, seed: this.#random.u32() };
  }
}

const ERASE_BUDGET_SPENT = 20;
const CUTS: readonly Cut[] = ['before', 'torn', 'after'];

function sum(one: LineStruck, other: LineStruck): LineStruck {
  const total = { ...one };
  for (const name of Object.keys(other) as (keyof LineStruck)[]) total[name] += other[name];
  return total;
}
