/** A meter in a world, and its power: what a cut takes away, and what comes back from flash. */
import { PowerLost, type Esme, type FaultPlan, type NorFlash } from '@smets1/emulator';
import type { MeterPort, World, WorldMeterRun } from '@smets1/host';
import { OFF_MS } from './limits.js';

export class PoweredMeter {
  readonly port: MeterPort;
  readonly #world: World;
  readonly #flash: NorFlash;
  readonly #start: (nowMs: number) => Esme;
  #esme: Esme | undefined;
  #run: WorldMeterRun | undefined;
  #cuts = 0;

  /** @param start - Powers the meter on from its flash. @throws PowerLost */
  constructor(world: World, flash: NorFlash, start: (nowMs: number) => Esme) {
    this.#world = world;
    this.#flash = flash;
    this.#start = start;
    this.port = {
      hear: (frame, nowMs) => this.#powered((esme) => esme.hear(frame, nowMs)),
      tick: (nowMs) => this.#powered((esme) => esme.tick(nowMs)),
      wakeAtMs: () => this.#esme?.wakeAtMs(),
      busyMs: () => this.#esme?.busyMs() ?? 0,
    };
    this.#powerOn();
  }

  /** Power cuts that struck. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Whom to tell that the meter has started again. */
  runsIn(run: WorldMeterRun): void {
    this.#run = run;
  }

  /** The power goes at a flash operation to come, and comes back by itself. */
  cutAt(plan: FaultPlan): void {
    this.#flash.arm(plan);
  }

  #powerOn(): void {
    this.#flash.powerOn();
    try {
      this.#esme = this.#start(this.#world.now());
    } catch (error) {
      this.#lost(error);
    }
    this.#run?.poke();
  }

  #powered(work: (esme: Esme) => readonly Uint8Array[]): readonly Uint8Array[] {
    if (this.#esme === undefined) return [];
    try {
      return work(this.#esme);
    } catch (error) {
      this.#lost(error);
      return [];
    }
  }

  #lost(error: unknown): void {
    if (!(error instanceof PowerLost)) throw error;
    this.#esme = undefined;
    this.#cuts += 1;
    this.#run?.forget();
    this.#world.at(this.#world.now() + OFF_MS, () => this.#powerOn());
  }
}
