/** What commands do to the state; a part of `apply`. */
import type { CampaignCommand } from '../model/campaign-input.js';
import type { CampaignRecord, Commanded, RetargetRoutes } from '../model/campaign-record.js';
import type { CampaignState, RequestState } from '../model/campaign-state.js';
import { metersOf } from '../model/meter-set.js';
import { checkedDay } from '../time/civil.js';
import { type Campaign, indexOf, requestAt } from './campaign.js';
import { moveMeter } from './move-meters.js';
import { enterPool, leavePool } from './pools.js';
import { addRoute, afterRoute, atRouteBegin } from './routes.js';
import { STAGE } from './stages.js';

export function applyCommand(campaign: Campaign, state: CampaignState, record: Commanded & CampaignRecord): void {
  const { command } = record;
  switch (command.kind) {
    case 'capacity':
      state.capacityChanges.push({ fromDay: checkedDay(command.fromDay), imagesPerDay: command.imagesPerDay });
      return;
    case 'pause':
      for (const request of meant(campaign, state, command.requestId)) {
        if (request.status !== 'open') continue;
        request.status = 'paused';
        request.reason = command.reason;
      }
      return;
    case 'resume':
      for (const request of meant(campaign, state, command.requestId)) {
        if (request.status !== 'paused' && request.status !== 'stopped') continue;
        request.status = 'open';
        request.reason = '';
        request.rule = undefined;
        request.stopDue = false;
      }
      return;
    case 'abort':
      return abort(campaign, state, command, record.atMs);
    case 'open-incident':
      openIncident(campaign, state, command);
      return;
    case 'close-incident':
      for (const incident of state.incidents) if (incident.incidentId === command.incidentId) incident.isOpen = false;
      return;
    case 'churn':
      return churn(campaign, state, command, record.atMs);
    case 'retarget':
      for (const routes of record.routes ?? []) retarget(campaign, state, record, routes);
  }
}

/** The request of that id, or all. */
function meant(campaign: Campaign, state: CampaignState, requestId: string | undefined): readonly RequestState[] {
  return requestId === undefined ? state.requests : [state.requests[indexOf(campaign.requests, requestId)]!];
}

function openIncident(
  campaign: Campaign,
  state: CampaignState,
  command: Extract<CampaignCommand, { kind: 'open-incident' }>,
): void {
  const { incidentId, priority, haltsOthers } = command;
  const request = indexOf(campaign.requests, command.requestId);
  // Opened anew: its place is that of the last opening.
  const before = state.incidents.findIndex((one) => one.incidentId === incidentId);
  if (before >= 0) state.incidents.splice(before, 1);
  state.incidents.push({ incidentId, request, priority, haltsOthers, isOpen: true });
}

function abort(
  campaign: Campaign,
  state: CampaignState,
  command: Extract<CampaignCommand, { kind: 'abort' }>,
  atMs: number,
): void {
  const aborted = new Set<number>();
  for (const [at, request] of state.requests.entries()) {
    const isMeant = command.requestId === undefined || command.requestId === requestAt(campaign, at).requestId;
    if (!isMeant || request.status === 'refused' || request.status === 'aborted') continue;
    request.status = 'aborted';
    request.reason = command.reason;
    request.halfDone = command.halfDone;
    aborted.add(at);
  }
  forMetersOf(campaign, aborted, (meter) => {
    if (!isAtRest(state, meter)) return;
    const isHalfWay = state.meters.hop[meter]! > 0;
    if (!isHalfWay) moveMeter(campaign, state, meter, { stage: 'exempt', reason: 'aborted' }, atMs);
    else if (command.halfDone === 'leave')
      moveMeter(campaign, state, meter, { stage: 'exempt', reason: 'aborted-on-interim-version' }, atMs);
  });
}

function churn(
  campaign: Campaign,
  state: CampaignState,
  command: Extract<CampaignCommand, { kind: 'churn' }>,
  atMs: number,
): void {
  const cohort = indexOf(campaign.cohorts, command.cohortId);
  const to = indexOf(campaign.users, command.toUserId);
  const request = campaign.input.requests[campaign.cohortRequest[cohort]!];
  // The DCC stays responsible for communications hubs, whoever supplies the home.
  if (request?.deviceType === 'comms-hub') return;
  const own = request === undefined ? to : campaign.users.get(request.userId)!;
  const first = campaign.cohortFirst[cohort]!;
  for (const within of metersOf(command.meters)) {
    const meter = first + within;
    leavePool(campaign, state, meter);
    state.meters.owner[meter] = to;
    enterPool(campaign, state, meter);
    if (to !== own && isAtRest(state, meter) && state.meters.hop[meter] === 0)
      moveMeter(campaign, state, meter, { stage: 'exempt', reason: 'churned-away' }, atMs);
  }
}

function retarget(
  campaign: Campaign,
  state: CampaignState,
  record: Commanded & CampaignRecord,
  { replaces, fresh, after }: RetargetRoutes,
): void {
  const old = state.routes[replaces]!;
  const place = { request: old.request, cohort: old.cohort };
  if (fresh !== undefined) addRoute(state, record, fresh, { ...place, before: old.before });
  if (after !== undefined) addRoute(state, record, after, { ...place, before: replaces });
  old.after = after?.route;
  old.isReplaced = true;
  const { stage, route, hop } = state.meters;
  const end = campaign.cohortFirst[old.cohort + 1]!;
  for (let meter = campaign.cohortFirst[old.cohort]!; meter < end; meter += 1) {
    if (route[meter] !== replaces) continue;
    const isStanding = stage[meter] === STAGE.waiting || stage[meter] === STAGE.installed;
    if (isStanding && hop[meter] === 0) moveMeter(campaign, state, meter, atRouteBegin(fresh), record.atMs);
    else if (stage[meter] === STAGE.done) {
      const move = afterRoute(campaign, state, meter, hop[meter]!);
      if (move.stage !== 'done') moveMeter(campaign, state, meter, move, record.atMs);
    }
  }
}

/** Without an image under way and without an end. */
function isAtRest({ meters }: CampaignState, meter: number): boolean {
  const stage = meters.stage[meter];
  return stage === STAGE.waiting || stage === STAGE.installed || stage === STAGE.parked;
}

function forMetersOf(campaign: Campaign, requests: ReadonlySet<number>, each: (meter: number) => void): void {
  for (const [cohort, request] of campaign.cohortRequest.entries()) {
    if (!requests.has(request)) continue;
    for (let meter = campaign.cohortFirst[cohort]!; meter < campaign.cohortFirst[cohort + 1]!; meter += 1) each(meter);
  }
}
