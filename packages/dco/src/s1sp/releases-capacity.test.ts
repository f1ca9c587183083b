/**
 * Goal: no more large images are started in a day than it has capacity for, each is counted once whatever happens, and whoever has to wait
 * is told why and goes on in the order of asking.
 * Method: as in releases.test.ts; the test image counts as large by the setting, and the numbers of a day are small or taken beforehand.
 */
import { memoryFiles } from '@smets1/journal';
import { describe, expect, it } from 'vitest';
import { authorisationFor, deviceId, requestId, turnedClock, until } from '../bench.test-support.js';
import type { TurnedClock } from '../bench.test-support.js';
import { fakeMeter } from '../fake-meter.test-support.js';
import { dayOfMs, startOfDayMs } from '../ledger/day.js';
import { startsOfUser, startsOn } from '../ledger/ledger.js';
import type { LedgerChange } from '../ledger/ledger-change.js';
import { answered, codeOf, entries, HOUR, image, newer, stage, start } from '../release-bench.test-support.js';
import type { Around, Bench } from '../release-bench.test-support.js';
import { CANCELLATION_MS } from './admission.js';

const USER = '90-B3-D5-1F-30-01-00-00';
const OTHER = '90-B3-D5-1F-30-02-00-00';
const DAY = 24 * HOUR;
const LARGE = { largeImageBytes: 1000 };
const HASH = Buffer.from(image.imageHash).toString('hex').toUpperCase();

const large = (perDay: number, perUser: number, around: Around = {}): Promise<Bench> =>
  start({
    ...around,
    settings: { ...LARGE, largeStartsPerDayMax: perDay, unscheduledStartsPerDay: perUser, ...around.settings },
  });
const today = (bench: Bench): number => dayOfMs(bench.clock.nowMs());
const used = (bench: Bench, day: number = today(bench)): number => startsOn(bench.store.state.ledger, day);
const waitOf = (bench: Bench, counter: number, user?: string): string => {
  const wait = bench.releases.capacity.waitOf(requestId(10_000 + counter, user));
  if (wait === undefined) return 'none';
  return `${wait.because} ${wait.untilMs === undefined ? 'nobody knows' : (wait.untilMs - startOfDayMs(today(bench))) / DAY}`;
};
const put = async (bench: Bench, ...changes: readonly LedgerChange[]): Promise<void> => {
  await bench.store.transact(() => ({ changes, value: undefined }));
  bench.releases.capacity.giveAnew();
};
const toTomorrow = (bench: Bench): void => bench.clock.turnTo(startOfDayMs(today(bench) + 1));
const idle = (bench: Bench): Promise<void> => until(() => bench.releases.busyCount === 0, 'idle');

describe('a large image for which the day has no capacity', () => {
  it('waits for the next day, and says why and until when', async () => {
    const bench = await large(2, 9);
    for (const n of [1, 2, 3]) expect(codeOf(await bench.activate(n, n))).toBe('ok');
    await answered(bench, 1);
    await answered(bench, 2);
    await idle(bench);
    expect([stage(bench, 3), waitOf(bench, 3), bench.releases.capacity.waitingCount]).toEqual([
      'requested',
      'day-full 1',
      1,
    ]);
    expect(bench.events.filter((event) => event.stage === 'waiting-capacity')).toEqual([
      expect.objectContaining({
        requestId: requestId(10_003),
        detail: 'day-full, until 2030-01-02T00:00:00.000Z at the earliest',
      }),
    ]);
    const links = bench.links.opened.length;
    bench.clock.turnTo(startOfDayMs(today(bench) + 1) - 1);
    await idle(bench);
    expect([bench.links.opened.length, used(bench)]).toEqual([links, 2]);
    toTomorrow(bench);
    await answered(bench, 3);
    expect([used(bench), used(bench, today(bench) - 1), waitOf(bench, 3)]).toEqual([1, 2, 'none']);
    expect(bench.meters.map((meter) => meter.activations)).toEqual([1, 1, 1]);
  });

  it('is the 12,001st; the 12,000th is not', async () => {
    const bench = await start({ settings: LARGE });
    const others = Array.from({ length: 24 }, (_, i) => ({
      kind: 'starts' as const,
      value: { day: today(bench), userId: `user ${i}`, count: i === 0 ? 499 : 500 },
    }));
    await put(bench, ...others);
    await bench.activate(1, 1);
    await bench.activate(2, 2);
    await answered(bench, 1);
    expect([used(bench), waitOf(bench, 2)]).toEqual([12_000, 'day-full 1']);
    toTomorrow(bench);
    await answered(bench, 2);
    expect(used(bench)).toBe(1);
  });

  it('does not hold up small images, nor 11.2', async () => {
    const bench = await large(0, 0, { settings: { largeImageBytes: 750_000 } });
    await bench.activate(1, 1);
    await bench.releases.read(requestId(5), deviceId(2));
    await answered(bench, 1);
    await until(() => bench.store.state.entriesOf.has(requestId(5)), 'the version');
    expect(entries(bench, 1)).toEqual(['response success']);
    expect(used(bench)).toBe(0);
  });

  it('leaves its meter free for an 11.2', async () => {
    const bench = await large(0, 9);
    await bench.activate(1, 1);
    await bench.releases.read(requestId(5), deviceId(1));
    await until(() => bench.store.state.entriesOf.has(requestId(5)), 'the version');
    expect(stage(bench, 1)).toBe('requested');
  });
});

describe('a User', () => {
  it('may start 500 without a schedule, and another User as many; the 501st of each waits', async () => {
    const bench = await start({ settings: LARGE, meters: [1, 2, 3, 4].map((n) => fakeMeter(n)) });
    const day = today(bench);
    await put(
      bench,
      { kind: 'starts', value: { day, userId: USER, count: 499 } },
      { kind: 'starts', value: { day, userId: OTHER, count: 499 } },
    );
    for (const [n, user] of [
      [1, USER],
      [2, OTHER],
      [3, USER],
      [4, OTHER],
    ] as const)
      await bench.activate(n, n, { user });
    await answered(bench, 1);
    await answered(bench, 2, 1, OTHER);
    expect([waitOf(bench, 3), waitOf(bench, 4, OTHER)]).toEqual(['user-limit 1', 'user-limit 1']);
    expect(startsOfUser(bench.store.state.ledger, day, OTHER)).toBe(500);
    toTomorrow(bench);
    await answered(bench, 3);
    await answered(bench, 4, 1, OTHER);
    expect(used(bench)).toBe(2);
  });

  it('may start more on a day of its agreed schedule, as soon as that is agreed', async () => {
    const bench = await large(9, 1);
    for (const n of [1, 2, 3]) await bench.activate(n, n);
    await answered(bench, 1);
    expect([waitOf(bench, 2), waitOf(bench, 3)]).toEqual(['user-limit 1', 'user-limit 1']);
    const day = today(bench);
    const agreed = { reference: 'form', userId: USER, fromDay: day, toDay: day, perDay: 2, atMs: 0 };
    await put(bench, { kind: 'schedule', value: agreed });
    await answered(bench, 2);
    expect([used(bench), waitOf(bench, 3)]).toEqual([2, 'user-limit 1']);
  });

  it('at its limit does not hold up another that asked later', async () => {
    const bench = await large(9, 1);
    await bench.activate(1, 1);
    await bench.activate(2, 2);
    await bench.activate(3, 3, { user: OTHER });
    await answered(bench, 3, 1, OTHER);
    expect(stage(bench, 2)).toBe('requested');
  });
});

describe('capacity that opens', () => {
  it('goes to whoever asked first', async () => {
    const bench = await large(1, 9);
    for (const n of [3, 1, 2]) await bench.activate(n, n);
    await answered(bench, 3);
    for (const n of [1, 2]) {
      toTomorrow(bench);
      await answered(bench, n);
      await idle(bench);
      expect(used(bench)).toBe(1);
    }
  });

  it('goes to the next when the control refuses', async () => {
    let refuse = (): void => undefined;
    const bench = await large(1, 9, {
      control: (real) => ({
        ...real,
        countersign: async (request) => {
          if (request.deviceId !== deviceId(1)) return real.countersign(request);
          await new Promise<void>((resolve) => {
            refuse = resolve;
          });
          return { ok: false, code: 'version', message: 'not that one' };
        },
      }),
    });
    await bench.activate(1, 1);
    await bench.activate(2, 2);
    await until(() => bench.releases.busyCount === 1, 'asked');
    expect(waitOf(bench, 2)).toBe('day-full 1');
    refuse();
    await answered(bench, 2);
    expect([entries(bench, 1), entries(bench, 2), used(bench)]).toEqual([
      ['response control-version'],
      ['response success'],
      1,
    ]);
  });

  it('is not waited for by what was called off, nor given back by what was sent before', async () => {
    const bench = await large(1, 9);
    const executionAtMs = bench.clock.nowMs() + 5 * DAY;
    for (const n of [1, 2]) await bench.activate(n, n, { executionAtMs });
    await until(() => stage(bench, 1) === 'sealed', 'sealed');
    expect(waitOf(bench, 2)).toBe('day-full 1');
    for (const n of [1, 2])
      expect(codeOf(await bench.activate(n, n, { request: 10_008 + n, executionAtMs: CANCELLATION_MS }))).toBe('ok');
    expect([waitOf(bench, 2), bench.releases.capacity.waitingCount, entries(bench, 2)]).toEqual([
      'none',
      0,
      ['response cancelled'],
    ]);
    expect(used(bench)).toBe(1);
    toTomorrow(bench);
    await idle(bench);
    expect([used(bench), stage(bench, 2), bench.meters[1]!.storedBlocks]).toEqual([0, 'done', 0]);
  });

  it('is taken back when it is changed before the start is counted', async () => {
    let consent = (): void => undefined;
    const bench = await large(1, 9, {
      control: (real) => ({
        ...real,
        countersign: async (request) => {
          await new Promise<void>((resolve) => {
            consent = resolve;
          });
          return real.countersign(request);
        },
      }),
    });
    await bench.activate(1, 1);
    await until(() => bench.releases.busyCount === 1, 'asked');
    const change = { reference: 'notice', fromDay: today(bench), perDay: 0, otherTraffic: 0, atMs: 0 };
    await bench.store.transact(() => ({ changes: [{ kind: 'capacity', value: change }], value: undefined }));
    consent();
    await idle(bench);
    expect([stage(bench, 1), used(bench), waitOf(bench, 1)]).toEqual(['requested', 0, 'day-full nobody knows']);
    await put(bench, { kind: 'capacity', value: { ...change, perDay: 1 } });
    await until(() => bench.releases.busyCount === 1, 'asked again');
    consent();
    await answered(bench, 1);
    expect(used(bench)).toBe(1);
  });
});

describe('an incident', () => {
  it('halts other large images, lets its own go, and gives the rest free when it is closed', async () => {
    const bench = await large(9, 9, { images: [image, newer] });
    const one = { reference: 'INC', isOpen: true, firmwareHash: HASH, priority: 1, halts: true, atMs: 0 };
    await put(bench, { kind: 'incident', value: one });
    await bench.activate(1, 1, { image: newer });
    await bench.activate(2, 2);
    await answered(bench, 2);
    expect([stage(bench, 1), waitOf(bench, 1)]).toEqual(['requested', 'halted nobody knows']);
    expect(bench.events.find((event) => event.stage === 'waiting-capacity')?.detail).toBe('halted');
    await put(bench, { kind: 'incident', value: { ...one, isOpen: false } });
    await answered(bench, 1);
    expect(used(bench)).toBe(2);
  });

  it('goes first when the day opens, also after a restart, though it was asked for last', async () => {
    const first = await large(0, 9, { images: [image, newer] });
    await first.activate(1, 1, { image: newer });
    await first.activate(2, 2);
    const one = { reference: 'INC', isOpen: true, firmwareHash: HASH, priority: 1, halts: false, atMs: 0 };
    await put(first, { kind: 'incident', value: one });
    await first.stop();
    const { world, clock, meters } = first;
    const again = await large(1, 9, { world, clock, meters, images: [], settings: { deliveriesMax: 1 } });
    await answered(again, 2);
    expect([stage(again, 1), waitOf(again, 1)]).toEqual(['requested', 'day-full 1']);
  });
});

describe('a start', () => {
  it('is counted once, however often its meter is tried', async () => {
    const bench = await large(5, 5);
    bench.links.unreachable.add(deviceId(1));
    await bench.activate(1, 1);
    for (let tries = 1; tries <= 3; tries += 1) {
      await until(() => bench.links.opened.length === tries && bench.clock.ringing === 1, `try ${tries}`);
      expect(used(bench)).toBe(1);
      bench.clock.turnTo(bench.clock.nowMs() + 2 ** (tries - 1) * 1000);
    }
    await until(() => bench.links.opened.length === 4 && bench.clock.ringing === 1, 'the fourth try');
    bench.links.unreachable.clear();
    bench.clock.turnTo(bench.clock.nowMs() + 8000);
    await answered(bench, 1);
    expect(used(bench)).toBe(1);
  });

  it('is counted once, and the next waits, after a crash at any file operation', async () => {
    const around: Around = { segmentBytes: 16 * 1024 };
    const clean = await large(1, 9, around);
    const before = clean.world.callCount();
    await clean.activate(1, 1);
    await clean.activate(2, 2);
    await answered(clean, 1);
    await idle(clean);
    const calls = clean.world.callCount() - before;
    await clean.stop();
    expect(calls).toBeGreaterThan(8);
    const authorisations = [1, 2].map((n) => authorisationFor(image, deviceId(n), n));
    let struck = 0;
    for (let cut = 1; cut <= calls; cut += 1) {
      const first = await large(1, 9, { ...around, world: memoryFiles({ seed: cut }) });
      first.world.cutCall(cut);
      for (const n of [1, 2])
        await first.activate(n, n, { authorisation: authorisations[n - 1]! }).catch(() => undefined);
      await idle(first);
      if (first.store.failure !== undefined || first.reported.length > 0) struck += 1;
      await first.stop().catch(() => undefined);
      first.world.crash('power');
      const { world, clock, meters } = first;
      const again = await large(1, 9, { ...around, world, clock, meters, images: [] });
      for (const n of [1, 2])
        expect(codeOf(await again.activate(n, n, { authorisation: authorisations[n - 1]! }))).toBe('ok');
      await answered(again, 1);
      await idle(again);
      const started = [...again.store.state.requests.values()].filter(
        (one) => one.srv === '11.3' && one.startedAtMs !== undefined,
      );
      expect([started.length, used(again), waitOf(again, 2)]).toEqual([1, 1, 'day-full 1']);
      toTomorrow(again);
      await answered(again, 2);
      expect([used(again), used(again, today(again) - 1)]).toEqual([1, 1]);
      expect(again.meters.map((meter) => meter.activations)).toEqual([1, 1, 0]);
      await again.stop();
    }
    expect(struck).toBeGreaterThan(0);
  }, 120_000);

  it('is not counted again when the store is opened again, and those who wait keep their order', async () => {
    const first = await large(1, 9);
    for (const n of [3, 2, 1]) await first.activate(n, n);
    await answered(first, 3);
    await first.stop();
    const { world, clock, meters } = first;
    const again = await large(1, 9, { world, clock, meters, images: [] });
    await idle(again);
    expect([used(again), again.releases.capacity.waitingCount]).toEqual([1, 2]);
    for (const [n, rest] of [
      [2, 1],
      [1, 0],
    ] as const) {
      toTomorrow(again);
      await answered(again, n);
      expect([used(again), again.releases.capacity.waitingCount]).toEqual([1, rest]);
    }
  });

  it('opens no day twice when the clock is set back', async () => {
    const clock = movedClock();
    const bench = await large(1, 9, { clock });
    await bench.activate(1, 1);
    await answered(bench, 1);
    await bench.activate(2, 2);
    clock.move(DAY);
    bench.releases.capacity.giveAnew();
    await answered(bench, 2);
    const second = today(bench);
    expect([used(bench, second), used(bench, second - 1)]).toEqual([1, 1]);
    clock.move(-5 * DAY);
    await bench.activate(3, 3);
    await idle(bench);
    expect([stage(bench, 3), used(bench, today(bench))]).toEqual(['requested', 0]);
    expect(bench.releases.capacity.waitOf(requestId(10_003))?.untilMs).toBe(startOfDayMs(second + 1));
    clock.turnTo(clock.nowMs() + 4 * DAY);
    await idle(bench);
    expect(stage(bench, 3)).toBe('requested');
    clock.turnTo(startOfDayMs(second + 1));
    await answered(bench, 3);
    expect(used(bench, second + 1)).toBe(1);
  });
});

describe('waiting', () => {
  it('has an end: a setting, the date of the activation, the end of the authorisation', async () => {
    const bench = await large(0, 9, { settings: { capacityWaitMsMax: 3 * DAY } });
    const nowMs = bench.clock.nowMs();
    await bench.activate(1, 1);
    await bench.activate(2, 2, { executionAtMs: nowMs + HOUR });
    const notAfterS = nowMs / 1000 + 7200;
    await bench.activate(3, 3, { authorisation: authorisationFor(image, deviceId(3), 3, { notAfterS }) });
    bench.clock.turnTo(nowMs + HOUR - 1);
    await idle(bench);
    expect(bench.releases.capacity.waitingCount).toBe(3);
    bench.clock.turnTo(nowMs + HOUR);
    await answered(bench, 2);
    bench.clock.turnTo(nowMs + 2 * HOUR);
    await answered(bench, 3);
    bench.clock.turnTo(nowMs + 3 * DAY - 1);
    await idle(bench);
    expect(bench.releases.capacity.waitingCount).toBe(1);
    bench.clock.turnTo(nowMs + 3 * DAY);
    await answered(bench, 1);
    expect([1, 2, 3].flatMap((n) => entries(bench, n))).toEqual(Array<string>(3).fill('response not-actioned'));
    expect([bench.links.opened, used(bench)]).toEqual([[], 0]);
  });

  it('does not use up the time in which the meter is tried', async () => {
    const bench = await large(1, 9, { settings: { releaseMsMax: HOUR } });
    await bench.activate(1, 1);
    await bench.activate(2, 2);
    await answered(bench, 1);
    bench.links.unreachable.add(deviceId(2));
    toTomorrow(bench);
    await until(() => bench.links.opened.includes(deviceId(2)) && bench.clock.ringing === 1, 'a try');
    expect(entries(bench, 2)).toEqual([]);
    bench.links.unreachable.clear();
    bench.clock.turnTo(bench.clock.nowMs() + 1000);
    await answered(bench, 2);
    expect(entries(bench, 2)).toEqual(['response success']);
  });

  it('is also for the control’s threshold, which a full day goes over', async () => {
    const bench = await large(9, 9, {
      policy: { perHourMax: 1 },
      settings: { retryMsFirst: HOUR / 2, retryMsMax: HOUR / 2 },
    });
    await bench.activate(1, 1);
    await answered(bench, 1);
    await bench.activate(2, 2);
    await until(() => bench.clock.ringing === 1, 'a pause');
    expect([entries(bench, 2), stage(bench, 2), used(bench)]).toEqual([[], 'requested', 1]);
    bench.clock.turnTo(bench.clock.nowMs() + HOUR / 2);
    await until(() => bench.clock.ringing === 1, 'another');
    bench.clock.turnTo(bench.clock.nowMs() + HOUR / 2);
    await answered(bench, 2);
    expect(used(bench)).toBe(2);
  });
});

describe('a journal from before the ledger', () => {
  it('opens; what it forwards goes on and is not counted', async () => {
    const first = await large(9, 9);
    first.links.unreachable.add(deviceId(1));
    await first.activate(1, 1);
    await until(() => stage(first, 1) === 'forwarding' && first.clock.ringing === 1, 'forwarding');
    await first.store.transact((state) => {
      const release = state.pending.get(requestId(10_001));
      if (release === undefined) throw new Error('no release');
      const { startedAtMs: _, ...old } = release;
      const key = today(first);
      return {
        changes: [
          { kind: 'request', value: old },
          { kind: 'ledger-remove', value: { what: 'starts', key } },
        ],
        value: undefined,
      };
    });
    await first.stop();
    const { world, clock, meters } = first;
    const again = await large(9, 9, { world, clock, meters, images: [] });
    await answered(again, 1);
    expect([entries(again, 1), used(again)]).toEqual([['response success'], 0]);
  });
});

/** A clock that can be set. */
function movedClock(): TurnedClock & { readonly move: (byMs: number) => void } {
  const clock = turnedClock();
  let movedMs = 0;
  return {
    nowMs: () => clock.nowMs() + movedMs,
    at: (atMs, act) => clock.at(atMs - movedMs, act),
    turnTo: (atMs) => clock.turnTo(atMs - movedMs),
    get ringing() {
      return clock.ringing;
    },
    move: (byMs) => {
      movedMs += byMs;
    },
  };
}
