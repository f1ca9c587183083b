/** When a request is looked at again: at a time of its own, or after pauses that grow. */
import type { Clock } from '../clock.js';
import type { DcoSettings } from '../store/settings.js';

export interface Look {
  readonly atMs: number;
  readonly isRetry: boolean;
}

export class Retries {
  readonly #settings: Pick<DcoSettings, 'retryMsFirst' | 'retryMsMax'>;
  readonly #clock: Clock;
  readonly #timers = new Map<string, () => void>();
  readonly #tries = new Map<string, number>();

  constructor(settings: Pick<DcoSettings, 'retryMsFirst' | 'retryMsMax'>, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Calls `act` at a time, and forgets what was to be done for this request before. */
  at(requestId: string, atMs: number, act: () => void): void {
    this.#timers.get(requestId)?.();
    const cancel = this.#clock.at(atMs, () => {
      this.#timers.delete(requestId);
      act();
    });
    this.#timers.set(requestId, cancel);
  }

  /** The next try: each pause is twice the one before, up to a bound, and no later than `notAfterMs`. */
  next(requestId: string, notAfterMs: number = Number.POSITIVE_INFINITY): Look {
    const tries = this.#tries.get(requestId) ?? 0;
    this.#tries.set(requestId, tries + 1);
    const waitMs = Math.min(this.#settings.retryMsFirst * 2 ** Math.min(tries, 30), this.#settings.retryMsMax);
    return { atMs: Math.min(this.#clock.nowMs() + waitMs, notAfterMs), isRetry: true };
  }

  /** Pauses begin small again. */
  begin(requestId: string): void {
    this.#tries.delete(requestId);
  }

  forget(requestId: string): void {
    this.#timers.get(requestId)?.();
    this.#timers.delete(requestId);
    this.#tries.delete(requestId);
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
