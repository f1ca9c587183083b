/** A thread with its share of a fleet. It reports ends as they come, and gives out slots when it is asked for them. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FleetPlan } from './fleet-plan.js';
import { FleetShare, type Effort, type Share } from './fleet-share.js';
import { METERS_PER_REPORT } from './limits.js';
import type { MeterEnd } from './meter-end.js';

export interface WorkerTask {
  readonly plan: FleetPlan;
  readonly share: Share;
}

/** What a worker says. */
export type WorkerReport =
  | { readonly kind: 'ends'; readonly ends: readonly MeterEnd[] }
  | { readonly kind: 'updated'; readonly effort: Effort }
  | { readonly kind: 'slot'; readonly index: number; readonly octets: Uint8Array | undefined };

/** What it is asked for, once it has said `updated`. */
export interface WorkerWish {
  readonly slots: readonly number[];
}

const port = parentPort;
if (port !== null) work((report) => port.postMessage(report));

function work(say: (report: WorkerReport) => void): void {
  const { plan, share } = workerData as WorkerTask;
  const meters = new FleetShare(plan, share);
  let ends: MeterEnd[] = [];
  for (const end of meters.run()) {
    ends.push(end);
    if (ends.length < METERS_PER_REPORT) continue;
    say({ kind: 'ends', ends });
    ends = [];
  }
  say({ kind: 'ends', ends });
  port?.on('message', ({ slots }: WorkerWish) => {
    for (const index of slots) say({ kind: 'slot', index, octets: meters.imageIn(index) });
  });
  say({ kind: 'updated', effort: meters.effort() });
}
