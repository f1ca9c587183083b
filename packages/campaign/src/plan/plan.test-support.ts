/** A judge of plans that knows only the sentences of the rules, and the best plans of small cases found by trying everything. */
import type { DeliveryBatch, DeliveryPolicy, DeliveryRequest } from './delivery-plan.js';

export const POLICY: DeliveryPolicy = {
  perUserPerDayMax: 500,
  simultaneousDays: 0,
  hopOrder: 'earliest-end',
  daysMax: 400,
};

const HOUR_MS = 3_600_000;
export const DAY_MS: number = 24 * HOUR_MS;

export function request(requestId: string, about: Partial<DeliveryRequest> = {}): DeliveryRequest {
  return {
    requestId,
    userId: `U-${requestId}`,
    requestedAtMs: 0,
    readyDay: 0,
    images: 10,
    priority: 'normal',
    ...about,
  };
}

function hopsOf({ chain }: DeliveryRequest): number {
  return chain?.hops ?? 1;
}

function limitOf({ requestId, userId, perDayMax }: DeliveryRequest): string {
  return perDayMax === undefined ? `user ${userId}` : `request ${requestId}`;
}

export interface Broken {
  readonly day: number;
  readonly rule: string;
}

/** Holds every day of a plan against every rule. `counts` says how often each rule had something to say. */
export function judge(
  requests: readonly DeliveryRequest[],
  capacityOf: (day: number) => number,
  policy: DeliveryPolicy,
  batches: readonly DeliveryBatch[],
  counts: Record<string, number> = {},
): readonly Broken[] {
  const broken: Broken[] = [];
  const count = (rule: string): void => void (counts[rule] = (counts[rule] ?? 0) + 1);
  const ordered = requests.toSorted(
    (a, b) => a.requestedAtMs - b.requestedAtMs || (a.requestId < b.requestId ? -1 : 1),
  );
  const groupOf = groupNumbers(ordered, policy);
  const startedUpTo = (id: string, hop: number, day: number): number =>
    batches.reduce((n, b) => n + (b.requestId === id && b.hop === hop && b.day <= day ? b.images : 0), 0);
  /** Images that may start on `day` after what has started until its end. */
  const ableAfter = (one: DeliveryRequest, day: number): number => {
    if (day < one.readyDay) return 0;
    let able = one.images - startedUpTo(one.requestId, 1, day);
    for (let hop = 2; hop <= hopsOf(one); hop += 1)
      able += startedUpTo(one.requestId, hop - 1, day - one.chain!.daysApart) - startedUpTo(one.requestId, hop, day);
    return able;
  };
  const firstDay = Math.min(...requests.map(({ readyDay }) => readyDay));
  const lastDay = Math.max(firstDay, ...batches.map(({ day }) => day));
  for (let day = firstDay; day <= lastDay; day += 1) {
    const bad = (rule: string): void => void broken.push({ day, rule });
    const today = batches.filter((batch) => batch.day === day);
    const sumOf = (some: readonly DeliveryBatch[]): number => some.reduce((n, { images }) => n + images, 0);
    const givenTo = (ids: readonly string[]): number => sumOf(today.filter(({ requestId }) => ids.includes(requestId)));
    const doneUpTo = (one: DeliveryRequest): number =>
      sumOf(batches.filter((b) => b.requestId === one.requestId && b.day <= day));
    if (sumOf(today) > capacityOf(day)) bad('capacity');
    const isHalted = requests.some(
      (one) =>
        one.haltsOthers === true &&
        one.readyDay <= day &&
        doneUpTo(one) - givenTo([one.requestId]) < one.images * hopsOf(one),
    );
    if (isHalted) count('halted');
    for (const one of requests) {
      if (day < one.readyDay && givenTo([one.requestId]) > 0) bad('ready');
      if (isHalted && one.priority === 'normal' && givenTo([one.requestId]) > 0) bad('halt');
      if (ableAfter(one, day) < 0) bad('asked');
      for (let hop = 2; hop <= hopsOf(one); hop += 1) {
        if (startedUpTo(one.requestId, hop, day) > startedUpTo(one.requestId, hop - 1, day - one.chain!.daysApart))
          bad('apart');
        count('hops');
      }
    }
    const parties = new Map<string, DeliveryRequest[]>();
    for (const one of ordered) parties.set(limitOf(one), [...(parties.get(limitOf(one)) ?? []), one]);
    const roomOf = new Map<string, number>();
    for (const [limit, members] of parties) {
      const room =
        (members[0]!.perDayMax ?? policy.perUserPerDayMax) - givenTo(members.map(({ requestId }) => requestId));
      if (room < 0) bad('limit');
      if (room === 0) count('limit reached');
      roomOf.set(limit, room);
    }
    /** Who could have had one more image today. */
    const hungry = ordered.filter(
      (one) => roomOf.get(limitOf(one))! > 0 && ableAfter(one, day) > 0 && !(isHalted && one.priority === 'normal'),
    );
    if (hungry.length > 0 && sumOf(today) < capacityOf(day)) bad('idle');
    for (const poor of hungry) {
      for (const rich of ordered) {
        if (givenTo([rich.requestId]) === 0) continue;
        if (rank(poor, groupOf) < rank(rich, groupOf)) bad('order');
        if (rank(poor, groupOf) > rank(rich, groupOf)) count('waits for an earlier one');
        if (rank(poor, groupOf) !== rank(rich, groupOf) || limitOf(poor) === limitOf(rich)) continue;
        const members = (one: DeliveryRequest): readonly DeliveryRequest[] =>
          ordered.filter((other) => limitOf(other) === limitOf(one) && rank(other, groupOf) === rank(one, groupOf));
        const part = (some: readonly DeliveryRequest[], less: number): number =>
          (some.reduce((n, one) => n + doneUpTo(one), 0) - less) /
          some.reduce((n, one) => n + one.images * hopsOf(one), 0);
        count('share');
        // The last image of the rich one was due to the poor one if that had a smaller part even so.
        if (part(members(rich), 1) > part(members(poor), 0) + 1e-12) bad('share');
      }
    }
  }
  return broken;
}

function rank(one: DeliveryRequest, groupOf: ReadonlyMap<DeliveryRequest, number>): number {
  return (one.priority === 'security' ? 0 : 1_000_000) + groupOf.get(one)!;
}

function groupNumbers(
  ordered: readonly DeliveryRequest[],
  policy: DeliveryPolicy,
): ReadonlyMap<DeliveryRequest, number> {
  const numbers = new Map<DeliveryRequest, number>();
  for (const priority of ['security', 'normal'] as const) {
    let since = -Infinity;
    let number = 0;
    for (const one of ordered.filter((other) => other.priority === priority)) {
      if (one.requestedAtMs - since > policy.simultaneousDays * DAY_MS) {
        since = one.requestedAtMs;
        number += 1;
      }
      numbers.set(one, number);
    }
  }
  return numbers;
}

export interface Best {
  /** Fewest days from day 0 to the last start, both counted. */
  readonly days: number;
  /** Smallest sum, over all meters, of the days counted from 1 on which their last images start. */
  readonly endDaysSum: number;
}

/** The optimum over every way to use each day, regardless of order, fairness and halting; for a few images only. */
export function bestByBruteForce(
  requests: readonly DeliveryRequest[],
  capacityOf: (day: number) => number,
  policy: DeliveryPolicy,
): Best {
  // A state: for each request and hop the days on which images started.
  type State = readonly (readonly (readonly number[])[])[];
  const start: State = requests.map((one) => Array.from({ length: hopsOf(one) }, () => []));
  const isDone = (state: State): boolean => state.every((hops, r) => hops.at(-1)!.length === requests[r]!.images);
  // Only what still matters for the future: an old start is as good as any other old one.
  const keyOf = (state: State, day: number): string =>
    JSON.stringify(
      state.map((hops, r) =>
        hops.map((days) => days.map((d) => Math.max(d, day - (requests[r]!.chain?.daysApart ?? 1)))),
      ),
    );
  let layer = new Map<string, { readonly state: State; readonly sum: number }>([['', { state: start, sum: 0 }]]);
  let days = Infinity;
  let endDaysSum = Infinity;
  for (let day = 0; layer.size > 0; day += 1) {
    const next = new Map<string, { readonly state: State; readonly sum: number }>();
    for (const { state, sum } of layer.values()) {
      for (const after of choices(state, day)) {
        const ended = after.reduce((n, hops, r) => n + hops.at(-1)!.length - state[r]!.at(-1)!.length, 0);
        const total = sum + ended * (day + 1);
        if (isDone(after)) {
          days = Math.min(days, day + 1);
          endDaysSum = Math.min(endDaysSum, total);
          continue;
        }
        const key = keyOf(after, day + 1);
        if ((next.get(key)?.sum ?? Infinity) > total) next.set(key, { state: after, sum: total });
      }
    }
    // Once an end is known, only what can still lower the sum is followed, or nothing would keep a plan from idling for ever.
    const metersLeft = (state: State): number =>
      state.reduce((n, hops, r) => n + requests[r]!.images - hops.at(-1)!.length, 0);
    layer = new Map(
      [...next].filter(([, { state, sum }]) => days > day + 1 || sum + metersLeft(state) * (day + 2) < endDaysSum),
    );
    if (day > 60) throw new Error('a case that does not end');
  }
  return { days, endDaysSum };

  function choices(state: State, day: number): readonly State[] {
    const slots = requests.flatMap((one, r) => Array.from({ length: hopsOf(one) }, (_, hop) => ({ one, r, hop })));
    const found: State[] = [];
    const walk = (k: number, now: State, left: number, room: ReadonlyMap<string, number>): void => {
      const slot = slots[k];
      if (slot === undefined) return void found.push(now);
      const { one, r, hop } = slot;
      const limit = limitOf(one);
      const before =
        hop === 0
          ? day >= one.readyDay
            ? one.images
            : 0
          : state[r]![hop - 1]!.filter((d) => d + one.chain!.daysApart <= day).length;
      const roomLeft = room.get(limit) ?? one.perDayMax ?? policy.perUserPerDayMax;
      const able = Math.min(before - state[r]![hop]!.length, left, roomLeft);
      for (let some = 0; some <= able; some += 1) {
        const days = [...now[r]![hop]!, ...Array.from({ length: some }, () => day)];
        const hops = now[r]!.with(hop, days);
        walk(k + 1, now.with(r, hops), left - some, new Map(room).set(limit, roomLeft - some));
      }
    };
    walk(0, state, capacityOf(day), new Map());
    return found;
  }
}
