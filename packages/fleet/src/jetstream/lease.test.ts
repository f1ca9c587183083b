/** Goal: a worker never believes that it has a job when the queue may have given it to somebody else. Time is turned by hand. */
import type { TimePort } from '@smets1/host';
import { describe, expect, it } from 'vitest';
import { Lease } from './lease.js';
import { testJob, testKeys, testPackage } from './test-jobs.test-support.js';
import type { Delivery } from './work-ports.js';

const LEASE_MS = 1_000;
const keys = testKeys();
const job = testJob(keys, testPackage(keys, 2, 1_000));

/** Timers ring only when told to: a busy or a stopped process. */
function handTime(): TimePort & { nowMs: () => number; advance: (ms: number) => void; ring: () => void } {
  let nowMs = 5_000;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    nowMs: () => nowMs,
    after: (delayMs, run) => {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      nowMs += ms;
    },
    ring: () => {
      for (const timer of [...timers].toSorted((one, other) => one.atMs - other.atMs)) {
        if (timer.atMs > nowMs || !timers.delete(timer)) continue;
        timer.run();
      }
    },
  };
}

interface Held {
  readonly lease: Lease;
  readonly time: ReturnType<typeof handTime>;
  extended: number;
  answers: 'yes' | 'no' | 'never';
  isOurs: boolean;
  readonly settle: () => Promise<void>;
}

function held(): Held {
  const time = handTime();
  const delivery: Delivery = {
    job,
    round: 0,
    attempt: 1,
    leaseMs: LEASE_MS,
    extend: async () => {
      state.extended += 1;
      if (state.answers === 'no') throw new Error('the line is cut');
      await (state.answers === 'never' ? new Promise(() => undefined) : Promise.resolve());
    },
    done: async () => await Promise.resolve(),
    later: () => undefined,
  };
  const state: Held = {
    time,
    extended: 0,
    answers: 'yes',
    isOurs: true,
    lease: new Lease(delivery, time, async () => await Promise.resolve(state.isOurs)),
    settle: async () => await new Promise((resolve) => setImmediate(resolve)),
  };
  return state;
}

async function pass(state: Held, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    state.time.advance(50);
    state.time.ring();
    await state.settle();
  }
}

describe('a lease', () => {
  it('lasts as long as its renewals are answered', async () => {
    const state = held();
    await state.lease.begin();
    await pass(state, 10 * LEASE_MS);
    expect(state.lease.isLost).toBe(false);
    expect(state.extended).toBeGreaterThan(30);
    state.lease.end();
  });

  it.each(['no', 'never'] as const)('is lost before the queue ends it when the answer is %s', async (answers) => {
    const state = held();
    await state.lease.begin();
    state.answers = answers;
    await pass(state, LEASE_MS * 0.7);
    expect(state.lease.isLost).toBe(false);
    await pass(state, LEASE_MS * 0.1);
    expect(state.lease.lost.aborted).toBe(true);
  });

  it('goes on when an answer comes again in time', async () => {
    const state = held();
    await state.lease.begin();
    state.answers = 'no';
    await pass(state, LEASE_MS / 2);
    state.answers = 'yes';
    await pass(state, LEASE_MS * 3);
    expect(state.lease.isLost).toBe(false);
    state.lease.end();
  });

  it('is lost as soon as the record names somebody else', async () => {
    const state = held();
    await state.lease.begin();
    state.isOurs = false;
    await pass(state, LEASE_MS / 4 + 50);
    expect(state.lease.lost.aborted).toBe(true);
  });

  it('is over for a process that was stopped for longer, before it can be renewed', async () => {
    const state = held();
    await state.lease.begin();
    state.time.advance(LEASE_MS);
    const { extended } = state;
    state.time.ring(); // the renewal first, which has been due for longest
    await state.settle();
    expect(state.extended).toBe(extended); // it does not take the job back from whoever has it by then
    expect(state.lease.isLost).toBe(true);
  });

  it('counts from when its renewal was asked for, not from when the answer came', async () => {
    const state = held();
    const beginning = state.lease.begin();
    state.time.advance(LEASE_MS * 0.8); // the answer took so long
    await beginning;
    expect(state.lease.isLost).toBe(true);
  });

  it('says nothing more once it has ended', async () => {
    const state = held();
    await state.lease.begin();
    state.lease.end();
    await pass(state, 5 * LEASE_MS);
    expect(state.extended).toBe(1);
    expect(state.lease.lost.aborted).toBe(false);
  });
});
