import { WAKE_MS_MAX } from './limits.js';

/** Time as this package sees it: tests turn it by hand. Links keep time of their own. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Calls `act` once, at `atMs` or as soon after it as can be, never within this call; returns how to call it off. */
  at(atMs: number, act: () => void): () => void;
}

export function realClock(): Clock {
  return {
    nowMs: () => Date.now(),
    at(atMs, act) {
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const waitMs = Math.max(0, atMs - Date.now());
        // A timer knows nothing of a wall clock that is set meanwhile: look again on the way.
        timer = setTimeout(() => (Date.now() >= atMs ? act() : arm()), Math.min(waitMs, WAKE_MS_MAX));
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}
