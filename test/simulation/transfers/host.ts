/** The shipped sender in a transfer world: one plan, run after run, each of them mortal. */
import {
  decodeMeterMessage,
  encodeHostMessage,
  runTask,
  startSender,
  stepSender,
  verifyOutcome,
  wakeSenderAtMs,
  type SenderInput,
  type SenderPlan,
  type SenderResult,
  type SenderState,
} from '@smets1/protocol';
import type { Bench } from './images.js';

export class Host {
  readonly #bench: Bench;
  readonly #send: (frame: Uint8Array, nowMs: number) => void;
  #state: SenderState;
  #isUp = false;
  /** Asked for at every event of a world, and only changed by one of ours. */
  #wakeAtMs = Infinity;

  constructor(bench: Bench, plan: SenderPlan, nowMs: number, send: (frame: Uint8Array, nowMs: number) => void) {
    this.#bench = bench;
    this.#send = send;
    this.#state = startSender(plan, nowMs);
  }

  get result(): SenderResult | undefined {
    return this.#state.phase.kind === 'ended' ? this.#state.phase.result : undefined;
  }

  wakeAtMs(): number {
    return this.#wakeAtMs;
  }

  linkUp(nowMs: number): void {
    this.#isUp = true;
    this.#feed({ kind: 'link-up' }, nowMs);
  }

  linkDown(nowMs: number): void {
    this.#isUp = false;
    this.#feed({ kind: 'link-down' }, nowMs);
  }

  hear(frame: Uint8Array, nowMs: number): void {
    this.#feed({ kind: 'heard', received: decodeMeterMessage(frame) }, nowMs);
  }

  tick(nowMs: number): void {
    this.#feed({ kind: 'tick' }, nowMs);
  }

  #feed(first: SenderInput, nowMs: number): void {
    let input: SenderInput | undefined = first;
    while (input !== undefined) {
      const { state, effects } = stepSender(this.#state, input, nowMs);
      this.#state = state;
      input = undefined;
      for (const effect of effects) {
        if (effect.kind === 'send') {
          if (this.#isUp) this.#send(encodeHostMessage(effect.envelope), nowMs);
        } else if (effect.kind === 'check-outcome') {
          const { deviceKey, crypto } = this.#bench;
          const checked = runTask(verifyOutcome(effect.octets, deviceKey), crypto);
          input = { kind: 'outcome-checked', outcome: checked.ok ? checked.value : undefined, attested: checked.ok };
        }
      }
    }
    this.#wakeAtMs = wakeSenderAtMs(this.#state) ?? Infinity;
  }
}
