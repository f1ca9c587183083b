import type { TimePort } from './ports.js';

/** Wakes a machine at the time it named last, with as few timers as possible: machines rename that time with every frame. */
export class Alarm {
  readonly #time: TimePort;
  readonly #wakeAtMs: () => number | undefined;
  readonly #ring: () => void;
  #set: { readonly atMs: number; readonly cancel: () => void } | undefined;

  /** `ring` is called when `wakeAtMs` has come; it has to end with {@link reset}. */
  constructor(time: TimePort, wakeAtMs: () => number | undefined, ring: () => void) {
    this.#time = time;
    this.#wakeAtMs = wakeAtMs;
    this.#ring = ring;
  }

  reset(): void {
    const atMs = this.#wakeAtMs();
    // A timer that is set for earlier stays: when it rings, we look again.
    if (atMs === undefined || (this.#set !== undefined && this.#set.atMs <= atMs)) return;
    this.#set?.cancel();
    const delayMs = Math.max(0, atMs - this.#time.nowMs());
    this.#set = { atMs, cancel: this.#time.after(delayMs, () => this.#rang()) };
  }

  stop(): void {
    this.#set?.cancel();
    this.#set = undefined;
  }

  #rang(): void {
    this.#set = undefined;
    const atMs = this.#wakeAtMs();
    if (atMs !== undefined && atMs <= this.#time.nowMs()) this.#ring();
    else this.reset();
  }
}
