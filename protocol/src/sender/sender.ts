/**
 * The host's side of the conversation: find the meter, offer, fill the holes, seal, activate, believe only what is signed (SPEC.md §10).
 * Every step is idempotent at the meter, so whatever is lost is said again, and a new link begins with HELLO.
 */
import { KEEPALIVE_MS, SILENCE_MS_MAX } from '../limits.js';
import { equalOctets, toHex } from '../layout/octets.js';
import type { Received } from '../message/envelope.js';
import type { MeterHello, MeterMessage } from '../message/meter-messages.js';
import { refusalOf } from '../refusal.js';
import {
  ask,
  askAgain,
  event,
  fail,
  failRefused,
  greet,
  greetAgain,
  nonceOf,
  postpone,
  requestEndsAtMs,
  to,
  unanswered,
} from './asking.js';
import { onOutcomeChecked } from './outcome.js';
import {
  afterSealed,
  onAccept,
  onMap,
  onTransferMessage,
  onTransferTick,
  stalled,
  transferDeadlineMs,
  transferEndsAtMs,
} from './sending.js';
import type { PendingRequest, SenderInput, SenderPlan, SenderState, SenderStep } from './sender-types.js';

export function startSender(plan: SenderPlan, nowMs: number): SenderState {
  return {
    plan,
    phase: { kind: 'waiting-for-link' },
    milestone: 'start',
    meter: undefined,
    heardAtMs: nowMs,
    nextRequest: 1,
    durableBest: 0,
    inVain: 0,
    stats: {
      sentBytes: 0,
      dataFrames: 0,
      lostFrames: 0,
      sessions: 0,
      resumedFromBlocks: 0,
      resumedFromBytes: 0,
      discardedBytes: 0,
      durableBytes: 0,
    },
  };
}

/** Next state and what the host must do. Total: no octets of a peer make it throw. */
export function stepSender(state: SenderState, input: SenderInput, nowMs: number): SenderStep {
  return inTime(stepFreely(state, input, nowMs), nowMs);
}

/** Patience ends at whatever comes, not only in a tick: a meter that speaks without end puts every tick off. */
function inTime(step: SenderStep, nowMs: number): SenderStep {
  const ended = overdue(step.state, nowMs);
  return ended === undefined
    ? step
    : to(ended.state, ...step.effects.filter(({ kind }) => kind === 'event'), ...ended.effects);
}

function overdue(state: SenderState, nowMs: number): SenderStep | undefined {
  const { phase } = state;
  switch (phase.kind) {
    case 'asking':
      return nowMs >= requestEndsAtMs(phase.request) ? unanswered(state, phase.request) : undefined;
    case 'sending':
      return nowMs >= transferEndsAtMs(state, phase.transfer) ? stalled(state, phase.transfer) : undefined;
    case 'waiting-for-link':
    case 'checking':
    case 'ended':
      return undefined;
  }
}

function stepFreely(state: SenderState, input: SenderInput, nowMs: number): SenderStep {
  if (state.phase.kind === 'ended') return to(state);
  switch (input.kind) {
    case 'link-up':
      return greet({ ...state, heardAtMs: nowMs }, nowMs);
    case 'link-down':
      return to({ ...state, phase: { kind: 'waiting-for-link' } });
    case 'give-up':
      return fail(state, state.meter === undefined ? 'no-answer' : 'interrupted', input.detail);
    case 'heard':
      return onHeard(state, input.received, nowMs);
    case 'outcome-checked':
      return state.phase.kind === 'checking' ? onOutcomeChecked(state, state.phase.request, input, nowMs) : to(state);
    case 'tick':
      return onTick(state, nowMs);
  }
}

/** When the host owes a `tick`; undefined while nothing waits. */
export function wakeSenderAtMs(state: SenderState): number | undefined {
  switch (state.phase.kind) {
    case 'asking':
      return Math.min(state.phase.request.nextAtMs, deadAtMs(state), requestEndsAtMs(state.phase.request));
    case 'sending':
      return Math.min(
        transferDeadlineMs(state.phase.transfer),
        deadAtMs(state),
        keepaliveAtMs(state),
        transferEndsAtMs(state, state.phase.transfer),
      );
    case 'waiting-for-link':
    case 'checking':
    case 'ended':
      return undefined;
  }
}

function onTick(state: SenderState, nowMs: number): SenderStep {
  const { phase } = state;
  if (phase.kind !== 'asking' && phase.kind !== 'sending') return to(state);
  if (nowMs >= deadAtMs(state)) {
    const reason = state.meter === undefined ? 'no-answer' : 'interrupted';
    return fail(state, reason, `nothing was heard for ${SILENCE_MS_MAX} ms`);
  }
  if (phase.kind === 'sending') return onTransferTick(state, phase.transfer, nowMs >= keepaliveAtMs(state), nowMs);
  return askAgain(state, phase.request, nowMs);
}

function deadAtMs({ phase, heardAtMs }: SenderState): number {
  return heardAtMs + SILENCE_MS_MAX + (phase.kind === 'asking' ? phase.request.exchangeMs : 0);
}

function keepaliveAtMs(state: SenderState): number {
  if (state.phase.kind !== 'sending') return Infinity;
  const { probes, ackDelayMs } = state.phase.transfer;
  return Math.max(state.heardAtMs, probes.at(-1)?.sentAtMs ?? 0) + KEEPALIVE_MS + ackDelayMs;
}

function onHeard(state: SenderState, received: Received<MeterMessage>, nowMs: number): SenderStep {
  if (received.kind !== 'message') return to(state);
  const { message, sequence, sessionTag } = received.envelope;
  const heard: SenderState = { ...state, heardAtMs: nowMs };
  if (message.kind === 'alert') return to(heard, event({ kind: 'alert', alertCode: message.alertCode }));
  if (heard.phase.kind === 'sending') return onTransferMessage(heard, heard.phase.transfer, received.envelope, nowMs);
  if (heard.phase.kind !== 'asking' || sequence !== heard.phase.request.sequence) return to(heard);
  return onAnswer(heard, heard.phase.request, message, sessionTag, nowMs);
}

function onAnswer(
  state: SenderState,
  request: PendingRequest,
  message: MeterMessage,
  sessionTag: number,
  nowMs: number,
): SenderStep {
  const asked = request.message;
  if (message.kind === 'busy') {
    return to(
      postpone(state, request, message.etaMs, nowMs),
      event({ kind: 'busy', cause: message.cause, etaMs: message.etaMs }),
    );
  }
  if (message.kind === 'refuse') return onRefused(state, request, message.code, message.detail, nowMs);
  switch (asked.kind) {
    case 'hello':
      return message.kind === 'meter-hello' && equalOctets(message.nonce, asked.nonce)
        ? onHello(state, message, nowMs)
        : to(state);
    case 'offer':
      return message.kind === 'accept' ? onAccept(state, asked, message, sessionTag, nowMs) : to(state);
    case 'get-map':
      return message.kind === 'map' ? onMap(state, message, nowMs) : to(state);
    case 'seal':
      return message.kind === 'sealed' ? checkOutcome(state, request, message.outcome) : to(state);
    case 'activate':
    case 'read-version':
      return message.kind === 'outcome' ? checkOutcome(state, request, message.outcome) : to(state);
  }
}

function checkOutcome(state: SenderState, request: PendingRequest, octets: Uint8Array): SenderStep {
  return to({ ...state, phase: { kind: 'checking', request } }, { kind: 'check-outcome', octets });
}

function onHello(state: SenderState, meter: MeterHello, nowMs: number): SenderStep {
  const meant = state.meter?.deviceId ?? state.plan.deviceId;
  if (meant !== undefined && !equalOctets(meant, meter.deviceId)) {
    return fail(state, 'device-changed', `meter ${toHex(meter.deviceId)} answers where ${toHex(meant)} was meant`);
  }
  const found: SenderState = { ...state, meter };
  const tell = event({ kind: 'meter-found', meter });
  const { image, authorisation } = state.plan;
  if (authorisation !== undefined && (state.milestone === 'activating' || image === undefined)) {
    return ask(found, { kind: 'activate', authorisation, nonce: nonceOf(found) }, 0, nowMs, tell);
  }
  if (image === undefined) return ask(found, { kind: 'read-version', nonce: nonceOf(found) }, 0, nowMs, tell);
  const { otaHeader, gbcsSignature, manifest } = image;
  const offerNonce = new DataView(nonceOf(found).buffer).getUint32(4, true);
  return ask(
    found,
    { kind: 'offer', replace: state.plan.replace, offerNonce, manifest: manifest.octets, otaHeader, gbcsSignature },
    0,
    nowMs,
    tell,
  );
}

function onRefused(
  state: SenderState,
  request: PendingRequest,
  code: number,
  detail: number,
  nowMs: number,
): SenderStep {
  const refusal = refusalOf(code);
  // The meter lost the session (a restart, a power cut), or not all that it held: begin again, it will say what it has.
  if (refusal === 'noSession' || refusal === 'incomplete') return greetAgain(state, nowMs);
  // The image that is on trial may be this one, activated by a run that was cut off: the authorisation knows.
  if (refusal === 'trialRunning' && request.message.kind === 'offer' && state.plan.authorisation !== undefined)
    return afterSealed(state, nowMs);
  if (refusal === 'busyWithOther') return to(postpone(state, request, request.intervalMs, nowMs));
  return failRefused(state, code, detail);
}
