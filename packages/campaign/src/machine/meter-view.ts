/** Where one meter stands, for people. */
import type { MeterReason, MeterStage } from '../model/campaign-state.js';
import type { CampaignState } from '../model/campaign-state.js';
import { METER_REASONS, METER_STAGES, NO_ROUTE } from '../model/campaign-state.js';
import { type Campaign, cohortOf, deviceIdOf, userAt } from './campaign.js';

export interface MeterView {
  readonly meter: number;
  readonly deviceId: string;
  readonly cohortId: string;
  readonly requestId: string | undefined;
  /** `scheduled`: waits under an agreed delivery schedule. */
  readonly stage: MeterStage | 'scheduled';
  readonly reason: MeterReason;
  /** When the stage began, ms since 1970. */
  readonly sinceMs: number;
  /** Who acts for it now. */
  readonly userId: string;
  /** CPL entry that it is known to run: a meter of which nothing was heard may run the next one. */
  readonly runs: string;
  /** Entries of its route, from the one it began with to its target; empty without a route. */
  readonly path: readonly string[];
  /** Hops of the route that are behind it. */
  readonly hop: number;
  /** Starts of the present hop. */
  readonly tries: number;
}

/** @throws CampaignError `misuse` when there is no such meter. */
export function meterView(campaign: Campaign, state: CampaignState, meter: number): MeterView {
  const deviceId = deviceIdOf(campaign, meter);
  const { meters } = state;
  const at = cohortOf(campaign, meter);
  const { cohortId, entryId } = campaign.input.cohorts[at]!;
  const request = campaign.input.requests[campaign.cohortRequest[at]!];
  const route = meters.route[meter] === NO_ROUTE ? undefined : state.routes[meters.route[meter]!]!.route;
  const hop = meters.hop[meter]!;
  const path = route === undefined ? [] : [route.fromEntryId, ...route.hops.map((one) => one.entryId)];
  const stage = METER_STAGES[meters.stage[meter]!]!;
  return {
    meter,
    deviceId,
    cohortId,
    requestId: request?.requestId,
    stage: stage === 'waiting' && request?.schedule !== undefined ? 'scheduled' : stage,
    reason: METER_REASONS[meters.reason[meter]!]!,
    sinceMs: meters.sinceMs[meter]!,
    userId: userAt(campaign, meters.owner[meter]!).userId,
    runs: path[hop] ?? entryId,
    path,
    hop,
    tries: meters.tries[meter]!,
  };
}

/** Index of a device; undefined when it is none of the campaign. One walk over all meters: for a single question. */
export function meterOf(campaign: Campaign, deviceId: string): number | undefined {
  for (let meter = 0; meter < campaign.meterCount; meter += 1)
    if (deviceIdOf(campaign, meter) === deviceId) return meter;
  return undefined;
}
