/** What a power cut does to the operation it falls into, and how that is written down in the name of a case. */
import { PowerLost, type FaultPlan, type FlashOperation, type NorFlash } from '@smets1/emulator';
import { perform } from './operation.js';

/** A fault plan without its operation, which is the one at hand. */
export type Strike = Omit<FaultPlan, 'cutAt'>;

/** The power goes before the operation: nothing of it is done. */
export const BEFORE: Strike = { phase: 'before' };
/** Done, but nobody hears of it. */
export const AFTER: Strike = { phase: 'after' };

/** The first octets are done. */
export function prefix(torn: number, more: Pick<Strike, 'weak' | 'neighbour' | 'seed'> = {}): Strike {
  return { phase: 'during', torn, mode: 'prefix', ...more };
}

/** A seeded part of the bits is done, after the first `torn` octets. */
export function bits(seed: number, more: Pick<Strike, 'weak' | 'neighbour' | 'torn'> = {}): Strike {
  return { phase: 'during', mode: 'bits', seed, ...more };
}

/** `b`, `a`, `p17`, `p17w`, `p17n`, `x5`, `x5w`, `x5p17`: before, after, prefix of 17, weak, neighbour, bits of seed 5. */
export function nameOfStrike(strike: Strike): string {
  const { phase, mode, torn, seed, weak, neighbour } = strike;
  if (phase !== 'during') return phase === 'before' ? 'b' : 'a';
  return [
    mode === 'bits' || seed !== undefined ? `x${seed ?? 0}${mode === 'bits' ? '' : 's'}` : '',
    torn === undefined ? '' : `p${torn}`,
    weak === true ? 'w' : '',
    neighbour === true ? 'n' : '',
  ].join('');
}

export function strikeOfName(name: string): Strike | undefined {
  if (name === 'b') return BEFORE;
  if (name === 'a') return AFTER;
  const match = /^(?:x(\d+)(s)?)?(?:p(\d+))?(w)?(n)?$/.exec(name);
  if (match === null || name === '') return undefined;
  const [, seed, seededPrefix, torn, weak, neighbour] = match;
  return {
    phase: 'during',
    mode: seed !== undefined && seededPrefix === undefined ? 'bits' : 'prefix',
    ...(torn !== undefined && { torn: Number(torn) }),
    ...(seed !== undefined && { seed: Number(seed) }),
    ...(weak !== undefined && { weak: true }),
    ...(neighbour !== undefined && { neighbour: true }),
  };
}

/** A flash of its own on which the cut has happened, powered again. */
export function struck(flash: NorFlash, operation: FlashOperation, strike: Strike): NorFlash {
  const world = flash.fork();
  if (strike.phase === 'before') return world;
  world.arm({ ...strike, cutAt: 1 });
  try {
    perform(world, operation);
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error;
    world.powerOn();
    return world;
  }
  throw new Error(`the power did not go at the operation it was to go at (${nameOfStrike(strike)})`);
}
