/** From values to places, and where the ticks go. */
import { dayOfCivil, civilOfDay, weekdayOf } from '../time/civil.js';
import { grouped, monthName } from './wording.js';

export type Scale = (value: number) => number;

/** Straight from [low, high] to [from, to]; a domain without width lies at `from`. */
export function scaleOf(low: number, high: number, from: number, to: number): Scale {
  const ratio = high === low ? 0 : (to - from) / (high - low);
  return (value) => from + (value - low) * ratio;
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** From 0 in steps of 1, 2 or 5 times a power of ten, whole numbers only; the last one is at or above `highest`. At most `steps` + 1 of them. */
export function countTicks(highest: number, steps: number): readonly Tick[] {
  const least = Math.max(1, highest) / Math.max(1, steps);
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least)));
  const step = [power, 2 * power, 5 * power].find((one) => one >= least) ?? 10 * power;
  const count = Math.ceil(Math.max(1, highest) / step);
  return Array.from({ length: count + 1 }, (_, index) => ({ at: index * step, label: grouped(index * step) }));
}

/**
 * Ticks of a time axis: days counted from 1970, `first` and `last` included. The finest that fits of: each day, every other day, Mondays, every
 * other Monday, firsts of months, of quarters, of half years, of years, of every fifth and every twenty-fifth year; else the first day alone.
 */
export function dayTicks(first: number, last: number, fits: (ticks: readonly Tick[]) => boolean): readonly Tick[] {
  const ways = [
    () => each(last, first, 1),
    () => each(last, first, 2),
    () => each(last, mondayFrom(first), 7),
    () => each(last, mondayFrom(first), 14),
    ...MONTH_STEPS.map((months) => () => firsts(first, last, months)),
  ];
  for (const way of ways) {
    const ticks = way();
    if (ticks.length > 0 && fits(ticks)) return ticks;
  }
  return [dateTick(first)];
}

const MONTHS_PER_YEAR = 12;
const MONTH_STEPS = [1, 3, 6, MONTHS_PER_YEAR, 5 * MONTHS_PER_YEAR, 25 * MONTHS_PER_YEAR];

function each(last: number, from: number, step: number): readonly Tick[] {
  const length = Math.max(0, Math.floor((last - from) / step) + 1);
  return Array.from({ length }, (_, index) => dateTick(from + index * step));
}

function firsts(first: number, last: number, step: number): readonly Tick[] {
  const { year, month } = civilOfDay(first);
  const ticks: Tick[] = [];
  let months = Math.floor((year * MONTHS_PER_YEAR + month - 1) / step) * step;
  for (;;) {
    const at = dayOfCivil(Math.floor(months / MONTHS_PER_YEAR), (months % MONTHS_PER_YEAR) + 1, 1);
    if (at > last) return ticks;
    if (at >= first) ticks.push({ at, label: monthLabel(months, step, ticks.length === 0) });
    months += step;
  }
}

function monthLabel(months: number, step: number, isFirst: boolean): string {
  const month = months % MONTHS_PER_YEAR;
  const year = Math.floor(months / MONTHS_PER_YEAR);
  if (step % MONTHS_PER_YEAR === 0) return String(year);
  return isFirst || month === 0 ? `${monthName(month + 1)} ${year}` : monthName(month + 1);
}

function dateTick(day: number): Tick {
  const { month, date } = civilOfDay(day);
  return { at: day, label: `${date} ${monthName(month)}` };
}

function mondayFrom(day: number): number {
  return day + ((8 - weekdayOf(day)) % 7);
}
