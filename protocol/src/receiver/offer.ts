/** OFFER: everything that can be refused is refused before the first block (SPEC.md §10.6). */
import { CONTEXTS, sha256, type CryptoTask } from '../crypto-port.js';
import { bad, good, type Checked } from '../errors.js';
import { layout, u32 } from '../layout/layout.js';
import { equalOctets } from '../layout/octets.js';
import {
  DAY_MS,
  ERASES_PER_DAY_MAX,
  FRAME_PAYLOAD_BYTES_MAX,
  SIGNATURE_BYTES,
  WINDOW_BLOCKS_MAX,
  WINDOW_BLOCKS_MIN,
} from '../limits.js';
import { HOST_TYPES, type Offer } from '../message/host-messages.js';
import type { AcceptStatus } from '../message/meter-messages.js';
import { checkOtaHeader, decodeManifest, verifyManifest, type Manifest } from '../package/manifest.js';
import { REFUSAL_CODES, type PackageFault, type Refusal } from '../refusal.js';
import type { HeldImage, ImageOffer } from '../staging/staging.js';
import {
  ALERT_CODES,
  type CheckedOffer,
  type DeviceFacts,
  type ReceiverEffect,
  type ReceiverInput,
  type ReceiverState,
  type ReceiverStep,
  type Tally,
} from './receiver-types.js';
import { busy, busyCause, refuse, send, to } from './replies.js';

const TYPE = HOST_TYPES.offer;

/** Structure, key, signature, OTA header: what can be said of an offer without knowing the meter's state. */
export function* checkOffer(
  offer: Offer,
  manufacturerKeys: readonly Uint8Array[],
  bootEpoch: number,
): CryptoTask<Checked<CheckedOffer, PackageFault>> {
  const decoded = decodeManifest(offer.manifest);
  if (!decoded.ok) return decoded;
  const verified = yield* verifyManifest(decoded.value, manufacturerKeys);
  if (!verified.ok) return verified;
  const header = yield* checkOtaHeader(decoded.value, offer.otaHeader);
  if (!header.ok) return header;
  const { manifest, digest: manifestDigest, manufacturerKey } = verified.value;
  const seed = TAG_SEED.encode({ bootEpoch, offerNonce: offer.offerNonce });
  const hash = yield* sha256(CONTEXTS.session, seed.subarray(0, 4), manifestDigest, seed.subarray(4));
  const sessionTag = layout({ tag: u32 }).decode(hash).tag || 1;
  const { otaHeader, gbcsSignature } = offer;
  return good({ image: { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature }, sessionTag });
}

/** Signatures are random: two manifests that differ in theirs only have the same digest (SPEC.md §4). */
function isSameManifest(a: Uint8Array, b: Uint8Array): boolean {
  return equalOctets(a.subarray(0, -SIGNATURE_BYTES), b.subarray(0, -SIGNATURE_BYTES));
}

const TAG_SEED = layout({ bootEpoch: u32, offerNonce: u32 });

export function onOffer(state: ReceiverState, offer: Offer, sequence: number): ReceiverStep {
  if (state.activity.kind === 'activating' || state.device.mode === 'trial')
    return to(state, refuse(state, sequence, TYPE, 'trialRunning'));
  const cause = busyCause(state);
  if (cause !== undefined) {
    const same = 'offer' in state.activity && isSameManifest(state.activity.offer.manifest, offer.manifest);
    if (same || state.activity.kind === 'sealing') return to(state, busy(state, sequence, cause));
    return to(state, refuse(state, sequence, TYPE, 'busyWithOther'));
  }
  const { session, held } = state;
  if (session !== undefined && held !== undefined && session.offerNonce === offer.offerNonce) {
    if (equalOctets(held.manifest.octets, offer.manifest))
      return to(state, accept(state, sequence, 'send', session.tag, held, offer));
  }
  return to({ ...state, activity: { kind: 'checking', offer, sequence } }, { kind: 'check-offer', offer });
}

export function onOfferChecked(
  state: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'offer-checked' }>,
  nowMs: number,
): ReceiverStep {
  if (state.activity.kind !== 'checking') return to(state);
  const { offer, sequence } = state.activity;
  const idle: ReceiverState = { ...state, activity: { kind: 'idle' } };
  if (!input.result.ok) return to(idle, refuse(idle, sequence, TYPE, refusalOfFault(input.result.fault.code)));
  const checked = input.result.value;
  const { image } = checked;
  const objection = objectionTo(idle, image, offer.replace, nowMs);
  if (!objection.ok)
    return to(idle, refuse(idle, sequence, TYPE, objection.fault.code, Number(objection.fault.detail)));
  switch (objection.value) {
    case 'running':
      return to(idle, accept(idle, sequence, 'running', tagFor(idle, checked), image, offer));
    case 'sealed':
      return to(idle, accept(idle, sequence, 'sealed', tagFor(idle, checked), image, offer));
    case 'resume':
      return openSession(idle, checked, offer, sequence, nowMs);
    case 'new': {
      const cancelled: ReceiverEffect[] =
        idle.held?.sealed === true
          ? [{ kind: 'alert', alertCode: ALERT_CODES.futureDatedNotActioned, payload: idle.held.manifest.imageHash }]
          : [];
      const preparing: ReceiverState = {
        ...idle,
        held: undefined,
        session: undefined,
        tally: undefined,
        failedSeal: undefined,
        preparedAtMs: [...recent(idle, nowMs), nowMs],
        activity: { kind: 'preparing', offer, checked, sequence },
      };
      return to(preparing, ...cancelled, { kind: 'prepare', image });
    }
  }
}

export function onPrepared(state: ReceiverState, held: HeldImage | undefined, nowMs: number): ReceiverStep {
  if (state.activity.kind !== 'preparing') return to(state);
  const { offer, checked, sequence } = state.activity;
  const idle: ReceiverState = { ...state, activity: { kind: 'idle' } };
  if (held === undefined) return to(idle, refuse(idle, sequence, TYPE, 'storageFailed'));
  return openSession({ ...idle, held }, checked, offer, sequence, nowMs);
}

/** Blocks that a host may have open at once. */
export function windowBlocksOf(device: DeviceFacts, blockShift: number): number {
  return Math.min(Math.max(WINDOW_BLOCKS_MIN, device.windowBytes >> blockShift), WINDOW_BLOCKS_MAX);
}

type Welcome = 'running' | 'sealed' | 'resume' | 'new';

/** Detail of a fault: the number that REFUSE carries. */
function objectionTo(
  state: ReceiverState,
  image: ImageOffer,
  replace: boolean,
  nowMs: number,
): Checked<Welcome, Refusal> {
  const { device, held } = state;
  const m = image.manifest;
  if (m.deviceClass !== device.deviceClass) return no('wrongDeviceClass');
  if (m.manufacturerCode !== device.manufacturerCode) return no('wrongManufacturer');
  if (m.imageType !== device.imageType) return no('wrongImageType');
  if (device.hardwareVersion < m.hardwareMin || device.hardwareVersion > m.hardwareMax) return no('wrongHardware');
  if (m.securityCounter < device.securityCounter) return no('counterTooLow', device.securityCounter);
  const confirmed = device.mode === 'confirmed';
  if (confirmed && equalOctets(m.imageHash, device.runningHash)) return good('running');
  // A fallback or a recovery may take the very image whose copy rotted.
  if (confirmed && m.securityCounter === device.securityCounter) return no('counterUsed', device.securityCounter);
  if (device.mode !== 'recovery' && !applies(m, device.runningVersion))
    return no('versionNotApplicable', device.runningVersion);
  if (m.imageBytes > device.slotBytes) return no('imageTooLarge', device.slotBytes);
  if (m.blockShift < device.blockShiftMin || m.blockShift > device.blockShiftMax)
    return no('geometryUnsupported', device.blockShiftMax);
  if (m.blockCount > device.blockCountMax) return no('geometryUnsupported', device.blockCountMax);
  // The digest does not cover the GBCS signature, which is checked only at the end: another one must not pass for the image that is held.
  const same =
    held !== undefined &&
    equalOctets(held.manifestDigest, image.manifestDigest) &&
    equalOctets(held.gbcsSignature, image.gbcsSignature);
  if (same) return good(held.sealed ? 'sealed' : 'resume');
  if (held !== undefined && !replace) return no('otherImageHeld');
  if (recent(state, nowMs).length >= ERASES_PER_DAY_MAX) return no('eraseBudgetSpent', ERASES_PER_DAY_MAX);
  return good('new');
}

function no(refusal: Refusal, detail = 0): Checked<never, Refusal> {
  return bad(refusal, String(detail));
}

function applies(manifest: Manifest, runningVersion: number): boolean {
  return runningVersion >= manifest.applicableFromMin && runningVersion <= manifest.applicableFromMax;
}

function recent(state: ReceiverState, nowMs: number): readonly number[] {
  return state.preparedAtMs.filter((atMs) => nowMs - atMs < DAY_MS);
}

/** An offer's structure faults are all refusals; what only a verifier can meet reads as malformed. */
function refusalOfFault(code: PackageFault): Refusal {
  return code in REFUSAL_CODES ? (code as Refusal) : 'malformed';
}

function openSession(
  state: ReceiverState,
  checked: CheckedOffer,
  offer: Offer,
  sequence: number,
  nowMs: number,
): ReceiverStep {
  const tag = tagFor(state, checked);
  const windowBlocks = windowBlocksOf(state.device, checked.image.manifest.blockShift);
  const { manifestDigest } = checked.image;
  const tally = tallyAfter(state.tally, manifestDigest);
  const opened: ReceiverState = {
    ...state,
    lastTag: tag,
    tally,
    session: {
      tag,
      offerNonce: offer.offerNonce,
      windowBlocks,
      highest: 0,
      received: 0n,
      highestAtMs: nowMs,
      heardAtMs: nowMs,
      open: [],
      durableInSession: 0,
      durableAtLastSack: 0,
      framesSinceSack: 0,
      lastSackAtMs: nowMs,
      pingToAnswer: undefined,
      recording: false,
    },
  };
  return to(opened, accept(opened, sequence, 'send', tag, checked.image, offer));
}

/** A session in which nothing came says nothing of what was lost: the one before it goes on counting. */
function tallyAfter(last: Tally | undefined, manifestDigest: Uint8Array): Tally {
  const none = { manifestDigest, receivedBytes: 0, storedBytes: 0, receivedBytesBefore: 0, storedBytesBefore: 0 };
  if (last === undefined || !equalOctets(last.manifestDigest, manifestDigest)) return none;
  if (last.receivedBytes === 0) return last;
  return { ...none, receivedBytesBefore: last.receivedBytes, storedBytesBefore: last.storedBytes };
}

/** Never the tag of the session before it: an old frame must not pass for a new one. */
function tagFor(state: ReceiverState, checked: CheckedOffer): number {
  if (checked.sessionTag !== state.lastTag) return checked.sessionTag;
  return checked.sessionTag === 0xffffffff ? 1 : checked.sessionTag + 1;
}

function accept(
  state: ReceiverState,
  sequence: number,
  status: AcceptStatus,
  tag: number,
  image: ImageOffer,
  offer: Offer,
): ReceiverEffect {
  const { session } = state;
  return send(
    state,
    sequence,
    {
      kind: 'accept',
      status,
      blockShift: image.manifest.blockShift,
      durableCount: status === 'send' ? (state.held?.map.durableCount ?? 0) : image.manifest.blockCount,
      offerNonce: offer.offerNonce,
      creditBlocks: status === 'send' && session !== undefined ? session.windowBlocks + session.durableInSession : 0,
      frameBytesMax: Math.min(state.device.frameBytesMax, FRAME_PAYLOAD_BYTES_MAX),
      manifestDigest: image.manifestDigest,
    },
    tag,
  );
}
