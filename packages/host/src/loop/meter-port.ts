/** A meter as its host sees it: frames and times in, frames out. What runs inside is the meter's own business. */
import { Alarm } from './alarm.js';
import type { TimePort } from './ports.js';

export interface MeterPort {
  /** Takes one frame and gives the frames to answer with, in order. */
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[];
  /** Does what is due at `nowMs`. */
  tick(nowMs: number): readonly Uint8Array[];
  /** When it wants a `tick`; asked again after every call. Undefined while nothing waits. */
  wakeAtMs(): number | undefined;
}

/** The effect loop of a meter, on any time and any line. */
export class MeterDriver {
  readonly #meter: MeterPort;
  readonly #time: TimePort;
  readonly #transmit: (frame: Uint8Array) => void;
  readonly #alarm: Alarm;

  constructor(meter: MeterPort, time: TimePort, transmit: (frame: Uint8Array) => void) {
    this.#meter = meter;
    this.#time = time;
    this.#transmit = transmit;
    this.#alarm = new Alarm(
      time,
      () => meter.wakeAtMs(),
      () => this.#say(meter.tick(time.nowMs())),
    );
    this.#alarm.reset();
  }

  hear(frame: Uint8Array): void {
    this.#say(this.#meter.hear(frame, this.#time.nowMs()));
  }

  /** The meter changed by another door than this one: ask again when it wants to be woken. */
  poke(): void {
    this.#alarm.reset();
  }

  stop(): void {
    this.#alarm.stop();
  }

  #say(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#transmit(frame);
    this.#alarm.reset();
  }
}
