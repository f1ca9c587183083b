import { MINUTE_S } from '../limits.js';
import type { SupplyCause, SupplyState } from './meter-types.js';
import type { LoadLimit } from './settings.js';

/** Energy flows while it is enabled; armed, it waits for the consumer's button. */
export interface LoadSwitch {
  readonly supply: SupplyState;
  readonly cause: SupplyCause;
  /** Minutes in a row with too much power. */
  readonly overMinutes: number;
  /** Load limiting events so far. */
  readonly limitCounter: number;
  /** When a supply that was limited is enabled again; 0: it was not. */
  readonly restoreAtS: number;
}

export const NEW_LOAD_SWITCH: LoadSwitch = {
  supply: 'enabled',
  cause: 'factory',
  overMinutes: 0,
  limitCounter: 0,
  restoreAtS: 0,
};

/** The switch moves; a limit that was running ends. */
export function moved(loadSwitch: LoadSwitch, supply: SupplyState, cause: SupplyCause): LoadSwitch {
  return { ...loadSwitch, supply, cause, overMinutes: 0, restoreAtS: 0 };
}

/** What load limiting makes of a minute. */
export interface Limited {
  readonly loadSwitch: LoadSwitch;
  readonly event: 'none' | 'limited' | 'restored';
}

/** Judges the minute that ends at `timeS`, in which the mean power was `meanW`. */
export function limitLoad(loadSwitch: LoadSwitch, limit: LoadLimit, meanW: number, timeS: number): Limited {
  if (loadSwitch.restoreAtS > 0 && timeS >= loadSwitch.restoreAtS) {
    return { loadSwitch: moved(loadSwitch, 'enabled', 'load-limit'), event: 'restored' };
  }
  const isOver = limit.thresholdW > 0 && loadSwitch.supply === 'enabled' && meanW > limit.thresholdW;
  if (!isOver)
    return { loadSwitch: loadSwitch.overMinutes === 0 ? loadSwitch : { ...loadSwitch, overMinutes: 0 }, event: 'none' };
  const overMinutes = loadSwitch.overMinutes + 1;
  if (overMinutes * MINUTE_S < limit.periodS) return { loadSwitch: { ...loadSwitch, overMinutes }, event: 'none' };
  const counted = { ...loadSwitch, overMinutes: 0, limitCounter: loadSwitch.limitCounter + 1 };
  if (!limit.interrupts) return { loadSwitch: counted, event: 'limited' };
  // Disabled, and armed at once: the consumer may enable it before the restoration does.
  return {
    loadSwitch: { ...moved(counted, 'armed', 'load-limit'), restoreAtS: timeS + limit.restorationS },
    event: 'limited',
  };
}
