/** What a goal of the simulation is, and what the runner lends it. */

/** Budget of a goal on two processes: Q 60 s, M 10 minutes, L 60 minutes. */
export type Tier = 'Q' | 'M' | 'L';
export const TIERS: readonly Tier[] = ['Q', 'M', 'L'];
const TIER_SECONDS: Readonly<Record<Tier, number>> = { Q: 60, M: 600, L: 3600 };

export interface Goal {
  /** `G01`; how the command line, the lines of output and the bug bench call it. */
  readonly id: string;
  readonly title: string;
  /** The oracles, `I1` to `I13`, that each of its worlds is held against. */
  readonly invariants: readonly string[];
  /** Worlds (of both processes together) below which the goal fails rather than shrinks, for the whole budget of the tier. */
  readonly floors: Readonly<Record<Tier, number>>;
  /** The same for the budget of CI (`--tier Q --total 240`); a run with another `--total` scales `floors`. */
  readonly floorCi: number;
  /** Budgets of this goal that are not the tier's, where the count that is wanted takes longer on two cores. */
  readonly seconds?: Readonly<Partial<Record<Tier, number>>>;
  /** Counts of `struck` that must not be 0 in both processes together: a goal that struck nothing has proved nothing. */
  readonly mustStrike: readonly string[];
  /** A goal that only checks something once (a model, a proof) may say so: then only worker 0 runs it. */
  readonly once?: boolean;
  readonly run: (context: GoalContext) => GoalCount | Promise<GoalCount>;
}

/** Seconds that a goal has in a tier, on two processes. */
export function budgetSeconds(goal: Pick<Goal, 'seconds'>, tier: Tier): number {
  return goal.seconds?.[tier] ?? TIER_SECONDS[tier];
}

export interface GoalContext {
  readonly tier: Tier;
  /** First seed of this run. Worlds that are drawn take their luck from it and their case number; exhaustive ones ignore it. */
  readonly seed: number;
  /** This process does the cases with `index % count === worker.index`. */
  readonly worker: { readonly index: number; readonly count: number };
  /** Replay: this case, as it was named to {@link GoalContext.fail}, and no other. Numbers come as text. */
  readonly only?: string;
  /**
   * False once the budget is spent: the goal then ends, with what it has.
   * @param share - Of the budget, 0 to 1: for a goal of several parts that must not starve each other.
   */
  timeLeft(share?: number): boolean;
  /** A violation. `caseId` alone (with tier and seed) must be enough to live this world again; it has no spaces. */
  fail(caseId: string, detail: string): void;
  /** Worlds so far; cheap, call it as often as you like. */
  progress(worlds: number): void;
}

export interface GoalCount {
  /** Complete simulated histories, each held against every oracle of the goal. */
  readonly worlds: number;
  /** How many of them differ; the goal says in what. Counts of two processes are added, so nothing that both could meet may count. */
  readonly distinct: number;
  /** What really happened in them. Added over the processes. */
  readonly struck: Readonly<Record<string, number>>;
  /** First and last seed drawn from; [0, 0] where nothing is drawn. */
  readonly seedRange: readonly [first: number, last: number];
}

/** True when this process is the one that does case `index`; in a replay there is one process and it does all of them. */
export function isMine(context: GoalContext, index: number): boolean {
  return index % context.worker.count === context.worker.index;
}

/** Counters by name, without asking first whether one is there. */
export class Tally {
  readonly counts: Record<string, number> = {};

  add(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }
}
