/** The only thing that changes a state. What each record does is in `docs/JOURNAL.md`. */
import { CampaignError } from '../error.js';
import type { MeterSet } from '../model/campaign-input.js';
import type { CampaignRecord, Granted, Outcomes, Released, Requested } from '../model/campaign-record.js';
import type { CampaignState, MeterReason } from '../model/campaign-state.js';
import { metersOf } from '../model/meter-set.js';
import type { StopState } from '../model/stop-rule-port.js';
import { checkedDay, dayOf } from '../time/civil.js';
import { slotOf } from '../time/windows.js';
import { applyCommand } from './apply-command.js';
import { type Campaign, indexOf, requestAt } from './campaign.js';
import { startsAt } from './create-state.js';
import { markAnswered, markStarted, type Move, moveMeter, settleBatch } from './move-meters.js';
import { tidyPool } from './pools.js';
import { countsAsUnscheduled } from './request-rules.js';
import { addRoute, afterRoute, atRouteBegin, damaged, isOwn } from './routes.js';
import { STAGE } from './stages.js';

/** Stages of the meters that a record may name. */
const RELEASABLE: readonly number[] = [STAGE.waiting, STAGE.installed, STAGE.parked];

/**
 * Changes `state` in place.
 *
 * @throws {@link CampaignError} `journal-damaged` when the record cannot follow: wrong `seq`, an id or a meter that does not fit. The state is then
 *   of no use.
 */
export function apply(campaign: Campaign, state: CampaignState, record: CampaignRecord): void {
  if (record.seq !== state.seq) throw damaged(record, `comes where ${state.seq} should be`);
  if (state.status === 'ended') throw damaged(record, 'comes after the end');
  if ((record.kind === 'opened') !== (state.seq === 0)) throw damaged(record, 'is not where it belongs');
  state.seq += 1;
  state.lastAtMs = record.atMs;
  switch (record.kind) {
    case 'opened':
      if (record.campaignId !== campaign.input.campaignId || record.meters !== campaign.meterCount)
        throw new CampaignError(
          'other-campaign',
          `the journal is of ${record.campaignId}; give the input it was begun with`,
        );
      state.status = 'running';
      state.inputDigest = record.inputDigest;
      state.openedAtMs = record.atMs;
      return;
    case 'requested':
      return applyRequested(campaign, state, record);
    case 'commanded':
      if (record.event !== undefined) state.eventsDone = record.event + 1;
      state.grantStale = true;
      return applyCommand(campaign, state, record);
    case 'room-told':
      state.roomDay = checkedDay(record.day);
      state.roomImages = record.images;
      state.roomByUser.clear();
      for (const { userId, images } of record.users) state.roomByUser.set(indexOf(campaign.users, userId), images);
      state.grantStale = true;
      return;
    case 'granted':
      return applyGranted(campaign, state, record);
    case 'released':
      return applyReleased(campaign, state, record);
    case 'outcomes':
      return applyOutcomes(campaign, state, record);
    case 'gave-up':
      for (const meter of checked(campaign, state, record, record.meters, [STAGE.released]))
        broke(campaign, state, meter, 'gave-up', record.atMs);
      return;
    case 'expired':
      for (const meter of checked(campaign, state, record, record.meters, [STAGE.parked]))
        moveMeter(campaign, state, meter, { stage: 'exempt', reason: record.reason }, record.atMs);
      state.spent = state.spent.filter((meter) => state.meters.stage[meter] === STAGE.parked);
      return;
    case 'phase-begun':
      state.requests[indexOf(campaign.requests, record.requestId)]!.phase = record.phase;
      state.grantStale = true;
      return;
    case 'safety-tested': {
      const request = state.requests[indexOf(campaign.requests, record.requestId)]!;
      request.safetyTested = record.passed;
      if (!record.passed) {
        request.status = 'stopped';
        request.reason = `safety test: ${record.failures} of ${record.answered} failed`;
      }
      state.grantStale = true;
      return;
    }
    case 'stopped': {
      const request = state.requests[indexOf(campaign.requests, record.requestId)]!;
      request.status = 'stopped';
      request.reason = `stop rule: ${record.failures} failures beside ${record.successes} successes`;
      request.stopDue = false;
      state.grantStale = true;
      return;
    }
    case 'noticed':
      state.requests[indexOf(campaign.requests, record.requestId)]!.noticedFromMs = record.activateFromMs;
      return;
    case 'ended':
      state.status = 'ended';
  }
}

function applyRequested(campaign: Campaign, state: CampaignState, record: Requested & CampaignRecord): void {
  const index = indexOf(campaign.requests, record.requestId);
  const { cohortIds, userId } = requestAt(campaign, index);
  const request = state.requests[index]!;
  const isRefused = record.outcome === 'refused';
  request.status = isRefused ? 'refused' : 'open';
  request.reason = record.refusal?.message ?? '';
  request.refusal = record.refusal?.code;
  const actsForOthers = campaign.input.users[campaign.users.get(userId)!]!.role === 'dcc';
  const routes = new Map(record.routes.map((route) => [route.cohortId, route]));
  for (const cohortId of cohortIds) {
    const cohort = indexOf(campaign.cohorts, cohortId);
    const [first, end] = [campaign.cohortFirst[cohort]!, campaign.cohortFirst[cohort + 1]!];
    const route = routes.get(cohortId);
    if (route !== undefined) addRoute(state, record, route, { request: index, cohort, before: undefined });
    if (actsForOthers) state.meters.owner.fill(campaign.users.get(userId)!, first, end);
    const move = isRefused ? ({ stage: 'exempt', reason: 'request-refused' } as const) : atRouteBegin(route);
    for (let meter = first; meter < end; meter += 1) moveMeter(campaign, state, meter, move, record.atMs);
  }
}

function applyGranted(campaign: Campaign, state: CampaignState, record: Granted & CampaignRecord): void {
  state.grantedDay = checkedDay(record.day);
  state.grantStale = false;
  const slots = new Map(state.lanes.map((lane) => [`${lane.request}/${lane.user}`, lane.slot]));
  state.lanes = record.grants
    .filter(({ images }) => images > 0)
    .map(({ requestId, userId, images }) => {
      const [request, user] = [indexOf(campaign.requests, requestId), indexOf(campaign.users, userId)];
      return { request, user, left: images, slot: slots.get(`${request}/${user}`) ?? -1 };
    });
  for (const day of state.expiries.keys()) if (day <= state.grantedDay) state.expiries.delete(day);
}

function applyReleased(campaign: Campaign, state: CampaignState, record: Released & CampaignRecord): void {
  const { atMs } = record;
  if (record.batch !== state.batches) throw damaged(record, `is batch ${record.batch} where ${state.batches} is next`);
  const index = indexOf(campaign.requests, record.requestId);
  const user = indexOf(campaign.users, record.userId);
  const request = state.requests[index]!;
  const slot = slotOf(atMs, campaign.input.policy.releaseEveryMinutes);
  let count = 0;
  let large = 0;
  for (const { route, hop, meters } of record.parts) {
    const way = state.routes[route];
    const isLarge = way?.route.hops[hop]?.large;
    if (way?.request !== index || isLarge === undefined) throw damaged(record, `has no hop ${hop} on route ${route}`);
    const { meters: table } = state;
    const started = checked(campaign, state, record, meters, RELEASABLE);
    for (const meter of started) {
      if (table.route[meter] !== route || table.hop[meter] !== hop || table.owner[meter] !== user)
        throw damaged(record, `starts meter ${meter}, which is not at that hop of that User`);
      // The pool is left with the marks and tries that it was entered with.
      moveMeter(campaign, state, meter, { stage: 'released' }, atMs);
      table.tries[meter]! += 1;
      table.batch[meter] = record.batch;
      if (markStarted(state, meter)) request.started += 1;
    }
    count += started.length;
    if (isLarge) large += started.length;
  }
  state.openBatches.set(record.batch, { batch: record.batch, atMs, parts: record.parts, open: count });
  state.oldestBatchMs = Math.min(state.oldestBatchMs, atMs);
  state.batches += 1;
  for (const pool of request.pools) tidyPool(state, pool);
  if (large === 0) {
    state.smallSlot.set(index * campaign.input.users.length + user, slot);
    return;
  }
  countLarge(campaign, state, { index, user, large, atMs });
  const lane = state.lanes.find((one) => one.request === index && one.user === user);
  if (lane === undefined || lane.left < large || state.grantedDay !== dayOf(atMs))
    throw damaged(record, `starts ${large} large images that were not granted`);
  lane.left -= large;
  lane.slot = slot;
}

function countLarge(
  campaign: Campaign,
  state: CampaignState,
  {
    index,
    user,
    large,
    atMs,
  }: { readonly index: number; readonly user: number; readonly large: number; readonly atMs: number },
): void {
  const count = startsAt(state, atMs);
  count.all += large;
  add(count.byUser, user, large);
  if (campaign.users.get(requestAt(campaign, index).userId) === user) add(count.ownByRequest, index, large);
  if (countsAsUnscheduled(campaign, index, user)) add(count.unscheduledByUser, user, large);
  add(state.requests[index]!.startedFor, user, large);
  if (state.roomDay !== dayOf(atMs)) return;
  state.roomImages -= large;
  if (state.roomByUser.has(user)) add(state.roomByUser, user, -large);
}

function applyOutcomes(campaign: Campaign, state: CampaignState, record: Outcomes & CampaignRecord): void {
  const { atMs } = record;
  for (const meter of checked(campaign, state, record, record.succeeded, [STAGE.released, STAGE.parked])) {
    markAnswered(state, meter);
    if (state.meters.stage[meter] === STAGE.released) settleBatch(state, meter);
    moveMeter(campaign, state, meter, afterSuccess(campaign, state, meter), atMs);
  }
  for (const { reason, meters } of record.broken)
    for (const meter of checked(campaign, state, record, meters, [STAGE.released]))
      broke(campaign, state, meter, reason, atMs);
  for (const { reason, meters } of record.failed) {
    for (const meter of checked(campaign, state, record, meters, [STAGE.released])) {
      markAnswered(state, meter);
      settleBatch(state, meter);
      moveMeter(campaign, state, meter, { stage: 'failed', reason }, atMs);
    }
  }
  for (const { requestId, failures, successes, rule, verdict } of record.judged) {
    const request = state.requests[indexOf(campaign.requests, requestId)]!;
    request.failures += failures;
    request.successes += successes;
    request.rule = beginsAnew(campaign, rule) ? undefined : rule;
    request.stopDue ||= verdict === 'stop' && request.status !== 'stopped' && request.status !== 'aborted';
  }
}

/** After an acceptance; and with a full sample that only waits for one, since what it remembers would hide that the firmware fails from now on. */
function beginsAnew({ stopRule }: Campaign, { verdict, failures, successes }: StopState): boolean {
  return verdict === 'accept' || (verdict === 'go-on' && failures + successes >= stopRule.sampleMax);
}

function afterSuccess(campaign: Campaign, state: CampaignState, meter: number): Move {
  const { route, hop } = state.meters;
  const { route: way, request } = state.routes[route[meter]!]!;
  const behind = hop[meter]! + 1;
  const { status, halfDone } = state.requests[request]!;
  if (behind < way.hops.length) {
    return status === 'aborted' && halfDone === 'leave'
      ? { stage: 'exempt', reason: 'aborted-on-interim-version', hop: behind }
      : { stage: 'installed', hop: behind, tries: 0 };
  }
  return afterRoute(campaign, state, meter, behind);
}

/** A start came to nothing, and may be tried again by who is responsible. */
function broke(
  campaign: Campaign,
  state: CampaignState,
  meter: number,
  reason: Exclude<MeterReason, 'none'>,
  atMs: number,
): void {
  settleBatch(state, meter);
  moveMeter(campaign, state, meter, afterBreak(campaign, state, meter, reason), atMs);
}

function afterBreak(campaign: Campaign, state: CampaignState, meter: number, reason: MeterReason): Move {
  const { route, hop } = state.meters;
  const { request } = state.routes[route[meter]!]!;
  const { status, halfDone } = state.requests[request]!;
  const isHalfWay = hop[meter]! > 0;
  if (status === 'aborted' && !isHalfWay) return { stage: 'exempt', reason: 'aborted' };
  if (status === 'aborted' && halfDone === 'leave') return { stage: 'exempt', reason: 'aborted-on-interim-version' };
  if (!isHalfWay && !isOwn(campaign, state, meter)) return { stage: 'exempt', reason: 'churned-away' };
  return { stage: 'parked', reason };
}

/** The meters of a set, each with a stage that this record may find it in. */
function checked(
  campaign: Campaign,
  state: CampaignState,
  record: CampaignRecord,
  set: MeterSet,
  stages: readonly number[],
): number[] {
  const meters: number[] = [];
  for (const meter of metersOf(set)) {
    if (meter >= campaign.meterCount || !stages.includes(state.meters.stage[meter]!))
      throw damaged(record, `names meter ${meter}, which is not in a stage for it`);
    meters.push(meter);
  }
  return meters;
}

function add(counts: Map<number, number>, key: number, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
