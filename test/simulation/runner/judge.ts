/** Whether what a goal counted is enough. */
import { budgetSeconds, type Goal, type GoalCount } from '../goal.js';
import type { Failure } from './crew.js';
import type { Wish } from './wish.js';

/** The budget of CI, for which floors of their own are recorded. */
const CI_SECONDS = 240;

/** Worlds that a goal owes for what it was given. */
export function floorOf(goal: Goal, wish: Pick<Wish, 'tier' | 'secondsPerGoal' | 'totalSeconds'>): number {
  const { tier, secondsPerGoal, totalSeconds } = wish;
  const whole = goal.floors[tier];
  const budget = budgetSeconds(goal, tier);
  if (secondsPerGoal === undefined || secondsPerGoal >= budget) return whole;
  if (tier === 'Q' && totalSeconds !== undefined && totalSeconds >= CI_SECONDS) return Math.min(goal.floorCi, whole);
  return Math.floor((whole * secondsPerGoal) / budget);
}

/** What is missing, each as a failure of its own. */
export function judge(goal: Goal, count: GoalCount, floor: number): readonly Failure[] {
  const failures: Failure[] = [];
  if (count.worlds < floor) {
    failures.push({ caseId: undefined, detail: `${count.worlds} worlds are fewer than the floor of ${floor}` });
  }
  for (const name of goal.mustStrike) {
    if ((count.struck[name] ?? 0) > 0) continue;
    failures.push({ caseId: undefined, detail: `"${name}" never happened: the goal proved nothing about it` });
  }
  return failures;
}
