/**
 * What is due: a function of state and time alone, so that a campaign that is taken up after a crash at any record says the very next one. The order
 * of the questions is the order of the rules: what the world said, what time brings, what must stop, what may start.
 */
import { METERS_PER_RECORD_MAX, MS_PER_DAY, MS_PER_MINUTE } from '../limits.js';
import type { CampaignRecord, RecordBody, Released } from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { meterSetOfAny, metersOf } from '../model/meter-set.js';
import { dayOf } from '../time/civil.js';
import { isInWindow, momentsLeft, slotOf } from '../time/windows.js';
import { grantOf } from './allocate.js';
import { type Campaign, requestAt, userAt } from './campaign.js';
import { retargetRoutes, requestedOf } from './plan-routes.js';
import { allowanceOf, heldOf, pickReady, readyOf, usersOf } from './request-rules.js';
import { STAGE } from './stages.js';

/**
 * The next record that is due at `atMs`, or undefined when nothing is. Apply it, and ask again.
 *
 * @param inputDigest - For the first record: SHA-256 of the input, 64 hex digits.
 */
export function nextRecord(
  campaign: Campaign,
  state: CampaignState,
  atMs: number,
  inputDigest: string,
): CampaignRecord | undefined {
  const body = nextBody(campaign, state, atMs, inputDigest);
  return body === undefined ? undefined : stamped(state, atMs, body);
}

export function stamped(state: CampaignState, atMs: number, body: RecordBody): CampaignRecord {
  return { seq: state.seq, atMs, ...body };
}

function nextBody(campaign: Campaign, state: CampaignState, atMs: number, inputDigest: string): RecordBody | undefined {
  if (state.status === 'ended') return undefined;
  if (state.status === 'new')
    return {
      kind: 'opened',
      format: 1,
      campaignId: campaign.input.campaignId,
      inputDigest,
      meters: campaign.meterCount,
    };
  const unopened = state.requests.findIndex(({ status }) => status === 'unopened');
  if (unopened >= 0) return requestedOf(campaign, state, unopened);
  return (
    event(campaign, state, atMs) ??
    notice(campaign, state, atMs) ??
    gaveUp(campaign, state, atMs) ??
    expired(campaign, state, atMs) ??
    stopped(campaign, state) ??
    safetyTested(campaign, state) ??
    phaseBegun(campaign, state) ??
    ended(campaign, state) ??
    granted(campaign, state, atMs) ??
    released(campaign, state, atMs)
  );
}

function event(campaign: Campaign, state: CampaignState, atMs: number): RecordBody | undefined {
  const scripted = campaign.input.events[state.eventsDone];
  if (scripted === undefined || campaign.eventsAtMs[state.eventsDone]! > atMs) return undefined;
  const { command } = scripted;
  const common = { kind: 'commanded', command, event: state.eventsDone } as const;
  if (command.kind !== 'retarget') return common;
  return { ...common, routes: retargetRoutes(campaign, state, command.requestId, command.targetEntryId) };
}

function notice(campaign: Campaign, state: CampaignState, atMs: number): RecordBody | undefined {
  for (const [index, { status, noticedFromMs }] of state.requests.entries()) {
    const { requestId, notice } = requestAt(campaign, index);
    if (notice === undefined || noticedFromMs !== undefined || status === 'refused') continue;
    if (campaign.requestedAtMs[index]! > atMs) continue;
    const activateFromMs = atMs + campaign.input.policy.noticeDays * MS_PER_DAY;
    return { kind: 'noticed', requestId, ...notice, activateFromMs };
  }
  return undefined;
}

function gaveUp(campaign: Campaign, state: CampaignState, atMs: number): RecordBody | undefined {
  const before = atMs - campaign.input.policy.giveUpDays * MS_PER_DAY;
  if (state.oldestBatchMs > before) return undefined;
  for (const { batch, atMs: releasedMs, parts } of state.openBatches.values()) {
    if (releasedMs > before) continue;
    const silent = parts
      .flatMap(({ meters }) => [...metersOf(meters)])
      .filter((meter) => state.meters.stage[meter] === STAGE.released && state.meters.batch[meter] === batch);
    return { kind: 'gave-up', batch, meters: meterSetOfAny(silent) };
  }
  return undefined;
}

function expired(campaign: Campaign, state: CampaignState, atMs: number): RecordBody | undefined {
  const { stage, tries, sinceMs } = state.meters;
  const { retriesMax, parkedDaysMax } = campaign.input.policy;
  const spent = new Set(state.spent.filter((meter) => stage[meter] === STAGE.parked && tries[meter]! > retriesMax));
  if (spent.size > 0) return { kind: 'expired', reason: 'retries-spent', meters: firstOf(spent) };
  const today = dayOf(atMs);
  const old = new Set<number>();
  for (const [day, meters] of state.expiries) {
    if (day > today) continue;
    for (const meter of meters)
      if (stage[meter] === STAGE.parked && dayOf(sinceMs[meter]!) + parkedDaysMax === day) old.add(meter);
  }
  return old.size === 0 ? undefined : { kind: 'expired', reason: 'parked-too-long', meters: firstOf(old) };
}

function firstOf(meters: ReadonlySet<number>): ReturnType<typeof meterSetOfAny> {
  return meterSetOfAny([...meters].slice(0, METERS_PER_RECORD_MAX));
}

function stopped(campaign: Campaign, state: CampaignState): RecordBody | undefined {
  const index = state.requests.findIndex(
    ({ stopDue, status }) => stopDue && status !== 'stopped' && status !== 'aborted',
  );
  if (index < 0) return undefined;
  const { failures, successes, underWay } = state.requests[index]!;
  return { kind: 'stopped', requestId: requestAt(campaign, index).requestId, failures, successes, underWay };
}

/** Whether everything that the phase allows was started, and enough of it answered. */
function isPhaseOver(campaign: Campaign, state: CampaignState, index: number): boolean {
  const { started, answered, underWay, pools } = state.requests[index]!;
  if (started === 0) return false;
  const isFull = allowanceOf(campaign, state, index) === 0 || pools.every(({ fresh }) => fresh === 0);
  return isFull && (underWay === 0 || answered >= campaign.input.policy.phaseAnsweredShare * started);
}

function safetyTested(campaign: Campaign, state: CampaignState): RecordBody | undefined {
  for (const { request: index, incidentId } of state.incidents) {
    const { status, safetyTested: isTested, answered, failures } = state.requests[index]!;
    if (status !== 'open' || isTested || answered === 0 || !isPhaseOver(campaign, state, index)) continue;
    const { requestId } = requestAt(campaign, index);
    return { kind: 'safety-tested', requestId, incidentId, answered, failures, passed: failures === 0 };
  }
  return undefined;
}

function phaseBegun(campaign: Campaign, state: CampaignState): RecordBody | undefined {
  for (const [index, { status, phase, safetyTested: isTested }] of state.requests.entries()) {
    const { requestId, phases, priority } = requestAt(campaign, index);
    if (status !== 'open' || phase >= phases.length || (priority === 'security' && !isTested)) continue;
    if (isPhaseOver(campaign, state, index)) return { kind: 'phase-begun', requestId, phase: phase + 1 };
  }
  return undefined;
}

function ended(campaign: Campaign, state: CampaignState): RecordBody | undefined {
  const isRetargetAhead = campaign.input.events.some(
    ({ command }, at) => at >= state.eventsDone && command.kind === 'retarget',
  );
  return state.open === 0 && !isRetargetAhead ? { kind: 'ended' } : undefined;
}

function granted(campaign: Campaign, state: CampaignState, atMs: number): RecordBody | undefined {
  const isToday = state.grantedDay === dayOf(atMs);
  return isToday && !state.grantStale ? undefined : grantOf(campaign, state, atMs);
}

function released(campaign: Campaign, state: CampaignState, atMs: number): RecordBody | undefined {
  const { windows, policy } = campaign.input;
  if (!isInWindow(windows, atMs)) return undefined;
  const day = dayOf(atMs);
  const slot = slotOf(atMs, policy.releaseEveryMinutes);
  if (state.grantedDay === day && !state.grantStale) {
    for (const { request: index, user, left, slot: served } of state.lanes) {
      if (left === 0 || served === slot) continue;
      const isUrgent = state.incidents.some(({ isOpen, request }) => isOpen && request === index);
      const part = isUrgent ? left : Math.ceil(left / momentsLeft(windows, atMs, policy.releaseEveryMinutes));
      const batch = batchOf(campaign, state, { index, user, large: true, atMs }, part);
      if (batch !== undefined) return batch;
    }
  }
  for (const index of state.requests.keys()) {
    for (const user of usersOf(campaign, state, index)) {
      if (state.smallSlot.get(index * campaign.input.users.length + user) === slot) continue;
      const batch = batchOf(campaign, state, { index, user, large: false, atMs }, METERS_PER_RECORD_MAX);
      if (batch !== undefined) return batch;
    }
  }
  return undefined;
}

function batchOf(
  campaign: Campaign,
  state: CampaignState,
  {
    index,
    user,
    large,
    atMs,
  }: { readonly index: number; readonly user: number; readonly large: boolean; readonly atMs: number },
  count: number,
): Released | undefined {
  const day = dayOf(atMs);
  const which = { index, user, large, day, held: heldOf(campaign, state, { index, atMs, day }) };
  const picked = pickReady(campaign, state, which, count);
  if (picked.length === 0) return undefined;
  return {
    kind: 'released',
    batch: state.batches,
    requestId: requestAt(campaign, index).requestId,
    userId: userAt(campaign, user).userId,
    parts: picked.map(({ pool, meters }) => ({ route: pool.route, hop: pool.hop, meters: meterSetOfAny(meters) })),
  };
}

/**
 * When something may be due next, after everything that is due at `atMs` was recorded; outcomes and commands come besides. Never later than
 * what time alone brings, sometimes earlier.
 */
export function wakeAtMs(campaign: Campaign, state: CampaignState, atMs: number): number {
  const everyMs = campaign.input.policy.releaseEveryMinutes * MS_PER_MINUTE;
  const nextSlot = (Math.floor(atMs / everyMs) + 1) * everyMs;
  const nextDay = (dayOf(atMs) + 1) * MS_PER_DAY;
  const isBusy = state.lanes.some(({ left }) => left > 0) || hasSmallReady(campaign, state, atMs);
  const event = campaign.eventsAtMs[state.eventsDone] ?? Number.POSITIVE_INFINITY;
  const giveUp = state.oldestBatchMs + campaign.input.policy.giveUpDays * MS_PER_DAY;
  return Math.min(isBusy ? nextSlot : nextDay, Math.max(Math.min(event, giveUp), atMs + 1));
}

function hasSmallReady(campaign: Campaign, state: CampaignState, atMs: number): boolean {
  const day = dayOf(atMs);
  return state.requests.some((_, index) => {
    const held = heldOf(campaign, state, { index, atMs, day });
    return usersOf(campaign, state, index).some(
      (user) => readyOf(campaign, state, { index, user, large: false, day, held }) > 0,
    );
  });
}
