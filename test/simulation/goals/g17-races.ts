/**
 * G17: no order of events breaks a rule. Every message, spoilt frame and report of the host in every state of the receiver, two in a row
 * exhaustively, longer walks drawn; and the runner of a sender with six things pending at once, in all their 720 orders, at every moment of a run.
 *
 * Cases: `pair:index`, `walk:index`, `race:index` (moment, order, and whether the caller aborts).
 */
import { createWorld } from '@smets1/host';
import type { Goal, GoalContext, GoalCount, Tier } from '../goal.js';
import { isMine, Tally } from '../goal.js';
import { pairAt, PAIRS, walk, type Sequence } from '../races/command-table.js';
import { orderAt, ORDERS, race } from '../races/host-race.js';
import { INPUT_NAMES } from '../races/receiver-inputs.js';
import { MOMENT_NAMES } from '../races/receiver-states.js';

/** Frames of a whole run, and a few more. */
const MOMENTS: Readonly<Record<Tier, number>> = { Q: 8, M: 40, L: 60 };
const WALKS: Readonly<Record<Tier, number>> = { Q: 20_000, M: 450_000, L: 4_000_000 };
const WALK_STEPS_MAX = 12;
const PART = 500;

export const goal: Goal = {
  id: 'G17',
  title: 'every command in every state, and every order of what is pending',
  invariants: ['I1', 'I3', 'I5', 'I6', 'I7', 'I8', 'I9', 'I12'],
  floors: { Q: 20_000, M: 500_000, L: 4_000_000 },
  floorCi: 6_000,
  mustStrike: ['pairs', 'walks', 'races', 'effects', 'updatesAfterwards', 'ends:done', 'ends:interrupted', 'reopened'],
  run,
};

async function run(context: GoalContext): Promise<GoalCount> {
  const tally = new Tally();
  let worlds = 0;
  const races = MOMENTS[context.tier] * ORDERS * 2;
  const [kind, only] = context.only?.split(':') ?? [];
  // In parts of each by turns, so that a short budget still sees something of all; races first, as they are fewest.
  const kinds = [
    {
      name: 'race',
      count: races,
      next: 0,
      live: async (index: number): Promise<void> => liveRace(context, tally, index),
    },
    {
      name: 'pair',
      count: PAIRS,
      next: 0,
      live: async (index: number): Promise<void> => liveWalk(context, tally, 'pair', index, pairAt(index)),
    },
    {
      name: 'walk',
      count: WALKS[context.tier],
      next: 0,
      live: async (index: number): Promise<void> =>
        liveWalk(context, tally, 'walk', index, walkAt(context.seed, index)),
    },
  ].filter(({ name }) => kind === undefined || name === kind);
  while (kinds.some(({ next, count }) => next < count) && context.timeLeft()) {
    for (const part of kinds) {
      const end = Math.min(part.count, part.next + PART);
      // Strides that share no factor with the counts: a part of a table then still meets every state and every input.
      for (; part.next < end && context.timeLeft(); part.next++) {
        const index = only === undefined ? spread(part.next, part.count) : Number(only);
        if (only === undefined && !isMine(context, part.next)) continue;
        await part.live(index);
        worlds += 1;
        if (only !== undefined) part.next = part.count;
      }
      context.progress(worlds);
    }
  }
  // Every case has a sequence, or a moment and an order, of its own; walks of the same length may meet the same one.
  return {
    worlds,
    distinct: worlds,
    struck: tally.counts,
    seedRange: [context.seed, context.seed + WALKS[context.tier]],
  };
}

const STRIDE = 7_919;

function spread(index: number, count: number): number {
  return count % STRIDE === 0 ? index : (index * STRIDE) % count;
}

function walkAt(seed: number, index: number): Sequence {
  const random = createWorld({ seed: seed + index }).random('walk');
  const inputs = Array.from({ length: 3 + random.below(WALK_STEPS_MAX - 2) }, () => random.pick(INPUT_NAMES));
  return { moment: random.pick(MOMENT_NAMES), inputs };
}

function liveWalk(context: GoalContext, tally: Tally, name: 'pair' | 'walk', index: number, sequence: Sequence): void {
  tally.add(`${name}s`);
  try {
    const { broken, effects, updated } = walk(sequence);
    tally.add('effects', effects);
    if (updated) tally.add('updatesAfterwards');
    if (broken !== undefined)
      context.fail(`${name}:${index}`, `${sequence.moment}, then ${sequence.inputs.join(', ')}: ${broken}`);
  } catch (error) {
    context.fail(`${name}:${index}`, `${sequence.moment}, then ${sequence.inputs.join(', ')}: threw ${String(error)}`);
  }
}

async function liveRace(context: GoalContext, tally: Tally, index: number): Promise<void> {
  const order = orderAt(Math.floor(index / 2) % ORDERS);
  const moment = Math.floor(index / (2 * ORDERS));
  tally.add('races');
  try {
    const { report, complaints, linksOpened } = await race(moment, order, index % 2 === 0);
    const result = report?.result;
    tally.add(`ends:${result?.kind === 'failed' ? result.reason : (result?.kind ?? 'never')}`);
    if (linksOpened > 1) tally.add('reopened');
    if (complaints.length > 0) context.fail(`race:${index}`, complaints.join('; '));
  } catch (error) {
    context.fail(`race:${index}`, `threw ${String(error)}`);
  }
}
