/** Luck of a case: the stream that a seed and a label name. */
import { createWorld, type Random } from '@smets1/host';

export function seededRandom(seed: number, label: string): Random {
  return createWorld({ seed }).random(label);
}
