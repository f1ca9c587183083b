/** What a campaign leaves for others to read: figures, a page, tables, the records themselves. */
import { join } from 'node:path';
import { reportCsv, reportPage, type CampaignReport } from '@smets1/campaign';
import { checkOutput, makeFolder, writeOutput } from '../files/output-file.js';
import { JOURNAL_LINES_PER_CHUNK } from '../limits.js';
import type { Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface ReportFileFlags {
  /** Every record, a line of JSON each. */
  readonly journal?: string;
  readonly figures?: string;
  readonly page?: string;
  readonly csv?: string;
  readonly force: boolean;
}

/** Says before any work is done what could not be written after it. @throws CliError as `checkOutput` does */
export function checkReportFiles(job: Job, flags: ReportFileFlags, input: string): void {
  for (const output of [flags.journal, flags.figures, flags.page])
    if (output !== undefined) checkOutput(pathFrom(job.shell, output), flags, pathFrom(job.shell, input));
}

/** @throws CliError as `writeOutput` does */
export function writeReportFiles(job: Job, flags: ReportFileFlags, report: CampaignReport, records: Lines): void {
  const write = (output: string | undefined, octets: () => Uint8Array): void => {
    if (output !== undefined) writeOutput(pathFrom(job.shell, output), octets(), flags);
  };
  write(flags.journal, () => records.octets());
  write(flags.figures, () => utf8(`${JSON.stringify(report)}\n`));
  write(flags.page, () => utf8(reportPage(report)));
  if (flags.csv === undefined) return;
  makeFolder(pathFrom(job.shell, flags.csv));
  for (const { name, text } of reportCsv(report)) write(join(flags.csv, name), () => utf8(text));
}

/** Lines as octets, gathered in pieces: as one text they would be twice as large. */
export class Lines {
  readonly #chunks: Uint8Array[] = [];
  #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= JOURNAL_LINES_PER_CHUNK) this.#flush();
  }

  octets(): Uint8Array {
    this.#flush();
    return Buffer.concat(this.#chunks);
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    this.#chunks.push(utf8(`${this.#lines.join('\n')}\n`));
    this.#lines = [];
  }
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
