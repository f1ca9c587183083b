/** Stage events for whoever watches. They tell, they do not count: what has to be known later is in the journal. */
import { WATCHER_EVENTS_MAX } from './limits.js';

export interface StageEvent {
  readonly atMs: number;
  readonly stage:
    | 'part-held'
    | 'image-held'
    | 'image-failed'
    | 'requested'
    | 'countersigned'
    | 'control-refused'
    | 'waiting'
    /** A large image for which the day has no capacity; `detail` says why, and until when at the earliest. */
    | 'waiting-capacity'
    | 'link-up'
    | 'link-lost'
    | 'meter-found'
    | 'forwarding'
    | 'progress'
    | 'sealed'
    | 'activating'
    | 'retry'
    | 'cancelled'
    | 'answered'
    | 'storage-waiting';
  readonly requestId?: string;
  readonly deviceId?: string;
  readonly imageId?: string;
  readonly durableBlocks?: number;
  readonly blockCount?: number;
  readonly sentBytes?: number;
  readonly resumedFromBlocks?: number;
  /** Octets that the meter took in the session before and could not keep: they are sent again. */
  readonly discardedBytes?: number;
  readonly code?: string;
  readonly detail?: string;
}

export interface EventBus {
  tell(event: StageEvent): void;
  /** Events from now on. A watcher that is too slow loses the oldest, and is told how many by `lost`. */
  watch(): AsyncIterableIterator<StageEvent | { readonly lost: number }> & { readonly close: () => void };
  readonly watcherCount: number;
  close(): void;
}

export function eventBus(): EventBus {
  const watchers = new Set<Watcher>();
  return {
    tell: (event) => {
      for (const watcher of watchers) watcher.push(event);
    },
    watch() {
      const watcher = new Watcher(() => watchers.delete(watcher));
      watchers.add(watcher);
      return watcher;
    },
    get watcherCount() {
      return watchers.size;
    },
    close: () => {
      for (const watcher of watchers) watcher.close();
    },
  };
}

type Told = StageEvent | { readonly lost: number };

class Watcher implements AsyncIterableIterator<Told> {
  readonly #forget: () => void;
  #waiting: StageEvent[] = [];
  #lost = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(forget: () => void) {
    this.#forget = forget;
  }

  push(event: StageEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > WATCHER_EVENTS_MAX) {
      this.#waiting.shift();
      this.#lost += 1;
    }
    this.#wake?.();
  }

  readonly close = (): void => {
    this.#closed = true;
    this.#forget();
    this.#wake?.();
  };

  async next(): Promise<IteratorResult<Told, undefined>> {
    while (this.#waiting.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#lost > 0) {
      const lost = this.#lost;
      this.#lost = 0;
      return { done: false, value: { lost } };
    }
    const event = this.#waiting.shift();
    return event === undefined ? { done: true, value: undefined } : { done: false, value: event };
  }

  return(): Promise<IteratorResult<Told, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
