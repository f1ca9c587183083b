/** Two processes for a goal: started, listened to, ended, and whatever became of them put together. */
import { fork, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import type { GoalCount } from '../goal.js';
import { WORKER_FLAG, type Report, type Task } from './words.js';

/** A worker has this much longer than its budget, for the world it is in and the load of its goal. */
const GRACE_SECONDS = 45;
const GRACE_SHARE = 0.5;

export interface Failure {
  /** Undefined where no case failed, but the goal as a whole. */
  readonly caseId: string | undefined;
  readonly detail: string;
}

export interface CrewResult {
  readonly count: GoalCount;
  readonly failures: readonly Failure[];
  readonly seconds: number;
}

const alive = new Set<ChildProcess>();

/** Ends every worker there is, at once. */
function endCrew(): void {
  for (const child of alive) child.kill('SIGKILL');
}

/**
 * Runs a task with `workers` processes. A worker that dies, throws, or does not end is a failure, whatever it had found.
 *
 * @param program - The module that calls `work` when it is started with {@link WORKER_FLAG}.
 * @param onProgress - Worlds of all workers so far.
 */
export async function runCrew(
  program: string,
  task: Omit<Task, 'worker'>,
  workers: number,
  onProgress: (worlds: number) => void,
): Promise<CrewResult> {
  const startedAtMs = performance.now();
  const worlds = Array.from({ length: workers }, () => 0);
  const failures: Failure[] = [];
  const counts = await Promise.all(
    worlds.map((_, index) =>
      runWorker(program, { ...task, worker: { index, count: workers } }, (report) => {
        if (report.kind === 'failed') failures.push(report);
        if (report.kind === 'threw') failures.push({ caseId: undefined, detail: `the goal threw ${report.detail}` });
        if (report.kind !== 'progress') return;
        worlds[index] = report.worlds;
        onProgress(worlds.reduce((sum, each) => sum + each, 0));
      }),
    ),
  );
  return {
    count: merged(counts.filter((count): count is GoalCount => typeof count !== 'string')),
    failures: [
      ...failures,
      ...counts.filter((count) => typeof count === 'string').map((detail) => ({ caseId: undefined, detail })),
    ],
    seconds: (performance.now() - startedAtMs) / 1000,
  };
}

/** What the worker counted, or why it did not get that far. */
function runWorker(program: string, task: Task, onReport: (report: Report) => void): Promise<GoalCount | string> {
  return new Promise((resolve) => {
    // Of the worker's own output only errors matter: standard output is for the lines of the runner.
    const child = fork(program, [WORKER_FLAG, JSON.stringify(task)], {
      stdio: ['ignore', 2, 2, 'ipc'],
      // Worlds are short-lived: with more room for young objects the collector costs a sixth less.
      execArgv: [...process.execArgv, '--max-semi-space-size=64'],
    });
    alive.add(child);
    const limitMs = (task.seconds * (1 + GRACE_SHARE) + GRACE_SECONDS) * 1000;
    let late = false;
    const alarm = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    let count: GoalCount | undefined;
    let threw = false;
    child.on('message', (report: Report) => {
      if (report.kind === 'done') count = report.count;
      if (report.kind === 'threw') threw = true;
      onReport(report);
    });
    const finish = (how: string): void => {
      clearTimeout(alarm);
      alive.delete(child);
      if (count !== undefined) resolve(count);
      else if (threw) resolve(EMPTY_COUNT);
      else resolve(late ? `worker ${task.worker.index} did not end within ${Math.round(limitMs / 1000)} s` : how);
    };
    child.on('error', (error) => finish(`worker ${task.worker.index} could not be started: ${error.message}`));
    child.on('exit', (code, signal) =>
      finish(`worker ${task.worker.index} died before its end: ${signal ?? `exit code ${code}`}`),
    );
  });
}

const EMPTY_COUNT: GoalCount = { worlds: 0, distinct: 0, struck: {}, seedRange: [0, 0] };

/** Counts of disjoint shares, as one. */
export function merged(counts: readonly GoalCount[]): GoalCount {
  const struck: Record<string, number> = {};
  for (const count of counts) {
    for (const [name, value] of Object.entries(count.struck)) struck[name] = (struck[name] ?? 0) + value;
  }
  const drawn = counts.filter(({ seedRange: [first, last] }) => first !== 0 || last !== 0);
  return {
    worlds: counts.reduce((sum, { worlds }) => sum + worlds, 0),
    distinct: counts.reduce((sum, { distinct }) => sum + distinct, 0),
    struck: Object.fromEntries(Object.entries(struck).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    seedRange:
      drawn.length === 0
        ? [0, 0]
        : [
            Math.min(...drawn.map(({ seedRange }) => seedRange[0])),
            Math.max(...drawn.map(({ seedRange }) => seedRange[1])),
          ],
  };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    endCrew();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  });
}
