import { MeterError } from '../errors.js';
import { BLOCKS, SETTINGS_BYTES_MAX } from '../limits.js';
import { OctetReader, OctetWriter } from './octet-stream.js';
import { PAYMENT_MODES, type MeterSettings } from './settings.js';
import { TARIFF_MODES, type Season, type SpecialDay, type Tariff, type TariffSwitch } from './tariff.js';

// docs/METER.md §4 lists the fields in this order.
export function writeSettings(to: OctetWriter, settings: MeterSettings): void {
  const { prepayment, loadLimit } = settings;
  to.octet(PAYMENT_MODES.indexOf(settings.paymentMode));
  to.octet(settings.billingDayOfMonth);
  to.count(settings.clockToleranceS);
  to.count(prepayment.emergencyCreditLimitMillipence);
  to.count(prepayment.emergencyCreditThresholdMillipence);
  to.signed(prepayment.disablementThresholdMillipence);
  to.counts(prepayment.timeDebtMillipencePerDay);
  to.count(prepayment.paymentDebtPermille);
  to.count(loadLimit.thresholdW);
  to.count(loadLimit.periodS);
  to.count(loadLimit.restorationS);
  to.octet(loadLimit.interrupts ? 1 : 0);
  writeTariff(to, settings.tariff);
}

export function readSettings(from: OctetReader): MeterSettings {
  const paymentMode = PAYMENT_MODES[from.octet()] ?? 'credit';
  const billingDayOfMonth = from.octet();
  const clockToleranceS = from.count();
  const prepayment = {
    emergencyCreditLimitMillipence: from.count(),
    emergencyCreditThresholdMillipence: from.count(),
    disablementThresholdMillipence: from.signed(),
    timeDebtMillipencePerDay: [from.count(), from.count()] as const,
    paymentDebtPermille: from.count(),
  };
  const loadLimit = {
    thresholdW: from.count(),
    periodS: from.count(),
    restorationS: from.count(),
    interrupts: from.octet() === 1,
  };
  return { paymentMode, billingDayOfMonth, clockToleranceS, prepayment, loadLimit, tariff: readTariff(from) };
}

/** @throws MeterError `bad-settings` when they take more room than the record of the state has for them */
export function settingsFit(settings: MeterSettings): MeterSettings {
  const to = new OctetWriter();
  writeSettings(to, settings);
  const { length } = to.octets;
  if (length <= SETTINGS_BYTES_MAX) return settings;
  throw new MeterError(
    'bad-settings',
    `these settings take ${length} octets of the meter's ${SETTINGS_BYTES_MAX}; use fewer switches, special days or prices`,
  );
}

function writeTariff(to: OctetWriter, tariff: Tariff): void {
  to.octet(TARIFF_MODES.indexOf(tariff.mode));
  to.count(tariff.standingChargeMillipencePerDay);
  to.list(tariff.seasons.flatMap(({ month, day, week }) => [month, day, week]));
  to.list(tariff.weeks.flat());
  to.count(tariff.dayProfiles.length);
  for (const switches of tariff.dayProfiles) to.list(switches.flatMap(({ minute, register }) => [minute, register]));
  to.list(tariff.specialDays.flatMap(({ year, month, day, dayProfile }) => [year ?? 0, month * 32 + day, dayProfile]));
  to.list(tariff.touPricesMillipencePerKwh);
  for (const row of tariff.blockPricesMillipencePerKwh) to.list(row);
  to.count(tariff.blockThresholdsWh.length);
  for (const row of tariff.blockThresholdsWh) to.list(row);
}

function readTariff(from: OctetReader): Tariff {
  return {
    mode: TARIFF_MODES[from.octet()] ?? 'time-of-use',
    standingChargeMillipencePerDay: from.count(),
    seasons: inGroups(from.list(), 3).map(([month, day, week]): Season => ({ month: month!, day: day!, week: week! })),
    weeks: inGroups(from.list(), 7),
    dayProfiles: repeat(from.count(), () =>
      inGroups(from.list(), 2).map(([minute, register]): TariffSwitch => ({ minute: minute!, register: register! })),
    ),
    specialDays: inGroups(from.list(), 3).map(([year, date, dayProfile]): SpecialDay => {
      const every = { month: Math.floor(date! / 32), day: date! % 32, dayProfile: dayProfile! };
      return year === 0 ? every : { year: year!, ...every };
    }),
    touPricesMillipencePerKwh: from.list(),
    blockPricesMillipencePerKwh: repeat(BLOCKS, () => from.list()),
    blockThresholdsWh: repeat(from.count(), () => from.list()),
  };
}

function inGroups(values: readonly number[], size: number): readonly (readonly number[])[] {
  return repeat(Math.floor(values.length / size), (i) => values.slice(i * size, (i + 1) * size));
}

function repeat<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
