/** Requests that are repeated until they are answered (SPEC.md §10.2). */
import {
  BUSY_MS_MAX,
  BUSY_POLL_MS_MIN,
  FRAME_PAYLOAD_BYTES_MAX,
  OUTCOME_BYTES,
  REQUEST_RETRY_MS,
  REQUEST_RETRY_MS_MAX,
  SESSIONS_IN_VAIN_MAX,
} from '../limits.js';
import { DATA_OVERHEAD_BYTES } from '../frame/frame.js';
import { encodeHostPayload, type HostMessage } from '../message/host-messages.js';
import type {
  FailureReason,
  PendingRequest,
  SenderEffect,
  SenderEvent,
  SenderResult,
  SenderState,
  SenderStep,
} from './sender-types.js';

export function to(state: SenderState, ...effects: readonly SenderEffect[]): SenderStep {
  return { state, effects };
}

export function event(what: SenderEvent): SenderEffect {
  return { kind: 'event', event: what };
}

export function sendOne(sessionTag: number, sequence: number, message: HostMessage): SenderEffect {
  return { kind: 'send', envelope: { sessionTag, sequence, message } };
}

/** Sends a request and waits for its answer. */
export function ask(
  state: SenderState,
  message: PendingRequest['message'],
  sessionTag: number,
  nowMs: number,
  ...before: readonly SenderEffect[]
): SenderStep {
  const exchangeMs = exchangeMsOf(state, message);
  const request: PendingRequest = {
    message,
    sessionTag,
    sequence: state.nextRequest,
    askedAtMs: nowMs,
    exchangeMs,
    nextAtMs: nowMs + REQUEST_RETRY_MS + exchangeMs,
    intervalMs: REQUEST_RETRY_MS,
  };
  const asking: SenderState = { ...state, nextRequest: state.nextRequest + 1, phase: { kind: 'asking', request } };
  return to(asking, ...before, sendOne(sessionTag, request.sequence, message));
}

/** On a paced line: what the request and the longest answer take on it. Patience begins when they can have come through. */
function exchangeMsOf(state: SenderState, message: HostMessage): number {
  const { octetsPerSecond } = state.plan;
  if (octetsPerSecond === undefined) return 0;
  return ((encodeHostPayload(message).length + OUTCOME_BYTES + 2 * DATA_OVERHEAD_BYTES) * 1000) / octetsPerSecond;
}

/** The request again, if its time has come. */
export function askAgain(state: SenderState, request: PendingRequest, nowMs: number): SenderStep {
  if (nowMs < request.nextAtMs) return to(state);
  const intervalMs = Math.min(2 * request.intervalMs, REQUEST_RETRY_MS_MAX);
  const later: PendingRequest = { ...request, intervalMs, nextAtMs: nowMs + intervalMs + request.exchangeMs };
  return to(reasked(state, later), sendOne(request.sessionTag, request.sequence, request.message));
}

/** When no BUSY and no other word keeps the request alive any longer. */
export function requestEndsAtMs(request: PendingRequest): number {
  return request.askedAtMs + request.exchangeMs + BUSY_MS_MAX;
}

export function unanswered(state: SenderState, request: PendingRequest): SenderStep {
  return fail(state, 'interrupted', `${request.message.kind} had no answer in ${BUSY_MS_MAX} ms`);
}

/** BUSY: a sign of life; the request waits as long as the meter thinks it needs. */
export function postpone(state: SenderState, request: PendingRequest, etaMs: number, nowMs: number): SenderState {
  const waitMs = Math.min(Math.max(etaMs, BUSY_POLL_MS_MIN), REQUEST_RETRY_MS_MAX);
  const later: PendingRequest = { ...request, intervalMs: REQUEST_RETRY_MS, nextAtMs: nowMs + waitMs };
  return reasked(state, later);
}

/** The state with its request replaced; a map that is being gathered stays. */
function reasked(state: SenderState, request: PendingRequest): SenderState {
  return { ...state, phase: state.phase.kind === 'asking' ? { ...state.phase, request } : { kind: 'asking', request } };
}

/** Eight octets that no other request of this run has. */
export function nonceOf(state: SenderState): Uint8Array {
  const nonce = new Uint8Array(state.plan.random);
  nonce[6]! ^= (state.nextRequest >> 8) & 0xff;
  nonce[7]! ^= state.nextRequest & 0xff;
  return nonce;
}

export function end(state: SenderState, result: SenderResult, ...effects: readonly SenderEffect[]): SenderStep {
  return to({ ...state, phase: { kind: 'ended', result } }, ...effects);
}

export function fail(state: SenderState, reason: FailureReason, detail: string): SenderStep {
  return end(state, { kind: 'failed', reason, detail });
}

export function failRefused(state: SenderState, code: number, detail: number): SenderStep {
  return end(state, {
    kind: 'failed',
    reason: 'refused',
    refusal: { code, detail },
    detail: `the meter refused with code ${code}`,
  });
}

/** After a session was lost: once more, but not for ever when nothing comes of it. */
export function greetAgain(state: SenderState, nowMs: number): SenderStep {
  if (state.inVain >= SESSIONS_IN_VAIN_MAX)
    return fail(state, 'interrupted', `${state.inVain} sessions in a row came to nothing`);
  return greet({ ...state, inVain: state.inVain + 1 }, nowMs);
}

/** Only more durable blocks than ever before are progress: a meter that loses what it had must not keep us for ever. */
export function withProgress(state: SenderState, durableBlocks: number): SenderState {
  return durableBlocks > state.durableBest ? { ...state, durableBest: durableBlocks, inVain: 0 } : state;
}

/** On a new link, and after a session was lost: who is there? */
export function greet(state: SenderState, nowMs: number): SenderStep {
  return ask(
    state,
    { kind: 'hello', minor: 0, frameBytesMax: FRAME_PAYLOAD_BYTES_MAX, nonce: nonceOf(state) },
    0,
    nowMs,
  );
}
