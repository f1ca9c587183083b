/** A door at which octets of others come in. */
import type { Random } from '@smets1/host';

export interface Target {
  readonly name: string;
  /** Inputs to begin with. */
  readonly seeds: readonly Uint8Array[];
  readonly bytesMax: number;
  /** Inputs in a row: fewer where each starts a meter. */
  readonly shotsABatch: number;
  /** Makes an input deeper: lengths and CRCs right again. In place or a new one. */
  readonly repair?: (octets: Uint8Array, random: Random) => Uint8Array;
  /** Forgets what earlier inputs did. */
  reset?(): void;
  /** What came of it, in few words; for inputs that were not seen before the words are new. @throws Only what is a failure. */
  shoot(octets: Uint8Array, random: Random): string;
}

/** Inputs of a batch where each is cheap, and where each starts a meter. */
export const SHOTS_MANY = 2_000;
export const SHOTS_FEW = 100;
