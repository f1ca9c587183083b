/** The rules: who may start a large image on which day (SEC modification MP230 and its Annex D). */
import { LEDGER_LOOK_AHEAD_DAYS } from '../limits.js';
import { startsOfUser, startsOn } from './ledger.js';
import type { CapacityChange, Incident, Ledger, Schedule } from './ledger.js';

export interface CapacityPolicy {
  /** Large images a day over all Users: 12,000 (MP230). No capacity change goes above it. */
  readonly largeStartsPerDayMax: number;
  /** Large images of one User a day without an agreed schedule: 500 (MP230). */
  readonly unscheduledStartsPerDay: number;
  /**
   * From where on a schedule is needed. The sources differ: batches "larger than 500" (MP230 §3) or "500 or more" (Annex D 1.2). With
   * `larger-than` 500 are allowed and the 501st needs a schedule; with `or-more` 499 are.
   */
  readonly scheduleEdge: 'larger-than' | 'or-more';
}

/** A release that asks for its start. */
export interface StartRequest {
  readonly userId: string;
  /** Small images are not counted and never wait. */
  readonly isLarge: boolean;
  /** Manufacturer Image Hash in hex. */
  readonly firmwareHash: string;
  readonly day: number;
}

export type WaitReason =
  /** An incident halts other large images. */
  | 'halted'
  /** The capacity of the day is taken. */
  | 'day-full'
  /** This User has had what it may without a schedule, or with the one that is agreed. */
  | 'user-limit';

export type MayStart =
  | { readonly kind: 'yes' }
  | {
      readonly kind: 'waits';
      readonly because: WaitReason;
      /** The first later day that has room by what is agreed today; undefined when none within a year has, or while halted. */
      readonly untilDay: number | undefined;
    };

export interface DayCapacity {
  readonly perDay: number;
  readonly otherTraffic: number;
  /** What is left for large images. */
  readonly max: number;
  /** What the numbers come from; undefined: nothing was changed. */
  readonly change: CapacityChange | undefined;
}

export function capacityOn(ledger: Ledger, policy: CapacityPolicy, day: number): DayCapacity {
  let change: CapacityChange | undefined;
  for (const one of ledger.changes.values())
    if (one.fromDay <= day && (change === undefined || one.fromDay > change.fromDay)) change = one;
  // A setting lowered later counts for what was agreed before, too.
  const perDay = Math.min(change?.perDay ?? policy.largeStartsPerDayMax, policy.largeStartsPerDayMax);
  const otherTraffic = change?.otherTraffic ?? 0;
  return { perDay, otherTraffic, max: Math.max(0, perDay - otherTraffic), change };
}

/** The most that a User may start in a day without a schedule. */
export function unscheduledLimit({ unscheduledStartsPerDay, scheduleEdge }: CapacityPolicy): number {
  return scheduleEdge === 'larger-than' ? unscheduledStartsPerDay : Math.max(0, unscheduledStartsPerDay - 1);
}

export function scheduleOf(ledger: Ledger, userId: string, day: number): Schedule | undefined {
  for (const schedule of ledger.schedules.values())
    if (schedule.userId === userId && covers(schedule, day)) return schedule;
  return undefined;
}

export function covers({ fromDay, toDay }: Schedule, day: number): boolean {
  return fromDay <= day && day <= toDay;
}

/** The most that a User may start on a day. A schedule never gives less than nothing agreed at all. */
export function limitOf(ledger: Ledger, policy: CapacityPolicy, userId: string, day: number): number {
  return Math.max(unscheduledLimit(policy), scheduleOf(ledger, userId, day)?.perDay ?? 0);
}

/** The open incident about an image that comes first; undefined: none is. */
export function incidentOf(ledger: Ledger, firmwareHash: string): Incident | undefined {
  let first: Incident | undefined;
  for (const one of ledger.incidents.values())
    if (one.isOpen && one.firmwareHash === firmwareHash && (first === undefined || one.priority < first.priority))
      first = one;
  return first;
}

/** Whether an open incident keeps images of no incident back. */
export function isHalting(ledger: Ledger): boolean {
  for (const one of ledger.incidents.values()) if (one.isOpen && one.halts) return true;
  return false;
}

/** Why it may not start on its day by what is counted; undefined: it may. */
export function objectionTo(ledger: Ledger, policy: CapacityPolicy, request: StartRequest): WaitReason | undefined {
  const { userId, isLarge, firmwareHash, day } = request;
  if (!isLarge) return undefined;
  if (isHalting(ledger) && incidentOf(ledger, firmwareHash) === undefined) return 'halted';
  if (startsOn(ledger, day) >= capacityOn(ledger, policy, day).max) return 'day-full';
  if (startsOfUser(ledger, day, userId) >= limitOf(ledger, policy, userId, day)) return 'user-limit';
  return undefined;
}

export function mayStart(ledger: Ledger, policy: CapacityPolicy, request: StartRequest): MayStart {
  const because = objectionTo(ledger, policy, request);
  return because === undefined
    ? { kind: 'yes' }
    : { kind: 'waits', because, untilDay: nextDayFor(ledger, policy, request, because) };
}

/** The first day after the request's that would take it, by what is agreed today. Others who wait before it are not looked at. */
export function nextDayFor(
  ledger: Ledger,
  policy: CapacityPolicy,
  request: StartRequest,
  because: WaitReason,
): number | undefined {
  if (because === 'halted') return undefined;
  const last = request.day + LEDGER_LOOK_AHEAD_DAYS;
  for (let day = request.day + 1; day <= last; day += 1)
    if (objectionTo(ledger, policy, { ...request, day }) === undefined) return day;
  return undefined;
}
