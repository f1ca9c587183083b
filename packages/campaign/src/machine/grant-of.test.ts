/** One grant at a time, seen directly: turns, what limits a User over all of them, what is taken back, and who is told that a slot moves. */
import { describe, expect, it } from 'vitest';
import type { CampaignState } from '../model/campaign-state.js';
import { cohort, DAY_MS, type Json, request, SUPPLIER_A, SUPPLIER_B, SUPPLIER_C } from '../small-world.test-support.js';
import { grantOf } from './allocate.js';
import { DAY, Played } from './played.test-support.js';

/** Images by request; for another User than its own, after a slash, by User. */
function images(played: Played, day: number = DAY): Record<string, number> {
  const granted = grantOf(played.campaign, played.state, day * DAY_MS + 1);
  return Object.fromEntries(
    (granted?.grants ?? []).map(({ requestId, userId, images: count }) => {
      const own = played.campaign.input.requests.find((one) => one.requestId === requestId)!.userId;
      return [own === userId ? requestId : `${requestId}/${userId}`, count];
    }),
  );
}

const unscheduled = { schedule: undefined };
const security = { priority: 'security', safetyTestMeters: 30 };
const ofB = { userId: SUPPLIER_B };
const perDay = (imagesPerDay: number, fromDay = '2027-01-01'): Json => ({
  schedule: { approvalForm: 'F', periods: [{ fromDay, imagesPerDay }] },
});
const asked = (date: string): Json => ({ requestedAt: `${date}T00:00:00Z` });

/** One cohort of 30 for each request. */
function played(requests: readonly Json[], policy: Json = {}): Played {
  return new Played({
    cohorts: requests.map((other, at) => cohort(`c${at}`, 30, 'userId' in other ? { userId: other['userId'] } : {})),
    requests: requests.map((other, at) => request(`r${at}`, [`c${at}`], other)),
    policy: { capacityPerDay: 10, ...policy },
  });
}

describe('A grant', () => {
  it('is not made when nobody is ready, unless something that was granted today is to be taken back', () => {
    const one = played([{}]).run(DAY, 1);
    expect(one.state.lanes.map(({ left }) => left)).toEqual([9]);
    one.tell({ kind: 'pause', reason: 'no' });
    expect(grantOf(one.campaign, one.state, DAY * DAY_MS)).toMatchObject({ grants: [], rescheduled: [], started: 1 });
    expect(grantOf(one.campaign, one.state, (DAY + 1) * DAY_MS)).toBeUndefined();
    one.run(DAY, 2);
    expect(grantOf(one.campaign, one.state, DAY * DAY_MS)).toBeUndefined();
  });

  it('is taken back when any part of it is left, and not when all has started', () => {
    const two = played([perDay(1), {}]).run(DAY, 1);
    expect(two.state.lanes.map(({ left }) => left)).toEqual([0, 8]);
    two.tell({ kind: 'pause', reason: 'no' });
    expect(grantOf(two.campaign, two.state, DAY * DAY_MS)).toMatchObject({ grants: [] });
    const done = played([perDay(1)]).run(DAY, 1);
    done.tell({ kind: 'pause', reason: 'no' });
    expect(grantOf(done.campaign, done.state, DAY * DAY_MS)).toBeUndefined();
  });

  it('completes what is half-way of a request that is paused', () => {
    const one = played([{ targetEntryId: 'V3' }]).run(DAY, 1);
    one.answer([0]).tell({ kind: 'pause', reason: 'no' });
    expect(images(one)).toEqual({ r0: 1 });
  });

  it('gives the image that is left over to who asked sooner, wherever it stands', () => {
    const two = played([asked('2026-12-02'), { ...ofB, ...asked('2026-12-01') }], { capacityPerDay: 5 });
    expect(images(two)).toEqual({ r0: 2, r1: 3 });
  });
});

describe('Turns', () => {
  const three = (other: Json = {}): Played =>
    played(
      [
        asked('2026-12-01'),
        { ...ofB, ...asked('2026-12-10'), ...security },
        { userId: SUPPLIER_C, ...asked('2026-12-20'), ...security },
      ],
      { capacityPerDay: 40, ...other },
    );
  const incident = (requestId: string, priority: number): Parameters<Played['tell']>[0] => ({
    kind: 'open-incident',
    incidentId: `I-${requestId}`,
    requestId,
    priority,
    haltsOthers: false,
  });

  it('are those of open incidents first, by priority', () => {
    const urgent = three().tell(incident('r1', 2)).tell(incident('r2', 1));
    expect(images(urgent)).toEqual({ r2: 30, r1: 10, r0: 0 });
  });

  it('are of equal priority by when they were opened', () => {
    expect(images(three().tell(incident('r2', 1)).tell(incident('r1', 1)))).toEqual({ r2: 30, r1: 10, r0: 0 });
  });

  it('are by time of request again when an incident is closed', () => {
    const closed = three().tell(incident('r2', 1)).tell(incident('r1', 2));
    closed.tell({ kind: 'close-incident', incidentId: 'I-r2' });
    expect(images(closed)).toEqual({ r1: 30, r0: 10, r2: 0 });
  });
});

describe('What limits a User', () => {
  const earlyAndLate = [
    { ...unscheduled, ...asked('2026-12-01') },
    { ...ofB, ...asked('2026-12-10') },
    { ...unscheduled, ...asked('2026-12-20') },
  ];

  it('is its 500 over all turns', () => {
    const some = played(earlyAndLate, { capacityPerDay: 100, unscheduledPerDay: 40 });
    expect(images(some)).toEqual({ r0: 30, r1: 30, r2: 10 });
  });

  it('is not its 500 for what has a schedule', () => {
    const some = played(
      [
        { ...perDay(20), ...asked('2026-12-01') },
        { ...unscheduled, ...asked('2026-12-10') },
      ],
      {
        capacityPerDay: 100,
        unscheduledPerDay: 15,
      },
    );
    expect(images(some)).toEqual({ r0: 20, r1: 15 });
  });

  it('is what the ledger told of it on that day, over all turns and limits; others have what they have', () => {
    const some = played(earlyAndLate, { capacityPerDay: 100 });
    some.room('2027-01-04', 70, [{ userId: SUPPLIER_A, images: 35 }]);
    expect(images(some)).toEqual({ r0: 30, r1: 30, r2: 5 });
    expect(images(some, DAY + 1)).toEqual({ r0: 30, r1: 30, r2: 30 });
  });

  it('is nothing where the ledger told less than nothing', () => {
    const some = played(earlyAndLate, { capacityPerDay: 100 });
    some.room('2027-01-04', 60, [{ userId: SUPPLIER_A, images: 1 }]);
    some.state.roomByUser.set(0, -1);
    expect(images(some)).toEqual({ r0: 0, r1: 30, r2: 0 });
  });

  it('shares it among the requests without a schedule by what those were given, not by what others of the User were', () => {
    const some = played([perDay(8), { ...unscheduled, readyDay: '2027-01-05' }], { capacityPerDay: 8 }).run(DAY);
    // The first has had 8 of 30, the second nothing.
    expect(images(some, DAY + 1)).toEqual({ r0: 0, r1: 8 });
    some.run(DAY + 1);
    expect(images(some, DAY + 2)).toEqual({ r0: 4, r1: 4 });
  });
});

describe('The notice of rescheduling', () => {
  const notices = ({ campaign, state }: Played): unknown =>
    grantOf(campaign, state, DAY * DAY_MS)?.rescheduled.map(({ requestId, images: count, because }) => [
      requestId,
      count,
      because,
    ]);

  it('names the slots of agreed schedules for which the day has no room, and nothing else', () => {
    const some = played([
      { ...perDay(4), ...asked('2026-12-01') },
      { ...perDay(9), ...asked('2026-12-10') },
      { ...unscheduled, ...ofB, ...asked('2026-12-20') },
    ]);
    expect(images(some)).toEqual({ r0: 4, r1: 6, r2: 0 });
    expect(notices(some)).toEqual([['r1', 3, 'capacity']]);
  });

  it('names no slot for a meter that is completed for another User', () => {
    const some = played([{ targetEntryId: 'V3', ...asked('2026-12-01') }], { capacityPerDay: 48 }).run(DAY, 1);
    some.answer([0, 1]).tell({ kind: 'churn', cohortId: 'c0', meters: [0, 1], toUserId: SUPPLIER_C });
    some.tell({ kind: 'capacity', fromDay: '2027-01-04', imagesPerDay: 0 });
    expect(images(some)).toEqual({ r0: 0, [`r0/${SUPPLIER_C}`]: 0 });
    expect(notices(some)).toEqual([['r0', 28, 'capacity']]);
  });

  it('names the slots that a halt takes, but for requests whose own incident is open, without schedule, or without a slot', () => {
    const some = played(
      [
        perDay(4),
        unscheduled,
        { ...perDay(7), ...security },
        perDay(5, '2027-02-01'),
        { ...perDay(6), ...security },
        { ...perDay(3), ...security },
      ],
      { capacityPerDay: 100 },
    );
    const open = (requestId: string, haltsOthers: boolean): Parameters<Played['tell']>[0] => ({
      kind: 'open-incident',
      incidentId: `I-${requestId}`,
      requestId,
      priority: 1,
      haltsOthers,
    });
    some.tell(open('r4', false)).tell({ kind: 'close-incident', incidentId: 'I-r4' });
    some.tell(open('r2', true)).tell(open('r5', false));
    expect(notices(some)).toEqual([
      ['r0', 4, 'halt'],
      ['r4', 6, 'halt'],
    ]);
    expect(images(some)).toEqual({ r2: 7, r5: 3 });
    halted(some.state);
    expect(notices(some)).toEqual([]);
  });
});

/** The same incidents, of which none halts. */
function halted(state: CampaignState): void {
  for (const [at, incident] of state.incidents.entries()) state.incidents[at] = { ...incident, haltsOthers: false };
}
