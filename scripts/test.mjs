// The test command: `npm test`. Sets up, builds, runs every suite, and prints `N passed, N failed` as its last line.
//
// A new suite is one more line in `steps`:
//   prepare  must succeed before anything else makes sense; counts only when it fails
//   vitest   counts as many as vitest counts
//   check    a command that ends 0 or not; counts as one
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { constants } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { readVitestReport } from './vitest-report.mjs';

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

/** What a failed step said last is said again at the end: in a long log it is many pages up. */
const LAST_LINES = 12;
const LAST_OCTETS = 4096;

/**
 * Runs one command to its end. Resolves to the reason it failed, or undefined, and to the last lines it printed. On a
 * terminal it prints there itself, with colour and progress, and the lines are not known.
 */
function run({ command: [program, ...args], minutesMax }) {
  return new Promise((resolve) => {
    const output = process.stdout.isTTY ? 'inherit' : 'pipe';
    // A process group of its own: a step that hangs is ended together with whatever it started.
    const child = spawn(program, args, { stdio: ['ignore', output, output], detached: true });
    let last = '';
    const pass = (from, to) => {
      from?.setEncoding('utf8').on('data', (text) => {
        to.write(text);
        last = (last + text).slice(-LAST_OCTETS);
      });
    };
    pass(child.stdout, process.stdout);
    pass(child.stderr, process.stderr);
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
    const finish = (why) => {
      clearTimeout(alarm);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      // What outlived the step may still hold them open.
      child.stdout?.destroy();
      child.stderr?.destroy();
      const lines = last.split('\n').filter((line) => line.trim() !== '');
      resolve({ why, last: lines.slice(-LAST_LINES).map((line) => `  ${line}`) });
    };
    process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
    child.on('error', (error) => finish(error.message));
    child.on('close', (code, signal) => finish(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`));
  });
}

/** Counts a step, and says of a failed one why and what names the cause. */
async function count(step) {
  if (step.kind === 'vitest') {
    rmSync(REPORT, { force: true });
    mkdirSync(dirname(REPORT), { recursive: true });
    return readVitestReport(REPORT, (await run(step)).why);
  }
  const { why, last } = await run(step);
  if (why !== undefined) return { passed: 0, failed: 1, why, details: last };
  return { passed: step.kind === 'check' ? 1 : 0, failed: 0, why: '', details: [] };
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
  if (result.failed > 0) complaints.push(`FAILED ${step.name}: ${result.why}`, ...result.details);
  if (result.failed > 0 && step.kind === 'prepare') break;
}
console.log('');
for (const line of complaints) console.log(line);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
