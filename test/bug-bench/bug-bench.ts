/**
 * `npm run bug-bench [-- --bug N] [--json]`: do the goals bite? With each seeded bug the goal that claims it must fail, in tier Q, at its first
 * failing case; without the bug the same case must pass. Prints a table; exit code 1 when a bug was not caught or is not what it was.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Bug } from './bug.js';
import { BUGS } from './bugs.js';
import { fileOf, ROOT } from './place.js';

const SEED = 20_260;
const RUN_MS_MAX = 180_000;
const RUNNER = join(ROOT, 'test/dist/simulation/run.js');
const REGISTER = new URL('./register.js', import.meta.url).href;

interface Verdict {
  readonly bug: string;
  readonly title: string;
  readonly goal: string;
  readonly caught: boolean;
  /** The case that failed; `-` where the goal failed as a whole. */
  readonly case: string;
  readonly seconds: number;
  /** What went wrong with the bench itself, or undefined. */
  readonly complaint: string | undefined;
}

interface Failing {
  /** Null where the goal failed as a whole. */
  readonly case: string | null;
  readonly detail: string;
}

interface Line {
  readonly failures: number;
  readonly cases?: readonly Failing[];
}

function isFound({ case: caseId, detail }: Failing): boolean {
  return caseId !== null || detail.startsWith('the goal threw');
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { bug: { type: 'string', multiple: true }, json: { type: 'boolean' } },
    strict: true,
  });
  const unknown = values.bug?.find((id) => !BUGS.some((bug) => bug.id === id));
  if (unknown !== undefined) {
    console.error(`there is no bug ${unknown}; there are ${BUGS.map(({ id }) => id).join(', ')}`);
    return 2;
  }
  const wanted = BUGS.filter(({ id }) => values.bug === undefined || values.bug.includes(id));
  const verdicts: Verdict[] = [];
  // One after the other: each goal has both processors for itself.
  for (const bug of wanted) {
    // eslint-disable-next-line no-await-in-loop -- see above
    const verdict = await tried(bug);
    verdicts.push(verdict);
    if (values.json === true) console.log(JSON.stringify(verdict));
    else console.log(rowOf(verdict));
  }
  const missed = verdicts.filter(({ caught, complaint }) => !caught || complaint !== undefined);
  if (values.json !== true) console.log(`${verdicts.length - missed.length} of ${verdicts.length} bugs caught`);
  return missed.length === 0 ? 0 : 1;
}

async function tried(bug: Bug): Promise<Verdict> {
  const { id, title, goal } = bug;
  const folder = mkdtempSync(join(tmpdir(), 'bug-bench-'));
  const mark = join(folder, 'edited');
  const startedAtMs = performance.now();
  const verdict = (caught: boolean, caseId: string, complaint?: string): Verdict => ({
    bug: id,
    title,
    goal,
    caught,
    case: caseId,
    seconds: Math.round((performance.now() - startedAtMs) / 100) / 10,
    complaint,
  });
  try {
    const args = ['--goal', goal, '--stop-at-failure'];
    const sick = await simulated(args, { SMETS1_BENCH_BUG: id, SMETS1_BENCH_MARK: mark });
    const edited = existsSync(mark) ? readFileSync(mark, 'utf8').split('\n') : [];
    const missing = bug.edits.find(({ module }) => !edited.includes(fileOf(module).href));
    if (missing !== undefined) return verdict(false, '-', `${missing.module} was not edited: ${sick.said}`);
    // Only a case that failed counts, or a goal that could not even begin: one that ran out of time or cases says nothing about the bug.
    const first = sick.line?.cases?.find(isFound);
    if (first === undefined) return verdict(false, '-', sick.said);
    const caught = verdict(true, first.case ?? '-');
    const again = first.case === null ? ['--total', '20'] : ['--replay', first.case];
    const healthy = await simulated(['--goal', goal, ...again], {});
    if (healthy.line?.cases?.some(isFound) !== false)
      return { ...caught, complaint: `it fails without the bug as well: ${healthy.said}` };
    return caught;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowOf({ bug, title, goal, caught, case: caseId, seconds, complaint }: Verdict): string {
  const how = caught ? `caught at ${caseId}` : 'NOT CAUGHT';
  const row = `${bug.padEnd(4)} ${goal}  ${`${seconds.toFixed(1)} s`.padStart(8)}  ${how.padEnd(40)}  ${title}`;
  return complaint === undefined ? row : `${row}\n     ${complaint}`;
}

/** One run of the goals, in a process of its own and with children of its own, which have the bug as well. */
function simulated(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ line: Line | undefined; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [RUNNER, '--tier', 'Q', '--seed', String(SEED), '--json', ...args], {
      cwd: ROOT,
      env: { ...process.env, ...environment, NODE_OPTIONS: `--no-warnings --import=${REGISTER}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
    const alarm = setTimeout(() => child.kill('SIGTERM'), RUN_MS_MAX);
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(alarm);
      const text = out.split('\n').find((candidate) => candidate.startsWith('{'));
      const line = text === undefined ? undefined : (JSON.parse(text) as Line);
      resolve({ line, said: text === undefined ? errors.trim() || 'the runner said nothing' : text.slice(0, 600) });
    });
  });
}

process.exitCode = await main();
