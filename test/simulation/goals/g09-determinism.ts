/**
 * G09: a seed is a world. Each is lived here and in another process, and both must agree on what happened and when, on the octets of the flash
 * it left, and on the report. A canary that lets the wall clock in must be caught, or the comparison proves nothing.
 */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import type { Goal, GoalContext, GoalCount } from '../goal.js';
import { isMine, Tally } from '../goal.js';
import { modelBench } from '../transfers/images.js';
import { live, REPEAT_PROGRAM, type Lived, type Repeatable } from '../transfers/repeat.js';

/** Worlds for which the other process is started once. */
const BATCH = 100;
/** One seed in so many of those that G08 draws. */
const SEED_STRIDE = 100;
const FLASH_EVERY = 5;
const CANARIES = 6;
const CANARY = 'canary';

export const goal: Goal = {
  id: 'G09',
  title: 'one seed, one world: in two processes the same trace, flash and report',
  invariants: ['I13'],
  floors: { Q: 500, M: 10_000, L: 100_000 },
  floorCi: 200,
  mustStrike: ['canariesCaught', 'flat', 'flash', 'processes'],
  run,
};

async function run(context: GoalContext): Promise<GoalCount> {
  const tally = new Tally();
  const traces = new Set<string>();
  const { only, worker } = context;
  if (only === undefined || only === CANARY) await runCanaries(context, tally);
  let worlds = 0;
  let index = only === undefined ? worker.index : Number(only);
  const isOver = only === CANARY;
  while (context.timeLeft()) {
    if (isOver) break;
    const indices: number[] = [];
    for (; indices.length < (only === undefined ? BATCH : 1); index++) {
      if (only !== undefined || isMine(context, index)) indices.push(index);
    }
    const batch = indices.map((at) => worldOf(context, at));
    const there = liveElsewhere(batch);
    const here = batch.map((world) => live(bench, world));
    compare(here, await there, (at, detail) => context.fail(String(indices[at]), detail));
    tally.add('processes');
    for (const [at, world] of batch.entries()) {
      tally.add(world.meterKind);
      traces.add(here[at]!.trace);
    }
    worlds += batch.length;
    context.progress(worlds);
    // The most that there is to do: beyond it another hour would say the same.
    if (only !== undefined || worlds * worker.count >= goal.floors.L) break;
  }
  const last = context.seed + index * SEED_STRIDE;
  return { worlds, distinct: traces.size, struck: tally.counts, seedRange: [context.seed, last] };
}

const bench = modelBench();

function worldOf({ seed }: GoalContext, index: number): Repeatable {
  return { seed: seed + index * SEED_STRIDE, meterKind: index % FLASH_EVERY === 0 ? 'flash' : 'flat', canary: false };
}

/** Worlds with the wall clock in them: that they differ has to come out. */
async function runCanaries(context: GoalContext, tally: Tally): Promise<void> {
  const canaries = Array.from({ length: CANARIES }, (_, index) => ({ ...worldOf(context, index), canary: true }));
  const there = liveElsewhere(canaries);
  const here = canaries.map((world) => live(bench, world));
  let caught = 0;
  compare(here, await there, () => (caught += 1));
  tally.add('canariesCaught', caught);
  if (caught < CANARIES)
    context.fail(CANARY, `${CANARIES - caught} of ${CANARIES} worlds with the wall clock in them passed for equal`);
}

async function liveElsewhere(worlds: readonly Repeatable[]): Promise<readonly Lived[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [REPEAT_PROGRAM, JSON.stringify(worlds)], {
    maxBuffer: 1 << 26,
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Lived);
}

function compare(here: readonly Lived[], there: readonly Lived[], differs: (at: number, detail: string) => void): void {
  for (const [at, one] of here.entries()) {
    const other = there[at];
    const different = (['trace', 'flash', 'report'] as const).filter((what) => one[what] !== other?.[what]);
    if (different.length > 0) differs(at, `two processes differ in ${different.join(', ')}`);
  }
}
