/**
 * Makes a journal with the campaign's own simulation: `make-journal INPUT SEED JOURNAL`. A process of its own, so that what it needs can be
 * measured, and nothing of it is near the checker. Prints one line of JSON, a {@link Made}.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import {
  campaignInputOfText,
  compileCampaign,
  createReporter,
  lineOfRecord,
  simulate,
  stopRule,
} from '@smets1/campaign';
import { parseJson } from '@smets1/http-guard';
import * as products from '@smets1/products';

export interface Made {
  readonly records: number;
  readonly isEnded: boolean;
  readonly inputDigest: string;
  /** SHA-256 of the journal's octets. */
  readonly journalDigest: string;
  /** What the campaign itself says of the journal. */
  readonly lastStartDay: string | undefined;
  readonly largeStarts: number;
  readonly late: number;
  readonly elapsedMs: number;
  readonly peakMiB: number;
}

/** Octets that are written at once. */
const CHUNK_CHARACTERS = 1 << 20;

/** Gives the journal to `write` in pieces. @throws Error when it is no input. */
export function makeJournal(
  inputText: string,
  seed: number,
  write: (text: string) => void,
): Omit<Made, 'elapsedMs' | 'peakMiB'> {
  const input = campaignInputOfText(inputText, parseJson, products);
  if (!input.ok) throw new Error(`${input.fault.code}: ${input.fault.message}`);
  const campaign = compileCampaign(input.value, { products, stopRule: stopRule(input.value.policy.stopRule) });
  const inputDigest = createHash('sha256').update(inputText).digest('hex');
  const reporter = createReporter(campaign);
  const hash = createHash('sha256');
  let lines = '';
  const flush = (): void => {
    hash.update(lines);
    write(lines);
    lines = '';
  };
  const { ended, records } = simulate({
    campaign,
    seed,
    inputDigest,
    onRecord: (record) => {
      reporter.add(record);
      lines += `${lineOfRecord(record)}\n`;
      if (lines.length > CHUNK_CHARACTERS) flush();
    },
  });
  flush();
  const { head, response } = reporter.report();
  return {
    records,
    isEnded: ended,
    inputDigest,
    journalDigest: hash.digest('hex'),
    lastStartDay: head.lastStartDay,
    largeStarts: head.largeStarts,
    late: response.late,
  };
}

if (import.meta.filename === process.argv[1]) {
  const [, , inputFile, seed, journalFile] = process.argv;
  const startedAt = process.hrtime.bigint();
  const file = openSync(journalFile!, 'w');
  const made = makeJournal(readFileSync(inputFile!, 'utf8'), Number(seed), (text) => writeSync(file, text));
  closeSync(file);
  const elapsedMs = Number((process.hrtime.bigint() - startedAt) / 1_000_000n);
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ ...made, elapsedMs, peakMiB } satisfies Made));
}
