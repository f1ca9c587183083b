/** A job in hand: renewed while it is worked on, let go of before anybody else may begin. */
import type { TimePort } from '@smets1/host';
import { FENCE_SHARE, RENEWALS_PER_LEASE } from '../limits.js';
import type { Delivery } from './work-ports.js';

/**
 * A lease counts from when its renewal was *asked* for, so that the queue never counts a shorter one; and it is given up at three quarters
 * of it, so that a conversation with a meter has ended before the next one can begin. A process that was stopped and goes on finds its
 * time past before it does anything else.
 */
export class Lease {
  readonly #delivery: Delivery;
  readonly #time: TimePort;
  readonly #isStillOurs: () => Promise<boolean>;
  readonly #lost = new AbortController();
  #fenceAtMs = 0;
  #cancelRenewal: () => void = () => undefined;
  #cancelFence: () => void = () => undefined;
  #isOver = false;

  /** @param isStillOurs - Asked with each renewal: whether the record still names this claim. What it throws leaves that open. */
  constructor(delivery: Delivery, time: TimePort, isStillOurs: () => Promise<boolean>) {
    this.#delivery = delivery;
    this.#time = time;
    this.#isStillOurs = isStillOurs;
  }

  /** Aborted once the job may be somebody else's. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get isLost(): boolean {
    // A timer that rings late must not make the lease longer.
    if (!this.#isOver && this.#time.nowMs() >= this.#fenceAtMs) this.#lose();
    return this.#lost.signal.aborted;
  }

  /** The first renewal; nothing may be done before. Rejects as `extend` does. */
  async begin(): Promise<void> {
    const askedAtMs = this.#time.nowMs();
    await this.#delivery.extend();
    this.#extended(askedAtMs);
    this.#renewLater();
  }

  end(): void {
    this.#isOver = true;
    this.#cancelRenewal();
    this.#cancelFence();
  }

  #extended(askedAtMs: number): void {
    if (this.#isOver || this.#lost.signal.aborted) return;
    const fenceMs = this.#delivery.leaseMs * FENCE_SHARE;
    this.#fenceAtMs = askedAtMs + fenceMs;
    this.#cancelFence();
    this.#cancelFence = this.#time.after(this.#fenceAtMs - this.#time.nowMs(), () => void this.isLost);
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#time.after(this.#delivery.leaseMs / RENEWALS_PER_LEASE, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    if (this.isLost) return;
    const askedAtMs = this.#time.nowMs();
    // Side by side with the next attempt: a call that hangs must not use up the time of those after it.
    this.#renewLater();
    try {
      await this.#delivery.extend();
      if (!(await this.#isStillOurs())) return this.#lose();
      this.#extended(askedAtMs);
    } catch {
      // The server did not answer; the fence stands where it stood.
    }
  }

  #lose(): void {
    if (this.#isOver) return;
    this.end();
    this.#lost.abort();
  }
}
