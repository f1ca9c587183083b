/**
 * One bug tried: with it the goal that claims it must fail, in tier Q, at its first failing case; without it the same case must pass. Each run is a
 * process of its own, so that the bug is in nothing else.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Bug } from './bug.js';
import { fileOf, ROOT } from './place.js';

const SEED = 20_260;
const RUN_MS_MAX = 180_000;
const RUNNER = join(ROOT, 'test/dist/simulation/run.js');
const REGISTER = new URL('./register.js', import.meta.url).href;

export interface Verdict {
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

/** Caught with the bug, and nothing caught without it. */
export function isProved({ caught, complaint }: Verdict): boolean {
  return caught && complaint === undefined;
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

/** Tries a bug, with both processors to itself; a bug that was not caught is a verdict, not an error. */
export async function tried(bug: Bug): Promise<Verdict> {
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
