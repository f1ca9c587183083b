/** What a Supplier configures, as plain data. It is kept in the meter's flash; the factory's settings hold until a command changes them. */
import { MeterError } from '../errors.js';
import {
  BLOCKS,
  BLOCK_TOU_REGISTERS,
  DAY_PROFILES_MAX,
  MILLIPENCE_MAX,
  MINUTES_PER_DAY,
  PRICE_MILLIPENCE_MAX,
  SEASONS_MAX,
  SPECIAL_DAYS_MAX,
  SWITCHES_PER_DAY_MAX,
  SWITCHES_TOTAL_MAX,
  TOU_REGISTERS,
  WEEKS_MAX,
} from '../limits.js';
import { TARIFF_MODES, type Tariff } from './tariff.js';

export const PAYMENT_MODES = ['credit', 'prepayment'] as const;
export type PaymentMode = (typeof PAYMENT_MODES)[number];

export interface LoadLimit {
  /** Mean power over a minute above this counts as too much; 0 switches load limiting off. */
  readonly thresholdW: number;
  /** Too much for this long is a load limiting event; whole minutes. */
  readonly periodS: number;
  /** From the event until the supply is enabled again. */
  readonly restorationS: number;
  /** Whether the event interrupts the supply, or is only counted. */
  readonly interrupts: boolean;
}

export interface PrepaymentTerms {
  /** What emergency credit lends, once activated. */
  readonly emergencyCreditLimitMillipence: number;
  /** Emergency credit can be activated at this balance and below. */
  readonly emergencyCreditThresholdMillipence: number;
  /** Balance and emergency credit together at or below this: the supply is disabled. */
  readonly disablementThresholdMillipence: number;
  /** Taken each midnight for the two time-based debts, while they last. */
  readonly timeDebtMillipencePerDay: readonly [number, number];
  /** Thousandths of each top-up that go to the payment-based debt, while it lasts. */
  readonly paymentDebtPermille: number;
}

export interface MeterSettings {
  readonly tariff: Tariff;
  readonly paymentMode: PaymentMode;
  readonly prepayment: PrepaymentTerms;
  readonly loadLimit: LoadLimit;
  /** A bill is made as this day of each month begins, 1 to 28; 0: on command only. */
  readonly billingDayOfMonth: number;
  /** How far a new time may lie from the clock when a `set-clock` does not say it. */
  readonly clockToleranceS: number;
}

/** One register around the clock, at no price. */
export const DEFAULT_TARIFF: Tariff = {
  mode: 'time-of-use',
  seasons: [{ month: 1, day: 1, week: 0 }],
  weeks: [[0, 0, 0, 0, 0, 0, 0]],
  dayProfiles: [[{ minute: 0, register: 0 }]],
  specialDays: [],
  touPricesMillipencePerKwh: [],
  blockPricesMillipencePerKwh: [[], [], [], []],
  blockThresholdsWh: [],
  standingChargeMillipencePerDay: 0,
};

export const DEFAULT_SETTINGS: MeterSettings = {
  tariff: DEFAULT_TARIFF,
  paymentMode: 'credit',
  prepayment: {
    emergencyCreditLimitMillipence: 500_000,
    emergencyCreditThresholdMillipence: 100_000,
    disablementThresholdMillipence: 0,
    timeDebtMillipencePerDay: [0, 0],
    paymentDebtPermille: 0,
  },
  loadLimit: { thresholdW: 0, periodS: 300, restorationS: 600, interrupts: true },
  billingDayOfMonth: 1,
  clockToleranceS: 10,
};

/** @throws MeterError `bad-settings` with the path of the value that is wrong, and what it may be */
export function checkSettings(settings: MeterSettings): MeterSettings {
  checkTariff(settings.tariff);
  require(PAYMENT_MODES.includes(settings.paymentMode), 'paymentMode', `one of ${PAYMENT_MODES.join(', ')}`);
  checkPrepayment(settings.prepayment);
  checkLoadLimit(settings.loadLimit);
  whole(settings.billingDayOfMonth, 'billingDayOfMonth', 0, 28);
  whole(settings.clockToleranceS, 'clockToleranceS', 0, 86_400);
  return settings;
}

/** @throws MeterError `bad-settings` */
export function checkTariff(tariff: Tariff): Tariff {
  const { seasons, weeks, dayProfiles, specialDays } = tariff;
  const isToU = tariff.mode === 'time-of-use';
  require(TARIFF_MODES.includes(tariff.mode), 'tariff.mode', `one of ${TARIFF_MODES.join(', ')}`);
  counted(seasons, 'tariff.seasons', 1, SEASONS_MAX);
  seasons.forEach((season, i) => {
    checkDate(season.month, season.day, `tariff.seasons[${i}]`);
    whole(season.week, `tariff.seasons[${i}].week`, 0, weeks.length - 1);
    const before = seasons[i - 1];
    require(before === undefined ||
      before.month * 32 + before.day <
        season.month * 32 + season.day, `tariff.seasons[${i}]`, 'later in the year than the one before it');
  });
  counted(weeks, 'tariff.weeks', 1, WEEKS_MAX);
  weeks.forEach((week, i) => {
    counted(week, `tariff.weeks[${i}]`, 7, 7);
    week.forEach((profile, at) => whole(profile, `tariff.weeks[${i}][${at}]`, 0, dayProfiles.length - 1));
  });
  counted(dayProfiles, 'tariff.dayProfiles', 1, DAY_PROFILES_MAX);
  dayProfiles.forEach((switches, i) => {
    const path = `tariff.dayProfiles[${i}]`;
    counted(switches, path, 1, SWITCHES_PER_DAY_MAX);
    require(switches[0]!.minute === 0, `${path}[0].minute`, '0: a day begins with a register');
    switches.forEach((entry, at) => {
      whole(entry.minute, `${path}[${at}].minute`, at === 0 ? 0 : switches[at - 1]!.minute + 1, MINUTES_PER_DAY - 1);
      whole(entry.register, `${path}[${at}].register`, 0, (isToU ? TOU_REGISTERS : BLOCK_TOU_REGISTERS) - 1);
    });
  });
  const switchCount = dayProfiles.reduce((sum, { length }) => sum + length, 0);
  whole(switchCount, 'tariff.dayProfiles: switches in all', 1, SWITCHES_TOTAL_MAX);
  counted(specialDays, 'tariff.specialDays', 0, SPECIAL_DAYS_MAX);
  specialDays.forEach((special, i) => {
    const path = `tariff.specialDays[${i}]`;
    checkDate(special.month, special.day, path);
    if (special.year !== undefined) whole(special.year, `${path}.year`, 1970, 2105);
    whole(special.dayProfile, `${path}.dayProfile`, 0, dayProfiles.length - 1);
  });
  checkPrices(tariff);
  return tariff;
}

function checkPrices(tariff: Tariff): void {
  const price = (value: number, path: string): void => whole(value, path, 0, PRICE_MILLIPENCE_MAX);
  counted(tariff.touPricesMillipencePerKwh, 'tariff.touPricesMillipencePerKwh', 0, TOU_REGISTERS);
  tariff.touPricesMillipencePerKwh.forEach((value, i) => price(value, `tariff.touPricesMillipencePerKwh[${i}]`));
  counted(tariff.blockPricesMillipencePerKwh, 'tariff.blockPricesMillipencePerKwh', BLOCKS, BLOCKS);
  tariff.blockPricesMillipencePerKwh.forEach((row, i) => {
    counted(row, `tariff.blockPricesMillipencePerKwh[${i}]`, 0, BLOCK_TOU_REGISTERS);
    row.forEach((value, at) => price(value, `tariff.blockPricesMillipencePerKwh[${i}][${at}]`));
  });
  counted(tariff.blockThresholdsWh, 'tariff.blockThresholdsWh', 0, BLOCK_TOU_REGISTERS);
  tariff.blockThresholdsWh.forEach((row, i) => {
    const path = `tariff.blockThresholdsWh[${i}]`;
    counted(row, path, 0, BLOCKS - 1);
    row.forEach((value, at) => whole(value, `${path}[${at}]`, at === 0 ? 1 : row[at - 1]! + 1, 0xffff_ffff));
  });
  price(tariff.standingChargeMillipencePerDay, 'tariff.standingChargeMillipencePerDay');
}

/** @throws MeterError `bad-settings` */
export function checkPrepayment(terms: PrepaymentTerms): PrepaymentTerms {
  const money = (value: number, path: string, min = 0): void => whole(value, `prepayment.${path}`, min, MILLIPENCE_MAX);
  money(terms.emergencyCreditLimitMillipence, 'emergencyCreditLimitMillipence');
  money(terms.emergencyCreditThresholdMillipence, 'emergencyCreditThresholdMillipence');
  money(terms.disablementThresholdMillipence, 'disablementThresholdMillipence', -MILLIPENCE_MAX);
  counted(terms.timeDebtMillipencePerDay, 'prepayment.timeDebtMillipencePerDay', 2, 2);
  terms.timeDebtMillipencePerDay.forEach((value, i) => money(value, `timeDebtMillipencePerDay[${i}]`));
  whole(terms.paymentDebtPermille, 'prepayment.paymentDebtPermille', 0, 1000);
  return terms;
}

/** @throws MeterError `bad-settings` */
export function checkLoadLimit(limit: LoadLimit): LoadLimit {
  whole(limit.thresholdW, 'loadLimit.thresholdW', 0, 1_000_000);
  whole(limit.periodS, 'loadLimit.periodS', 60, 86_400);
  require(limit.periodS % 60 === 0, 'loadLimit.periodS', 'a whole number of minutes');
  whole(limit.restorationS, 'loadLimit.restorationS', 0, 86_400);
  require(typeof limit.interrupts === 'boolean', 'loadLimit.interrupts', 'true or false');
  return limit;
}

function checkDate(month: number, day: number, path: string): void {
  whole(month, `${path}.month`, 1, 12);
  const longest = month === 2 ? 29 : [4, 6, 9, 11].includes(month) ? 30 : 31;
  whole(day, `${path}.day`, 1, longest);
}

function counted(values: readonly unknown[], path: string, min: number, max: number): void {
  require(Array.isArray(values) && values.length >= min && values.length <= max, path, `a list of ${min} to ${max}`);
}

function whole(value: number, path: string, min: number, max: number): void {
  require(Number.isSafeInteger(value) &&
    value >= min &&
    value <= max, path, `a whole number from ${min} to ${max}, not ${value}`);
}

function require(holds: boolean, path: string, rule: string): void {
  if (!holds) throw new MeterError('bad-settings', `${path} must be ${rule}`);
}
