import { DAY_S, HALF_HOUR_S, HALF_HOURS_PER_DAY } from '../limits.js';

/** The half hours of a UTC day that is not yet over, in Wh (varh); those to come are 0. */
export interface OpenDay {
  /** Since 1970-01-01. */
  readonly day: number;
  readonly importWh: readonly number[];
  readonly exportWh: readonly number[];
  readonly reactiveImportVarh: readonly number[];
  /** The meter had no power, or no time, for some of the half hour. */
  readonly outage: readonly boolean[];
}

const ZEROS: readonly number[] = Array.from({ length: HALF_HOURS_PER_DAY }, () => 0);
const NO_OUTAGE: readonly boolean[] = ZEROS.map(() => false);

export function dayOf(timeS: number): number {
  return Math.floor(timeS / DAY_S);
}

function halfHourOf(timeS: number): number {
  return Math.floor((timeS - dayOf(timeS) * DAY_S) / HALF_HOUR_S);
}

export function newDay(day: number): OpenDay {
  return { day, importWh: ZEROS, exportWh: ZEROS, reactiveImportVarh: ZEROS, outage: NO_OUTAGE };
}

/** What became whole in the half hour of `timeS`, which lies in the day. */
export function addToDay(
  open: OpenDay,
  timeS: number,
  wh: { readonly importWh: number; readonly exportWh: number; readonly reactiveImportVarh: number },
): OpenDay {
  const at = halfHourOf(timeS);
  return {
    ...open,
    importWh: plus(open.importWh, at, wh.importWh),
    exportWh: plus(open.exportWh, at, wh.exportWh),
    reactiveImportVarh: plus(open.reactiveImportVarh, at, wh.reactiveImportVarh),
  };
}

/** Marks every half hour of the day that has part in [fromS, untilS). */
export function markOutage(open: OpenDay, fromS: number, untilS: number): OpenDay {
  const startS = open.day * DAY_S;
  const outage = open.outage.map((isMarked, at) => {
    const beginS = startS + at * HALF_HOUR_S;
    return isMarked || (beginS < untilS && beginS + HALF_HOUR_S > fromS);
  });
  return { ...open, outage };
}

function plus(values: readonly number[], at: number, more: number): readonly number[] {
  return more === 0 ? values : values.with(at, values[at]! + more);
}
