/** What is still to happen in a transfer world, in the order of its time, and of its making where times are equal. */

export interface Happening {
  readonly atMs: number;
  readonly kind: 'to-meter' | 'to-host' | 'link-down' | 'link-up' | 'host-start';
  readonly octets: Uint8Array | undefined;
  /** Of the frame in its direction. */
  readonly number: number;
  /** Of the link: what belongs to an older one does not arrive. */
  readonly life: number;
}

/** Few wait at a time, and most that come are the last: a sorted list beats a heap. */
export class Happenings {
  #waiting: Happening[] = [];
  #next = 0;

  push(happening: Happening): void {
    const waiting = this.#waiting;
    let at = waiting.length;
    waiting.push(happening);
    while (at > this.#next && waiting[at - 1]!.atMs > happening.atMs) {
      waiting[at] = waiting[at - 1]!;
      at -= 1;
    }
    waiting[at] = happening;
  }

  peekMs(): number {
    return this.#waiting[this.#next]?.atMs ?? Infinity;
  }

  /** The next one. There must be one. */
  pop(): Happening {
    const happening = this.#waiting[this.#next]!;
    this.#next += 1;
    if (this.#next >= COMPACT_AT) {
      this.#waiting = this.#waiting.slice(this.#next);
      this.#next = 0;
    }
    return happening;
  }
}

const COMPACT_AT = 256;
