/** A meter as its host sees it: frames and times in, frames out. What runs inside is the meter's own business. */
import { FRAMES_WAITING_MAX } from '../limits.js';
import { Alarm } from './alarm.js';
import type { TimePort } from './ports.js';

export interface MeterPort {
  /** Takes one frame and gives the frames to answer with, in order. */
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[];
  /** Does what is due at `nowMs`. */
  tick(nowMs: number): readonly Uint8Array[];
  /** When it wants a `tick`; asked again after every call. Undefined while nothing waits. */
  wakeAtMs(): number | undefined;
  /**
   * How long the last `hear` or `tick` kept it at work (erasing and programming flash): its answers leave that much later, and what comes
   * meanwhile waits. Asked once after each call; 0 when absent.
   */
  busyMs?(): number;
}

/** The effect loop of a meter, on any time and any line. */
export class MeterDriver {
  readonly #meter: MeterPort;
  readonly #time: TimePort;
  readonly #transmit: (frame: Uint8Array) => void;
  readonly #alarm: Alarm;
  /** While it is at work; the answers that leave at the end of it, and what came meanwhile. */
  #work: { readonly cancel: () => void; readonly answers: readonly Uint8Array[] } | undefined;
  #waiting: Uint8Array[] = [];

  constructor(meter: MeterPort, time: TimePort, transmit: (frame: Uint8Array) => void) {
    this.#meter = meter;
    this.#time = time;
    this.#transmit = transmit;
    this.#alarm = new Alarm(
      time,
      () => (this.#work === undefined ? meter.wakeAtMs() : undefined),
      () => this.#say(meter.tick(time.nowMs())),
    );
    this.#alarm.reset();
  }

  hear(frame: Uint8Array): void {
    if (this.#work === undefined) this.#say(this.#meter.hear(frame, this.#time.nowMs()));
    // A port's buffer that nobody empties takes no more: the frame is lost, as on a line.
    else if (this.#waiting.length < FRAMES_WAITING_MAX) this.#waiting.push(frame);
  }

  /** The meter changed by another door than this one: ask again when it wants to be woken. */
  poke(): void {
    this.#alarm.reset();
  }

  /** Its power was cut: what it was about to say, and what waited to be heard, is gone. */
  forget(): void {
    this.#work?.cancel();
    this.#work = undefined;
    this.#waiting = [];
    this.#alarm.reset();
  }

  stop(): void {
    this.forget();
    this.#alarm.stop();
  }

  #say(answers: readonly Uint8Array[]): void {
    const busyMs = this.#meter.busyMs?.() ?? 0;
    if (busyMs > 0) {
      this.#work = { answers, cancel: this.#time.after(busyMs, () => this.#workDone()) };
      return;
    }
    for (const frame of answers) this.#transmit(frame);
    this.#alarm.reset();
  }

  #workDone(): void {
    const answers = this.#work?.answers ?? [];
    this.#work = undefined;
    for (const frame of answers) this.#transmit(frame);
    while (this.#work === undefined && this.#waiting.length > 0) this.hear(this.#waiting.shift()!);
    // Also when it is at work again: an alarm that was due rings at the end of that.
    this.#alarm.reset();
  }
}
