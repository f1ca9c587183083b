/** Time and randomness as ports: the real ones, and what a simulated world puts in their place. */
import { randomBytes } from 'node:crypto';
import { TIMER_MS_MAX } from '../limits.js';

export interface TimePort {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  nowMs(): number;
  /** Calls `run` once, `delayMs` or more from now, unless the function that it gives back is called first. */
  after(delayMs: number, run: () => void): () => void;
}

export interface RandomPort {
  octets(count: number): Uint8Array;
}

export function nodeTime(): TimePort {
  return {
    nowMs: () => performance.now(),
    after(delayMs, run) {
      // Rounded up: a timer that rings early finds nothing to do and has to be set again.
      const timer = setTimeout(run, Math.min(Math.ceil(Math.max(0, delayMs)), TIMER_MS_MAX));
      return () => clearTimeout(timer);
    },
  };
}

/** For keys and nonces: the system's own. */
export function nodeRandom(): RandomPort {
  return { octets: (count) => new Uint8Array(randomBytes(count)) };
}
