import { formatDeviceId } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { counted } from '../output/style.js';
import { failed, type Finish, type Job } from '../run-command.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface DcoCapacityScheduleFlags extends DcoFlags {
  readonly user?: Uint8Array;
  readonly first?: string;
  readonly last?: string;
  readonly perDay?: number;
  readonly withdraw: boolean;
}

/** Puts a delivery schedule that was agreed with a User, or withdraws one. */
export async function dcoCapacitySchedule(
  job: Job,
  flags: DcoCapacityScheduleFlags,
  reference: string,
): Promise<Finish> {
  const client = clientOf(job, flags);
  const { user, first, last, perDay } = flags;
  if (flags.withdraw) {
    const known = (await client.capacity()).schedules.find((one) => one.reference === reference);
    if (known === undefined) {
      return failed(EXIT.refused, `the DCO has no schedule ${reference} that is not over`, {
        wayOut: '`smets1 dco capacity show` names those that it has',
        fields: { code: 'not-found', reference },
      });
    }
    const { userId, from, to } = known;
    await client.agreeSchedule({ reference, userId, from, to, perDay: 0 });
    return {
      ok: true,
      outcome: 'withdrawn',
      fields: { reference, userId },
      text: `schedule ${reference} of User ${userId} is withdrawn`,
    };
  }
  if (user === undefined || first === undefined || last === undefined || perDay === undefined)
    throw new CliError('usage', 'a schedule has --user, --first, --last and --per-day; or give --withdraw alone');
  const userId = formatDeviceId(user);
  const { repeated } = await client.agreeSchedule({ reference, userId, from: first, to: last, perDay });
  return {
    ok: true,
    outcome: 'agreed',
    fields: { reference, userId, from: first, to: last, perDay, repeated },
    text: `User ${userId} may start ${counted(perDay)} large images a day from ${first} to ${last} (schedule ${reference})`,
  };
}
