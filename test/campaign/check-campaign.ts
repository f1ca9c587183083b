/**
 * Goal: a campaign keeps every rule of `packages/campaign/docs/RULES.md`, and a journal that breaks one is found out.
 * Method: both estates are simulated in processes of their own, twice each, and judged by the checker, which shares no code with them; then each
 * mistake of `violations.ts` is made in the journal of the proving ground.
 * Ends with 1 when anything is not so. `--json` prints all figures as one object.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { checkJournalFile } from './check-journal.js';
import type { Verdict } from './checker/checker.js';
import type { Made } from './make-journal.js';
import { PROVING_DAYS, provingGround } from './proving-ground.js';
import { findAll, trueJournal, verdictOnTrue } from './seeded-violations.js';

const ROOT = join(import.meta.dirname, '../../..');
const SEED = 1;
const ESTATE_MS_MAX = 120_000;
const ESTATE_MIB_MAX = 4096;
const PLAIN_DAYS = 56;

const json = process.argv.includes('--json');
const say = (line: string): void => {
  if (!json) console.log(line);
};
let passed = 0;
let failed = 0;
function expect(what: string, isSo: boolean, figures: string): void {
  if (isSo) passed += 1;
  else failed += 1;
  say(`  ${isSo ? 'ok  ' : 'FAIL'} ${what}: ${figures}`);
}

const directory = mkdtempSync(join(tmpdir(), 'check-campaign-'));
const estates: Record<string, unknown>[] = [];
try {
  for (const estate of ['estate-plain', 'estate-670k']) estates.push(await checkEstate(estate));
} finally {
  rmSync(directory, { recursive: true });
}

async function checkEstate(estate: string): Promise<Record<string, unknown>> {
  say(`${estate}, seed ${SEED}`);
  const input = join(ROOT, `examples/${estate}.json`);
  const journal = join(directory, `${estate}.jsonl`);
  const [made, again] = [make(input, journal), make(input, join(directory, 'again.jsonl'))];
  const verdict = await checkJournalFile(input, journal);
  for (const { rule, record, message } of verdict.faults) say(`       ${rule} record ${record}: ${message}`);
  const { endDay } = verdict;
  expect('rules', verdict.faultCount === 0, `${verdict.records} records, ${verdict.faultCount} faults`);
  expect('every meter has its end', verdict.isEnded, JSON.stringify(verdict.metersByStage));
  expect(
    'end day',
    made.lastStartDay === endDay?.lastStartDay,
    `${made.lastStartDay}, the checker says ${endDay?.lastStartDay}`,
  );
  expect(
    'large starts',
    made.largeStarts === verdict.starts.large,
    `${made.largeStarts}, the checker counts ${verdict.starts.large}`,
  );
  expect(
    'late answers',
    made.late === verdict.lateOutcomes,
    `${made.late}, the checker counts ${verdict.lateOutcomes}`,
  );
  if (estate === 'estate-plain')
    expect(
      'days at full capacity',
      isPlainEnd(verdict),
      `${endDay?.days} days, ${endDay?.daysAtFullCapacity} at least, ${PLAIN_DAYS} by the plan`,
    );
  else say(`       ${endDay?.days} days; the same starts at full capacity: ${endDay?.daysAtFullCapacity}`);
  expect(
    'same journal in another process',
    made.journalDigest === again.journalDigest,
    made.journalDigest.slice(0, 16),
  );
  expect(
    'time',
    made.elapsedMs < ESTATE_MS_MAX,
    `${made.elapsedMs} ms, ${(made.elapsedMs / ESTATE_MS_MAX).toFixed(3)} of what it may take`,
  );
  expect(
    'memory',
    made.peakMiB < ESTATE_MIB_MAX,
    `${made.peakMiB} MiB, ${(made.peakMiB / ESTATE_MIB_MAX).toFixed(3)} of what it may take`,
  );
  return { estate, seed: SEED, made, faultCount: verdict.faultCount, endDay, metersByStage: verdict.metersByStage };
}

function make(input: string, journal: string): Made {
  const program = join(import.meta.dirname, 'make-journal.js');
  return JSON.parse(
    execFileSync(process.execPath, [program, input, String(SEED), journal], { encoding: 'utf8' }),
  ) as Made;
}

function isPlainEnd({ endDay }: Verdict): boolean {
  return endDay?.days === PLAIN_DAYS && endDay.daysAtFullCapacity === PLAIN_DAYS;
}

say('proving ground');
for (const day of PROVING_DAYS) {
  const verdict = verdictOnTrue(trueJournal(provingGround(day), SEED));
  for (const { rule, record, message } of verdict.faults) say(`       ${rule} record ${record}: ${message}`);
  expect(
    `from ${day} on`,
    verdict.faultCount === 0 && verdict.isEnded,
    `${verdict.records} records, ${verdict.faultCount} faults`,
  );
}

say('violations');
const found = findAll(trueJournal(provingGround(PROVING_DAYS[0]!), SEED));
for (const { violation, fault, rules } of found)
  expect(
    `${violation.rule} ${violation.what}`,
    fault !== undefined,
    fault === undefined ? `not found; broken are ${rules.join(', ')}` : `record ${fault.record} ${fault.message}`,
  );
const foundCount = found.filter(({ fault }) => fault !== undefined).length;
say(
  `${foundCount} of ${found.length} violations found, ${new Set(found.map(({ violation }) => violation.rule)).size} rules`,
);
if (json)
  console.log(
    JSON.stringify({
      estates,
      violations: found.map(({ violation: { rule, what }, fault, rules }) => ({ rule, what, fault, rules })),
      passed,
      failed,
    }),
  );
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
