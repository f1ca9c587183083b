import { campaignCommandOf, openCampaign, type CampaignCommand, type DcoPort } from '@smets1/campaign';
import { parseJson } from '@smets1/http-guard';
import { JournalError } from '@smets1/journal';
import { tellOwner } from '../campaign/campaign-control.js';
import type { CampaignFile } from '../campaign/campaign-file.js';
import { ownJournal, readFolder, type CampaignFolder, type OwnedJournal } from '../campaign/campaign-folder.js';
import { wordsOfRecord } from '../campaign/record-text.js';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import { CAMPAIGN_COMMAND_BYTES_MAX, CAMPAIGN_COMMAND_DEPTH_MAX, CAMPAIGN_COMMAND_VALUES_MAX } from '../limits.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface CampaignPauseFlags extends CommonFlags {
  readonly request?: string;
  readonly reason: string;
}

export interface CampaignAbortFlags extends CampaignPauseFlags {
  readonly halfDone: 'complete' | 'leave';
}

export async function campaignPause(
  job: Job,
  { request, reason }: CampaignPauseFlags,
  directory: string,
): Promise<Finish> {
  return await tell(job, directory, { kind: 'pause', ...of(request), reason });
}

export async function campaignResume(
  job: Job,
  { request }: CommonFlags & { readonly request?: string },
  directory: string,
): Promise<Finish> {
  return await tell(job, directory, { kind: 'resume', ...of(request) });
}

export async function campaignAbort(job: Job, flags: CampaignAbortFlags, directory: string): Promise<Finish> {
  const { request, reason, halfDone } = flags;
  return await tell(job, directory, { kind: 'abort', ...of(request), reason, halfDone });
}

/** Any command of the input's `events`, from a file. */
export async function campaignTell(job: Job, _: CommonFlags, directory: string, path: string): Promise<Finish> {
  const octets = readInput(pathFrom(job.shell, path), 'the command', CAMPAIGN_COMMAND_BYTES_MAX);
  const json = parseJson(new TextDecoder().decode(octets), {
    jsonDepthMax: CAMPAIGN_COMMAND_DEPTH_MAX,
    jsonValuesMax: CAMPAIGN_COMMAND_VALUES_MAX,
  });
  if (!json.ok) throw new CliError('usage', `${path} is no JSON: ${json.reason}`);
  const command = campaignCommandOf(json.value);
  if (!command.ok) throw new CliError('usage', `${path}: ${command.fault.message}`);
  return await tell(job, directory, command.value);
}

function of(request: string | undefined): { readonly requestId?: string } {
  return request === undefined ? {} : { requestId: request };
}

/** Durable when it is done, whether a process runs the campaign or none does. */
async function tell(job: Job, directory: string, command: CampaignCommand): Promise<Finish> {
  const { folder, file } = readFolder(job, directory);
  const owned = ownedUnlessRunning(folder);
  const record = owned === undefined ? await tellOwner(folder, command) : await tellJournal(owned, file, command);
  if (!record.ok)
    return failed(EXIT.refused, `the campaign does not take it: ${record.fault.message}`, {
      fields: { code: record.fault.code },
    });
  const { fields, text } = wordsOfRecord(record.value);
  return {
    ok: true,
    outcome: 'told',
    fields: { ...fields, running: owned === undefined },
    text: `${text ?? command.kind}${owned === undefined ? '' : '; nobody runs this campaign now, it counts once somebody does'}`,
  };
}

function ownedUnlessRunning(folder: CampaignFolder): OwnedJournal | undefined {
  try {
    return ownJournal(folder);
  } catch (error) {
    if (error instanceof JournalError && error.code === 'locked') return undefined;
    throw error;
  }
}

async function tellJournal(
  { journal, close }: OwnedJournal,
  { campaign, inputDigest }: CampaignFile,
  command: CampaignCommand,
): ReturnType<typeof tellOwner> {
  try {
    const clock = { nowMs: () => Date.now(), steadyMs: () => performance.now() };
    const running = await openCampaign({ campaign, inputDigest, clock, journal, dco: NO_DCO });
    return await running.command(command);
  } finally {
    close();
  }
}

/** A command alone asks for nothing. */
const NO_DCO: DcoPort = {
  room: nobody,
  submit: nobody,
  activate: nobody,
  responses: nobody,
  acknowledge: nobody,
};

async function nobody(): Promise<never> {
  return await Promise.reject(new TypeError('a command asks nothing of a DCO'));
}
