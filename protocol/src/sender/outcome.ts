/** What a signed outcome means for the plan. A success is believed only with our nonce, the meter that was meant, and the image sent. */
import { decodeAuthorisation } from '../authorisation/authorisation.js';
import type { Outcome } from '../authorisation/outcome.js';
import { equalOctets } from '../layout/octets.js';
import { SESSIONS_IN_VAIN_MAX } from '../limits.js';
import { end, event, fail, greetAgain, to } from './asking.js';
import { afterSealed } from './sending.js';
import type { PendingRequest, SenderInput, SenderState, SenderStep } from './sender-types.js';

type Checked = Extract<SenderInput, { kind: 'outcome-checked' }>;

export function onOutcomeChecked(
  state: SenderState,
  request: PendingRequest,
  input: Checked,
  nowMs: number,
): SenderStep {
  const { outcome, attested } = input;
  const asking: SenderState = { ...state, phase: { kind: 'asking', request } };
  if (outcome === undefined) return fail(state, 'not-authentic', "the meter's signature on its outcome does not hold");
  const asked = request.message;
  // An answer to an earlier nonce is late, not false: keep asking.
  if (!('nonce' in asked) || !equalOctets(outcome.nonce, asked.nonce)) return to(asking);
  if (state.meter !== undefined && !equalOctets(outcome.deviceId, state.meter.deviceId)) {
    return fail(state, 'device-changed', 'the outcome was signed for another meter');
  }
  if (asked.kind === 'seal' && outcome.kind === 'seal') return onSealed(asking, outcome, attested, nowMs);
  if (asked.kind === 'activate' && outcome.kind === 'activation') return onActivated(asking, outcome, attested);
  if (asked.kind === 'read-version' && outcome.kind === 'version') return onVersion(asking, outcome, attested);
  return to(asking);
}

function onSealed(state: SenderState, outcome: Outcome, attested: boolean, nowMs: number): SenderStep {
  const image = state.plan.image;
  const held = image !== undefined && equalOctets(outcome.imageHash, image.manifest.imageHash);
  // Nothing is held any more: an ACTIVATE of the run before this one may have been on its way. Who asks anew is told what runs.
  if (outcome.code === 'noImageHeld' && state.inVain < SESSIONS_IN_VAIN_MAX) return greetAgain(state, nowMs);
  if (outcome.code !== 'success' || !held) {
    const detail =
      outcome.code === 'success'
        ? 'the meter sealed another image'
        : `the meter's check of the whole image says ${outcome.code}`;
    return end(state, { kind: 'failed', reason: 'verify-failed', outcome, detail });
  }
  const sealed: SenderState = { ...state, milestone: 'sealed' };
  if (state.plan.authorisation === undefined)
    return end(sealed, { kind: 'done', what: 'sealed', outcome, attested }, event({ kind: 'sealed' }));
  const next = afterSealed(sealed, nowMs);
  return to(next.state, event({ kind: 'sealed' }), ...next.effects);
}

function onActivated(state: SenderState, outcome: Outcome, attested: boolean): SenderStep {
  const image = state.plan.image;
  switch (outcome.code) {
    case 'success':
      if (image !== undefined && !equalOctets(outcome.runningHash, image.manifest.imageHash)) {
        return end(state, {
          kind: 'failed',
          reason: 'activation-failed',
          outcome,
          detail: 'the meter runs another image than was sent',
        });
      }
      if (!isAsAuthorised(state, outcome)) {
        return end(state, {
          kind: 'failed',
          reason: 'activation-failed',
          outcome,
          detail: 'the meter signed the success of another activation than was authorised',
        });
      }
      return end(state, {
        kind: 'done',
        what: state.milestone === 'running' ? 'already-running' : 'activated',
        outcome,
        attested,
      });
    case 'activationFailure':
      return end(state, {
        kind: 'failed',
        reason: 'reverted',
        outcome,
        detail: 'the new image did not confirm; the meter runs the old one again',
      });
    default:
      return end(state, {
        kind: 'failed',
        reason: 'activation-failed',
        outcome,
        detail: `the meter answers ${outcome.code}`,
      });
  }
}

/** What runs is what the authorisation named, and it was this authorisation that did it: an image need not be at hand to know that. */
function isAsAuthorised({ plan }: SenderState, outcome: Outcome): boolean {
  const decoded = plan.authorisation === undefined ? undefined : decodeAuthorisation(plan.authorisation);
  if (decoded?.ok !== true) return false;
  const { imageHash, manifestDigest, originatorCounter } = decoded.value;
  return (
    equalOctets(outcome.runningHash, imageHash) &&
    equalOctets(outcome.imageHash, imageHash) &&
    equalOctets(outcome.manifestDigest, manifestDigest) &&
    outcome.originatorCounter === originatorCounter
  );
}

function onVersion(state: SenderState, outcome: Outcome, attested: boolean): SenderStep {
  const image = state.plan.image;
  if (image === undefined) return end(state, { kind: 'done', what: 'version-read', outcome, attested });
  if (!equalOctets(outcome.runningHash, image.manifest.imageHash)) {
    return end(state, {
      kind: 'failed',
      reason: 'verify-failed',
      outcome,
      detail: 'the meter said that the image was running, and then that another one is',
    });
  }
  return end(state, { kind: 'done', what: 'already-running', outcome, attested });
}
