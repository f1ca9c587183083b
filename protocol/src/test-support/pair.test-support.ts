/** Both machines on one line of virtual time: a host, a model meter, and a line that loses, repeats, delays, spoils and joins what it carries. */
import { verifyOutcome } from '../authorisation/outcome.js';
import { decodeFromLine, encodeForLine, lineDecoder, type Framing, type LineDecoder } from '../frame/line-coding.js';
import { concat } from '../layout/octets.js';
import { decodeMeterMessage, encodeHostMessage, type Envelope } from '../message/envelope.js';
import type { HostMessage } from '../message/host-messages.js';
import { startSender, stepSender, wakeSenderAtMs } from '../sender/sender.js';
import type { SenderEvent, SenderInput, SenderPlan, SenderResult, SenderState } from '../sender/sender-types.js';
import { modelKeys, runModel } from './model-crypto.test-support.js';
import { ModelMeter, type MeterOptions } from './model-meter.test-support.js';
import { below, chanceOf, World, type Chance } from './world.test-support.js';

/** Each from 0 to 1, of what is sent. */
export interface Faults {
  readonly loss: number;
  readonly twice: number;
  readonly late: number;
  readonly flip: number;
  readonly splice: number;
}

export const NO_FAULTS: Faults = { loss: 0, twice: 0, late: 0, flip: 0, splice: 0 };

export interface LineOptions {
  readonly faults: Faults;
  readonly latencyMs: number;
  readonly lateMs: number;
  readonly octetsPerSecond: number | undefined;
}

export type Struck = Record<keyof Faults, number>;

/** One direction. */
export class ModelLine {
  readonly struck: Struck = { loss: 0, twice: 0, late: 0, flip: 0, splice: 0 };
  octets = 0;
  private life = 0;
  private freeAtMs = 0;
  /** Octets that lost their end: the next ones are glued to them. */
  private torn: Uint8Array = new Uint8Array(0);

  private readonly world: World;
  private readonly chance: Chance;
  private readonly options: LineOptions;
  private readonly deliver: (octets: Uint8Array) => void;

  constructor(world: World, chance: Chance, options: LineOptions, deliver: (octets: Uint8Array) => void) {
    this.world = world;
    this.chance = chance;
    this.options = options;
    this.deliver = deliver;
  }

  carry(sent: Uint8Array): void {
    this.octets += sent.length;
    const { latencyMs, lateMs, octetsPerSecond } = this.options;
    const startMs = Math.max(this.world.nowMs, this.freeAtMs);
    this.freeAtMs = octetsPerSecond === undefined ? this.world.nowMs : startMs + (sent.length * 1000) / octetsPerSecond;
    if (this.strikes('loss')) return;
    let octets = concat(this.torn, sent);
    this.torn = new Uint8Array(0);
    if (this.strikes('splice')) {
      this.torn = octets.subarray(0, below(this.chance, octets.length));
      return;
    }
    if (this.strikes('flip')) {
      octets = octets.slice();
      for (let i = 0; i <= below(this.chance, 3); i++) {
        const bit = below(this.chance, octets.length * 8);
        octets[bit >> 3]! ^= 1 << (bit & 7);
      }
    }
    const copies = this.strikes('twice') ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const lateness = this.strikes('late') ? this.chance() * lateMs : 0;
      const { life } = this;
      this.world.at(this.freeAtMs + latencyMs + lateness, () => {
        if (this.life === life) this.deliver(octets);
      });
    }
  }

  /** What is under way is lost. */
  cut(): void {
    this.life++;
    this.torn = new Uint8Array(0);
    this.freeAtMs = this.world.nowMs;
  }

  private strikes(fault: keyof Faults): boolean {
    const p = this.options.faults[fault];
    if (p === 0 || this.chance() >= p) return false;
    this.struck[fault]++;
    return true;
  }
}

export interface PairOptions {
  readonly seed: number;
  readonly plan: SenderPlan;
  readonly framing: Framing;
  readonly line: Partial<LineOptions>;
  readonly meter: Partial<MeterOptions>;
  /** Whether a word of the host goes on the line. */
  readonly hostSays: (envelope: Envelope<HostMessage>) => boolean;
  /** Whether a word of the meter goes on the line. */
  readonly meterSays: (message: Parameters<ModelMeter['onSay']>[0]) => boolean;
}

export class Pair {
  readonly world: World = new World();
  readonly meter: ModelMeter;
  readonly up: ModelLine;
  readonly down: ModelLine;
  readonly events: SenderEvent[] = [];
  host: SenderState;
  hostCrashes = 0;
  readonly options: PairOptions;
  private readonly chance: Chance;
  private decoder: LineDecoder;
  private life = 0;
  private runs = 0;
  private hostRuns = true;
  private wakeAtMs: number | undefined;

  constructor(given: Partial<PairOptions> & Pick<PairOptions, 'plan'>) {
    const options: PairOptions = {
      seed: 1,
      framing: 'stream',
      line: {},
      meter: {},
      hostSays: () => true,
      meterSays: () => true,
      ...given,
    };
    this.options = options;
    this.chance = chanceOf(options.seed);
    const line: LineOptions = {
      faults: NO_FAULTS,
      latencyMs: 5,
      lateMs: 200,
      octetsPerSecond: undefined,
      ...options.line,
    };
    this.up = new ModelLine(this.world, this.chance, line, (octets) => this.meter.hear(octets));
    this.down = new ModelLine(this.world, this.chance, line, (octets) => this.hear(octets));
    let passes = true;
    this.meter = new ModelMeter(
      this.world,
      {
        device: {},
        framing: options.framing,
        cut: undefined,
        restartMs: 500,
        images: options.plan.image === undefined ? [] : [options.plan.image as MeterOptions['images'][number]],
        neverConfirms: false,
        trialMs: 400,
        checkJitterMs: 0,
        workMs: {},
        fails: () => false,
        chance: this.chance,
        nowS: () => 1_700_000_000,
        ...options.meter,
      },
      (octets) => {
        if (passes) this.down.carry(octets);
      },
    );
    this.meter.onSay = (envelope) => {
      passes = options.meterSays(envelope);
    };
    this.decoder = lineDecoder(options.framing);
    this.host = startSender(options.plan, 0);
    this.startHost(options.plan);
  }

  /** Runs until the host's plan has ended, or until virtual `untilMs`. */
  run(untilMs: number = 3_600_000): SenderResult {
    const eventsMax = this.world.events + 2_000_000;
    this.world.run(untilMs, () => this.host.phase.kind === 'ended' || this.world.events > eventsMax);
    if (this.host.phase.kind !== 'ended') {
      throw new Error(
        `not ended at ${this.world.nowMs} ms: ${this.host.phase.kind}, next events none or later; ${this.world.events} events`,
      );
    }
    return this.host.phase.result;
  }

  /** The host's process dies now; another begins with the same plan after `pauseMs`. What was under way is lost, or still arrives. */
  crashHost(pauseMs: number = 100, underWay: 'lost' | 'arrives' = 'lost'): void {
    this.hostCrashes++;
    this.hostRuns = false;
    if (underWay === 'lost') {
      this.up.cut();
      this.down.cut();
    }
    this.life++;
    this.wakeAtMs = undefined;
    this.world.in(pauseMs, () => {
      this.startHost(this.options.plan);
    });
  }

  /** A new run against the same meter, with chance of its own. */
  startHost(plan: SenderPlan): void {
    this.life++;
    this.runs++;
    this.hostRuns = true;
    this.decoder = lineDecoder(this.options.framing);
    this.host = startSender({ ...plan, random: plan.random.map((octet) => octet ^ this.runs) }, this.world.nowMs);
    this.wakeAtMs = undefined;
    this.give({ kind: 'link-up' });
  }

  give(input: SenderInput): void {
    const { state, effects } = stepSender(this.host, input, this.world.nowMs);
    this.host = state;
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          if (this.options.hostSays(effect.envelope))
            this.up.carry(encodeForLine(this.options.framing, encodeHostMessage(effect.envelope)));
          break;
        case 'event':
          this.events.push(effect.event);
          break;
        case 'check-outcome':
          this.later(1, () => {
            const checked = runModel(verifyOutcome(effect.octets, modelKeys.device));
            this.give({ kind: 'outcome-checked', outcome: checked.ok ? checked.value : undefined, attested: true });
          });
      }
    }
    this.plan();
  }

  struck(): Struck {
    const { up, down } = this;
    const sum = (fault: keyof Faults): number => up.struck[fault] + down.struck[fault];
    return { loss: sum('loss'), twice: sum('twice'), late: sum('late'), flip: sum('flip'), splice: sum('splice') };
  }

  private hear(octets: Uint8Array): void {
    if (!this.hostRuns) return;
    const decoded = decodeFromLine(this.decoder, octets);
    this.decoder = decoded.decoder;
    for (const frame of decoded.frames) this.give({ kind: 'heard', received: decodeMeterMessage(frame) });
  }

  private plan(): void {
    const wakeAtMs = wakeSenderAtMs(this.host);
    if (wakeAtMs === undefined || !Number.isFinite(wakeAtMs) || wakeAtMs === this.wakeAtMs) return;
    this.wakeAtMs = wakeAtMs;
    this.later(Math.max(0, wakeAtMs - this.world.nowMs), () => {
      if (this.wakeAtMs !== wakeAtMs) return;
      this.wakeAtMs = undefined;
      this.give({ kind: 'tick' });
    });
  }

  private later(delayMs: number, what: () => void): void {
    const { life } = this;
    this.world.in(delayMs, () => {
      if (this.life === life) what();
    });
  }
}
