import { RACES_MAX } from '../limits.js';
import { WorkError } from './error.js';
import { isFinal, waitingRecord, type JobState } from './job-record.js';
import { jobKey, sameTerms, type UpdateJob } from './update-job.js';
import type { UpdateWork } from './work-ports.js';

export interface EnterOptions {
  /** Enters once more what has failed, also with another authorisation or at another site. */
  readonly again?: boolean;
  /** Milliseconds since 1970; the wall clock unless given. */
  readonly nowMs?: () => number;
}

/**
 * - `entered`: it is in the queue now;
 * - `known`: it was entered before, and is as `state` says;
 * - `other-terms`: it is known with another authorisation, package or site, which stays; nothing was changed.
 */
export interface Entered {
  readonly kind: 'entered' | 'known' | 'other-terms';
  readonly state: JobState;
}

/**
 * Enters a job once, however often this is called: its record first, its message after it. Called again after a crash, or after the queue
 * lost what it held, it puts back what is missing. What is done is never entered again.
 *
 * The package is put into the store before: a job never names one that is not there.
 *
 * @throws {@link WorkError} of the queue
 */
export async function enterJob(work: UpdateWork, job: UpdateJob, options: EnterOptions = {}): Promise<Entered> {
  const nowMs = options.nowMs ?? Date.now;
  const key = jobKey(job);
  for (let race = 0; race < RACES_MAX; race++) {
    const held = await work.states.read(key);
    if (held === undefined) {
      const revision = await work.states.create(key, waitingRecord(job, 0, nowMs()));
      if (revision === undefined) continue;
      await work.queue.put(job, 0);
      return { kind: 'entered', state: 'waiting' };
    }
    const { record, revision } = held;
    if (record.state === 'failed' && options.again === true) {
      const round = record.round + 1;
      if ((await work.states.update(key, waitingRecord(job, round, nowMs()), revision)) === undefined) continue;
      await work.queue.put(job, round);
      return { kind: 'entered', state: 'waiting' };
    }
    if (!sameTerms(record.job, job)) return { kind: 'other-terms', state: record.state };
    if (isFinal(record)) return { kind: 'known', state: record.state };
    const put = await work.queue.put(record.job, record.round);
    return { kind: put === 'entered' ? 'entered' : 'known', state: record.state };
  }
  throw new WorkError('misuse', `the record of job ${key} changes faster than it can be read`);
}
