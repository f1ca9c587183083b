/**
 * A register that survives a reset and not a power cut, as processors have for the cause of a reset: which image crashed, and how often in a row.
 * An image that does nothing but crash is not started again. Of a trial boot counts the starts itself, in flash; but with nothing to go back to it
 * would start that image for ever, where recovery could take a better one.
 */
import { TRIAL_STARTS_MAX } from '@smets1/protocol';
import { CRASHES_MAX } from '../limits.js';
import { sameOctets } from '../octets.js';

export class CrashRegister {
  #crashing: { readonly imageHash: Uint8Array; readonly count: number } | undefined;
  #distrusted: readonly Uint8Array[] = [];

  /**
   * An image was reset by its own fault.
   *
   * @param trialStarts - Starts that boot has counted, if it was on trial.
   */
  crashed(imageHash: Uint8Array, trialStarts: number | undefined): void {
    const before = this.#crashing;
    const count = before !== undefined && sameOctets(before.imageHash, imageHash) ? before.count + 1 : 1;
    this.#crashing = { imageHash, count };
    // A trial at its limit has been ended by boot before the next start, unless there was no way back.
    const isOver =
      trialStarts === undefined ? count >= CRASHES_MAX : trialStarts >= TRIAL_STARTS_MAX && count > CRASHES_MAX;
    if (isOver) this.#distrusted = [...this.#distrusted, imageHash];
  }

  /** A restart that was meant: whatever is about to run has its chance. */
  clear(): void {
    this.#crashing = undefined;
    this.#distrusted = [];
  }

  trusts(imageHash: Uint8Array): boolean {
    return !this.#distrusted.some((hash) => sameOctets(hash, imageHash));
  }
}
