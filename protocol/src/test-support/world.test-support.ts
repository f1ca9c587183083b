/** Virtual time and seeded chance for tests of both machines together: one seed, one history. */

export class World {
  nowMs = 0;
  /** Events that came about, so that a test can say what a history cost. */
  events = 0;
  private readonly heap: { readonly atMs: number; readonly order: number; readonly what: () => void }[] = [];
  private order = 0;

  at(atMs: number, what: () => void): void {
    const entry = { atMs: Math.max(atMs, this.nowMs), order: this.order++, what };
    let i = this.heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(this.heap[parent]!, entry)) break;
      this.heap[i] = this.heap[parent]!;
      i = parent;
    }
    this.heap[i] = entry;
  }

  in(delayMs: number, what: () => void): void {
    this.at(this.nowMs + delayMs, what);
  }

  /** Runs until nothing is left to happen, `untilMs` has come, or `stop` says so. */
  run(untilMs: number, stop: () => boolean = () => false): void {
    while (!stop()) {
      const [first] = this.heap;
      if (first === undefined || first.atMs > untilMs) return;
      this.pop();
      this.nowMs = first.atMs;
      this.events++;
      first.what();
    }
  }

  private pop(): void {
    const last = this.heap.pop()!;
    if (this.heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= this.heap.length) break;
      const right = left + 1;
      const child = right < this.heap.length && before(this.heap[right]!, this.heap[left]!) ? right : left;
      if (before(last, this.heap[child]!)) break;
      this.heap[i] = this.heap[child]!;
      i = child;
    }
    this.heap[i] = last;
  }
}

function before(
  a: { readonly atMs: number; readonly order: number },
  b: { readonly atMs: number; readonly order: number },
): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

export type Chance = () => number;

/** Numbers from 0 to below 1 (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function below(chance: Chance, end: number): number {
  return Math.floor(chance() * end);
}

/** `bytes` octets of it. */
export function randomOctets(chance: Chance, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, () => below(chance, 256));
}
