import type { MeterState } from './meter-state.js';

/** Whether a new time is near enough to the clock to be believed. */
export function isWithinTolerance(state: MeterState, utcS: number, toleranceS: number): boolean {
  return Math.abs(utcS - state.timeS) <= toleranceS;
}

/** The meter's clock for a time of the host's: an offset, so that both go on alike. */
export function meterTimeOf(state: MeterState, hostS: number): number {
  return hostS + state.clockOffsetS;
}

export function hostTimeOf(state: MeterState, meterS: number): number {
  return meterS - state.clockOffsetS;
}
