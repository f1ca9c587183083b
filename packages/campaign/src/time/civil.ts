/** Days and instants as text and as numbers, all in UTC. Days are counted from 1 January 1970; the Gregorian rule holds for all of them. */
import { CampaignError } from '../error.js';
import { MS_PER_DAY, YEAR_MAX, YEAR_MIN } from '../limits.js';

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT = /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;
const DAYS_PER_ERA = 146_097;
const YEARS_PER_ERA = 400;
/** From 1 March of year 0 to 1 January 1970. */
const EPOCH_OFFSET = 719_468;

/** The day of `YYYY-MM-DD`; undefined when the calendar or {@link YEAR_MIN} to {@link YEAR_MAX} have no such day. */
export function dayOfText(text: string): number | undefined {
  const match = DAY.exec(text);
  if (match === null) return undefined;
  const year = Number(match[1]);
  if (year < YEAR_MIN || year > YEAR_MAX) return undefined;
  const day = dayOfCivil(year, Number(match[2]), Number(match[3]));
  return textOfDay(day) === text ? day : undefined;
}

/** Like {@link dayOfText}, for text that was checked before. @throws CampaignError `misuse` */
export function checkedDay(text: string): number {
  const day = dayOfText(text);
  if (day === undefined) throw new CampaignError('misuse', `${text} is no day, as in 2026-11-30`);
  return day;
}

export function textOfDay(day: number): string {
  const { year, month, date } = civilOfDay(day);
  return `${String(year).padStart(4, '0')}-${pad(month)}-${pad(date)}`;
}

/** Milliseconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; undefined when there is no such moment. */
export function instantOfText(text: string): number | undefined {
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const day = dayOfText(match[1] ?? '');
  const [hours, minutes, seconds] = [Number(match[2]), Number(match[3]), Number(match[4])];
  if (day === undefined || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return day * MS_PER_DAY + ((hours * 60 + minutes) * 60 + seconds) * 1000;
}

/** Like {@link instantOfText}, for text that was checked before. @throws CampaignError `misuse` */
export function checkedInstant(text: string): number {
  const atMs = instantOfText(text);
  if (atMs === undefined) throw new CampaignError('misuse', `${text} is no instant, as in 2026-11-30T12:00:00Z`);
  return atMs;
}

export function dayOf(atMs: number): number {
  return Math.floor(atMs / MS_PER_DAY);
}

/** The first day that begins at or after the moment. */
export function dayFrom(atMs: number): number {
  return Math.ceil(atMs / MS_PER_DAY);
}

/** 1 Monday … 7 Sunday. */
export function weekdayOf(day: number): number {
  // 1 January 1970 was a Thursday.
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

export interface Civil {
  readonly year: number;
  readonly month: number;
  readonly date: number;
}

/** By eras of 400 years that begin in March, so that the leap day is the last of its year. */
export function civilOfDay(day: number): Civil {
  const z = day + EPOCH_OFFSET;
  const era = Math.floor(z / DAYS_PER_ERA);
  const dayOfEra = z - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * YEARS_PER_ERA + (month <= 2 ? 1 : 0),
    month,
    date: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

export function dayOfCivil(year: number, month: number, date: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / YEARS_PER_ERA);
  const yearOfEra = y - era * YEARS_PER_ERA;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + date - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - EPOCH_OFFSET;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
