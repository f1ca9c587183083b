/**
 * The twin of real time: one heap of events, one clock that jumps from event to event, one seed for all luck. Nothing in it waits,
 * and no promise runs in it, so a seed repeats a whole history octet for octet.
 */
import { createHash, type Hash } from 'node:crypto';
import { HostError } from '../error.js';
import { TRACE_PENDING_CHARS_MAX, WORLD_EVENTS_MAX_DEFAULT } from '../limits.js';
import type { TimePort } from '../loop/ports.js';
import { canonicalJson } from './digest.js';
import { EventHeap } from './event-heap.js';
import { seededRandom, seedText, type Random } from './random.js';

export interface WorldOptions {
  /** A number from 0 to 2^64 − 1, or its hex digits as {@link World.seed} shows them. */
  readonly seed: bigint | number | string;
  /** Sees every trace as it is made. */
  readonly onTrace?: (kind: string, data: unknown, nowMs: number) => void;
  /** False: traces are counted and not hashed, which is cheaper where thousands of worlds run; true unless given. */
  readonly hashed?: boolean;
}

export interface RunOptions {
  /** Events up to and at this time run; the clock then stands there. No end unless given. */
  readonly untilMs?: number;
  /** `WORLD_EVENTS_MAX_DEFAULT` */
  readonly maxEvents?: number;
  /** Asked after each event; true ends the run. */
  readonly until?: () => boolean;
}

export interface WorldRun {
  /** Why it stopped: nothing left to do, `untilMs`, `maxEvents`, or `until`. */
  readonly ended: 'idle' | 'time' | 'events' | 'until';
  readonly events: number;
  readonly nowMs: number;
}

export interface World {
  /** 16 hex digits: what to print when the world failed. */
  readonly seed: string;
  /** Milliseconds since the beginning of the world. */
  now(): number;
  /** Calls `run` at a time, not before what stands there already; gives back how to cancel it. @throws HostError `misuse` for the past */
  at(ms: number, run: () => void): () => void;
  /** The stream of a label: what one part of the world draws changes nothing for the others. */
  random(label?: string): Random;
  /** @throws HostError `world-failed` with the seed when an event throws; `misuse` when it is running already. */
  run(options?: RunOptions): WorldRun;
  /** Notes that something happened: counted by kind, and part of {@link traceHash}. Octets are hashed as they are. */
  trace(kind: string, data?: unknown): void;
  /**
   * SHA-256, in hex, over the times of all events and all traces so far. Two runs of one seed agree, or something is not deterministic.
   *
   * @throws HostError `misuse` in a world that was made without it
   */
  traceHash(): string;
  readonly counts: ReadonlyMap<string, number>;
  /** Traces of this kind: proof that a fault struck. */
  count(kind: string): number;
}

export function createWorld(options: WorldOptions): World {
  return new EventWorld(options);
}

/** The clock and timers of a world, for whatever runs on a {@link TimePort}. */
export function worldTime(world: World): TimePort {
  return {
    nowMs: () => world.now(),
    after: (delayMs, run) => world.at(world.now() + Math.max(0, delayMs), run),
  };
}

class EventWorld implements World {
  readonly seed: string;
  readonly counts = new Map<string, number>();
  readonly #onTrace: WorldOptions['onTrace'];
  readonly #heap = new EventHeap();
  readonly #streams = new Map<string, Random>();
  readonly #hash: Hash | undefined;
  #pending = '';
  #nowMs = 0;
  #sequence = 0;
  #isRunning = false;

  constructor(options: WorldOptions) {
    this.seed = seedText(options.seed);
    this.#onTrace = options.onTrace;
    this.#hash = options.hashed === false ? undefined : createHash('sha256');
  }

  now(): number {
    return this.#nowMs;
  }

  at(ms: number, run: () => void): () => void {
    // Also refuses NaN, which is before and after nothing.
    if (!(ms >= this.#nowMs && ms < Infinity)) {
      throw new HostError('misuse', `nothing can happen at ${ms} ms: it is ${this.#nowMs} ms in this world`);
    }
    const event = { atMs: ms, sequence: this.#sequence, run: run as (() => void) | undefined };
    this.#sequence += 1;
    this.#heap.push(event);
    return () => {
      event.run = undefined;
    };
  }

  random(label: string = ''): Random {
    let stream = this.#streams.get(label);
    if (stream === undefined) {
      stream = seededRandom(this.seed, label);
      this.#streams.set(label, stream);
    }
    return stream;
  }

  run(options: RunOptions = {}): WorldRun {
    if (this.#isRunning) throw new HostError('misuse', 'the world is running already: an event cannot run it again');
    this.#isRunning = true;
    try {
      return this.#run(options);
    } finally {
      this.#isRunning = false;
    }
  }

  trace(kind: string, data?: unknown): void {
    this.counts.set(kind, this.count(kind) + 1);
    this.#onTrace?.(kind, data, this.#nowMs);
    if (this.#hash === undefined) return;
    if (data instanceof Uint8Array) {
      this.#note(`${JSON.stringify(kind)} #${data.length}\n`);
      this.#flush();
      this.#hash.update(data);
    } else {
      this.#note(data === undefined ? `${JSON.stringify(kind)}\n` : `${JSON.stringify(kind)} ${canonicalJson(data)}\n`);
    }
  }

  traceHash(): string {
    this.#flush();
    if (this.#hash === undefined) throw new HostError('misuse', 'this world was made without a hash of its traces');
    return this.#hash.copy().digest('hex');
  }

  count(kind: string): number {
    return this.counts.get(kind) ?? 0;
  }

  #run({ untilMs = Infinity, maxEvents, until }: RunOptions): WorldRun {
    const most = maxEvents ?? WORLD_EVENTS_MAX_DEFAULT;
    let events = 0;
    const ended = (why: WorldRun['ended']): WorldRun => ({ ended: why, events, nowMs: this.#nowMs });
    for (;;) {
      const next = this.#heap.peek();
      if (next === undefined || next.atMs > untilMs) {
        if (untilMs < Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs);
        return ended(next === undefined ? 'idle' : 'time');
      }
      if (events >= most) return ended('events');
      this.#heap.pop();
      this.#nowMs = next.atMs;
      if (this.#hash !== undefined) this.#note(`@${next.atMs}+${next.sequence}\n`);
      events += 1;
      this.#happen(next.run);
      if (until?.() === true) return ended('until');
    }
  }

  #happen(run: (() => void) | undefined): void {
    try {
      run?.();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new HostError('world-failed', `world ${this.seed} failed at ${this.#nowMs} ms: ${why}`, { cause: error });
    }
  }

  /** Hashing many short texts one by one would cost more than making them. */
  #note(text: string): void {
    this.#pending += text;
    if (this.#pending.length > TRACE_PENDING_CHARS_MAX) this.#flush();
  }

  #flush(): void {
    if (this.#pending !== '') this.#hash?.update(this.#pending);
    this.#pending = '';
  }
}
