/** A line between two machines in a world: whole frames, and every fault a line can have, drawn from the seed. */
import { HostError } from '../error.js';
import type { Random } from './random.js';
import type { World } from './world.js';

export interface LinkFaults {
  /** Time on the way, or its bounds; 0 when absent. Alone it never changes the order. */
  readonly latencyMs?: number | readonly [number, number];
  /** Probabilities for each frame; 0 when absent. */
  readonly loss?: number;
  readonly duplicate?: number;
  /** Frames held back by up to `reorderMs`, so that later ones overtake them. */
  readonly reorder?: number;
  readonly reorderMs?: number;
  /** One bit is flipped. */
  readonly corrupt?: number;
  /** When the line is cut and for how long; what is on the way is lost. */
  readonly cuts?: readonly LinkCut[];
}

export type LinkCut =
  | { readonly atMs: number; readonly downMs: number }
  /** When so many frames, of both directions, were sent. */
  | { readonly afterFrames: number; readonly downMs: number };

/** One end of the line. */
export interface WorldEnd {
  readonly isUp: boolean;
  /** Lost without a word while the line is down. */
  send(frame: Uint8Array): void;
  /** One handler each; a second call replaces it. The frame belongs to the handler. */
  onReceive(handler: (frame: Uint8Array) => void): void;
  onChange(handler: (isUp: boolean) => void): void;
}

export interface WorldLink {
  readonly a: WorldEnd;
  readonly b: WorldEnd;
  /** Cuts the line now; without `downMs` until {@link restore}. */
  cut(downMs?: number): void;
  restore(): void;
}

/**
 * Two joined ends. Traces, each with the name of the line: `frame-sent`, `frame-lost`, `frame-duplicated`, `frame-corrupted`,
 * `frame-overtaken` (came after one that was sent later), `frame-delivered` (with its octets), `link-cut`, `link-restored`.
 *
 * @param name - Tells the lines of one world apart; it names the stream of luck.
 * @throws HostError `misuse` when a probability is none.
 */
export function worldLink(world: World, faults: LinkFaults = {}, name: string = 'link'): WorldLink {
  for (const kind of ['loss', 'duplicate', 'reorder', 'corrupt'] as const) {
    const rate = faults[kind] ?? 0;
    if (!(rate >= 0 && rate <= 1)) throw new HostError('misuse', `${kind} is ${rate}; a probability is from 0 to 1`);
  }
  const line = new Line(world, faults, name);
  const a = new End(line, 'a');
  const b = new End(line, 'b');
  a.peer = b;
  b.peer = a;
  line.ends = [a, b];
  line.plan();
  return { a, b, cut: (downMs) => line.cut(downMs), restore: () => line.restore() };
}

/**
 * Fault rates of one world: drawn first, then the faults themselves, so that quiet worlds and brutal ones both occur.
 * Whatever is drawn, something gets through.
 */
export function drawLinkFaults(random: Random): LinkFaults {
  const rate = (most: number): number => (random.chance(0.5) ? 0 : random.fraction() * most);
  const latencyMs = random.fraction() * 100;
  return {
    latencyMs: [latencyMs, latencyMs * (1 + random.fraction())],
    loss: rate(0.3),
    duplicate: rate(0.3),
    reorder: rate(0.2),
    reorderMs: 10 + random.fraction() * 200,
    corrupt: rate(0.1),
    cuts: Array.from({ length: random.below(4) }, () => ({
      afterFrames: 1 + random.below(400),
      downMs: 1 + random.below(3_000),
    })),
  };
}

class Line {
  readonly world: World;
  readonly faults: LinkFaults;
  readonly name: string;
  readonly random: Random;
  ends: readonly End[] = [];
  isUp = true;
  /** Frames of an older life of the line do not arrive in this one. */
  life = 0;
  #sentFrames = 0;
  #cancelRestore: () => void = () => undefined;

  constructor(world: World, faults: LinkFaults, name: string) {
    this.world = world;
    this.faults = faults;
    this.name = name;
    this.random = world.random(`link/${name}`);
  }

  plan(): void {
    for (const cut of this.faults.cuts ?? []) if ('atMs' in cut) this.world.at(cut.atMs, () => this.cut(cut.downMs));
  }

  /** Counts a frame, and cuts the line when it was the last one before a cut. False: it went down with the line. */
  carries(): boolean {
    this.#sentFrames += 1;
    for (const cut of this.faults.cuts ?? []) {
      if ('afterFrames' in cut && cut.afterFrames === this.#sentFrames) this.cut(cut.downMs);
    }
    return this.isUp;
  }

  cut(downMs?: number): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.life += 1;
    this.trace('link-cut');
    this.#cancelRestore =
      downMs === undefined ? () => undefined : this.world.at(this.world.now() + downMs, () => this.restore());
    this.#tell();
  }

  restore(): void {
    if (this.isUp) return;
    this.#cancelRestore();
    this.isUp = true;
    this.trace('link-restored');
    this.#tell();
  }

  trace(kind: string, detail?: string): void {
    this.world.trace(kind, detail === undefined ? this.name : `${this.name} ${detail}`);
  }

  /** As events of their own: a handler must not find itself inside its own `send`. */
  #tell(): void {
    const { isUp } = this;
    for (const end of this.ends) this.world.at(this.world.now(), () => end.changed(isUp));
  }
}

class End implements WorldEnd {
  peer: End | undefined;
  readonly #line: Line;
  readonly #side: 'a' | 'b';
  #receive: (frame: Uint8Array) => void = () => undefined;
  #change: (isUp: boolean) => void = () => undefined;
  #sent = 0;
  #lastArrivalMs = 0;
  #newestHeard = 0;

  constructor(line: Line, side: 'a' | 'b') {
    this.#line = line;
    this.#side = side;
  }

  get isUp(): boolean {
    return this.#line.isUp;
  }

  onReceive(handler: (frame: Uint8Array) => void): void {
    this.#receive = handler;
  }

  onChange(handler: (isUp: boolean) => void): void {
    this.#change = handler;
  }

  changed(isUp: boolean): void {
    this.#change(isUp);
  }

  send(frame: Uint8Array): void {
    const line = this.#line;
    const { faults, random } = line;
    if (!line.isUp) return;
    this.#sent += 1;
    line.trace('frame-sent', this.#side);
    if (!line.carries()) return;
    // All luck of a frame is drawn, whatever befalls it, so that one fault more does not change all that follow.
    const isLost = random.chance(faults.loss ?? 0);
    const copies = random.chance(faults.duplicate ?? 0) ? 2 : 1;
    const isCorrupt = random.chance(faults.corrupt ?? 0);
    const bit = random.fraction();
    if (isLost) {
      line.trace('frame-lost', this.#side);
      return;
    }
    if (copies === 2) line.trace('frame-duplicated', this.#side);
    const octets = frame.slice();
    if (isCorrupt && octets.length > 0) {
      const at = Math.floor(bit * octets.length * 8);
      octets[at >> 3]! ^= 1 << (at & 7);
      line.trace('frame-corrupted', this.#side);
    }
    // Each delivery has octets of its own: the frame belongs to the handler.
    if (copies === 2) this.#launch(octets.slice());
    this.#launch(octets);
  }

  #launch(octets: Uint8Array): void {
    const { world, life } = this.#line;
    const number = this.#sent;
    world.at(this.#arrivalMs(), () => {
      if (this.#line.life === life) this.peer?.arrived(octets, number);
    });
  }

  arrived(octets: Uint8Array, number: number): void {
    if (number < this.#newestHeard) this.#line.trace('frame-overtaken', this.#side);
    this.#newestHeard = Math.max(number, this.#newestHeard);
    this.#line.world.trace('frame-delivered', octets);
    this.#receive(octets);
  }

  #arrivalMs(): number {
    const { faults, random, world } = this.#line;
    const [least, most] =
      typeof faults.latencyMs === 'object' ? faults.latencyMs : [faults.latencyMs ?? 0, faults.latencyMs ?? 0];
    const latencyMs = least + random.fraction() * (most - least);
    const isHeldBack = random.chance(faults.reorder ?? 0);
    const heldMs = random.fraction() * (faults.reorderMs ?? Math.max(1, 4 * most));
    const inOrderMs = Math.max(world.now() + latencyMs, this.#lastArrivalMs);
    if (isHeldBack) return inOrderMs + heldMs;
    this.#lastArrivalMs = inOrderMs;
    return inOrderMs;
  }
}
