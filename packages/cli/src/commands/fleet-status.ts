import { jobKey, type JobRecord, type JobState } from '@smets1/fleet';
import { JOBS_SHOWN_MAX } from '../limits.js';
import { counted, rows } from '../output/style.js';
import type { Finish, Job } from '../run-command.js';
import { withQueue, type QueueFlags } from './fleet-queue.js';

export interface FleetStatusFlags extends QueueFlags {
  readonly campaign?: string;
}

/** How many jobs are waiting, claimed, done and failed, and each that is not done. */
export async function fleetStatus(job: Job, flags: FleetStatusFlags): Promise<Finish> {
  return await withQueue(job, flags, { create: false }, async (work) => {
    const counts: Record<JobState, number> = { waiting: 0, claimed: 0, done: 0, failed: 0 };
    let shown = 0;
    for await (const record of work.states.list(flags.campaign)) {
      counts[record.state] += 1;
      const isShown = record.state !== 'done' && shown < JOBS_SHOWN_MAX;
      if (isShown) shown += 1;
      job.report.event('job', fieldsOf(record), isShown ? textOf(record) : undefined);
    }
    const total = counts.waiting + counts.claimed + counts.done + counts.failed;
    const unseen = total - counts.done - shown;
    const text = rows([
      ['jobs', counted(total)],
      ['done', counted(counts.done)],
      ['waiting', counted(counts.waiting)],
      ['claimed', counted(counts.claimed)],
      ['failed', counted(counts.failed)],
      ['not shown', unseen === 0 ? undefined : `${counted(unseen)}; --json shows all`],
    ]);
    return { ok: true, fields: { jobs: total, ...counts }, text };
  });
}

function fieldsOf(record: JobRecord): Readonly<Record<string, unknown>> {
  const { job, state, round, claim, tries, worker, atMs, what, device, fault } = record;
  const meter = device && { runningVersion: device.firmwareVersion, attested: device.attested ?? false };
  const named = { job: jobKey(job), campaignId: job.campaignId, deviceId: job.deviceId, site: job.site };
  return {
    ...named,
    hash: job.imageHash.toLowerCase(),
    state,
    round,
    claim,
    tries,
    worker,
    atMs,
    what,
    ...meter,
    ...fault,
  };
}

function textOf({ job, state, worker, tries, fault }: JobRecord): string {
  const who = state === 'claimed' ? ` by ${worker}` : '';
  const why = fault === undefined ? '' : ` (${fault.code}: ${fault.message}; ${tries} tries)`;
  return `${job.campaignId} ${job.deviceId} ${state}${who}${why}`;
}
