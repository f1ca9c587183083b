/** One walk over the table of meters: ends by User, cohort and reason, and which version runs where. */
import type { Campaign } from '../machine/campaign.js';
import { isEnd, REASON, STAGE } from '../machine/stages.js';
import type { CampaignState } from '../model/campaign-state.js';
import { METER_REASONS, NO_ROUTE } from '../model/campaign-state.js';

export interface Tally {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly exempt: number;
  readonly parked: number;
  /** Without an end. */
  readonly left: number;
}

export interface Tallies {
  readonly byUser: readonly Tally[];
  readonly byCohort: readonly Tally[];
  /** By position in {@link METER_REASONS}, of meters that have an end. */
  readonly byReason: readonly number[];
  /** Of meters in scope, as far as is known: a meter that was given up may run more than is written here. */
  readonly byEntry: ReadonlyMap<string, VersionCounts>;
}

export interface VersionCounts {
  readonly running: number;
  readonly underWay: number;
  readonly pending: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function tallyOf(campaign: Campaign, state: CampaignState): Tallies {
  const { input, cohortFirst } = campaign;
  const { stage, reason, owner } = state.meters;
  const byUser = input.users.map(nothing);
  const byCohort = input.cohorts.map(nothing);
  const byReason = METER_REASONS.map(() => 0);
  const byEntry = new Map<string, Mutable<VersionCounts>>();
  for (let cohort = 0; cohort < input.cohorts.length; cohort += 1) {
    for (let meter = cohortFirst[cohort]!; meter < cohortFirst[cohort + 1]!; meter += 1) {
      const now = stage[meter]!;
      const inScope = now !== STAGE['out-of-scope'];
      for (const tally of [byUser[owner[meter]!]!, byCohort[cohort]!]) count(tally, now);
      if (isEnd(now) && reason[meter] !== REASON.none) byReason[reason[meter]!]! += 1;
      if (inScope) countVersion(state, byEntry, meter, input.cohorts[cohort]!.entryId);
    }
  }
  return { byUser, byCohort, byReason, byEntry };
}

function count(tally: Mutable<Tally>, stage: number): void {
  tally.total += 1;
  if (stage === STAGE.done) tally.done += 1;
  else if (stage === STAGE.failed) tally.failed += 1;
  else if (stage === STAGE.exempt) tally.exempt += 1;
  else if (stage !== STAGE['out-of-scope']) tally.left += 1;
  if (stage === STAGE.parked) tally.parked += 1;
}

function countVersion(
  { meters, routes }: CampaignState,
  byEntry: Map<string, Mutable<VersionCounts>>,
  meter: number,
  firstEntryId: string,
): void {
  const at = (entryId: string): Mutable<VersionCounts> => {
    const known = byEntry.get(entryId);
    if (known !== undefined) return known;
    const made = { running: 0, underWay: 0, pending: 0 };
    byEntry.set(entryId, made);
    return made;
  };
  const route = meters.route[meter]!;
  const way = route === NO_ROUTE ? undefined : routes[route]!;
  const hop = meters.hop[meter]!;
  const runs = way === undefined ? firstEntryId : (way.route.hops[hop - 1]?.entryId ?? way.route.fromEntryId);
  at(runs).running += 1;
  if (way === undefined || isEnd(meters.stage[meter]!)) return;
  const next = way.route.hops[hop];
  if (meters.stage[meter] === STAGE.released && next !== undefined) at(next.entryId).underWay += 1;
  let last = way;
  while (last.after !== undefined && routes[last.after]!.route.hops.length > 0) last = routes[last.after]!;
  const target = last.route.hops.at(-1);
  if (target !== undefined) at(target.entryId).pending += 1;
}

function nothing(): Mutable<Tally> {
  return { total: 0, done: 0, failed: 0, exempt: 0, parked: 0, left: 0 };
}
