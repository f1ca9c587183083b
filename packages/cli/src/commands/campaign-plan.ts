import type { CampaignReport, MeterBehaviour, WhatIf } from '@smets1/campaign';
import { readCampaign, type CampaignFile } from '../campaign/campaign-file.js';
import { figuresText } from '../campaign/figures.js';
import { play } from '../campaign/play.js';
import { EXIT } from '../exit-codes.js';
import { counted, rows } from '../output/style.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';

export interface CampaignPlanFlags extends CommonFlags {
  readonly whatIf?: readonly WhatIf[];
}

/** What a campaign comes to when every meter answers at once: ways, days, who gets what. Nothing is started or written. */
export function campaignPlan(job: Job, flags: CampaignPlanFlags, path: string): Finish {
  const file = readCampaign(job, path, flags.whatIf);
  const { report, ended, requested } = play(job, withPerfectMeters(file), 0);
  for (const { requestId, outcome, refusal, routes, withoutPath } of requested) {
    const row = report.requests.find((one) => one.requestId === requestId)!;
    const ways = routes.map(({ cohortId, fromEntryId, hops }) => {
      const way = [fromEntryId, ...hops.map(({ entryId }) => entryId)].join(' → ');
      return `${cohortId}: ${hops.length === 0 ? `runs ${fromEntryId} already` : way}`;
    });
    const lines = rows([
      ['request', `${requestId}, ${counted(row.meters)} meters to ${row.targetEntryId}`],
      ['refused', refusal?.message],
      ['images', outcome === 'refused' ? undefined : targetText(file, row.targetEntryId)],
      ['days', row.firstStartDay === undefined ? undefined : `${row.firstStartDay} to ${row.lastStartDay}`],
      ...ways.map((way) => ['way', way] as const),
      ['no way', withoutPath.length === 0 ? undefined : withoutPath.map(({ cohortId }) => cohortId).join(', ')],
    ]);
    job.report.event('request', { requestId, outcome, refusal, routes, withoutPath, row }, `${lines}\n`);
  }
  return finishOf(report, file, ended, requested.filter(({ outcome }) => outcome === 'refused').length);
}

/** Meters of the plan: no luck in it. */
const PERFECT: MeterBehaviour = {
  silentShare: 0,
  noAnswerChance: 0,
  brokenChance: 0,
  failureChance: 0,
  minutesMin: 60,
  minutesMax: 60,
  slowChance: 0,
  slowDaysMax: 0,
  churnShare: 0,
  churnDays: 0,
};

function withPerfectMeters({ campaign, inputDigest }: CampaignFile): CampaignFile {
  const input = { ...campaign.input, model: { otherwise: PERFECT, cohorts: [] } };
  return { campaign: { ...campaign, input }, inputDigest };
}

function targetText({ campaign }: CampaignFile, entryId: string): string {
  const entry = campaign.entries.get(entryId)!;
  const { deviceModel, hardware, firmwareVersion, imageOctets, manufacturerImageHash } = entry;
  return `${deviceModel} ${hardware} version ${firmwareVersion}, ${counted(imageOctets)} octets, hash ${manufacturerImageHash}`;
}

function finishOf(report: CampaignReport, { inputDigest }: CampaignFile, ended: boolean, refused: number): Finish {
  const fields = { inputDigest, head: report.head, response: report.response, fairness: report.fairness };
  if (!ended) {
    return failed(
      EXIT['some-not-done'],
      'this campaign has no end: it waits for something that its input never brings',
      {
        fields,
        wayOut: 'give each pause a resume and each security request its incident, in `events`',
      },
    );
  }
  if (refused > 0) {
    return failed(EXIT.refused, `${refused} requests are refused before anything starts`, {
      fields,
      wayOut: 'each says why above; mend the lists or the request, or set `skipCohortsWithoutPath`',
    });
  }
  return { ok: true, fields, text: figuresText(report) };
}
