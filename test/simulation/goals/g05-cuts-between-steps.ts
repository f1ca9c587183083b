/**
 * G05: the power goes at every step of a meter: before each frame that it hears and each time that it wakes, after it has done what was asked but before
 * a word of it is out, and between two of its words. Three paths, and every behaviour of the image that is sent. A good image runs in the end, a
 * bad one is left for the one before it, octet for octet and within its trials; the host is told which; the next image is taken.
 *
 * A case is `path:behaviour:step:phase`, with `:operation` where the power goes a second time, at an operation of the flash.
 */
import type { Goal, GoalContext, GoalCount } from '../goal.js';
import { isMine, Tally } from '../goal.js';
import { BEHAVIOURS, type FirmwareBehaviour } from '../transfers/behaviours.js';
import { liveStep, PATHS, PHASES, type Path, type Phase, type StepCase } from '../steps/step-world.js';

/** Operations of the flash, from the first cut on, at which a second one falls. */
const SECOND_CUTS = { Q: 0, M: 8, L: 24 } as const;

export const goal: Goal = {
  id: 'G05',
  title: 'power cuts between the steps of a meter, whatever the image does',
  invariants: ['I1', 'I2', 'I5', 'I6', 'I12'],
  floors: { Q: 80, M: 7_000, L: 20_000 },
  floorCi: 60,
  mustStrike: [
    'cuts',
    'trials',
    'reverted',
    'resumed',
    'before',
    'after',
    'between',
    'nextTaken',
    'ends:activated',
    'ends:reverted',
    ...BEHAVIOURS,
  ],
  run,
};

function run(context: GoalContext): GoalCount {
  const tally = new Tally();
  let worlds = 0;
  if (context.only !== undefined) {
    liveCase(context, tally, caseOf(context.only));
    return { worlds: 1, distinct: 1, struck: tally.counts, seedRange: [0, 0] };
  }
  const paths: readonly Path[] = context.tier === 'Q' ? ['straight'] : PATHS;
  const cases = listOf(context, paths);
  let isComplete = true;
  for (const [index, wish] of cases.entries()) {
    if (!context.timeLeft()) {
      isComplete = false;
      break;
    }
    if (!isMine(context, index)) continue;
    if (liveCase(context, tally, wish)) worlds += 1;
    context.progress(worlds);
  }
  if (isComplete) tally.add('complete');
  // Every case cuts somewhere else.
  return { worlds, distinct: worlds, struck: tally.counts, seedRange: [0, 0] };
}

/** Behaviours by turns, so that a short budget sees each of them; how many steps there are is found by a run without a cut. */
function listOf(context: GoalContext, paths: readonly Path[]): readonly StepCase[] {
  const lists = paths.flatMap((path) => BEHAVIOURS.map((behaviour) => casesOf(context, path, behaviour)));
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[(i * STRIDE) % longest] ?? [])).flat();
}

const STRIDE = 31;

function casesOf(context: GoalContext, path: Path, behaviour: FirmwareBehaviour): readonly StepCase[] {
  const whole = liveStep({ path, behaviour, step: undefined, phase: 'before' });
  if (whole.complaints.length > 0) context.fail(`${path}:${behaviour}:0:before`, whole.complaints.join('; '));
  const seconds = [undefined, ...Array.from({ length: SECOND_CUTS[context.tier] }, (_, i) => i + 1)];
  return Array.from({ length: whole.steps }, (_, i) => i + 1).flatMap((step) =>
    PHASES.flatMap((phase) =>
      seconds.map((flashCut) => ({ path, behaviour, step, phase, ...(flashCut === undefined ? {} : { flashCut }) })),
    ),
  );
}

/** False where there was nothing to cut between. */
function liveCase(context: GoalContext, tally: Tally, wish: StepCase): boolean {
  const { path, behaviour, step = 0, phase, flashCut } = wish;
  const { complaints, end, struck, isCut, took } = liveStep(wish);
  const caseId = [path, behaviour, step, phase, ...(flashCut === undefined ? [] : [flashCut])].join(':');
  if (complaints.length > 0) context.fail(caseId, complaints.join('; '));
  if (!isCut) return false;
  tally.add(path);
  tally.add(behaviour);
  tally.add(phase);
  tally.add(`ends:${end}`);
  if (took) tally.add('nextTaken');
  for (const [name, count] of Object.entries(struck)) tally.add(name, count as number);
  return true;
}

function caseOf(caseId: string): StepCase {
  const [path = '', behaviour = '', step = '', phase = '', flashCut] = caseId.split(':');
  return {
    path: path as Path,
    behaviour: behaviour as FirmwareBehaviour,
    step: Number(step) === 0 ? undefined : Number(step),
    phase: phase as Phase,
    ...(flashCut === undefined ? {} : { flashCut: Number(flashCut) }),
  };
}
