/** A step in the making: what happens at the end of a minute, a day or a bill. Each function changes the draft it is given. */
import { CONSUMPTION_CHUNK_DAYS, DAY_S, MIDNIGHTS_CHARGED_MAX } from '../limits.js';
import { chargeMidnight, isOutOfCredit } from './balance.js';
import { EVENT_CODES, type EventCode } from './event-codes.js';
import { moved } from './load-switch.js';
import { countedWh, readOf, type MeterEffect, type MeterState, type MeterStep } from './meter-state.js';
import { SUPPLY_CAUSES, type BillCause, type SupplyCause, type SupplyState } from './meter-types.js';
import { dayOf, markOutage, newDay } from './open-day.js';
import { sum } from './registers.js';
import { dateOf } from './tariff.js';

export interface Draft {
  state: MeterState;
  readonly effects: MeterEffect[];
}

export function draftOf(state: MeterState): Draft {
  return { state, effects: [] };
}

/** What was written is made real by the state; so whatever writes also persists. */
export function finish(draft: Draft, persists: boolean): MeterStep {
  if (!persists && draft.effects.length === 0) return draft;
  const state = { ...draft.state, persistedWh: countedWh(draft.state) };
  return { state, effects: [...draft.effects, { kind: 'persist' }] };
}

export function addEvent(draft: Draft, code: number, otherInformation = ''): void {
  const { counts, timeS } = draft.state;
  const number = counts.events + 1;
  draft.state = { ...draft.state, counts: { ...counts, events: number } };
  draft.effects.push({ kind: 'write-event', number, event: { timestampS: timeS, code, otherInformation } });
}

const SUPPLY_EVENTS: Readonly<Record<SupplyState, EventCode>> = {
  disabled: EVENT_CODES.supplyDisabled,
  enabled: EVENT_CODES.supplyEnabled,
  armed: EVENT_CODES.supplyArmed,
};

export function moveSwitch(draft: Draft, supply: SupplyState, cause: SupplyCause): void {
  draft.state = { ...draft.state, loadSwitch: moved(draft.state.loadSwitch, supply, cause) };
  addSupplyEvent(draft);
}

/** Says in the Event Log how the switch stands, and why. */
export function addSupplyEvent(draft: Draft): void {
  const { supply, cause } = draft.state.loadSwitch;
  addEvent(draft, SUPPLY_EVENTS[supply], SUPPLY_CAUSES[cause].toString(16).padStart(2, '0'));
}

/** Without credit a prepayment supply is disabled, armed or not. */
export function enforceCredit(draft: Draft): void {
  const { balances, settings, loadSwitch } = draft.state;
  if (loadSwitch.supply === 'disabled' || !isOutOfCredit(balances, settings.paymentMode, settings.prepayment)) return;
  moveSwitch(draft, 'disabled', 'no-credit');
}

/** A supply that was disabled for want of credit is armed once there is some, or once none is needed. */
export function armIfPaid(draft: Draft, cause: SupplyCause): void {
  const { balances, settings, loadSwitch } = draft.state;
  if (loadSwitch.supply !== 'disabled' || loadSwitch.cause !== 'no-credit') return;
  if (!isOutOfCredit(balances, settings.paymentMode, settings.prepayment)) moveSwitch(draft, 'armed', cause);
}

/** Closes a billing period: all registers are kept, the block counters start anew. */
export function addBill(draft: Draft, cause: BillCause): void {
  const { state } = draft;
  const number = state.counts.bills + 1;
  draft.effects.push({ kind: 'write-bill', number, read: readOf(state, state.timeS), cause });
  draft.state = {
    ...state,
    counts: { ...state.counts, bills: number },
    registers: { ...state.registers, blockCountersWh: state.registers.blockCountersWh.map(() => 0) },
  };
}

/**
 * The clock goes somewhere else without energy having been counted: power was off, or it was set. What it leaps over is
 * marked; a day that it leaves is closed, even when it goes back: what comes then is kept beside it and added to it by who reads.
 */
export function leapTo(draft: Draft, timeS: number): void {
  const fromS = draft.state.timeS;
  if (timeS > fromS) draft.state = { ...draft.state, openDay: markOutage(draft.state.openDay, fromS, timeS) };
  draft.state = { ...draft.state, timeS, minute: { importWs: 0, seconds: 0, lastPowerW: 0 } };
  const day = dayOf(timeS);
  if (day === draft.state.openDay.day) return;
  closeDay(draft, day > draft.state.openDay.day ? (draft.state.openDay.day + 1) * DAY_S : fromS);
  if (timeS > fromS) {
    draft.state = { ...draft.state, openDay: markOutage(draft.state.openDay, day * DAY_S, timeS) };
  }
}

/** The open day is over: the clock stands in another one. @param readAtS - The moment that the daily read belongs to */
export function closeDay(draft: Draft, readAtS: number): void {
  const { openDay, counts, timeS, settings } = draft.state;
  const number = counts.days + 1;
  draft.effects.push({ kind: 'write-day', number, openDay });
  draft.effects.push({ kind: 'write-read', number, read: readOf(draft.state, readAtS) });
  const day = dayOf(timeS);
  draft.state = { ...draft.state, counts: { ...counts, days: number }, openDay: newDay(day) };
  keepConsumption(draft, openDay.day, sum(openDay.importWh));
  const midnights = Math.min(Math.max(day - openDay.day, 0), MIDNIGHTS_CHARGED_MAX);
  const { standingChargeMillipencePerDay } = settings.tariff;
  let { balances } = draft.state;
  for (let i = 0; i < midnights; i++) {
    balances = chargeMidnight(balances, standingChargeMillipencePerDay, settings.paymentMode, settings.prepayment);
  }
  draft.state = { ...draft.state, balances };
  if (hasBillingDay(openDay.day, day, settings.billingDayOfMonth)) addBill(draft, 'calendar');
}

function keepConsumption(draft: Draft, day: number, importWh: number): void {
  const { counts } = draft.state;
  const consumption = [...draft.state.consumption, { day, importWh }];
  if (consumption.length < CONSUMPTION_CHUNK_DAYS) {
    draft.state = { ...draft.state, consumption };
    return;
  }
  const number = counts.chunks + 1;
  draft.effects.push({ kind: 'write-consumption', number, days: consumption });
  draft.state = { ...draft.state, consumption: [], counts: { ...counts, chunks: number } };
}

// However many were missed while the power was off: one bill, as the power comes back.
function hasBillingDay(afterDay: number, untilDay: number, dayOfMonth: number): boolean {
  if (dayOfMonth === 0) return false;
  for (let day = untilDay; day > afterDay && day > untilDay - 31; day--) {
    if (dateOf(day).day === dayOfMonth) return true;
  }
  return untilDay - afterDay > 31;
}
