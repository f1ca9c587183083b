/** Events in the order of their time, and of their making where times are equal. */
export interface HeapEvent {
  readonly atMs: number;
  readonly sequence: number;
  /** Undefined once it was cancelled: it is dropped when its time comes. */
  run: (() => void) | undefined;
}

export class EventHeap {
  readonly #events: HeapEvent[] = [];

  /** The next event, cancelled ones apart. */
  peek(): HeapEvent | undefined {
    while (this.#events[0] !== undefined && this.#events[0].run === undefined) this.#removeFirst();
    return this.#events[0];
  }

  push(event: HeapEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(events[parent]!, event)) break;
      events[at] = events[parent]!;
      at = parent;
    }
    events[at] = event;
  }

  pop(): HeapEvent | undefined {
    const next = this.peek();
    if (next !== undefined) this.#removeFirst();
    return next;
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop();
    if (last === undefined || events.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= events.length) break;
      const right = left + 1;
      const child = right < events.length && isBefore(events[right]!, events[left]!) ? right : left;
      if (isBefore(last, events[child]!)) break;
      events[at] = events[child]!;
      at = child;
    }
    events[at] = last;
  }
}

function isBefore(one: HeapEvent, other: HeapEvent): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
