/** Who may start how much on a day: rules R01 to R09, R22 and R23 of docs/RULES.md, seen in the journal. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Grant } from '../model/campaign-record.js';
import { countOf } from '../model/meter-set.js';
import {
  cohort,
  DAY_MS,
  entry,
  type Json,
  recordsOf,
  request,
  SUPPLIER_A,
  SUPPLIER_B,
  SUPPLIER_C,
  type World,
  worldOf,
} from '../small-world.test-support.js';

const schedule = (imagesPerDay: number, fromDay = '2027-01-01', toDay?: string): Json => ({
  approvalForm: 'F',
  periods: [{ fromDay, toDay, imagesPerDay }],
});

/** Large starts by day and request. */
function startsBy(world: World): Record<string, Record<string, number>> {
  const days: Record<string, Record<string, number>> = {};
  for (const { atMs, requestId, parts } of recordsOf(world, 'released')) {
    const day = (days[new Date(atMs).toISOString().slice(5, 10)] ??= {});
    day[requestId] = (day[requestId] ?? 0) + parts.reduce((sum, { meters }) => sum + countOf(meters), 0);
  }
  return days;
}

const two = (first: Json, second: Json, other: Json = {}): World =>
  worldOf({
    cohorts: [cohort('a', 30), cohort('b', 30, { userId: SUPPLIER_B })],
    requests: [request('ra', ['a'], first), request('rb', ['b'], { userId: SUPPLIER_B, ...second })],
    ...other,
  });

describe('The first requester', () => {
  it('goes first, and leaves to the next what it cannot use', () => {
    const days = startsBy(
      two({ requestedAt: '2026-12-01T00:00:00Z', schedule: schedule(8) }, { requestedAt: '2026-12-10T00:00:00Z' }),
    );
    expect(days['01-04']).toEqual({ ra: 8, rb: 2 });
    expect(days['01-07']).toEqual({ ra: 6, rb: 4 });
    expect(days['01-08']).toEqual({ rb: 10 });
  });

  it('is who asked first, not who stands first', () => {
    const days = startsBy(two({ requestedAt: '2026-12-10T00:00:00Z' }, { requestedAt: '2026-12-01T00:00:00Z' }));
    expect(days['01-04']).toEqual({ rb: 10 });
    expect(days['01-07']).toEqual({ ra: 10 });
  });

  it('shares its turn with who asked within two days, by what each asked for', () => {
    const world = worldOf({
      cohorts: [cohort('a', 60), cohort('b', 30, { userId: SUPPLIER_B }), cohort('c', 30, { userId: SUPPLIER_C })],
      requests: [
        request('ra', ['a'], { requestedAt: '2026-12-01T00:00:00Z' }),
        request('rb', ['b'], { userId: SUPPLIER_B, requestedAt: '2026-12-03T00:00:00Z' }),
        request('rc', ['c'], { userId: SUPPLIER_C, requestedAt: '2026-12-03T00:00:01Z' }),
      ],
      policy: { capacityPerDay: 9 },
    });
    expect(startsBy(world)['01-04']).toEqual({ ra: 6, rb: 3 });
    expect(startsBy(world)['01-14']).toEqual({ rc: 9 });
  });

  it('of a group gets the image left over when its meters have had fewest, then when it asked sooner', () => {
    const world = two(
      { requestedAt: '2026-12-01T00:00:00Z' },
      { requestedAt: '2026-12-02T00:00:00Z' },
      { policy: { capacityPerDay: 5 } },
    );
    const days = Object.values(startsBy(world));
    expect(days.slice(0, 4)).toEqual([
      { ra: 3, rb: 2 },
      { ra: 2, rb: 3 },
      { ra: 3, rb: 2 },
      { ra: 2, rb: 3 },
    ]);
  });
});

describe('Users who share a turn', () => {
  const first = (world: World): Record<string, number> =>
    Object.fromEntries(recordsOf(world, 'granted')[0]!.grants.map(({ requestId, images }) => [requestId, images]));
  const asks = (users: readonly string[], other: readonly Json[]): Json => ({
    cohorts: users.map((userId, at) => cohort(`c${at}`, 300, { userId })),
    requests: users.map((userId, at) => request(`r${at}`, [`c${at}`], { userId, ...other[at] })),
  });

  it('share as Users: asking in pieces gives no more', () => {
    const cohorts = [
      ...Array.from({ length: 20 }, (_, at) => cohort(`a${at}`, 1)),
      cohort('b', 20, { userId: SUPPLIER_B }),
    ];
    const requests = [
      ...Array.from({ length: 20 }, (_, at) => request(`ra${at}`, [`a${at}`])),
      request('rb', ['b'], { userId: SUPPLIER_B }),
    ];
    const days = Object.values(startsBy(worldOf({ cohorts, requests })));
    expect(days.map((day) => day['rb'])).toEqual([5, 5, 5, 5]);
  });

  it('share what the 500 leaves to a User among all its requests', () => {
    const unscheduled = { schedule: undefined };
    const world = worldOf({
      ...asks([SUPPLIER_A, SUPPLIER_A, SUPPLIER_B], [unscheduled, unscheduled, unscheduled]),
      policy: { capacityPerDay: 330, unscheduledPerDay: 200 },
    });
    expect(first(world)).toEqual({ r0: 100, r1: 100, r2: 130 });
    const scarce = { capacityPerDay: 90, unscheduledPerDay: 200 };
    expect(
      first(
        worldOf({
          ...asks([SUPPLIER_A, SUPPLIER_A, SUPPLIER_B], [unscheduled, unscheduled, unscheduled]),
          policy: scarce,
        }),
      ),
    ).toEqual({ r0: 30, r1: 30, r2: 30 });
  });

  it('have a small first phase served at once, whose meters belong to a large request', () => {
    const world = worldOf({
      ...asks([SUPPLIER_A, SUPPLIER_B], [{ phases: [{ name: 'first', meters: 5 }] }, {}]),
    });
    expect(first(world)).toEqual({ r0: 5, r1: 5 });
  });

  it('let one catch up that was ready later', () => {
    const world = worldOf(asks([SUPPLIER_A, SUPPLIER_B], [{}, { readyDay: '2027-01-07' }]));
    const days = Object.values(startsBy(world));
    expect(days.slice(0, 8)).toEqual([
      { r0: 10 },
      { r0: 10 },
      { r0: 10 },
      { r1: 10 },
      { r1: 10 },
      { r1: 10 },
      { r0: 5, r1: 5 },
      { r0: 5, r1: 5 },
    ]);
  });

  it('count images, not meters: who needs two for each comes to its end with the others', () => {
    const world = worldOf({
      cohorts: [cohort('c0', 40), cohort('c1', 80, { userId: SUPPLIER_B })],
      requests: [request('r0', ['c0'], { targetEntryId: 'V3' }), request('r1', ['c1'], { userId: SUPPLIER_B })],
    });
    const days = startsBy(world);
    expect(Object.values(days).slice(0, 15)).toEqual(Array.from({ length: 15 }, () => ({ r0: 5, r1: 5 })));
  });

  it('give no weight to what is only kept waiting by its schedule, and do not forget what it was given', () => {
    const periods = [
      { fromDay: '2027-01-04', toDay: '2027-01-05', imagesPerDay: 4 },
      { fromDay: '2027-06-01', imagesPerDay: 300 },
    ];
    const held = { schedule: { approvalForm: 'F', periods } };
    const world = worldOf(asks([SUPPLIER_A, SUPPLIER_A, SUPPLIER_B], [held, {}, {}]));
    const grants = recordsOf(world, 'granted');
    const on = (day: string): Record<string, number> =>
      Object.fromEntries(
        grants.find((one) => one.day === day)!.grants.map(({ requestId, images }) => [requestId, images]),
      );
    // A has 600 meters and B 300: two thirds, of which the schedule takes its four at most.
    expect(on('2027-01-04')).toEqual({ r0: 4, r1: 3, r2: 3 });
    expect(on('2027-01-05')).toEqual({ r0: 3, r1: 3, r2: 4 });
    // From now on A weighs 294 that can start and the 13 that it has had, and B 300, of which it has had 7: B is given what it lacks.
    expect(on('2027-01-06')).toEqual({ r0: 0, r1: 2, r2: 8 });
    expect(on('2027-01-07')).toEqual({ r0: 0, r1: 5, r2: 5 });
  });
});

describe('A User without an agreed schedule', () => {
  it('has 500 large images a day, over all of its requests', () => {
    const requests = ['a', 'b'].map((id) => request(`r${id}`, [id], { schedule: undefined }));
    const world = worldOf({
      cohorts: [cohort('a', 700), cohort('b', 600)],
      requests,
      policy: { capacityPerDay: 12_000 },
    });
    const sums = Object.values(startsBy(world)).map((day) => Object.values(day).reduce((sum, count) => sum + count, 0));
    expect(sums).toEqual([500, 500, 300]);
  });

  it('has 499 where 500 already need a schedule', () => {
    const policy = { capacityPerDay: 12_000, unscheduledEdge: 'or-more' };
    const world = worldOf({
      cohorts: [cohort('a', 700)],
      requests: [request('ra', ['a'], { schedule: undefined })],
      policy,
    });
    expect(Object.values(startsBy(world))).toEqual([{ ra: 499 }, { ra: 201 }]);
  });

  it('may start as many small images as it likes, on the same day', () => {
    const lists = { cpl: [entry('V1', 'N/A'), entry('V2', ['V1'], { imageOctets: 750_000 })], epcl: [] };
    const world = worldOf({
      lists,
      cohorts: [cohort('a', 700)],
      requests: [request('ra', ['a'], { schedule: undefined })],
    });
    expect(startsBy(world)).toEqual({ '01-04': { ra: 700 } });
    expect(recordsOf(world, 'granted')).toEqual([]);
  });
});

describe('An agreed schedule', () => {
  it('is kept day by day, and nothing starts outside of its periods', () => {
    const periods = [
      { fromDay: '2027-01-05', toDay: '2027-01-06', imagesPerDay: 3 },
      { fromDay: '2027-01-08', imagesPerDay: 7 },
    ];
    const world = worldOf({
      cohorts: [cohort('a', 15)],
      requests: [request('ra', ['a'], { schedule: { approvalForm: 'F', periods } })],
    });
    expect(startsBy(world)).toEqual({ '01-05': { ra: 3 }, '01-06': { ra: 3 }, '01-08': { ra: 7 }, '01-09': { ra: 2 } });
  });

  it('that finds no room is moved with notice', () => {
    const world = two(
      { requestedAt: '2026-12-01T00:00:00Z' },
      { requestedAt: '2026-12-10T00:00:00Z', schedule: schedule(4) },
    );
    const [first] = recordsOf(world, 'granted');
    expect(first!.grants.map(({ requestId, images }) => [requestId, images])).toEqual([
      ['ra', 10],
      ['rb', 0],
    ]);
    expect(first!.rescheduled).toEqual([
      { requestId: 'ra', userId: SUPPLIER_A, images: 20, because: 'capacity' },
      { requestId: 'rb', userId: SUPPLIER_B, images: 4, because: 'capacity' },
    ]);
  });
});

describe('Capacity', () => {
  it('is what other traffic leaves, and changes on the day that was told', () => {
    const world = worldOf({
      cohorts: [cohort('a', 60)],
      requests: [request('ra', ['a'])],
      otherTraffic: [
        { fromDay: '2027-01-05', toDay: '2027-01-06', imagesPerDay: 3 },
        { fromDay: '2027-01-06', toDay: '2027-01-07', imagesPerDay: 9 },
      ],
      events: [
        { at: '2027-01-05T00:00:00Z', command: { kind: 'capacity', fromDay: '2027-01-08', imagesPerDay: 20 } },
        { at: '2027-01-09T12:30:00Z', command: { kind: 'capacity', fromDay: '2027-01-09', imagesPerDay: 12 } },
      ],
    });
    expect(Object.values(startsBy(world))).toEqual([
      { ra: 10 },
      { ra: 7 },
      { ra: 1 },
      { ra: 20 },
      // Thirteen had started when the twelve were told; what has started stays started.
      { ra: 13 },
      { ra: 9 },
    ]);
  });

  it('of a day is released evenly over its moments', () => {
    const world = worldOf({
      cohorts: [cohort('a', 48)],
      requests: [request('ra', ['a'])],
      policy: { capacityPerDay: 48 },
    });
    const sizes = recordsOf(world, 'released').map(({ parts }) => countOf(parts[0]!.meters));
    expect(sizes).toEqual(Array.from({ length: 24 }, () => 2));
  });
});

describe('Security firmware', () => {
  const incident = (haltsOthers: boolean): Json => ({
    cohorts: [cohort('a', 60), cohort('b', 12, { userId: SUPPLIER_B })],
    requests: [
      request('ra', ['a'], { schedule: schedule(6) }),
      request('rb', ['b'], { userId: SUPPLIER_B, schedule: undefined, priority: 'security', safetyTestMeters: 2 }),
    ],
    policy: { unscheduledPerDay: 1 },
    events: [
      {
        at: '2027-01-05T06:30:00Z',
        command: { kind: 'open-incident', incidentId: 'I', requestId: 'rb', priority: 1, haltsOthers },
      },
      { at: '2027-01-07T00:00:00Z', command: { kind: 'close-incident', incidentId: 'I' } },
    ],
  });

  it('waits for its incident, tests a sample, goes first without the 500, and halts others if it must', () => {
    const world = worldOf(incident(true));
    const ofSecurity = recordsOf(world, 'released').filter(({ requestId }) => requestId === 'rb');
    expect(ofSecurity[0]!.atMs).toBe(Date.UTC(2027, 0, 5, 6, 30));
    expect(countOf(ofSecurity[0]!.parts[0]!.meters)).toBe(2);
    const [test] = recordsOf(world, 'safety-tested');
    expect(test).toMatchObject({ requestId: 'rb', incidentId: 'I', answered: 2, failures: 0, passed: true });
    expect(ofSecurity[1]!.seq).toBeGreaterThan(test!.seq);
    const halted = recordsOf(world, 'released').filter(
      ({ requestId, atMs }) => requestId === 'ra' && atMs > Date.UTC(2027, 0, 5, 6, 30) && atMs < Date.UTC(2027, 0, 7),
    );
    expect(halted).toEqual([]);
    const notices = recordsOf(world, 'granted').flatMap(({ rescheduled }) => rescheduled);
    expect(notices).toContainEqual({ requestId: 'ra', userId: SUPPLIER_A, images: 6, because: 'halt' });
    expect(world.ended).toBe(true);
  });

  it('leaves to others what it does not use when it does not halt them', () => {
    const days = startsBy(worldOf(incident(false)));
    expect(days['01-05']!['rb']).toBeGreaterThan(2);
    expect(days['01-06']!['ra']).toBeGreaterThan(0);
  });

  it('that fails its safety test is held, and nothing more of it starts', () => {
    const behaviour = { failureChance: 1 };
    const world = worldOf({ ...incident(true), model: { cohorts: [{ cohortId: 'b', behaviour }] } });
    expect(recordsOf(world, 'safety-tested')).toMatchObject([{ answered: 2, failures: 2, passed: false }]);
    const started = recordsOf(world, 'released').filter(({ requestId }) => requestId === 'rb');
    expect(started.reduce((sum, { parts }) => sum + countOf(parts[0]!.meters), 0)).toBe(2);
    expect(world.state.requests[1]!.status).toBe('stopped');
  });
});

describe('Every grant of any small world', () => {
  const usable = ({ ready, limit }: Grant): number => Math.min(ready, limit);
  const imagesOf = (grants: readonly Grant[]): number => grants.reduce((sum, { images }) => sum + images, 0);
  const ableOf = (grants: readonly Grant[]): number => grants.reduce((sum, grant) => sum + usable(grant), 0);
  const asked = fc.record({
    user: fc.constantFrom(SUPPLIER_A, SUPPLIER_B, SUPPLIER_C),
    count: fc.integer({ min: 1, max: 40 }),
    hour: fc.nat(200),
    perDay: fc.integer({ min: 1, max: 15 }),
  });

  it('leaves nothing idle, nothing to a later turn while an earlier one wants more, and no User more than an image ahead', () => {
    let contested = 0;
    let compared = 0;
    fc.assert(
      fc.property(
        fc.array(asked, { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 1, max: 30 }),
        (parts, capacityPerDay) => {
          const world = worldOf({
            cohorts: parts.map(({ user, count }, at) => cohort(`c${at}`, count, { userId: user })),
            requests: parts.map(({ user, hour, perDay }, at) =>
              request(`r${at}`, [`c${at}`], {
                userId: user,
                requestedAt: new Date(Date.UTC(2026, 11, 1) + hour * 3_600_000).toISOString().replace('.000', ''),
                schedule: schedule(perDay),
              }),
            ),
            policy: { capacityPerDay },
          });
          const { groups, requests } = world.campaign;
          const indexOf = ({ requestId }: { readonly requestId: string }): number => requests.get(requestId)!;
          const turnOf = (grant: Grant): number => groups[indexOf(grant)]!;
          const given = parts.map(() => 0);
          for (const record of world.records) {
            if (record.kind === 'released') given[indexOf(record)]! += countOf(record.parts[0]!.meters);
            if (record.kind !== 'granted') continue;
            const room = record.capacity - record.otherTraffic - record.started;
            expect(imagesOf(record.grants)).toBe(Math.min(room, ableOf(record.grants)));
            for (const turn of new Set(record.grants.map(turnOf))) {
              const group = record.grants.filter((grant) => turnOf(grant) === turn);
              const users = [...new Set(group.map(({ userId }) => userId))].map((userId) => {
                const own = group.filter((one) => one.userId === userId);
                const had = parts.reduce(
                  (n, { user }, at) => n + (user === userId && groups[at] === turn ? given[at]! : 0),
                  0,
                );
                const owed = own.reduce(
                  (n, one) => n + (usable(one) > 0 ? parts[indexOf(one)]!.count - given[indexOf(one)]! : 0),
                  0,
                );
                return { images: imagesOf(own), had, all: had + owed, isShort: imagesOf(own) < ableOf(own) };
              });
              for (const poor of users.filter(({ isShort }) => isShort)) {
                contested += 1;
                expect(imagesOf(record.grants.filter((grant) => turnOf(grant) > turn))).toBe(0);
                for (const rich of users.filter(({ images }) => images > 0)) {
                  if (rich === poor) continue;
                  compared += 1;
                  expect((rich.had + rich.images - 1) * poor.all).toBeLessThanOrEqual(
                    (poor.had + poor.images) * rich.all,
                  );
                }
              }
            }
          }
          expect(world.ended).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
    expect(contested).toBeGreaterThan(300);
    expect(compared).toBeGreaterThan(100);
  });
});

describe('A batch', () => {
  it('is given up seven days after its release, never sooner, and never later than the next start', () => {
    const world = worldOf({ model: { otherwise: { silentShare: 0.5 } } });
    const released = new Map(recordsOf(world, 'released').map(({ batch, atMs }) => [batch, atMs]));
    const gaveUp = recordsOf(world, 'gave-up');
    expect(gaveUp.length).toBeGreaterThan(5);
    for (const { batch, atMs } of gaveUp) expect(atMs - released.get(batch)!).toBeGreaterThanOrEqual(7 * DAY_MS);
    const open = new Map<number, number>();
    for (const record of world.records) {
      if (record.kind === 'released') {
        for (const releasedMs of open.values()) expect(record.atMs - releasedMs).toBeLessThan(7 * DAY_MS);
        open.set(record.batch, record.atMs);
      }
      if (record.kind === 'gave-up') open.delete(record.batch);
      // With half of the meters silent each batch of one that answered is closed by its outcome.
      if (record.kind === 'outcomes')
        for (const batch of open.keys()) if (!gaveUp.some((one) => one.batch === batch)) open.delete(batch);
    }
  });
});
