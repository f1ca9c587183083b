/** What the journal adds up to. Only {@link applyChange} writes it; everybody else reads. */
import { decodeManifest, emptyMap, withBlocks } from '@smets1/protocol';
import type { BlockMap, Manifest } from '@smets1/protocol';
import { DcoError } from '../error.js';
import { EMPTY_LEDGER } from '../ledger/ledger.js';
import type { Ledger } from '../ledger/ledger.js';
import { applyLedgerChange, ledgerChanges } from '../ledger/ledger-change.js';
import { withoutSet } from './records.js';
import type {
  Change,
  CounterRecord,
  EntryRecord,
  ImageRecord,
  MeterRecord,
  ReleaseRequest,
  Removal,
  RequestRecord,
  SetRecord,
} from './records.js';

export interface Run {
  readonly firstBlock: number;
  readonly blockRun: number;
  /** Where the part is in the journal, and how much of it. */
  readonly sequence: number;
  readonly bytes: number;
}

export interface ImageState {
  readonly record: ImageRecord;
  readonly manifest: Manifest;
  /** In the order in which they came. A later one never replaces what an earlier one brought. */
  readonly runs: readonly Run[];
  readonly held: BlockMap;
}

export interface SetState {
  readonly record: SetRecord;
  /** 8 octets each, ascending. */
  readonly devices: Uint8Array;
  readonly requestIds: ReadonlySet<string>;
  /** Blocks that the requests of this set brought. */
  readonly covered: BlockMap;
}

export interface StoreState {
  readonly images: ReadonlyMap<string, ImageState>;
  readonly sets: ReadonlyMap<string, SetState>;
  readonly requests: ReadonlyMap<string, RequestRecord>;
  /** 11.3 not done, in the order in which they came. */
  readonly pending: ReadonlyMap<string, ReleaseRequest>;
  /** The one of them that a meter has, at most one each. */
  readonly pendingOf: ReadonlyMap<string, string>;
  readonly entries: ReadonlyMap<number, EntryRecord>;
  readonly entriesOf: ReadonlyMap<string, readonly number[]>;
  readonly meters: ReadonlyMap<string, MeterRecord>;
  readonly counters: ReadonlyMap<string, CounterRecord>;
  /** The daily capacity for large images: what was started, and what is agreed. */
  readonly ledger: Ledger;
  readonly acknowledgedUpTo: number;
  readonly nextEntry: number;
  /** Octets of parts and device lists alive. */
  readonly heldBytes: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] extends ReadonlyMap<infer A, infer B> ? Map<A, B> : T[K] };
export type MutableState = Writable<StoreState>;

export function emptyState(): MutableState {
  return {
    images: new Map(),
    sets: new Map(),
    requests: new Map(),
    pending: new Map(),
    pendingOf: new Map(),
    entries: new Map(),
    entriesOf: new Map(),
    meters: new Map(),
    counters: new Map(),
    ledger: EMPTY_LEDGER,
    acknowledgedUpTo: 0,
    nextEntry: 1,
    heldBytes: 0,
  };
}

/** @param sequence - Where the change is in the journal. @throws {@link DcoError} `storage-corrupt` for what can follow from no history. */
export function applyChange(state: MutableState, change: Change, sequence: number): void {
  switch (change.kind) {
    case 'image': {
      const known = state.images.get(change.value.imageId);
      const manifest = known?.manifest ?? manifestOf(change.value);
      const kept = known ?? { runs: [], held: emptyMap(manifest.blockCount) };
      state.images.set(change.value.imageId, { runs: kept.runs, held: kept.held, manifest, record: change.value });
      return;
    }
    case 'run': {
      const { imageId, firstBlock, blockRun } = change.value;
      const image = required(state.images.get(imageId), imageId);
      const bytes = change.octets.length;
      const runs = [...image.runs, { firstBlock, blockRun, sequence, bytes }];
      state.images.set(imageId, { ...image, runs, held: withBlocks(image.held, blocksFrom(firstBlock, blockRun)) });
      state.heldBytes += bytes;
      return;
    }
    case 'set': {
      const { setId, imageId } = change.value;
      const { manifest } = required(state.images.get(imageId), imageId);
      const devices = change.octets.slice();
      state.sets.set(setId, {
        record: change.value,
        devices,
        requestIds: new Set(),
        covered: emptyMap(manifest.blockCount),
      });
      state.heldBytes += devices.length;
      return;
    }
    case 'set-complete': {
      const { setId } = change.value;
      const set = required(state.sets.get(setId), setId);
      state.sets.set(setId, { ...set, record: { ...set.record, status: 'complete' } });
      return;
    }
    case 'request':
      return applyRequest(state, change.value);
    case 'entry': {
      const { number, requestId } = change.value;
      state.entries.set(number, change.value);
      state.entriesOf.set(requestId, [...(state.entriesOf.get(requestId) ?? []), number]);
      state.nextEntry = Math.max(state.nextEntry, number + 1);
      return;
    }
    case 'acknowledged':
      state.acknowledgedUpTo = Math.max(state.acknowledgedUpTo, change.value.upTo);
      state.nextEntry = Math.max(state.nextEntry, change.value.upTo + 1);
      return;
    case 'meter':
      state.meters.set(change.value.deviceId, change.value);
      return;
    case 'counter':
      state.counters.set(change.value.deviceId, change.value);
      return;
    case 'remove':
      return applyRemoval(state, change.value);
    case 'starts':
    case 'schedule':
    case 'capacity':
    case 'incident':
    case 'ledger-day':
    case 'ledger-remove':
      state.ledger = applyLedgerChange(state.ledger, change);
  }
}

function applyRequest(state: MutableState, request: RequestRecord): void {
  state.requests.set(request.requestId, request);
  if (request.srv === '11.3') {
    if (request.stage === 'done') {
      state.pending.delete(request.requestId);
      if (state.pendingOf.get(request.deviceId) === request.requestId) state.pendingOf.delete(request.deviceId);
    } else {
      state.pending.set(request.requestId, request);
      state.pendingOf.set(request.deviceId, request.requestId);
    }
  }
  if (request.srv !== '11.1' || request.setId === undefined) return;
  const set = state.sets.get(request.setId);
  if (set === undefined) return;
  const covered = withBlocks(set.covered, blocksFrom(request.firstBlock, request.blockRun));
  state.sets.set(request.setId, { ...set, covered, requestIds: new Set([...set.requestIds, request.requestId]) });
}

function applyRemoval(state: MutableState, { what, key }: Removal): void {
  switch (what) {
    case 'image':
      for (const run of state.images.get(key)?.runs ?? []) state.heldBytes -= run.bytes;
      state.images.delete(key);
      return;
    case 'set':
      state.heldBytes -= state.sets.get(key)?.devices.length ?? 0;
      state.sets.delete(key);
      return;
    case 'request':
      // Nothing pending is ever removed.
      state.requests.delete(key);
      return;
    case 'entry': {
      const entry = state.entries.get(key);
      state.entries.delete(key);
      if (entry === undefined) return;
      const left = (state.entriesOf.get(entry.requestId) ?? []).filter((number) => number !== key);
      if (left.length > 0) state.entriesOf.set(entry.requestId, left);
      else state.entriesOf.delete(entry.requestId);
    }
  }
}

/** Whether a list of device ids, 8 octets each and ascending, has this one. */
function listHas(devices: Uint8Array, deviceId: Uint8Array): boolean {
  let low = 0;
  let high = devices.length / 8;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = Buffer.compare(devices.subarray(middle * 8, middle * 8 + 8), deviceId);
    if (order === 0) return true;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Whether a complete set of this image names the device. */
export function isListed(state: StoreState, imageId: string, deviceId: Uint8Array): boolean {
  for (const { record, devices } of state.sets.values()) {
    if (record.imageId === imageId && record.status === 'complete' && listHas(devices, deviceId)) return true;
  }
  return false;
}

/** The shortest list of changes that leads here; parts are read from the journal that holds them. */
export function* liveChanges(state: StoreState, octetsOf: (sequence: number) => Uint8Array): Generator<Change> {
  for (const { record, runs } of state.images.values()) {
    yield { kind: 'image', value: record };
    for (const { firstBlock, blockRun, sequence } of runs) {
      yield { kind: 'run', value: { imageId: record.imageId, firstBlock, blockRun }, octets: octetsOf(sequence) };
    }
  }
  for (const { record, devices } of state.sets.values()) yield { kind: 'set', value: record, octets: devices };
  for (const request of state.requests.values()) {
    // A set of the same name may have come after the one that this request was for.
    const isOfSet = request.srv === '11.1' && state.sets.get(request.setId ?? '')?.requestIds.has(request.requestId);
    yield { kind: 'request', value: request.srv !== '11.1' || isOfSet === true ? request : withoutSet(request) };
  }
  for (const value of state.entries.values()) yield { kind: 'entry', value };
  if (state.acknowledgedUpTo > 0) yield { kind: 'acknowledged', value: { upTo: state.acknowledgedUpTo } };
  for (const value of state.meters.values()) yield { kind: 'meter', value };
  for (const value of state.counters.values()) yield { kind: 'counter', value };
  yield* ledgerChanges(state.ledger);
}

export function* blocksFrom(firstBlock: number, blockRun: number): Generator<number> {
  for (let index = firstBlock; index < firstBlock + blockRun; index += 1) yield index;
}

function manifestOf(record: ImageRecord): Manifest {
  const decoded = decodeManifest(Buffer.from(record.manifest, 'base64'));
  if (!decoded.ok)
    throw new DcoError(
      'storage-corrupt',
      `the manifest of image ${record.imageId} does not read: ${decoded.fault.detail}`,
    );
  return decoded.value;
}

function required<T>(found: T | undefined, name: string): T {
  if (found === undefined)
    throw new DcoError(
      'storage-corrupt',
      `a record speaks of ${name}, which no record made; restore the directory from a copy`,
    );
  return found;
}
