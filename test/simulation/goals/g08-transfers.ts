/**
 * G08: whatever a line, a stager, a device or the power does for a while, no image is activated that was not authorised for this meter, nothing
 * is believed done that is not, nothing acknowledged is lost; and once the faults stop, every transfer ends, done or refused with a reason.
 *
 * A case is a seed. Most worlds run the shipped receiver and staging over memory; one in {@link FLASH_EVERY} the whole meter of the emulator on
 * its flash, with real boot and real cuts; one in {@link REAL_EVERY} signs with real P-256, all others with the model of signatures.
 */
import type { Goal, GoalContext, GoalCount } from '../goal.js';
import { isMine, Tally } from '../goal.js';
import { modelBench, realBench, type Bench } from '../transfers/images.js';
import { LIAR_NAMES } from '../transfers/liars.js';
import { STAGER_NAMES } from '../transfers/stagers.js';
import { runTransfer, type TransferReport } from '../transfers/transfer-world.js';

const FLASH_EVERY = 101;
const REAL_EVERY = 999;

export const goal: Goal = {
  id: 'G08',
  title: 'faulty transfers: lines, stagers, devices and power that fail',
  invariants: ['I1', 'I3', 'I5', 'I6', 'I7', 'I8', 'I12'],
  // 750 to 1,100 a second and core were measured: the counts take longer than other goals have.
  floors: { Q: 50_000, M: 3_000_000, L: 20_000_000 },
  seconds: { M: 2_400, L: 16_000 },
  floorCi: 2_500,
  mustStrike: [
    'flat',
    'flash',
    'realSignatures',
    'ends:activated',
    'ends:sealed',
    'ends:reverted',
    'ends:already-running',
    'lost',
    'duplicated',
    'overtaken',
    'flipped',
    'spliced',
    'truncated',
    'unplugs',
    'kills',
    'cuts',
    'tornPrograms',
    'trials',
    'reverted',
    'resumed',
    ...STAGER_NAMES.map((name) => `stager:${name}`),
    ...LIAR_NAMES.map((name) => `liar:${name}`),
  ],
  run,
};

function run(context: GoalContext): GoalCount {
  const tally = new Tally();
  const model = modelBench();
  let real: Bench | undefined;
  let worlds = 0;
  let index = context.only === undefined ? 0 : Number(context.only);
  for (; context.timeLeft(); index++) {
    if (context.only === undefined && !isMine(context, index)) continue;
    const isReal = index % REAL_EVERY === REAL_EVERY - 1;
    if (isReal) real ??= realBench();
    const report = runTransfer({
      bench: isReal ? real! : model,
      seed: context.seed + index,
      meterKind: index % FLASH_EVERY === 0 ? 'flash' : 'flat',
    });
    worlds += 1;
    if (isReal) tally.add('realSignatures');
    count(tally, report);
    if (report.complaints.length > 0) context.fail(String(index), report.complaints.join('; '));
    if (context.only !== undefined) break;
    context.progress(worlds);
  }
  // Every seed is a world of its own.
  return { worlds, distinct: worlds, struck: tally.counts, seedRange: [context.seed, context.seed + index] };
}

function count(tally: Tally, report: TransferReport): void {
  const { scenario, line, meter } = report;
  tally.add(scenario.meterKind);
  tally.add(`ends:${report.end.split(' ')[0]}`);
  for (const [name, struck] of Object.entries(line)) tally.add(name, struck);
  for (const [name, struck] of Object.entries(meter)) tally.add(name, struck as number);
  tally.add('kills', report.kills);
  tally.add('unplugs', report.unplugs);
  tally.add('hostRuns', report.hostRuns);
  if (scenario.stager !== undefined) tally.add(`stager:${scenario.stager}`, report.middleStruck);
  if (scenario.liar !== undefined) tally.add(`liar:${scenario.liar}`, report.middleStruck);
}
