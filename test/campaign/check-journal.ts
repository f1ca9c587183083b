/**
 * The checker as a program: `check-journal INPUT JOURNAL [--run] [--prefix] [--json]`. Ends with 0 when no rule is broken. `--run`: the journal of a
 * real campaign, whose clock may be set back; `--prefix`: it may stop before its campaign has ended.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { CampaignChecker, type Verdict } from './checker/checker.js';

export async function checkJournalFile(
  inputFile: string,
  journalFile: string,
  { isRun = false, isPrefix = false }: { readonly isRun?: boolean; readonly isPrefix?: boolean } = {},
): Promise<Verdict> {
  const input = readFileSync(inputFile, 'utf8');
  const inputDigest = createHash('sha256').update(input).digest('hex');
  const checker = new CampaignChecker(input, { isSimulated: !isRun, inputDigest });
  for await (const line of createInterface({ input: createReadStream(journalFile), crlfDelay: Infinity }))
    checker.line(line);
  return checker.end(!isPrefix);
}

if (import.meta.filename === process.argv[1]) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { run: { type: 'boolean' }, prefix: { type: 'boolean' }, json: { type: 'boolean' } },
  });
  const [inputFile, journalFile] = positionals;
  if (inputFile === undefined || journalFile === undefined) {
    console.error('check-journal INPUT JOURNAL [--run] [--prefix] [--json]');
    process.exit(2);
  }
  const verdict = await checkJournalFile(inputFile, journalFile, {
    isRun: values.run ?? false,
    isPrefix: values.prefix ?? false,
  });
  const { faults, faultCount, countByRule, ...figures } = verdict;
  if (values.json === true)
    console.log(JSON.stringify({ ...figures, faultCount, faults, countByRule: Object.fromEntries(countByRule) }));
  else {
    for (const { rule, record, message } of faults) console.log(`${rule} record ${record}: ${message}`);
    if (faultCount > faults.length) console.log(`… and ${faultCount - faults.length} more`);
    console.log(JSON.stringify(figures));
    console.log(`${verdict.records} records, ${faultCount} faults`);
  }
  process.exitCode = faultCount === 0 ? 0 : 1;
}
