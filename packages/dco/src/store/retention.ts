/**
 * What is forgotten, and when. Ages are modelled policy. Nothing goes while a response of it waits for its acknowledgement or a release
 * of it is not done.
 */
import { REMOVALS_PER_COMMIT_MAX } from '../limits.js';
import { cutLoose, failSet } from './intake.js';
import type { Change } from './records.js';
import type { DcoSettings } from './settings.js';
import type { StoreState } from './state.js';
import type { Store } from './store.js';

/** Removes what is too old, then rewrites the journal when that is worth it. Rejects as `transact` does. */
export async function sweep(store: Store, settings: DcoSettings, nowMs: number): Promise<void> {
  // One thing at a time: what is decided stays far below what one commit can hold.
  while (await store.transact((state) => ({ ...decided(abandoned(state, settings, nowMs)) })));
  while (await store.transact((state) => ({ ...decided(unused(state, settings, nowMs)) })));
  while (await store.transact((state) => ({ ...decided(answered(state, settings, nowMs)) })));
  await store.tidy();
}

function decided(changes: readonly Change[]): { readonly changes: readonly Change[]; readonly value: boolean } {
  return { changes, value: changes.length > 0 };
}

/** An incomplete set, its requests answered `abandoned`; and its image, when that never became whole. */
function abandoned(state: StoreState, settings: DcoSettings, nowMs: number): readonly Change[] {
  for (const { record, requestIds } of state.sets.values()) {
    if (record.status !== 'receiving' || nowMs - record.atMs < settings.abandonedMsMax) continue;
    const message =
      'the other parts of this image did not come in time; what was held of it is removed, send all parts again';
    const changes: Change[] = [
      ...failSet(state, [...requestIds], undefined, nowMs, 'abandoned', message),
      { kind: 'remove', value: { what: 'set', key: record.setId } },
    ];
    const image = state.images.get(record.imageId);
    if (image?.record.status === 'receiving')
      changes.push({ kind: 'remove', value: { what: 'image', key: record.imageId } });
    return changes;
  }
  return [];
}

/** A whole image that no request named for long, with its sets. */
function unused(state: StoreState, settings: DcoSettings, nowMs: number): readonly Change[] {
  for (const { record } of state.images.values()) {
    if (record.status !== 'held' || nowMs - record.usedAtMs < settings.unusedImageMsMax) continue;
    if ([...state.pending.values()].some(({ imageId }) => imageId === record.imageId)) continue;
    const sets = [...state.sets.values()].filter((set) => set.record.imageId === record.imageId);
    if (sets.some((set) => set.record.status === 'receiving' || [...set.requestIds].some((id) => isOwed(state, id))))
      continue;
    // One set a commit: each may bring the requests of a thousand parts along.
    const [set] = sets;
    if (set === undefined) return [{ kind: 'remove', value: { what: 'image', key: record.imageId } }];
    return [
      ...[...set.requestIds].flatMap((id) => cutLoose(state.requests.get(id))),
      { kind: 'remove', value: { what: 'set', key: set.record.setId } },
    ];
  }
  return [];
}

/** A batch of requests whose every response is acknowledged and old. */
function answered(state: StoreState, settings: DcoSettings, nowMs: number): readonly Change[] {
  const changes: Change[] = [];
  for (const request of state.requests.values()) {
    const { requestId } = request;
    const entries = state.entriesOf.get(requestId) ?? [];
    if (entries.length === 0 || isOwed(state, requestId) || state.pending.has(requestId)) continue;
    if (request.srv === '11.3-cancel' && request.toRevoke !== undefined) continue;
    const lastMs = Math.max(...entries.map((number) => state.entries.get(number)?.atMs ?? 0));
    if (nowMs - lastMs < settings.answeredMsMax) continue;
    for (const key of entries) changes.push({ kind: 'remove', value: { what: 'entry', key } });
    changes.push({ kind: 'remove', value: { what: 'request', key: requestId } });
    if (changes.length >= REMOVALS_PER_COMMIT_MAX) break;
  }
  return changes;
}

/** Whether a response of this request is not acknowledged. */
function isOwed(state: StoreState, requestId: string): boolean {
  return (state.entriesOf.get(requestId) ?? []).some((number) => number > state.acknowledgedUpTo);
}
