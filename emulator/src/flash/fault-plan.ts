/**
 * A power cut to come.
 *
 * - `before`: the operation does nothing.
 * - `during`: a prefix of the operation is done.
 * - `after`: the operation is done; whoever asked for it never hears so.
 */
export interface FaultPlan {
  /** The operation that loses power, 1 for the next one after the plan was armed. */
  readonly cutAt: number;
  readonly phase: 'before' | 'during' | 'after';
  /** Octets of the operation that are still done when it is cut `during`; from `seed` when absent. */
  readonly torn?: number;
  /** How a torn operation looks. */
  readonly mode?: 'prefix';
  readonly seed?: number;
}

/** Octets of a cut operation that still happen, 0 to `lengthBytes`. */
export function tornBytes(plan: FaultPlan, lengthBytes: number): number {
  if (plan.torn !== undefined) return Math.min(Math.max(plan.torn, 0), lengthBytes);
  // One round of a 32-bit mix: the same plan tears the same way in every replay.
  let mixed = ((plan.seed ?? 0) ^ Math.imul(plan.cutAt, 0x9e37_79b1)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b) >>> 0;
  mixed = (mixed ^ (mixed >>> 13)) >>> 0;
  return mixed % (lengthBytes + 1);
}
