/** What coordinator and workers say to each other, over the channel of `fork`. */
import type { GoalCount, Tier } from '../goal.js';
import type { TableName } from './tables.js';

export interface Task {
  readonly goal: string;
  readonly table: TableName;
  readonly tier: Tier;
  readonly seed: number;
  readonly seconds: number;
  readonly worker: { readonly index: number; readonly count: number };
  readonly only: string | undefined;
  readonly stopAtFailure: boolean;
}

export type Report =
  | { readonly kind: 'failed'; readonly caseId: string; readonly detail: string }
  | { readonly kind: 'progress'; readonly worlds: number }
  | { readonly kind: 'done'; readonly count: GoalCount }
  /** The goal itself threw: no case of it, a fault of the goal or of what it drives. */
  | { readonly kind: 'threw'; readonly detail: string };

/** As the first argument of the runner: this process is a worker. */
export const WORKER_FLAG = '--as-worker';
