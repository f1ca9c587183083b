/**
 * Small campaigns of perfect meters: what the machine makes of them, and the best that could be made of them, found by trying everything. The second
 * half knows capacity, limits, days of readiness and hops, and nothing of the machine.
 */
import type { CampaignRecord } from '../model/campaign-record.js';
import { countOf } from '../model/meter-set.js';
import {
  cohort,
  DAY_MS,
  entry,
  type Json,
  request,
  SUPPLIER_A,
  SUPPLIER_B,
  SUPPLIER_C,
  worldOf,
} from '../small-world.test-support.js';

export interface Ask {
  readonly user: 'A' | 'B' | 'C';
  /** Days before the start. */
  readonly askedDaysBefore: number;
  readonly readyDay: number;
  readonly meters: number;
  /** Images a day of an agreed schedule; without one the User's requests share {@link SmallCase.unscheduledPerDay}. */
  readonly perDay: number | undefined;
  readonly hops: number;
  /** Days from one image of a meter to its next, at least 1. */
  readonly daysApart: number;
  /** Belongs to an incident that is open from day 0 on, goes first, and has no limit but a schedule. */
  readonly isSecurity: boolean;
}

/** Days are counted from the campaign's first, 0. */
export interface SmallCase {
  readonly asks: readonly Ask[];
  /** Of the first days; every later day has `laterCapacity`. */
  readonly capacities: readonly number[];
  readonly laterCapacity: number;
  readonly unscheduledPerDay: number;
  readonly simultaneousDays: number;
  /** Until this day nothing but security may start; 0: nobody is halted. */
  readonly haltedUntilDay: number;
}

export interface Cost {
  /** From day 0 to the last start, both counted. */
  readonly days: number;
  /** Over all meters, of the days counted from 1 on which their last images start. */
  readonly endDaysSum: number;
}

const START_MS = Date.UTC(2027, 0, 4);
const VERSIONS = ['V1', 'V2', 'V3', 'V4'];
const CLOSES_AT_DAY = 40;

const dayText = (day: number): string => new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10);
const instant = (day: number): string => `${dayText(day)}T00:00:00Z`;

/** What the machine makes of it. @throws Error when its campaign does not end. */
export function simulated(about: SmallCase): { readonly cost: Cost; readonly records: readonly CampaignRecord[] } {
  const { ended, records } = worldOf(inputOf(about));
  if (!ended) throw new Error('the campaign does not end');
  let days = 0;
  let endDaysSum = 0;
  for (const record of records) {
    if (record.kind !== 'released') continue;
    const day = Math.floor((record.atMs - START_MS) / DAY_MS);
    const { hops } = about.asks[Number(record.requestId)]!;
    for (const { hop, meters } of record.parts) if (hop === hops - 1) endDaysSum += (day + 1) * countOf(meters);
    days = day + 1;
  }
  return { cost: { days, endDaysSum }, records };
}

function inputOf({ asks, capacities, laterCapacity, ...about }: SmallCase): Json {
  const capacityPerDay = Math.max(laterCapacity, ...capacities);
  const users = { A: SUPPLIER_A, B: SUPPLIER_B, C: SUPPLIER_C };
  const event = (day: number, command: Json): Json => ({ at: instant(day), command });
  const incident = (k: number): Json => ({ incidentId: `I${k}`, requestId: String(k) });
  const security = asks.flatMap(({ isSecurity }, k) => (isSecurity ? [k] : []));
  const halts = (k: number): boolean => about.haltedUntilDay > 0 && k === security[0];
  const closes = security.map((k) => ({ k, day: halts(k) ? about.haltedUntilDay : CLOSES_AT_DAY }));
  return {
    lists: { cpl: VERSIONS.map((id, k) => entry(id, k === 0 ? 'N/A' : [VERSIONS[k - 1]!])), epcl: [] },
    cohorts: asks.map(({ user, meters }, k) => cohort(`c${k}`, meters, { userId: users[user] })),
    requests: asks.map(({ user, hops, perDay, readyDay, askedDaysBefore, isSecurity, meters }, k) =>
      request(String(k), [`c${k}`], {
        userId: users[user],
        targetEntryId: VERSIONS[hops],
        requestedAt: instant(-askedDaysBefore),
        readyDay: dayText(readyDay),
        schedule:
          perDay === undefined
            ? undefined
            : { approvalForm: 'F', periods: [{ fromDay: dayText(0), imagesPerDay: perDay }] },
        ...(isSecurity ? { priority: 'security', safetyTestMeters: meters } : {}),
      }),
    ),
    policy: {
      capacityPerDay,
      unscheduledPerDay: about.unscheduledPerDay,
      simultaneousDays: about.simultaneousDays,
      releaseEveryMinutes: 1_440,
    },
    otherTraffic: Array.from({ length: 400 }, (_, day) => ({
      fromDay: dayText(day),
      toDay: dayText(day),
      imagesPerDay: capacityPerDay - (capacities[day] ?? laterCapacity),
    })),
    events: [
      ...security.map((k) => event(0, { kind: 'open-incident', ...incident(k), priority: 1, haltsOthers: halts(k) })),
      ...closes
        .toSorted((one, other) => one.day - other.day)
        .map(({ k, day }) => event(day, { kind: 'close-incident', incidentId: `I${k}` })),
    ],
    model: {
      cohorts: asks.map(({ daysApart }, k) => {
        // Told at the moment of release that comes next, which is so many days later.
        const minutes = 1_440 * daysApart - 1;
        return { cohortId: `c${k}`, behaviour: { minutesMin: minutes, minutesMax: minutes } };
      }),
    },
  };
}

/** For each request and hop the days on which images started. */
type Starts = readonly (readonly (readonly number[])[])[];

/** The best over every way to use each day, regardless of order and fairness; for a few images only. */
export function bestByBruteForce(about: SmallCase): Cost {
  const { asks } = about;
  // Only what still matters for the future: an old start is as good as any other old one.
  const keyOf = (starts: Starts, day: number): string =>
    JSON.stringify(starts.map((hops, r) => hops.map((days) => days.map((d) => Math.max(d, day - asks[r]!.daysApart)))));
  const metersLeft = (starts: Starts): number =>
    starts.reduce((sum, hops, r) => sum + asks[r]!.meters - hops.at(-1)!.length, 0);
  const none: Starts = asks.map(({ hops }) => Array.from({ length: hops }, () => []));
  let layer = [{ starts: none, sum: 0 }];
  let days = Infinity;
  let endDaysSum = Infinity;
  for (let day = 0; layer.length > 0; day += 1) {
    if (day > 80) throw new Error('a case that does not end');
    const next = new Map<string, { readonly starts: Starts; readonly sum: number }>();
    for (const { starts, sum } of layer) {
      for (const after of waysToUse(about, starts, day)) {
        const total = sum + (metersLeft(starts) - metersLeft(after)) * (day + 1);
        if (metersLeft(after) === 0) {
          days = Math.min(days, day + 1);
          endDaysSum = Math.min(endDaysSum, total);
          continue;
        }
        const key = keyOf(after, day + 1);
        if ((next.get(key)?.sum ?? Infinity) > total) next.set(key, { starts: after, sum: total });
      }
    }
    // Once an end is known, only what can still lower the sum is followed, or nothing would keep it from idling for ever.
    layer = [...next.values()].filter(
      ({ starts, sum }) => days > day + 1 || sum + metersLeft(starts) * (day + 2) < endDaysSum,
    );
  }
  return { days, endDaysSum };
}

/** Every way, that of starting nothing among them. */
function waysToUse(about: SmallCase, starts: Starts, day: number): readonly Starts[] {
  const slots = about.asks.flatMap((ask, r) => Array.from({ length: ask.hops }, (_, hop) => ({ ask, r, hop })));
  const found: Starts[] = [];
  const walk = (k: number, now: Starts, left: number, room: ReadonlyMap<string, number>): void => {
    const slot = slots[k];
    if (slot === undefined) return void found.push(now);
    const { ask, r, hop } = slot;
    const [limit, most] = limitOf(about, ask, r);
    const roomLeft = room.get(limit) ?? most;
    const able = Math.min(readyFor(about, ask, starts[r]!, hop, day) - starts[r]![hop]!.length, left, roomLeft);
    for (let some = 0; some <= able; some += 1) {
      const days = [...now[r]![hop]!, ...Array.from({ length: some }, () => day)];
      const after = now.with(r, now[r]!.with(hop, days));
      walk(k + 1, after, left - some, new Map(room).set(limit, roomLeft - some));
    }
  };
  walk(0, starts, about.capacities[day] ?? about.laterCapacity, new Map());
  return found;
}

/** Meters that have come to the hop so far, those that have gone on included. */
function readyFor(
  about: SmallCase,
  ask: Ask,
  starts: readonly (readonly number[])[],
  hop: number,
  day: number,
): number {
  if (!ask.isSecurity && day < about.haltedUntilDay) return starts[hop]!.length;
  if (hop > 0) return starts[hop - 1]!.filter((before) => before + ask.daysApart <= day).length;
  return day >= ask.readyDay ? ask.meters : 0;
}

function limitOf({ unscheduledPerDay }: SmallCase, ask: Ask, r: number): readonly [name: string, most: number] {
  if (ask.perDay !== undefined) return [`request ${r}`, ask.perDay];
  return ask.isSecurity ? [`request ${r}`, Infinity] : [`User ${ask.user}`, unscheduledPerDay];
}
