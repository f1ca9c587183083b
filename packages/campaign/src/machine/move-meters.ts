/** How a meter changes its stage; used by `apply` alone. */
import type { CampaignState, MeterReason, MeterStage } from '../model/campaign-state.js';
import { MARK_ANSWERED, MARK_STARTED } from '../model/campaign-state.js';
import type { Campaign } from './campaign.js';
import { enterPool, leavePool } from './pools.js';
import { isEnd, REASON, STAGE } from './stages.js';

/** Where one meter goes; what is not named stays. */
export interface Move {
  readonly stage: MeterStage;
  readonly reason?: MeterReason;
  readonly route?: number;
  readonly hop?: number;
  readonly tries?: number;
}

/** Counts, pools and the ends that are still owed follow the meter. */
export function moveMeter(campaign: Campaign, state: CampaignState, meter: number, move: Move, atMs: number): void {
  const { meters, counts } = state;
  leavePool(campaign, state, meter);
  const before = meters.stage[meter]!;
  const after = STAGE[move.stage];
  if (move.route !== undefined) meters.route[meter] = move.route;
  if (move.hop !== undefined) meters.hop[meter] = move.hop;
  if (move.tries !== undefined) meters.tries[meter] = move.tries;
  meters.stage[meter] = after;
  meters.reason[meter] = REASON[move.reason ?? 'none'];
  meters.sinceMs[meter] = atMs;
  counts[before]! -= 1;
  counts[after]! += 1;
  const request = state.requests[campaign.cohortRequest[cohortIndex(campaign, state, meter)]!]!;
  const owed = Number(isOwed(after)) - Number(isOwed(before));
  state.open += owed;
  request.open += owed;
  if (before === STAGE['out-of-scope']) request.meters += 1;
  if (after === STAGE.released) request.underWay += 1;
  if (before === STAGE.released) request.underWay -= 1;
  enterPool(campaign, state, meter);
}

/** The start of an image: before {@link moveMeter} to `released`. @returns whether it is the meter's first. */
export function markStarted(state: CampaignState, meter: number): boolean {
  const isFirst = (state.meters.marks[meter]! & MARK_STARTED) === 0;
  state.meters.marks[meter]! |= MARK_STARTED;
  return isFirst;
}

export function markAnswered(state: CampaignState, meter: number): void {
  const { route, marks } = state.meters;
  if ((marks[meter]! & MARK_ANSWERED) !== 0) return;
  marks[meter]! |= MARK_ANSWERED;
  state.requests[state.routes[route[meter]!]!.request]!.answered += 1;
}

/** The meter's batch has one fewer without an outcome. */
export function settleBatch(state: CampaignState, meter: number): void {
  const open = state.openBatches.get(state.meters.batch[meter]!);
  if (open === undefined) return;
  open.open -= 1;
  if (open.open > 0) return;
  state.openBatches.delete(open.batch);
  if (open.atMs > state.oldestBatchMs) return;
  let oldest = Number.POSITIVE_INFINITY;
  for (const { atMs } of state.openBatches.values()) oldest = Math.min(oldest, atMs);
  state.oldestBatchMs = oldest;
}

/** Whether the meter is in scope and has no end yet. */
function isOwed(stage: number): boolean {
  return stage !== STAGE['out-of-scope'] && !isEnd(stage);
}

function cohortIndex({ cohortFirst }: Campaign, { meters, routes }: CampaignState, meter: number): number {
  const route = routes[meters.route[meter]!];
  if (route !== undefined) return route.cohort;
  // Without a route (refused, or without a way): seldom, and once a meter.
  return cohortFirst.findIndex((first) => first > meter) - 1;
}
