/**
 * Days of the ledger: whole days since 1970-01-01, in UTC. That a day is a day in UTC is modelled policy: no public text says where it begins
 * (docs/decisions/daily-capacity.md).
 */
import { LEDGER_DAY_MAX, LEDGER_DAY_MS } from '../limits.js';

/** The day of a time, in milliseconds since 1970. */
export function dayOfMs(atMs: number): number {
  return Math.floor(atMs / LEDGER_DAY_MS);
}

/** When a day begins, in milliseconds since 1970. */
export function startOfDayMs(day: number): number {
  return day * LEDGER_DAY_MS;
}

// Days are counted from 1 March of a year that 400 divides, so that the leap day comes last: 719,468 of them lie before 1970.
const DAYS_BEFORE_1970 = 719_468;
const DAYS_IN_400_YEARS = 146_097;

/** `2030-01-31`. */
export function dayText(day: number): string {
  const from = day + DAYS_BEFORE_1970;
  const era = Math.floor(from / DAYS_IN_400_YEARS);
  const dayOfEra = from - era * DAYS_IN_400_YEARS;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - daysBeforeYear(yearOfEra);
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - daysBeforeMonth(monthFromMarch) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(dayOfMonth, 2)}`;
}

/** The day that `2030-01-31` names, from 1970 to 9999; undefined for anything else, and for a date that the calendar does not have. */
export function parseDay(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [year, month, dayOfMonth] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const monthFromMarch = month <= 2 ? month + 9 : month - 3;
  const dayOfEra = daysBeforeYear(marchYear - era * 400) + daysBeforeMonth(monthFromMarch) + dayOfMonth - 1;
  const day = era * DAYS_IN_400_YEARS + dayOfEra - DAYS_BEFORE_1970;
  return day >= 0 && day <= LEDGER_DAY_MAX && dayText(day) === text ? day : undefined;
}

function daysBeforeYear(yearOfEra: number): number {
  return yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
}

function daysBeforeMonth(monthFromMarch: number): number {
  return Math.floor((153 * monthFromMarch + 2) / 5);
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}
