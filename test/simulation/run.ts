/**
 * `npm run simulate`: every goal in turn, on two processes; one line of JSON a goal on stdout, everything else on stderr.
 * Exit code 0: nothing failed; 1: something did; 2: asked for what there is not.
 */
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { budgetSeconds, type Goal } from './goal.js';
import type { GoalModule } from './goals/index.js';
import { runCrew, type CrewResult, type Failure } from './runner/crew.js';
import { floorOf, judge } from './runner/judge.js';
import { readTable, readWish, replayCommand, USAGE, UsageError, type Wish } from './runner/wish.js';
import { loadTable, type TableName } from './runner/tables.js';
import { said, work } from './runner/worker.js';
import { WORKER_FLAG, type Task } from './runner/words.js';

const WORKERS = 2;
const PROGRESS_EVERY_MS = 10_000;
const SELF = fileURLToPath(import.meta.url);

export interface GoalLine {
  readonly goal: string;
  readonly tier: string;
  readonly worlds: number;
  readonly distinct: number;
  readonly struck: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly failures: number;
  readonly seedRange: readonly [number, number];
  readonly commit: string;
  /** With `--json`. */
  readonly cases?: readonly { readonly case: string | null; readonly detail: string; readonly replay: string | null }[];
}

async function main(args: readonly string[]): Promise<number> {
  const table = readTable(args);
  const goals = await loadTable(table);
  const wish = readWish(args, Object.keys(goals));
  const commit = commitName();
  const seed = wish.seed ?? (Number.parseInt(commit.slice(0, 8), 16) >>> 0 || 1);
  let isGood = true;
  for (const id of wish.goals) {
    const { line, failures } = await runGoal(id, goals[id]!, wish, table, seed, commit);
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (!wish.json) complain(id, failures, wish, seed);
    if (failures.length > 0) isGood = false;
  }
  return isGood ? 0 : 1;
}

async function runGoal(
  id: string,
  load: GoalModule,
  wish: Wish,
  table: TableName,
  seed: number,
  commit: string,
): Promise<{ readonly line: GoalLine; readonly failures: readonly Failure[] }> {
  const { tier, replay } = wish;
  const loaded = await loadGoal(id, load);
  const task: Omit<Task, 'worker'> = {
    goal: id,
    table,
    tier,
    seed,
    seconds: wish.secondsPerGoal ?? (typeof loaded === 'string' ? 0 : budgetSeconds(loaded, tier)),
    only: replay,
    stopAtFailure: wish.stopAtFailure,
  };
  const result: CrewResult =
    typeof loaded === 'string'
      ? { count: NOTHING, failures: [{ caseId: undefined, detail: loaded }], seconds: 0 }
      : await runCrew(SELF, task, replay !== undefined || loaded.once === true ? 1 : WORKERS, progressOf(id, wish));
  const { count } = result;
  const failures = [...result.failures];
  if (typeof loaded !== 'string' && !(wish.stopAtFailure && failures.length > 0)) {
    if (replay === undefined) failures.push(...judge(loaded, count, floorOf(loaded, wish)));
    else if (count.worlds === 0 && failures.length === 0) {
      failures.push({ caseId: undefined, detail: `this tier of ${id} has no case "${replay}"` });
    }
  }
  const cases = failures.map(({ caseId, detail }) => ({
    case: caseId ?? null,
    detail,
    replay: caseId === undefined ? null : replayCommand(tier, id, seed, caseId),
  }));
  const line: GoalLine = {
    goal: id,
    tier,
    ...count,
    seconds: Math.round(result.seconds * 10) / 10,
    failures: failures.length,
    seedRange: count.seedRange,
    commit,
    ...(wish.json && { cases }),
  };
  return { line, failures };
}

const NOTHING = { worlds: 0, distinct: 0, struck: {}, seedRange: [0, 0] } as const;

/** The goal, or why there is none: one that does not load fails alone. */
async function loadGoal(id: string, load: GoalModule): Promise<Goal | string> {
  try {
    const { goal } = await load();
    return goal.id === id ? goal : `its module is of goal ${goal.id}`;
  } catch (error) {
    return `it does not load: ${said(error)}`;
  }
}

function complain(id: string, failures: readonly Failure[], { tier }: Wish, seed: number): void {
  for (const { caseId, detail } of failures) {
    process.stderr.write(`FAILED ${id}${caseId === undefined ? '' : ` case ${caseId}`}: ${detail}\n`);
    if (caseId !== undefined) process.stderr.write(`  again: ${replayCommand(tier, id, seed, caseId)}\n`);
  }
}

/** On a terminal one line that is written over, elsewhere a line every ten seconds. */
function progressOf(id: string, { json }: Wish): (worlds: number) => void {
  const { isTTY } = process.stderr;
  let toldAtMs = performance.now();
  return (worlds) => {
    const nowMs = performance.now();
    if (json || (!isTTY && nowMs - toldAtMs < PROGRESS_EVERY_MS)) return;
    toldAtMs = nowMs;
    process.stderr.write(isTTY ? `\r${id} ${worlds} worlds ` : `${id} ${worlds} worlds\n`);
  };
}

/** Which code this is: the commit, and a mark where the tree is not as committed. */
function commitName(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .toString()
      .trim();
  try {
    const head = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain') === '' ? head : `${head}+`;
  } catch {
    return 'unknown';
  }
}

if (process.argv[2] === WORKER_FLAG) {
  await work(JSON.parse(process.argv[3]!) as Task);
  // What a goal may have left open (a timer, a handle) must not keep its worker; the channel is drained first.
  if (process.connected) process.disconnect();
} else {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exitCode = 2;
  }
}
