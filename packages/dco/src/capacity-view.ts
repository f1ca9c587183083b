/** The daily capacity as the DCO tells of it: days as `2030-01-31`, everything else as in the ledger. */
import { dayText } from './ledger/day.js';
import { startsOfUser, startsOn } from './ledger/ledger.js';
import type { CapacityChange, Incident, Ledger, Schedule } from './ledger/ledger.js';
import { capacityOn, covers, isHalting, limitOf, scheduleOf, unscheduledLimit } from './ledger/may-start.js';
import type { CapacityPolicy } from './ledger/may-start.js';

export interface UserCapacityView {
  readonly userId: string;
  readonly used: number;
  readonly limit: number;
  /** What this User may still start on the day: the least of its limit and of the day's capacity, less what is used. */
  readonly left: number;
  /** Releases that have asked for a start and not had one, as of now. */
  readonly waiting: number;
  /** Reference of the schedule that gives the limit. */
  readonly schedule?: string;
}

export interface ScheduleView {
  readonly reference: string;
  readonly userId: string;
  readonly from: string;
  readonly to: string;
  readonly perDay: number;
  readonly at: string;
}

export interface CapacityChangeView {
  readonly reference: string;
  readonly from: string;
  readonly perDay: number;
  readonly otherTraffic: number;
  readonly at: string;
}

export interface IncidentView {
  readonly reference: string;
  readonly firmwareHash: string;
  readonly priority: number;
  readonly halts: boolean;
  readonly at: string;
}

export interface CapacityView {
  readonly day: string;
  /** The day that starts count for now. */
  readonly today: string;
  /** Large images a day over all Users, and how many of them other traffic takes; `max` is the difference. */
  readonly perDay: number;
  readonly otherTraffic: number;
  readonly max: number;
  readonly used: number;
  readonly left: number;
  /** For every User without a schedule. */
  readonly limitWithoutSchedule: number;
  readonly waiting: number;
  /** Large images of no incident wait. */
  readonly halted: boolean;
  /** Users with starts or a schedule on the day, and those who wait. */
  readonly users: readonly UserCapacityView[];
  /** Open ones. */
  readonly incidents: readonly IncidentView[];
  /** Those that are not over. */
  readonly schedules: readonly ScheduleView[];
  /** The one that counts, and those to come. */
  readonly changes: readonly CapacityChangeView[];
}

export function capacityView(
  ledger: Ledger,
  policy: CapacityPolicy,
  asked: ReadonlyMap<string, number>,
  today: number,
  day: number,
): CapacityView {
  const { perDay, otherTraffic, max } = capacityOn(ledger, policy, day);
  const used = startsOn(ledger, day);
  const left = Math.max(0, max - used);
  const scheduled = [...ledger.schedules.values()].filter((one) => covers(one, day)).map(({ userId }) => userId);
  const userIds = new Set([...(ledger.starts.get(day)?.keys() ?? []), ...scheduled, ...asked.keys()]);
  const current = capacityOn(ledger, policy, today).change?.fromDay ?? today;
  let waiting = 0;
  for (const count of asked.values()) waiting += count;
  return {
    day: dayText(day),
    today: dayText(today),
    perDay,
    otherTraffic,
    max,
    used,
    left,
    limitWithoutSchedule: unscheduledLimit(policy),
    waiting,
    halted: isHalting(ledger),
    users: [...userIds].toSorted().map((userId) => {
      const limit = limitOf(ledger, policy, userId, day);
      const usedByUser = startsOfUser(ledger, day, userId);
      const schedule = scheduleOf(ledger, userId, day);
      return {
        userId,
        used: usedByUser,
        limit,
        left: Math.max(0, Math.min(limit - usedByUser, left)),
        waiting: asked.get(userId) ?? 0,
        ...(schedule === undefined ? {} : { schedule: schedule.reference }),
      };
    }),
    incidents: [...ledger.incidents.values()].filter(({ isOpen }) => isOpen).map(incidentView),
    schedules: [...ledger.schedules.values()]
      .filter(({ toDay }) => toDay >= today)
      .toSorted((a, b) => a.fromDay - b.fromDay)
      .map(scheduleView),
    changes: [...ledger.changes.values()]
      .filter(({ fromDay }) => fromDay >= current)
      .toSorted((a, b) => a.fromDay - b.fromDay)
      .map(changeView),
  };
}

function scheduleView({ reference, userId, fromDay, toDay, perDay, atMs }: Schedule): ScheduleView {
  return { reference, userId, from: dayText(fromDay), to: dayText(toDay), perDay, at: dateText(atMs) };
}

function changeView({ reference, fromDay, perDay, otherTraffic, atMs }: CapacityChange): CapacityChangeView {
  return { reference, from: dayText(fromDay), perDay, otherTraffic, at: dateText(atMs) };
}

function incidentView({ reference, firmwareHash, priority, halts, atMs }: Incident): IncidentView {
  return { reference, firmwareHash, priority, halts, at: dateText(atMs) };
}

function dateText(atMs: number): string {
  return new Date(atMs).toISOString();
}
