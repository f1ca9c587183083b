/**
 * One update over a quiet line, and the power cut at one step of the meter: before it hears a frame or a tick, after it has done all that the
 * frame asks for but before a word of it is on the line, or between two of its words. Then all goes on as it would.
 */
import type { FaultPlan } from '@smets1/emulator';
import { TRIAL_STARTS_MAX, type SenderPlan, type SenderResult } from '@smets1/protocol';
import { PLAYS_BEHAVIOURS, type FirmwareBehaviour } from '../transfers/behaviours.js';
import { FlashMeter } from '../transfers/flash-meter.js';
import { Happenings } from '../transfers/happenings.js';
import { Host } from '../transfers/host.js';
import { DEVICE_ID, modelBench, type Made } from '../transfers/images.js';
import type { MeterStruck } from '../transfers/sim-meter.js';

/** `straight`: one run of the host. `resumed`: its first run dies in the middle. `after-revert`: another image was tried before, and reverted. */
export type Path = 'straight' | 'resumed' | 'after-revert';
export const PATHS: readonly Path[] = ['straight', 'resumed', 'after-revert'];
export type Phase = 'before' | 'between' | 'after';
export const PHASES: readonly Phase[] = ['before', 'between', 'after'];

export interface StepCase {
  readonly path: Path;
  readonly behaviour: FirmwareBehaviour;
  /** Of the meter, counted from 1; undefined: no cut. */
  readonly step: number | undefined;
  readonly phase: Phase;
  /** A second cut: at this operation of the flash after the first one. */
  readonly flashCut?: number;
}

export interface Stepped {
  readonly steps: number;
  readonly complaints: readonly string[];
  readonly end: string;
  readonly runs: Made['name'] | undefined;
  readonly struck: MeterStruck;
  /** Whether the cut fell where it was to. */
  readonly isCut: boolean;
  readonly took: boolean;
}

const bench = modelBench();
const { wanted, broken, later } = bench.shapes[2]!;
const LATENCY_MS = 5;
const DOWN_MS = 400;
const RUNS_MAX = 30;
const REST_MS = 120_000;
const WORLD_MS_MAX = 3_600_000;
const EVENTS_MAX = 100_000;
const KILL_MS = 450;
/** Paces the blocks, so that a run can die between them. */
const OCTETS_PER_SECOND = 3_000;
const REVERTING: ReadonlySet<FirmwareBehaviour> = new Set([
  'crash-at-boot',
  'hang',
  'lose-link',
  'corrupt-own-confirm',
]);

export function liveStep(wish: StepCase): Stepped {
  return new StepWorld(wish).run();
}

class StepWorld {
  readonly #wish: StepCase;
  readonly #meter: FlashMeter;
  readonly #happenings = new Happenings();
  readonly #complaints: string[] = [];
  #host: Host | undefined;
  #nowMs = 0;
  #life = 0;
  #steps = 0;
  #isCut = false;
  #isSecondDrawn = false;
  #isPlugged = true;
  #runs = 0;
  #events = 0;
  #killAtMs = Infinity;
  #counting = true;
  #isStuck = false;

  constructor(wish: StepCase) {
    this.#wish = wish;
    this.#meter = new FlashMeter({
      bench,
      known: [bench.old, wanted, broken, later],
      // Where the emulator does not play behaviours, a self-test that fails is the one that there is.
      selfTest: (version) => PLAYS_BEHAVIOURS || this.#behaviourOf(version) === 'healthy',
      behaviour: (version) => this.#behaviourOf(version),
      triable: ['new', 'broken', 'later'],
      drawPlan: () => this.#drawSecondCut(),
      complain: (invariant, detail) => void this.#complaints.push(`${invariant}: ${detail}`),
    });
  }

  /** Once: a meter that lost its power at the same operation of every start would be starved, which is another matter. */
  #drawSecondCut(): FaultPlan | undefined {
    const { flashCut } = this.#wish;
    if (!this.#isCut || this.#isSecondDrawn || flashCut === undefined) return undefined;
    this.#isSecondDrawn = true;
    return { cutAt: flashCut, phase: 'during', seed: flashCut };
  }

  run(): Stepped {
    const { path, behaviour } = this.#wish;
    if (path === 'after-revert') {
      const end = this.#update(broken, 1);
      if (end !== 'reverted') this.#complaints.push(`I5: a broken image ended "${end}"`);
      if (this.#meter.runs() !== 'old') this.#complaints.push(`I5: after a broken image runs ${this.#meter.runs()}`);
    }
    const end = this.#update(wanted, path === 'after-revert' ? 2 : 1);
    this.#rest();
    const runs = this.#meter.runs();
    this.#judge(end, runs);
    const took = this.#takesNext(behaviour);
    return {
      steps: this.#steps,
      complaints: this.#complaints,
      end,
      runs,
      struck: this.#meter.struck,
      isCut: this.#isCut,
      took,
    };
  }

  #judge(end: string, runs: Made['name'] | undefined): void {
    const { behaviour } = this.#wish;
    const mode = this.#meter.mode(this.#nowMs);
    const complain = (what: string): void =>
      void this.#complaints.push(`${what}; ended "${end}", runs ${runs}, ${mode}`);
    if (REVERTING.has(behaviour)) {
      if (runs !== 'old' || mode !== 'confirmed')
        complain('I5: a trial that failed did not end in the image before it');
      if (end !== 'reverted') complain('I12: the host was not told that the trial failed');
      const trialsMax = TRIAL_STARTS_MAX * (this.#wish.path === 'after-revert' ? 2 : 1);
      if (this.#meter.struck.trials > trialsMax) complain(`I5: ${this.#meter.struck.trials} trials`);
    } else if (behaviour === 'confirm-then-die') {
      if (runs !== 'old' || mode !== 'fallback') complain('I2: an image that dies after its confirmation was not left');
    } else {
      if (runs !== 'new' || mode !== 'confirmed') complain('I2: a good image does not run');
      if (end !== 'activated' && end !== 'already-running') complain('I12: the host was not told of the success');
    }
  }

  /** Whatever happened, the next image is taken. */
  #takesNext(behaviour: FirmwareBehaviour): boolean {
    this.#counting = false;
    if (behaviour === 'refuse-updates') return false;
    const end = this.#update(later, 9);
    if (end !== 'activated' || this.#meter.runs() !== 'later')
      this.#complaints.push(`I2: the next update ended "${end}", and ${this.#meter.runs()} runs`);
    return true;
  }

  #behaviourOf(fileVersion: number): FirmwareBehaviour {
    if (fileVersion === wanted.image.manifest.fileVersion) return this.#wish.behaviour;
    return fileVersion === broken.image.manifest.fileVersion ? 'crash-at-boot' : 'healthy';
  }

  /** Runs of a host until one of them says how it ended. */
  #update(made: Made, counter: number): string {
    const plan: SenderPlan = {
      image: made.image,
      authorisation: bench.authorise(made, counter),
      replace: true,
      deviceId: DEVICE_ID,
      octetsPerSecond: OCTETS_PER_SECOND,
      random: new Uint8Array(8).fill(counter),
    };
    for (let run = 0; run < RUNS_MAX && !this.#isStuck; run++) {
      this.#runs += 1;
      const random = plan.random.map((octet, i) => octet ^ (i === 0 ? this.#runs : 0));
      this.#host = new Host(bench, { ...plan, random }, this.#nowMs, (frame) => this.#hostSays(frame));
      const dies = run === 0 && made === wanted && this.#wish.path === 'resumed';
      this.#killAtMs = dies ? this.#nowMs + KILL_MS : Infinity;
      if (this.#isPlugged) this.#host.linkUp(this.#nowMs);
      const host = this.#host;
      this.#turn(() => host.result !== undefined || this.#nowMs >= this.#killAtMs, WORLD_MS_MAX);
      const { result } = host;
      this.#host = undefined;
      this.#killAtMs = Infinity;
      if (result === undefined) {
        this.#turn(() => false, this.#nowMs + DOWN_MS);
        continue;
      }
      const name = nameOf(result);
      if (FINAL.has(name)) return name;
      this.#turn(() => false, this.#nowMs + DOWN_MS);
    }
    this.#complaints.push(`I12: ${RUNS_MAX} runs of the host, and no end`);
    return 'none';
  }

  #rest(): void {
    this.#turn(() => false, this.#nowMs + REST_MS);
  }

  /** Lets things happen until `isOver`, or until a time. */
  #turn(isOver: () => boolean, untilMs: number): void {
    while (!isOver()) {
      const next = this.#happenings.peekMs();
      const hostMs = this.#host?.wakeAtMs() ?? Infinity;
      const atMs = Math.max(this.#nowMs, Math.min(next, hostMs, this.#meter.wakeAtMs(), this.#killAtMs));
      if (atMs > untilMs || this.#events++ > EVENTS_MAX) {
        const isStuck = atMs <= untilMs || untilMs === WORLD_MS_MAX;
        if (isStuck && !this.#isStuck) this.#complaints.push(`I12: not at rest after ${this.#events} events`);
        this.#isStuck ||= isStuck;
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return;
      }
      this.#nowMs = atMs;
      if (next <= atMs) this.#happen();
      else if (hostMs <= atMs) this.#host!.tick(atMs);
      else if (this.#meter.wakeAtMs() <= atMs) this.#step(() => this.#meter.tick(atMs));
      else return;
    }
  }

  #happen(): void {
    const { kind, octets, life } = this.#happenings.pop();
    if (life !== this.#life) return;
    switch (kind) {
      case 'to-meter':
        this.#step(() => this.#meter.hear(octets!, this.#nowMs));
        return;
      case 'to-host':
        this.#host?.hear(octets!, this.#nowMs);
        return;
      case 'link-down':
        this.#host?.linkDown(this.#nowMs);
        return;
      case 'link-up':
        this.#isPlugged = true;
        this.#host?.linkUp(this.#nowMs);
        return;
      case 'host-start':
    }
  }

  /** One step of the meter, and the cut if this is the one. */
  #step(work: () => readonly Uint8Array[] | undefined): void {
    if (this.#counting) this.#steps += 1;
    const { step, phase } = this.#wish;
    const isHere = this.#counting && !this.#isCut && this.#steps === step;
    if (isHere && phase === 'before') {
      this.#cut();
      return;
    }
    const said = work();
    if (said === undefined) {
      this.#unplug();
      return;
    }
    if (!isHere) {
      for (const frame of said) this.#meterSays(frame);
      return;
    }
    if (phase === 'between') {
      if (said.length < 2) {
        for (const frame of said) this.#meterSays(frame);
        return;
      }
      for (const frame of said.slice(0, said.length >> 1)) this.#meterSays(frame);
      this.#isCut = true;
      this.#meter.cutPower(this.#nowMs);
      return;
    }
    this.#cut();
  }

  #cut(): void {
    this.#isCut = true;
    this.#meter.cutPower(this.#nowMs);
    this.#unplug();
  }

  #unplug(): void {
    this.#life += 1;
    this.#isPlugged = false;
    const about = { octets: undefined, number: 0, life: this.#life };
    this.#happenings.push({ ...about, atMs: this.#nowMs, kind: 'link-down' });
    this.#happenings.push({ ...about, atMs: this.#nowMs + DOWN_MS, kind: 'link-up' });
  }

  #hostSays(frame: Uint8Array): void {
    if (this.#isPlugged) this.#send('to-meter', frame);
  }

  #meterSays(frame: Uint8Array): void {
    if (this.#isPlugged) this.#send('to-host', frame);
  }

  #send(kind: 'to-meter' | 'to-host', octets: Uint8Array): void {
    this.#happenings.push({ atMs: this.#nowMs + LATENCY_MS, kind, octets, number: 0, life: this.#life });
  }
}

const FINAL: ReadonlySet<string> = new Set([
  'activated',
  'already-running',
  'sealed',
  'reverted',
  'activation-failed',
  'refused',
]);

function nameOf(result: SenderResult): string {
  return result.kind === 'done' ? result.what : result.reason;
}
