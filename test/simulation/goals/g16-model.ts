/**
 * G16: transfer, activation and trial as a model in Promela, searched whole; every guard taken out gives a counterexample; and the shipped
 * meter makes the model's moves. A case is the name of a search or of a guard, or `walk-` and its number.
 */
import type { Goal, GoalContext, GoalCount, Tier } from '../goal.js';
import { Tally } from '../goal.js';
import { Replayer } from '../model/replay.js';
import { GUARDS, SEARCHES, WALK_BLOCKS, walkSize } from '../model/searches.js';
import { missingTool, search, walk, type Search } from '../model/spin.js';

const WALKS: Readonly<Record<Tier, number>> = { Q: 300, M: 1_000, L: 10_000 };
const SEARCH_MS_MAX = 400_000;

export const goal: Goal = {
  id: 'G16',
  title: 'transfer, activation and trial as a model, searched whole and walked by the code',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I12'],
  floors: { Q: 150, M: 1_000, L: 5_000 },
  floorCi: 30,
  mustStrike: ['search', 'states', 'walk', 'ACTIVATE', 'well', 'cut store'],
  once: true,
  run,
};

function run(context: GoalContext): GoalCount {
  const tally = new Tally();
  const missing = missingTool();
  if (missing !== undefined) context.fail('tools', `${missing} is not installed; scripts/setup.sh ${missing}`);
  else {
    // In turns, so that a budget that ends early ends in both.
    const turns = SEARCHES[context.tier];
    const batch = Math.ceil(WALKS[context.tier] / turns.length);
    const replayer = new Replayer(WALK_BLOCKS);
    for (const [turn, what] of turns.entries()) {
      searchOne(context, tally, what);
      for (let i = turn * batch; i < (turn + 1) * batch; i++) walkOne(context, tally, replayer, i);
    }
    guards(context, tally);
  }
  const worlds = (tally.counts['walk'] ?? 0) + (tally.counts['search'] ?? 0) + (tally.counts['guard'] ?? 0);
  return {
    worlds,
    distinct: worlds,
    struck: tally.counts,
    seedRange: [context.seed, context.seed + WALKS[context.tier]],
  };
}

export function nameOf(what: Search): string {
  const { property, blocks, cuts, doubles, forgeries, rots } = what;
  return `${property}-${blocks}b-${cuts}c-${doubles}d-${forgeries}f-${rots}r`;
}

function searchOne(context: GoalContext, tally: Tally, what: Search): void {
  const name = nameOf(what);
  if (!context.timeLeft() || !isWanted(context, name)) return;
  const { states, isComplete, violation, moves } = search(what, SEARCH_MS_MAX);
  tally.add('search');
  tally.add('states', states);
  if (violation !== undefined) context.fail(name, `${violation}: ${moves.join('; ')}`);
  else if (!isComplete) context.fail(name, `the search ended after ${states} states, before it had seen all`);
}

function walkOne(context: GoalContext, tally: Tally, replayer: Replayer, index: number): void {
  if (!context.timeLeft() || !isWanted(context, `walk-${index}`)) return;
  const seed = (context.seed % 1_000_000_000) + index;
  const { events, disagreement, struck } = replayer.replay(walk(walkSize(seed), seed));
  tally.add('walk');
  tally.add('events', events);
  for (const [name, count] of Object.entries(struck)) tally.add(name, count);
  if (disagreement !== undefined) context.fail(`walk-${index}`, disagreement);
  context.progress(index);
}

/** Not in tier Q: the compiler takes longer over them than the search. */
function guards(context: GoalContext, tally: Tally): void {
  if (context.tier === 'Q' && context.only === undefined) return;
  for (const { name, what, search: smallest } of GUARDS) {
    if (!context.timeLeft() || !isWanted(context, name)) continue;
    const { violation } = search(smallest, SEARCH_MS_MAX);
    tally.add('guard');
    if (violation === undefined) context.fail(name, `taken out, nothing is violated; it stands for: ${what}`);
  }
}

function isWanted({ only }: GoalContext, name: string): boolean {
  return only === undefined || only === name;
}
