/** Pause, abort, churn, retarget, dormant meters, communications hubs: rules R16, R28 to R32, seen in the journal. */
import { describe, expect, it } from 'vitest';
import { judge } from '../journal-judge.test-support.js';
import { METER_REASONS, METER_STAGES } from '../model/campaign-state.js';
import { countOf, metersOf } from '../model/meter-set.js';
import {
  campaignOf,
  cohort,
  DAY_MS,
  DCC,
  DIGEST,
  entry,
  type Json,
  LISTS,
  recordsOf,
  request,
  SUPPLIER_A,
  SUPPLIER_B,
  type World,
  worldOf,
} from '../small-world.test-support.js';
import { apply } from './apply.js';
import { createState } from './create-state.js';
import { meterOf, meterView } from './meter-view.js';
import { nextRecord } from './next-record.js';
import { recordOfCommand, recordOfOutcomes } from './record-of.js';

/** 30 meters from V1 over V2 to V3, ten images a day; each takes 15 hours, so that in the second night ten stand on V2. */
const HOPS = {
  requests: [request('r', ['c'], { targetEntryId: 'V3' })],
  model: { otherwise: { minutesMin: 900, minutesMax: 900 } },
};
const at = (instant: string, command: Json): Json => ({ at: instant, command });

function stageOf({ state }: World, meter: number): string {
  return METER_STAGES[state.meters.stage[meter]!]!;
}

function reasons({ state }: World): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of state.meters.reason) {
    const name = METER_REASONS[reason]!;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function startedHops(world: World, from: string, to: string): number[] {
  return recordsOf(world, 'released')
    .filter(({ atMs }) => atMs >= Date.parse(from) && atMs < Date.parse(to))
    .flatMap(({ parts }) => parts.flatMap(({ hop, meters }) => Array.from({ length: countOf(meters) }, () => hop)));
}

describe('A pause', () => {
  it('starts nothing new and completes every meter that stands on an interim version', () => {
    const world = worldOf({
      ...HOPS,
      events: [at('2027-01-05T03:30:00Z', { kind: 'pause', requestId: 'r', reason: 'a doubt' })],
    });
    const during = startedHops(world, '2027-01-05T03:30:00Z', '2028-01-01T00:00:00Z');
    expect(during.length).toBeGreaterThan(3);
    expect(new Set(during)).toEqual(new Set([1]));
    for (const [meter, hop] of world.state.meters.hop.entries())
      expect(hop === 0 || stageOf(world, meter) === 'done').toBe(true);
    expect(world.state.counts[METER_STAGES.indexOf('done')]).toBeGreaterThan(5);
    expect(world.state.counts[METER_STAGES.indexOf('waiting')]).toBeGreaterThan(5);
  });

  it('of all requests leaves aborted ones aborted when it ends', () => {
    const world = worldOf({
      events: [
        at('2027-01-05T00:00:00Z', { kind: 'abort', requestId: 'r', reason: 'no', halfDone: 'complete' }),
        at('2027-01-06T00:00:00Z', { kind: 'pause', reason: 'all' }),
        at('2027-01-07T00:00:00Z', { kind: 'resume' }),
      ],
    });
    expect(world.state.requests[0]!.status).toBe('aborted');
  });
});

describe('An abort', () => {
  it('completes meters half-way and lets the others be', () => {
    const world = worldOf({
      ...HOPS,
      events: [at('2027-01-05T03:30:00Z', { kind: 'abort', reason: 'no', halfDone: 'complete' })],
    });
    expect(world.ended).toBe(true);
    const done = world.state.counts[METER_STAGES.indexOf('done')]!;
    expect(done).toBeGreaterThan(5);
    expect(reasons(world)['aborted']).toBe(30 - done);
  });

  it('leaves meters half-way where they work, if it says so', () => {
    const world = worldOf({
      ...HOPS,
      events: [at('2027-01-05T03:30:00Z', { kind: 'abort', reason: 'no', halfDone: 'leave' })],
    });
    expect(world.ended).toBe(true);
    expect(startedHops(world, '2027-01-05T03:30:00Z', '2028-01-01T00:00:00Z')).toEqual([]);
    expect(reasons(world)['aborted-on-interim-version']).toBeGreaterThan(3);
  });
});

describe('Meters that churn', () => {
  const churn = (meters: Json[] | number[][]): Json =>
    at('2027-01-05T03:30:00Z', { kind: 'churn', cohortId: 'c', meters, toUserId: SUPPLIER_B });

  it('are left alone when they have not started, and completed on behalf of the new Supplier when they are half-way', () => {
    const world = worldOf({ ...HOPS, events: [churn([[0, 29]])] });
    expect(world.ended).toBe(true);
    expect(reasons(world)['churned-away']).toBeGreaterThan(5);
    const later = recordsOf(world, 'released').filter(({ atMs }) => atMs >= Date.UTC(2027, 0, 5, 3, 30));
    expect(later.length).toBeGreaterThan(0);
    for (const { userId, parts } of later) {
      expect(userId).toBe(SUPPLIER_B);
      for (const { hop } of parts) expect(hop).toBe(1);
    }
    for (const [meter, hop] of world.state.meters.hop.entries())
      expect(stageOf(world, meter)).toBe(hop === 2 ? 'done' : 'exempt');
  });

  it('are completed within the 500 of the new Supplier', () => {
    const world = worldOf({
      ...HOPS,
      policy: { capacityPerDay: 10, unscheduledPerDay: 2 },
      events: [churn([[0, 29]])],
    });
    const perDay = new Map<number, number>();
    for (const { userId, atMs, parts } of recordsOf(world, 'released')) {
      if (userId !== SUPPLIER_B) continue;
      const day = Math.floor(atMs / DAY_MS);
      perDay.set(day, (perDay.get(day) ?? 0) + parts.reduce((sum, { meters }) => sum + countOf(meters), 0));
    }
    expect(Math.max(...perDay.values())).toBe(2);
  });

  it('and come back are never started twice', () => {
    const back = at('2027-01-05T04:30:00Z', { kind: 'churn', cohortId: 'c', meters: [[0, 29]], toUserId: SUPPLIER_A });
    const world = worldOf({ ...HOPS, events: [churn([[0, 29]]), back] });
    const seen = new Set<string>();
    for (const { parts } of recordsOf(world, 'released'))
      for (const { hop, meters } of parts)
        for (const meter of metersOf(meters)) {
          expect(seen.has(`${meter}/${hop}`)).toBe(false);
          seen.add(`${meter}/${hop}`);
        }
    expect(world.ended).toBe(true);
  });
});

describe('A retarget', () => {
  const lists = { cpl: [...LISTS.cpl, entry('W', ['V1', 'V3'])], epcl: [] };
  const events = [
    at('2027-01-05T03:30:00Z', { kind: 'pause', requestId: 'r', reason: 'V3 was not approved' }),
    at('2027-01-06T12:30:00Z', { kind: 'retarget', requestId: 'r', targetEntryId: 'W' }),
    at('2027-01-07T00:00:00Z', { kind: 'resume', requestId: 'r' }),
  ];

  it('completes what is half-way to the old version, then moves it on; what has not started goes straight', () => {
    const world = worldOf({ ...HOPS, lists, events });
    expect(world.ended).toBe(true);
    expect(world.state.counts[METER_STAGES.indexOf('done')]).toBe(30);
    const [command] = recordsOf(world, 'commanded').filter((one) => one.command.kind === 'retarget');
    const [routes] = command!.routes!;
    expect(routes!.fresh!.hops.map(({ entryId }) => entryId)).toEqual(['W']);
    expect(routes!.after!.hops.map(({ entryId }) => entryId)).toEqual(['W']);
    expect(routes!.after!.fromEntryId).toBe('V3');
    const ends = new Set(world.state.meters.route);
    expect(ends).toEqual(new Set([routes!.fresh!.route, routes!.after!.route]));
  });

  it('of a request that is open changes nothing', () => {
    const world = worldOf({ ...HOPS, lists, events: events.slice(1, 2) });
    expect(recordsOf(world, 'commanded')[0]!.routes).toEqual([]);
    expect(world.state.counts[METER_STAGES.indexOf('done')]).toBe(30);
    expect(new Set(world.state.meters.route)).toEqual(new Set([0]));
  });

  it.each([
    ['done before they churn', '2027-01-06T12:00:00Z'],
    ['half-way when they churn', '2027-01-05T04:00:00Z'],
  ])('begins nothing for meters of another Supplier, %s, and the campaign ends', (_, instant) => {
    const churn = at(instant, { kind: 'churn', cohortId: 'c', meters: [[0, 29]], toUserId: SUPPLIER_B });
    const [pause, retarget, resume] = events;
    const world = worldOf({ ...HOPS, lists, events: [pause!, churn, retarget!, resume!] });
    expect(world.ended).toBe(true);
    const [command] = recordsOf(world, 'commanded').filter((one) => one.command.kind === 'retarget');
    const [routes] = command!.routes!;
    expect(routes!.after!.hops.map(({ entryId }) => entryId)).toEqual(['W']);
    const done = world.state.meters.stage.filter((stage) => METER_STAGES[stage] === 'done').length;
    expect(done).toBeGreaterThan(5);
    expect(reasons(world)['churned-away']).toBe(30 - done);
    expect(new Set(world.state.meters.route)).not.toContain(routes!.after!.route);
  });

  it('never gives a meter the same image again', () => {
    const backwards = {
      cpl: [...LISTS.cpl, entry('W', ['V3'], { manufacturerImageHash: LISTS.cpl[1]!['manufacturerImageHash'] })],
      epcl: [],
    };
    const world = worldOf({ ...HOPS, lists: backwards, events });
    const [command] = recordsOf(world, 'commanded').filter((one) => one.command.kind === 'retarget');
    expect(command!.routes![0]!.after).toBeUndefined();
  });
});

describe('Dormant meters', () => {
  const combination = (other: Json): Json => {
    const { deviceModel, hardware, firmwareVersion } = LISTS.cpl[2]!;
    return { entryId: 'E', status: 'planned', products: [{ deviceModel, hardware, firmwareVersion }], ...other };
  };
  const dormant = (epcl: Json, other: Json = {}): World =>
    worldOf({
      lists: { cpl: LISTS.cpl, epcl: [epcl] },
      cohorts: [cohort('c', 12, { dormant: true, epclEntryId: 'E' })],
      requests: [request('r', ['c'], { userId: DCC, targetEntryId: 'V3' })],
      ...other,
    });
  const firstStart = (world: World): string | undefined => {
    const [first] = recordsOf(world, 'released');
    return first === undefined ? undefined : new Date(first.atMs).toISOString().slice(0, 10);
  };

  it.each([
    ['is approved', { status: 'approved', approvedOn: '2027-01-09' }, '2027-01-09'],
    ['has its testing complete (a)', { route: { kind: 'a', testingCompleteOn: '2027-01-11' } }, '2027-01-11'],
    ['has its report published (b)', { route: { kind: 'b', reportPublishedOn: '2027-01-12' } }, '2027-01-12'],
    ['has been approved long ago', { status: 'approved', approvedOn: '2020-01-01' }, '2027-01-04'],
    ['is only planned', {}, undefined],
    ['is planned by a route that is not complete', { route: { kind: 'a' } }, undefined],
  ])('start once their combination %s', (_, epcl, day) => {
    expect(firstStart(dormant(combination(epcl)))).toBe(day);
  });

  it('are the DCC’s to update until they wake, and then their Supplier’s', () => {
    const churn = { kind: 'churn', cohortId: 'c', meters: [[0, 11]], toUserId: SUPPLIER_A };
    const world = dormant(combination({ status: 'approved', approvedOn: '2020-01-01' }), {
      events: [at('2027-01-04T20:30:00Z', churn)],
    });
    const before = recordsOf(world, 'released').filter(({ atMs }) => atMs < Date.UTC(2027, 0, 4, 20, 30));
    expect(new Set(before.map(({ userId }) => userId))).toEqual(new Set([DCC]));
    const after = recordsOf(world, 'released').filter(({ atMs }) => atMs > Date.UTC(2027, 0, 4, 20, 30));
    expect(new Set(after.map(({ userId }) => userId))).toEqual(new Set([SUPPLIER_A]));
    expect(world.ended).toBe(true);
    expect(reasons(world)['churned-away']).toBeGreaterThan(0);
  });
});

describe('Communications hubs', () => {
  const hubs = (other: Json = {}): World =>
    worldOf({
      cohorts: [cohort('c', 20)],
      requests: [
        request('r', ['c'], {
          userId: DCC,
          deviceType: 'comms-hub',
          requestedAt: '2027-01-05T09:00:00Z',
          phases: [{ name: 'hypercare', meters: 4 }],
          notice: { severity: 'high', releaseNotes: 'mends the clock' },
        }),
      ],
      ...other,
    });

  it('are activated seven days after a notice with severity and release notes, in stages', () => {
    const world = hubs();
    const [notice] = recordsOf(world, 'noticed');
    expect(notice).toMatchObject({ severity: 'high', releaseNotes: 'mends the clock' });
    expect(notice!.atMs).toBeGreaterThanOrEqual(Date.UTC(2027, 0, 5, 9));
    expect(notice!.activateFromMs).toBe(notice!.atMs + 7 * DAY_MS);
    const released = recordsOf(world, 'released');
    expect(released[0]!.atMs).toBeGreaterThanOrEqual(notice!.activateFromMs);
    const [phase] = recordsOf(world, 'phase-begun');
    const before = released
      .filter(({ seq }) => seq < phase!.seq)
      .reduce((sum, { parts }) => sum + countOf(parts[0]!.meters), 0);
    expect(before).toBe(4);
    expect(world.ended).toBe(true);
  });

  it('stay the DCC’s, whoever supplies the home', () => {
    const churn = { kind: 'churn', cohortId: 'c', meters: [[0, 19]], toUserId: SUPPLIER_B };
    const world = hubs({ events: [at('2027-01-06T00:00:00Z', churn)] });
    expect(recordsOf(world, 'released').every(({ userId }) => userId === DCC)).toBe(true);
    expect(world.state.counts[METER_STAGES.indexOf('done')]).toBe(20);
  });
});

describe('Parked meters', () => {
  it('are tried again within their budget, not before three days have passed, and then expire', () => {
    const world = worldOf({ cohorts: [cohort('c', 5)], model: { otherwise: { silentShare: 1 } } });
    expect(reasons(world)).toEqual({ 'retries-spent': 5 });
    const starts = recordsOf(world, 'released').map(({ atMs }) => Math.floor(atMs / DAY_MS));
    expect(new Set(starts).size).toBe(4);
    expect([...new Set(starts)].map((day, k, all) => (k === 0 ? 0 : day - all[k - 1]!))).toEqual([0, 10, 10, 10]);
  });

  it('that broke off again are not tried with those that still wait from before', () => {
    const world = worldOf({
      cohorts: [cohort('c', 6)],
      policy: { capacityPerDay: 2, retriesMax: 3 },
      model: { otherwise: { brokenChance: 1 } },
    });
    expect(judge(world.campaign.input, world.records, 6)).toEqual([]);
    expect(reasons(world)).toEqual({ 'retries-spent': 6 });
  });

  it('expire when nobody could start them for too long', () => {
    const world = worldOf({
      cohorts: [cohort('c', 5)],
      policy: { capacityPerDay: 10, parkedDaysMax: 12 },
      model: { otherwise: { silentShare: 1 } },
      events: [at('2027-01-05T00:00:00Z', { kind: 'pause', reason: 'long' })],
    });
    expect(reasons(world)).toEqual({ 'parked-too-long': 5 });
    expect(world.ended).toBe(true);
  });
});

describe('One meter', () => {
  it('can be looked at, at any time', () => {
    const world = worldOf(HOPS);
    const half = createState(world.campaign);
    for (const record of world.records.filter(({ atMs }) => atMs < Date.UTC(2027, 0, 5, 3, 30)))
      apply(world.campaign, half, record);
    const first = meterView(world.campaign, half, 0);
    expect(first).toMatchObject({
      stage: 'released',
      hop: 1,
      tries: 1,
      runs: 'V2',
      path: ['V1', 'V2', 'V3'],
      reason: 'none',
    });
    expect(first).toMatchObject({ cohortId: 'c', requestId: 'r', userId: SUPPLIER_A, sinceMs: Date.UTC(2027, 0, 5) });
    expect(meterView(world.campaign, half, 9)).toMatchObject({ stage: 'installed', runs: 'V2', hop: 1, tries: 0 });
    expect(meterView(world.campaign, half, 29)).toMatchObject({ stage: 'scheduled', runs: 'V1', hop: 0 });
    expect(meterView(world.campaign, world.state, 29)).toMatchObject({ stage: 'done', runs: 'V3', hop: 2 });
    expect(meterOf(world.campaign, first.deviceId)).toBe(0);
    expect(meterOf(world.campaign, '00-00-00-00-00-00-00-00')).toBeUndefined();
    expect(() => meterView(world.campaign, half, 30)).toThrow(expect.objectContaining({ code: 'misuse' }));
  });
});

describe('Outcomes', () => {
  const begin = (): {
    campaign: ReturnType<typeof campaignOf>;
    state: ReturnType<typeof createState>;
    nowMs: number;
  } => {
    const campaign = campaignOf({ cohorts: [cohort('c', 3)] });
    const state = createState(campaign);
    const nowMs = Date.UTC(2027, 0, 4, 23);
    for (
      let due = nextRecord(campaign, state, nowMs, DIGEST);
      due !== undefined;
      due = nextRecord(campaign, state, nowMs, DIGEST)
    )
      apply(campaign, state, due);
    return { campaign, state, nowMs };
  };
  const told = { meter: 1, route: 0, hop: 0, tries: 1 } as const;

  it('count once, however often they are told', () => {
    const { campaign, state, nowMs } = begin();
    const record = recordOfOutcomes(
      campaign,
      state,
      [
        { ...told, result: 'success' },
        { ...told, result: 'success' },
      ],
      nowMs,
    )!;
    expect(record).toMatchObject({ succeeded: [1], judged: [{ failures: 0, successes: 1 }] });
    apply(campaign, state, record);
    expect(recordOfOutcomes(campaign, state, [{ ...told, result: 'success' }], nowMs)).toBeUndefined();
    expect(recordOfOutcomes(campaign, state, [{ ...told, result: 'reverted' }], nowMs)).toBeUndefined();
  });

  it('that come late count when they are good, also after the meter was given up', () => {
    const { campaign, state, nowMs } = begin();
    const later = nowMs + 8 * DAY_MS;
    const gaveUp = nextRecord(campaign, state, later, DIGEST)!;
    expect(gaveUp).toMatchObject({ kind: 'gave-up', meters: [[0, 2]] });
    apply(campaign, state, gaveUp);
    expect(recordOfOutcomes(campaign, state, [{ ...told, result: 'reverted' }], later)).toBeUndefined();
    const record = recordOfOutcomes(campaign, state, [{ ...told, result: 'success' }], later)!;
    apply(campaign, state, record);
    expect(METER_STAGES[state.meters.stage[1]!]).toBe('done');
  });

  it('of an earlier try do not end a later one, unless they are good', () => {
    const { campaign, state, nowMs } = begin();
    apply(campaign, state, recordOfOutcomes(campaign, state, [{ ...told, result: 'broken-off' }], nowMs)!);
    const later = nowMs + 3 * DAY_MS;
    for (
      let due = nextRecord(campaign, state, later, DIGEST);
      due !== undefined;
      due = nextRecord(campaign, state, later, DIGEST)
    )
      apply(campaign, state, due);
    expect(state.meters.tries[1]).toBe(2);
    expect(recordOfOutcomes(campaign, state, [{ ...told, result: 'broken-off' }], later)).toBeUndefined();
    expect(recordOfOutcomes(campaign, state, [{ ...told, result: 'reverted' }], later)).toBeUndefined();
    expect(recordOfOutcomes(campaign, state, [{ ...told, result: 'success' }], later)).toMatchObject({
      succeeded: [1],
    });
  });
});

describe('A command of a person', () => {
  it('that names what is not there is refused, and nothing is recorded', () => {
    const campaign = campaignOf();
    const state = createState(campaign);
    const told = recordOfCommand(campaign, state, { kind: 'pause', requestId: 'q', reason: 'x' }, 0);
    expect(told).toMatchObject({ ok: false, fault: { code: 'unknown-id', path: 'pause.requestId' } });
  });
});
