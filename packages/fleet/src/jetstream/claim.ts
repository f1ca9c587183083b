/** Who may touch the meter of a job, and whose word about it counts: compare-and-set on its record. */
import { RACES_MAX } from '../limits.js';
import { isPassing, WorkError } from './error.js';
import { isFinal, waitingRecord, type JobRecord } from './job-record.js';
import { jobKey } from './update-job.js';
import type { Delivery, Held, JobStates } from './work-ports.js';

/** The record as claimed, and the revision that the end is written over. */
export interface Claimed extends Held {
  readonly kind: 'claimed';
}

export type Claim = Claimed | { readonly kind: 'no-effect'; readonly detail: string };

/**
 * Makes the job the caller's. The queue leases a job to one worker at a time, so whoever is named in the record has lost it: its claim is
 * written over, and whatever it writes from now on is refused.
 *
 * @throws {@link WorkError} of the store
 */
export async function claimJob(
  states: JobStates,
  { job, round }: Pick<Delivery, 'job' | 'round'>,
  worker: string,
  atMs: number,
): Promise<Claim> {
  const key = jobKey(job);
  for (let race = 0; race < RACES_MAX; race++) {
    const held = await states.read(key);
    if (held !== undefined && held.record.round >= round) {
      if (held.record.round > round) return { kind: 'no-effect', detail: 'it was entered again since' };
      if (isFinal(held.record)) return { kind: 'no-effect', detail: `it is ${held.record.state} already` };
    }
    // Without a record of this round the store lost it; the message has all that is needed, and the meter knows what it runs.
    const known = held !== undefined && held.record.round === round ? held.record : waitingRecord(job, round, atMs);
    const record: JobRecord = { ...known, state: 'claimed', claim: known.claim + 1, worker, atMs };
    const revision =
      held === undefined ? await states.create(key, record) : await states.update(key, record, held.revision);
    if (revision !== undefined) return { kind: 'claimed', record, revision };
  }
  throw new WorkError('misuse', `the record of job ${key} changes faster than it can be read`);
}

export interface Patience {
  readonly isLost: () => boolean;
  readonly pause: () => Promise<void>;
}

/**
 * Writes what came of a claim, for as long as the lease lasts. False: it is lost, and what stands in the record stays.
 *
 * @throws {@link WorkError} that waiting does not mend
 */
export async function writeEnd(
  states: JobStates,
  claim: Held & { readonly key: string },
  next: JobRecord,
  { isLost, pause }: Patience,
): Promise<boolean> {
  while (!isLost()) {
    try {
      if ((await states.update(claim.key, next, claim.revision)) !== undefined) return true;
      // Either somebody took over, or an answer to this very write was lost on the way.
      const now = await states.read(claim.key);
      return now !== undefined && isSameWrite(now.record, next);
    } catch (error) {
      if (!isPassing(error)) throw error;
      await pause();
    }
  }
  return false;
}

function isSameWrite(one: JobRecord, other: JobRecord): boolean {
  return (
    one.worker === other.worker && one.claim === other.claim && one.state === other.state && one.atMs === other.atMs
  );
}
