/**
 * Metering as a pure function: energy, time, power and commands in, state and what is to be written out. Decisions fall at
 * full minutes of the meter's clock only, so that nothing depends on how often somebody looks.
 */
import { MeterError } from '../errors.js';
import { FLOW_W_MAX, HALF_HOUR_S, MINUTE_S, REGISTER_PERSIST_WH } from '../limits.js';
import { chargeEnergy } from './balance.js';
import { meterTimeOf } from './clock.js';
import { addEvent, addSupplyEvent, closeDay, draftOf, enforceCredit, finish, leapTo, type Draft } from './draft.js';
import { EVENT_CODES } from './event-codes.js';
import { limitLoad } from './load-switch.js';
import type { Flow } from './load-source.js';
import { countedWh, type MeterState, type MeterStep } from './meter-state.js';
import { addToDay, dayOf } from './open-day.js';
import { assignToTariff, countEnergy } from './registers.js';

export type MeterInput =
  /** Energy between the state's time and `untilS`, which is not past the next full minute. */
  | { readonly kind: 'flow'; readonly untilS: number; readonly flow: Flow }
  /** The power is back; the host's clock says `hostS`. */
  | { readonly kind: 'power-on'; readonly hostS: number }
  /** Nothing counted so far may be lost. */
  | { readonly kind: 'flush' }
  /** Something to remember; `otherInformation` in hex. */
  | { readonly kind: 'event'; readonly code: number; readonly otherInformation: string };

/** @throws MeterError `bad-value` for a flow that cannot be counted */
export function meterStep(state: MeterState, input: MeterInput): MeterStep {
  switch (input.kind) {
    case 'flow':
      return whenFlow(state, input.flow, input.untilS);
    case 'power-on':
      return whenPowerOn(state, input.hostS);
    case 'flush':
      return finish(draftOf(state), true);
    case 'event': {
      const draft = draftOf(state);
      addEvent(draft, input.code, input.otherInformation);
      return finish(draft, true);
    }
  }
}

/** The end of the running minute, on the meter's clock. */
export function nextMinuteS(timeS: number): number {
  return (Math.floor(timeS / MINUTE_S) + 1) * MINUTE_S;
}

/** The bound on what a power cut loses counts whole Wh; a step that goes this far past it is persisted at the next full minute. */
function isOverdue(state: MeterState): boolean {
  return countedWh(state) - state.persistedWh >= REGISTER_PERSIST_WH;
}

function whenFlow(state: MeterState, flow: Flow, untilS: number): MeterStep {
  const seconds = untilS - state.timeS;
  checkFlow(flow, seconds);
  // A supply that is off neither draws nor gives.
  const counted = state.loadSwitch.supply === 'enabled' ? count(state, flow) : state;
  const { importWs, seconds: before, lastPowerW } = counted.minute;
  const draft = draftOf({ ...counted, timeS: untilS, minute: { importWs, seconds: before + seconds, lastPowerW } });
  if (untilS % MINUTE_S !== 0) return finish(draft, false);
  endMinute(draft);
  return finish(draft, untilS % HALF_HOUR_S === 0 || isOverdue(draft.state));
}

function count(state: MeterState, flow: Flow): MeterState {
  const { registers, settings, minute } = state;
  const imported = countEnergy(registers.import, flow.importWs);
  const exported = countEnergy(registers.export, flow.exportWs);
  const reactive = countEnergy(registers.reactiveImport, flow.reactiveImportVarS ?? 0);
  const reactiveOut = countEnergy(registers.reactiveExport, flow.reactiveExportVarS ?? 0);
  const { registers: assigned, costMicropence } = assignToTariff(registers, settings.tariff, state.timeS, imported.wh);
  const wh = { importWh: imported.wh, exportWh: exported.wh, reactiveImportVarh: reactive.wh };
  return {
    ...state,
    registers: {
      ...assigned,
      import: imported.register,
      export: exported.register,
      reactiveImport: reactive.register,
      reactiveExport: reactiveOut.register,
    },
    balances: costMicropence === 0 ? state.balances : chargeEnergy(state.balances, costMicropence, settings.prepayment),
    openDay: imported.wh + exported.wh + reactive.wh === 0 ? state.openDay : addToDay(state.openDay, state.timeS, wh),
    minute: { ...minute, importWs: minute.importWs + flow.importWs },
  };
}

function endMinute(draft: Draft): void {
  const { timeS, minute, openDay } = draft.state;
  const lastPowerW = Math.floor(minute.importWs / MINUTE_S);
  draft.state = { ...draft.state, minute: { importWs: 0, seconds: 0, lastPowerW } };
  if (dayOf(timeS) !== openDay.day) closeDay(draft, timeS);
  enforceCredit(draft);
  limit(draft, lastPowerW);
}

function limit(draft: Draft, meanW: number): void {
  const { loadSwitch, settings, timeS } = draft.state;
  const limited = limitLoad(loadSwitch, settings.loadLimit, meanW, timeS);
  if (limited.loadSwitch === loadSwitch) return;
  draft.state = { ...draft.state, loadSwitch: limited.loadSwitch };
  if (limited.event === 'limited') addEvent(draft, EVENT_CODES.loadLimited);
  if (limited.loadSwitch.supply !== loadSwitch.supply) addSupplyEvent(draft);
}

function whenPowerOn(state: MeterState, hostS: number): MeterStep {
  const timeS = meterTimeOf(state, hostS);
  const draft = draftOf({ ...state, loadSwitch: { ...state.loadSwitch, overMinutes: 0 } });
  leapTo(draft, timeS);
  if (timeS > state.timeS) {
    const { counts } = draft.state;
    const number = counts.powerEvents + 1;
    draft.state = { ...draft.state, counts: { ...counts, powerEvents: number } };
    draft.effects.push({ kind: 'write-power-event', number, event: { fromS: state.timeS, untilS: timeS } });
  }
  if (timeS < state.timeS) addEvent(draft, EVENT_CODES.clockWentBack);
  // Also without an outage: what stood in flash may have been all but unreadable.
  return finish(draft, true);
}

function checkFlow(flow: Flow, seconds: number): void {
  const { importWs, exportWs, reactiveImportVarS = 0, reactiveExportVarS = 0 } = flow;
  for (const amount of [importWs, exportWs, reactiveImportVarS, reactiveExportVarS]) {
    if (Number.isSafeInteger(amount) && amount >= 0 && amount <= FLOW_W_MAX * seconds) continue;
    throw new MeterError(
      'bad-value',
      `the load source gives ${amount} for ${seconds} s; it must be a whole number from 0 to ${FLOW_W_MAX * seconds}`,
    );
  }
}
