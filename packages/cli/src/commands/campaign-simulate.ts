import { lineOfRecord, type CampaignReport, type WhatIf } from '@smets1/campaign';
import { readCampaign } from '../campaign/campaign-file.js';
import { figuresFields, figuresText } from '../campaign/figures.js';
import { play } from '../campaign/play.js';
import { checkReportFiles, Lines, writeReportFiles, type ReportFileFlags } from '../campaign/report-files.js';
import { EXIT } from '../exit-codes.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';

export interface CampaignSimulateFlags extends CommonFlags, ReportFileFlags {
  readonly whatIf?: readonly WhatIf[];
  readonly seed: number;
}

/** A campaign from its first day to its last on the virtual clock, against meters that the input models. */
export function campaignSimulate(job: Job, flags: CampaignSimulateFlags, path: string): Finish {
  const { seed } = flags;
  checkReportFiles(job, flags, path);
  const file = readCampaign(job, path, flags.whatIf);
  const records = new Lines();
  const { report, ended } = play(job, file, seed, (record) => {
    if (flags.journal !== undefined) records.add(lineOfRecord(record));
  });
  writeReportFiles(job, flags, report, records);
  const fields = { seed, inputDigest: file.inputDigest, ended, ...figuresFields(report) };
  if (ended) return { ok: true, fields, text: figuresText(report) };
  return failed(
    EXIT['some-not-done'],
    `the campaign never ends: ${report.head.inScope - settled(report)} meters are left`,
    {
      fields,
      wayOut: 'a pause without resume, or an incident that never opens, holds it; look at `holds` in --figures',
    },
  );
}

function settled({ head: { stages } }: CampaignReport): number {
  return stages.done + stages.failed + stages.exempt;
}
