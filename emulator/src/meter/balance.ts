/**
 * Money, in millipence. The balance falls by what is used and rises by what is paid, in both payment modes; in credit mode a
 * negative balance is what is owed. Nothing is rounded away: what does not make a whole millipence waits.
 */
import { MICROPENCE_PER_MILLIPENCE } from '../limits.js';
import type { DebtName } from './meter-types.js';
import type { PaymentMode, PrepaymentTerms } from './settings.js';

export interface Balances {
  readonly balanceMillipence: number;
  /** Charges of less than a millipence, 0 to 999 thousandths. */
  readonly remainderMicropence: number;
  readonly emergencyActivated: boolean;
  /** Lent by emergency credit and not paid back. */
  readonly emergencyUsedMillipence: number;
  readonly timeDebtMillipence: readonly [number, number];
  readonly paymentDebtMillipence: number;
}

export const NEW_BALANCES: Balances = {
  balanceMillipence: 0,
  remainderMicropence: 0,
  emergencyActivated: false,
  emergencyUsedMillipence: 0,
  timeDebtMillipence: [0, 0],
  paymentDebtMillipence: 0,
};

/** What is left before the supply is disabled: the balance, and the emergency credit once it is activated. */
export function creditLeftMillipence(balances: Balances, terms: PrepaymentTerms): number {
  return balances.balanceMillipence + emergencyLeftMillipence(balances, terms);
}

export function emergencyLeftMillipence(balances: Balances, terms: PrepaymentTerms): number {
  if (!balances.emergencyActivated) return 0;
  return Math.max(0, terms.emergencyCreditLimitMillipence - balances.emergencyUsedMillipence);
}

export function isOutOfCredit(balances: Balances, mode: PaymentMode, terms: PrepaymentTerms): boolean {
  return mode === 'prepayment' && creditLeftMillipence(balances, terms) <= terms.disablementThresholdMillipence;
}

/** Takes what energy cost. */
export function chargeEnergy(balances: Balances, costMicropence: number, terms: PrepaymentTerms): Balances {
  const total = balances.remainderMicropence + costMicropence;
  const remainderMicropence = total % MICROPENCE_PER_MILLIPENCE;
  return spend({ ...balances, remainderMicropence }, (total - remainderMicropence) / MICROPENCE_PER_MILLIPENCE, terms);
}

/** Takes money: from the balance, and what it does not cover from an activated emergency credit as far as that goes. */
function spend(balances: Balances, millipence: number, terms: PrepaymentTerms): Balances {
  const covered = Math.min(millipence, Math.max(balances.balanceMillipence, 0));
  const lent = Math.min(millipence - covered, emergencyLeftMillipence(balances, terms));
  return {
    ...balances,
    balanceMillipence: balances.balanceMillipence - (millipence - lent),
    emergencyUsedMillipence: balances.emergencyUsedMillipence + lent,
  };
}

/** Pays: first the share of the payment-based debt, then the emergency credit that was used, then the balance. */
export function topUp(balances: Balances, millipence: number, terms: PrepaymentTerms): Balances {
  const toDebt = Math.min(balances.paymentDebtMillipence, Math.floor((millipence * terms.paymentDebtPermille) / 1000));
  const toEmergency = Math.min(balances.emergencyUsedMillipence, millipence - toDebt);
  const emergencyUsedMillipence = balances.emergencyUsedMillipence - toEmergency;
  return {
    ...balances,
    paymentDebtMillipence: balances.paymentDebtMillipence - toDebt,
    emergencyUsedMillipence,
    emergencyActivated: balances.emergencyActivated && emergencyUsedMillipence > 0,
    balanceMillipence: balances.balanceMillipence + millipence - toDebt - toEmergency,
  };
}

/** What each midnight takes: the standing charge, and in prepayment mode the instalments of the time-based debts. */
export function chargeMidnight(
  balances: Balances,
  standingMillipence: number,
  mode: PaymentMode,
  terms: PrepaymentTerms,
): Balances {
  let next = spend(balances, standingMillipence, terms);
  if (mode === 'credit') return next;
  for (const index of [0, 1] as const) {
    const instalment = Math.min(next.timeDebtMillipence[index], terms.timeDebtMillipencePerDay[index]);
    const [first, second] = next.timeDebtMillipence;
    const timeDebtMillipence =
      index === 0 ? ([first - instalment, second] as const) : ([first, second - instalment] as const);
    next = { ...spend(next, instalment, terms), timeDebtMillipence };
  }
  return next;
}

export function withDebt(balances: Balances, debt: DebtName, millipence: number): Balances {
  const [first, second] = balances.timeDebtMillipence;
  switch (debt) {
    case 'time-1':
      return { ...balances, timeDebtMillipence: [millipence, second] };
    case 'time-2':
      return { ...balances, timeDebtMillipence: [first, millipence] };
    case 'payment':
      return { ...balances, paymentDebtMillipence: millipence };
  }
}
