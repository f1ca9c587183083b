/** What the DCO tells of itself: the shapes of its JSON answers. */
import { toHex } from '@smets1/protocol';
import type { WaitReason } from './ledger/may-start.js';
import type { CapacityWait } from './s1sp/capacity-gate.js';
import type { EntryRecord, MeterRecord, RequestRecord } from './store/records.js';
import type { ImageState, StoreState } from './store/state.js';

export interface RequestView {
  readonly requestId: string;
  readonly srv: '11.1' | '11.2' | '11.3';
  /** 11.1: `held` until the response; 11.2: `requested`; 11.3: its stage, or that it waits for capacity. Then `answered`. */
  readonly state: 'held' | 'requested' | 'waiting-capacity' | 'forwarding' | 'sealed' | 'activating' | 'answered';
  readonly at: string;
  readonly deviceId?: string;
  readonly imageId?: string;
  readonly executionDateTime?: string;
  /** Of `waiting-capacity`: why, and no earlier than when, by what is agreed now; without a date nobody can say. */
  readonly waiting?: { readonly because: WaitReason; readonly notBefore?: string };
  /** Everything that went, or waits to go, to the Supplier for this request. */
  readonly responses: readonly EntryRecord[];
}

export interface ImageView {
  readonly imageId: string;
  readonly firmwareHash: string;
  readonly fileVersion: number;
  readonly imageBytes: number;
  readonly state: 'receiving' | 'held';
  readonly heldBlocks: number;
  readonly blockCount: number;
  /** First and last block of each run that is missing; at most the first few. */
  readonly missing: readonly (readonly [number, number])[];
  readonly sets: readonly {
    readonly state: 'receiving' | 'complete';
    readonly deviceCount: number;
    readonly partCount: number;
    readonly at: string;
  }[];
}

export interface MeterView {
  readonly deviceId: string;
  readonly address: string;
  readonly hasKey: boolean;
  /** The last that was heard of it. */
  readonly known?: MeterRecord;
  /** The 11.3 that is not done. */
  readonly pending?: RequestView;
}

export interface HealthView {
  /** `storage-failed`: what is held can be read, nothing more is taken until the DCO is started again. */
  readonly state: 'ok' | 'storage-failed';
  readonly heldBytes: number;
  readonly heldBytesMax: number;
  readonly images: number;
  readonly requests: number;
  readonly pendingReleases: number;
  /** Of them: large images for which the day has no capacity. */
  readonly waitingForCapacity: number;
  readonly busy: number;
  readonly unacknowledged: number;
}

export function requestView(state: StoreState, request: RequestRecord, wait?: CapacityWait): RequestView {
  const responses = (state.entriesOf.get(request.requestId) ?? []).flatMap((number) => state.entries.get(number) ?? []);
  const common = { requestId: request.requestId, at: new Date(request.atMs).toISOString(), responses };
  switch (request.srv) {
    case '11.1':
      return { ...common, srv: '11.1', imageId: request.imageId, state: responses.length > 0 ? 'answered' : 'held' };
    case '11.2':
      return {
        ...common,
        srv: '11.2',
        deviceId: request.deviceId,
        state: responses.length > 0 ? 'answered' : 'requested',
      };
    case '11.3': {
      const { deviceId, imageId, executionAtMs } = request;
      const date = executionAtMs === undefined ? {} : { executionDateTime: new Date(executionAtMs).toISOString() };
      return {
        ...common,
        ...date,
        srv: '11.3',
        deviceId,
        imageId,
        ...(wait === undefined
          ? { state: request.stage === 'done' ? 'answered' : request.stage }
          : { state: 'waiting-capacity', waiting: waitView(wait) }),
      };
    }
    case '11.3-cancel':
      return { ...common, srv: '11.3', deviceId: request.deviceId, state: 'answered' };
  }
}

function waitView({ because, untilMs }: CapacityWait): NonNullable<RequestView['waiting']> {
  return untilMs === undefined ? { because } : { because, notBefore: new Date(untilMs).toISOString() };
}

export function imageView(state: StoreState, image: ImageState): ImageView {
  const { record, manifest, held } = image;
  const sets = [...state.sets.values()].filter((set) => set.record.imageId === record.imageId);
  return {
    imageId: record.imageId,
    firmwareHash: toHex(manifest.imageHash),
    fileVersion: manifest.fileVersion,
    imageBytes: manifest.imageBytes,
    state: record.status,
    heldBlocks: held.durableCount,
    blockCount: manifest.blockCount,
    missing: missingRuns(image),
    sets: sets.map((set) => ({
      state: set.record.status,
      deviceCount: set.record.deviceCount,
      partCount: set.requestIds.size,
      at: new Date(set.record.atMs).toISOString(),
    })),
  };
}

const RUNS_SHOWN = 16;

function missingRuns({ manifest, runs }: ImageState): readonly (readonly [number, number])[] {
  const missing: (readonly [number, number])[] = [];
  let next = 0;
  const ascending = runs.toSorted((a, b) => a.firstBlock - b.firstBlock);
  for (const { firstBlock, blockRun } of [...ascending, { firstBlock: manifest.blockCount, blockRun: 0 }]) {
    if (firstBlock > next && missing.length < RUNS_SHOWN) missing.push([next, firstBlock - 1]);
    next = Math.max(next, firstBlock + blockRun);
  }
  return missing;
}
