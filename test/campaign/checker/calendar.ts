/** Days, instants and maintenance windows, read with the time zones of the platform and not with the campaign's own. */
import type { MaintenanceWindow } from './input.js';

export const DAY_MS = 86_400_000;

/** Days since 1970, UTC. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}

/** Of `YYYY-MM-DD`; NaN for anything else. */
export function dayNumberOf(day: string): number {
  return /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) / DAY_MS : Number.NaN;
}

export function dayTextOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Of `YYYY-MM-DDTHH:MM:SSZ`; NaN for anything else. */
export function msOf(instant: string): number {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(instant) ? Date.parse(instant) : Number.NaN;
}

/** The first day that begins at or after a moment. */
export function dayFrom(atMs: number): number {
  return Math.ceil(atMs / DAY_MS);
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const FACES = new Map(
  (['UTC', 'Europe/London'] as const).map((timeZone) => [
    timeZone,
    new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    }),
  ]),
);

/** Whether the clock's face at that moment is inside; without any window every moment is. */
export function isInWindows(windows: readonly MaintenanceWindow[], atMs: number): boolean {
  return windows.length === 0 || windows.some((window) => isInWindow(window, atMs));
}

function isInWindow(window: MaintenanceWindow, atMs: number): boolean {
  const face = Object.fromEntries(
    FACES.get(window.zone)!
      .formatToParts(atMs)
      .map(({ type, value }) => [type, value]),
  );
  const weekday = WEEKDAYS.indexOf(face['weekday']!) + 1;
  const minute = Number(face['hour']) * 60 + Number(face['minute']);
  const from = minuteOf(window.from);
  const to = minuteOf(window.to);
  const opensToday = window.weekdays.includes(weekday);
  if (from < to) return opensToday && minute >= from && minute < to;
  const openedYesterday = window.weekdays.includes(weekday === 1 ? 7 : weekday - 1);
  return (opensToday && minute >= from) || (openedYesterday && minute < to);
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
}
