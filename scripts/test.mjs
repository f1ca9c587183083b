// The test command: `npm test`. Sets up, builds, runs every suite, and prints `N passed, N failed` as its last line.
//
// A new suite is one more line in `steps`:
//   prepare  must succeed before anything else makes sense; counts only when it fails
//   vitest   counts as many as vitest counts
//   check    a command that ends 0 or not; counts as one
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { constants } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const REPORT = '.cache/vitest.json';

const steps = [
  { kind: 'prepare', name: 'system packages', command: ['bash', 'scripts/setup.sh'], minutesMax: 5 },
  { kind: 'prepare', name: 'build', command: ['npm', 'run', '--silent', 'build'], minutesMax: 5 },
  { kind: 'vitest', name: 'vitest', command: ['npm', 'run', '--silent', 'unit:json'], minutesMax: 12 },
  { kind: 'check', name: 'browser', command: ['npm', 'run', '--silent', 'check:browser'], minutesMax: 2 },
  {
    kind: 'check',
    name: 'peers in Python',
    command: ['/usr/bin/python3', '-m', 'unittest', 'discover', '-s', 'test/interop/python'],
    minutesMax: 3,
  },
  {
    kind: 'check',
    name: 'simulation',
    command: ['npm', 'run', '--silent', 'simulate', '--', '--tier', 'Q', '--total', '240'],
    minutesMax: 10,
  },
  { kind: 'check', name: 'campaign', command: ['npm', 'run', '--silent', 'check:campaign'], minutesMax: 5 },
  {
    kind: 'check',
    name: 'threats',
    // Every test that it names has just been run.
    command: ['npm', 'run', '--silent', 'check:threats', '--', '--report', REPORT],
    minutesMax: 5,
  },
  { kind: 'check', name: 'corruption', command: ['npm', 'run', '--silent', 'check:corruption'], minutesMax: 5 },
  {
    kind: 'check',
    name: 'killed campaigns',
    command: ['npm', 'run', '--silent', 'check:campaign-kills', '--', '--kills', '20'],
    minutesMax: 5,
  },
  {
    kind: 'check',
    name: 'killed workers',
    command: ['npm', 'run', '--silent', 'check:jetstream-kills', '--', '--kills', '10'],
    minutesMax: 5,
  },
];

/** Runs one command to its end. Resolves to the reason it failed, or undefined. */
function run({ command: [program, ...args], minutesMax }) {
  return new Promise((resolve) => {
    // A process group of its own: a step that hangs is ended together with whatever it started.
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const endGroup = (signal) => {
      try {
        process.kill(-Number(child.pid), signal);
      } catch {
        // Already gone.
      }
    };
    const alarm = setTimeout(() => {
      endGroup('SIGKILL');
      finish(`still running after ${minutesMax} minutes`);
    }, minutesMax * 60_000);
    const interrupted = (signal) => {
      endGroup(signal);
      process.exit(128 + constants.signals[signal]);
    };
    const finish = (reason) => {
      clearTimeout(alarm);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      resolve(reason);
    };
    process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
    child.on('error', (error) => finish(error.message));
    child.on('exit', (code, signal) => finish(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`));
  });
}

/** What vitest counted. A skipped test and a file that did not load count as failed: nothing is left out silently. */
function readReport(reason) {
  let report;
  try {
    report = JSON.parse(readFileSync(REPORT, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, why: reason ?? 'vitest wrote no report' };
  }
  const notLoaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const notRun = report.numTotalTests - report.numPassedTests - report.numFailedTests;
  const failed = report.numFailedTests + notLoaded.length + notRun;
  const why = [
    report.numFailedTests > 0 && `${report.numFailedTests} failed`,
    notLoaded.length > 0 && `${notLoaded.length} files did not load`,
    notRun > 0 && `${notRun} skipped`,
  ].filter(Boolean);
  // An error outside any test, a leak for instance, fails the run without failing a test.
  if (failed === 0 && reason !== undefined) return { passed: report.numPassedTests, failed: 1, why: reason };
  return { passed: report.numPassedTests, failed, why: why.join(', ') };
}

async function count(step) {
  if (step.kind === 'vitest') {
    rmSync(REPORT, { force: true });
    mkdirSync(dirname(REPORT), { recursive: true });
    return readReport(await run(step));
  }
  const why = await run(step);
  const passed = step.kind === 'check' && why === undefined ? 1 : 0;
  return { passed, failed: why === undefined ? 0 : 1, why };
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
let passed = 0;
let failed = 0;
const complaints = [];
for (const step of steps) {
  console.log(`\n── ${step.name}: ${step.command.join(' ')}`);
  const result = await count(step);
  passed += result.passed;
  failed += result.failed;
  if (result.failed > 0) complaints.push(`${step.name}: ${result.why}`);
  if (result.failed > 0 && step.kind === 'prepare') break;
}
console.log('');
for (const complaint of complaints) console.log(`FAILED ${complaint}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
