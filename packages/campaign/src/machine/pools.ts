/**
 * Which meters can be started, kept beside the table so that no step looks at all of them. A meter that waits, stands on an interim version or is
 * parked is in the pool of its route, hop and User; one that is under way is counted there. Only `apply` changes pools.
 */
import { HOPS_MAX, USERS_MAX } from '../limits.js';
import type { CampaignState, Pool } from '../model/campaign-state.js';
import { MARK_STARTED } from '../model/campaign-state.js';
import { dayOf } from '../time/civil.js';
import type { Campaign } from './campaign.js';
import { STAGE } from './stages.js';

/** After the meter has come to its stage, route, hop and owner. */
export function enterPool(campaign: Campaign, state: CampaignState, meter: number): void {
  const { stage, tries, sinceMs } = state.meters;
  const { policy } = campaign.input;
  switch (stage[meter]) {
    case STAGE.waiting:
    case STAGE.installed: {
      const pool = poolFor(campaign, state, meter);
      if (isFresh(state, meter)) {
        pool.fresh += 1;
        pool.next = Math.min(pool.next, meter);
      } else {
        pool.queue.push(meter);
        pool.queued += 1;
      }
      return;
    }
    case STAGE.parked: {
      const day = dayOf(sinceMs[meter]!);
      if (tries[meter]! > policy.retriesMax) {
        state.spent.push(meter);
        return;
      }
      const { retries } = poolFor(campaign, state, meter);
      const bucket = retries.get(day + policy.retryAfterDays);
      if (bucket === undefined) retries.set(day + policy.retryAfterDays, { meters: [meter], count: 1 });
      else {
        bucket.meters.push(meter);
        bucket.count += 1;
      }
      const expiry = state.expiries.get(day + policy.parkedDaysMax);
      if (expiry === undefined) state.expiries.set(day + policy.parkedDaysMax, [meter]);
      else expiry.push(meter);
      return;
    }
    case STAGE.released:
      poolFor(campaign, state, meter).underWay += 1;
      return;
    default:
      return;
  }
}

/** Before the meter's stage, route, hop or owner changes. */
export function leavePool(campaign: Campaign, state: CampaignState, meter: number): void {
  const { stage, tries, sinceMs } = state.meters;
  const { policy } = campaign.input;
  switch (stage[meter]) {
    case STAGE.waiting:
    case STAGE.installed: {
      const pool = poolFor(campaign, state, meter);
      if (isFresh(state, meter)) pool.fresh -= 1;
      else pool.queued -= 1;
      return;
    }
    case STAGE.parked: {
      if (tries[meter]! > policy.retriesMax) return;
      const { retries } = poolFor(campaign, state, meter);
      const day = dayOf(sinceMs[meter]!) + policy.retryAfterDays;
      const bucket = retries.get(day)!;
      bucket.count -= 1;
      if (bucket.count === 0) retries.delete(day);
      return;
    }
    case STAGE.released:
      poolFor(campaign, state, meter).underWay -= 1;
      return;
    default:
      return;
  }
}

/** Forgets entries at the front of the pool that mean nothing any more. */
export function tidyPool(state: CampaignState, pool: Pool): void {
  while (pool.next < pool.end && !(isFresh(state, pool.next) && isIn(state, pool, pool.next))) pool.next += 1;
  while (pool.queueHead < pool.queue.length && !isQueued(state, pool, pool.queue[pool.queueHead]!)) pool.queueHead += 1;
  if (pool.queueHead === pool.queue.length || pool.queueHead > pool.queue.length / 2) {
    pool.queue = pool.queue.slice(pool.queueHead);
    pool.queueHead = 0;
  }
}

/** Up to `count` meters of the pool's queue, parked ones that are due on `day` first, in the order in which they came. */
export function takeReady(
  { input }: Campaign,
  state: CampaignState,
  pool: Pool,
  day: number,
  count: number,
  into: Set<number>,
): void {
  const full = into.size + count;
  const { stage, sinceMs } = state.meters;
  for (const due of [...pool.retries.keys()].filter((key) => key <= day).toSorted((one, other) => one - other)) {
    for (const meter of pool.retries.get(due)!.meters) {
      if (into.size >= full) return;
      // A meter that was parked here before, and again since, is in a later bucket.
      const isDue = dayOf(sinceMs[meter]!) + input.policy.retryAfterDays === due;
      if (isDue && stage[meter] === STAGE.parked && isIn(state, pool, meter)) into.add(meter);
    }
  }
  for (let at = pool.queueHead; at < pool.queue.length && into.size < full; at += 1) {
    const meter = pool.queue[at]!;
    if (isQueued(state, pool, meter)) into.add(meter);
  }
}

/** Up to `count` meters that were never started, by index. */
export function takeFresh(state: CampaignState, pool: Pool, count: number, into: Set<number>): void {
  const full = into.size + count;
  if (pool.fresh === 0) return;
  for (let meter = pool.next; meter < pool.end && into.size < full; meter += 1)
    if (isFresh(state, meter) && isIn(state, pool, meter)) into.add(meter);
}

/** Meters that are not fresh and could start on the day. */
export function readyCount(pool: Pool, day: number): number {
  let count = pool.queued;
  for (const [due, bucket] of pool.retries) if (due <= day) count += bucket.count;
  return count;
}

/** Meters that are to be started in this pool, now or later. */
export function waitingIn(pool: Pool): number {
  return pool.fresh + readyCount(pool, Number.POSITIVE_INFINITY);
}

function isQueued(state: CampaignState, pool: Pool, meter: number): boolean {
  const stage = state.meters.stage[meter];
  return isIn(state, pool, meter) && (stage === STAGE.installed || stage === STAGE.waiting) && !isFresh(state, meter);
}

/** Waits, and was never started. */
function isFresh({ meters }: CampaignState, meter: number): boolean {
  return meters.stage[meter] === STAGE.waiting && (meters.marks[meter]! & MARK_STARTED) === 0;
}

function isIn({ meters }: CampaignState, pool: Pool, meter: number): boolean {
  return meters.route[meter] === pool.route && meters.hop[meter] === pool.hop && meters.owner[meter] === pool.user;
}

function poolFor(campaign: Campaign, state: CampaignState, meter: number): Pool {
  const route = state.meters.route[meter]!;
  const hop = state.meters.hop[meter]!;
  const user = state.meters.owner[meter]!;
  const key = (route * (HOPS_MAX + 1) + hop) * USERS_MAX + user;
  const known = state.poolOf.get(key);
  if (known !== undefined) return known;
  const { request, cohort, route: way } = state.routes[route]!;
  const end = campaign.cohortFirst[cohort + 1]!;
  const pool: Pool = {
    request,
    route,
    hop,
    user,
    large: way.hops[hop]!.large,
    next: end,
    end,
    fresh: 0,
    queue: [],
    queueHead: 0,
    queued: 0,
    retries: new Map(),
    underWay: 0,
  };
  state.poolOf.set(key, pool);
  state.requests[request]!.pools.push(pool);
  return pool;
}
