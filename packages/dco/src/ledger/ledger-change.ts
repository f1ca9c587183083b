/** The records of the ledger: the newest state of each thing, and removals. Replaying is setting. */
import { LEDGER_DAYS_KEPT } from '../limits.js';
import { startsOfUser } from './ledger.js';
import type { CapacityChange, Incident, Ledger, Schedule, Starts } from './ledger.js';

export type LedgerRemoval =
  | { readonly what: 'starts' | 'capacity'; readonly key: number }
  | { readonly what: 'schedule' | 'incident'; readonly key: string };

export type LedgerChange =
  | { readonly kind: 'starts'; readonly value: Starts }
  | { readonly kind: 'schedule'; readonly value: Schedule }
  | { readonly kind: 'capacity'; readonly value: CapacityChange }
  | { readonly kind: 'incident'; readonly value: Incident }
  /** The day set by hand, after a clock that was far ahead. What was counted for each day stays counted. */
  | { readonly kind: 'ledger-day'; readonly value: { readonly day: number } }
  | { readonly kind: 'ledger-remove'; readonly value: LedgerRemoval };

export function applyLedgerChange(ledger: Ledger, change: LedgerChange): Ledger {
  switch (change.kind) {
    case 'starts': {
      const { day, userId, count } = change.value;
      const ofDay = new Map(ledger.starts.get(day)).set(userId, count);
      const latest = ledger.day === undefined ? day : Math.max(ledger.day, day);
      return { ...ledger, day: latest, starts: new Map(ledger.starts).set(day, ofDay) };
    }
    case 'schedule':
      return { ...ledger, schedules: new Map(ledger.schedules).set(change.value.reference, change.value) };
    case 'capacity':
      return { ...ledger, changes: new Map(ledger.changes).set(change.value.fromDay, change.value) };
    case 'incident':
      return { ...ledger, incidents: new Map(ledger.incidents).set(change.value.reference, change.value) };
    case 'ledger-day':
      return { ...ledger, day: change.value.day };
    case 'ledger-remove':
      return applyRemoval(ledger, change.value);
  }
}

function applyRemoval(ledger: Ledger, { what, key }: LedgerRemoval): Ledger {
  switch (what) {
    case 'starts':
      return { ...ledger, starts: without(ledger.starts, key) };
    case 'capacity':
      return { ...ledger, changes: without(ledger.changes, key) };
    case 'schedule':
      return { ...ledger, schedules: without(ledger.schedules, key) };
    case 'incident':
      return { ...ledger, incidents: without(ledger.incidents, key) };
  }
}

/** The shortest list of changes that leads from nothing to this ledger. */
export function* ledgerChanges(ledger: Ledger): Generator<LedgerChange> {
  for (const [day, ofDay] of ledger.starts)
    for (const [userId, count] of ofDay) yield { kind: 'starts', value: { day, userId, count } };
  for (const value of ledger.schedules.values()) yield { kind: 'schedule', value };
  for (const value of ledger.changes.values()) yield { kind: 'capacity', value };
  for (const value of ledger.incidents.values()) yield { kind: 'incident', value };
  // Last: a day set by hand may lie before days that have starts.
  if (ledger.day !== undefined) yield { kind: 'ledger-day', value: { day: ledger.day } };
}

/**
 * One more start of a User on a day. Counts of days long gone go with it, the oldest first; those of its own day and of later ones stay,
 * however many there are, since a day whose count was lost would be open again.
 */
export function startChanges(ledger: Ledger, day: number, userId: string): readonly LedgerChange[] {
  const past = [...ledger.starts.keys()].filter((one) => one < day).toSorted((a, b) => a - b);
  const tooMany = past.slice(0, Math.max(0, past.length + 1 - LEDGER_DAYS_KEPT));
  return [
    { kind: 'starts', value: { day, userId, count: startsOfUser(ledger, day, userId) + 1 } },
    ...tooMany.map((key) => ({ kind: 'ledger-remove', value: { what: 'starts', key } }) as const),
  ];
}

function without<K, V>(map: ReadonlyMap<K, V>, key: K): ReadonlyMap<K, V> {
  const rest = new Map(map);
  rest.delete(key);
  return rest;
}
