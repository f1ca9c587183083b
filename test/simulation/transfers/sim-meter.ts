/** A meter as a transfer world holds it: frames and times in, frames out; and what the world may look at to judge it. */
import type { Made } from './images.js';

/** Broken promises, by what they break. Whoever finds one says which invariant it is. */
export type Complain = (invariant: string, detail: string) => void;

export interface SimMeter {
  /** Undefined when power was lost meanwhile: the meter has started again by then, and what it would have said is lost. */
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] | undefined;
  tick(nowMs: number): readonly Uint8Array[] | undefined;
  wakeAtMs(): number;
  /** From now on power stays. */
  endFaults(): void;
  /** What runs, octet for octet compared with the image of that name; `undefined` when it is none of them. */
  runs(): Made['name'] | undefined;
  /** Whether what runs is confirmed: not on trial, not a fallback. */
  isConfirmed(nowMs: number): boolean;
  /** Name of the image that is held whole and sealed. */
  holdsSealed(nowMs: number): Made['name'] | undefined;
  /** Octets of everything that survives a power cut, for comparing two runs. */
  survivingOctets(): readonly Uint8Array[];
  readonly struck: MeterStruck;
}

export interface MeterStruck {
  cuts: number;
  tornPrograms: number;
  trials: number;
  reverted: number;
  resumed: number;
  /** Cuts after which less was held, because another image was about to replace it. */
  replaced: number;
  /** The same, because the neighbours of a torn program were given up. */
  givenUp: number;
}

export function nothingStruck(): MeterStruck {
  return { cuts: 0, tornPrograms: 0, trials: 0, reverted: 0, resumed: 0, replaced: 0, givenUp: 0 };
}
