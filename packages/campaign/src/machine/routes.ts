/** Routes, and what meters do at their two ends; used by `apply`. */
import { CampaignError } from '../error.js';
import type { CampaignRecord, Route } from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { type Campaign, requestAt } from './campaign.js';
import type { Move } from './move-meters.js';

/** @throws CampaignError `journal-damaged` when it is not the next one. */
export function addRoute(
  state: CampaignState,
  record: CampaignRecord,
  route: Route,
  place: { readonly request: number; readonly cohort: number; readonly before: number | undefined },
): void {
  if (route.route !== state.routes.length)
    throw damaged(record, `has route ${route.route} where ${state.routes.length} is next`);
  state.routes.push({ route, ...place, after: undefined, isReplaced: false });
}

/** What meters that stand at the beginning of a route do; without a route they have no way. */
export function atRouteBegin(route: Route | undefined): Move {
  if (route === undefined) return { stage: 'exempt', reason: 'no-path' };
  const start = { route: route.route, hop: 0, tries: 0 };
  return route.hops.length === 0
    ? { stage: 'done', reason: 'already-there', ...start }
    : { stage: 'waiting', reason: 'none', ...start };
}

/** Whether the meter is the request's own User's: nothing begins for one that has gone to another Supplier, not even another way (rule R29). */
export function isOwn(campaign: Campaign, state: CampaignState, meter: number): boolean {
  const { request } = state.routes[state.meters.route[meter]!]!;
  return state.meters.owner[meter] === campaign.users.get(requestAt(campaign, request).userId);
}

/** At the end of its route a meter goes on with the one that follows, if there is one and its request may still begin something for it. */
export function afterRoute(campaign: Campaign, state: CampaignState, meter: number, behind: number): Move {
  const { after, request } = state.routes[state.meters.route[meter]!]!;
  const next = after === undefined ? undefined : state.routes[after]!.route;
  const isOver = state.requests[request]!.status === 'aborted' || !isOwn(campaign, state, meter);
  if (next === undefined || next.hops.length === 0 || isOver) return { stage: 'done', hop: behind };
  return { stage: 'installed', route: next.route, hop: 0, tries: 0 };
}

export function damaged({ seq, kind }: { readonly seq: number; readonly kind: string }, what: string): CampaignError {
  return new CampaignError('journal-damaged', `record ${seq} (${kind}) ${what}; take a whole journal of this input`);
}
