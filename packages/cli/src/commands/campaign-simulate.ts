import { lineOfRecord, reportCsv, reportPage, type CampaignReport, type WhatIf } from '@smets1/campaign';
import { join } from 'node:path';
import { readCampaign } from '../campaign/campaign-file.js';
import { figuresText } from '../campaign/figures.js';
import { play } from '../campaign/play.js';
import { EXIT } from '../exit-codes.js';
import { checkOutput, makeFolder, writeOutput } from '../files/output-file.js';
import { JOURNAL_LINES_PER_CHUNK } from '../limits.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface CampaignSimulateFlags extends CommonFlags {
  readonly whatIf?: readonly WhatIf[];
  readonly seed: number;
  readonly journal?: string;
  readonly figures?: string;
  readonly page?: string;
  readonly csv?: string;
  readonly force: boolean;
}

/** A campaign from its first day to its last on the virtual clock, against meters that the input models. */
export function campaignSimulate(job: Job, flags: CampaignSimulateFlags, path: string): Finish {
  const { seed, force } = flags;
  const outputs = { journal: flags.journal, figures: flags.figures, page: flags.page };
  for (const output of Object.values(outputs))
    if (output !== undefined) checkOutput(pathFrom(job.shell, output), { force }, pathFrom(job.shell, path));
  const file = readCampaign(job, path, flags.whatIf);
  const journal = new Lines();
  const { report, ended } = play(job, file, seed, (record) => {
    if (outputs.journal !== undefined) journal.add(lineOfRecord(record));
  });
  const write = (output: string | undefined, octets: () => Uint8Array): void => {
    if (output !== undefined) writeOutput(pathFrom(job.shell, output), octets(), { force });
  };
  write(outputs.journal, () => journal.octets());
  write(outputs.figures, () => utf8(`${JSON.stringify(report)}\n`));
  write(outputs.page, () => utf8(reportPage(report)));
  if (flags.csv !== undefined) {
    makeFolder(pathFrom(job.shell, flags.csv));
    for (const { name, text } of reportCsv(report)) write(join(flags.csv, name), () => utf8(text));
  }
  const fields = { seed, inputDigest: file.inputDigest, ended, ...headOf(report) };
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

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function settled({ head: { stages } }: CampaignReport): number {
  return stages.done + stages.failed + stages.exempt;
}

function headOf({
  head,
  response,
  fairness,
  failures,
}: CampaignReport): Pick<CampaignReport, 'head' | 'response' | 'fairness' | 'failures'> {
  return { head, response, fairness, failures };
}

/** Lines as octets, gathered in pieces: as one text they would be twice as large. */
class Lines {
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
