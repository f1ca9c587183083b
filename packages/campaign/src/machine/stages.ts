/** Stages and reasons as the numbers that the table holds. */
import type { MeterReason, MeterStage } from '../model/campaign-state.js';
import { METER_REASONS, METER_STAGES } from '../model/campaign-state.js';

export const STAGE: Readonly<Record<MeterStage, number>> = numbered(METER_STAGES);
export const REASON: Readonly<Record<MeterReason, number>> = numbered(METER_REASONS);

/** Whether nothing more happens to a meter in this stage. */
export function isEnd(stage: number): boolean {
  return stage === STAGE.done || stage === STAGE.failed || stage === STAGE.exempt;
}

function numbered<T extends string>(names: readonly T[]): Readonly<Record<T, number>> {
  return Object.fromEntries(names.map((name, at) => [name, at])) as Record<T, number>;
}
