/** What the rules of `docs/RULES.md` say of one request on one day. Reads a state, changes nothing. */
import { METERS_PER_RECORD_MAX } from '../limits.js';
import type { CampaignState, Pool } from '../model/campaign-state.js';
import { checkedDay, dayFrom } from '../time/civil.js';
import { type Campaign, requestAt } from './campaign.js';
import { startsOf } from './create-state.js';
import { readyCount, takeFresh, takeReady, waitingIn } from './pools.js';

/** Of the day, for all Users and all traffic. */
export function capacityOn({ input }: Campaign, state: CampaignState, day: number): number {
  return state.capacityChanges.findLast(({ fromDay }) => fromDay <= day)?.imagesPerDay ?? input.policy.capacityPerDay;
}

export function otherTrafficOn({ input }: Campaign, day: number): number {
  let images = 0;
  for (const { fromDay, toDay, imagesPerDay } of input.otherTraffic)
    if (checkedDay(fromDay) <= day && day <= checkedDay(toDay)) images += imagesPerDay;
  return images;
}

/** Large images that may still start on the day (rule R01). */
export function roomOn(campaign: Campaign, state: CampaignState, day: number): number {
  const spare = Math.max(0, capacityOn(campaign, state, day) - otherTrafficOn(campaign, day));
  const room = Math.max(0, spare - startsOf(state, day).all);
  return state.roomDay === day ? Math.min(room, Math.max(0, state.roomImages)) : room;
}

/** Whether starts of this request for this User fall under the 500 of a User (the last sentence of "limit" in RULES.md). */
export function countsAsUnscheduled(campaign: Campaign, index: number, user: number): boolean {
  const { schedule, priority, userId } = requestAt(campaign, index);
  const isOwn = campaign.users.get(userId) === user;
  return !(isOwn && (schedule !== undefined || priority === 'security'));
}

/** Images of the agreed schedule on the day; undefined without a schedule. */
export function scheduledOn(campaign: Campaign, index: number, day: number): number | undefined {
  const { schedule } = requestAt(campaign, index);
  if (schedule === undefined) return undefined;
  const period = schedule.periods.find(
    ({ fromDay, toDay }) => checkedDay(fromDay) <= day && (toDay === undefined || day <= checkedDay(toDay)),
  );
  return period?.imagesPerDay ?? 0;
}

/** What the 500 of a User leaves on the day. */
function unscheduledLeft({ input }: Campaign, state: CampaignState, user: number, day: number): number {
  const { unscheduledPerDay, unscheduledEdge } = input.policy;
  const max = unscheduledEdge === 'or-more' ? unscheduledPerDay - 1 : unscheduledPerDay;
  return Math.max(0, max - (startsOf(state, day).unscheduledByUser.get(user) ?? 0));
}

/** Large images of one request for one User on the day, beyond those started; `room` where nothing limits them. */
export function limitOf(
  campaign: Campaign,
  state: CampaignState,
  {
    index,
    user,
    day,
    room,
  }: { readonly index: number; readonly user: number; readonly day: number; readonly room: number },
): number {
  if (countsAsUnscheduled(campaign, index, user)) return unscheduledLeft(campaign, state, user, day);
  const agreed = scheduledOn(campaign, index, day);
  if (agreed === undefined) return room;
  return Math.max(0, agreed - (startsOf(state, day).ownByRequest.get(index) ?? 0));
}

export interface Held {
  /** Meters on their first version may not start. */
  readonly news: boolean;
  /** Meters half-way may not start. */
  readonly completions: boolean;
}

const NOTHING_HELD: Held = { news: false, completions: false };
const NEWS_HELD: Held = { news: true, completions: false };
const ALL_HELD: Held = { news: true, completions: true };

/** @param options - `withoutHalt`: as if no incident halted others. */
export function heldOf(
  campaign: Campaign,
  state: CampaignState,
  {
    index,
    atMs,
    day,
    withoutHalt = false,
  }: { readonly index: number; readonly atMs: number; readonly day: number; readonly withoutHalt?: boolean },
): Held {
  const { priority, deviceType } = requestAt(campaign, index);
  const { status, halfDone, noticedFromMs } = state.requests[index]!;
  if (status === 'unopened' || status === 'refused' || status === 'stopped') return ALL_HELD;
  if (day < campaign.firstDays[index]!) return ALL_HELD;
  const incidents = state.incidents.filter(({ request }) => request === index);
  if (priority === 'security' && incidents.length === 0) return ALL_HELD;
  if (!withoutHalt && isHalted(state) && !incidents.some(({ isOpen }) => isOpen)) return ALL_HELD;
  if (
    deviceType === 'comms-hub' &&
    (noticedFromMs === undefined || atMs < noticedFromMs || day < dayFrom(noticedFromMs))
  )
    return ALL_HELD;
  if (status === 'aborted') return halfDone === 'leave' ? ALL_HELD : NEWS_HELD;
  return status === 'paused' ? NEWS_HELD : NOTHING_HELD;
}

export function isHalted(state: CampaignState): boolean {
  return state.incidents.some(({ isOpen, haltsOthers }) => isOpen && haltsOthers);
}

/** First starts that the phase still allows (rules R19, R20). */
export function allowanceOf(campaign: Campaign, state: CampaignState, index: number): number {
  const { phases, safetyTestMeters } = requestAt(campaign, index);
  const { phase, started, safetyTested } = state.requests[index]!;
  const limit = safetyTestMeters !== undefined && !safetyTested ? safetyTestMeters : phases[phase]?.meters;
  return limit === undefined ? Number.POSITIVE_INFINITY : Math.max(0, limit - started);
}

/** Whether meters of the pool may start on the day, as far as their cohort and their place on the way decide. */
function isOpen(campaign: Campaign, state: CampaignState, pool: Pool, held: Held, day: number): boolean {
  if (pool.hop > 0) return !held.completions;
  if (held.news || campaign.users.get(requestAt(campaign, pool.request).userId) !== pool.user) return false;
  const approved = campaign.epclDays[state.routes[pool.route]!.cohort];
  return approved === undefined || approved <= day;
}

export interface WhichStarts {
  readonly index: number;
  readonly user: number;
  readonly large: boolean;
  readonly day: number;
  readonly held: Held;
}

/** How many meters of a request could start on the day on behalf of the User. */
export function readyOf(
  campaign: Campaign,
  state: CampaignState,
  { index, user, large, day, held }: WhichStarts,
): number {
  let ready = 0;
  let fresh = 0;
  for (const pool of state.requests[index]!.pools) {
    if (pool.user !== user || pool.large !== large || !isOpen(campaign, state, pool, held, day)) continue;
    ready += readyCount(pool, day);
    fresh += pool.fresh;
  }
  return ready + Math.min(fresh, allowanceOf(campaign, state, index));
}

/** Large images that the request's meters still need of the User, on their present ways; one that is under way is none of them. */
export function owedOf(state: CampaignState, index: number, user: number): number {
  let images = 0;
  for (const pool of state.requests[index]!.pools) {
    if (pool.user !== user) continue;
    const later = state.routes[pool.route]!.route.hops.slice(pool.hop + 1).filter(({ large }) => large).length;
    images += pool.underWay * later + waitingIn(pool) * (later + Number(pool.large));
  }
  return images;
}

/** Up to `count` of them: furthest on their way first, then parked and waiting ones that were started before, then first starts by index. */
export function pickReady(
  campaign: Campaign,
  state: CampaignState,
  { index, user, large, day, held }: WhichStarts,
  count: number,
): readonly { readonly pool: Pool; readonly meters: readonly number[] }[] {
  const pools = state.requests[index]!.pools.filter(
    (pool) => pool.user === user && pool.large === large && isOpen(campaign, state, pool, held, day),
  ).toSorted((one, other) => other.hop - one.hop || one.route - other.route);
  const picked = pools.map((pool) => ({ pool, meters: new Set<number>() }));
  let left = Math.min(count, METERS_PER_RECORD_MAX);
  for (const { pool, meters } of picked) {
    takeReady(campaign, state, pool, day, left, meters);
    left -= meters.size;
  }
  left = Math.min(left, allowanceOf(campaign, state, index));
  for (const { pool, meters } of picked) {
    const before = meters.size;
    takeFresh(state, pool, left, meters);
    left -= meters.size - before;
  }
  return picked.flatMap(({ pool, meters }) => (meters.size === 0 ? [] : [{ pool, meters: [...meters] }]));
}

/** Users on whose behalf meters of the request wait: its own first, then those that meters have churned to, in the order of the input. */
export function usersOf(campaign: Campaign, state: CampaignState, index: number): readonly number[] {
  const own = campaign.users.get(requestAt(campaign, index).userId)!;
  const others = new Set(state.requests[index]!.pools.map(({ user }) => user));
  others.delete(own);
  return [own, ...[...others].toSorted((one, other) => one - other)];
}
