/** The report, from what was gathered and the table of meters. */
import { ALONE_DAYS_MARGIN, MS_PER_DAY } from '../limits.js';
import { type Campaign, userAt } from '../machine/campaign.js';
import { capacityOn, otherTrafficOn, scheduledOn } from '../machine/request-rules.js';
import type {
  CampaignReport,
  CohortRow,
  DayRow,
  FailureRow,
  Fairness,
  HeadFigures,
  RequestRow,
  ResponseFigures,
  UserRow,
  VersionRow,
} from '../model/campaign-report.js';
import type { CampaignState, MeterReason } from '../model/campaign-state.js';
import { METER_REASONS, METER_STAGES } from '../model/campaign-state.js';
import { dayOf, textOfDay } from '../time/civil.js';
import type { Gathered } from './gathered.js';
import { type Tally, tallyOf, type Tallies } from './tally.js';

export function reportOf(
  campaign: Campaign,
  state: CampaignState,
  gathered: Gathered,
  planned: CampaignReport | undefined,
): CampaignReport {
  const tallies = tallyOf(campaign, state);
  const days = daysOf(campaign, state, gathered, planned);
  return {
    format: 1,
    campaignId: campaign.input.campaignId,
    inputDigest: state.inputDigest,
    ended: state.status === 'ended',
    records: gathered.records,
    firstAtMs: gathered.firstAtMs,
    lastAtMs: gathered.lastAtMs,
    head: headOf(campaign, state, gathered, days),
    days,
    response: responseOf(campaign, state, gathered),
    failures: failuresOf(gathered, tallies),
    users: campaign.input.users.map((_, user) => userRow(campaign, gathered, tallies, user)),
    requests: campaign.input.requests.map((_, index) => requestRow(campaign, state, gathered, tallies, index)),
    cohorts: campaign.input.cohorts.map((_, cohort) => cohortRow(campaign, state, tallies, cohort)),
    batches: [...gathered.batches.values()].map(({ open: _open, ...row }) => row),
    holds: gathered.holds,
    rescheduled: gathered.rescheduled,
    notices: gathered.notices,
    versions: versionsOf(campaign, tallies),
    fairness: fairnessOf(campaign, state, gathered),
  };
}

function daysOf(
  campaign: Campaign,
  state: CampaignState,
  gathered: Gathered,
  planned: CampaignReport | undefined,
): readonly DayRow[] {
  const plannedLeft = new Map(planned?.days.map(({ day, left }) => [day, left]));
  const known = [...gathered.days.keys()];
  if (known.length === 0) return [];
  const first = known.reduce((one, other) => Math.min(one, other));
  const last = known.reduce((one, other) => Math.max(one, other));
  const rows: DayRow[] = [];
  let closed: Pick<DayRow, 'done' | 'failed' | 'exempt' | 'parked' | 'left'> = {
    done: 0,
    failed: 0,
    exempt: 0,
    parked: 0,
    left: 0,
  };
  for (let day = first; day <= last; day += 1) {
    const row = gathered.days.get(day);
    closed = row?.close ?? closed;
    const text = textOfDay(day);
    const plan = plannedLeft.size === 0 ? undefined : (plannedLeft.get(text) ?? planned?.days.at(-1)?.left);
    rows.push({
      day: text,
      capacity: row?.capacity ?? capacityOn(campaign, state, day),
      otherTraffic: row?.otherTraffic ?? otherTrafficOn(campaign, day),
      largeStarts: row?.largeStarts ?? 0,
      smallStarts: row?.smallStarts ?? 0,
      byUser: [...(row?.byUser ?? [])]
        .toSorted(([one], [other]) => one - other)
        .map(([user, largeStarts]) => ({ userId: userAt(campaign, user).userId, largeStarts })),
      installed: row?.installed ?? 0,
      ...closed,
      ...(plan === undefined ? {} : { plannedLeft: plan }),
      marks: row?.marks ?? [],
    });
  }
  return rows;
}

function headOf(campaign: Campaign, state: CampaignState, gathered: Gathered, days: readonly DayRow[]): HeadFigures {
  const withStarts = days.filter(({ largeStarts }) => largeStarts > 0);
  const busiest = withStarts.reduce<DayRow | undefined>(
    (most, row) => (most === undefined || row.largeStarts > most.largeStarts ? row : most),
    undefined,
  );
  const scheduled = state.requests.reduce((sum, { pools }, index) => {
    const isAgreed = campaign.input.requests[index]!.schedule !== undefined;
    return isAgreed ? sum + pools.reduce((fresh, pool) => fresh + pool.fresh, 0) : sum;
  }, 0);
  const stages = Object.fromEntries(METER_STAGES.map((stage, at) => [stage, state.counts[at]!])) as Record<
    (typeof METER_STAGES)[number],
    number
  >;
  return {
    meters: campaign.meterCount,
    inScope: campaign.meterCount - stages['out-of-scope'],
    stages: { ...stages, waiting: stages.waiting - scheduled, scheduled },
    starts: gathered.starts,
    largeStarts: withStarts.reduce((sum, { largeStarts }) => sum + largeStarts, 0),
    retries: gathered.retries,
    startDays: withStarts.length,
    fullDays: withStarts.filter(
      ({ largeStarts, capacity, otherTraffic }) => largeStarts >= Math.max(0, capacity - otherTraffic),
    ).length,
    firstStartDay: withStarts[0]?.day,
    lastStartDay: withStarts.at(-1)?.day,
    endDay: gathered.lastMeterMs === undefined ? undefined : textOfDay(dayOf(gathered.lastMeterMs)),
    busiestDay: busiest === undefined ? undefined : { day: busiest.day, largeStarts: busiest.largeStarts },
  };
}

function responseOf({ input }: Campaign, state: CampaignState, gathered: Gathered): ResponseFigures {
  const { responseDays, giveUpDays } = input.policy;
  const { within, late, gaveUp, lastAtMs } = gathered;
  let underWayLate = 0;
  for (const { atMs, open } of state.openBatches.values())
    if (lastAtMs - atMs > responseDays * MS_PER_DAY) underWayLate += open;
  const decided = within + late + gaveUp;
  return {
    targetDays: responseDays,
    within,
    late,
    overdue: underWayLate + gaveUp,
    gaveUp,
    shareWithin: decided === 0 ? 1 : within / decided,
    histogram: Array.from({ length: giveUpDays + 1 }, (_, days) => ({
      days,
      starts: gathered.answersByDay[days] ?? 0,
    })),
  };
}

function failuresOf({ broken }: Gathered, { byReason }: Tallies): readonly FailureRow[] {
  const starts = [...broken].map(([reason, count]): FailureRow => ({ reason, of: 'start', count }));
  const meters = METER_REASONS.map((reason, at): FailureRow => ({ reason, of: 'meter', count: byReason[at]! }));
  const isTold = ({ reason, count }: FailureRow): boolean => count > 0 && !NO_FAILURE.has(reason);
  return [...starts, ...meters].filter(isTold).toSorted((one, other) => other.count - one.count);
}

const NO_FAILURE: ReadonlySet<MeterReason> = new Set(['none', 'already-there']);

function userRow(campaign: Campaign, gathered: Gathered, { byUser }: Tallies, user: number): UserRow {
  const { userId, name } = userAt(campaign, user);
  const starts = [...gathered.days.values()].map((day) => day.byUser.get(user) ?? 0);
  const { total, done, failed, exempt, left } = byUser[user]!;
  return {
    userId,
    name,
    largeStarts: starts.reduce((sum, count) => sum + count, 0),
    smallStarts: gathered.smallByUser.get(user) ?? 0,
    busiestDayStarts: Math.max(0, ...starts),
    meters: total,
    done,
    failed,
    exempt,
    left,
  };
}

function requestRow(
  campaign: Campaign,
  state: CampaignState,
  gathered: Gathered,
  { byCohort }: Tallies,
  index: number,
): RequestRow {
  const { requestId, userId, priority, requestedAt, targetEntryId, schedule, phases, cohortIds } =
    campaign.input.requests[index]!;
  const { status, reason, refusal, phase, started, underWay, safetyTested } = state.requests[index]!;
  const { largeStarts, firstStartDay, lastStartDay } = gathered.requests[index]!;
  const tally = cohortIds.reduce((sum, id) => plus(sum, byCohort[campaign.cohorts.get(id)!]!), NOTHING);
  const isTesting = priority === 'security' && !safetyTested;
  return {
    requestId,
    userId,
    status,
    reason,
    refusal,
    priority,
    requestedAt,
    targetEntryId,
    scheduled: schedule !== undefined,
    phase: isTesting ? 'safety test' : (phases[phase]?.name ?? 'all meters'),
    meters: tally.total,
    started,
    done: tally.done,
    failed: tally.failed,
    exempt: tally.exempt,
    parked: tally.parked,
    underWay,
    left: tally.left,
    largeStarts,
    firstStartDay: firstStartDay === undefined ? undefined : textOfDay(firstStartDay),
    lastStartDay: lastStartDay === undefined ? undefined : textOfDay(lastStartDay),
  };
}

const NOTHING: Tally = { total: 0, done: 0, failed: 0, exempt: 0, parked: 0, left: 0 };

function plus(one: Tally, other: Tally): Tally {
  return {
    total: one.total + other.total,
    done: one.done + other.done,
    failed: one.failed + other.failed,
    exempt: one.exempt + other.exempt,
    parked: one.parked + other.parked,
    left: one.left + other.left,
  };
}

function cohortRow(campaign: Campaign, state: CampaignState, { byCohort }: Tallies, cohort: number): CohortRow {
  const { cohortId, userId, entryId } = campaign.input.cohorts[cohort]!;
  const request = campaign.input.requests[campaign.cohortRequest[cohort]!];
  const { total, ...ends } = byCohort[cohort]!;
  const route = state.routes.find((one) => one.cohort === cohort && one.before === undefined && !one.isReplaced);
  return {
    cohortId,
    userId,
    requestId: request?.requestId,
    path: route === undefined ? [] : [entryId, ...route.route.hops.map((hop) => hop.entryId)],
    meters: total,
    ...ends,
  };
}

function versionsOf({ input }: Campaign, { byEntry }: Tallies): readonly VersionRow[] {
  return input.lists.cpl.flatMap(({ entryId, deviceModel, firmwareVersion }) => {
    const found = byEntry.get(entryId);
    return found === undefined ? [] : [{ entryId, deviceModel, firmwareVersion, ...found }];
  });
}

/** Jain's index over the speeds of requests that have started large images; see {@link Fairness}. */
function fairnessOf(campaign: Campaign, state: CampaignState, gathered: Gathered): Fairness {
  const speeds = gathered.requests.flatMap(({ largeStarts, largeByDay }, index) => {
    if (largeStarts === 0) return [];
    const first = campaign.firstDays[index]!;
    const half = Math.ceil(largeStarts / 2);
    return [
      {
        requestId: campaign.input.requests[index]!.requestId,
        aloneDays: aloneDays(campaign, state, index, half, first),
        tookDays: Math.max(1, dayOfCount(largeByDay, half) - first + 1),
      },
    ];
  });
  const rates = speeds.map((one) => Math.min(1, one.aloneDays / one.tookDays));
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate * rate, 0);
  return { index: rates.length === 0 ? 1 : (sum * sum) / (rates.length * squares), speeds };
}

/** The day on which the count was reached. */
function dayOfCount(byDay: ReadonlyMap<number, number>, count: number): number {
  let left = count;
  for (const [day, starts] of [...byDay].toSorted(([one], [other]) => one - other)) {
    left -= starts;
    if (left <= 0) return day;
  }
  return 0;
}

function aloneDays(campaign: Campaign, state: CampaignState, index: number, images: number, first: number): number {
  const { unscheduledPerDay, capacityPerDay } = campaign.input.policy;
  const isUrgent = campaign.input.requests[index]!.priority === 'security';
  let left = images;
  // Bounded: a day without any room for it is counted, but not for ever.
  const last = first + images + ALONE_DAYS_MARGIN;
  for (let day = first; day < last; day += 1) {
    const spare = Math.max(0, capacityOn(campaign, state, day) - otherTrafficOn(campaign, day));
    const own = scheduledOn(campaign, index, day) ?? (isUrgent ? capacityPerDay : unscheduledPerDay);
    left -= Math.min(spare, own);
    if (left <= 0) return day - first + 1;
  }
  return last - first;
}
