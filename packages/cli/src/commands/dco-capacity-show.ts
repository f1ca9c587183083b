import type { CapacityView } from '@smets1/dco';
import { counted, rows } from '../output/style.js';
import type { Finish, Job } from '../run-command.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface DcoCapacityShowFlags extends DcoFlags {
  readonly day?: string;
}

/** What a day has of capacity for large images, who has what of it, and what is agreed. */
export async function dcoCapacityShow(job: Job, flags: DcoCapacityShowFlags): Promise<Finish> {
  const view = await clientOf(job, flags).capacity(flags.day);
  for (const user of view.users) {
    const by = user.schedule === undefined ? '' : ` by schedule ${user.schedule}`;
    const waiting = user.waiting === 0 ? '' : `, ${counted(user.waiting)} wait`;
    const text = `User ${user.userId}: ${counted(user.used)} of ${counted(user.limit)}${by}${waiting}`;
    job.report.event('user', { ...user }, text);
  }
  for (const one of view.schedules) {
    const text = `schedule ${one.reference}: User ${one.userId} ${one.from} to ${one.to}, ${counted(one.perDay)} a day`;
    job.report.event('schedule', { ...one }, text);
  }
  for (const one of view.changes) {
    const other = one.otherTraffic === 0 ? '' : `, of which other traffic takes ${counted(one.otherTraffic)}`;
    job.report.event(
      'change',
      { ...one },
      `change ${one.reference}: from ${one.from} ${counted(one.perDay)} a day${other}`,
    );
  }
  for (const one of view.incidents) {
    const what = one.halts ? 'halts other large images' : 'halts nothing';
    const text = `incident ${one.reference}: image ${one.firmwareHash.slice(0, 16)}… priority ${one.priority}, ${what}`;
    job.report.event('incident', { ...one }, text);
  }
  return { ok: true, fields: fieldsOf(view), text: textOf(view) };
}

function fieldsOf({
  users,
  schedules,
  changes,
  incidents,
  ...numbers
}: CapacityView): Readonly<Record<string, unknown>> {
  return {
    ...numbers,
    users: users.length,
    schedules: schedules.length,
    changes: changes.length,
    incidents: incidents.length,
  };
}

function textOf(view: CapacityView): string {
  const other = view.otherTraffic === 0 ? '' : ` (other traffic takes ${counted(view.otherTraffic)})`;
  return rows([
    ['day', view.day === view.today ? `${view.day}, today` : `${view.day}; today is ${view.today}`],
    ['large images', `${counted(view.used)} of ${counted(view.max)} started, ${counted(view.left)} left${other}`],
    ['each User', `${counted(view.limitWithoutSchedule)} without a schedule`],
    ['waiting', view.halted ? `${counted(view.waiting)}; an incident halts others` : counted(view.waiting)],
  ]);
}
