/** A table of goals that go wrong, each in its own way. */
import process from 'node:process';
import { isMine, type Goal, type GoalContext, type GoalCount } from '../goal.js';
import type { GoalModule } from '../goals/index.js';

const WORLDS = 40;
const BAD = 23;

function goalOf(id: string, run: Goal['run'], more: Partial<Goal> = {}): GoalModule {
  const goal: Goal = {
    id,
    title: id,
    invariants: ['I1'],
    floors: { Q: WORLDS, M: WORLDS, L: WORLDS },
    floorCi: WORLDS,
    mustStrike: ['worlds-with-luck'],
    run,
    ...more,
  };
  return () => Promise.resolve({ goal });
}

/** Forty worlds, of which one is bad when `isBad` says so. */
function worlds(context: GoalContext, isBad: boolean): GoalCount {
  let lived = 0;
  for (let i = 0; i < WORLDS; i++) {
    if (context.only === undefined ? !isMine(context, i) : context.only !== `world:${i}`) continue;
    lived += 1;
    if (isBad && i === BAD) context.fail(`world:${i}`, `I1 world ${i} of seed ${context.seed} is bad`);
  }
  return {
    worlds: lived,
    distinct: lived,
    struck: { 'worlds-with-luck': lived },
    seedRange: [context.seed, context.seed + WORLDS - 1],
  };
}

export const GOALS: Readonly<Record<string, GoalModule>> = {
  good: goalOf('good', (context) => worlds(context, false)),
  failing: goalOf('failing', (context) => worlds(context, true)),
  short: goalOf('short', (context) => worlds(context, false), { floors: { Q: 41, M: 41, L: 41 }, floorCi: 41 }),
  empty: goalOf('empty', (context) => worlds(context, false), { mustStrike: ['worlds-with-luck', 'cuts'] }),
  throwing: goalOf('throwing', (context) => {
    if (context.worker.index === 1) throw new Error('this goal is broken');
    return worlds(context, false);
  }),
  dying: goalOf('dying', (context) => {
    if (context.worker.index === 1) process.kill(process.pid, 'SIGKILL');
    return worlds(context, false);
  }),
  leaving: goalOf('leaving', (context) => {
    if (context.worker.index === 1) process.exit(0);
    return worlds(context, false);
  }),
  noisy: goalOf('noisy', (context) => {
    console.log('a line that is none of the runner');
    return worlds(context, false);
  }),
  absent: () => Promise.reject(new Error('there is no such module')),
  once: goalOf('once', (context) => ({ ...worlds(context, false), worlds: WORLDS * context.worker.count }), {
    once: true,
  }),
};
