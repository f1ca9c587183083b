/** What records ask of the world: derived, never stored. After a restart the same effects come out of the state. */
import type { Released } from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { NO_ROUTE } from '../model/campaign-state.js';
import { metersOf } from '../model/meter-set.js';
import { type Campaign, deviceIdOf, userAt } from './campaign.js';
import type { MeterOutcome } from './record-of.js';
import { STAGE } from './stages.js';

/** One image that one meter shall get. */
export interface Start {
  readonly meter: number;
  readonly batch: number;
  readonly route: number;
  readonly hop: number;
  readonly tries: number;
  readonly userId: string;
  readonly deviceId: string;
  readonly entryId: string;
  readonly imageHash: string;
  /** The same whenever this start is asked for, different for every other one. */
  readonly key: string;
}

/** Every start that is under way: what is owed to the DCO after a crash. By index of the meter. */
export function owedEffects(campaign: Campaign, state: CampaignState): readonly Start[] {
  const starts: Start[] = [];
  for (let meter = 0; meter < campaign.meterCount; meter += 1)
    if (state.meters.stage[meter] === STAGE.released) starts.push(startOf(campaign, state, meter));
  return starts;
}

/** After the record was applied. */
export function effectsOf(campaign: Campaign, state: CampaignState, record: Released): readonly Start[] {
  return record.parts.flatMap(({ meters }) => [...metersOf(meters)].map((meter) => startOf(campaign, state, meter)));
}

function startOf(campaign: Campaign, state: CampaignState, meter: number): Start {
  const { meters } = state;
  const [route, hop, tries, batch] = [
    meters.route[meter]!,
    meters.hop[meter]!,
    meters.tries[meter]!,
    meters.batch[meter]!,
  ];
  const { entryId, imageHash } = state.routes[route]!.route.hops[hop]!;
  const deviceId = deviceIdOf(campaign, meter);
  const key = `${campaign.input.campaignId}/${deviceId}/${imageHash}/${tries}`;
  const { userId } = userAt(campaign, meters.owner[meter]!);
  return { meter, batch, route, hop, tries, userId, deviceId, entryId, imageHash, key };
}

/**
 * The outcome that an answer under a key means; undefined when it is of another campaign, or of an image that the meter is not on the way to.
 *
 * @param meterOf - Index of a device, undefined when it is none of the campaign.
 */
export function outcomeOfKey(
  campaign: Campaign,
  state: CampaignState,
  meterOf: (deviceId: string) => number | undefined,
  { key, result }: { readonly key: string; readonly result: MeterOutcome['result'] },
): MeterOutcome | undefined {
  const [campaignId, deviceId, imageHash, tries, ...rest] = key.split('/');
  if (campaignId !== campaign.input.campaignId || rest.length > 0) return undefined;
  const meter = meterOf(deviceId ?? '');
  const route = meter === undefined ? NO_ROUTE : state.meters.route[meter]!;
  if (meter === undefined || route === NO_ROUTE) return undefined;
  const hop = state.routes[route]!.route.hops.findIndex((one) => one.imageHash === imageHash);
  return hop < 0 ? undefined : { meter, route, hop, tries: Number(tries), result };
}
