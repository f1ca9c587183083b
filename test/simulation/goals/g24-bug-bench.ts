/**
 * G24: do the goals bite? Every seeded bug is switched on, one at a time: the goal that claims it must fail, and its case must pass without the bug.
 * Tier Q tries as many as its budget allows, beginning at another one for each seed.
 *
 * A case is a bug's number; the goals run in processes of their own, in tier Q.
 */
import { BUGS } from '../../bug-bench/bugs.js';
import { isProved, tried, type Verdict } from '../../bug-bench/trial.js';
import type { Goal, GoalContext, GoalCount } from '../goal.js';
import { Tally } from '../goal.js';

export const goal: Goal = {
  id: 'G24',
  title: 'seeded bugs, each caught by the goal that claims it',
  invariants: [],
  floors: { Q: 8, M: BUGS.length, L: BUGS.length },
  floorCi: 2,
  mustStrike: ['caught', 'passesWithout'],
  once: true,
  run,
};

async function run(context: GoalContext): Promise<GoalCount> {
  const tally = new Tally();
  const first = context.seed % BUGS.length;
  const wanted = [...BUGS.slice(first), ...BUGS.slice(0, first)].filter(
    ({ id }) => context.only === undefined || id === context.only,
  );
  let worlds = 0;
  for (const bug of wanted) {
    if (!context.timeLeft()) break;
    // eslint-disable-next-line no-await-in-loop -- one after the other: each goal has both processors for itself
    const verdict = await tried(bug);
    worlds += 1;
    tally.add(bug.goal);
    if (verdict.caught) tally.add('caught');
    if (isProved(verdict)) tally.add('passesWithout');
    else context.fail(bug.id, objectionTo(verdict));
    context.progress(worlds);
  }
  return { worlds, distinct: worlds, struck: tally.counts, seedRange: [context.seed, context.seed] };
}

function objectionTo({ title, goal: claimant, caught, complaint = '' }: Verdict): string {
  return `${claimant} ${caught ? 'caught it, but' : 'did not catch it'} (${title}): ${complaint}`;
}
