/** Ledgers for tests: written as the changes that lead to them. */
import type { CapacityChange, Incident, Ledger, Schedule } from './ledger.js';
import { EMPTY_LEDGER } from './ledger.js';
import { applyLedgerChange } from './ledger-change.js';
import type { LedgerChange } from './ledger-change.js';
import type { CapacityPolicy } from './may-start.js';

/** Small numbers, so that tests can fill a day. */
export const SMALL: CapacityPolicy = {
  largeStartsPerDayMax: 10,
  unscheduledStartsPerDay: 3,
  scheduleEdge: 'larger-than',
};
export const PUBLIC: CapacityPolicy = {
  largeStartsPerDayMax: 12_000,
  unscheduledStartsPerDay: 500,
  scheduleEdge: 'larger-than',
};

export function ledgerOf(...changes: readonly LedgerChange[]): Ledger {
  return changes.reduce(applyLedgerChange, EMPTY_LEDGER);
}

export const starts = (day: number, userId: string, count: number): LedgerChange => ({
  kind: 'starts',
  value: { day, userId, count },
});
export const schedule = (fields: Partial<Schedule> = {}): Schedule => ({
  reference: 'form 1',
  userId: 'A',
  fromDay: 100,
  toDay: 109,
  perDay: 6,
  atMs: 1,
  ...fields,
});
export const capacity = (fields: Partial<CapacityChange> = {}): CapacityChange => ({
  reference: 'notice 1',
  fromDay: 100,
  perDay: 8,
  otherTraffic: 0,
  atMs: 1,
  ...fields,
});
export const incident = (fields: Partial<Incident> = {}): Incident => ({
  reference: 'INC 1',
  isOpen: true,
  firmwareHash: 'BAD',
  priority: 1,
  halts: true,
  atMs: 1,
  ...fields,
});
export const agreed = (...schedules: readonly Partial<Schedule>[]): readonly LedgerChange[] =>
  schedules.map((fields) => ({ kind: 'schedule', value: schedule(fields) }));
export const changed = (...changes: readonly Partial<CapacityChange>[]): readonly LedgerChange[] =>
  changes.map((fields) => ({ kind: 'capacity', value: capacity(fields) }));
export const opened = (...incidents: readonly Partial<Incident>[]): readonly LedgerChange[] =>
  incidents.map((fields) => ({ kind: 'incident', value: incident(fields) }));
