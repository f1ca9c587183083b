import { counted } from '../output/style.js';
import type { Finish, Job } from '../run-command.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface DcoCapacityChangeFlags extends DcoFlags {
  readonly from: string;
  readonly perDay: number;
  readonly otherTraffic?: number;
}

/** Changes how many large images a day has room for, from a day on. */
export async function dcoCapacityChange(job: Job, flags: DcoCapacityChangeFlags, reference: string): Promise<Finish> {
  const { from, perDay, otherTraffic = 0 } = flags;
  const { repeated, overbooked } = await clientOf(job, flags).changeCapacity({ reference, from, perDay, otherTraffic });
  for (const day of overbooked) {
    const text = `the schedules of ${day} come to more than there is now; tell their Users, or alter them`;
    job.report.event('overbooked', { day }, text);
  }
  return {
    ok: true,
    outcome: 'changed',
    fields: { reference, from, perDay, otherTraffic, repeated, overbooked },
    text: `from ${from} on there is room for ${counted(perDay - otherTraffic)} large images a day`,
  };
}
