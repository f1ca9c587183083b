import { apply, createState, meterOf, meterView, type CampaignState, type MeterView } from '@smets1/campaign';
import { formatDeviceId } from '@smets1/protocol';
import { ownerOf } from '../campaign/campaign-control.js';
import type { CampaignFile } from '../campaign/campaign-file.js';
import { readFolder, recordsOf } from '../campaign/campaign-folder.js';
import { CliError } from '../errors.js';
import { METERS_SHOWN_MAX } from '../limits.js';
import { counted, rows } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';

export interface CampaignStatusFlags extends CommonFlags {
  readonly meter?: Uint8Array;
  readonly meters: boolean;
}

/** Where a campaign and its meters stand, read beside the process that runs it. */
export async function campaignStatus(job: Job, flags: CampaignStatusFlags, directory: string): Promise<Finish> {
  const { folder, file } = readFolder(job, directory);
  const { campaign } = file;
  const state = createState(campaign);
  for (const record of recordsOf(folder)) apply(campaign, state, record);
  if (flags.meter !== undefined) return meterFinish(file, state, formatDeviceId(flags.meter));
  const pid = await ownerOf(folder);
  const stages: Record<string, number> = {};
  let underWay = 0;
  for (const [at, { status, reason, ...request }] of state.requests.entries()) {
    underWay += request.underWay;
    const { requestId, targetEntryId } = campaign.input.requests[at]!;
    const { meters, open } = request;
    const fields = { requestId, status, reason, targetEntryId, meters, open, underWay: request.underWay };
    const why = reason === '' ? '' : ` (${reason})`;
    const text = `request ${requestId}: ${status}${why}, ${counted(meters - open)} of ${counted(meters)} meters at their end, ${counted(request.underWay)} under way`;
    job.report.event('request', { ...fields, failures: request.failures }, text);
  }
  let shown = 0;
  for (let meter = 0; meter < campaign.meterCount; meter += 1) {
    const view = meterView(campaign, state, meter);
    stages[view.stage] = (stages[view.stage] ?? 0) + 1;
    if (!flags.meters) continue;
    const isShown = shown < METERS_SHOWN_MAX;
    if (isShown) shown += 1;
    job.report.event('meter', fieldsOf(view), isShown ? lineOf(view) : undefined);
  }
  const now = state.status === 'ended' ? 'ended' : pid === undefined ? 'not running' : 'running';
  const last = state.seq === 0 ? undefined : new Date(state.lastAtMs).toISOString();
  return {
    ok: true,
    outcome: now.replace(' ', '-'),
    fields: {
      campaignId: campaign.input.campaignId,
      records: state.seq,
      pid,
      lastAt: last,
      open: state.open,
      underWay,
      stages,
    },
    text: rows([
      ['campaign', `${campaign.input.campaignId}, ${now}${pid === undefined ? '' : ` in process ${pid}`}`],
      [
        'meters',
        Object.entries(stages)
          .map(([stage, count]) => `${counted(count)} ${stage}`)
          .join(', '),
      ],
      ['under way', counted(underWay)],
      ['last record', last ?? 'none; it has not begun'],
      [
        'not shown',
        flags.meters && campaign.meterCount > shown && !job.report.isJson
          ? `${counted(campaign.meterCount - shown)} meters; --json shows all`
          : undefined,
      ],
      ['go on', now === 'not running' ? 'with the same `smets1 campaign run` as before' : undefined],
    ]),
  };
}

function meterFinish({ campaign }: CampaignFile, state: CampaignState, deviceId: string): Finish {
  const meter = meterOf(campaign, deviceId);
  if (meter === undefined) throw new CliError('usage', `${deviceId} is no meter of this campaign`);
  const view = meterView(campaign, state, meter);
  return {
    ok: true,
    fields: fieldsOf(view),
    text: rows([
      ['meter', view.deviceId],
      ['stage', `${view.stage}${view.reason === 'none' ? '' : ` (${view.reason})`}`],
      ['since', view.sinceMs === 0 ? undefined : new Date(view.sinceMs).toISOString()],
      ['runs', view.runs],
      ['way', view.path.length === 0 ? 'none' : view.path.join(' → ')],
      ['starts', `${view.tries} of the present hop`],
      ['request', view.requestId],
      ['User', view.userId],
      ['cohort', view.cohortId],
    ]),
  };
}

function fieldsOf({ sinceMs, meter: index, ...view }: MeterView): Readonly<Record<string, unknown>> {
  return { ...view, index, since: sinceMs === 0 ? undefined : new Date(sinceMs).toISOString() };
}

function lineOf({ deviceId, stage, reason, runs, path }: MeterView): string {
  const why = reason === 'none' ? '' : ` (${reason})`;
  const to = path.at(-1);
  return `${deviceId} ${stage}${why}, runs ${runs}${to === undefined || to === runs ? '' : `, on the way to ${to}`}`;
}
