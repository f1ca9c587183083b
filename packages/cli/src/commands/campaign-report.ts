import { createReporter, lineOfRecord } from '@smets1/campaign';
import { readFolder, recordsOf } from '../campaign/campaign-folder.js';
import { figuresFields, figuresText } from '../campaign/figures.js';
import { checkReportFiles, Lines, writeReportFiles, type ReportFileFlags } from '../campaign/report-files.js';
import { CliError } from '../errors.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';

export type CampaignReportFlags = CommonFlags & ReportFileFlags;

/** The figures of a campaign so far: at any time, also while it runs. */
export function campaignReport(job: Job, flags: CampaignReportFlags, directory: string): Finish {
  const { folder, file } = readFolder(job, directory);
  checkReportFiles(job, flags, folder.input);
  const reporter = createReporter(file.campaign);
  const records = new Lines();
  for (const record of recordsOf(folder)) {
    reporter.add(record);
    if (flags.journal !== undefined) records.add(lineOfRecord(record));
  }
  if (reporter.state.seq === 0)
    throw new CliError('usage', `the campaign in ${folder.path} has not begun; there is nothing to report`);
  const report = reporter.report();
  writeReportFiles(job, flags, report, records);
  const fields = {
    campaignId: report.campaignId,
    inputDigest: file.inputDigest,
    ended: report.ended,
    ...figuresFields(report),
  };
  return { ok: true, fields, text: figuresText(report) };
}
