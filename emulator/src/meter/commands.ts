import { EmulatorError, MeterError } from '../errors.js';
import { MILLIPENCE_MAX } from '../limits.js';
import { isOutOfCredit, topUp, withDebt, type Balances } from './balance.js';
import { isWithinTolerance } from './clock.js';
import {
  addBill,
  addEvent,
  armIfPaid,
  draftOf,
  enforceCredit,
  finish,
  leapTo,
  moveSwitch,
  type Draft,
} from './draft.js';
import { EVENT_CODES } from './event-codes.js';
import type { MeterState, MeterStep } from './meter-state.js';
import type { MeterCommand, MeterRefusal, SupplyState } from './meter-types.js';
import { checkLoadLimit, checkPrepayment, checkSettings, type MeterSettings, type PaymentMode } from './settings.js';
import { settingsFit } from './settings-codec.js';

export interface CommandStep extends MeterStep {
  /** Absent when the command was done. */
  readonly refusal?: { readonly code: MeterRefusal; readonly message: string };
}

type Of<Kind extends MeterCommand['kind']> = Extract<MeterCommand, { readonly kind: Kind }>;

/** What a command makes of a state that is counted up to now. A refused one changes nothing but, maybe, the Event Log. */
export function commandStep(state: MeterState, command: MeterCommand): CommandStep {
  const draft = draftOf(state);
  try {
    perform(draft, command);
    return finish(draft, true);
  } catch (error) {
    const code = refusalOf(error);
    if (code === undefined) throw error;
    // Whoever refuses has changed nothing before, except that it may have said so in the Event Log.
    return { ...finish(draft, false), refusal: { code, message: (error as Error).message } };
  }
}

function perform(draft: Draft, command: MeterCommand): void {
  switch (command.kind) {
    case 'set-clock':
      return setClock(draft, command);
    case 'enable-supply':
      return commandSupply(draft, 'enabled');
    case 'arm-supply':
      return commandSupply(draft, 'armed');
    case 'disable-supply':
      return commandSupply(draft, 'disabled');
    case 'press-button':
      return pressButton(draft);
    case 'set-load-limit':
      return configure(draft, { loadLimit: checkLoadLimit(command.loadLimit) });
    case 'set-prepayment':
      return configure(draft, { prepayment: checkPrepayment(command.prepayment) });
    case 'set-billing-day':
      return configure(draft, { billingDayOfMonth: command.dayOfMonth });
    case 'set-tariff':
      return setTariff(draft, command);
    case 'set-payment-mode':
      return setPaymentMode(draft, command.paymentMode);
    case 'top-up':
      return pay(draft, command.millipence);
    case 'adjust-balance':
      return adjustBalance(draft, command.millipence);
    case 'reset-balance':
      return setBalances(draft, { ...draft.state.balances, balanceMillipence: 0, remainderMicropence: 0 });
    case 'activate-emergency-credit':
      return activateEmergency(draft);
    case 'set-debt':
      return setBalances(draft, withDebt(draft.state.balances, command.debt, money(command.millipence, 0)));
    case 'bill':
      addBill(draft, 'command');
      return addEvent(draft, EVENT_CODES.billed);
    case 'clear-event-log':
      return clearEventLog(draft);
    case 'set-tamper':
      draft.state = { ...draft.state, tampered: command.tampered };
      return addEvent(draft, command.tampered ? EVENT_CODES.tamperDetected : EVENT_CODES.tamperCleared);
    case 'read':
      return undefined;
  }
}

function setClock(draft: Draft, { utcS, toleranceS = draft.state.settings.clockToleranceS }: Of<'set-clock'>): void {
  if (!Number.isSafeInteger(utcS) || utcS < 0 || utcS > 0xffff_ffff || !(toleranceS >= 0)) {
    throw new Refused('bad-value', 'a time is a whole number of seconds since 1970, a tolerance is 0 or more');
  }
  const { timeS } = draft.state;
  if (!isWithinTolerance(draft.state, utcS, toleranceS)) {
    addEvent(draft, EVENT_CODES.clockNotAdjusted);
    throw new Refused(
      'clock-out-of-tolerance',
      `the clock says ${timeS}; ${utcS} is more than ${toleranceS} s from it`,
    );
  }
  const { clockOffsetS, loadSwitch } = draft.state;
  // A restoration is so many seconds away, whatever they are called now.
  const restoreAtS = loadSwitch.restoreAtS === 0 ? 0 : loadSwitch.restoreAtS + utcS - timeS;
  draft.state = {
    ...draft.state,
    clockOffsetS: clockOffsetS + utcS - timeS,
    loadSwitch: { ...loadSwitch, restoreAtS },
  };
  leapTo(draft, utcS);
  return addEvent(draft, EVENT_CODES.clockAdjusted);
}

function commandSupply(draft: Draft, supply: SupplyState): void {
  const { balances, settings } = draft.state;
  if (supply !== 'disabled' && isOutOfCredit(balances, settings.paymentMode, settings.prepayment)) {
    throw new Refused('no-credit', 'there is no credit; top up, or activate emergency credit, and try again');
  }
  return moveSwitch(draft, supply, 'command');
}

function pressButton(draft: Draft): void {
  if (draft.state.loadSwitch.supply !== 'armed')
    throw new Refused('not-armed', 'the supply is not armed; arm it first');
  return moveSwitch(draft, 'enabled', 'consumer');
}

function configure(draft: Draft, changes: Partial<MeterSettings>): void {
  apply(draft, changes);
  addEvent(draft, EVENT_CODES.settingsChanged);
  armIfPaid(draft, 'no-credit');
  return enforceCredit(draft);
}

function apply(draft: Draft, changes: Partial<MeterSettings>): void {
  const settings = settingsFit(checkSettings({ ...draft.state.settings, ...changes }));
  draft.state = { ...draft.state, settings };
}

/** A bill under the old tariff, then the new one. */
function setTariff(draft: Draft, { tariff }: Of<'set-tariff'>): void {
  const before = draft.state;
  apply(draft, { tariff });
  const { settings } = draft.state;
  draft.state = before;
  addBill(draft, 'tariff-change');
  draft.state = { ...draft.state, settings };
  return addEvent(draft, EVENT_CODES.tariffChanged);
}

function setPaymentMode(draft: Draft, paymentMode: PaymentMode): void {
  const settings = checkSettings({ ...draft.state.settings, paymentMode });
  if (paymentMode === draft.state.settings.paymentMode) return undefined;
  addBill(draft, 'mode-change');
  draft.state = { ...draft.state, settings };
  addEvent(draft, EVENT_CODES.paymentModeChanged);
  armIfPaid(draft, 'mode-change');
  return enforceCredit(draft);
}

function pay(draft: Draft, millipence: number): void {
  const { balances, settings } = draft.state;
  const paid = topUp(balances, money(millipence, 1), settings.prepayment);
  setBalances(draft, paid);
  addEvent(draft, EVENT_CODES.creditAdded);
  return armIfPaid(draft, 'no-credit');
}

function adjustBalance(draft: Draft, millipence: number): void {
  const { balances } = draft.state;
  const amount = money(millipence, -MILLIPENCE_MAX);
  return setBalances(draft, { ...balances, balanceMillipence: balances.balanceMillipence + amount });
}

function setBalances(draft: Draft, balances: Balances): void {
  if (Math.abs(balances.balanceMillipence) > MILLIPENCE_MAX) {
    throw new Refused('bad-value', `the balance would leave ±${MILLIPENCE_MAX} millipence`);
  }
  draft.state = { ...draft.state, balances };
  armIfPaid(draft, 'no-credit');
  return enforceCredit(draft);
}

function activateEmergency(draft: Draft): void {
  const { balances, settings } = draft.state;
  const { emergencyCreditThresholdMillipence: threshold, emergencyCreditLimitMillipence: limit } = settings.prepayment;
  if (settings.paymentMode !== 'prepayment')
    throw new Refused('not-prepayment', 'there is no emergency credit in credit mode');
  if (balances.emergencyActivated || balances.emergencyUsedMillipence >= limit) {
    throw new Refused('not-available', 'the emergency credit is activated already, or used up; top up first');
  }
  if (balances.balanceMillipence > threshold) {
    throw new Refused(
      'not-available',
      `emergency credit can be activated at a balance of ${threshold} millipence or less`,
    );
  }
  draft.state = { ...draft.state, balances: { ...balances, emergencyActivated: true } };
  addEvent(draft, EVENT_CODES.emergencyCreditActivated);
  return armIfPaid(draft, 'no-credit');
}

function clearEventLog(draft: Draft): void {
  const { counts } = draft.state;
  draft.state = { ...draft.state, counts: { ...counts, eventsCleared: counts.events } };
  return addEvent(draft, EVENT_CODES.eventLogCleared);
}

function money(millipence: number, min: number): number {
  if (Number.isSafeInteger(millipence) && millipence >= min && millipence <= MILLIPENCE_MAX) return millipence;
  throw new MeterError(
    'bad-value',
    `money is a whole number of millipence from ${min} to ${MILLIPENCE_MAX}, not ${millipence}`,
  );
}

class Refused extends EmulatorError {
  readonly code: MeterRefusal;
  constructor(code: MeterRefusal, message: string) {
    super(message);
    this.code = code;
  }
}

function refusalOf(error: unknown): MeterRefusal | undefined {
  if (error instanceof Refused) return error.code;
  if (!(error instanceof MeterError)) return undefined;
  return error.code === 'bad-settings' || error.code === 'bad-value' ? error.code : undefined;
}
