/** What must hold between the parts of an input. */
import type { InputFault, InputFaultCode } from '../error.js';
import { METERS_MAX } from '../limits.js';
import type { CampaignCommand, CampaignInput, Cohort, MeterList, Request } from '../model/campaign-input.js';
import { countOf, meterSetFault } from '../model/meter-set.js';
import { checkedInstant } from '../time/civil.js';
import { eui64Of, EUI64_END } from './device-id.js';

type Conflict = { readonly ok: false; readonly fault: InputFault };

/** The first thing that contradicts another, or undefined. */
export function inputConflict(input: CampaignInput): Conflict | undefined {
  return (
    duplicate(input.users, 'users', 'userId') ??
    duplicate(input.cohorts, 'cohorts', 'cohortId') ??
    duplicate(input.requests, 'requests', 'requestId') ??
    first(input.cohorts, (cohort, at) => cohortConflict(cohort, `cohorts.${at}`, input)) ??
    metersConflict(input.cohorts) ??
    first(input.requests, (request, at) => requestConflict(request, `requests.${at}`, input)) ??
    sharedCohort(input.requests) ??
    first(input.otherTraffic, ({ fromDay, toDay }, at) =>
      toDay < fromDay ? conflict('order', `otherTraffic.${at}.toDay`, 'is before fromDay') : undefined,
    ) ??
    eventsConflict(input) ??
    policyConflict(input) ??
    modelConflict(input)
  );
}

export function metersIn(meters: MeterList): number {
  return 'count' in meters ? meters.count : meters.deviceIds.length;
}

function cohortConflict(cohort: Cohort, path: string, { users, lists }: CampaignInput): Conflict | undefined {
  const owner = users.find(({ userId }) => userId === cohort.userId);
  if (owner === undefined) return unknown(`${path}.userId`, cohort.userId, 'users');
  if (owner.role !== 'supplier')
    return conflict('contradiction', `${path}.userId`, 'is no supplier; the Responsible Supplier of a meter is one');
  if (!lists.cpl.some(({ entryId }) => entryId === cohort.entryId))
    return unknown(`${path}.entryId`, cohort.entryId, 'lists.cpl');
  if (cohort.dormant && cohort.epclEntryId === undefined)
    return conflict('contradiction', path, 'is dormant and has no epclEntryId; name the combination it shall match');
  if (!cohort.dormant && cohort.epclEntryId !== undefined)
    return conflict('contradiction', `${path}.epclEntryId`, 'is for dormant cohorts; leave it out, or set dormant');
  return undefined;
}

function metersConflict(cohorts: readonly Cohort[]): Conflict | undefined {
  const total = cohorts.reduce((sum, { meters }) => sum + metersIn(meters), 0);
  if (total > METERS_MAX)
    return conflict('too-many-meters', 'cohorts', `have ${total} meters, more than ${METERS_MAX}; split the campaign`);
  // Runs of ids and single ids, sorted by where they begin: two that overlap are neighbours, or have one between them that overlaps too.
  const runs: { readonly begin: bigint; readonly end: bigint; readonly path: string }[] = [];
  for (const [at, { meters }] of cohorts.entries()) {
    if ('count' in meters) {
      const begin = eui64Of(meters.firstDeviceId);
      const end = begin + BigInt(meters.count);
      if (end > EUI64_END) return conflict('order', `cohorts.${at}.meters.count`, 'counts past the last EUI-64');
      runs.push({ begin, end, path: `cohorts.${at}.meters` });
    } else {
      for (const [k, deviceId] of meters.deviceIds.entries()) {
        const begin = eui64Of(deviceId);
        runs.push({ begin, end: begin + 1n, path: `cohorts.${at}.meters.deviceIds.${k}` });
      }
    }
  }
  runs.sort((one, other) => (one.begin < other.begin ? -1 : Number(one.begin > other.begin)));
  for (const [at, run] of runs.entries()) {
    const before = runs[at - 1];
    if (before !== undefined && before.end > run.begin)
      return conflict('duplicate-meter', run.path, `has a meter that ${before.path} has too; a meter is in one cohort`);
  }
  return undefined;
}

function requestConflict(request: Request, path: string, input: CampaignInput): Conflict | undefined {
  if (!input.users.some(({ userId }) => userId === request.userId))
    return unknown(`${path}.userId`, request.userId, 'users');
  if (!input.lists.cpl.some(({ entryId }) => entryId === request.targetEntryId))
    return unknown(`${path}.targetEntryId`, request.targetEntryId, 'lists.cpl');
  const cohort = request.cohortIds.findIndex((id) => !input.cohorts.some(({ cohortId }) => cohortId === id));
  if (cohort >= 0) return unknown(`${path}.cohortIds.${cohort}`, request.cohortIds[cohort]!, 'cohorts');
  const isSecurity = request.priority === 'security';
  if (isSecurity !== (request.safetyTestMeters !== undefined))
    return conflict(
      'contradiction',
      path,
      isSecurity
        ? 'is security firmware and has no safetyTestMeters'
        : 'has safetyTestMeters and is no security firmware',
    );
  const isHub = request.deviceType === 'comms-hub';
  if (isHub !== (request.notice !== undefined))
    return conflict(
      'contradiction',
      path,
      isHub ? 'is for communications hubs and has no notice' : 'has a notice and is not for communications hubs',
    );
  if (isHub && request.phases.length === 0)
    return conflict('contradiction', `${path}.phases`, 'are empty; communications hubs start in stages');
  for (const [at, phase] of request.phases.entries())
    if (at > 0 && phase.meters <= request.phases[at - 1]!.meters)
      return conflict('order', `${path}.phases.${at}.meters`, 'are not more than those of the phase before');
  return scheduleConflict(request, path);
}

function scheduleConflict({ schedule }: Request, path: string): Conflict | undefined {
  if (schedule === undefined) return undefined;
  for (const [at, { fromDay, toDay }] of schedule.periods.entries()) {
    const where = `${path}.schedule.periods.${at}`;
    if (toDay !== undefined && toDay < fromDay) return conflict('order', `${where}.toDay`, 'is before fromDay');
    if (at === 0) continue;
    const before = schedule.periods[at - 1]!;
    if (before.toDay === undefined || before.toDay >= fromDay)
      return conflict('order', `${where}.fromDay`, 'is not after the end of the period before');
  }
  return undefined;
}

function sharedCohort(requests: readonly Request[]): Conflict | undefined {
  const owner = new Map<string, string>();
  for (const [at, { requestId, cohortIds }] of requests.entries()) {
    for (const [k, cohortId] of cohortIds.entries()) {
      const other = owner.get(cohortId);
      if (other !== undefined)
        return conflict('contradiction', `requests.${at}.cohortIds.${k}`, `${cohortId} is in request ${other} already`);
      owner.set(cohortId, requestId);
    }
  }
  return undefined;
}

function eventsConflict(input: CampaignInput): Conflict | undefined {
  let lastMs = 0;
  for (const [at, { at: instant, command }] of input.events.entries()) {
    const atMs = checkedInstant(instant);
    if (atMs < lastMs) return conflict('order', `events.${at}.at`, 'is before the event above it; sort them by time');
    lastMs = atMs;
    const found = commandConflict(command, input, `events.${at}.command`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Ids that do not exist, and meters that a cohort does not have. */
export function commandConflict(
  command: CampaignCommand,
  { requests, cohorts, users, lists }: CampaignInput,
  path: string,
): Conflict | undefined {
  if ('requestId' in command && command.requestId !== undefined) {
    const request = requests.find(({ requestId }) => requestId === command.requestId);
    if (request === undefined) return unknown(`${path}.requestId`, command.requestId, 'requests');
    if (command.kind === 'open-incident' && request.priority !== 'security')
      return conflict('contradiction', `${path}.requestId`, 'is no security request; an incident is for one');
  }
  if (command.kind === 'retarget' && !lists.cpl.some(({ entryId }) => entryId === command.targetEntryId))
    return unknown(`${path}.targetEntryId`, command.targetEntryId, 'lists.cpl');
  if (command.kind !== 'churn') return undefined;
  const cohort = cohorts.find(({ cohortId }) => cohortId === command.cohortId);
  if (cohort === undefined) return unknown(`${path}.cohortId`, command.cohortId, 'cohorts');
  const gaining = users.find(({ userId }) => userId === command.toUserId);
  if (gaining === undefined) return unknown(`${path}.toUserId`, command.toUserId, 'users');
  if (gaining.role !== 'supplier')
    return conflict('contradiction', `${path}.toUserId`, 'is no supplier; meters churn to one');
  const wrong = meterSetFault(command.meters, metersIn(cohort.meters));
  if (wrong !== undefined) return conflict('order', `${path}.meters`, wrong);
  return countOf(command.meters) === 0 ? conflict('order', `${path}.meters`, 'are empty') : undefined;
}

function policyConflict({ policy }: CampaignInput): Conflict | undefined {
  const { acceptRate, stopRate, falseStop, falseGo } = policy.stopRule;
  if (acceptRate >= stopRate) return conflict('contradiction', 'policy.stopRule.acceptRate', 'is not below stopRate');
  if (falseStop >= 0.5 || falseGo >= 0.5)
    return conflict('contradiction', 'policy.stopRule', 'errs in half of the cases or more; take less');
  return undefined;
}

function modelConflict({ model, cohorts }: CampaignInput): Conflict | undefined {
  for (const [at, { cohortId }] of model.cohorts.entries()) {
    if (!cohorts.some((cohort) => cohort.cohortId === cohortId))
      return unknown(`model.cohorts.${at}.cohortId`, cohortId, 'cohorts');
  }
  const all = [model.otherwise, ...model.cohorts.map(({ behaviour }) => behaviour)];
  const wrong = all.findIndex(({ minutesMin, minutesMax }) => minutesMax < minutesMin);
  if (wrong < 0) return undefined;
  const path = wrong === 0 ? 'model.otherwise' : `model.cohorts.${wrong - 1}.behaviour`;
  return conflict('order', `${path}.minutesMax`, 'is below minutesMin');
}

function duplicate<T>(items: readonly T[], list: string, key: keyof T & string): Conflict | undefined {
  const seen = new Set<T[typeof key]>();
  for (const [at, item] of items.entries()) {
    if (seen.has(item[key])) return conflict('duplicate-id', `${list}.${at}.${key}`, 'is there twice');
    seen.add(item[key]);
  }
  return undefined;
}

function first<T>(items: readonly T[], check: (item: T, at: number) => Conflict | undefined): Conflict | undefined {
  for (const [at, item] of items.entries()) {
    const found = check(item, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unknown(path: string, id: string, list: string): Conflict {
  return conflict('unknown-id', path, `${id} is not in ${list}; add it there, or mend it`);
}

function conflict(code: InputFaultCode, path: string, what: string): Conflict {
  return { ok: false, fault: { code, path, message: `${path}: ${what}` } };
}
