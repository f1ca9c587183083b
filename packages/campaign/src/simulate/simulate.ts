/** A campaign on the virtual clock: the machine as it runs for real, against meters whose behaviour is drawn. */
import { CampaignError } from '../error.js';
import { IDLE_DAYS_MAX, MS_PER_DAY, MS_PER_MINUTE, SIMULATED_DAYS_MAX } from '../limits.js';
import { apply } from '../machine/apply.js';
import type { Campaign } from '../machine/campaign.js';
import { createState } from '../machine/create-state.js';
import { nextRecord, wakeAtMs } from '../machine/next-record.js';
import { type MeterOutcome, recordOfCommand, recordOfOutcomes } from '../machine/record-of.js';
import type { CampaignRecord } from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { meterSetOf, metersOf } from '../model/meter-set.js';
import { checkedDay, dayOf } from '../time/civil.js';
import { modelMeters, type ModelMeters } from './model-meters.js';

export interface SimulateOptions {
  readonly campaign: Campaign;
  /** A whole number from 0; it decides everything that is left to luck. */
  readonly seed: number;
  /** SHA-256 of the input, 64 hex digits; kept in the first record. */
  readonly inputDigest: string;
  /** Records of a journal that was broken off: taken up where it ends. They are not given to `onRecord`. */
  readonly journal?: Iterable<CampaignRecord>;
  /** Each record once it is decided. `state` is the one before it; do not keep it. */
  readonly onRecord?: (record: CampaignRecord, state: CampaignState) => void;
}

export interface Simulated {
  readonly state: CampaignState;
  /** False: it would go on for ever (a pause without an end, an incident that never opens), and was broken off. */
  readonly ended: boolean;
  readonly records: number;
}

/**
 * Runs to the end of the campaign, or until nothing has happened for {@link IDLE_DAYS_MAX} days.
 *
 * @throws {@link CampaignError} `misuse` for a seed that is none, `journal-damaged` and `other-campaign` for a journal that cannot be continued.
 */
export function simulate(options: SimulateOptions): Simulated {
  const { campaign, seed, inputDigest, journal = [], onRecord = () => undefined } = options;
  if (!Number.isSafeInteger(seed) || seed < 0) throw new CampaignError('misuse', `${seed} is no whole number from 0`);
  const state = createState(campaign);
  const world = new VirtualMeters(campaign, modelMeters(campaign, seed));
  let nowMs = firstMs(campaign);
  let records = 0;
  for (const record of journal) {
    apply(campaign, state, record);
    world.note(state, record);
    nowMs = record.atMs;
  }
  const keep = (record: CampaignRecord): void => {
    onRecord(record, state);
    apply(campaign, state, record);
    world.note(state, record);
    records += 1;
  };
  const endMs = firstMs(campaign) + SIMULATED_DAYS_MAX * MS_PER_DAY;
  for (let busyMs = nowMs; nowMs <= endMs && nowMs - busyMs <= IDLE_DAYS_MAX * MS_PER_DAY;) {
    const before = records;
    for (let told = world.told(state, nowMs); told !== undefined; told = world.told(state, nowMs)) keep(told);
    for (;;) {
      const record = nextRecord(campaign, state, nowMs, inputDigest);
      if (record === undefined) break;
      keep(record);
    }
    if (state.status === 'ended') break;
    if (records > before) busyMs = nowMs;
    nowMs = Math.min(wakeAtMs(campaign, state, nowMs), world.nextMs(nowMs));
  }
  return { state, ended: state.status === 'ended', records };
}

/** The campaign's first day; earlier, if an event or a notice of communications-hub firmware comes before it. */
function firstMs({ input, eventsAtMs, requestedAtMs }: Campaign): number {
  const notices = requestedAtMs.filter((_, at) => input.requests[at]!.notice !== undefined);
  return Math.min(checkedDay(input.startDay) * MS_PER_DAY, eventsAtMs[0] ?? Number.POSITIVE_INFINITY, ...notices);
}

/** What the meters will say, by the moment at which it is collected. */
class VirtualMeters {
  readonly #campaign: Campaign;
  readonly #meters: ModelMeters;
  readonly #everyMs: number;
  readonly #due = new Map<number, MeterOutcome[]>();

  constructor(campaign: Campaign, meters: ModelMeters) {
    this.#campaign = campaign;
    this.#meters = meters;
    this.#everyMs = campaign.input.policy.releaseEveryMinutes * MS_PER_MINUTE;
  }

  /** After a record was applied: meters that were started will answer. */
  note({ meters: { tries } }: CampaignState, record: CampaignRecord): void {
    if (record.kind !== 'released') return;
    for (const { route, hop, meters } of record.parts) {
      for (const meter of metersOf(meters)) {
        const found = this.#meters.outcomeOf({ meter, route, hop, tries: tries[meter]! }, record.atMs);
        if (found === undefined) continue;
        // Always a later moment than that of the start, whenever that was.
        const dueMs = (Math.floor(found.atMs / this.#everyMs) + 1) * this.#everyMs;
        const due = this.#due.get(dueMs);
        if (due === undefined) this.#due.set(dueMs, [found.outcome]);
        else due.push(found.outcome);
      }
    }
  }

  /** The next record of what is known by now; undefined once all of it is recorded. */
  told(state: CampaignState, nowMs: number): CampaignRecord | undefined {
    if (state.status !== 'running') return undefined;
    const churned = this.#churned(state, nowMs);
    if (churned !== undefined) return churned;
    for (const dueMs of [...this.#due.keys()].filter((key) => key <= nowMs).toSorted((one, other) => one - other)) {
      const record = recordOfOutcomes(this.#campaign, state, this.#due.get(dueMs)!, nowMs);
      if (record !== undefined) return record;
      this.#due.delete(dueMs);
    }
    return undefined;
  }

  /** When something is said next. */
  nextMs(nowMs: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const dueMs of this.#due.keys()) next = Math.min(next, dueMs);
    for (const day of this.#meters.churn.keys()) if (day * MS_PER_DAY > nowMs) next = Math.min(next, day * MS_PER_DAY);
    return next;
  }

  #churned(state: CampaignState, nowMs: number): CampaignRecord | undefined {
    const { input, cohortFirst } = this.#campaign;
    if (state.requests.some(({ status }) => status === 'unopened')) return undefined;
    for (const { cohort, to, meters } of this.#meters.churn.get(dayOf(nowMs)) ?? []) {
      const moving = meters.filter((meter) => state.meters.owner[meter] !== to);
      if (moving.length === 0) continue;
      const command = {
        kind: 'churn',
        cohortId: input.cohorts[cohort]!.cohortId,
        meters: meterSetOf(moving.map((meter) => meter - cohortFirst[cohort]!)),
        toUserId: input.users[to]!.userId,
      } as const;
      const record = recordOfCommand(this.#campaign, state, command, nowMs);
      if (record.ok) return record.value;
    }
    return undefined;
  }
}
