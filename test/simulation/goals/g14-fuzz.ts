/**
 * G14: octets of others throw nothing past the door that they come in by, take no time, leave no memory behind and change nobody's prototype; and
 * no answer of a meter contains its image. Every door in two modes: each signature taken for right, so that inputs get deep; and real P-256.
 *
 * Inputs are mutated from right ones by changes that know the protocol's words, lengths and CRCs. An input with an outcome that its batch had
 * not seen joins the batch's corpus: guided by outcomes, not by counters of branches. A case is `door:mode:batch`.
 */
import { createWorld } from '@smets1/host';
import type { Goal, GoalContext, GoalCount } from '../goal.js';
import { isMine, Tally } from '../goal.js';
import { collectGarbage, heapBytes } from '../fuzz/heap.js';
import { mutate } from '../fuzz/mutate.js';
import type { Target } from '../fuzz/target.js';
import { stubCrypto, targetsOf } from '../fuzz/targets.js';
import { modelBench, realBench } from '../transfers/images.js';

const INPUT_MS_MAX = 50;
/** A shot that took too long is shot again: a machine that did something else meanwhile is no finding. */
const AGAIN_MAX = 3;
const HEAP_GROWTH_BYTES_MAX = 64 * 1_048_576;
const CORPUS_MAX = 64;
const HEAP_EVERY_BATCHES = 200;
const REPAIR_SHARE = 0.6;
const DETAIL_OCTETS = 200;
const MODES = ['stub', 'real'] as const;
type Mode = (typeof MODES)[number];
const DOORS = [
  'host-frame',
  'esme-frame',
  'meter-frame',
  'stream',
  'package',
  'staging-log',
  'flash-scan',
  'flash-file',
];

export const goal: Goal = {
  id: 'G14',
  title: 'fuzzing of every door at which octets of others come in',
  invariants: ['I1', 'I9'],
  floors: { Q: 2_000_000, M: 20_000_000, L: 120_000_000 },
  floorCi: 60_000,
  mustStrike: [...DOORS.flatMap((door) => MODES.map((mode) => `${door}:${mode}`)), 'outcomes', 'heapChecks'],
  run,
};

interface Door {
  readonly target: Target;
  readonly mode: Mode;
}

function run(context: GoalContext): GoalCount {
  const tally = new Tally();
  const doors = doorsInTurn();
  let worlds = 0;
  const [onlyDoor, onlyMode, onlyBatch] = context.only?.split(':') ?? [];
  let batch = onlyBatch === undefined ? 0 : Number(onlyBatch);
  let heapBefore: number | undefined;
  for (; context.timeLeft(); batch++) {
    if (context.only === undefined && !isMine(context, batch)) continue;
    const door =
      context.only === undefined
        ? doors[Math.floor(batch / context.worker.count) % doors.length]!
        : doors.find(({ target, mode }) => target.name === onlyDoor && mode === onlyMode)!;
    worlds += shootBatch(context, tally, door, batch);
    if (batch % HEAP_EVERY_BATCHES <= 1) {
      collectGarbage();
      // The first batches make tables and compiled code; what counts is what grows after them.
      if (heapBefore === undefined && batch >= doors.length * context.worker.count) heapBefore = heapBytes();
      tally.add('heapChecks');
      const grown = heapBytes() - (heapBefore ?? Infinity);
      if (grown > HEAP_GROWTH_BYTES_MAX) context.fail('heap', `the heap grew by ${grown} octets in ${worlds} inputs`);
    }
    context.progress(worlds);
    if (context.only !== undefined) break;
  }
  // Inputs are drawn by batch and door; nobody draws the same twice on purpose, and nobody looked.
  return { worlds, distinct: worlds, struck: tally.counts, seedRange: [context.seed, context.seed + batch] };
}

function doorsInTurn(): readonly Door[] {
  const model = modelBench();
  const stubbed = targetsOf({ ...model, crypto: stubCrypto(model.crypto) }, true);
  const real = targetsOf(realBench(), false);
  const of = (targets: readonly Target[], mode: Mode): readonly Door[] => targets.map((target) => ({ target, mode }));
  return [...of(stubbed, 'stub'), ...of(real, 'real')];
}

function shootBatch(context: GoalContext, tally: Tally, { target, mode }: Door, batch: number): number {
  const caseId = `${target.name}:${mode}:${batch}`;
  const random = createWorld({ seed: context.seed + batch }).random(`${target.name}:${mode}`);
  const corpus = [...target.seeds];
  const outcomes = new Set<string>();
  target.reset?.();
  for (let shot = 0; shot < target.shotsABatch; shot++) {
    let octets = mutate(random.pick(corpus), corpus, random, target.bytesMax);
    if (target.repair !== undefined && random.chance(REPAIR_SHARE)) octets = target.repair(octets.slice(), random);
    let outcome: string;
    try {
      outcome = timed(context, caseId, octets, () => target.shoot(octets, random));
    } catch (error) {
      context.fail(caseId, `shot ${shot} threw ${describe(error)}; input ${hexOf(octets)}`);
      break;
    }
    if (!outcomes.has(outcome)) {
      outcomes.add(outcome);
      if (corpus.length < CORPUS_MAX) corpus.push(octets);
    }
  }
  const polluted = pollution();
  if (polluted !== undefined) context.fail(caseId, `a prototype has something new: ${polluted}`);
  tally.add(`${target.name}:${mode}`, target.shotsABatch);
  tally.add('outcomes', outcomes.size);
  return target.shotsABatch;
}

function timed(context: GoalContext, caseId: string, octets: Uint8Array, shoot: () => string): string {
  let outcome = '';
  for (let again = 0; again <= AGAIN_MAX; again++) {
    const before = performance.now();
    outcome = shoot();
    const tookMs = performance.now() - before;
    if (tookMs <= INPUT_MS_MAX) return outcome;
    if (again === AGAIN_MAX) context.fail(caseId, `${tookMs.toFixed(0)} ms for input ${hexOf(octets)}`);
  }
  return outcome;
}

const PROTOTYPES: readonly (readonly [string, object, number])[] = [
  ['Object', Object.prototype],
  ['Array', Array.prototype],
  ['Uint8Array', Uint8Array.prototype],
  ['Function', Function.prototype],
].map(
  ([name, prototype]) => [name as string, prototype as object, Reflect.ownKeys(prototype as object).length] as const,
);

function pollution(): string | undefined {
  return PROTOTYPES.find(([, prototype, keys]) => Reflect.ownKeys(prototype).length !== keys)?.[0];
}

function describe(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}\n${error.stack?.split('\n').slice(1, 4).join('\n')}`
    : String(error);
}

function hexOf(octets: Uint8Array): string {
  const hex = Buffer.from(octets.subarray(0, DETAIL_OCTETS)).toString('hex');
  return octets.length > DETAIL_OCTETS ? `${hex}... (${octets.length} octets)` : hex;
}
