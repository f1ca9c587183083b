/** The meters of one thread: updated one after the other, and kept. */
import { hash } from 'node:crypto';
import type { NorFlash } from '@smets1/emulator';
import type { FleetPlan } from './fleet-plan.js';
import { METERS_PER_FLOOR } from './limits.js';
import type { MeterEnd } from './meter-end.js';
import type { CheckCounts } from './shared-checks.js';
import { confirmedImage, updateMeter } from './update-meter.js';
import { openWorkshop, type Workshop } from './workshop.js';

/** Which meters of the fleet: every `workers`th, from number `worker` on. */
export interface Share {
  readonly worker: number;
  readonly workers: number;
  /** Flash operations of an update in which nothing happens. */
  readonly operationsMax: number;
}

/** What it took. */
export interface Effort {
  readonly checks: CheckCounts;
  /** Times that the image was hashed bare between two meters, and how long that took together. */
  readonly floors: number;
  readonly floorMs: number;
}

export class FleetShare {
  readonly #workshop: Workshop;
  readonly #share: Share;
  readonly #flashes = new Map<number, NorFlash>();
  #floors = 0;
  #floorMs = 0;

  /** @throws FleetError `package-refused` */
  constructor(plan: FleetPlan, share: Share) {
    this.#workshop = openWorkshop(plan);
    this.#share = share;
  }

  /** Updates a meter each time that the next end is asked for. @throws HostError `world-failed` for a defect, with the meter's seed */
  *run(): Generator<MeterEnd> {
    const { worker, workers, operationsMax } = this.#share;
    for (let index = worker; index < this.#workshop.plan.meters; index += workers) {
      if (this.#flashes.size % METERS_PER_FLOOR === 0) this.#measureFloor();
      const { end, flash } = updateMeter(this.#workshop, index, operationsMax);
      this.#flashes.set(index, flash);
      yield end;
    }
  }

  effort(): Effort {
    return { checks: this.#workshop.checks.counts(), floors: this.#floors, floorMs: this.#floorMs };
  }

  /** The confirmed image of a meter of this share, read from its flash; undefined where it has none. */
  imageIn(index: number): Uint8Array | undefined {
    const flash = this.#flashes.get(index);
    return flash && confirmedImage(flash);
  }

  #measureFloor(): void {
    const startMs = performance.now();
    hash('sha256', this.#workshop.release.octets, 'buffer');
    this.#floorMs += performance.now() - startMs;
    this.#floors += 1;
  }
}
