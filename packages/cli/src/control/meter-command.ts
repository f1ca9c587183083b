/** Commands to the meter as JSON: their shape. Which values it takes, the meter says itself. */
import type { MeterCommand } from '@smets1/emulator';
import * as v from 'valibot';
import { reader, type Reader } from './schemas.js';

const number = v.number();
const numbers = v.array(number);
const table = v.array(numbers);

const TARIFF = v.strictObject({
  mode: v.picklist(['time-of-use', 'block']),
  seasons: v.array(v.strictObject({ month: number, day: number, week: number })),
  weeks: table,
  dayProfiles: v.array(v.array(v.strictObject({ minute: number, register: number }))),
  specialDays: v.array(
    v.strictObject({ year: v.exactOptional(number), month: number, day: number, dayProfile: number }),
  ),
  touPricesMillipencePerKwh: numbers,
  blockPricesMillipencePerKwh: table,
  blockThresholdsWh: table,
  standingChargeMillipencePerDay: number,
});

const COMMAND = v.variant('kind', [
  v.strictObject({ kind: v.literal('set-clock'), utcS: number, toleranceS: v.exactOptional(number) }),
  v.strictObject({
    kind: v.picklist([
      'enable-supply',
      'disable-supply',
      'arm-supply',
      'press-button',
      'reset-balance',
      'activate-emergency-credit',
      'bill',
      'clear-event-log',
      'read',
    ]),
  }),
  v.strictObject({
    kind: v.literal('set-load-limit'),
    loadLimit: v.strictObject({ thresholdW: number, periodS: number, restorationS: number, interrupts: v.boolean() }),
  }),
  v.strictObject({ kind: v.literal('set-payment-mode'), paymentMode: v.picklist(['credit', 'prepayment']) }),
  v.strictObject({
    kind: v.literal('set-prepayment'),
    prepayment: v.strictObject({
      emergencyCreditLimitMillipence: number,
      emergencyCreditThresholdMillipence: number,
      disablementThresholdMillipence: number,
      timeDebtMillipencePerDay: v.strictTuple([number, number]),
      paymentDebtPermille: number,
    }),
  }),
  v.strictObject({ kind: v.literal('set-tariff'), tariff: TARIFF }),
  v.strictObject({ kind: v.literal('set-billing-day'), dayOfMonth: number }),
  v.strictObject({ kind: v.picklist(['top-up', 'adjust-balance']), millipence: number }),
  v.strictObject({
    kind: v.literal('set-debt'),
    debt: v.picklist(['time-1', 'time-2', 'payment']),
    millipence: number,
  }),
  v.strictObject({ kind: v.literal('set-tamper'), tampered: v.boolean() }),
]);

export const readMeterCommand: Reader<{ readonly command: MeterCommand }> = reader(
  'command',
  v.strictObject({ command: COMMAND }),
);
