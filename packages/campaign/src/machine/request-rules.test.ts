/** Each term of docs/RULES.md by example: what a day has, what limits a request, what holds it, what is ready and what is owed. */
import { describe, expect, it } from 'vitest';
import type { CampaignState, IncidentState, RequestStatus } from '../model/campaign-state.js';
import {
  cohort,
  DAY_MS,
  DCC,
  entry,
  type Json,
  LISTS,
  request,
  SUPPLIER_B,
  SUPPLIER_C,
} from '../small-world.test-support.js';
import { DAY, HOUR_MS, Played } from './played.test-support.js';
import {
  allowanceOf,
  capacityOn,
  countsAsUnscheduled,
  type Held,
  heldOf,
  isHalted,
  limitOf,
  otherTrafficOn,
  owedOf,
  pickReady,
  readyOf,
  roomOn,
  scheduledOn,
  usersOf,
} from './request-rules.js';

const [A, B, C] = [0, 1, 2];
const FREE: Held = { news: false, completions: false };

/** What of the rules it asks again and again. */
class Asked extends Played {
  ready(which: { index?: number; user?: number; large?: boolean; day?: number; held?: Held } = {}): number {
    return readyOf(this.campaign, this.state, { index: 0, user: A, large: true, day: DAY, held: FREE, ...which });
  }

  picked(count: number, which: { user?: number; large?: boolean; day?: number; held?: Held } = {}): unknown {
    const all = { index: 0, user: A, large: true, day: DAY, held: FREE, ...which };
    return pickReady(this.campaign, this.state, all, count).map(({ pool, meters }) => [
      pool.route,
      pool.hop,
      ...meters,
    ]);
  }
}

const unscheduled = { schedule: undefined };
const security = { priority: 'security', safetyTestMeters: 2 };

describe('A day', () => {
  it("has the capacity that was told last of those that began, and the policy's before", () => {
    const played = new Asked({});
    played.tell({ kind: 'capacity', fromDay: '2027-01-06', imagesPerDay: 20 });
    played.tell({ kind: 'capacity', fromDay: '2027-01-05', imagesPerDay: 12 });
    const on = (day: number): number => capacityOn(played.campaign, played.state, DAY + day);
    expect([on(0), on(1), on(2)]).toEqual([10, 12, 12]);
  });

  it('has other traffic from the first to the last day of each period, added up', () => {
    const { campaign } = new Asked({
      otherTraffic: [
        { fromDay: '2027-01-05', toDay: '2027-01-06', imagesPerDay: 3 },
        { fromDay: '2027-01-06', toDay: '2027-01-07', imagesPerDay: 9 },
      ],
    });
    expect([0, 1, 2, 3, 4].map((day) => otherTrafficOn(campaign, DAY + day))).toEqual([0, 3, 12, 9, 0]);
  });

  it('has room for what neither other traffic nor earlier starts have taken, and never for less than nothing', () => {
    const otherTraffic = [
      { fromDay: '2027-01-04', toDay: '2027-01-04', imagesPerDay: 4 },
      { fromDay: '2027-01-05', toDay: '2027-01-05', imagesPerDay: 11 },
    ];
    const played = new Asked({ otherTraffic });
    const room = (day: number): number => roomOn(played.campaign, played.state, DAY + day);
    expect([room(0), room(1), room(2)]).toEqual([6, 0, 10]);
    played.run(DAY, 2);
    expect(room(0)).toBe(4);
    played.tell({ kind: 'capacity', fromDay: '2027-01-04', imagesPerDay: 5 });
    expect(room(0)).toBe(0);
  });

  it('has no more room than was told of it, and of no other day', () => {
    const played = new Asked({}).room('2027-01-04', 3);
    const room = (day: number): number => roomOn(played.campaign, played.state, DAY + day);
    expect([room(0), room(1)]).toEqual([3, 10]);
    played.room('2027-01-04', 30);
    expect(room(0)).toBe(10);
    played.room('2027-01-04', 0);
    played.state.roomImages = -1;
    expect(room(0)).toBe(0);
  });
});

describe('The limit of a request for a User', () => {
  const periods = [
    { fromDay: '2027-01-05', toDay: '2027-01-06', imagesPerDay: 3 },
    { fromDay: '2027-01-08', imagesPerDay: 7 },
  ];
  const played = new Asked({
    cohorts: ['a', 'b', 'c'].map((id) => cohort(id, 30)),
    requests: [
      request('ra', ['a'], { schedule: { approvalForm: 'F', periods } }),
      request('rb', ['b'], unscheduled),
      request('rc', ['c'], { ...unscheduled, ...security }),
    ],
    policy: { unscheduledPerDay: 5 },
  });
  const limit = (index: number, user: number, day: number): number =>
    limitOf(played.campaign, played.state, { index, user, day: DAY + day, room: 99 });

  it("is the 500, but for a User's own schedule and own security firmware", () => {
    expect([0, 1, 2].map((index) => countsAsUnscheduled(played.campaign, index, A))).toEqual([false, true, false]);
    expect([0, 1, 2].map((index) => countsAsUnscheduled(played.campaign, index, B))).toEqual([true, true, true]);
  });

  it('is that of the period that holds the day, and nothing outside of all', () => {
    expect([0, 1, 2, 3, 4, 400].map((day) => scheduledOn(played.campaign, 0, DAY + day))).toEqual([0, 3, 3, 0, 7, 7]);
    expect(scheduledOn(played.campaign, 1, DAY)).toBeUndefined();
    expect([0, 1, 2, 3, 4].map((day) => limit(0, A, day))).toEqual([0, 3, 3, 0, 7]);
  });

  it('is the room where nothing limits it', () => {
    expect([limit(1, A, 0), limit(2, A, 0), limit(2, B, 0)]).toEqual([5, 99, 5]);
  });

  it('is less what has started on the day, and never below nothing', () => {
    const two = new Asked({
      cohorts: ['a', 'b'].map((id) => cohort(id, 30)),
      requests: [
        request('ra', ['a'], {
          schedule: { approvalForm: 'F', periods: [{ fromDay: '2027-01-04', imagesPerDay: 6 }] },
        }),
        request('rb', ['b'], unscheduled),
      ],
      policy: { capacityPerDay: 100, unscheduledPerDay: 5, releaseEveryMinutes: 720 },
    }).run(DAY, 1);
    const left = (index: number, user: number, day = DAY): number =>
      limitOf(two.campaign, two.state, { index, user, day, room: 99 });
    expect([left(0, A), left(1, A), left(1, B), left(0, A, DAY + 1)]).toEqual([3, 2, 5, 6]);
    two.state.startedOn.get(DAY)!.ownByRequest.set(0, 7);
    two.state.startedOn.get(DAY)!.unscheduledByUser.set(A, 6);
    expect([left(0, A), left(1, A)]).toEqual([0, 0]);
  });

  it('is one less where 500 already need a schedule', () => {
    const one = new Asked({
      requests: [request('r', ['c'], unscheduled)],
      policy: { unscheduledPerDay: 5, unscheduledEdge: 'or-more' },
    });
    expect(limitOf(one.campaign, one.state, { index: 0, user: A, day: DAY, room: 99 })).toBe(4);
  });
});

describe('A request is held', () => {
  const ALL = { news: true, completions: true };
  const NEWS = { news: true, completions: false };
  const world = {
    cohorts: ['a', 'b', 'h'].map((id) => cohort(id, 30)),
    requests: [
      request('ra', ['a'], { readyDay: '2027-01-05' }),
      request('rb', ['b'], security),
      request('rh', ['h'], {
        userId: DCC,
        deviceType: 'comms-hub',
        requestedAt: '2027-01-20T00:00:00Z',
        notice: { severity: 'low', releaseNotes: 'N' },
        phases: [{ name: 'first', meters: 5 }],
      }),
    ],
  };
  const held = (
    index: number,
    change: (state: CampaignState) => void,
    { day = DAY + 30, withoutHalt = false }: { readonly day?: number; readonly withoutHalt?: boolean } = {},
  ): Held => {
    const { campaign, state } = new Asked(world);
    change(state);
    return heldOf(campaign, state, { index, atMs: day * DAY_MS + HOUR_MS, day, withoutHalt });
  };
  const status =
    (of: RequestStatus, halfDone: 'complete' | 'leave' = 'complete') =>
    (state: CampaignState): void => {
      Object.assign(state.requests[0]!, { status: of, halfDone });
    };
  const incident =
    (other: Partial<IncidentState> = {}) =>
    (state: CampaignState): void => {
      state.incidents.push({ incidentId: 'I', request: 1, priority: 1, haltsOthers: true, isOpen: true, ...other });
    };

  it.each<[RequestStatus, 'complete' | 'leave', Held]>([
    ['open', 'complete', FREE],
    ['paused', 'complete', NEWS],
    ['stopped', 'complete', ALL],
    ['unopened', 'complete', ALL],
    ['refused', 'complete', ALL],
    ['aborted', 'complete', NEWS],
    ['aborted', 'leave', ALL],
  ])('by its being %s (%s): %j', (of, halfDone, expected) => {
    expect(held(0, status(of, halfDone))).toEqual(expected);
  });

  it('before its first day, and no longer', () => {
    expect(held(0, () => undefined, { day: DAY })).toEqual(ALL);
    expect(held(0, () => undefined, { day: DAY + 1 })).toEqual(FREE);
  });

  it('as security until its incident was opened once', () => {
    expect(held(1, () => undefined)).toEqual(ALL);
    expect(held(1, incident({ request: 0 }))).toEqual(ALL);
    expect(held(1, incident())).toEqual(FREE);
    expect(held(1, incident({ isOpen: false }))).toEqual(FREE);
  });

  it('by an open incident of another that halts, unless one asks what would be without', () => {
    expect(held(0, incident())).toEqual(ALL);
    expect(held(0, incident(), { withoutHalt: true })).toEqual(FREE);
    expect(held(0, incident({ haltsOthers: false }))).toEqual(FREE);
    expect(held(0, incident({ isOpen: false }))).toEqual(FREE);
    // Its own incident is open, too; or was, and is closed.
    expect(held(0, (state) => (incident()(state), incident({ request: 0, haltsOthers: false })(state)))).toEqual(FREE);
    expect(held(0, (state) => (incident()(state), incident({ request: 0, isOpen: false })(state)))).toEqual(ALL);
  });

  it('as comms-hub firmware until the day that was given with its notice, and on it until the time', () => {
    const noticed =
      (fromMs: number | undefined) =>
      (state: CampaignState): void => {
        state.requests[2]!.noticedFromMs = fromMs;
      };
    const at = (DAY + 30) * DAY_MS;
    expect(held(2, noticed(undefined))).toEqual(ALL);
    expect(held(2, noticed(at))).toEqual(FREE);
    expect(held(2, noticed(at - DAY_MS / 2))).toEqual(FREE);
    // A day is the first whole one from the time on.
    expect(held(2, noticed(at + HOUR_MS / 2))).toEqual(ALL);
    expect(held(2, noticed(at + 2 * HOUR_MS))).toEqual(ALL);
  });

  it('by a halt only while an incident is open that halts', () => {
    const { state } = new Asked(world);
    expect(isHalted(state)).toBe(false);
    incident({ haltsOthers: false })(state);
    incident({ isOpen: false })(state);
    expect(isHalted(state)).toBe(false);
    incident()(state);
    expect(isHalted(state)).toBe(true);
  });
});

describe('What is ready', () => {
  const V3 = { targetEntryId: 'V3' };
  const small = (...large: readonly string[]): Json => ({
    cpl: ['V1', 'V2', 'V3'].map((id, at) =>
      entry(id, at === 0 ? 'N/A' : [`V${at}`], { imageOctets: large.includes(id) ? 900_000 : 1_000 }),
    ),
    epcl: [],
  });

  it('is every meter that waits, of those that were never started only as many as the phase allows', () => {
    const phases = [
      { name: 'first', meters: 8 },
      { name: 'second', meters: 20 },
    ];
    const played = new Asked({ requests: [request('r', ['c'], { phases })] });
    const allowance = (): number => allowanceOf(played.campaign, played.state, 0);
    expect([played.ready(), allowance()]).toEqual([8, 8]);
    played.run(DAY, 2);
    expect([played.ready(), allowance()]).toEqual([6, 6]);
    played.state.requests[0]!.phase = 1;
    expect([played.ready(), allowance()]).toEqual([18, 18]);
    played.state.requests[0]!.phase = 2;
    expect([played.ready(), allowance()]).toEqual([28, Number.POSITIVE_INFINITY]);
    played.state.requests[0]!.phase = 0;
    played.state.requests[0]!.started = 9;
    expect(allowance()).toBe(0);
  });

  it('is of security firmware a sample for its safety test, and then what its phases allow', () => {
    const phases = [{ name: 'first', meters: 8 }];
    const played = new Asked({ requests: [request('r', ['c'], { ...security, phases })] });
    expect(played.ready()).toBe(2);
    played.state.requests[0]!.safetyTested = true;
    expect(played.ready()).toBe(8);
  });

  it('is for the User that a meter has, and what begins only for who asked', () => {
    const played = new Asked({ requests: [request('r', ['c'], V3)] }).run(DAY, 2);
    played.answer([0, 1]);
    played.tell({ kind: 'churn', cohortId: 'c', meters: [1, 2], toUserId: SUPPLIER_C });
    played.tell({ kind: 'churn', cohortId: 'c', meters: [0], toUserId: SUPPLIER_B });
    expect([A, B, C].map((user) => played.ready({ user }))).toEqual([27, 1, 1]);
    expect(usersOf(played.campaign, played.state, 0)).toEqual([A, B, C]);
    expect(played.picked(9, { user: B })).toEqual([[0, 1, 0]]);
    // A meter at its first hop that is another's is nobody's to begin, whatever pool it is in.
    const pool = played.state.requests[0]!.pools.find(({ hop }) => hop === 0)!;
    Object.assign(pool, { user: B });
    expect(played.ready({ user: B })).toBe(1);
  });

  it('is of meters half-way what is not held as a completion, and of the others what is not held as a new start', () => {
    const played = new Asked({ requests: [request('r', ['c'], V3)] }).run(DAY, 2);
    played.answer([0]);
    expect(played.ready()).toBe(29);
    expect(played.ready({ held: { news: true, completions: false } })).toBe(1);
    expect(played.ready({ held: { news: false, completions: true } })).toBe(28);
    expect(played.picked(99, { held: { news: true, completions: false } })).toEqual([[0, 1, 0]]);
  });

  it('is large or small by the next hop', () => {
    const played = new Asked({ lists: small('V3'), requests: [request('r', ['c'], V3)] });
    expect([played.ready(), played.ready({ large: false })]).toEqual([0, 30]);
    expect(played.picked(2)).toEqual([]);
    expect(played.picked(2, { large: false })).toEqual([[0, 0, 0, 1]]);
  });

  it('is of a dormant cohort nothing before the day of its combination', () => {
    const V2 = LISTS.cpl[1]!;
    const products = [
      { deviceModel: V2['deviceModel'], hardware: V2['hardware'], firmwareVersion: V2['firmwareVersion'] },
    ];
    const epcl = [{ entryId: 'E', products, status: 'approved', approvedOn: '2027-01-06' }];
    const played = new Asked({
      lists: { ...LISTS, epcl },
      cohorts: [cohort('c', 30, { dormant: true, epclEntryId: 'E' })],
      requests: [request('r', ['c'], { userId: DCC })],
    });
    expect([1, 2, 3].map((day) => played.ready({ user: 3, day: DAY + day }))).toEqual([0, 30, 30]);
  });

  it('is a parked meter once its days are over', () => {
    const played = new Asked({}).run(DAY, 2);
    played.answer([0], 'no-answer');
    expect([0, 2, 3].map((day) => played.ready({ day: DAY + day }))).toEqual([28, 28, 29]);
    expect(played.picked(2, { day: DAY + 3 })).toEqual([[0, 0, 0, 2]]);
  });

  it('goes furthest on its way first, then what was started before, then by index, up to so many', () => {
    const played = new Asked({ requests: [request('r', ['c'], V3)], policy: { capacityPerDay: 48 } }).run(DAY, 2);
    played.answer([1, 3]);
    played.answer([2], 'no-answer');
    expect(played.picked(1, { day: DAY + 3 })).toEqual([[0, 1, 1]]);
    expect(played.picked(5, { day: DAY + 3 })).toEqual([
      [0, 1, 1, 3],
      [0, 0, 2, 4, 5],
    ]);
    expect(played.picked(3, { day: DAY + 3 })).toEqual([
      [0, 1, 1, 3],
      [0, 0, 2],
    ]);
  });

  it('goes by route where meters are as far, and begins no more than the phase allows', () => {
    const phases = [{ name: 'first', meters: 5 }];
    const cohorts = [cohort('a', 3), cohort('b', 30)];
    const played = new Asked({ cohorts, requests: [request('r', ['a', 'b'], { phases })] });
    expect(played.picked(9)).toEqual([
      [0, 0, 0, 1, 2],
      [1, 0, 3, 4],
    ]);
  });

  it('fits into one record', () => {
    const played = new Asked({ cohorts: [cohort('c', 50_010)] });
    expect((played.picked(60_000) as number[][])[0]).toHaveLength(2 + 50_000);
  });
});

describe('What a request is owed', () => {
  const owed = ({ state }: Asked, user = A): number => owedOf(state, 0, user);

  it('is every large image on the way of its meters, until it is under way', () => {
    const played = new Asked({ requests: [request('r', ['c'], { targetEntryId: 'V3' })] });
    expect(owed(played)).toBe(60);
    played.run(DAY, 2);
    expect(owed(played)).toBe(58);
    played.answer([0]);
    expect(owed(played)).toBe(58);
    played.answer([1], 'no-answer'); // to be tried again
    expect(owed(played)).toBe(59);
    played.tell({ kind: 'churn', cohortId: 'c', meters: [0], toUserId: SUPPLIER_B });
    expect([owed(played), owed(played, B)]).toEqual([58, 1]);
  });

  it('is nothing for meters that have their end, and for small images', () => {
    const lists = { cpl: [entry('V1', 'N/A'), entry('V2', ['V1'], { imageOctets: 5 }), entry('V3', ['V2'])], epcl: [] };
    const played = new Asked({ lists, requests: [request('r', ['c'], { targetEntryId: 'V3' })] });
    expect(owed(played)).toBe(30);
    played.run(DAY, 1);
    expect(owed(played)).toBe(30);
    played.answer([0, 1], 'reverted');
    expect(owed(played)).toBe(28);
  });

  it('moves with a meter that churns while its image is under way', () => {
    const played = new Asked({ requests: [request('r', ['c'], { targetEntryId: 'V3' })] }).run(DAY, 2);
    played.tell({ kind: 'churn', cohortId: 'c', meters: [0], toUserId: SUPPLIER_B });
    expect([owed(played), owed(played, B)]).toEqual([57, 1]);
  });
});
