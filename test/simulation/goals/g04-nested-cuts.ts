/**
 * G04: a cut, and then a cut in the run that follows. Every ordered pair of operations: for each operation of the update, the power goes before
 * it; the meter starts again and a host goes on; for each operation of that run, the power goes again. Chains of more cuts, and power that comes
 * back for so few operations at a time.
 */
import type { FaultPlan } from '@smets1/emulator';
import { CutCount, cutWorlds, judgeEnd, judgeStart, OFF_MS, type CutWorld } from '../engine/cut-worlds.js';
import { live, nothingKnown, type Moment } from '../engine/life.js';
import { look } from '../engine/oracle.js';
import type { Scene } from '../engine/scene.js';
import { statesOf, type State } from '../engine/states.js';
import { BEFORE, bits, nameOfStrike, prefix, strikeOfName, struck, type Strike } from '../engine/strike.js';
import { isMine, type Goal, type GoalContext, type Tier } from '../goal.js';
import { scene } from './scenes.js';
import { seededRandom } from './seeded.js';

const PAIR_BYTES: Readonly<Record<Tier, number>> = { Q: 16_384, M: 131_072, L: 131_072 };
/** One pair in so many is lived to its end. */
const TO_THE_END: Readonly<Record<Tier, number>> = { Q: 100, M: 1_000, L: 1_000 };
const CHAINS: Readonly<Record<Tier, number>> = { Q: 20, M: 1_500, L: 1_000_000 };
const CHAIN_CUTS_MAX = 12;
/** Of the budget, by when the parts before the pairs are over. */
const STARVED_SHARE = 0.15;
const CHAINS_SHARE = 0.3;
const STARVED_FROM = 1;
const STARVED_TO = 64;
/** Every so many numbers of operations. */
const STARVED_STEP: Readonly<Record<Tier, number>> = { Q: 9, M: 1, L: 1 };
/** Power cycles of a starved meter: with an image that is sealed, and with one that is still to come. */
const STARVED_CYCLES: Readonly<Record<Tier, readonly [sealed: number, idle: number]>> = {
  Q: [200, 40],
  M: [10_000, 200],
  L: [10_000, 10_000],
};
/** From here on a starved update must end. */
export const PROGRESS_OPERATIONS = 4;

export const goal: Goal = {
  id: 'G04',
  title: 'Every ordered pair of cuts, chains of cuts, and power for a few operations at a time',
  invariants: ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7'],
  floors: { Q: 5_500, M: 200_000, L: 220_000 },
  floorCi: 1_500,
  mustStrike: [
    'pairs',
    'torn-pairs',
    'chains',
    'starved',
    'starved-activations-that-ended',
    'end-old',
    'end-trial',
    'trials-reverted',
    'ended-old',
    'ended-new',
  ],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    const { tier } = context;
    const kind = context.only?.split(':')[0];
    if (kind === undefined || kind.startsWith('starve')) starve(context, count);
    if (kind === undefined || kind.startsWith('chain')) chains(context, count);
    if (kind === undefined || !/^(starve|chain)/.test(kind)) {
      const small = scene({ path: 'revert', imageBytes: 8_192 });
      const torn = [small, scene({ path: 'update', imageBytes: 8_192 })];
      if (tier !== 'Q') pairs(context, count, torn, tornFirst, 'torn-pairs');
      else pairs(context, count, [small], (moment) => tornFirst(moment).slice(1, 2), 'torn-pairs', 11);
      pairs(context, count, [scene({ path: 'update', imageBytes: PAIR_BYTES[tier] })], () => [BEFORE], 'pairs');
    }
    return count.count();
  },
};

function tornFirst({ operation, index }: Moment): readonly Strike[] {
  const length = operation.kind === 'program' ? operation.data.length : 4096;
  return [prefix(length >> 1, { weak: true, seed: index }), bits(index, { weak: true }), prefix((index * 37) % length)];
}

function pairs(
  context: GoalContext,
  count: CutCount,
  scenes: readonly Scene[],
  strikes: (moment: Moment) => readonly Strike[],
  name: string,
  every = 1,
): void {
  const rest = context.only?.split(':').slice(3);
  cutWorlds(context, {
    scenes,
    strikes,
    isCase: ({ index }) => context.only !== undefined || index % every === 0,
    judge(first) {
      count.tally.add('first-cuts');
      const known = { ...first.known };
      live({
        scene: first.scene,
        flash: first.flash.fork(),
        known,
        startMs: first.atMs,
        onOperation(moment) {
          if (!context.timeLeft()) return;
          if (rest !== undefined && rest.length > 0 && Number(rest[0]) !== moment.index) return;
          const strike = rest?.[1] === undefined ? secondOf(first, moment) : (strikeOfName(rest[1]) ?? BEFORE);
          const world: CutWorld = {
            scene: first.scene,
            moment,
            strike,
            caseId: `${first.caseId}:${moment.index}:${nameOfStrike(strike)}`,
            flash: struck(moment.flash, moment.operation, strike),
            known: { ...known },
            atMs: moment.nowMs + OFF_MS,
          };
          count.world();
          count.tally.add(name);
          count.distinct(world, first.caseId);
          // A start that was cut while it was counted may read as counted now and not later: its number is then given again.
          const isWeak = first.strike.weak === true;
          judgeStart(count, world, { mayForget: first.strike.phase === 'during', mayRecount: isWeak });
          if (context.only !== undefined || count.worlds % TO_THE_END[context.tier] === 0) judgeEnd(count, world);
        },
      });
    },
  });
}

/** Pairs at the level of operations are cut before them; where the first cut tore something the second one does as well, now and then. */
function secondOf(first: CutWorld, { index }: Moment): Strike {
  if (first.strike.phase === 'before') return BEFORE;
  return index % 3 === 0 ? bits(index, { weak: true }) : BEFORE;
}

/** Cut after cut, each at an operation and in a way that the seed names. */
function chains(context: GoalContext, count: CutCount): void {
  const total = CHAINS[context.tier];
  for (let i = 0; i < total && context.timeLeft(CHAINS_SHARE); i++) {
    const seed = context.seed + i;
    if (context.only === undefined ? !isMine(context, i) : context.only !== `chain:${seed}`) continue;
    chain(count, seed);
  }
}

function chain(count: CutCount, seed: number): void {
  const luck = seededRandom(seed, 'chain');
  const its = scene({ path: luck.pick(['update', 'revert', 'reject'] as const), imageBytes: 8_192 });
  const flash = its.start.fork();
  const known = nothingKnown();
  count.drew(seed);
  let atMs = 0;
  const cuts = 3 + luck.below(CHAIN_CUTS_MAX - 2);
  for (let i = 0; i < cuts; i++) {
    const shape = luck.pick(['before', 'after', 'during', 'during'] as const);
    const isBits = luck.chance(0.5);
    const plan: Strike & FaultPlan = { cutAt: 1 + luck.below(60), phase: shape, seed: luck.u32() };
    const isWeak = luck.chance(0.5);
    flash.arm({ ...plan, ...(isBits && { mode: 'bits' }), ...(isWeak && { weak: true }) });
    const life = live({ scene: its, flash, known, startMs: atMs });
    flash.powerOn();
    atMs = life.nowMs + OFF_MS;
    if (life.isCut) count.tally.add('chained-cuts');
    const seen = look(its, flash.fork(), known, atMs, { mayForget: true });
    count.fail(`chain:${seed}`, seen.violations);
  }
  count.world(true);
  count.tally.add('chains');
  const world = { scene: its, flash, known, atMs, caseId: `chain:${seed}` };
  judgeEnd(count, { ...world, moment: NO_MOMENT, strike: BEFORE }, { mayRevert: true, mayForget: true });
}

const NO_MOMENT = undefined as unknown as Moment;

/**
 * The power comes back for `operations` operations at a time: from the sealed image on, where the meter must get on with what it was told; and
 * from the beginning, where a transfer may need more power than there is, and the meter must only stay alive.
 */
function starve(context: GoalContext, count: CutCount): void {
  const its = scene({ path: 'update', imageBytes: 8_192 });
  const sealed = statesOf(its).sealed;
  let number = 0;
  for (
    let operations = STARVED_FROM;
    operations <= STARVED_TO && context.timeLeft(STARVED_SHARE);
    operations += STARVED_STEP[context.tier]
  ) {
    for (const state of ['sealed', 'idle'] as const) {
      const caseId = `starve-${state}:${operations}`;
      if (context.only === undefined ? !isMine(context, number++) : context.only !== caseId) continue;
      starved(context, count, its, caseId, operations, state === 'sealed' ? sealed : undefined);
    }
  }
}

function starved(
  context: GoalContext,
  count: CutCount,
  its: Scene,
  caseId: string,
  operations: number,
  from: State | undefined,
): void {
  const flash = (from?.flash ?? its.start).fork();
  const known = { ...(from?.known ?? nothingKnown()) };
  let atMs = from?.nowMs ?? 0;
  let isCut = true;
  const cycles = STARVED_CYCLES[context.tier][from === undefined ? 1 : 0];
  for (let cycle = 0; isCut && cycle < cycles && context.timeLeft(STARVED_SHARE); cycle++) {
    flash.arm({ cutAt: operations + 1, phase: 'before' });
    const life = live({ scene: its, flash, known, startMs: atMs });
    isCut = life.isCut;
    flash.powerOn();
    atMs = life.nowMs + OFF_MS;
    count.tally.add('starved');
  }
  count.world(true);
  if (!isCut) count.tally.add(from === undefined ? 'starved-transfers-that-ended' : 'starved-activations-that-ended');
  else if (from !== undefined && operations >= PROGRESS_OPERATIONS && context.timeLeft(STARVED_SHARE)) {
    count.fail(caseId, [`I2 with ${operations} operations at a time the activation does not end`]);
  }
  count.fail(caseId, look(its, flash.fork(), known, atMs, { mayForget: true }).violations);
  const world = { scene: its, flash, known, atMs, caseId, moment: NO_MOMENT, strike: BEFORE };
  judgeEnd(count, world, { mayRevert: true, mayForget: true });
}
