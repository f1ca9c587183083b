/** SRV 11.2 and 11.3 at the door: what can be refused at once is refused without effect; what is taken is durable before it is answered. */
import {
  AUTHORISATION_UNCOUNTERSIGNED_BYTES,
  equalOctets,
  fromHex,
  parseDeviceId,
  runTask,
  SIGNATURE_BYTES,
  toHex,
  verifySupplierSignature,
} from '@smets1/protocol';
import type { Authorisation, CryptoPort, TrustAnchors } from '@smets1/protocol';
import { accept, refuse } from '../error.js';
import type { Answer } from '../error.js';
import type { Inventory } from '../inventory.js';
import { parseRequestId } from '../identifiers.js';
import { reused } from '../store/intake.js';
import type { Change, EntryRecord, ReleaseRequest } from '../store/records.js';
import type { DcoSettings } from '../store/settings.js';
import { isListed } from '../store/state.js';
import type { StoreState } from '../store/state.js';
import type { Decision, Store } from '../store/store.js';

/** What an 11.3 asks. Identifiers in their one way of writing. */
export interface Activation {
  readonly requestId: string;
  readonly deviceId: string;
  /** 32 octets. */
  readonly firmwareHash: Uint8Array;
  /** Absent: at once. {@link CANCELLATION_MS}: call off. */
  readonly executionAtMs?: number;
  /** 168 octets, signed by the Supplier. */
  readonly authorisation: Uint8Array;
}

/** The date that calls a future-dated 11.3 off: 3000-12-31T00:00:00.00Z. */
export const CANCELLATION_MS: number = Date.UTC(3000, 11, 31);

export interface Admitted {
  readonly requestId: string;
  readonly repeated: boolean;
  /** Set when this request called off another one. */
  readonly cancelled?: string;
}

export interface Door {
  readonly store: Store;
  readonly crypto: CryptoPort;
  readonly trust: Pick<TrustAnchors, 'supplier'>;
  readonly inventory: Inventory;
  readonly settings: DcoSettings;
  readonly nowMs: () => number;
}

/** Takes an 11.2. Rejects as `transact` does. */
export function admitRead(door: Door, requestId: string, deviceId: string): Promise<Answer<Admitted>> {
  const digest = toHex(door.crypto.sha256([new TextEncoder().encode(`11.2\0${deviceId}`)]));
  return door.store.transact((state): Decision<Answer<Admitted>> => {
    const before = repeated(state, requestId, digest);
    if (before !== undefined) return no(before);
    if (!door.inventory.devices.has(deviceId)) return no(unknown(deviceId));
    const full = fullUp(door, state);
    if (full !== undefined) return no(full);
    const changes: Change[] = [
      { kind: 'request', value: { srv: '11.2', requestId, digest, atMs: door.nowMs(), deviceId } },
    ];
    return { changes, value: accept({ requestId, repeated: false }) };
  });
}

/** Takes an 11.3: an activation now or later, or a cancellation. Rejects as `transact` does. */
export async function admitActivation(door: Door, asked: Activation): Promise<Answer<Admitted>> {
  const { requestId, deviceId, firmwareHash, executionAtMs } = asked;
  const digest = toHex(
    door.crypto.sha256([
      new TextEncoder().encode(`11.3\0${deviceId}\0${executionAtMs ?? 'now'}\0`),
      firmwareHash,
      asked.authorisation,
    ]),
  );
  const before = repeated(door.store.state, requestId, digest);
  if (before !== undefined) return before;
  if (asked.authorisation.length !== AUTHORISATION_UNCOUNTERSIGNED_BYTES) {
    const message = `an 11.3 brings an authorisation of ${AUTHORISATION_UNCOUNTERSIGNED_BYTES} octets, not ${asked.authorisation.length}: the countersignature is made here`;
    return refuse('authorisation-refused', message, { fault: 'authorisationMalformed' });
  }
  const checked = runTask(verifySupplierSignature(asked.authorisation, door.trust.supplier), door.crypto);
  if (!checked.ok) return refuse('authorisation-refused', checked.fault.detail, { fault: checked.fault.code });
  const authorisation = checked.value;
  const mismatch = mismatchOf(asked, authorisation);
  if (mismatch !== undefined) return refuse('authorisation-mismatch', mismatch);
  return door.store.transact((state): Decision<Answer<Admitted>> => {
    const again = repeated(state, requestId, digest);
    if (again !== undefined) return no(again);
    if (executionAtMs === CANCELLATION_MS) return cancel(door, state, asked, authorisation, digest);
    const objection = objectionTo(door, state, asked, authorisation);
    if (objection !== undefined) return no(objection);
    const imageId = toHex(authorisation.manifestDigest);
    const nowMs = door.nowMs();
    const request: ReleaseRequest = {
      srv: '11.3',
      requestId,
      digest,
      atMs: nowMs,
      deviceId,
      imageId,
      firmwareHash: toHex(firmwareHash),
      ...(executionAtMs === undefined ? {} : { executionAtMs }),
      authorisation: Buffer.from(asked.authorisation).toString('base64'),
      stage: 'requested',
    };
    const image = state.images.get(imageId);
    const changes: Change[] = [
      { kind: 'request', value: request },
      {
        kind: 'counter',
        value: {
          deviceId,
          originatorCounter: String(authorisation.originatorCounter),
          body: bodyOf(door, authorisation),
        },
      },
      ...(image === undefined ? [] : [{ kind: 'image', value: { ...image.record, usedAtMs: nowMs } } as const]),
    ];
    return { changes, value: accept({ requestId, repeated: false }) };
  });
}

function mismatchOf(asked: Activation, authorisation: Authorisation): string | undefined {
  if (!equalOctets(authorisation.deviceId, parseDeviceId(asked.deviceId) ?? new Uint8Array(0))) {
    return 'the authorisation is for another device than the request; sign one for this device';
  }
  if (!equalOctets(authorisation.imageHash, asked.firmwareHash)) {
    return 'the authorisation names another firmware hash than the request; sign one for this image';
  }
  const originator = parseRequestId(asked.requestId)?.originator;
  if (
    originator === undefined ||
    !equalOctets(authorisation.originator, parseDeviceId(originator) ?? new Uint8Array(0))
  ) {
    return 'the authorisation is of another originator than the request';
  }
  return undefined;
}

function objectionTo(
  door: Door,
  state: StoreState,
  asked: Activation,
  authorisation: Authorisation,
): Answer<never> | undefined {
  const { deviceId, executionAtMs } = asked;
  const device = door.inventory.devices.get(deviceId);
  if (device === undefined) return unknown(deviceId);
  if (device.publicKey === undefined && !door.settings.allowUnattested) {
    return refuse(
      'device-key-missing',
      `the inventory has no public key of device ${deviceId}, so nobody could vouch for what it answers; add the key and start the DCO again, or set allowUnattested`,
    );
  }
  const imageId = toHex(authorisation.manifestDigest);
  const image = state.images.get(imageId);
  if (image === undefined)
    return refuse('image-not-held', `no image with manifest digest ${imageId} is held; send it with 11.1 first`);
  if (image.record.status !== 'held') {
    const missing = image.manifest.blockCount - image.held.durableCount;
    return refuse('image-incomplete', `${missing} blocks of the image are missing; wait for the 11.1 responses`);
  }
  if (!equalOctets(image.manifest.imageHash, asked.firmwareHash)) {
    return refuse('authorisation-mismatch', 'the image that the authorisation names has another hash');
  }
  if (!isListed(state, imageId, authorisation.deviceId)) {
    return refuse('device-not-listed', `no complete 11.1 for this image names device ${deviceId}`);
  }
  const pending = state.pendingOf.get(deviceId);
  if (pending !== undefined) {
    return refuse(
      'release-pending',
      `request ${pending} for device ${deviceId} is not done; wait for its response or call it off`,
    );
  }
  const known = state.counters.get(deviceId);
  const isAbove = known === undefined || authorisation.originatorCounter > BigInt(known.originatorCounter);
  if (!isAbove && known.isRevoked === true) {
    return refuse(
      'authorisation-revoked',
      `authorisations for device ${deviceId} up to counter ${known.originatorCounter} were called off; sign one with a higher counter`,
    );
  }
  if (!isAbove && known.body !== bodyOf(door, authorisation)) {
    return refuse(
      'originator-counter-used',
      `the originator counter must be above ${known.originatorCounter} for device ${deviceId}`,
    );
  }
  return windowRefusal(door, authorisation, executionAtMs) ?? fullUp(door, state);
}

function windowRefusal(
  door: Door,
  authorisation: Authorisation,
  executionAtMs: number | undefined,
): Answer<never> | undefined {
  const nowMs = door.nowMs();
  if (executionAtMs !== undefined && executionAtMs < nowMs) {
    return refuse('execution-in-past', 'the execution date has passed; leave it out to activate at once');
  }
  if (executionAtMs !== undefined && executionAtMs - nowMs > door.settings.lookAheadMsMax) {
    return refuse('execution-too-far', `the execution date may be at most ${door.settings.lookAheadMsMax} ms ahead`);
  }
  const actS = (executionAtMs ?? nowMs) / 1000;
  if (actS < authorisation.notBeforeS || actS > authorisation.notAfterS) {
    return refuse(
      'authorisation-window',
      'the authorisation does not hold at the time of activation; sign one that does',
    );
  }
  return undefined;
}

/**
 * Calls off the future-dated 11.3 of the same device and hash; everything in one commit. The authorisation is spent with it, and so is the
 * one that the cancellation brought: without its date either would activate.
 */
function cancel(
  door: Door,
  state: StoreState,
  asked: Activation,
  authorisation: Authorisation,
  digest: string,
): Decision<Answer<Admitted>> {
  const { requestId, deviceId } = asked;
  const other = state.pending.get(state.pendingOf.get(deviceId) ?? '');
  const isIt =
    other?.executionAtMs !== undefined &&
    other.firmwareHash === toHex(asked.firmwareHash) &&
    equalOctets(fromHex(other.imageId) ?? new Uint8Array(0), authorisation.manifestDigest);
  if (!isIt)
    return no(refuse('nothing-to-cancel', `no future-dated activation of this image waits for device ${deviceId}`));
  if (other.stage === 'activating')
    return no(refuse('too-late-to-cancel', `the activation of device ${deviceId} has begun`));
  const atMs = door.nowMs();
  const entry = (i: number, value: Pick<EntryRecord, 'kind' | 'requestId' | 'code' | 'message'>): Change => ({
    kind: 'entry',
    value: { ...value, number: state.nextEntry + i, srv: '11.3', atMs, device: { deviceId } },
  });
  const isAccepted = state.entriesOf.has(other.requestId);
  const known = state.counters.get(deviceId);
  const isHighest = known === undefined || authorisation.originatorCounter > BigInt(known.originatorCounter);
  const spent = isHighest
    ? { originatorCounter: String(authorisation.originatorCounter), body: bodyOf(door, authorisation) }
    : known;
  const toRevoke = isHighest ? Buffer.from(asked.authorisation).toString('base64') : other.authorisation;
  const message = `called off by request ${requestId}`;
  const changes: Change[] = [
    {
      kind: 'request',
      value: { srv: '11.3-cancel', requestId, digest, atMs, deviceId, cancelled: other.requestId, toRevoke },
    },
    { kind: 'request', value: { ...other, stage: 'done' } },
    { kind: 'counter', value: { ...spent, deviceId, isRevoked: true } },
    entry(0, { kind: isAccepted ? 'alert' : 'response', requestId: other.requestId, code: 'cancelled', message }),
    entry(1, { kind: 'response', requestId, code: 'success', message: `request ${other.requestId} is called off` }),
  ];
  return { changes, value: accept({ requestId, repeated: false, cancelled: other.requestId }) };
}

function repeated(state: StoreState, requestId: string, digest: string): Answer<Admitted> | undefined {
  const known = state.requests.get(requestId);
  if (known === undefined) return undefined;
  if (known.digest !== digest) return reused(requestId);
  const more = known.srv === '11.3-cancel' ? { cancelled: known.cancelled } : {};
  return accept({ requestId, repeated: true, ...more });
}

function fullUp(door: Door, state: StoreState): Answer<never> | undefined {
  const { requestsMax, releasesPendingMax } = door.settings;
  if (state.requests.size >= requestsMax) {
    return refuse(
      'quota-exceeded',
      `${requestsMax} requests are remembered; acknowledge responses, or wait until old ones expire`,
    );
  }
  if (state.pending.size >= releasesPendingMax)
    return refuse('too-many-releases', `${releasesPendingMax} releases wait; send fewer at a time`);
  return undefined;
}

/** What the Supplier signed: two authorisations with the same are the same, however often signed. */
function bodyOf(door: Door, authorisation: Authorisation): string {
  return toHex(
    door.crypto.sha256([authorisation.octets.subarray(0, AUTHORISATION_UNCOUNTERSIGNED_BYTES - SIGNATURE_BYTES)]),
  );
}

function unknown(deviceId: string): Answer<never> {
  return refuse('device-unknown', `device ${deviceId} is not in the inventory; add it and start the DCO again`);
}

function no<T>(answer: Answer<T>): Decision<Answer<T>> {
  return { changes: [], value: answer };
}
