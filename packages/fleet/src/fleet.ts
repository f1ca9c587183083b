/** A fleet in this thread, for tests and small numbers. */
import { planFleet, type FleetOptions, type FleetPlan } from './fleet-plan.js';
import { FleetShare } from './fleet-share.js';
import { SLOTS_HASHED_DEFAULT } from './limits.js';
import type { MeterEnd } from './meter-end.js';
import { rehearse } from './rehearsal.js';
import { drawSlots, slotHasher, reportOf, type FleetReport, type SlotHash } from './report.js';
import { openWorkshop } from './workshop.js';

export interface Fleet {
  readonly plan: FleetPlan;
  /** Updates every meter; @param onEnd - Told of each as it ends. @throws HostError `world-failed` for a defect */
  run(onEnd?: (end: MeterEnd) => void): FleetOutcome;
  /** The confirmed image of a meter, read from its flash; undefined before `run`, and where there is none. */
  imageIn(index: number): Uint8Array | undefined;
}

export interface FleetOutcome {
  readonly report: FleetReport;
  /** In the order of the meters. */
  readonly ends: readonly MeterEnd[];
  readonly slots: readonly SlotHash[];
}

/**
 * Builds what a fleet needs, and tries the release on one meter.
 *
 * @throws FleetError `misuse`, `package-refused`, `not-applicable`
 */
export function createFleet(options: FleetOptions): Fleet {
  const plan = planFleet(options);
  const share = new FleetShare(plan, { worker: 0, workers: 1, operationsMax: rehearse(plan) });
  return {
    plan,
    run(onEnd = () => undefined) {
      const ends: MeterEnd[] = [];
      for (const end of share.run()) {
        ends.push(end);
        onEnd(end);
      }
      const { release, first } = openWorkshop(plan);
      const hashSlot = slotHasher(release, first);
      const slots = drawSlots(plan, SLOTS_HASHED_DEFAULT).map((index) => hashSlot(ends[index]!, share.imageIn(index)));
      return { report: reportOf(plan, release, ends, slots), ends, slots };
    },
    imageIn: (index) => share.imageIn(index),
  };
}
