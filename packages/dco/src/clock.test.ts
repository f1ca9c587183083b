/** Goal: what is due is done within a minute of its time, whatever happens to the wall clock meanwhile. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { realClock } from './clock.js';

const DAY_MS = 24 * 3_600_000;
afterEach(() => void vi.useRealTimers());

describe('the clock of the machine', () => {
  it('notices within a minute that it was set forward, and waits again when it was set back', () => {
    vi.useFakeTimers({ now: 0 });
    const rung: number[] = [];
    realClock().at(DAY_MS, () => rung.push(Date.now()));
    vi.setSystemTime(DAY_MS + 1);
    vi.advanceTimersByTime(60_000);
    expect(rung).toHaveLength(1);

    realClock().at(3 * DAY_MS, () => rung.push(Date.now()));
    vi.setSystemTime(0);
    vi.advanceTimersByTime(3 * DAY_MS - 1);
    expect(rung).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(rung).toHaveLength(2);
  });

  it('is not heard of any more once it was called off', () => {
    vi.useFakeTimers({ now: 0 });
    let rung = 0;
    const cancel = realClock().at(5 * 60_000, () => (rung += 1));
    vi.advanceTimersByTime(2 * 60_000);
    cancel();
    vi.advanceTimersByTime(DAY_MS);
    expect(rung).toBe(0);
  });
});
