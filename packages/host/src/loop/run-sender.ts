/** One sender on real links, from the first opening to the last octet: the promise around the effect loop. */
import { LinkError, type Link, type LinkCloseReason } from '@smets1/hardware';
import { errnoOf } from '@smets1/journal';
import {
  decodeFromLine,
  encodeForLine,
  lineDecoder,
  type CryptoPort,
  type LineDecoder,
  type MeterHello,
  type SenderEvent,
  type SenderPlan,
  type SenderResult,
  type SenderStats,
} from '@smets1/protocol';
import { nodeCrypto } from '../crypto/node-crypto.js';
import {
  BACK_OFF_MS_FIRST,
  BACK_OFF_MS_MAX,
  DRAIN_MS_MAX,
  DRAIN_POLL_MS,
  OPEN_MS_MAX,
  RECONNECT_MS_DEFAULT,
} from '../limits.js';
import { nodeTime, type TimePort } from './ports.js';
import { SenderDriver } from './sender-driver.js';

export interface LinkEvent {
  readonly kind: 'link-up' | 'link-lost' | 'link-failed';
  readonly detail: string;
}

export interface SendOptions {
  readonly plan: SenderPlan;
  /** Called for the first link and again for each that is lost. Rejects with a `LinkError`. */
  readonly openLink: () => Promise<Link>;
  /** 65 octets: outcomes must be signed by it, and are attested. Without it: `attested: false`. */
  readonly deviceKey?: Uint8Array;
  /** How long to go on trying to reopen a link that was lost; `RECONNECT_MS_DEFAULT`. */
  readonly reconnectMs?: number;
  readonly onEvent?: (event: SenderEvent | LinkEvent) => void;
  /** Ends the run: the meter is told, the result is `interrupted`. */
  readonly signal?: AbortSignal;
  readonly crypto?: CryptoPort;
  readonly time?: TimePort;
}

export interface SendReport {
  readonly result: SenderResult;
  readonly stats: SenderStats;
  /** Undefined when no meter ever answered. */
  readonly meter: MeterHello | undefined;
  /** Why there was no link, when that is why it failed. */
  readonly linkError?: LinkError;
}

/**
 * Runs a plan to its end. Whatever a line or a meter does is in the result; a link that is lost is opened again, for `reconnectMs`
 * after the meter was heard last. The link is closed on return.
 *
 * A link that cannot be opened ends the run at once while no meter has answered; afterwards only `bad-address` and `unauthorised` do,
 * since a port that comes back after an unplug may be busy, or not yet ours, for a moment.
 *
 * @throws Only what `openLink` (anything but a `LinkError` or an error of the system) or `onEvent` throws.
 */
export function runSender(options: SendOptions): Promise<SendReport> {
  return new Promise((resolve, reject) => {
    new SenderRun(options, resolve, reject).start();
  });
}

class SenderRun {
  readonly #options: SendOptions;
  readonly #time: TimePort;
  readonly #resolve: (report: SendReport) => void;
  readonly #reject: (error: unknown) => void;
  readonly #driver: SenderDriver;
  readonly #onAbort = (): void => this.#guard(() => this.#driver.interrupt('the run was ended by its caller'));
  #link: Link | undefined;
  #decoder: LineDecoder = lineDecoder('message');
  #linkError: LinkError | undefined;
  /** When the link was lost, until the meter is heard again. */
  #lostAtMs: number | undefined;
  #backOffMs = BACK_OFF_MS_FIRST;
  #attempt = 0;
  #cancelTimer: () => void = () => undefined;
  #isOver = false;

  constructor(options: SendOptions, resolve: (report: SendReport) => void, reject: (error: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const time = options.time ?? nodeTime();
    this.#time = {
      nowMs: () => time.nowMs(),
      after: (delayMs, run) => time.after(delayMs, () => this.#guard(run)),
    };
    this.#driver = new SenderDriver({
      plan: options.plan,
      crypto: options.crypto ?? nodeCrypto(),
      deviceKey: options.deviceKey,
      time: this.#time,
      transmit: (frame) => this.#transmit(frame),
      onHeard: () => this.#heard(),
      onEvent: (event) => options.onEvent?.(event),
      onEnded: (result) => this.#finish(result),
    });
  }

  start(): void {
    const { signal } = this.#options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
    else this.#guard(() => this.#open());
  }

  #open(): void {
    this.#attempt += 1;
    const attempt = this.#attempt;
    const isCurrent = (): boolean => attempt === this.#attempt && !this.#isOver;
    const patienceMs = Math.min(OPEN_MS_MAX, this.#msLeft());
    this.#cancelTimer = this.#time.after(patienceMs, () => {
      this.#attempt += 1; // whatever comes of this attempt comes too late
      this.#openFailed(
        new LinkError('timeout', `the link did not open within ${Math.round(patienceMs)} ms; try again`),
      );
    });
    this.#options.openLink().then(
      (link) => {
        if (isCurrent()) this.#guard(() => this.#opened(link));
        else void link.close();
      },
      (error: unknown) => {
        if (isCurrent()) this.#guard(() => this.#openFailed(asLinkError(error)));
      },
    );
  }

  #opened(link: Link): void {
    this.#cancelTimer();
    this.#link = link;
    this.#decoder = lineDecoder(link.capabilities.framing);
    this.#options.onEvent?.({ kind: 'link-up', detail: link.label });
    this.#driver.linkUp(link.capabilities.octetsPerSecond);
    link.onReceive((octets) => this.#guard(() => this.#received(link, octets)));
    link.onClose((reason) => this.#guard(() => this.#lost(link, reason)));
  }

  #received(link: Link, octets: Uint8Array): void {
    if (link !== this.#link) return;
    const { decoder, frames } = decodeFromLine(this.#decoder, octets);
    this.#decoder = decoder;
    for (const frame of frames) this.#driver.hear(frame);
  }

  #heard(): void {
    this.#lostAtMs = undefined;
    this.#linkError = undefined;
    this.#backOffMs = BACK_OFF_MS_FIRST;
  }

  #transmit(frame: Uint8Array): void {
    const link = this.#link;
    if (link === undefined) return;
    try {
      link.send(encodeForLine(link.capabilities.framing, frame));
    } catch (error) {
      // No other link will carry it either: the frame is longer than its messages may be.
      this.#linkError = asLinkError(error);
      this.#driver.giveUp(this.#linkError.message);
    }
  }

  #lost(link: Link, reason: LinkCloseReason): void {
    if (link !== this.#link || this.#isOver) return;
    this.#link = undefined;
    this.#options.onEvent?.({ kind: 'link-lost', detail: detailOf(reason) });
    if (reason.kind === 'failed') this.#linkError = reason.error;
    this.#lostAtMs ??= this.#time.nowMs();
    this.#driver.linkDown();
    this.#openLater(`the link was lost (${detailOf(reason)})`);
  }

  #openFailed(error: LinkError): void {
    this.#cancelTimer();
    this.#linkError = error;
    this.#options.onEvent?.({ kind: 'link-failed', detail: error.message });
    const isHopeless = error.code === 'bad-address' || error.code === 'unauthorised';
    if (isHopeless || this.#driver.state.meter === undefined) this.#driver.giveUp(error.message);
    else this.#openLater(error.message);
  }

  #openLater(why: string): void {
    if (this.#isOver) return;
    const openOrEnd = (): void => {
      if (this.#msLeft() > 0) this.#open();
      else this.#driver.giveUp(`${why}, and the meter was not heard again within ${this.#reconnectMs()} ms`);
    };
    this.#cancelTimer = this.#time.after(Math.max(0, Math.min(this.#backOffMs, this.#msLeft())), openOrEnd);
    this.#backOffMs = Math.min(2 * this.#backOffMs, BACK_OFF_MS_MAX);
  }

  #reconnectMs(): number {
    return this.#options.reconnectMs ?? RECONNECT_MS_DEFAULT;
  }

  /** Until a lost link is given up; unbounded while none was lost. */
  #msLeft(): number {
    return this.#lostAtMs === undefined ? Infinity : this.#lostAtMs + this.#reconnectMs() - this.#time.nowMs();
  }

  #finish(result: SenderResult): void {
    this.#isOver = true;
    this.#cancelTimer();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const { stats, meter } = this.#driver.state;
    const linkError = result.kind === 'failed' ? this.#linkError : undefined;
    const report = { result, stats, meter, ...(linkError === undefined ? {} : { linkError }) };
    this.#closeDrained(this.#time.nowMs() + DRAIN_MS_MAX, () => this.#resolve(report));
  }

  #closeDrained(untilMs: number, then: () => void): void {
    const link = this.#link;
    if (link === undefined) {
      then();
    } else if (link.bufferedBytes > 0 && this.#time.nowMs() < untilMs) {
      this.#time.after(DRAIN_POLL_MS, () => this.#closeDrained(untilMs, then));
    } else {
      link.close().then(then, then);
    }
  }

  /** What a handler of the caller throws ends the run: nobody else would ever hear of it. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#isOver = true;
      this.#cancelTimer();
      this.#driver.kill();
      this.#options.signal?.removeEventListener('abort', this.#onAbort);
      this.#closeDrained(0, () => this.#reject(error));
    }
  }
}

/** @throws What is no fault of a line: a defect of `openLink` must not look like one. */
function asLinkError(error: unknown): LinkError {
  if (error instanceof LinkError) return error;
  if (error instanceof Error && errnoOf(error) !== '') return new LinkError('io', error.message, { cause: error });
  throw error;
}

function detailOf(reason: LinkCloseReason): string {
  switch (reason.kind) {
    case 'local':
      return 'closed here';
    case 'remote':
      return reason.detail;
    case 'failed':
      return reason.error.message;
  }
}
