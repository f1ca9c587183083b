/**
 * G21: nothing old and nothing unasked for ever runs. Every floor against every counter in every state of the meter, cut at every operation;
 * recorded frames played again, in parts and elsewhere; every way in which a permission can be wrong.
 */
import { readBootState, type NorFlash } from '@smets1/emulator';
import { crc32 } from '@smets1/protocol';
import { CutCount, OFF_MS } from '../engine/cut-worlds.js';
import { live, nothingKnown, powerOn } from '../engine/life.js';
import { party, permission, type Party } from '../engine/parties.js';
import { withImage } from '../engine/pending.js';
import { planFor, type Scene } from '../engine/scene.js';
import { slotFault } from '../engine/oracle.js';
import { STATE_NAMES, statesOf, type State, type StateName } from '../engine/states.js';
import { BEFORE, bits, struck } from '../engine/strike.js';
import { isMine, type Goal, type GoalContext, type Tier } from '../goal.js';
import { replays } from './g21-replays.js';
import { scene } from './scenes.js';

const FLOORS: Readonly<Record<Tier, number>> = { Q: 20, M: 20, L: 20 };
const COUNTERS = 20;
/** In Q the states that are no rest of the floor's own are taken for every so many floors. */
const FLOOR_STEP: Readonly<Record<Tier, number>> = { Q: 5, M: 1, L: 1 };
const IMAGE_BYTES = 4_096;

export const goal: Goal = {
  id: 'G21',
  title: 'Rollback, replay and activation: every floor, counter and state; frames played again; every wrong permission',
  invariants: ['I1', 'I3', 'I4', 'I5'],
  floors: { Q: 1_800, M: 70_000, L: 150_000 },
  floorCi: 900,
  mustStrike: ['accepted', 'refused', 'past-the-receiver', 'permissions-refused', 'replays', 'replays-heard'],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    permissions(context, count);
    pastReceiver(context, count);
    matrix(context, count);
    replays(context, count);
    return count.count();
  },
};

/** Offers of every counter to a meter of every floor, in every state; in M and L the power goes at every operation of that. */
function matrix(context: GoalContext, count: CutCount): void {
  const { tier } = context;
  let number = 0;
  for (let floor = 1; floor <= FLOORS[tier]; floor++) {
    for (const name of STATE_NAMES) {
      if (name !== 'idle' && floor % FLOOR_STEP[tier] !== 0) continue;
      for (let counter = 1; counter <= COUNTERS; counter++) {
        const caseId = `matrix:${floor}:${name}:${counter}`;
        if (context.only === undefined ? !isMine(context, number++) : !context.only.startsWith(caseId)) continue;
        if (!context.timeLeft()) return;
        offer(context, count, floorScene(floor), name, counter, caseId);
      }
    }
  }
}

function floorScene(floor: number): Scene {
  // The update that brings the meter into its states comes half way up.
  return scene({ path: 'update', imageBytes: IMAGE_BYTES, floor, nextCounter: Math.max(floor + 1, 10) });
}

const offered = new Map<number, Party>();

function imageOf(counter: number): Party {
  let made = offered.get(counter);
  if (made === undefined) {
    made = party({ version: 0x1000 + counter, imageBytes: IMAGE_BYTES - 100, securityCounter: counter });
    offered.set(counter, made);
  }
  return made;
}

function offer(
  context: GoalContext,
  count: CutCount,
  its: Scene,
  name: StateName,
  counter: number,
  caseId: string,
): void {
  const image = imageOf(counter);
  const state: State = statesOf(its)[name];
  const plan = planFor(image, 5n);
  const theirs: Scene = { ...its, next: image, plan };
  const flash = state.flash.fork();
  const known = nothingKnown();
  const violations = (at: NorFlash, nowMs: number): readonly string[] => floorViolations(at, nowMs, its, image);
  const life = live({
    scene: theirs,
    flash,
    known,
    startMs: state.nowMs + OFF_MS,
    onOperation(moment) {
      if (context.tier === 'Q' || !context.timeLeft()) return;
      for (const strike of [BEFORE, bits(moment.index, { weak: true })]) {
        const world = { scene: theirs, moment, flash: struck(moment.flash, moment.operation, strike) };
        count.world();
        count.distinct(world, caseId);
        count.tally.add('cuts');
        count.fail(caseId, violations(world.flash, moment.nowMs + OFF_MS));
      }
    },
  });
  count.world(true);
  const isTaken = life.result?.kind === 'done';
  count.tally.add(isTaken ? 'accepted' : 'refused');
  const floor = floorOf(its, state);
  const { runningVersion } = powerOn(its, flash.fork(), life.nowMs + OFF_MS).view(life.nowMs + OFF_MS);
  const found = [...violations(flash.fork(), life.nowMs + OFF_MS)];
  if (isTaken !== (runningVersion === image.version))
    found.push(`I3 the host was told ${isTaken}, and ${runningVersion} runs`);
  if (counter < floor && isTaken) found.push(`I4 counter ${counter} was taken below the floor ${floor}`);
  const mayBeBusy = name === 'pending' || name === 'trial';
  // The counter of the image that is confirmed is used: another image with the same one is refused as well.
  if (counter > floor && !isTaken && !mayBeBusy) {
    found.push(`I12 counter ${counter} was not taken above the floor ${floor}: ${life.result?.detail ?? 'no end'}`);
  }
  count.fail(caseId, found);
}

/** The floor that an offer in this state meets in the end: an update under way comes first. */
function floorOf(its: Scene, { name }: State): number {
  const isUnderWay = name === 'pending' || name === 'trial' || name === 'confirmed';
  return isUnderWay ? its.next.securityCounter : its.old.securityCounter;
}

/** Whatever runs is at or above the floor, and the floor is that of what is confirmed. */
function floorViolations(flash: NorFlash, nowMs: number, its: Scene, image: Party): readonly string[] {
  const parties = [its.old, its.next, image];
  const { view, error } = started(its, flash, nowMs);
  if (view === undefined) return [`I2 the meter does not start: ${error}`];
  const running = parties.find(({ version }) => version === view.runningVersion);
  if (running === undefined || view.activeSlot === undefined)
    return [`I2 version ${view.runningVersion} runs (${view.mode})`];
  const found: string[] = [];
  const fault = slotFault(flash, view.activeSlot, running);
  if (fault !== undefined) found.push(`I1 version ${view.runningVersion} runs, and ${fault}`);
  if (running.securityCounter < view.securityCounter) {
    found.push(`I4 counter ${running.securityCounter} runs below the floor ${view.securityCounter}`);
  }
  if (view.mode === 'confirmed' && running.securityCounter !== view.securityCounter) {
    found.push(`I4 the floor ${view.securityCounter} is not that of the confirmed image, ${running.securityCounter}`);
  }
  if (view.securityCounter < its.old.securityCounter) found.push('I4 the floor went back');
  return found;
}

function started(
  its: Scene,
  flash: NorFlash,
  nowMs: number,
): { view?: ReturnType<ReturnType<typeof powerOn>['view']>; error?: string } {
  try {
    return { view: powerOn(its, flash, nowMs).view(nowMs) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** An older image that stands in its slot with boot records that ask for it, as if receiver and host had all been fooled. */
function pastReceiver(context: GoalContext, count: CutCount): void {
  for (let floor = 1; floor <= COUNTERS; floor++) {
    for (let counter = 1; counter <= COUNTERS; counter++) {
      const caseId = `past:${floor}:${counter}`;
      if (context.only === undefined ? !isMine(context, floor * COUNTERS + counter) : context.only !== caseId) continue;
      if (!context.timeLeft()) return;
      const its = floorScene(floor);
      const flash = withImage(its.start, imageOf(counter));
      const { view, error } = started(its, flash, 0);
      count.world(true);
      count.tally.add('past-the-receiver');
      const runs = view?.runningVersion === imageOf(counter).version;
      if (view === undefined) count.fail(caseId, [`I2 the meter does not start: ${error}`]);
      else if (runs !== counter >= floor) {
        count.fail(caseId, [`I4 floor ${floor}, counter ${counter}: it ${runs ? 'runs' : 'does not run'}`]);
      }
    }
  }
}

/** Every way in which a permission can be none. */
function permissions(context: GoalContext, count: CutCount): void {
  const its = scene({ path: 'update', imageBytes: IMAGE_BYTES });
  const { next, old } = its;
  const stranger = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa1);
  const flipped = permission(next, 1n).map((octet, i) => (i === 100 ? octet ^ 1 : octet));
  const wrong: Readonly<Record<string, Uint8Array | undefined>> = {
    none: undefined,
    'other-image': permission(old, 1n),
    'other-meter': permission(next, 1n, stranger),
    'foreign-key': permission(next, 1n, undefined, { isForeign: true }),
    'one-bit': flipped,
    'not-yet': permission(next, 1n, undefined, { notBeforeS: 0xffff_0000 }),
    'no-longer': permission(next, 1n, undefined, { notAfterS: 1_000 }),
    empty: new Uint8Array(232),
  };
  const states: readonly StateName[] = ['idle', 'receiving', 'complete', 'sealed'];
  let number = 0;
  for (const [what, authorisation] of Object.entries(wrong)) {
    for (const name of states) {
      const caseId = `permission:${what}:${name}`;
      if (context.only === undefined ? !isMine(context, number++) : context.only !== caseId) continue;
      const state = statesOf(its)[name];
      const flash = state.flash.fork();
      const plan = { ...its.plan, authorisation };
      const life = live({ scene: its, flash, known: nothingKnown(), startMs: state.nowMs + OFF_MS, plan });
      count.world(true);
      const { confirmed, pending, trial } = readBootState(flash, { crc32 });
      const isUntouched = confirmed?.version === old.version && pending === undefined && trial === undefined;
      if (!isUntouched) count.fail(caseId, ['I3 the image is activated']);
      const isActivated = life.result?.kind === 'done' && life.result.what !== 'sealed';
      if (isActivated) count.fail(caseId, [`I3 the host was told that the image was ${JSON.stringify(life.result)}`]);
      if (isUntouched && !isActivated) count.tally.add('permissions-refused');
      // The next honest command works; a permission that was one, if for something else, has used its own counter.
      const honest = planFor(next, 2n);
      const after = live({ scene: its, flash, known: nothingKnown(), startMs: life.nowMs + OFF_MS, plan: honest });
      if (after.result?.kind === 'done') continue;
      count.fail(caseId, ['I12 after that a right permission is not taken']);
    }
  }
}
