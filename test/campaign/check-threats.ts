/**
 * Goal: each threat to a campaign has a test that passes. Method: exactly the tests that `threats.ts` names are run. Ends with 1 when a threat of T61 to
 * T66 has none, or a named test does not exist, is skipped, or fails.
 *
 *   --report FILE   look into this report of vitest (JSON) instead of running anything
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { THREATS } from './threats.js';

const ROOT = join(import.meta.dirname, '../../..');
const IDS = ['T61', 'T62', 'T63', 'T64', 'T65', 'T66'];

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const { values } = parseArgs({ options: { report: { type: 'string' } } });
const tests = THREATS.flatMap((threat) => threat.tests);
const report = values.report === undefined ? run() : reportIn(values.report);
let failed = 0;
let passed = 0;
for (const id of IDS) {
  const threat = THREATS.find((one) => one.id === id);
  if (threat === undefined || threat.tests.length === 0) {
    console.log(`FAIL ${id}: no test`);
    failed += 1;
    continue;
  }
  console.log(`${id} ${threat.what}`);
  for (const { file, name } of threat.tests) {
    const named = report.testResults
      .filter((result) => result.name === join(ROOT, file))
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ fullName }) => fullName.startsWith(name));
    const good = named.filter(({ status }) => status === 'passed').length;
    const isGood = good > 0 && good === named.length;
    if (isGood) passed += 1;
    else failed += 1;
    console.log(`  ${isGood ? 'ok  ' : 'FAIL'} ${file} > ${name}: ${good} of ${named.length} tests passed`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function run(): Report {
  const directory = mkdtempSync(join(tmpdir(), 'check-threats-'));
  const file = join(directory, 'report.json');
  try {
    const names = tests.map(({ name }) => `^${name.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`)}`);
    spawnSync(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        'run',
        ...new Set(tests.map((one) => one.file)),
        '-t',
        names.join('|'),
        '--reporter=json',
        `--outputFile=${file}`,
      ],
      { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return reportIn(file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function reportIn(file: string): Report {
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}
