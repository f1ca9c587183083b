import { BootError } from '../errors.js';
import type { Crc32, FlashPort } from '../flash/flash-port.js';
import { sameOctets } from '../octets.js';
import type {
  ActivationOutcome,
  BootState,
  BootStep,
  ImageIdentity,
  PendingActivation,
  SlotIndex,
} from './boot-state.js';
import { floorOf } from './boot-state.js';
import { StateStore } from './state-store.js';

/** The crypto that records need. */
export interface RecordCrypto {
  readonly crc32: Crc32;
}

/** What flash says; the empty state on a flash that has never booted. */
export function readBootState(flash: FlashPort, crypto: RecordCrypto): BootState {
  return new StateStore(flash, crypto.crc32, false).state;
}

/**
 * A whole and verified image now waits in a slot. It replaces another staged one.
 * @throws BootError `trial-running` while an activation is open, `bad-value`; FlashError `worn`; PowerLost
 */
export function recordStaged(flash: FlashPort, crypto: RecordCrypto, staged: ImageIdentity): BootState {
  return record(flash, crypto, 'staged', (state) => {
    refuseDuringActivation(state);
    return { ...state, staged: identityOf(staged) };
  });
}

/**
 * Forgets the staged image and an activation that has not been tried yet. To be called before its slot is erased.
 * @returns the activation that was cancelled with it, to be reported as not actioned (0x8F67)
 * @throws BootError `trial-running`; FlashError `worn`; PowerLost
 */
export function discardStaged(flash: FlashPort, crypto: RecordCrypto): PendingActivation | undefined {
  const { staged, pending } = readBootState(flash, crypto);
  if (staged === undefined && pending === undefined) return undefined;
  record(flash, crypto, 'discarded', (state) => {
    if (state.trial !== undefined) throw trialRunning();
    return without(state, 'staged', 'pending');
  });
  return pending;
}

/**
 * The authorised command to run the staged image. One record burns the originator's counter and makes the activation
 * pending, so that no cut can leave one without the other; the next boot tries the image.
 * @throws BootError `not-staged`, `counter-not-new`, `trial-running`; FlashError `worn`; PowerLost
 */
export function recordActivation(flash: FlashPort, crypto: RecordCrypto, activation: PendingActivation): BootState {
  return record(flash, crypto, 'activation', (state) => {
    refuseDuringActivation(state);
    refuseOldCounter(state, activation.originatorCounter);
    const { staged } = state;
    if (staged === undefined || !isSameImage(staged, activation)) {
      throw new BootError('not-staged', 'the image to activate is not the staged one; record it as staged first');
    }
    const { originatorCounter, authorisationDigest } = activation;
    return {
      ...state,
      pending: { ...staged, originatorCounter, authorisationDigest },
      highestOriginatorCounter: originatorCounter,
    };
  });
}

/**
 * An authorised command that ended without a trial (no image held, hash mismatch, image already running): its counter
 * is burned and its outcome kept for a repeat.
 * @throws BootError `counter-not-new`, `trial-running`; FlashError `worn`; PowerLost
 */
export function recordOutcome(flash: FlashPort, crypto: RecordCrypto, outcome: ActivationOutcome): BootState {
  return record(flash, crypto, 'outcome', (state) => {
    refuseDuringActivation(state);
    refuseOldCounter(state, outcome.originatorCounter);
    return { ...state, outcome, highestOriginatorCounter: outcome.originatorCounter };
  });
}

/**
 * The trial is good: its image becomes the confirmed one. New floor, new hash, the way back and the outcome are one record.
 * @throws BootError `no-trial`; FlashError `worn`; PowerLost
 */
export function confirmTrial(flash: FlashPort, crypto: RecordCrypto): BootState {
  return record(flash, crypto, 'confirmed', (state) => {
    const { confirmed, pending, trial } = state;
    if (pending === undefined || trial === undefined) throw new BootError('no-trial', 'no trial is running');
    const previous =
      // A trial in the confirmed image's own slot has replaced it (it had rotted): what ran meanwhile is the way back.
      confirmed?.slot === pending.slot
        ? confirmed.previous
        : confirmed && { slot: confirmed.slot, imageHash: confirmed.imageHash };
    return {
      ...without(state, 'staged', 'pending', 'trial', 'recoveredFloor'),
      confirmed: {
        slot: pending.slot,
        manifestDigest: pending.manifestDigest,
        imageHash: pending.imageHash,
        version: trial.version,
        imageBytes: trial.imageBytes,
        securityCounter: Math.max(trial.securityCounter, floorOf(state)),
        ...(previous !== undefined && { previous }),
      },
      outcome: outcomeOf(pending, 'success', trial.version),
    };
  });
}

/** How an activation ended, from the activation itself. */
export function outcomeOf(
  pending: PendingActivation,
  code: ActivationOutcome['code'],
  versionAfter: number,
): ActivationOutcome {
  const { originatorCounter, authorisationDigest, imageHash } = pending;
  return { code, originatorCounter, authorisationDigest, imageHash, versionAfter };
}

/** The slot that is not this one. */
export function otherSlot(slot: SlotIndex): SlotIndex {
  return slot === 0 ? 1 : 0;
}

/** A state without some of its parts. */
export function without(state: BootState, ...parts: ('staged' | 'pending' | 'trial' | 'recoveredFloor')[]): BootState {
  const next: { -readonly [K in keyof BootState]: BootState[K] } = { ...state };
  for (const part of parts) delete next[part];
  return next;
}

function isSameImage(a: ImageIdentity, b: ImageIdentity): boolean {
  return a.slot === b.slot && sameOctets(a.manifestDigest, b.manifestDigest) && sameOctets(a.imageHash, b.imageHash);
}

function record(
  flash: FlashPort,
  crypto: RecordCrypto,
  step: BootStep,
  next: (state: BootState) => BootState,
): BootState {
  const store = new StateStore(flash, crypto.crc32, false);
  const state = next(store.state);
  store.writeTwice(step, state);
  return state;
}

function identityOf({ slot, manifestDigest, imageHash }: ImageIdentity): ImageIdentity {
  return { slot, manifestDigest, imageHash };
}

function refuseDuringActivation(state: BootState): void {
  if (state.pending !== undefined) throw trialRunning();
}

function refuseOldCounter(state: BootState, originatorCounter: bigint): void {
  if (originatorCounter > state.highestOriginatorCounter) return;
  throw new BootError('counter-not-new', `counter ${originatorCounter} is not above ${state.highestOriginatorCounter}`);
}

function trialRunning(): BootError {
  return new BootError('trial-running', 'an activation is open; boot, then confirm it or let it revert');
}
