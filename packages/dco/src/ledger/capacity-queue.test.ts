/**
 * Goal: never above what the day has, in whatever order things happen; each start counted once; nobody waits while there is room for it;
 * whoever asked first goes first.
 * Method: the queue and the ledger run together as the DCO runs them, against a plain list that is searched from its beginning each time.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CapacityQueue } from './capacity-queue.js';
import type { Waiter } from './capacity-queue.js';
import { EMPTY_LEDGER, startsOfUser, startsOn } from './ledger.js';
import type { Ledger } from './ledger.js';
import { applyLedgerChange, ledgerChanges, startChanges } from './ledger-change.js';
import { capacityOn, incidentOf, isHalting, limitOf, mayStart, objectionTo } from './may-start.js';
import type { CapacityPolicy } from './may-start.js';
import { agreed, changed, ledgerOf, opened, SMALL, starts } from './ledger.test-support.js';

const waiter = (requestId: string, userId = 'A', firmwareHash = 'GOOD'): Waiter => ({
  requestId,
  userId,
  firmwareHash,
});
const queueOf = (...waiters: readonly Waiter[]): CapacityQueue => {
  const queue = new CapacityQueue();
  for (const one of waiters) queue.add(one);
  return queue;
};
const line = (count: number, userId: string, firmwareHash?: string): readonly Waiter[] =>
  Array.from({ length: count }, (_, i) => waiter(`${userId}${i}`, userId, firmwareHash));

describe('the queue', () => {
  it('gives places in the order of asking, up to the limit of each User and the capacity of the day', () => {
    const queue = queueOf(...line(5, 'A'), ...line(2, 'B'), ...line(9, 'C'), ...line(4, 'D'));
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['A0', 'A1', 'A2', 'B0', 'B1', 'C0', 'C1', 'C2', 'D0', 'D1']);
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual([]);
    expect([queue.isGiven('A2'), queue.isGiven('A3'), queue.isWaiting('A3'), queue.isWaiting('A2')]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([queue.waitingCount, [...queue.waiting()].length]).toEqual([10, 10]);
  });

  it('mixes Users in the order of asking', () => {
    const queue = queueOf(
      waiter('1', 'A'),
      waiter('2', 'B'),
      waiter('3', 'A'),
      waiter('4', 'B', 'OTHER'),
      waiter('5', 'B'),
    );
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('counts what has started, and what has a place', () => {
    const queue = queueOf(...line(3, 'A'), ...line(3, 'B'));
    const ledger = ledgerOf(starts(100, 'A', 2), starts(100, 'C', 6));
    expect(queue.give(ledger, SMALL, 100)).toEqual(['A0', 'B0']);
    queue.remove('A0');
    expect(queue.give(ledger, SMALL, 100)).toEqual(['A1']);
    queue.remove('B0');
    queue.remove('A1');
    expect(queue.give(applyLedgerChange(ledger, starts(100, 'A', 3)), SMALL, 100)).toEqual(['B1']);
    expect(queue.give(ledger, SMALL, 101)).toEqual(['A2', 'B2']);
  });

  it('counts the places that a User has against its limit, not only its starts', () => {
    const queue = queueOf(...line(2, 'A'));
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['A0', 'A1']);
    for (const requestId of ['A2', 'A3', 'A4']) queue.add(waiter(requestId, 'A'));
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['A2']);
    expect(queue.reason('A3', EMPTY_LEDGER, SMALL, 100)).toBe('user-limit');
  });

  it('keeps the place of one that asks again, and forgets one that is gone', () => {
    const queue = queueOf(...line(2, 'A'), waiter('A0', 'A'));
    queue.remove('nobody');
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['A0', 'A1']);
    queue.add(waiter('A0', 'A'));
    expect(queue.waitingCount).toBe(0);
    const other = queueOf(...line(3, 'A'));
    other.remove('A1');
    expect(other.isWaiting('A1')).toBe(false);
    expect(other.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['A0', 'A2']);
  });

  it('takes places back, and gives them anew in the old order', () => {
    const queue = queueOf(...line(4, 'A'), ...line(2, 'B'));
    queue.recall();
    expect(queue.give(EMPTY_LEDGER, { ...SMALL, largeStartsPerDayMax: 4 }, 100)).toEqual(['A0', 'A1', 'A2', 'B0']);
    queue.add(waiter('late', 'C'));
    queue.recall();
    expect([queue.isGiven('A0'), queue.waitingCount]).toEqual([false, 7]);
    expect(queue.give(EMPTY_LEDGER, SMALL, 100)).toEqual(['A0', 'A1', 'A2', 'B0', 'B1', 'late']);
    expect(queue.askedByUser()).toEqual(
      new Map([
        ['A', 4],
        ['B', 2],
        ['C', 1],
      ]),
    );
  });

  it('lets images of open incidents go first, by priority, and halts the others when they say so', () => {
    const all = [...line(2, 'A'), ...line(1, 'B', 'BAD'), ...line(1, 'C', 'WORSE')];
    const calm = ledgerOf(
      ...opened({ priority: 2, halts: false }, { reference: 'w', firmwareHash: 'WORSE', halts: false }),
    );
    expect(queueOf(...all).give(calm, SMALL, 100)).toEqual(['C0', 'B0', 'A0', 'A1']);
    const halting = ledgerOf(...opened({ priority: 2 }, { reference: 'w', firmwareHash: 'WORSE', halts: false }));
    const queue = queueOf(...all);
    expect(queue.give(halting, SMALL, 100)).toEqual(['C0', 'B0']);
    expect(queue.reason('A0', halting, SMALL, 100)).toBe('halted');
    expect(queue.give(ledgerOf(...opened({ isOpen: false })), SMALL, 100)).toEqual(['A0', 'A1']);
  });

  it('says why somebody waits', () => {
    const queue = queueOf(...line(5, 'A'), ...line(9, 'B'));
    const wide = { ...SMALL, largeStartsPerDayMax: 5 };
    expect(queue.reason('A0', EMPTY_LEDGER, wide, 100)).toBe('day-full');
    queue.give(EMPTY_LEDGER, wide, 100);
    expect(queue.reason('A0', EMPTY_LEDGER, wide, 100)).toBeUndefined();
    expect(queue.reason('A3', EMPTY_LEDGER, wide, 100)).toBe('user-limit');
    expect(queue.reason('B2', EMPTY_LEDGER, wide, 100)).toBe('day-full');
    expect(queue.reason('A3', ledgerOf(starts(100, 'C', 5)), wide, 100)).toBe('day-full');
    expect(queue.reason('A3', ledgerOf(starts(100, 'A', 1)), wide, 100)).toBe('user-limit');
    expect(queue.reason('nobody', EMPTY_LEDGER, wide, 100)).toBeUndefined();
  });

  it('counts who has asked and not started', () => {
    const queue = queueOf(...line(5, 'A'), ...line(1, 'B'));
    queue.give(EMPTY_LEDGER, SMALL, 100);
    expect(queue.askedByUser()).toEqual(
      new Map([
        ['A', 5],
        ['B', 1],
      ]),
    );
    queue.remove('B0');
    queue.remove('A0');
    queue.remove('A4');
    expect(queue.askedByUser()).toEqual(new Map([['A', 3]]));
  });
});

/** So tight that most days are full. */
const TIGHT: CapacityPolicy = { largeStartsPerDayMax: 4, unscheduledStartsPerDay: 2, scheduleEdge: 'larger-than' };

/** What may happen to a DCO, in any order. */
type Event =
  | { readonly kind: 'ask'; readonly userId: string; readonly firmwareHash: string }
  | { readonly kind: 'start'; readonly pick: number }
  | { readonly kind: 'end'; readonly pick: number }
  | { readonly kind: 'crash' }
  | { readonly kind: 'next-day' }
  | { readonly kind: 'clock-back' }
  | { readonly kind: 'agree'; readonly perDay: number }
  | { readonly kind: 'capacity'; readonly perDay: number }
  | { readonly kind: 'incident'; readonly isOpen: boolean; readonly halts: boolean };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      userId: fc.constantFrom('A', 'B', 'C'),
      firmwareHash: fc.constantFrom('GOOD', 'BAD'),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('start' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), pick: fc.nat() }) },
  fc.constant({ kind: 'crash' as const }),
  fc.constant({ kind: 'next-day' as const }),
  fc.constant({ kind: 'clock-back' as const }),
  fc.record({ kind: fc.constant('agree' as const), perDay: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('capacity' as const), perDay: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constant('incident' as const), isOpen: fc.boolean(), halts: fc.boolean() }),
);

/** The DCO in a few lines: what is pending, in order; the ledger; the queue. */
class World {
  ledger: Ledger = EMPTY_LEDGER;
  clockDay = 100;
  queue = new CapacityQueue();
  readonly pending = new Map<string, Waiter>();
  readonly startedOnce = new Set<string>();
  readonly startedByDay = new Map<number, number>();
  readonly struck = new Map<Event['kind'], number>();
  #names = 0;

  get day(): number {
    return Math.max(this.ledger.day ?? 0, this.clockDay);
  }

  happen(one: Event): void {
    this.struck.set(one.kind, (this.struck.get(one.kind) ?? 0) + 1);
    switch (one.kind) {
      case 'ask': {
        this.#names += 1;
        const asked = { requestId: String(this.#names), userId: one.userId, firmwareHash: one.firmwareHash };
        this.pending.set(asked.requestId, asked);
        this.queue.add(asked);
        break;
      }
      case 'start':
        this.start(one.pick);
        break;
      case 'end': {
        const all = [...this.pending.keys()];
        const requestId = all[one.pick % Math.max(1, all.length)];
        if (requestId === undefined) break;
        this.pending.delete(requestId);
        this.queue.remove(requestId);
        break;
      }
      case 'crash':
        // What the journal says is all that is left, rewritten at that.
        this.ledger = ledgerOf(...ledgerChanges(this.ledger));
        this.queue = queueOf(...this.pending.values());
        break;
      case 'next-day':
        this.clockDay += 1;
        break;
      case 'clock-back':
        this.clockDay -= 2;
        break;
      case 'agree':
        this.change(agreed({ fromDay: this.day, toDay: this.day + 1, perDay: one.perDay }));
        break;
      case 'capacity':
        this.change(changed({ fromDay: this.day, perDay: one.perDay }));
        break;
      case 'incident':
        this.change(opened({ isOpen: one.isOpen, halts: one.halts }));
        break;
    }
    this.queue.give(this.ledger, TIGHT, this.day);
  }

  start(pick: number): void {
    const given = [...this.pending.values()].filter(({ requestId }) => this.queue.isGiven(requestId));
    const one = given[pick % Math.max(1, given.length)];
    if (one === undefined) return;
    // The check of the commit, which looks at nothing but the ledger.
    if (mayStart(this.ledger, TIGHT, { ...one, isLarge: true, day: this.day }).kind !== 'yes') {
      this.queue.recall();
      return;
    }
    expect(this.startedOnce.has(one.requestId)).toBe(false);
    this.startedOnce.add(one.requestId);
    this.startedByDay.set(this.day, (this.startedByDay.get(this.day) ?? 0) + 1);
    for (const change of startChanges(this.ledger, this.day, one.userId))
      this.ledger = applyLedgerChange(this.ledger, change);
    this.pending.delete(one.requestId);
    this.queue.remove(one.requestId);
  }

  change(changes: ReturnType<typeof agreed>): void {
    this.ledger = changes.reduce(applyLedgerChange, this.ledger);
    this.queue.recall();
  }

  /** Who has a place, by a search from the beginning of the plain list each time. */
  expected(): ReadonlySet<string> {
    const given = new Set<string>();
    let left = capacityOn(this.ledger, TIGHT, this.day).max - startsOn(this.ledger, this.day);
    const ofUser = new Map<string, number>();
    const ranked = [...this.pending.values()]
      .filter(({ firmwareHash }) => !isHalting(this.ledger) || incidentOf(this.ledger, firmwareHash) !== undefined)
      .map((one) => ({ one, rank: incidentOf(this.ledger, one.firmwareHash)?.priority ?? 99 }))
      .toSorted((a, b) => a.rank - b.rank || Number(a.one.requestId) - Number(b.one.requestId));
    for (const { one } of ranked) {
      const under = startsOfUser(this.ledger, this.day, one.userId) + (ofUser.get(one.userId) ?? 0);
      if (left <= 0 || under >= limitOf(this.ledger, TIGHT, one.userId, this.day)) continue;
      given.add(one.requestId);
      ofUser.set(one.userId, (ofUser.get(one.userId) ?? 0) + 1);
      left -= 1;
    }
    return given;
  }
}

describe('the queue and the ledger together', () => {
  it('never start more in a day than the ceiling, each release once, whatever order, crash or clock', () => {
    const struck = new Map<string, number>();
    let fullDays = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 20, maxLength: 80 }), (events) => {
        const world = new World();
        for (const one of events) {
          world.happen(one);
          const startedOnDays = [...world.startedByDay.values()];
          for (const count of startedOnDays) expect(count).toBeLessThanOrEqual(TIGHT.largeStartsPerDayMax);
          expect(startedOnDays.reduce((a, b) => a + b, 0)).toBe(world.startedOnce.size);
          for (const [day, count] of world.startedByDay) expect(startsOn(world.ledger, day)).toBe(count);
        }
        for (const [kind, count] of world.struck) struck.set(kind, (struck.get(kind) ?? 0) + count);
        fullDays += [...world.startedByDay.values()].filter((count) => count === TIGHT.largeStartsPerDayMax).length;
      }),
      { numRuns: 400 },
    );
    for (const kind of ['crash', 'clock-back', 'next-day', 'agree', 'capacity', 'incident', 'end'])
      expect(struck.get(kind)).toBeGreaterThan(50);
    expect(fullDays).toBeGreaterThan(50);
  });

  it('let nobody wait while there is room for it, once nothing is under way', () => {
    let waited = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 20, maxLength: 60 }), (events) => {
        const world = new World();
        for (const one of events) world.happen(one);
        // A start or an agreement takes all places back; from there on the plain list says who has one.
        world.queue.recall();
        world.queue.give(world.ledger, TIGHT, world.day);
        const given = new Set([...world.pending.keys()].filter((requestId) => world.queue.isGiven(requestId)));
        expect(given).toEqual(world.expected());
        while ([...world.pending.keys()].some((requestId) => world.queue.isGiven(requestId))) {
          world.start(0);
          world.queue.give(world.ledger, TIGHT, world.day);
        }
        for (const one of world.pending.values()) {
          waited += 1;
          expect(objectionTo(world.ledger, TIGHT, { ...one, isLarge: true, day: world.day })).toBeDefined();
        }
      }),
      { numRuns: 400 },
    );
    expect(waited).toBeGreaterThan(100);
  });
});
