/** SEAL, ACTIVATE, READ_VERSION: staging is not activation, and no effect happens twice (SPEC.md §10.7, §10.8). */
import { decodeAuthorisation, verifyAuthorisation } from '../authorisation/authorisation.js';
import type { OutcomeCode, OutcomeFields } from '../authorisation/outcome.js';
import { sha256, type CryptoTask, type TrustAnchors } from '../crypto-port.js';
import { good, type Checked } from '../errors.js';
import { equalOctets } from '../layout/octets.js';
import { AUTHORISATION_BODY_BYTES, HASH_BYTES } from '../limits.js';
import { HOST_TYPES, type Activate, type Seal } from '../message/host-messages.js';
import type { Refusal } from '../refusal.js';
import { isComplete, markSealed } from '../staging/staging.js';
import {
  ALERT_CODES,
  type CheckedAuthorisation,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
  type ReceiverStep,
  type ReplyTo,
} from './receiver-types.js';
import { busy, busyCause, refuse, send, to } from './replies.js';

const ZERO_HASH = new Uint8Array(HASH_BYTES);

/** Structure and both signatures of an authorisation, and the digest that it is remembered by. */
export function* checkAuthorisation(
  octets: Uint8Array,
  trust: Pick<TrustAnchors, 'supplier' | 'dco'>,
): CryptoTask<Checked<CheckedAuthorisation, Refusal>> {
  const verified = yield* verifyAuthorisation(octets, trust);
  if (!verified.ok) return verified;
  const authorisationDigest = yield* sha256(verified.value.octets.subarray(0, AUTHORISATION_BODY_BYTES));
  return good({ ...verified.value, authorisationDigest });
}

export function onSeal(state: ReceiverState, seal: Seal, sequence: number): ReceiverStep {
  if (state.device.mode === 'trial') return to(state, busy(state, sequence, 'trial'));
  const cause = busyCause(state);
  if (cause !== undefined) return to(state, busy(state, sequence, cause === 'erasing' ? 'checking' : cause));
  const { held } = state;
  const reply = replyTo(state, sequence, seal.nonce);
  if (held === undefined || !equalOctets(held.manifestDigest, seal.manifestDigest)) {
    const failed = state.failedSeal;
    if (failed !== undefined && equalOctets(failed.manifestDigest, seal.manifestDigest)) {
      return to(state, signSeal(state, reply, failed.code, failed.imageHash, failed.manifestDigest));
    }
    return to(state, signSeal(state, reply, 'noImageHeld', ZERO_HASH, seal.manifestDigest));
  }
  if (held.sealed) return to(state, signSeal(state, reply, 'success', held.manifest.imageHash, held.manifestDigest));
  if (!isComplete(held)) {
    const missing = held.map.blockCount - held.map.durableCount;
    return to(state, refuse(state, sequence, HOST_TYPES.seal, 'incomplete', missing));
  }
  return to(
    { ...state, activity: { kind: 'sealing', sequence, nonce: seal.nonce } },
    { kind: 'seal-image', image: held },
  );
}

export function onImageSealed(
  state: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'image-sealed' }>,
): ReceiverStep {
  if (state.activity.kind !== 'sealing' || state.held === undefined) return to(state);
  const { sequence, nonce } = state.activity;
  const reply = replyTo(state, sequence, nonce);
  const ok = input.code === 'success';
  const alert: ReceiverEffect = {
    kind: 'alert',
    alertCode: ok ? ALERT_CODES.verificationSuccessful : ALERT_CODES.verificationFailed,
    payload: input.imageHash,
  };
  const sealed: ReceiverState = {
    ...state,
    activity: { kind: 'idle' },
    session: undefined,
    held: ok ? markSealed(state.held) : undefined,
    tally: ok ? state.tally : undefined,
    failedSeal: ok
      ? undefined
      : { manifestDigest: state.held.manifestDigest, code: input.code, imageHash: input.imageHash },
  };
  return to(sealed, alert, signSeal(sealed, reply, input.code, input.imageHash, state.held.manifestDigest));
}

/** The image is whole and authentic; only flash is not. It stays held, and the host may ask again. */
export function onSealFailed(state: ReceiverState): ReceiverStep {
  if (state.activity.kind !== 'sealing') return to(state);
  const idle: ReceiverState = { ...state, activity: { kind: 'idle' } };
  return to(idle, refuse(idle, state.activity.sequence, HOST_TYPES.seal, 'storageFailed'));
}

export function onActivate(state: ReceiverState, activate: Activate, sequence: number): ReceiverStep {
  const cause = busyCause(state);
  if (cause !== undefined && cause !== 'activating') return to(state, busy(state, sequence, 'checking'));
  const decoded = decodeAuthorisation(activate.authorisation);
  if (!decoded.ok) return to(state, refuse(state, sequence, HOST_TYPES.activate, decoded.fault.code));
  if (!decoded.value.countersigned)
    return to(state, refuse(state, sequence, HOST_TYPES.activate, 'authorisationMalformed'));
  if (!equalOctets(decoded.value.deviceId, state.device.deviceId)) {
    return to(state, refuse(state, sequence, HOST_TYPES.activate, 'authorisationWrongDevice'));
  }
  if (state.deciding) return to(state, busy(state, sequence, underWay(state) ?? 'checking'));
  const reply = replyTo(state, sequence, activate.nonce);
  return to({ ...state, deciding: true }, { kind: 'check-authorisation', octets: activate.authorisation, reply });
}

/** Why an activation cannot be answered yet, if one is going on. */
function underWay(state: ReceiverState): 'trial' | 'activating' | undefined {
  if (state.device.mode === 'trial') return 'trial';
  return state.activity.kind === 'activating' ? 'activating' : undefined;
}

export function onAuthorisationChecked(
  before: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'authorisation-checked' }>,
): ReceiverStep {
  const state: ReceiverState = { ...before, deciding: false };
  const { reply, result, nowS } = input;
  const no = (refusal: Parameters<typeof refuse>[3], detail = 0): ReceiverStep =>
    to(state, refuse(state, reply.sequence, HOST_TYPES.activate, refusal, detail));
  if (!result.ok) return no(result.fault.code);
  const authorised = result.value;
  const { originatorCounter, imageHash, manifestDigest, notBeforeS, notAfterS, authorisationDigest } = authorised;
  const last = state.activation;
  if (last.authorisationDigest !== undefined && equalOctets(last.authorisationDigest, authorisationDigest)) {
    if (last.result !== 'pending') return to(state, signActivation(state, reply, authorised, last.result));
    return to(state, busy(state, reply.sequence, underWay(state) ?? 'activating'));
  }
  if (originatorCounter <= last.originatorCounter) {
    return no('originatorCounterUsed', Number(last.originatorCounter & 0xffffffffn));
  }
  if (nowS < notBeforeS) return no('authorisationNotYetValid');
  if (nowS > notAfterS) return no('authorisationExpired');
  if (underWay(state) !== undefined) return no('trialRunning');
  const store = (code: Exclude<OutcomeCode, 'notAuthentic'>): ReceiverStep =>
    to({ ...state, deciding: true }, { kind: 'store-counter', authorised, result: code, reply });
  if (state.device.mode === 'confirmed' && equalOctets(imageHash, state.device.runningHash)) return store('success');
  const { held } = state;
  if (held === undefined || !held.sealed) return store('noImageHeld');
  if (!equalOctets(held.manifest.imageHash, imageHash) || !equalOctets(held.manifestDigest, manifestDigest))
    return store('hashMismatch');
  const activating: ReceiverState = {
    ...state,
    session: undefined,
    activation: { originatorCounter, authorisationDigest, result: 'pending' },
    activity: { kind: 'activating', before: state.activation },
  };
  return to(activating, { kind: 'activate', authorised, reply }, busy(activating, reply.sequence, 'activating'));
}

/** Neither counter nor activation was stored, so nothing may have happened: the meter is as it was before. */
export function onActivationFailed(state: ReceiverState, reply: ReplyTo): ReceiverStep {
  if (state.activity.kind !== 'activating') return to(state);
  const idle: ReceiverState = { ...state, activity: { kind: 'idle' }, activation: state.activity.before };
  return to(idle, refuse(idle, reply.sequence, HOST_TYPES.activate, 'storageFailed'));
}

export function onCounterStored(
  before: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'counter-stored' }>,
): ReceiverStep {
  const state: ReceiverState = { ...before, deciding: false };
  const { authorised, result, reply } = input;
  if (!input.ok) return to(state, refuse(state, reply.sequence, HOST_TYPES.activate, 'storageFailed'));
  const { originatorCounter, authorisationDigest } = authorised;
  const stored: ReceiverState = { ...state, activation: { originatorCounter, authorisationDigest, result } };
  return to(stored, signActivation(stored, reply, authorised, result));
}

export function onReadVersion(state: ReceiverState, nonce: Uint8Array, sequence: number): ReceiverStep {
  const fields = outcomeFields(state, {
    kind: 'version',
    code: 'success',
    imageHash: state.device.runningHash,
    manifestDigest: ZERO_HASH,
    originatorCounter: 0n,
    nonce,
  });
  return to(state, { kind: 'sign-outcome', fields, reply: replyTo(state, sequence, nonce), as: 'outcome' });
}

export function onOutcomeSigned(
  state: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'outcome-signed' }>,
): ReceiverStep {
  return to(
    state,
    send(state, input.reply.sequence, { kind: input.as, outcome: input.octets }, input.reply.sessionTag),
  );
}

function signSeal(
  state: ReceiverState,
  reply: ReplyTo,
  code: OutcomeCode,
  imageHash: Uint8Array,
  manifestDigest: Uint8Array,
): ReceiverEffect {
  const fields = outcomeFields(state, {
    kind: 'seal',
    code,
    imageHash,
    manifestDigest,
    originatorCounter: 0n,
    nonce: reply.nonce,
  });
  return { kind: 'sign-outcome', fields, reply, as: 'sealed' };
}

function signActivation(
  state: ReceiverState,
  reply: ReplyTo,
  authorised: CheckedAuthorisation,
  code: OutcomeCode,
): ReceiverEffect {
  const { imageHash, manifestDigest, originatorCounter } = authorised;
  const fields = outcomeFields(state, {
    kind: 'activation',
    code,
    imageHash,
    manifestDigest,
    originatorCounter,
    nonce: reply.nonce,
  });
  return { kind: 'sign-outcome', fields, reply, as: 'outcome' };
}

type Spoken = Pick<OutcomeFields, 'kind' | 'code' | 'imageHash' | 'manifestDigest' | 'originatorCounter' | 'nonce'>;

function outcomeFields(state: ReceiverState, spoken: Spoken): OutcomeFields {
  const { deviceId, runningHash, runningVersion, securityCounter, bootEpoch } = state.device;
  return { ...spoken, deviceId, runningHash, runningVersion, securityCounter, bootEpoch };
}

function replyTo(state: ReceiverState, sequence: number, nonce: Uint8Array): ReplyTo {
  return { sessionTag: state.session?.tag ?? 0, sequence, nonce };
}
