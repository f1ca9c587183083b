/**
 * Which request starts how many large images on which day (MP230 Annex D). Day by day, in this order:
 *
 * 1. security requests, then normal ones, unless a security request halts them (1.5);
 * 2. first requester first; those made at the same time share by population, capacity used and time of request (1.4; `share-day.ts`);
 * 3. within a request by hop.
 *
 * Nothing starts above the capacity of the day or a limit, and no capacity is left while somebody may use it.
 */
import { ClaimGroup, type LimitsLeft } from './claim-group.js';
import type { DeliveryBatch, DeliveryPlan, DeliveryPolicy, DeliveryRequest } from './delivery-plan.js';
import { Progress } from './progress.js';

const MS_PER_DAY = 86_400_000;

/**
 * @param capacityOf - Large images that may start on a day, what other traffic takes already taken off. Asked once for each day, in order.
 * @returns the plan; the same for the same arguments, whatever the order of `requests`.
 * @throws RangeError for a number that is not what it says, a request id that is there twice, or a normal request that halts others: mistakes
 *   of the caller.
 */
export function planDeliveries(
  requests: readonly DeliveryRequest[],
  capacityOf: (day: number) => number,
  policy: DeliveryPolicy,
): DeliveryPlan {
  checkPolicy(policy);
  checkRequests(requests);
  const all = requests.toSorted(byTime).map((request) => new Progress(request, policy.hopOrder));
  const security = groupsOf(all, 'security', policy);
  const normal = groupsOf(all, 'normal', policy);
  const batches: DeliveryBatch[] = [];
  let unusedImages = 0;
  let idleImages = 0; // since the last start: unused only if there is another one
  const firstReady = Math.min(...requests.map(({ readyDay }) => readyDay));
  for (let day = firstReady; day < firstReady + policy.daysMax && all.some(({ isDone }) => !isDone); day += 1) {
    const capacity = checked(capacityOf(day), 0, `the capacity of day ${day}`);
    for (const one of all) one.begin(day);
    const isHalted = all.some(
      ({ request, isDone }) => request.haltsOthers === true && !isDone && request.readyDay <= day,
    );
    const limits: LimitsLeft = new Map();
    let left = capacity;
    for (const group of isHalted ? security : [...security, ...normal])
      left -= group.serve(day, left, limits, (batch) => batches.push(batch));
    if (batches.length > 0) idleImages += left;
    if (left === capacity) continue;
    unusedImages += idleImages;
    idleImages = 0;
  }
  return summary(all, batches, unusedImages, [...security, ...normal]);
}

function summary(
  all: readonly Progress[],
  batches: readonly DeliveryBatch[],
  unusedImages: number,
  groups: readonly ClaimGroup[],
): DeliveryPlan {
  const firstDay = batches[0]?.day;
  const endDay = batches.at(-1)?.day;
  const outcomes = all.map((one) => one.outcome());
  return {
    batches,
    requests: outcomes,
    firstDay,
    endDay,
    days: firstDay === undefined || endDay === undefined ? 0 : endDay - firstDay + 1,
    unusedImages,
    unplanned: outcomes.reduce((sum, { unplanned }) => sum + unplanned, 0),
    fairness: groups.flatMap((group) => group.fairness() ?? []),
  };
}

/** A group is what was asked for within `simultaneousDays` of its first request: not of its last, or a row of requests would have no end. */
function groupsOf(
  all: readonly Progress[],
  priority: DeliveryRequest['priority'],
  policy: DeliveryPolicy,
): readonly ClaimGroup[] {
  const groups: Progress[][] = [];
  let untilMs = -Infinity;
  for (const one of all) {
    const { requestedAtMs } = one.request;
    if (one.request.priority !== priority) continue;
    if (requestedAtMs > untilMs) {
      groups.push([]);
      untilMs = requestedAtMs + policy.simultaneousDays * MS_PER_DAY;
    }
    groups.at(-1)?.push(one);
  }
  return groups.map((members) => new ClaimGroup(members, policy));
}

/** By time of request, then by id: code units, so that no locale changes a plan. */
function byTime(one: DeliveryRequest, other: DeliveryRequest): number {
  return one.requestedAtMs - other.requestedAtMs || (one.requestId < other.requestId ? -1 : 1);
}

function checkPolicy({ perUserPerDayMax, simultaneousDays, daysMax }: DeliveryPolicy): void {
  checked(perUserPerDayMax, 0, 'perUserPerDayMax');
  checked(simultaneousDays, 0, 'simultaneousDays');
  checked(daysMax, 1, 'daysMax');
}

function checkRequests(requests: readonly DeliveryRequest[]): void {
  const ids = new Set<string>();
  for (const { requestId, requestedAtMs, readyDay, images, chain, perDayMax, priority, haltsOthers } of requests) {
    if (ids.has(requestId)) throw new RangeError(`the request ${requestId} is there twice`);
    ids.add(requestId);
    checked(requestedAtMs, -Infinity, `requestedAtMs of ${requestId}`);
    checked(readyDay, -Infinity, `readyDay of ${requestId}`);
    checked(images, 1, `images of ${requestId}`);
    checked(perDayMax ?? 0, 0, `perDayMax of ${requestId}`);
    checked(chain?.hops ?? 1, 1, `chain.hops of ${requestId}`);
    checked(chain?.daysApart ?? 1, 1, `chain.daysApart of ${requestId}`);
    if (haltsOthers === true && priority !== 'security')
      throw new RangeError(`the request ${requestId} halts others, which only a security request may`);
  }
}

function checked(value: number, least: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(
      `${name} is ${value}; it must be a whole number${least === -Infinity ? '' : ` from ${least}`}`,
    );
  return value;
}
