import { setTimeout as pause } from 'node:timers/promises';
import {
  apply,
  createReporter,
  createState,
  nextRecord,
  openCampaign,
  type Campaign,
  type CampaignCommand,
  type CampaignRecord,
  type CampaignState,
  type Checked,
  type RunningCampaign,
  type Turn,
} from '@smets1/campaign';
import { loadPrivateKey, nodeCrypto, type PrivateKey } from '@smets1/host';
import { openCampaignControl } from '../campaign/campaign-control.js';
import { campaignDco, isPassing } from '../campaign/campaign-dco.js';
import { readCampaign, type CampaignFile } from '../campaign/campaign-file.js';
import { ownJournal, recordsOf, takeFolder, type CampaignFolder } from '../campaign/campaign-folder.js';
import { figuresFields, figuresText } from '../campaign/figures.js';
import { readPackagedImages, type PackagedImages } from '../campaign/packaged-images.js';
import { wordsOfRecord } from '../campaign/record-text.js';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { messageOf } from '../files/input-file.js';
import type { SupplierKeyFile, TrustedKeyFile } from '../flags/values.js';
import { CAMPAIGN_IDLE_MS, CAMPAIGN_POLL_MS } from '../limits.js';
import { counted } from '../output/style.js';
import { failed, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface CampaignRunFlags extends DcoFlags {
  readonly journal: string;
  readonly package: readonly string[];
  readonly supplierKey: readonly SupplierKeyFile[];
  readonly trust?: readonly TrustedKeyFile[];
}

type SupplierKeys = (userId: string) => PrivateKey | undefined;

/** A campaign against a DCO, until every meter has its end. Stopped anywhere, the same command goes on. */
export async function campaignRun(job: Job, flags: CampaignRunFlags, path: string): Promise<Finish> {
  const signal = job.shell.interruption();
  const file = readCampaign(job, path);
  const { campaign, inputDigest } = file;
  const supplierKey = readSupplierKeys(job, campaign, flags.supplierKey);
  const read = readPackagedImages(job, campaign, flags.package, flags.trust);
  if ('refused' in read) return read.refused;
  checkAllThere(file, read.images, supplierKey);
  const client = clientOf(job, flags);
  await client.health();
  const folder = takeFolder(job, flags.journal, path);
  const owned = ownJournal(folder);
  try {
    const crypto = nodeCrypto();
    const { images } = read;
    const running = await openCampaign({
      campaign,
      inputDigest,
      clock: { nowMs: () => Date.now(), steadyMs: () => performance.now() },
      journal: owned.journal,
      dco: campaignDco({ client, campaign, crypto, images, supplierKey, nowS: () => Date.now() / 1000 }),
      onRecord(record) {
        const { fields, text } = wordsOfRecord(record);
        job.report.event(record.kind, fields, text);
      },
    });
    return await live(job, { folder, file, running, signal });
  } finally {
    owned.close();
  }
}

interface Life {
  readonly folder: CampaignFolder;
  readonly file: CampaignFile;
  readonly running: RunningCampaign;
  readonly signal: AbortSignal;
}

interface Told {
  readonly command: CampaignCommand;
  readonly resolve: (record: Checked<CampaignRecord>) => void;
}

async function live(job: Job, life: Life): Promise<Finish> {
  const { folder, running, signal } = life;
  const told: Told[] = [];
  let wake = new AbortController();
  let isOver = false;
  const tell = async (command: CampaignCommand): Promise<Checked<CampaignRecord>> =>
    await new Promise((resolve) => {
      if (isOver) return resolve(OVER);
      told.push({ command, resolve });
      wake.abort();
    });
  const control = await openCampaignControl(folder, tell, (error) =>
    job.report.warn(`a defect of the control: ${messageOf(error)}`),
  );
  job.report.event('running', { folder: folder.path, pid: process.pid, seq: running.state.seq });
  try {
    let said = '';
    for (;;) {
      // One after the other, none while a turn is under way; one that fails stays, so that whoever gave it has an answer at the end.
      for (let next = told[0]; next !== undefined; next = told[0]) {
        // eslint-disable-next-line no-await-in-loop -- as above
        const record = await running.command(next.command);
        told.shift();
        next.resolve(record);
      }
      // eslint-disable-next-line no-await-in-loop -- turns follow each other
      const turn = await running.turn();
      if (turn.trouble !== undefined && !isPassing(turn.trouble)) throw errorOf(turn.trouble);
      const trouble = turn.trouble === undefined ? '' : messageOf(turn.trouble);
      if (trouble !== '' && trouble !== said) job.report.warn(`${trouble}; it is asked again`);
      said = trouble;
      tellProgress(job, running.state);
      if (turn.ended) return finishOf(job, life);
      if (signal.aborted) return interrupted(running.state, folder);
      wake = new AbortController();
      // A command that came during the turn has woken what slept before.
      if (told.length > 0) continue;
      // eslint-disable-next-line no-await-in-loop -- until something may have changed
      await pause(restMs(turn), undefined, { signal: AbortSignal.any([signal, wake.signal]) }).catch(() => undefined);
    }
  } finally {
    isOver = true;
    for (const { resolve } of told) resolve(OVER);
    await control.close();
  }
}

const OVER: Checked<CampaignRecord> = {
  ok: false,
  fault: { code: 'contradiction', path: '', message: 'the process that runs this campaign is ending; say it again' },
};

function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new TypeError(String(thrown));
}

function restMs({ wakeAtMs, underWay, owed, trouble }: Turn): number {
  const isWaiting = underWay > 0 || owed > 0 || trouble !== undefined;
  return Math.max(1, Math.min(wakeAtMs - Date.now(), isWaiting ? CAMPAIGN_POLL_MS : CAMPAIGN_IDLE_MS));
}

function tellProgress(job: Job, { requests, open }: CampaignState): void {
  const totalMeters = requests.reduce((sum, { meters }) => sum + meters, 0);
  job.report.progress({ label: 'updating', doneMeters: totalMeters - open, totalMeters });
}

function finishOf(job: Job, { folder, file }: Life): Finish {
  const reporter = createReporter(file.campaign);
  for (const record of recordsOf(folder)) reporter.add(record);
  const report = reporter.report();
  const { stages, inScope } = report.head;
  const fields = { folder: folder.path, inputDigest: file.inputDigest, ...figuresFields(report) };
  const text = figuresText(report);
  if (stages.done === inScope && inScope > 0) return { ok: true, fields, text };
  job.report.event('figures', {}, text);
  return failed(
    EXIT['some-not-done'],
    `the campaign has ended, and ${counted(inScope - stages.done)} of ${counted(inScope)} meters do not run their target`,
    {
      fields,
      wayOut: `\`smets1 campaign report ${folder.path} --page FILE.html\` says which and why`,
    },
  );
}

function interrupted(state: CampaignState, folder: CampaignFolder): Finish {
  return failed(
    EXIT.interrupted,
    `interrupted with ${counted(state.open)} meters left; the DCO goes on with what it has taken`,
    {
      fields: { folder: folder.path, open: state.open },
      wayOut: 'run the same again to go on',
    },
  );
}

function readSupplierKeys(job: Job, campaign: Campaign, files: readonly SupplierKeyFile[]): SupplierKeys {
  const keys = new Map<string | undefined, PrivateKey>();
  for (const { userId, path } of files) {
    if (userId !== undefined && !campaign.users.has(userId))
      throw new CliError('usage', `--supplier-key ${userId}=…: the campaign has no such User`);
    if (keys.has(userId)) throw new CliError('usage', `--supplier-key: two keys for ${userId ?? 'every User'}`);
    keys.set(userId, loadPrivateKey(pathFrom(job.shell, path)));
  }
  return (userId) => keys.get(userId) ?? keys.get(undefined);
}

/** Everything that the campaign will ask for, looked for before it begins: a package or key that is missed at night helps nobody. */
function checkAllThere(
  { campaign, inputDigest }: CampaignFile,
  images: PackagedImages,
  supplierKey: SupplierKeys,
): void {
  const state = createState(campaign);
  while (state.status === 'new' || state.requests.some(({ status }) => status === 'unopened')) {
    const record = nextRecord(campaign, state, 0, inputDigest);
    if (record === undefined) break;
    apply(campaign, state, record);
  }
  const entries = new Set(state.routes.flatMap(({ route }) => route.hops.map(({ entryId }) => entryId)));
  const missing = [...entries].filter((entryId) => !images.has(entryId));
  if (missing.length > 0)
    throw new CliError('usage', `no package was given for ${missing.join(', ')}; add --package FILE for each`);
  const unsigned = campaign.input.requests.find(({ userId }) => supplierKey(userId) === undefined)?.userId;
  if (unsigned !== undefined)
    throw new CliError('usage', `no key signs for ${unsigned}; add --supplier-key ${unsigned}=PEM`);
}
