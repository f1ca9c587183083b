/**
 * Which register counts now. A day profile switches registers at minutes of the UTC day; a week names the profile of each
 * weekday, a season the week, and a special day overrides both. UTC throughout: no hour is ever there twice or missing.
 */
import { BLOCK_TOU_REGISTERS, DAY_S, MINUTE_S } from '../limits.js';

export const TARIFF_MODES = ['time-of-use', 'block'] as const;
export type TariffMode = (typeof TARIFF_MODES)[number];

/** From this minute of the day on, this register counts: 0 to 47 in time-of-use mode, 0 to 7 of each block in block mode. */
export interface TariffSwitch {
  readonly minute: number;
  readonly register: number;
}

export interface Season {
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31: the season starts with this day, every year. */
  readonly day: number;
  /** Index in `weeks`. */
  readonly week: number;
}

export interface SpecialDay {
  /** Every year when absent. */
  readonly year?: number;
  readonly month: number;
  readonly day: number;
  /** Index in `dayProfiles`. */
  readonly dayProfile: number;
}

export interface Tariff {
  readonly mode: TariffMode;
  /** By date, 1 to 4. Before the first one of a year the last one still holds. */
  readonly seasons: readonly Season[];
  /** Each seven indices in `dayProfiles`, Monday first; 1 to 4 weeks. */
  readonly weeks: readonly (readonly number[])[];
  /** Each by minute, starting with minute 0; 1 to 16 profiles of 1 to 48 switches. */
  readonly dayProfiles: readonly (readonly TariffSwitch[])[];
  /** Up to 50; the first one that names a date counts. */
  readonly specialDays: readonly SpecialDay[];
  /** Price of each time-of-use register, up to 48; what is not named costs nothing. */
  readonly touPricesMillipencePerKwh: readonly number[];
  /** Four rows, one a block, of up to 8. */
  readonly blockPricesMillipencePerKwh: readonly (readonly number[])[];
  /**
   * Up to 8 rows, one for each register of a block, of up to 3 ascending thresholds: of what was counted since the last
   * bill, this much is in lower blocks. A register without a row has one block.
   */
  readonly blockThresholdsWh: readonly (readonly number[])[];
  readonly standingChargeMillipencePerDay: number;
}

/** The register that counts at a moment of the meter's clock. */
export function activeRegister(tariff: Tariff, timeS: number): number {
  const day = Math.floor(timeS / DAY_S);
  const minute = Math.floor((timeS - day * DAY_S) / MINUTE_S);
  const profile = tariff.dayProfiles[dayProfileOf(tariff, day)]!;
  return profile.findLast((entry) => entry.minute <= minute)!.register;
}

/** Index of the day profile of a day, counted from 1970-01-01. */
function dayProfileOf(tariff: Tariff, day: number): number {
  const date = dateOf(day);
  const special = tariff.specialDays.find(
    ({ year, month, day: dayOfMonth }) =>
      month === date.month && dayOfMonth === date.day && (year === undefined || year === date.year),
  );
  if (special !== undefined) return special.dayProfile;
  const season =
    tariff.seasons.findLast((entry) => entry.month * 32 + entry.day <= date.month * 32 + date.day) ??
    tariff.seasons.at(-1)!;
  return tariff.weeks[season.week]![date.weekday]!;
}

/** Block, 0 to 3, in which the next Wh of a register counts, and how many Wh until the next one (Infinity in the last). */
export function activeBlock(
  tariff: Tariff,
  register: number,
  countedWh: number,
): { readonly block: number; readonly roomWh: number } {
  const thresholds = tariff.blockThresholdsWh[register] ?? [];
  const block = thresholds.filter((threshold) => threshold <= countedWh).length;
  return { block, roomWh: (thresholds[block] ?? Infinity) - countedWh };
}

/** Index of a block register in the 4 × 8 matrix, laid out row by row. */
export function blockRegisterIndex(block: number, register: number): number {
  return block * BLOCK_TOU_REGISTERS + register;
}

export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** 0 is Monday. */
  readonly weekday: number;
}

/** Gregorian date of a day, counted from 1970-01-01, in 400-year eras that begin on 1 March. */
export function dateOf(daysSince1970: number): CivilDate {
  const shifted = daysSince1970 + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const weekday = (((daysSince1970 + 3) % 7) + 7) % 7;
  return { year, month, day, weekday };
}

/** Days from 1970-01-01 to a date; undefined for one that the calendar does not have. */
export function dayOfDate(year: number, month: number, day: number): number | undefined {
  const years = month <= 2 ? year - 1 : year;
  const era = Math.floor(years / 400);
  const yearOfEra = years - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  const back = dateOf(days);
  return back.year === year && back.month === month && back.day === day ? days : undefined;
}
