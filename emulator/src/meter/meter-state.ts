import { DAY_S } from '../limits.js';
import { NEW_BALANCES, type Balances } from './balance.js';
import { NEW_LOAD_SWITCH, type LoadSwitch } from './load-switch.js';
import type { BillCause, MeterEvent, MeterRead, PowerEvent } from './meter-types.js';
import { emergencyLeftMillipence } from './balance.js';
import { dayOf, markOutage, newDay, type OpenDay } from './open-day.js';
import { NEW_REGISTERS, type Registers } from './registers.js';
import { BLOCKS, BLOCK_TOU_REGISTERS } from '../limits.js';
import type { MeterSettings } from './settings.js';

/**
 * Everything a meter knows, but for what its logs hold. It goes to flash as one record, and that record is the only thing
 * that makes a change real: log entries are numbered, and those above the counts in here do not exist.
 */
export interface MeterState {
  /** The meter's clock: all energy up to here is counted. */
  readonly timeS: number;
  /** Meter's clock less the host's. */
  readonly clockOffsetS: number;
  readonly settings: MeterSettings;
  readonly registers: Registers;
  readonly openDay: OpenDay;
  readonly balances: Balances;
  readonly loadSwitch: LoadSwitch;
  readonly tampered: boolean;
  /** Days that are not yet in a record of their own, oldest first. */
  readonly consumption: readonly DayConsumption[];
  readonly counts: LogCounts;
  /** The running minute; not kept over a power cut. */
  readonly minute: { readonly importWs: number; readonly seconds: number; readonly lastPowerW: number };
  /** What the registers held together when the state last went to flash. */
  readonly persistedWh: number;
}

/** Entries ever made. */
export interface LogCounts {
  readonly days: number;
  readonly chunks: number;
  readonly bills: number;
  readonly events: number;
  /** Events up to this one were cleared. */
  readonly eventsCleared: number;
  readonly powerEvents: number;
}

export interface DayConsumption {
  readonly day: number;
  readonly importWh: number;
}

/** What the host writes, in this order; `number` says which entry it is, and writing it again does no harm. */
export type MeterEffect =
  | { readonly kind: 'write-day'; readonly number: number; readonly openDay: OpenDay }
  | { readonly kind: 'write-read'; readonly number: number; readonly read: MeterRead }
  | { readonly kind: 'write-consumption'; readonly number: number; readonly days: readonly DayConsumption[] }
  | { readonly kind: 'write-bill'; readonly number: number; readonly read: MeterRead; readonly cause: BillCause }
  | { readonly kind: 'write-event'; readonly number: number; readonly event: MeterEvent }
  | { readonly kind: 'write-power-event'; readonly number: number; readonly event: PowerEvent }
  /** The state after the step; always the last one. */
  | { readonly kind: 'persist' };

export interface MeterStep {
  readonly state: MeterState;
  readonly effects: readonly MeterEffect[];
}

/** A meter that leaves the factory: the part of its first day before it is marked as an outage. */
export function newMeterState(settings: MeterSettings, timeS: number): MeterState {
  const day = dayOf(timeS);
  return {
    timeS,
    clockOffsetS: 0,
    settings,
    registers: NEW_REGISTERS,
    openDay: markOutage(newDay(day), day * DAY_S, timeS),
    balances: NEW_BALANCES,
    loadSwitch: NEW_LOAD_SWITCH,
    tampered: false,
    consumption: [],
    counts: { days: 0, chunks: 0, bills: 0, events: 0, eventsCleared: 0, powerEvents: 0 },
    minute: { importWs: 0, seconds: 0, lastPowerW: 0 },
    persistedWh: 0,
  };
}

/** The registers as a log keeps them. */
export function readOf(state: MeterState, atS: number): MeterRead {
  const { registers, balances, settings } = state;
  return {
    atS,
    activeImportRegisterWh: registers.import.wh,
    activeExportRegisterWh: registers.export.wh,
    tariffTouRegisterMatrixWh: registers.touWh,
    tariffBlockTouRegisterMatrixWh: rowsOf(registers.blockWh),
    tariffBlockCounterMatrixWh: registers.blockCountersWh,
    meterBalanceMillipence: balances.balanceMillipence,
    emergencyCreditBalanceMillipence: emergencyLeftMillipence(balances, settings.prepayment),
  };
}

export function rowsOf(blockWh: readonly number[]): readonly (readonly number[])[] {
  return Array.from({ length: BLOCKS }, (_, row) =>
    blockWh.slice(row * BLOCK_TOU_REGISTERS, (row + 1) * BLOCK_TOU_REGISTERS),
  );
}

/** Wh (and varh) of the four registers together: what the bound of a loss is measured in. */
export function countedWh({ registers }: MeterState): number {
  return registers.import.wh + registers.export.wh + registers.reactiveImport.wh + registers.reactiveExport.wh;
}
