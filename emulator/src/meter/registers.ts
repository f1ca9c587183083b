import { MeterError } from '../errors.js';
import { BLOCKS, BLOCK_TOU_REGISTERS, REGISTER_WH_MAX, TOU_REGISTERS, WATT_SECONDS_PER_WH } from '../limits.js';
import { activeBlock, activeRegister, blockRegisterIndex, type Tariff } from './tariff.js';

/** Energy since the meter was made. Only grows. */
export interface Register {
  readonly wh: number;
  /** Below one Wh, 0 to 3,599 watt-seconds. */
  readonly remainderWs: number;
}

/**
 * Every Wh of import is also counted once in a tariff register: in the one that was active when it became whole. So the
 * 48 time-of-use registers, or the 32 of the blocks, add up to what was imported in their mode, to the last Wh.
 */
export interface Registers {
  readonly import: Register;
  readonly export: Register;
  readonly reactiveImport: Register;
  readonly reactiveExport: Register;
  /** 48. */
  readonly touWh: readonly number[];
  /** 4 × 8, row by row. */
  readonly blockWh: readonly number[];
  /** Of each block since the last bill, 4. */
  readonly blockCountersWh: readonly number[];
}

const EMPTY: Register = { wh: 0, remainderWs: 0 };

export const NEW_REGISTERS: Registers = {
  import: EMPTY,
  export: EMPTY,
  reactiveImport: EMPTY,
  reactiveExport: EMPTY,
  touWh: zeros(TOU_REGISTERS),
  blockWh: zeros(BLOCKS * BLOCK_TOU_REGISTERS),
  blockCountersWh: zeros(BLOCKS),
};

/** @throws MeterError `bad-value` for energy that is no whole number of watt-seconds, 0 or more, or that no register holds */
export function countEnergy(
  register: Register,
  wattSeconds: number,
): { readonly register: Register; readonly wh: number } {
  const total = register.remainderWs + wattSeconds;
  if (!Number.isSafeInteger(total) || wattSeconds < 0) {
    throw new MeterError(
      'bad-value',
      `${wattSeconds} watt-seconds cannot be counted; a load source gives whole numbers from 0 on`,
    );
  }
  const wh = Math.floor(total / WATT_SECONDS_PER_WH);
  if (register.wh + wh > REGISTER_WH_MAX)
    throw new MeterError('bad-value', 'the register is full; start with a new meter');
  return { register: { wh: register.wh + wh, remainderWs: total % WATT_SECONDS_PER_WH }, wh };
}

/** What counting cost, in thousandths of a millipence. */
export interface Assigned {
  readonly registers: Registers;
  readonly costMicropence: number;
}

/** Counts whole Wh in the tariff registers that are active at a moment. */
export function assignToTariff(registers: Registers, tariff: Tariff, timeS: number, wh: number): Assigned {
  if (wh === 0) return { registers, costMicropence: 0 };
  const register = activeRegister(tariff, timeS);
  if (tariff.mode === 'time-of-use') {
    const touWh = registers.touWh.with(register, registers.touWh[register]! + wh);
    return {
      registers: { ...registers, touWh },
      costMicropence: wh * (tariff.touPricesMillipencePerKwh[register] ?? 0),
    };
  }
  return assignToBlocks(registers, tariff, register, wh);
}

function assignToBlocks(registers: Registers, tariff: Tariff, register: number, wh: number): Assigned {
  let { blockWh, blockCountersWh } = registers;
  let costMicropence = 0;
  for (let left = wh; left > 0;) {
    const { block, roomWh } = activeBlock(tariff, register, sum(blockCountersWh));
    const part = Math.min(left, roomWh);
    const index = blockRegisterIndex(block, register);
    blockWh = blockWh.with(index, blockWh[index]! + part);
    blockCountersWh = blockCountersWh.with(block, blockCountersWh[block]! + part);
    costMicropence += part * (tariff.blockPricesMillipencePerKwh[block]![register] ?? 0);
    left -= part;
  }
  return { registers: { ...registers, blockWh, blockCountersWh }, costMicropence };
}

function zeros(length: number): readonly number[] {
  return Array.from({ length }, () => 0);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
