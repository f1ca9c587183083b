/**
 * I10: what a meter measures does not know of updates. A history of some hours or days, with an update and power cuts in both; and its twin with
 * the same cuts and no update. Registers, profile, daily and billing logs, balances and load switch are equal; so are the Event and Security Logs
 * without the codes of an update. What was read never goes back.
 */
import { DEFAULT_SETTINGS, type MeterCommand, type MeterSettings } from '@smets1/emulator';
import { canonicalJson, type Random } from '@smets1/host';
import { CutCount } from '../engine/cut-worlds.js';
import { liveHistory, type History, type PlannedCut, type Update } from '../engine/twin.js';
import type { Scene } from '../engine/scene.js';
import { isMine, type Goal, type Tier } from '../goal.js';
import { scene } from './scenes.js';
import { seededRandom } from './seeded.js';

const WORLDS: Readonly<Record<Tier, number>> = { Q: 2_000, M: 5_000, L: 50_000 };
const HOUR_MS = 3_600_000;
const CUTS_MAX = 5;

export const goal: Goal = {
  id: 'I10',
  title: 'Metering through updates and power cuts, against its twin without an update',
  invariants: ['I10'],
  floors: { Q: 700, M: 5_000, L: 50_000 },
  floorCi: 120,
  mustStrike: [
    'cuts-in-metering',
    'cuts-in-update',
    'updates-done',
    'updates-reverted',
    'midnights',
    'bills',
    'prepayment',
  ],
  run(given) {
    const count = new CutCount(given);
    const { context } = count;
    const { tier } = context;
    for (let i = 0; i < WORLDS[tier] && context.timeLeft(); i++) {
      const seed = context.seed + i;
      if (context.only === undefined ? !isMine(context, i) : context.only !== `seed:${seed}`) continue;
      count.drew(seed);
      count.fail(`seed:${seed}`, twins(count, seed));
      count.world(true);
    }
    return count.count();
  },
};

function twins(count: CutCount, seed: number): readonly string[] {
  const luck = seededRandom(seed, 'metering');
  const its = scene({ path: luck.chance(0.3) ? 'revert' : 'update', imageBytes: 4_096 });
  const history = drawHistory(luck);
  const update: Update = {
    plan: { ...its.plan, octetsPerSecond: luck.pick([200, 40, 15]) },
    // Some minutes before a half hour ends, so that transfers and trials straddle it.
    fromMs: Math.max(0, 1_800_000 * (1 + luck.below(4)) - luck.below(400_000)),
    selfTest: selfTestOf(its),
  };
  const planned = Array.from({ length: luck.below(CUTS_MAX + 1) }, () => drawCut(luck));
  const lived = liveHistory(its.start, history, update, (i) => planned[i]);
  const twin = liveHistory(its.start, history, undefined, (i) => lived.cuts[i]);
  const { tally } = count;
  for (const { kind } of lived.cuts) tally.add(kind === 'metering' ? 'cuts-in-metering' : 'cuts-in-update');
  tally.add(`updates-${lived.result ?? 'unfinished'}`);
  tally.add('starts', lived.starts);
  tally.add('metering-operations', lived.meteringOperations);
  if (lived.octets === twin.octets) tally.add('same-octets');
  if (history.settings.paymentMode === 'prepayment') tally.add('prepayment');
  noteClosings(count, history, lived.metered);
  const found = [...lived.violations, ...twin.violations];
  if (lived.cuts.length !== twin.cuts.length)
    found.push(`I10 ${lived.cuts.length} cuts struck, in the twin ${twin.cuts.length}`);
  const difference = firstDifference(lived.metered, twin.metered, 'metering');
  if (difference !== undefined) found.push(`I10 ${difference}`);
  return found;
}

function selfTestOf(its: Scene): (fileVersion: number) => boolean {
  return (fileVersion) => its.isGood || fileVersion !== its.next.version;
}

/** Six hours to two days, from late on the last day of a month or from anywhere. */
function drawHistory(luck: Random): History {
  const monthEndS = Date.UTC(2027, 1 + luck.below(12), 1) / 1000;
  const epochS = monthEndS - luck.pick([1_200, 5_400, 9_000, 50_000, 86_400 * 9]) - luck.below(600);
  const untilMs = HOUR_MS * luck.pick([6, 6, 9, 26]);
  const isPrepaid = luck.chance(0.4);
  const settings: MeterSettings = {
    ...DEFAULT_SETTINGS,
    paymentMode: isPrepaid ? 'prepayment' : 'credit',
    tariff: {
      ...DEFAULT_SETTINGS.tariff,
      dayProfiles: [
        [
          { minute: 0, register: 1 },
          { minute: 30, register: 0 },
          { minute: 420, register: 2 },
        ],
      ],
      touPricesMillipencePerKwh: [15_000, 9_000, 31_000],
      standingChargeMillipencePerDay: 40_000,
    },
    loadLimit: { ...DEFAULT_SETTINGS.loadLimit, thresholdW: luck.chance(0.3) ? 700 : 0 },
  };
  const commands = Array.from({ length: 2 + luck.below(6) }, () => ({
    // Never at a full second, where the meter wakes by itself.
    atMs: 500 + 1_000 * luck.below(untilMs / 1_000),
    command: drawCommand(luck, isPrepaid),
  }));
  return { epochS, untilMs, loadSeed: luck.u32(), solarPeakW: luck.chance(0.5) ? 2_500 : 0, settings, commands };
}

function drawCommand(luck: Random, isPrepaid: boolean): MeterCommand {
  const commands: readonly MeterCommand[] = [
    { kind: 'read' },
    { kind: 'read' },
    { kind: 'disable-supply' },
    { kind: 'arm-supply' },
    { kind: 'press-button' },
    { kind: 'enable-supply' },
    { kind: 'bill' },
    { kind: 'set-tamper', tampered: luck.chance(0.5) },
    ...(isPrepaid ? ([{ kind: 'top-up', millipence: 50_000 + luck.below(500_000) }] as const) : []),
  ];
  return luck.pick(commands);
}

function drawCut(luck: Random): PlannedCut {
  const of = luck.pick(['metering', 'update', 'update'] as const);
  const phase = luck.pick(['before', 'during', 'during', 'after'] as const);
  const mode = luck.pick(['prefix', 'bits'] as const);
  return {
    of,
    operation: 1 + luck.below(of === 'metering' ? 25 : 45),
    // No weak cells here: what they read as depends on how often flash was read, and the twin reads it less often.
    plan: { phase, mode, seed: luck.u32() },
    offMs: luck.pick([1_000, 61_000, 1_900_000, 9_000_000]) + 1_000 * luck.below(60),
  };
}

function noteClosings(count: CutCount, history: History, metered: unknown): void {
  const { logs } = metered as {
    readonly logs: { readonly dailyReads: readonly unknown[]; readonly bills: readonly unknown[] };
  };
  if (logs.dailyReads.length > 0) count.tally.add('midnights');
  if (logs.bills.length > 0) count.tally.add('bills');
}

/** Where two values differ first, and how. */
function firstDifference(a: unknown, b: unknown, path: string): string | undefined {
  if (canonicalJson(a) === canonicalJson(b)) return undefined;
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const [one, other] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
      const found = firstDifference(one ?? null, other ?? null, `${path}.${key}`);
      if (found !== undefined) return found;
    }
  }
  return `${path} is ${canonicalJson(a).slice(0, 120)}, and ${canonicalJson(b).slice(0, 120)} without the update`;
}
