import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { enterJob, jobKey, updateJobOf, type UpdateWork } from '@smets1/fleet';
import { nodeCrypto } from '@smets1/host';
import { AUTHORISATION_BYTES, PACKAGE_BYTES_MAX, runTask, verifyPackage } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { messageOf, readInput } from '../files/input-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { AUTHORISATIONS_MAX } from '../limits.js';
import { counted, rows } from '../output/style.js';
import { failed, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';
import { withQueue, type QueueFlags } from './fleet-queue.js';

export interface FleetEnqueueFlags extends QueueFlags {
  readonly campaign: string;
  readonly authorisations: readonly string[];
  readonly site: string;
  readonly again: boolean;
  readonly trust?: readonly TrustedKeyFile[];
}

/** Enters the update of each meter that an authorisation names. Again it is harmless, and puts back what the queue lost. */
export async function fleetEnqueue(job: Job, flags: FleetEnqueueFlags, path: string): Promise<Finish> {
  const packageOctets = readInput(pathFrom(job.shell, path), 'the package', PACKAGE_BYTES_MAX);
  if (flags.trust !== undefined) {
    const trust = loadTrust(job, flags.trust, ['manufacturer', 'supplier']);
    const verified = runTask(verifyPackage(packageOctets, trust), nodeCrypto());
    if (!verified.ok) return notSound(path, verified.fault);
  }
  const paths = flags.authorisations.flatMap((given) => authorisationsIn(pathFrom(job.shell, given)));
  if (paths.length > AUTHORISATIONS_MAX) throw new CliError('usage', `more than ${AUTHORISATIONS_MAX} authorisations`);
  const jobs = paths.map((file) =>
    updateJobOf({
      campaignId: flags.campaign,
      site: flags.site,
      packageOctets,
      authorisation: readInput(file, 'the authorisation', AUTHORISATION_BYTES),
    }),
  );
  return await withQueue(job, flags, { create: true }, async (work) => {
    const packageDigest = (await work.packages.put(packageOctets)).toLowerCase();
    const { isInterrupted, ...tally } = await enterAll(job, work, flags, jobs);
    const fields = { campaignId: flags.campaign, site: flags.site, packageDigest, ...tally };
    const { entered, known, failedBefore, otherTerms } = tally;
    const text = rows([
      ['entered', counted(entered)],
      ['known', known === 0 ? undefined : `${counted(known)}, left as they are`],
      ['failed', failedBefore === 0 ? undefined : `${counted(failedBefore)} before; --again enters them once more`],
    ]);
    if (isInterrupted)
      return failed(EXIT.interrupted, 'interrupted', { fields, wayOut: 'the same command again enters the rest' });
    if (otherTerms === 0) return { ok: true, fields, text };
    return failed(
      EXIT['some-not-done'],
      `${counted(otherTerms)} jobs are in the queue with another authorisation, package or site`,
      {
        fields,
        wayOut: 'they stay as they are; give the campaign another name, or wait until they have failed and use --again',
      },
    );
  });
}

interface Tally {
  readonly entered: number;
  readonly known: number;
  readonly failedBefore: number;
  readonly otherTerms: number;
  readonly isInterrupted: boolean;
}

async function enterAll(
  { report, shell }: Job,
  work: UpdateWork,
  { again }: FleetEnqueueFlags,
  jobs: readonly ReturnType<typeof updateJobOf>[],
): Promise<Tally> {
  const tally = { entered: 0, known: 0, failedBefore: 0, otherTerms: 0 };
  const signal = shell.interruption();
  for (const one of jobs) {
    if (signal.aborted) return { ...tally, isInterrupted: true };
    // eslint-disable-next-line no-await-in-loop -- in order, so that an interruption leaves a beginning and not a sieve
    const { kind, state } = await enterJob(work, one, { again });
    if (kind === 'entered') tally.entered += 1;
    else if (kind === 'other-terms') tally.otherTerms += 1;
    else if (state === 'failed') tally.failedBefore += 1;
    else tally.known += 1;
    const text = kind === 'other-terms' ? `${one.deviceId} is in the queue with other terms` : undefined;
    report.event(kind, { deviceId: one.deviceId, job: jobKey(one), state }, text);
  }
  return { ...tally, isInterrupted: false };
}

/** A file, or every `*.auth` of a folder. */
function authorisationsIn(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => name.endsWith('.auth'));
    if (names.length === 0) throw new CliError('file-missing', `${path} has no file *.auth`);
    return names.toSorted().map((name) => join(path, name));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError('file-missing', `the authorisations: ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
