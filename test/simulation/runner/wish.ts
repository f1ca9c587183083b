/** The command line of the runner, read. */
import { parseArgs } from 'node:util';
import { TIERS, type Tier } from '../goal.js';
import { isTableName, type TableName } from './tables.js';

export const USAGE = `usage: npm run simulate -- [--tier Q|M|L] [--goal Gnn]... [--seed S] [--total SECONDS] [--replay CASE] [--stop-at-failure] [--json]

  --tier             budget of a goal on two processes: Q 60 s, M 600 s, L 3600 s, more where the goal says so;
                     M when absent and a goal is named
  --goal             only this one; may be given more than once, or as a list with commas
  --seed             first seed, a whole number below 2^32; from the commit when absent
  --total            seconds for all goals together, divided evenly; what a goal owes shrinks with it
  --replay           lives one failing case of one goal again
  --stop-at-failure  a goal ends with its first failing case
  --json             failing cases and their replays as part of the lines on stdout, and no words on stderr`;

/** Somebody asked for what there is not. Exit code 2. */
export class UsageError extends Error {}

export interface Wish {
  readonly tier: Tier;
  readonly goals: readonly string[];
  readonly seed: number | undefined;
  /** Seconds that each goal has, of a total; undefined where each has its budget. */
  readonly secondsPerGoal: number | undefined;
  /** Undefined where the whole budget of the tier is there. */
  readonly totalSeconds: number | undefined;
  readonly replay: string | undefined;
  readonly stopAtFailure: boolean;
  readonly json: boolean;
  /** Another table of goals than the product's; for tests of the runner. */
  readonly table: TableName;
}

/** @throws UsageError */
export function readWish(args: readonly string[], known: readonly string[]): Wish {
  const values = parse(args);
  const { replay } = values;
  const asked = (values.goal ?? []).flatMap((list) => list.split(',')).filter((id) => id !== '');
  // All goals in M take hours, and a case is another one in each tier: both are to be meant.
  const tier = values.tier ?? (asked.length > 0 && replay === undefined ? 'M' : undefined);
  if (tier === undefined) throw new UsageError('which tier? --tier Q, M or L');
  if (!isTier(tier)) throw new UsageError(`there is no tier "${tier}"; there are ${TIERS.join(', ')}`);
  for (const id of asked) {
    if (!known.includes(id)) throw new UsageError(`there is no goal "${id}"; there are ${known.join(', ')}`);
  }
  const goals = asked.length === 0 ? known : known.filter((id) => asked.includes(id));
  if (replay !== undefined && goals.length !== 1)
    throw new UsageError('--replay needs the one --goal that the case is of');
  const totalSeconds = number(values.total, 'total', 1, 1_000_000);
  return {
    tier,
    goals,
    seed: number(values.seed, 'seed', 0, 2 ** 32 - 1),
    totalSeconds,
    secondsPerGoal: totalSeconds === undefined ? undefined : totalSeconds / goals.length,
    replay,
    stopAtFailure: values['stop-at-failure'] === true,
    json: values.json === true,
    table: tableNamed(values.goals),
  };
}

/** The table of goals alone: it must be known before the goals can be. @throws UsageError */
export function readTable(args: readonly string[]): TableName {
  return tableNamed(parse(args).goals);
}

function tableNamed(name: string | undefined): TableName {
  if (name === undefined) return 'product';
  if (isTableName(name)) return name;
  throw new UsageError(`there is no table of goals "${name}"`);
}

/** How to live a failing case again. */
export function replayCommand(tier: Tier, goal: string, seed: number, caseId: string): string {
  return `npm run simulate -- --tier ${tier} --goal ${goal} --seed ${seed} --replay ${caseId}`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        tier: { type: 'string' },
        goal: { type: 'string', multiple: true },
        seed: { type: 'string' },
        total: { type: 'string' },
        replay: { type: 'string' },
        'stop-at-failure': { type: 'boolean' },
        json: { type: 'boolean' },
        goals: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isTier(text: string): text is Tier {
  return (TIERS as readonly string[]).includes(text);
}

function number(text: string | undefined, name: string, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most && (name === 'total' || Number.isInteger(value))) return value;
  throw new UsageError(`--${name} ${text}: give a number from ${least} to ${most}`);
}
