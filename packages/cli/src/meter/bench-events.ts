/** What happens on a bench, for whoever watches: the last so many, and the ones to come. */
import { EVENTS_KEPT_MAX, WATCHER_EVENTS_MAX } from '../limits.js';

export const BENCH_EVENT_KINDS = [
  'start',
  'power-on',
  'power-off',
  'power-lost',
  'halted',
  'fault',
  'fault-missed',
  'attached',
  'detached',
  'no-serial',
  'restored',
  'forked',
  'clock',
] as const;
export type BenchEventKind = (typeof BENCH_EVENT_KINDS)[number];

export interface BenchEvent {
  /** Grows by one with each event of the bench. */
  readonly sequence: number;
  /** Machine time. */
  readonly atMs: number;
  readonly meter: string;
  readonly kind: BenchEventKind;
  /** For people. */
  readonly detail: string;
  /** For programs; what there is depends on the kind. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Tells one event of one meter. */
export type Tell = (kind: BenchEventKind, detail: string, fields?: BenchEvent['fields']) => void;

export interface BenchEvents {
  tell(event: Omit<BenchEvent, 'sequence'>): void;
  /** Oldest first, at most {@link EVENTS_KEPT_MAX}. */
  readonly kept: readonly BenchEvent[];
  readonly watcherCount: number;
  /** Events from now on. A watcher that is too slow loses the oldest and sees a gap in `sequence`. Ends with {@link close}. */
  watch(): AsyncIterableIterator<BenchEvent> & { readonly close: () => void };
  close(): void;
}

export function benchEvents(onEvent: (event: BenchEvent) => void = () => undefined): BenchEvents {
  const kept: BenchEvent[] = [];
  const watchers = new Set<Watcher>();
  let sequence = 0;
  return {
    kept,
    get watcherCount() {
      return watchers.size;
    },
    tell(told) {
      sequence += 1;
      const event = { sequence, ...told };
      kept.push(event);
      if (kept.length > EVENTS_KEPT_MAX) kept.shift();
      onEvent(event);
      for (const watcher of watchers) watcher.push(event);
    },
    watch() {
      const watcher: Watcher = new Watcher(() => watchers.delete(watcher));
      watchers.add(watcher);
      return watcher;
    },
    close() {
      for (const watcher of watchers) watcher.close();
    },
  };
}

class Watcher implements AsyncIterableIterator<BenchEvent> {
  readonly #forget: () => void;
  #waiting: BenchEvent[] = [];
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(forget: () => void) {
    this.#forget = forget;
  }

  push(event: BenchEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > WATCHER_EVENTS_MAX) this.#waiting.shift();
    this.#wake?.();
  }

  readonly close = (): void => {
    this.#isClosed = true;
    this.#forget();
    this.#wake?.();
  };

  async next(): Promise<IteratorResult<BenchEvent, undefined>> {
    while (this.#waiting.length === 0 && !this.#isClosed) {
      // eslint-disable-next-line no-await-in-loop -- until somebody tells something
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const event = this.#waiting.shift();
    return event === undefined ? { done: true, value: undefined } : { done: false, value: event };
  }

  async return(): Promise<IteratorResult<BenchEvent, undefined>> {
    this.close();
    return await Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
