/**
 * The effect loop of a sender, without links and without promises: real time and simulated worlds run the same one. It steps the
 * machine, performs its effects, and wakes it when it asked to be.
 */
import {
  decodeMeterMessage,
  decodeOutcome,
  encodeHostMessage,
  runTask,
  SILENCE_MS_MAX,
  startSender,
  stepSender,
  verifyOutcome,
  wakeSenderAtMs,
  WINDOW_BYTES,
  type CryptoPort,
  type SenderEffect,
  type SenderEvent,
  type SenderInput,
  type SenderPlan,
  type SenderResult,
  type SenderState,
} from '@smets1/protocol';
import { Alarm } from './alarm.js';
import type { TimePort } from './ports.js';

export interface SenderDriverOptions {
  readonly plan: SenderPlan;
  readonly crypto: CryptoPort;
  /** 65 octets; without it outcomes are taken unattested. */
  readonly deviceKey: Uint8Array | undefined;
  readonly time: TimePort;
  /** Puts a frame on the link that is up. */
  readonly transmit: (frame: Uint8Array) => void;
  /** A whole message came, and is about to be heard: somebody who speaks our language is there. */
  readonly onHeard: () => void;
  readonly onEvent: (event: SenderEvent) => void;
  /** Called once. */
  readonly onEnded: (result: SenderResult) => void;
}

export class SenderDriver {
  readonly #options: SenderDriverOptions;
  readonly #alarm: Alarm;
  readonly #inputs: SenderInput[] = [];
  #state: SenderState;
  #stepping = false;
  #isUp = false;
  #hasEnded = false;

  constructor(options: SenderDriverOptions) {
    this.#options = options;
    this.#state = startSender(options.plan, options.time.nowMs());
    this.#alarm = new Alarm(
      options.time,
      () => (this.#hasEnded ? undefined : wakeSenderAtMs(this.#state)),
      () => this.#feed({ kind: 'tick' }),
    );
  }

  get state(): SenderState {
    return this.#state;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  linkUp(octetsPerSecond: number | undefined): void {
    this.#isUp = true;
    this.#pace(octetsPerSecond);
    this.#feed({ kind: 'link-up' });
  }

  linkDown(): void {
    this.#isUp = false;
    this.#feed({ kind: 'link-down' });
  }

  giveUp(detail: string): void {
    this.#feed({ kind: 'give-up', detail });
  }

  hear(frame: Uint8Array): void {
    const received = decodeMeterMessage(frame);
    if (received.kind === 'message') this.#options.onHeard();
    this.#feed({ kind: 'heard', received });
  }

  /** Tells the meter, as far as the link allows, and ends. What the meter holds stays there. */
  interrupt(detail: string): void {
    if (this.#hasEnded) return;
    const { phase, nextRequest } = this.#state;
    let sessionTag = 0;
    if (phase.kind === 'sending') sessionTag = phase.transfer.sessionTag;
    else if (phase.kind === 'asking') sessionTag = phase.request.sessionTag;
    const message = { kind: 'abort', reason: HOST_IS_ENDING } as const;
    this.#perform({ kind: 'send', envelope: { sessionTag, sequence: nextRequest, message } });
    const result: SenderResult = { kind: 'failed', reason: 'interrupted', detail };
    this.#state = { ...this.#state, phase: { kind: 'ended', result } };
    this.#end(result);
  }

  /** Nothing more happens, and nobody is told: as when the process dies. */
  kill(): void {
    this.#hasEnded = true;
    this.#alarm.stop();
  }

  /** Inputs wait in a queue: an effect may bring the next input before the last step is done with. */
  #feed(input: SenderInput): void {
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined && !this.#hasEnded; next = this.#inputs.shift()) {
        const { state, effects } = stepSender(this.#state, next, this.#options.time.nowMs());
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
        if (state.phase.kind === 'ended') this.#end(state.phase.result);
      }
    } finally {
      this.#stepping = false;
    }
    this.#alarm.reset();
  }

  #perform(effect: SenderEffect): void {
    if (this.#hasEnded) return; // an event handler of the caller may have ended us in the middle of a step
    switch (effect.kind) {
      case 'send':
        if (this.#isUp) this.#options.transmit(encodeHostMessage(effect.envelope));
        return;
      case 'check-outcome':
        this.#inputs.push(this.#checkedOutcome(effect.octets));
        return;
      case 'event':
        this.#options.onEvent(effect.event);
        return;
    }
  }

  #checkedOutcome(octets: Uint8Array): SenderInput {
    const { deviceKey, crypto } = this.#options;
    const checked = deviceKey === undefined ? decodeOutcome(octets) : runTask(verifyOutcome(octets, deviceKey), crypto);
    const attested = checked.ok && deviceKey !== undefined;
    return { kind: 'outcome-checked', outcome: checked.ok ? checked.value : undefined, attested };
  }

  #end(result: SenderResult): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#alarm.stop();
    this.#options.onEnded(result);
  }

  /**
   * On a line so slow that a full window takes longer than the longest silence, everything queued would look like silence: there, and
   * only there, the line's own rate paces the frames. Faster lines keep their queue in the link.
   */
  #pace(lineRate: number | undefined): void {
    const { plan } = this.#options;
    const given = plan.octetsPerSecond;
    const isSlow = lineRate !== undefined && lineRate * SILENCE_MS_MAX < WINDOW_BYTES * 1000;
    const octetsPerSecond = isSlow ? Math.min(given ?? lineRate, lineRate) : given;
    this.#state = { ...this.#state, plan: { ...plan, octetsPerSecond } };
  }
}

/** Reason of ABORT: the host is ending (SPEC.md §9). */
const HOST_IS_ENDING = 2;
