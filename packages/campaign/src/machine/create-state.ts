/** The state before the first record. */
import { dayOf } from '../time/civil.js';
import type { CampaignState, DayCount } from '../model/campaign-state.js';
import { METER_STAGES, NO_ROUTE } from '../model/campaign-state.js';
import type { Campaign } from './campaign.js';

export function createState(campaign: Campaign): CampaignState {
  const { meterCount, input } = campaign;
  const owner = new Uint16Array(meterCount);
  for (const [at, { userId }] of input.cohorts.entries())
    owner.fill(campaign.users.get(userId)!, campaign.cohortFirst[at], campaign.cohortFirst[at + 1]);
  return {
    seq: 0,
    openedAtMs: 0,
    lastAtMs: 0,
    status: 'new',
    inputDigest: '',
    meters: {
      stage: new Uint8Array(meterCount),
      reason: new Uint8Array(meterCount),
      route: new Uint16Array(meterCount).fill(NO_ROUTE),
      hop: new Uint8Array(meterCount),
      tries: new Uint8Array(meterCount),
      owner,
      marks: new Uint8Array(meterCount),
      batch: new Int32Array(meterCount).fill(-1),
      sinceMs: new Float64Array(meterCount),
    },
    routes: [],
    requests: input.requests.map(() => ({
      status: 'unopened',
      reason: '',
      refusal: undefined,
      phase: 0,
      started: 0,
      answered: 0,
      underWay: 0,
      failures: 0,
      successes: 0,
      rule: undefined,
      stopDue: false,
      safetyTested: false,
      noticedFromMs: undefined,
      halfDone: 'complete',
      pools: [],
      meters: 0,
      open: 0,
      startedFor: new Map(),
    })),
    incidents: [],
    startedOn: new Map(),
    poolOf: new Map(),
    capacityChanges: [],
    roomDay: -1,
    roomImages: 0,
    roomByUser: new Map(),
    grantedDay: -1,
    grantStale: false,
    lanes: [],
    smallSlot: new Map(),
    eventsDone: 0,
    batches: 0,
    openBatches: new Map(),
    oldestBatchMs: Number.POSITIVE_INFINITY,
    spent: [],
    expiries: new Map(),
    open: 0,
    counts: METER_STAGES.map((_, stage) => (stage === 0 ? meterCount : 0)),
  };
}

/** Large starts of the day, zero for a day without any. */
export function startsOf(state: CampaignState, day: number): Readonly<DayCount> {
  return state.startedOn.get(day) ?? NOTHING;
}

export function startsAt(state: CampaignState, atMs: number): DayCount {
  const day = dayOf(atMs);
  const known = state.startedOn.get(day);
  if (known !== undefined) return known;
  const made: DayCount = { all: 0, byUser: new Map(), unscheduledByUser: new Map(), ownByRequest: new Map() };
  state.startedOn.set(day, made);
  return made;
}

const NOTHING: Readonly<DayCount> = {
  all: 0,
  byUser: new Map(),
  unscheduledByUser: new Map(),
  ownByRequest: new Map(),
};
