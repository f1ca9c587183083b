/** Short answers that every state of the receiver gives. */
import type { Phase } from '../message/meter-messages.js';
import type { BusyCause, MeterMessage } from '../message/meter-messages.js';
import { HASH_BYTES, REFUSE_INTERVAL_MS } from '../limits.js';
import { REFUSAL_CODES, type Refusal } from '../refusal.js';
import { isComplete } from '../staging/staging.js';
import { BUSY_ETA_MS, type ReceiverEffect, type ReceiverState, type ReceiverStep } from './receiver-types.js';

export function to(state: ReceiverState, ...effects: readonly ReceiverEffect[]): ReceiverStep {
  return { state, effects };
}

export function send(
  state: ReceiverState,
  sequence: number,
  message: MeterMessage,
  sessionTag?: number,
): ReceiverEffect {
  return { kind: 'send', envelope: { sessionTag: sessionTag ?? state.session?.tag ?? 0, sequence, message } };
}

export function refuse(
  state: ReceiverState,
  sequence: number,
  requestType: number,
  refusal: Refusal,
  detail = 0,
): ReceiverEffect {
  return send(state, sequence, { kind: 'refuse', code: REFUSAL_CODES[refusal], requestType, detail });
}

/** For refusals that a babbling line could provoke without end: at most one in {@link REFUSE_INTERVAL_MS}. */
export function refuseSparingly(
  state: ReceiverState,
  nowMs: number,
  about: { readonly sessionTag: number; readonly sequence: number; readonly requestType: number },
  refusal: Refusal,
): ReceiverStep {
  if (state.refusedAtMs !== undefined && nowMs - state.refusedAtMs < REFUSE_INTERVAL_MS) return to(state);
  const message = { kind: 'refuse', code: REFUSAL_CODES[refusal], requestType: about.requestType, detail: 0 } as const;
  return to({ ...state, refusedAtMs: nowMs }, send(state, about.sequence, message, about.sessionTag));
}

export function busy(state: ReceiverState, sequence: number, cause: BusyCause): ReceiverEffect {
  return send(state, sequence, { kind: 'busy', cause, etaMs: BUSY_ETA_MS[cause] });
}

export function phaseOf(state: ReceiverState): Phase {
  if (state.device.mode === 'trial') return 'trial';
  if (state.device.mode === 'recovery') return 'recovery';
  if (state.activity.kind === 'activating') return 'activating';
  if (state.held === undefined) return 'empty';
  if (state.held.sealed) return 'sealed';
  return isComplete(state.held) ? 'complete' : 'receiving';
}

export function stateReport(state: ReceiverState, sequence: number): ReceiverEffect {
  return send(state, sequence, {
    kind: 'state',
    phase: phaseOf(state),
    durableCount: state.held?.map.durableCount ?? 0,
    blockCount: state.held?.map.blockCount ?? 0,
    manifestDigest: state.held?.manifestDigest ?? new Uint8Array(HASH_BYTES),
    bootEpoch: state.device.bootEpoch,
    runningVersion: state.device.runningVersion,
  });
}

/** Why the receiver cannot take up something new just now, if so. */
export function busyCause(state: ReceiverState): BusyCause | undefined {
  switch (state.activity.kind) {
    case 'checking':
    case 'sealing':
      return 'checking';
    case 'preparing':
      return 'erasing';
    case 'activating':
      return 'activating';
    case 'idle':
      return undefined;
  }
}
