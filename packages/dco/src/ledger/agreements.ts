/** What may be agreed: schedules, changes of the capacity, incidents. Each function answers with the records to write, or why not. */
import { accept, refuse } from '../error.js';
import type { Answer } from '../error.js';
import {
  CAPACITY_CHANGES_MAX,
  INCIDENTS_MAX,
  OVERBOOKED_DAYS_SHOWN,
  SCHEDULE_DAYS_MAX,
  SCHEDULES_MAX,
} from '../limits.js';
import { dayText } from './day.js';
import type { CapacityChange, Incident, Ledger, Schedule } from './ledger.js';
import type { LedgerChange } from './ledger-change.js';
import { capacityOn } from './may-start.js';
import type { CapacityPolicy } from './may-start.js';

type Changes = Answer<readonly LedgerChange[]>;

const NOTHING: readonly LedgerChange[] = [];

/**
 * Agrees a delivery schedule, alters the one with its reference, or withdraws it when `perDay` is 0. All schedules of a day together stay
 * within its capacity: the DCC makes one that suits the User and the capacity (Annex D 1.2, 1.4).
 *
 * @param today - The ledger's day.
 */
export function agreeSchedule(ledger: Ledger, policy: CapacityPolicy, schedule: Schedule, today: number): Changes {
  const { reference, userId, fromDay, toDay, perDay } = schedule;
  const known = ledger.schedules.get(reference);
  if (known !== undefined && known.userId !== userId)
    return refuse('reference-used', `schedule ${reference} is that of User ${known.userId}; take another reference`);
  if (perDay === 0) {
    if (known === undefined) return refuse('not-found', `there is no schedule ${reference} to withdraw`);
    return accept([{ kind: 'ledger-remove', value: { what: 'schedule', key: reference } }]);
  }
  if (known?.fromDay === fromDay && known.toDay === toDay && known.perDay === perDay) return accept(NOTHING);
  if (toDay < fromDay) return refuse('bad-request', 'to: lies before from');
  if (toDay - fromDay >= SCHEDULE_DAYS_MAX)
    return refuse('bad-request', `to: a schedule has at most ${SCHEDULE_DAYS_MAX} days; agree the rest in another one`);
  if (toDay < today)
    return refuse('day-in-past', `the schedule ends on ${dayText(toDay)}; it is ${dayText(today)} for the ledger`);
  for (const other of ledger.schedules.values()) {
    if (other.userId !== userId || other.reference === reference) continue;
    if (other.fromDay <= toDay && fromDay <= other.toDay) {
      return refuse(
        'schedule-overlaps',
        `schedule ${other.reference} of this User has days of it already, ${dayText(other.fromDay)} to ${dayText(other.toDay)}; alter that one`,
      );
    }
  }
  const agreed = agreedByDay(ledger, Math.max(fromDay, today), toDay, reference);
  for (let day = Math.max(fromDay, today); day <= toDay; day += 1) {
    const left = capacityOn(ledger, policy, day).max - (agreed.get(day) ?? 0);
    if (perDay > left) {
      return refuse(
        'schedule-over-capacity',
        `${Math.max(0, left)} a day are left to agree on ${dayText(day)}, not ${perDay}; take fewer a day or other days`,
      );
    }
  }
  const room = roomFor(ledger.schedules, known !== undefined, SCHEDULES_MAX, ({ toDay: end }) => end < today);
  if (room === 'none') return quota(`${SCHEDULES_MAX} schedules that are not over`);
  return accept([
    ...(room === undefined
      ? NOTHING
      : [{ kind: 'ledger-remove', value: { what: 'schedule', key: room.reference } } as const]),
    { kind: 'schedule', value: schedule },
  ]);
}

/** Changes the capacity from a day on; a second change from the same day replaces the first. */
export function changeCapacity(ledger: Ledger, policy: CapacityPolicy, change: CapacityChange, today: number): Changes {
  const { fromDay, perDay, otherTraffic, reference } = change;
  if (perDay > policy.largeStartsPerDayMax) {
    return refuse(
      'capacity-above-ceiling',
      `at most ${policy.largeStartsPerDayMax} large images a day are possible, not ${perDay}; the ceiling is a setting of this DCO`,
    );
  }
  if (otherTraffic > perDay) return refuse('bad-request', 'otherTraffic: takes more than there is');
  const known = ledger.changes.get(fromDay);
  if (known?.perDay === perDay && known.otherTraffic === otherTraffic && known.reference === reference)
    return accept(NOTHING);
  if (fromDay < today)
    return refuse('day-in-past', `the change begins on ${dayText(fromDay)}; it is ${dayText(today)} for the ledger`);
  const current = capacityOn(ledger, policy, today).change?.fromDay ?? 0;
  const room = roomFor(ledger.changes, known !== undefined, CAPACITY_CHANGES_MAX, (one) => one.fromDay < current);
  if (room === 'none') return quota(`${CAPACITY_CHANGES_MAX} changes of the capacity to come`);
  return accept([
    ...(room === undefined
      ? NOTHING
      : [{ kind: 'ledger-remove', value: { what: 'capacity', key: room.fromDay } } as const]),
    { kind: 'capacity', value: change },
  ]);
}

/** Opens an incident, or alters the open one with its reference. */
export function openIncident(ledger: Ledger, incident: Incident): Changes {
  const { reference, firmwareHash, priority, halts } = incident;
  const known = ledger.incidents.get(reference);
  if (known?.isOpen === false)
    return refuse('reference-used', `incident ${reference} is closed; open one under another reference`);
  if (known?.firmwareHash === firmwareHash && known.priority === priority && known.halts === halts)
    return accept(NOTHING);
  const room = roomFor(ledger.incidents, known !== undefined, INCIDENTS_MAX, ({ isOpen }) => !isOpen);
  if (room === 'none') return quota(`${INCIDENTS_MAX} open incidents`);
  return accept([
    ...(room === undefined
      ? NOTHING
      : [{ kind: 'ledger-remove', value: { what: 'incident', key: room.reference } } as const]),
    { kind: 'incident', value: incident },
  ]);
}

export function closeIncident(ledger: Ledger, reference: string, atMs: number): Changes {
  const known = ledger.incidents.get(reference);
  if (known === undefined) return refuse('not-found', `there is no incident ${reference}`);
  if (!known.isOpen) return accept(NOTHING);
  return accept([{ kind: 'incident', value: { ...known, isOpen: false, atMs } }]);
}

/**
 * Sets the ledger's day back to the clock's. A clock that was far ahead for a while leaves the ledger on a day to come, on which everything
 * would have to share one day's capacity until then. What was counted for each day stays counted, so no day is open twice.
 *
 * @param clockDay - What the clock says today is.
 */
export function setDayBack(ledger: Ledger, day: number, clockDay: number): Changes {
  if (ledger.day === undefined || ledger.day <= clockDay)
    return refuse('day-not-ahead', `the ledger is not ahead of the clock, which says ${dayText(clockDay)}`);
  if (day !== clockDay)
    return refuse(
      'day-not-ahead',
      `the clock says ${dayText(clockDay)}; the ledger goes back to that day or not at all`,
    );
  return accept([{ kind: 'ledger-day', value: { day } }]);
}

/** Days from `today` on whose schedules come to more than their capacity; the first few. Their Users have to be told. */
export function overbookedDays(ledger: Ledger, policy: CapacityPolicy, today: number): readonly number[] {
  const agreed = agreedByDay(ledger, today, Number.POSITIVE_INFINITY, undefined);
  return [...agreed]
    .filter(([day, perDay]) => perDay > capacityOn(ledger, policy, day).max)
    .map(([day]) => day)
    .toSorted((a, b) => a - b)
    .slice(0, OVERBOOKED_DAYS_SHOWN);
}

/** What all schedules but one give away, by day. */
function agreedByDay(
  ledger: Ledger,
  fromDay: number,
  toDay: number,
  except: string | undefined,
): ReadonlyMap<number, number> {
  const agreed = new Map<number, number>();
  for (const one of ledger.schedules.values()) {
    if (one.reference === except) continue;
    const last = Math.min(toDay, one.toDay);
    for (let day = Math.max(fromDay, one.fromDay); day <= last; day += 1)
      agreed.set(day, (agreed.get(day) ?? 0) + one.perDay);
  }
  return agreed;
}

/** What has to go so that one more fits: nothing, the first that is over, or `none` when all are still needed. */
function roomFor<T>(
  all: ReadonlyMap<unknown, T>,
  isKnown: boolean,
  max: number,
  isOver: (one: T) => boolean,
): T | undefined | 'none' {
  if (isKnown || all.size < max) return undefined;
  for (const one of all.values()) if (isOver(one)) return one;
  return 'none';
}

function quota(what: string): Answer<never> {
  return refuse('quota-exceeded', `${what} are kept; alter one of them, or wait until one is over`);
}
