/** How far one request has come while a plan is made. Mutable, and never seen outside of this folder. */
import type { DeliveryPolicy, DeliveryRequest, RequestOutcome } from './delivery-plan.js';

interface Waiting {
  readonly fromDay: number;
  readonly images: number;
}

export class Progress {
  readonly request: DeliveryRequest;
  /** Image starts asked for. */
  readonly starts: number;
  /** Image starts given so far. */
  given = 0;
  /** For each hop, images that may start now. */
  readonly #startable: number[];
  /** For each hop, images whose meter is not yet so far, by day. */
  readonly #waiting: Waiting[][];
  readonly #hopOrder: readonly number[];
  #firstDay: number | undefined;
  #lastDay: number | undefined;
  #ended = 0;
  #endDaysSum = 0;

  constructor(request: DeliveryRequest, hopOrder: DeliveryPolicy['hopOrder']) {
    const hops = request.chain?.hops ?? 1;
    this.request = request;
    this.starts = request.images * hops;
    this.#startable = Array.from({ length: hops }, () => 0);
    this.#waiting = Array.from({ length: hops }, () => []);
    this.#waiting[0]?.push({ fromDay: request.readyDay, images: request.images });
    const order = [...this.#startable.keys()];
    this.#hopOrder = hopOrder === 'earliest-end' ? order : order.toReversed();
  }

  /** To be called once for each day, in order, before anything is asked of that day. */
  begin(day: number): void {
    for (const [hop, waiting] of this.#waiting.entries()) {
      while (waiting[0] !== undefined && waiting[0].fromDay <= day) this.#startable[hop]! += waiting.shift()!.images;
    }
  }

  /** Images that may start today. */
  get able(): number {
    return this.#startable.reduce((total, images) => total + images, 0);
  }

  get isDone(): boolean {
    return this.given === this.starts;
  }

  /**
   * Starts up to `images` today, hop by hop.
   *
   * @returns hops (from 1) with what starts, in the order of service.
   */
  take(images: number, day: number): readonly { readonly hop: number; readonly images: number }[] {
    let left = images;
    const taken: { hop: number; images: number }[] = [];
    for (const hop of this.#hopOrder) {
      const some = Math.min(left, this.#startable[hop]!);
      if (some === 0) continue;
      left -= some;
      this.#startable[hop]! -= some;
      this.#note(hop, some, day);
      taken.push({ hop: hop + 1, images: some });
    }
    return taken;
  }

  #note(hop: number, images: number, day: number): void {
    this.given += images;
    this.#firstDay ??= day;
    this.#lastDay = day;
    const next = this.#waiting[hop + 1];
    if (next !== undefined) {
      next.push({ fromDay: day + (this.request.chain?.daysApart ?? 0), images });
      return;
    }
    this.#ended += images;
    this.#endDaysSum += images * day;
  }

  outcome(): RequestOutcome {
    const { requestId, userId } = this.request;
    return {
      requestId,
      userId,
      starts: this.starts,
      unplanned: this.starts - this.given,
      firstDay: this.#firstDay,
      lastDay: this.#lastDay,
      meanEndDay: this.#ended === 0 ? undefined : this.#endDaysSum / this.#ended,
    };
  }
}
