import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chargeEnergy,
  chargeMidnight,
  creditLeftMillipence,
  NEW_BALANCES,
  topUp,
  withDebt,
  type Balances,
} from './balance.js';
import { DEFAULT_SETTINGS, type PrepaymentTerms } from './settings.js';

const TERMS: PrepaymentTerms = {
  ...DEFAULT_SETTINGS.prepayment,
  emergencyCreditLimitMillipence: 5_000,
  timeDebtMillipencePerDay: [70, 30],
  paymentDebtPermille: 250,
};

/** What the customer has, less what the customer owes, in thousandths of a millipence. */
function worthMicropence(balances: Balances): number {
  const { balanceMillipence, emergencyUsedMillipence, timeDebtMillipence, paymentDebtMillipence, remainderMicropence } =
    balances;
  const owed = emergencyUsedMillipence + timeDebtMillipence[0] + timeDebtMillipence[1] + paymentDebtMillipence;
  return (balanceMillipence - owed) * 1000 - remainderMicropence;
}

describe('the balance', () => {
  it('loses and finds nothing: what was paid less what was charged is what is there', () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('energy' as const), amount: fc.nat(3_000_000) }),
      fc.record({ kind: fc.constant('top-up' as const), amount: fc.nat(9_000) }),
      fc.record({ kind: fc.constant('midnight' as const), amount: fc.nat(300) }),
      fc.record({ kind: fc.constant('emergency' as const), amount: fc.constant(0) }),
    );
    let lent = 0;
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 60 }),
        fc.constantFrom('credit' as const, 'prepayment' as const),
        (actions, mode) => {
          let balances = withDebt(withDebt(NEW_BALANCES, 'time-1', 500), 'payment', 900);
          let expected = worthMicropence(balances);
          for (const { kind, amount } of actions) {
            const before = balances;
            if (kind === 'energy') balances = chargeEnergy(balances, amount, TERMS);
            if (kind === 'top-up') balances = topUp(balances, amount, TERMS);
            if (kind === 'midnight') balances = chargeMidnight(balances, amount, mode, TERMS);
            if (kind === 'emergency') balances = { ...balances, emergencyActivated: true };
            expected +=
              kind === 'top-up'
                ? amount * 1000
                : kind === 'energy'
                  ? -amount
                  : kind === 'midnight'
                    ? -amount * 1000
                    : 0;
            expect(worthMicropence(balances)).toBe(expected);
            expect(balances.remainderMicropence).toBeLessThan(1000);
            expect(balances.emergencyUsedMillipence).toBeLessThanOrEqual(TERMS.emergencyCreditLimitMillipence);
            expect(Math.min(...balances.timeDebtMillipence, balances.paymentDebtMillipence)).toBeGreaterThanOrEqual(0);
            if (balances.emergencyUsedMillipence > before.emergencyUsedMillipence) lent += 1;
          }
        },
      ),
    );
    expect(lent).toBeGreaterThan(10);
  });

  it('is used before emergency credit, which is paid back before it', () => {
    let balances = { ...topUp(NEW_BALANCES, 100, TERMS), emergencyActivated: true };
    balances = chargeEnergy(balances, 140_000, TERMS);
    expect(balances).toMatchObject({ balanceMillipence: 0, emergencyUsedMillipence: 40 });
    expect(creditLeftMillipence(balances, TERMS)).toBe(4_960);
    balances = topUp(balances, 30, TERMS);
    expect(balances).toMatchObject({ balanceMillipence: 0, emergencyUsedMillipence: 10, emergencyActivated: true });
    balances = topUp(balances, 30, TERMS);
    expect(balances).toMatchObject({ balanceMillipence: 20, emergencyUsedMillipence: 0, emergencyActivated: false });
  });

  it('takes instalments of debts at midnight in prepayment mode only, and no more than is owed', () => {
    const owing = withDebt(withDebt(NEW_BALANCES, 'time-1', 100), 'time-2', 10);
    expect(chargeMidnight(owing, 5, 'credit', TERMS)).toMatchObject({
      balanceMillipence: -5,
      timeDebtMillipence: [100, 10],
    });
    const once = chargeMidnight(owing, 5, 'prepayment', TERMS);
    expect(once).toMatchObject({ balanceMillipence: -85, timeDebtMillipence: [30, 0] });
    expect(chargeMidnight(once, 0, 'prepayment', TERMS)).toMatchObject({
      balanceMillipence: -115,
      timeDebtMillipence: [0, 0],
    });
  });

  it('gives the share of a payment to the payment-based debt, until that is paid', () => {
    const owing = withDebt(NEW_BALANCES, 'payment', 30);
    expect(topUp(owing, 100, TERMS)).toMatchObject({ balanceMillipence: 75, paymentDebtMillipence: 5 });
    expect(topUp(topUp(owing, 100, TERMS), 100, TERMS)).toMatchObject({
      balanceMillipence: 170,
      paymentDebtMillipence: 0,
    });
  });
});
