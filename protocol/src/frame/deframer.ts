/** Cuts an octet stream at its zeros. Finds its feet after noise at the next zero, and holds no more than one frame. */
import { concat } from '../layout/octets.js';
import { ENCODED_FRAME_BYTES_MAX } from '../limits.js';
import { cobsDecode } from './cobs.js';

export interface DeframerState {
  readonly pending: Uint8Array;
  /** True while an overlong run is skipped up to its zero. */
  readonly skipping: boolean;
}

export interface Deframed {
  readonly state: DeframerState;
  /** Decoded frames, CRCs not yet looked at. */
  readonly frames: readonly Uint8Array[];
  /** Runs that were no COBS or too long. */
  readonly spoiltCount: number;
}

export const DEFRAMER_START: DeframerState = { pending: new Uint8Array(0), skipping: false };

export function deframe(state: DeframerState, chunk: Uint8Array): Deframed {
  const frames: Uint8Array[] = [];
  let spoiltCount = 0;
  let { pending, skipping } = state;
  let from = 0;
  while (from < chunk.length) {
    const zero = chunk.indexOf(0, from);
    const run = chunk.subarray(from, zero < 0 ? chunk.length : zero);
    from += run.length + 1;
    if (!skipping && pending.length + run.length > ENCODED_FRAME_BYTES_MAX) {
      skipping = true;
      spoiltCount++;
    }
    if (zero < 0) {
      pending = skipping ? DEFRAMER_START.pending : concat(pending, run);
      break;
    }
    const encoded = pending.length === 0 ? run : concat(pending, run);
    pending = DEFRAMER_START.pending;
    if (!skipping && encoded.length > 0) {
      const frame = cobsDecode(encoded);
      if (frame === undefined) spoiltCount++;
      else frames.push(frame);
    }
    skipping = false;
  }
  return { state: { pending, skipping }, frames, spoiltCount };
}
