import { CliError } from '../errors.js';
import type { Finish, Job } from '../run-command.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface DcoCapacityIncidentFlags extends DcoFlags {
  readonly hash?: string;
  readonly priority: number;
  readonly halt: boolean;
  readonly close: boolean;
}

/** Opens or closes a security incident about an image. */
export async function dcoCapacityIncident(
  job: Job,
  flags: DcoCapacityIncidentFlags,
  reference: string,
): Promise<Finish> {
  const client = clientOf(job, flags);
  const { hash, priority, halt, close } = flags;
  if (close) {
    const { repeated } = await client.closeIncident(reference);
    return { ok: true, outcome: 'closed', fields: { reference, repeated }, text: `incident ${reference} is closed` };
  }
  if (hash === undefined)
    throw new CliError('usage', 'an incident is about an image: give --hash, or --close for one that is open');
  const { repeated } = await client.openIncident({ reference, firmwareHash: hash, priority, halts: halt });
  return {
    ok: true,
    outcome: 'opened',
    fields: { reference, hash, priority, halts: halt, repeated },
    text: `incident ${reference} is open: its image goes first${halt ? ', and other large images wait until it is closed' : ''}`,
  };
}
