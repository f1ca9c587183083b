/** A fleet on every core: worker threads with disjoint shares of the meters. */
import { availableParallelism } from 'node:os';
import { CrewMember } from './crew-member.js';
import { FleetError } from './error.js';
import type { FleetOutcome } from './fleet.js';
import { planFleet, type FleetOptions } from './fleet-plan.js';
import type { Effort } from './fleet-share.js';
import { SLOTS_HASHED_DEFAULT, WORKERS_MAX } from './limits.js';
import type { MeterEnd } from './meter-end.js';
import { rehearse } from './rehearsal.js';
import { drawSlots, slotHasher, reportOf, type SlotHash } from './report.js';
import { openWorkshop } from './workshop.js';

export interface RunFleetOptions extends FleetOptions {
  /** Threads; as many as the machine has cores, and no more than there are meters, unless given. */
  readonly workers?: number;
  /** Told now and then of the ends that came since the last time. */
  readonly onEnds?: (ends: readonly MeterEnd[]) => void;
  readonly signal?: AbortSignal;
  /** Where the code of a worker is; for tests. */
  readonly workerUrl?: URL;
}

/** How fast it went on this machine; another one each time. */
export interface FleetPace {
  readonly workers: number;
  /** From the start of the workers to the last end. */
  readonly updateMs: number;
  readonly imagesPerSecond: number;
  /** Images a second that all workers together would only hash: measured between their meters, so on the machine as busy as it was. */
  readonly hashedPerSecond: number;
  /** How many bare hashes an update takes as long as. */
  readonly floorRatio: number;
  /** The most memory that the process was resident in. */
  readonly residentBytesMax: number;
  readonly checks: Effort['checks'];
}

export interface FleetRun extends FleetOutcome {
  readonly pace: FleetPace;
}

/**
 * Updates all meters of a fleet. Report, ends and slots are the same as from `Fleet.run`, whatever the number of workers.
 *
 * @throws FleetError `misuse`, `package-refused`, `not-applicable`, `worker-failed`, `interrupted`
 */
export async function runFleet(options: RunFleetOptions): Promise<FleetRun> {
  const { meters, signal, onEnds = () => undefined, workerUrl = WORKER_URL } = options;
  const wanted = options.workers ?? Math.min(availableParallelism(), WORKERS_MAX);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > WORKERS_MAX)
    throw new FleetError('misuse', `a fleet runs on 1 to ${WORKERS_MAX} workers, not ${wanted}`);
  const plan = planFleet(options);
  const operationsMax = rehearse(plan);
  const workers = Math.min(wanted, meters);
  const startMs = performance.now();
  const crew = Array.from(
    { length: workers },
    (_, worker) => new CrewMember(workerUrl, { plan, share: { worker, workers, operationsMax } }, onEnds),
  );
  const stop = interruptionOf(signal);
  try {
    const efforts = await Promise.race([Promise.all(crew.map(async ({ updated }) => await updated)), stop.promise]);
    const pace = paceOf(efforts, meters, performance.now() - startMs);
    const ends = crew.flatMap((member) => member.ends).toSorted((one, other) => one.index - other.index);
    const { release, first } = openWorkshop(plan);
    const hashSlot = slotHasher(release, first);
    const slots: SlotHash[] = [];
    const drawn = drawSlots(plan, SLOTS_HASHED_DEFAULT);
    const reading = crew.map(async (member, worker) => {
      const own = drawn.filter((index) => index % workers === worker);
      await member.readSlots(own, (index, octets) => slots.push(hashSlot(ends[index]!, octets)));
    });
    await Promise.race([Promise.all(reading), stop.promise]);
    slots.sort((one, other) => one.index - other.index);
    return { report: reportOf(plan, release, ends, slots), ends, slots, pace };
  } finally {
    stop.forget();
    await Promise.all(crew.map(async (member) => await member.end()));
  }
}

const WORKER_URL = new URL('./fleet-worker.js', import.meta.url);

function paceOf(efforts: readonly Effort[], meters: number, updateMs: number): FleetPace {
  const sum = (of: (effort: Effort) => number): number => efforts.reduce((total, effort) => total + of(effort), 0);
  const imagesPerSecond = (1000 * meters) / updateMs;
  const hashedPerSecond = (1000 * efforts.length * sum(({ floors }) => floors)) / sum(({ floorMs }) => floorMs);
  return {
    workers: efforts.length,
    updateMs,
    imagesPerSecond,
    hashedPerSecond,
    floorRatio: hashedPerSecond / imagesPerSecond,
    residentBytesMax: process.resourceUsage().maxRSS * 1024,
    checks: {
      signaturesAsked: sum(({ checks }) => checks.signaturesAsked),
      signaturesMade: sum(({ checks }) => checks.signaturesMade),
      hashesAsked: sum(({ checks }) => checks.hashesAsked),
      hashesMade: sum(({ checks }) => checks.hashesMade),
    },
  };
}

interface Interruption {
  /** Rejects when the signal comes. */
  readonly promise: Promise<never>;
  forget(): void;
}

function interruptionOf(signal: AbortSignal | undefined): Interruption {
  let forget = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new FleetError('interrupted', 'the fleet was told to stop; nothing of it is kept'));
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
    forget = () => signal?.removeEventListener('abort', stop);
  });
  promise.catch(() => undefined);
  return { promise, forget };
}
