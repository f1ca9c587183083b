import { BLOCKS, BLOCK_TOU_REGISTERS, HALF_HOURS_PER_DAY, TOU_REGISTERS } from '../limits.js';
import type { Balances } from './balance.js';
import type { LoadSwitch } from './load-switch.js';
import { countedWh, type DayConsumption, type MeterState } from './meter-state.js';
import { SUPPLY_CAUSES, SUPPLY_STATES, type SupplyCause, type SupplyState } from './meter-types.js';
import { OctetReader, OctetWriter } from './octet-stream.js';
import type { OpenDay } from './open-day.js';
import type { Register, Registers } from './registers.js';
import { readSettings, writeSettings } from './settings-codec.js';

const FORMAT = 1;

/** The record of a state: docs/METER.md §4 lists the fields in this order. */
export function encodeState(state: MeterState): Uint8Array {
  const to = new OctetWriter();
  const { counts, balances, loadSwitch } = state;
  to.octet(FORMAT);
  to.signed(state.timeS);
  to.signed(state.clockOffsetS);
  to.octet(state.tampered ? 1 : 0);
  to.counts([counts.days, counts.chunks, counts.bills, counts.events, counts.eventsCleared, counts.powerEvents]);
  writeRegisters(to, state.registers);
  to.signed(balances.balanceMillipence);
  to.count(balances.remainderMicropence);
  to.octet(balances.emergencyActivated ? 1 : 0);
  to.count(balances.emergencyUsedMillipence);
  to.counts([...balances.timeDebtMillipence, balances.paymentDebtMillipence]);
  to.octet(SUPPLY_STATES[loadSwitch.supply]);
  to.octet(SUPPLY_CAUSES[loadSwitch.cause]);
  to.counts([loadSwitch.overMinutes, loadSwitch.limitCounter, loadSwitch.restoreAtS]);
  writeOpenDay(to, state.openDay);
  writeConsumption(to, state.consumption);
  writeSettings(to, state.settings);
  return to.octets;
}

/** Undefined when the record is of another format. */
export function decodeState(octets: Uint8Array): MeterState | undefined {
  const from = new OctetReader(octets);
  if (from.octet() !== FORMAT) return undefined;
  const timeS = from.signed();
  const clockOffsetS = from.signed();
  const tampered = from.octet() === 1;
  const [days, chunks, bills, events, eventsCleared, powerEvents] = from.counts(6);
  const state: MeterState = {
    timeS,
    clockOffsetS,
    tampered,
    counts: {
      days: days!,
      chunks: chunks!,
      bills: bills!,
      events: events!,
      eventsCleared: eventsCleared!,
      powerEvents: powerEvents!,
    },
    registers: readRegisters(from),
    balances: readBalances(from),
    loadSwitch: readLoadSwitch(from),
    openDay: readOpenDay(from),
    consumption: readConsumption(from),
    settings: readSettings(from),
    minute: { importWs: 0, seconds: 0, lastPowerW: 0 },
    persistedWh: 0,
  };
  return { ...state, persistedWh: countedWh(state) };
}

function writeRegisters(to: OctetWriter, registers: Registers): void {
  for (const { wh, remainderWs } of [
    registers.import,
    registers.export,
    registers.reactiveImport,
    registers.reactiveExport,
  ]) {
    to.counts([wh, remainderWs]);
  }
  to.counts(registers.touWh);
  to.counts(registers.blockWh);
  to.counts(registers.blockCountersWh);
}

function readRegisters(from: OctetReader): Registers {
  const register = (): Register => ({ wh: from.count(), remainderWs: from.count() });
  return {
    import: register(),
    export: register(),
    reactiveImport: register(),
    reactiveExport: register(),
    touWh: from.counts(TOU_REGISTERS),
    blockWh: from.counts(BLOCKS * BLOCK_TOU_REGISTERS),
    blockCountersWh: from.counts(BLOCKS),
  };
}

function readBalances(from: OctetReader): Balances {
  return {
    balanceMillipence: from.signed(),
    remainderMicropence: from.count(),
    emergencyActivated: from.octet() === 1,
    emergencyUsedMillipence: from.count(),
    timeDebtMillipence: [from.count(), from.count()],
    paymentDebtMillipence: from.count(),
  };
}

function readLoadSwitch(from: OctetReader): LoadSwitch {
  const supply = from.octet();
  const cause = from.octet();
  return {
    supply: (Object.keys(SUPPLY_STATES) as SupplyState[]).find((name) => SUPPLY_STATES[name] === supply) ?? 'disabled',
    cause: (Object.keys(SUPPLY_CAUSES) as SupplyCause[]).find((name) => SUPPLY_CAUSES[name] === cause) ?? 'factory',
    overMinutes: from.count(),
    limitCounter: from.count(),
    restoreAtS: from.count(),
  };
}

function writeOpenDay(to: OctetWriter, openDay: OpenDay): void {
  to.signed(openDay.day);
  for (let at = 0; at < HALF_HOURS_PER_DAY; at += 8) {
    to.octet(openDay.outage.slice(at, at + 8).reduce((bits, isMarked, i) => bits | (isMarked ? 1 << i : 0), 0));
  }
  for (const values of [openDay.importWh, openDay.exportWh, openDay.reactiveImportVarh]) {
    // What is still to come is 0 and takes no room.
    to.list(values.slice(0, values.findLastIndex((value) => value !== 0) + 1));
  }
}

function readOpenDay(from: OctetReader): OpenDay {
  const day = from.signed();
  const octets = Array.from({ length: HALF_HOURS_PER_DAY / 8 }, () => from.octet());
  const outage = Array.from({ length: HALF_HOURS_PER_DAY }, (_, at) => (octets[at >> 3]! & (1 << (at & 7))) !== 0);
  const values = (): readonly number[] => {
    const held = from.list();
    return Array.from({ length: HALF_HOURS_PER_DAY }, (_, at) => held[at] ?? 0);
  };
  return { day, outage, importWh: values(), exportWh: values(), reactiveImportVarh: values() };
}

/** Each day as its distance from the one before it. */
export function writeConsumption(to: OctetWriter, days: readonly DayConsumption[]): void {
  to.count(days.length);
  days.forEach(({ day, importWh }, i) => {
    to.signed(day - (days[i - 1]?.day ?? 0));
    to.count(importWh);
  });
}

export function readConsumption(from: OctetReader): readonly DayConsumption[] {
  let day = 0;
  return Array.from({ length: from.count() }, () => {
    day += from.signed();
    return { day, importWh: from.count() };
  });
}
