/** Thousands of virtual meters in one process. */
export { createFleet } from './fleet.js';
export type { Fleet, FleetOutcome } from './fleet.js';
export { runFleet } from './run-fleet.js';
export type { FleetPace, FleetRun, RunFleetOptions } from './run-fleet.js';
export { deviceIdOf, deviceKeyOf } from './fleet-keys.js';
export type { FleetOptions, FleetPlan } from './fleet-plan.js';
export type { ReleaseFields } from './release.js';
export { endsAsCsv, isAsExpected } from './report.js';
export type { FaultTally, FleetReport, SlotHash } from './report.js';
export type { MeterEnd } from './meter-end.js';
export type { FaultKind } from './faults.js';
export type { CheckCounts } from './shared-checks.js';
export { FleetError } from './error.js';
export type { FleetErrorCode } from './error.js';
export * as limits from './limits.js';
