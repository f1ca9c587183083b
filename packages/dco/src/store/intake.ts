/**
 * SRV 11.1: a part comes, is checked, made durable and acknowledged. When the last block of the image is durable the 11.1 responses are
 * too, for they are committed with it: one for the request of each part, never earlier, never without.
 */
import { formatDeviceId, runTask, toHex, verifyPart, withBlocks } from '@smets1/protocol';
import type { CryptoPort, TrustAnchors, VerifiedPart } from '@smets1/protocol';
import { accept, refuse } from '../error.js';
import type { Answer } from '../error.js';
import type { Inventory } from '../inventory.js';
import {
  DEVICES_PER_IMAGE_MAX,
  GBCS_SIGNATURES_PER_IMAGE_MAX,
  PARTS_PER_SET_MAX,
  UNKNOWN_DEVICES_SHOWN_MAX,
} from '../limits.js';
import { blocksOf, checkWhole, putPart } from './image.js';
import { withoutSet } from './records.js';
import type { Change, EntryRecord, ImageRecord, ImageResult, PartRequest, RequestRecord } from './records.js';
import type { DcoSettings } from './settings.js';
import { blocksFrom } from './state.js';
import type { ImageState, SetState, StoreState } from './state.js';
import type { Decision, Store } from './store.js';

export interface Part {
  /** As `parseRequestId` writes it. */
  readonly requestId: string;
  /** Device ids, 8 octets each; in any order, none twice. */
  readonly devices: readonly Uint8Array[];
  /** A part's container. */
  readonly octets: Uint8Array;
}

export interface PartAccepted {
  readonly requestId: string;
  readonly imageId: string;
  /** True when this very request was here before: nothing was done. */
  readonly repeated: boolean;
  /** True once the 11.1 response of this request exists. */
  readonly answered: boolean;
  readonly heldBlocks: number;
  readonly blockCount: number;
}

export interface Intake {
  readonly store: Store;
  readonly crypto: CryptoPort;
  readonly trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>;
  readonly settings: DcoSettings;
  /** A device that it lacks is no reason to refuse an image, and is named in the response. */
  readonly inventory: Inventory;
  readonly nowMs: () => number;
}

/** Takes one part. Rejects as `transact` does when the storage refuses. */
export async function takePart(intake: Intake, part: Part): Promise<Answer<PartAccepted>> {
  const { store, crypto, trust } = intake;
  const devices = deviceList(part.devices);
  if (!devices.ok) return devices;
  const setDigest = toHex(crypto.sha256([devices.value]));
  const digest = toHex(crypto.sha256([ASKED, devices.value, part.octets]));
  const before = repeated(store.state, part.requestId, digest);
  if (before !== undefined) return before;
  // Copied: what is verified is what is stored, whatever happens to the caller's buffer meanwhile.
  const octets = part.octets.slice();
  const verified = runTask(verifyPart(octets, trust), crypto);
  if (!verified.ok) {
    const { code, detail, block } = verified.fault;
    return refuse('part-refused', `${detail}; send the part again as it was built`, { fault: code, block });
  }
  const imageId = toHex(verified.value.digest);
  const arrival: Arrival = {
    part: verified.value,
    octets,
    devices: devices.value,
    imageId,
    setId: `${imageId}/${setDigest}`,
    request: {
      srv: '11.1',
      requestId: part.requestId,
      digest,
      atMs: intake.nowMs(),
      imageId,
      ...runOf(verified.value),
    },
  };
  return store.transact((state) => decide(intake, state, arrival));
}

interface Arrival {
  readonly part: VerifiedPart;
  readonly octets: Uint8Array;
  readonly devices: Uint8Array;
  readonly imageId: string;
  readonly setId: string;
  readonly request: PartRequest;
}

function decide(intake: Intake, state: StoreState, arrival: Arrival): Decision<Answer<PartAccepted>> {
  const { part, octets, devices, imageId, setId, request } = arrival;
  // Again, for another one may have come between.
  const before = repeated(state, request.requestId, request.digest);
  if (before !== undefined) return { changes: [], value: before };
  const refusal = objection(intake.settings, state, arrival);
  if (refusal !== undefined) return { changes: [], value: refusal };

  const { manifest } = part;
  const image = state.images.get(imageId);
  const set = state.sets.get(setId);
  const inSet: PartRequest = { ...request, setId };
  const blocks = [...blocksFrom(part.firstBlock, part.blocks.length)];
  const record = imageRecord(image?.record, arrival);
  const changes: Change[] = [];
  if (record !== image?.record) changes.push({ kind: 'image', value: record });
  if (set === undefined) {
    const deviceCount = devices.length / DEVICE_ID_BYTES;
    changes.push({
      kind: 'set',
      value: { setId, imageId, atMs: request.atMs, status: 'receiving', deviceCount },
      octets: devices,
    });
  }
  changes.push({ kind: 'request', value: inSet });
  const held = image === undefined ? undefined : withBlocks(image.held, blocks);
  const isNews = image === undefined || held?.durableCount !== image.held.durableCount;
  if (isNews) changes.push({ kind: 'run', value: { imageId, ...runOf(part) }, octets });
  const heldBlocks = held?.durableCount ?? blocks.length;
  const covered = set === undefined ? blocks.length : withBlocks(set.covered, blocks).durableCount;

  const answer = {
    requestId: request.requestId,
    imageId,
    repeated: false,
    heldBlocks,
    blockCount: manifest.blockCount,
  };
  // First, for the requests that made a set complete are forgotten before it is, and their blocks are then not among those covered.
  if (set?.record.status === 'complete') {
    // Late, or once more: this request has its answer at once, the others have had theirs.
    changes.push(response(intake, imageId, resultOf(intake, arrival), state.nextEntry, request.requestId));
    return { changes, value: accept({ ...answer, answered: true }) };
  }
  if (covered < manifest.blockCount) return { changes, value: accept({ ...answer, answered: false }) };
  return {
    changes: [...changes, ...completion(intake, state, arrival, record, image, set)],
    value: accept({ ...answer, answered: true }),
  };
}

/** Every block is held with this change: the check of the whole, and one response for each part's request. */
function completion(
  intake: Intake,
  state: StoreState,
  arrival: Arrival,
  record: ImageRecord,
  image: ImageState | undefined,
  set: SetState | undefined,
): readonly Change[] {
  const { part, imageId, setId, request } = arrival;
  const requestIds = [...(set?.requestIds ?? []), request.requestId];
  const changes: Change[] = [];
  if (record.status === 'receiving') {
    const blocks =
      image === undefined
        ? Array.from<Uint8Array | undefined>({ length: part.manifest.blockCount })
        : blocksOf(image, (at) => intake.store.readPart(at));
    putPart(blocks, arrival.octets);
    const signatures = record.gbcsSignatures.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
    const whole = runTask(checkWhole(part.manifest, blocks, signatures, intake.trust.supplier), intake.crypto);
    if (!whole.ok) {
      const code = whole.fault.code === 'gbcsSignature' ? 'gbcs-signature' : 'image-hash-mismatch';
      const message = `${whole.fault.detail}; nothing of this image is kept, send it again`;
      return [
        ...failSet(state, requestIds, request, intake.nowMs(), code, message),
        { kind: 'remove', value: { what: 'set', key: setId } },
        { kind: 'remove', value: { what: 'image', key: imageId } },
      ];
    }
    const gbcsSignatures = [Buffer.from(whole.value).toString('base64')];
    changes.push({ kind: 'image', value: { ...record, status: 'held', gbcsSignatures } });
  }
  const result = resultOf(intake, arrival);
  return [
    ...changes,
    { kind: 'set-complete', value: { setId } },
    ...requestIds.map((id, i) => response(intake, imageId, result, state.nextEntry + i, id)),
  ];
}

/** A failed response for each request of a set, and the requests cut loose from it. `last` is not in the state yet. */
export function failSet(
  state: StoreState,
  requestIds: readonly string[],
  last: PartRequest | undefined,
  atMs: number,
  code: 'gbcs-signature' | 'image-hash-mismatch' | 'abandoned',
  message: string,
): readonly Change[] {
  return requestIds.flatMap((requestId, i): readonly Change[] => {
    const known = requestId === last?.requestId ? last : state.requests.get(requestId);
    const value: EntryRecord = {
      number: state.nextEntry + i,
      kind: 'response',
      requestId,
      srv: '11.1',
      atMs,
      code,
      message,
    };
    return [...cutLoose(known), { kind: 'entry', value }];
  });
}

/** A request that outlives its set must not count for a later one of the same name. */
export function cutLoose(request: RequestRecord | undefined): readonly Change[] {
  return request?.srv === '11.1' ? [{ kind: 'request', value: withoutSet(request) }] : [];
}

/** What the responses of a set say of its image: worked out once, for the list may be long. */
function resultOf({ inventory }: Intake, { part, devices }: Arrival): ImageResult {
  const { imageHash, fileVersion } = part.manifest;
  const deviceIds: string[] = [];
  let unknownCount = 0;
  for (let at = 0; at < devices.length; at += DEVICE_ID_BYTES) {
    const deviceId = formatDeviceId(devices.subarray(at, at + DEVICE_ID_BYTES));
    if (inventory.devices.has(deviceId)) continue;
    unknownCount += 1;
    if (deviceIds.length < UNKNOWN_DEVICES_SHOWN_MAX) deviceIds.push(deviceId);
  }
  return {
    firmwareHash: toHex(imageHash),
    fileVersion,
    deviceCount: devices.length / DEVICE_ID_BYTES,
    ...(unknownCount === 0 ? {} : { unknown: { deviceCount: unknownCount, deviceIds } }),
  };
}

function response(intake: Intake, imageId: string, image: ImageResult, number: number, requestId: string): Change {
  const { deviceCount, unknown } = image;
  const lacking =
    unknown === undefined
      ? ''
      : `; the inventory lacks ${unknown.deviceCount} of the ${deviceCount} devices, the first is ${unknown.deviceIds[0]}: an 11.3 for them will be refused until they are added`;
  const message = `every block of image ${imageId.slice(0, 16)}… is held; no meter has been touched yet${lacking}`;
  return {
    kind: 'entry',
    value: { number, kind: 'response', requestId, srv: '11.1', atMs: intake.nowMs(), code: 'success', message, image },
  };
}

function objection(settings: DcoSettings, state: StoreState, arrival: Arrival): Answer<never> | undefined {
  const { octets, devices, imageId, setId } = arrival;
  const image = state.images.get(imageId);
  const set = state.sets.get(setId);
  if (state.requests.size >= settings.requestsMax) {
    return refuse(
      'quota-exceeded',
      `${settings.requestsMax} requests are remembered; acknowledge responses, or wait until old ones expire`,
    );
  }
  if (image === undefined && state.images.size >= settings.imagesMax) {
    return refuse('quota-exceeded', `${settings.imagesMax} images are held; wait until one expires`);
  }
  if (image?.record.status === 'receiving' && set === undefined) {
    return refuse(
      'device-list-differs',
      'the other parts of this image came for another list of devices; all parts of an image name the same',
    );
  }
  if (set !== undefined && set.requestIds.size >= PARTS_PER_SET_MAX) {
    return refuse('too-many-parts', `an image comes in at most ${PARTS_PER_SET_MAX} parts`);
  }
  const moreBytes = octets.length + (set === undefined ? devices.length : 0);
  if (state.heldBytes + moreBytes > settings.heldBytesMax) {
    return refuse(
      'quota-exceeded',
      `${state.heldBytes} of ${settings.heldBytesMax} octets are held; wait until an image expires, or give the store more`,
    );
  }
  return undefined;
}

function imageRecord(known: ImageRecord | undefined, arrival: Arrival): ImageRecord {
  const { part, imageId, request } = arrival;
  const gbcsSignature = Buffer.from(part.gbcsSignature).toString('base64');
  if (known === undefined) {
    return {
      imageId,
      atMs: request.atMs,
      usedAtMs: request.atMs,
      status: 'receiving',
      manifest: Buffer.from(part.manifest.octets).toString('base64'),
      otaHeader: Buffer.from(part.otaHeader).toString('base64'),
      gbcsSignatures: [gbcsSignature],
    };
  }
  const { status, gbcsSignatures } = known;
  // Held: one that holds is known. Otherwise a new one is a candidate, for the first may have been the false one.
  if (
    status === 'held' ||
    gbcsSignatures.includes(gbcsSignature) ||
    gbcsSignatures.length >= GBCS_SIGNATURES_PER_IMAGE_MAX
  )
    return known;
  return { ...known, gbcsSignatures: [...gbcsSignatures, gbcsSignature] };
}

/** The answer that this request had, when it was here before. */
function repeated(state: StoreState, requestId: string, digest: string): Answer<PartAccepted> | undefined {
  const known = state.requests.get(requestId);
  if (known === undefined) return undefined;
  if (known.digest !== digest || known.srv !== '11.1') return reused(requestId);
  const image = state.images.get(known.imageId);
  return accept({
    requestId,
    imageId: known.imageId,
    repeated: true,
    answered: state.entriesOf.has(requestId),
    heldBlocks: image?.held.durableCount ?? 0,
    blockCount: image?.manifest.blockCount ?? 0,
  });
}

export function reused(requestId: string): Answer<never> {
  return refuse(
    'request-id-reused',
    `request ${requestId} was here before and asked for something else; count the originator counter up`,
  );
}

/** Ascending, 8 octets each. */
function deviceList(ids: readonly Uint8Array[]): Answer<Uint8Array> {
  if (ids.length < 1 || ids.length > DEVICES_PER_IMAGE_MAX) {
    return refuse('too-many-devices', `a part is for 1 to ${DEVICES_PER_IMAGE_MAX} devices, not ${ids.length}`);
  }
  const sorted = ids.toSorted((a, b) => Buffer.compare(a, b));
  const list = new Uint8Array(sorted.length * DEVICE_ID_BYTES);
  for (const [i, id] of sorted.entries()) {
    if (i > 0 && Buffer.compare(sorted[i - 1]!, id) === 0)
      return refuse('bad-request', `device ${toHex(id)} is named twice`);
    list.set(id, i * DEVICE_ID_BYTES);
  }
  return accept(list);
}

function runOf(part: VerifiedPart): { readonly firstBlock: number; readonly blockRun: number } {
  return { firstBlock: part.firstBlock, blockRun: part.blocks.length };
}

const DEVICE_ID_BYTES = 8;
const ASKED = new TextEncoder().encode('11.1\0');
