/** Figures from a journal, gathered record by record; the table of meters is read where it says more than counts. */
import { MS_PER_DAY } from '../limits.js';
import { apply } from '../machine/apply.js';
import type { Campaign } from '../machine/campaign.js';
import { createState } from '../machine/create-state.js';
import { capacityOn, otherTrafficOn } from '../machine/request-rules.js';
import { STAGE } from '../machine/stages.js';
import type { CampaignRecord } from '../model/campaign-record.js';
import type { CampaignReport, HoldRow } from '../model/campaign-report.js';
import type { CampaignState } from '../model/campaign-state.js';
import { countOf, metersOf } from '../model/meter-set.js';
import { dayOf, textOfDay } from '../time/civil.js';
import type { Gathered, GatheredBatch, GatheredDay } from './gathered.js';
import { reportOf } from './report-of.js';

export interface Reporter {
  /** The state that the records so far add up to. Only to be read. */
  readonly state: CampaignState;
  /** @throws CampaignError `journal-damaged`, as `apply` does. */
  add(record: CampaignRecord): void;
  /** @param planned - Of a plan of the same campaign: its `left` is put beside the days of this one. */
  report(planned?: CampaignReport): CampaignReport;
}

/** Reads a journal from its beginning. It folds a state of its own: a simulation, or a run, need not share theirs. */
export function createReporter(campaign: Campaign): Reporter {
  const state = createState(campaign);
  const gathered = emptyGathering(campaign);
  return {
    state,
    add(record) {
      gather(campaign, state, gathered, record);
      apply(campaign, state, record);
      close(campaign, state, gathered, record);
    },
    report: (planned) => reportOf(campaign, state, gathered, planned),
  };
}

function emptyGathering({ input }: Campaign): Gathered {
  return {
    records: 0,
    firstAtMs: 0,
    lastAtMs: 0,
    lastMeterMs: undefined,
    starts: 0,
    retries: 0,
    days: new Map(),
    broken: new Map(),
    answersByDay: [],
    within: 0,
    late: 0,
    gaveUp: 0,
    batches: new Map(),
    releasedMs: [],
    batchRows: [],
    requests: input.requests.map(() => ({
      largeStarts: 0,
      firstStartDay: undefined,
      lastStartDay: undefined,
      largeByDay: new Map(),
    })),
    smallByUser: new Map(),
    holds: [],
    rescheduled: [],
    notices: [],
  };
}

/** Before the record is applied: the table still says what meters were. */
function gather(campaign: Campaign, state: CampaignState, gathered: Gathered, record: CampaignRecord): void {
  if (gathered.records === 0) gathered.firstAtMs = record.atMs;
  gathered.records += 1;
  gathered.lastAtMs = record.atMs;
  const day = dayRow(gathered, record.atMs);
  switch (record.kind) {
    case 'released':
      return gatherReleased(campaign, state, gathered, record);
    case 'outcomes': {
      day.installed += countOf(record.succeeded);
      answered(campaign, state, gathered, record.atMs, record.succeeded);
      for (const { reason, meters } of record.broken) {
        gathered.broken.set(reason, (gathered.broken.get(reason) ?? 0) + countOf(meters));
        answered(campaign, state, gathered, record.atMs, meters);
      }
      for (const { meters } of record.failed) answered(campaign, state, gathered, record.atMs, meters);
      return;
    }
    case 'gave-up': {
      const count = countOf(record.meters);
      gathered.gaveUp += count;
      gathered.broken.set('gave-up', (gathered.broken.get('gave-up') ?? 0) + count);
      settle(gathered, record.batch, count, record.atMs);
      return;
    }
    case 'granted':
      for (const one of record.rescheduled) gathered.rescheduled.push({ day: record.day, ...one });
      return;
    case 'commanded':
      return gatherCommand(gathered, record, day);
    case 'stopped':
    case 'safety-tested': {
      if (record.kind === 'safety-tested' && record.passed) day.marks.push(`${record.requestId}: safety test passed`);
      else {
        const reason = record.kind === 'stopped' ? 'stop rule' : 'safety test failed';
        day.marks.push(`${record.requestId}: ${reason}`);
        gathered.holds.push({
          kind: 'stop',
          requestId: record.requestId,
          reason,
          fromMs: record.atMs,
          toMs: undefined,
        });
      }
      return;
    }
    case 'noticed': {
      const { requestId, severity, releaseNotes, atMs, activateFromMs } = record;
      gathered.notices.push({ requestId, severity, releaseNotes, noticedAtMs: atMs, activateFromMs });
      return;
    }
    default:
      return;
  }
}

function gatherReleased(
  campaign: Campaign,
  state: CampaignState,
  gathered: Gathered,
  record: Extract<CampaignRecord, { kind: 'released' }>,
): void {
  const day = dayRow(gathered, record.atMs);
  const user = campaign.users.get(record.userId)!;
  const index = campaign.requests.get(record.requestId)!;
  const request = gathered.requests[index]!;
  const today = dayOf(record.atMs);
  let meters = 0;
  for (const part of record.parts) {
    const count = countOf(part.meters);
    meters += count;
    if (state.routes[part.route]?.route.hops[part.hop]?.large === true) {
      day.largeStarts += count;
      day.byUser.set(user, (day.byUser.get(user) ?? 0) + count);
      request.largeStarts += count;
      request.largeByDay.set(today, (request.largeByDay.get(today) ?? 0) + count);
    } else {
      day.smallStarts += count;
      gathered.smallByUser.set(user, (gathered.smallByUser.get(user) ?? 0) + count);
    }
    for (const meter of metersOf(part.meters)) if (state.meters.tries[meter]! > 0) gathered.retries += 1;
  }
  gathered.starts += meters;
  request.firstStartDay ??= today;
  request.lastStartDay = today;
  const key = `${index}/${today}`;
  const row = gathered.batches.get(key);
  if (row === undefined) {
    const made: GatheredBatch = {
      requestId: record.requestId,
      day: textOfDay(today),
      batches: 1,
      meters,
      firstReleaseAtMs: record.atMs,
      lastReleaseAtMs: record.atMs,
      settledAtMs: undefined,
      open: meters,
    };
    gathered.batches.set(key, made);
    gathered.batchRows[record.batch] = made;
  } else {
    row.batches += 1;
    row.meters += meters;
    row.open += meters;
    row.lastReleaseAtMs = record.atMs;
    row.settledAtMs = undefined;
    gathered.batchRows[record.batch] = row;
  }
  gathered.releasedMs[record.batch] = record.atMs;
}

/** Outcomes against the target response time, from the release of each batch (MP230). */
function answered(
  { input }: Campaign,
  { meters: { batch, stage } }: CampaignState,
  gathered: Gathered,
  atMs: number,
  meters: Parameters<typeof metersOf>[0],
): void {
  for (const meter of metersOf(meters)) {
    // A late answer of a meter that was given up was counted then.
    if (stage[meter] !== STAGE.released) continue;
    const tookMs = atMs - gathered.releasedMs[batch[meter]!]!;
    if (tookMs <= input.policy.responseDays * MS_PER_DAY) gathered.within += 1;
    else gathered.late += 1;
    const days = Math.max(0, Math.min(input.policy.giveUpDays, Math.floor(tookMs / MS_PER_DAY)));
    gathered.answersByDay[days] = (gathered.answersByDay[days] ?? 0) + 1;
    settle(gathered, batch[meter]!, 1, atMs);
  }
}

function settle(gathered: Gathered, batch: number, count: number, atMs: number): void {
  const row = gathered.batchRows[batch];
  if (row === undefined) return;
  row.open -= count;
  if (row.open === 0) row.settledAtMs = atMs;
}

function gatherCommand(
  gathered: Gathered,
  { command, atMs }: Extract<CampaignRecord, { kind: 'commanded' }>,
  day: GatheredDay,
): void {
  const of = 'requestId' in command && command.requestId !== undefined ? command.requestId : 'all requests';
  const begin = (kind: HoldRow['kind'], requestId: string | undefined, reason: string): void => {
    gathered.holds.push({ kind, requestId, reason, fromMs: atMs, toMs: undefined });
  };
  const end = (which: (hold: HoldRow) => boolean): void => {
    for (const [at, hold] of gathered.holds.entries())
      if (hold.toMs === undefined && which(hold)) gathered.holds[at] = { ...hold, toMs: atMs };
  };
  switch (command.kind) {
    case 'capacity':
      day.marks.push(`capacity ${command.imagesPerDay} from ${command.fromDay}`);
      return;
    case 'pause':
    case 'abort':
      day.marks.push(`${of}: ${command.kind} (${command.reason})`);
      begin(command.kind, command.requestId, command.reason);
      return;
    case 'resume':
      day.marks.push(`${of}: resumed`);
      end(
        ({ kind, requestId }) =>
          (kind === 'pause' || kind === 'stop') && (command.requestId === undefined || requestId === command.requestId),
      );
      return;
    case 'open-incident':
      day.marks.push(`incident ${command.incidentId} opened`);
      if (command.haltsOthers) begin('halt', undefined, command.incidentId);
      return;
    case 'close-incident':
      day.marks.push(`incident ${command.incidentId} closed`);
      end(({ kind, reason }) => kind === 'halt' && reason === command.incidentId);
      return;
    case 'retarget':
      day.marks.push(`${of}: retargeted to ${command.targetEntryId}`);
      return;
    case 'churn':
      return;
  }
}

/** After the record was applied: what the day ends with, for now. */
function close(campaign: Campaign, state: CampaignState, gathered: Gathered, record: CampaignRecord): void {
  const day = dayRow(gathered, record.atMs);
  const { counts } = state;
  day.close = {
    done: counts[STAGE.done]!,
    failed: counts[STAGE.failed]!,
    exempt: counts[STAGE.exempt]!,
    parked: counts[STAGE.parked]!,
    left: state.open,
  };
  day.capacity = capacityOn(campaign, state, dayOf(record.atMs));
  day.otherTraffic = otherTrafficOn(campaign, dayOf(record.atMs));
  const isOfMeters = ['released', 'outcomes', 'gave-up', 'expired', 'requested', 'commanded'].includes(record.kind);
  if (isOfMeters) gathered.lastMeterMs = record.atMs;
}

function dayRow({ days }: Gathered, atMs: number): GatheredDay {
  const day = dayOf(atMs);
  const known = days.get(day);
  if (known !== undefined) return known;
  const made: GatheredDay = {
    byUser: new Map(),
    largeStarts: 0,
    smallStarts: 0,
    installed: 0,
    close: { done: 0, failed: 0, exempt: 0, parked: 0, left: 0 },
    capacity: 0,
    otherTraffic: 0,
    marks: [],
  };
  days.set(day, made);
  return made;
}
