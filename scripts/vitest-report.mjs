// What a report of vitest (--reporter=json) says: how many passed and failed, and of what failed the name and the cause.
//
//   node scripts/vitest-report.mjs [FILE]     what failed in the run that wrote FILE (.cache/vitest.json); exit 1 if anything did
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

/** Of a message, what names its cause: fast-check gives seed and counterexample in its first lines, an assertion its values in a few more. */
const LINES_MAX = 8;
const COLUMNS_MAX = 300;

const shorten = (message) =>
  stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
    .slice(0, LINES_MAX)
    .map((line) => `    ${line.length > COLUMNS_MAX ? `${line.slice(0, COLUMNS_MAX)}…` : line}`);

const describeFile = ({ name, status, message, assertionResults }) => {
  const file = relative(process.cwd(), name);
  if (status === 'failed' && assertionResults.length === 0) {
    return [`  ${file} did not load`, ...shorten(message)];
  }
  return assertionResults
    .filter((test) => test.status !== 'passed')
    .flatMap((test) => [`  ${file} | ${test.fullName}: ${test.status}`, ...shorten(test.failureMessages.join('\n'))]);
};

/**
 * Counts and names. A skipped test and a file that did not load count as failed: nothing is left out silently.
 *
 * @param {string} file the report
 * @param {string | undefined} reason why the command failed, if it did
 * @returns {{ passed: number, failed: number, why: string, details: string[] }}
 */
export function readVitestReport(file, reason) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, why: reason ?? 'vitest wrote no report', details: [] };
  }
  const notLoaded = report.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
  );
  const notRun = report.numTotalTests - report.numPassedTests - report.numFailedTests;
  const failed = report.numFailedTests + notLoaded.length + notRun;
  const why = [
    report.numFailedTests > 0 && `${report.numFailedTests} failed`,
    notLoaded.length > 0 && `${notLoaded.length} files did not load`,
    notRun > 0 && `${notRun} skipped`,
  ].filter(Boolean);
  // An error outside any test, a leak for instance, fails the run without failing a test.
  if (failed === 0 && reason !== undefined)
    return { passed: report.numPassedTests, failed: 1, why: reason, details: [] };
  return {
    passed: report.numPassedTests,
    failed,
    why: why.join(', '),
    details: report.testResults.flatMap(describeFile),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { passed, failed, why, details } = readVitestReport(process.argv[2] ?? '.cache/vitest.json');
  for (const line of details) console.log(line);
  if (details.length === 0 && failed > 0) console.log(why);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
