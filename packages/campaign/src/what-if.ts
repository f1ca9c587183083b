/** The same campaign with other numbers: what would be, if. */
import type { CampaignInput, Policy } from './model/campaign-input.js';

export interface WhatIf {
  /** Large images a day; agreed schedules grow or shrink with it, and changes of capacity in `events` are left out. */
  readonly capacityPerDay?: number | undefined;
  readonly policy?: Partial<Omit<Policy, 'capacityPerDay'>> | undefined;
  /** Leave out windows, other traffic, and events of these kinds. */
  readonly without?: readonly ('windows' | 'other-traffic' | 'incidents' | 'pauses')[] | undefined;
}

/** @param input - Checked. The result is an input too; a journal of the one cannot be continued with the other. */
export function whatIf(input: CampaignInput, { capacityPerDay, policy = {}, without = [] }: WhatIf): CampaignInput {
  const left = (one: CampaignInput['events'][number]): boolean => {
    const { kind } = one.command;
    if (kind === 'capacity') return capacityPerDay === undefined;
    if (kind === 'open-incident' || kind === 'close-incident') return !without.includes('incidents');
    if (kind === 'pause' || kind === 'resume') return !without.includes('pauses');
    return true;
  };
  const before = input.policy.capacityPerDay;
  const factor = capacityPerDay === undefined || before === 0 ? 1 : capacityPerDay / before;
  return {
    ...input,
    policy: { ...input.policy, ...policy, capacityPerDay: capacityPerDay ?? before },
    windows: without.includes('windows') ? [] : input.windows,
    otherTraffic: without.includes('other-traffic') ? [] : input.otherTraffic,
    events: input.events.filter(left),
    requests: input.requests.map(({ schedule, ...request }) =>
      schedule === undefined
        ? request
        : {
            ...request,
            schedule: {
              ...schedule,
              periods: schedule.periods.map((period) => ({
                ...period,
                imagesPerDay: Math.round(period.imagesPerDay * factor),
              })),
            },
          },
    ),
  };
}
