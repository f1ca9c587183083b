/** The side of the runner that lives the worlds: one goal, one share of its cases, then the end. */
import process from 'node:process';
import type { GoalContext } from '../goal.js';
import { loadTable } from './tables.js';
import type { Report, Task } from './words.js';

const FAILURES_MAX = 20;
const PROGRESS_EVERY_MS = 1000;

/** Does a task and reports on the channel to its parent. */
export async function work(task: Task): Promise<void> {
  const startedAtMs = performance.now();
  const budgetMs = task.seconds * 1000;
  let failures = 0;
  let toldAtMs = performance.now();
  const context: GoalContext = {
    tier: task.tier,
    seed: task.seed,
    worker: task.worker,
    ...(task.only !== undefined && { only: task.only }),
    timeLeft: (share = 1) =>
      failures < (task.stopAtFailure ? 1 : FAILURES_MAX) && performance.now() < startedAtMs + share * budgetMs,
    fail(caseId, detail) {
      failures += 1;
      // Beyond the most nothing is learnt from one more; that there were more is seen from the count.
      if (failures <= FAILURES_MAX) tell({ kind: 'failed', caseId, detail });
    },
    progress(worlds) {
      const nowMs = performance.now();
      if (nowMs - toldAtMs < PROGRESS_EVERY_MS) return;
      toldAtMs = nowMs;
      tell({ kind: 'progress', worlds });
    },
  };
  try {
    const table = await loadTable(task.table);
    const { goal } = await table[task.goal]!();
    tell({ kind: 'done', count: await goal.run(context) });
  } catch (error) {
    tell({ kind: 'threw', detail: said(error) });
  }
}

/** The error, what caused it, and where it came from. */
export function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const where =
    error.stack
      ?.split('\n')
      .find((line) => /^\s+at /.test(line))
      ?.trim() ?? 'nowhere known';
  const cause = error.cause === undefined ? '' : `; caused by ${said(error.cause)}`;
  return `${error.name}: ${error.message} (${where})${cause}`;
}

function tell(report: Report): void {
  process.send?.(report);
}
