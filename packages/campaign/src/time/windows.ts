/** Maintenance windows: judged by the face of the clock of their zone. */
import { MINUTES_PER_DAY, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from '../limits.js';
import type { MaintenanceWindow } from '../model/campaign-input.js';
import { civilOfDay, dayOf, dayOfCivil, weekdayOf } from './civil.js';

const MARCH = 3;
const OCTOBER = 10;
const LAST_DATE = 31;
const SUNDAY = 7;

/**
 * How far the clocks of Great Britain are ahead of UTC: an hour from 01:00 UTC on the last Sunday of March to 01:00 UTC on the last Sunday of
 * October, by the rule in force since 1996. Both months have 31 days.
 */
export function britishOffsetMs(atMs: number): number {
  const { year } = civilOfDay(dayOf(atMs));
  const isSummer = atMs >= changeAtMs(year, MARCH) && atMs < changeAtMs(year, OCTOBER);
  return isSummer ? MS_PER_HOUR : 0;
}

function changeAtMs(year: number, month: number): number {
  const last = dayOfCivil(year, month, LAST_DATE);
  return (last - (weekdayOf(last) % SUNDAY)) * MS_PER_DAY + MS_PER_HOUR;
}

/** Whether images may start at this moment; without any window they always may. */
export function isInWindow(windows: readonly MaintenanceWindow[], atMs: number): boolean {
  return windows.length === 0 || windows.some((window) => isOpen(window, atMs));
}

function isOpen({ zone, weekdays, from, to }: MaintenanceWindow, atMs: number): boolean {
  const localMs = zone === 'UTC' ? atMs : atMs + britishOffsetMs(atMs);
  const day = dayOf(localMs);
  const minute = Math.floor((localMs - day * MS_PER_DAY) / MS_PER_MINUTE);
  const [opens, shuts] = [minuteOf(from), minuteOf(to)];
  const endsToday = shuts > opens;
  const isToday = weekdays.includes(weekdayOf(day)) && minute >= opens && (!endsToday || minute < shuts);
  const isFromYesterday = !endsToday && weekdays.includes(weekdayOf(day - 1)) && minute < shuts;
  return isToday || isFromYesterday;
}

/** Of `HH:MM`, checked before. */
function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

/**
 * Moments of release that are left of the day, the present one included, at least 1. A day's share is spread over them; what is left at the last one
 * is released then.
 */
export function momentsLeft(windows: readonly MaintenanceWindow[], atMs: number, everyMinutes: number): number {
  const everyMs = everyMinutes * MS_PER_MINUTE;
  const endMs = (dayOf(atMs) + 1) * MS_PER_DAY;
  let count = 1;
  for (let next = (Math.floor(atMs / everyMs) + 1) * everyMs; next < endMs; next += everyMs)
    if (isInWindow(windows, next)) count += 1;
  return count;
}

/** Number of the moment of release that `atMs` belongs to. */
export function slotOf(atMs: number, everyMinutes: number): number {
  return Math.floor(atMs / (everyMinutes * MS_PER_MINUTE));
}

/** Whether a whole number of moments makes a day, so that each belongs to one day. */
export function dividesDay(everyMinutes: number): boolean {
  return MINUTES_PER_DAY % everyMinutes === 0;
}
