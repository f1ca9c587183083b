/** One sound meter takes the release before the fleet does: a release that none would take is refused at once. */
import { FleetError } from './error.js';
import type { FleetPlan } from './fleet-plan.js';
import { updateMeter } from './update-meter.js';
import { openWorkshop } from './workshop.js';

/**
 * @returns Flash operations of an update in which nothing happens.
 * @throws {@link FleetError} `not-applicable` with what the meter answered
 */
export function rehearse(plan: FleetPlan): number {
  const { end } = attempt(plan);
  if (end.asExpected) return end.flashOperations;
  const told = `a sound meter of this fleet (profile ${plan.profile}) ended with ${end.outcome} and runs the ${end.runs} firmware`;
  throw new FleetError('not-applicable', `${told}: no meter of it would take this image`);
}

function attempt(plan: FleetPlan): ReturnType<typeof updateMeter> {
  try {
    return updateMeter(openWorkshop({ ...plan, faultRate: 0 }), 0, 1);
  } catch (error) {
    if (error instanceof FleetError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new FleetError('not-applicable', `no meter of profile ${plan.profile} can be made for this image: ${why}`, {
      cause: error,
    });
  }
}
