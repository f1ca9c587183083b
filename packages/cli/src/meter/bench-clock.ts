/** The time of a bench: that of the machine, or one that stands still until it is told to go on. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createWorld, nodeTime, worldTime, type TimePort } from '@smets1/host';
import { CliError } from '../errors.js';
import { CLOCK_ADVANCE_MS_MAX, CLOCK_EVENTS_AT_ONCE_MAX, VIRTUAL_START_S } from '../limits.js';

export interface BenchClock {
  readonly kind: 'wall' | 'virtual';
  /** Milliseconds since some moment; on a virtual clock, since the bench was started. */
  readonly time: TimePort;
  /** Seconds since 1970 (UTC) at machine time 0. */
  readonly epochS: number;
  /**
   * Lets time pass, with everything that is due in it. Resolves when it has passed.
   *
   * @throws {@link CliError} `wrong-clock` on a wall clock; `usage` for no time at all, or more than {@link CLOCK_ADVANCE_MS_MAX}
   */
  advance(ms: number): Promise<void>;
}

/** Seconds since 1970, now. */
export function nowS(clock: BenchClock): number {
  return clock.epochS + clock.time.nowMs() / 1000;
}

/** The time that everybody has. */
export function wallClock(): BenchClock {
  const time = nodeTime();
  return {
    kind: 'wall',
    time,
    epochS: (Date.now() - time.nowMs()) / 1000,
    advance: async () =>
      await Promise.reject(
        new CliError(
          'wrong-clock',
          'this bench runs on the wall clock, which nobody moves; start it with --clock virtual',
        ),
      ),
  };
}

/** Time that passes only in {@link BenchClock.advance}: the same calls lead to the same history. */
export function virtualClock(startS: number = VIRTUAL_START_S): BenchClock {
  const world = createWorld({ seed: 0 });
  return {
    kind: 'virtual',
    time: worldTime(world),
    epochS: startS,
    async advance(ms) {
      if (!(Number.isFinite(ms) && ms > 0 && ms <= CLOCK_ADVANCE_MS_MAX)) {
        throw new CliError(
          'usage',
          `a clock is advanced by more than 0 and at most ${CLOCK_ADVANCE_MS_MAX} ms at a time`,
        );
      }
      const untilMs = world.now() + ms;
      // In turns with the links, which live on real time: a long advance must not make the bench deaf.
      while (world.run({ untilMs, maxEvents: CLOCK_EVENTS_AT_ONCE_MAX }).ended === 'events') {
        // eslint-disable-next-line no-await-in-loop -- that is the point
        await nextTurn();
      }
    },
  };
}
