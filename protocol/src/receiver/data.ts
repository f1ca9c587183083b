/** DATA, PING and MAP in a session: gather, check, store, record, acknowledge (SPEC.md §10.4). */
import { equalOctets } from '../layout/octets.js';
import {
  MAP_BLOCKS_MAX,
  SACK_AGE_MS_MAX,
  SACK_BITMAP_BITS,
  SACK_DURABLE_OCTETS_MAX,
  SACK_FRAMES_MAX,
  SACK_RANGES_MAX,
  SIGNATURE_BYTES,
} from '../limits.js';
import { HOST_TYPES, type Data } from '../message/host-messages.js';
import { blockBytes } from '../package/manifest.js';
import { bitmapSlice, firstHole, hasBlock } from '../staging/block-map.js';
import { isComplete, markDurable, type HeldImage } from '../staging/staging.js';
import { rangesOf, wholeBlock, withFragment } from './open-blocks.js';
import type {
  OpenBlock,
  ReceiverEffect,
  ReceiverInput,
  ReceiverState,
  ReceiverStep,
  Session,
} from './receiver-types.js';
import { refuse, send, to } from './replies.js';

/** A receiver with a running session and the image that it is for. */
export type Receiving = ReceiverState & { readonly session: Session; readonly held: HeldImage };

/** True when DATA is taken. */
export function isReceiving(state: ReceiverState): state is Receiving {
  return hasSession(state) && state.activity.kind === 'idle';
}

/** Results of earlier effects count as long as the session lives, even while an offer is checked: else its blocks would wait for ever. */
function hasSession(state: ReceiverState): state is Receiving {
  return state.session !== undefined && state.held !== undefined;
}

export function onData(state: Receiving, data: Data, sequence: number, nowMs: number): ReceiverStep {
  const { held, session } = state;
  const manifest = held.manifest;
  if (sequence === 0) return to(state);
  if (data.block >= manifest.blockCount || data.offsetBytes + data.octets.length > blockBytes(manifest, data.block)) {
    return to(
      counted(state, sequence, nowMs, 0).state,
      nack(state, sequence, 'outside', data.block, data.offsetBytes, data.octets.length),
    );
  }
  const known = session.open.find(({ block }) => block === data.block);
  const durable = hasBlock(held.map, data.block);
  // No room: as if the line had lost it. A host that keeps to its credit meets this only when blocks of an earlier session gave some of it.
  if (known === undefined && !durable && session.open.length >= session.windowBlocks) return to(state);
  const { state: heard, gap } = counted(state, sequence, nowMs, data.octets.length);
  const effects: ReceiverEffect[] = [];
  let next: Receiving = heard;
  if (!durable && (known === undefined || known.stage === 'gathering')) {
    const start: OpenBlock = known ?? { block: data.block, fragments: [], stage: 'gathering' };
    // A copy: what a link delivers may be a small view of a large buffer, or a buffer that it uses again.
    const open = withFragment(start, { offsetBytes: data.offsetBytes, octets: data.octets.slice() });
    const whole = wholeBlock(open, blockBytes(manifest, data.block));
    next = withOpen(
      next,
      whole === undefined ? open : { ...open, fragments: [{ offsetBytes: 0, octets: whole }], stage: 'checking' },
    );
    if (whole !== undefined) effects.push({ kind: 'check-block', image: held, block: data.block, octets: whole });
  }
  if (gap || next.session.framesSinceSack >= SACK_FRAMES_MAX) return withSack(next, 0, nowMs, effects);
  // What is under way to flash comes first, and the SACK then says that it is there.
  const underWay = next.session.open.some(({ stage }) => stage !== 'gathering');
  if (isOld(next.session, nowMs) && !underWay) return withSack(next, 0, nowMs, effects);
  const step = recordIfDue(next, nowMs);
  return to(step.state, ...effects, ...step.effects);
}

function isOld(session: Session, nowMs: number): boolean {
  return nowMs - session.lastSackAtMs >= SACK_AGE_MS_MAX;
}

/** An intact header with a spoilt body: the frame did not come, but what it carried can be asked for at once. */
export function onSpoiltData(
  state: Receiving,
  sequence: number,
  block: number,
  offsetBytes: number,
  lengthBytes: number,
): ReceiverStep {
  return to(state, nack(state, sequence, 'spoilt', block, offsetBytes, lengthBytes));
}

export function onBlockChecked(
  state: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'block-checked' }>,
): ReceiverStep {
  const open = state.session?.open.find(({ block, stage }) => block === input.block && stage === 'checking');
  if (open === undefined || !hasSession(state) || !isOf(open, input.octets)) return to(state);
  const { manifest } = state.held;
  if (!input.ok) {
    // Nothing unauthenticated reaches the slot; the block stays open, its octets are forgotten.
    const emptied = withOpen(state, { ...open, fragments: [], stage: 'gathering' });
    return to(emptied, nack(state, 0, 'signature', input.block, 0, blockBytes(manifest, input.block)));
  }
  const payload = input.octets.subarray(0, input.octets.length - SIGNATURE_BYTES);
  const offsetBytes = input.block * 2 ** manifest.blockShift;
  return to(withOpen(state, { ...open, stage: 'storing' }), {
    kind: 'store-block',
    block: input.block,
    offsetBytes,
    payload,
  });
}

export function onBlockStored(
  state: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'block-stored' }>,
  nowMs: number,
): ReceiverStep {
  const open = state.session?.open.find(({ block, stage }) => block === input.block && stage === 'storing');
  if (open === undefined || !hasSession(state)) return to(state);
  if (!input.ok) return storageFailed(state);
  return recordIfDue(withOpen(state, { ...open, stage: 'stored' }), nowMs);
}

export function onBlocksRecorded(
  state: ReceiverState,
  input: Extract<ReceiverInput, { kind: 'blocks-recorded' }>,
  nowMs: number,
): ReceiverStep {
  if (!hasSession(state)) return to(state);
  if (!input.ok) return storageFailed(state);
  const { session, held, tally } = state;
  // The record may have been asked for by the session before this one: its blocks are durable all the same, and give credit, since a host that
  // does not know it yet opens them again.
  const fresh = input.blocks.filter((block) => !hasBlock(held.map, block));
  const storedBytes = fresh.reduce((sum, block) => sum + blockBytes(held.manifest, block), 0);
  const open = session.open.filter(({ block }) => !input.blocks.includes(block));
  const durableInSession = session.durableInSession + fresh.length;
  const next: Receiving = {
    ...state,
    held: markDurable(held, fresh),
    tally: tally === undefined ? undefined : { ...tally, storedBytes: tally.storedBytes + storedBytes },
    session: { ...session, open, durableInSession, recording: false },
  };
  const due = durableInSession - session.durableAtLastSack >= sackEveryBlocks(session) || isOld(session, nowMs);
  const say = session.pingToAnswer !== undefined || due || isComplete(next.held);
  const said: Said = say ? withSack(next, session.pingToAnswer ?? 0, nowMs) : { state: next, effects: [] };
  const more = recordIfDue(said.state, nowMs);
  return to(more.state, ...said.effects, ...more.effects);
}

export function onPing(state: Receiving, sequence: number, nowMs: number): ReceiverStep {
  const asked: Receiving = { ...state, session: { ...state.session, pingToAnswer: sequence, heardAtMs: nowMs } };
  if (asked.session.recording || storedBlocks(asked.session).length > 0) return recordIfDue(asked, nowMs);
  return withSack(asked, sequence, nowMs);
}

export function onGetMap(state: Receiving, firstBlock: number, sequence: number, nowMs: number): ReceiverStep {
  const { map } = state.held;
  const from = firstBlock & ~7;
  const count = Math.max(0, Math.min(MAP_BLOCKS_MAX, map.blockCount - from));
  const heard: Receiving = { ...state, session: { ...state.session, heardAtMs: nowMs } };
  return to(
    heard,
    send(heard, sequence, { kind: 'map', firstBlock: from, count, bitmap: bitmapSlice(map, from, count) }),
  );
}

function isOf(open: OpenBlock, octets: Uint8Array): boolean {
  const whole = open.fragments[0]?.octets;
  return whole === octets || (whole !== undefined && equalOctets(whole, octets));
}

function sackEveryBlocks(session: Session): number {
  // A window of two or three blocks is used up before two are durable when one was lost.
  return session.windowBlocks < 4 ? 1 : Math.max(2, session.windowBlocks >> 2);
}

function storedBlocks(session: Session): number[] {
  return session.open.filter(({ stage }) => stage === 'stored').map(({ block }) => block);
}

/** One record names many blocks, so blocks wait for each other: until a SACK is due, the image is whole, or the host asks. */
function recordIfDue(state: Receiving, nowMs: number): ReceiverStep {
  const { session, held } = state;
  const blocks = storedBlocks(session);
  if (session.recording || blocks.length === 0) return to(state);
  const last = held.map.durableCount + blocks.length === held.map.blockCount;
  const due =
    last || session.pingToAnswer !== undefined || isOld(session, nowMs) || blocks.length >= sackEveryBlocks(session);
  if (!due) return to(state);
  return to({ ...state, session: { ...session, recording: true } }, { kind: 'record-blocks', blocks });
}

interface Counted {
  readonly state: Receiving;
  /** True when a sequence number below this one is newly missing. */
  readonly gap: boolean;
}

function counted(state: Receiving, sequence: number, nowMs: number, octets: number): Counted {
  const { session, tally } = state;
  const ahead = sequence - session.highest;
  const gap = ahead > 1;
  const mask = (1n << BigInt(SACK_BITMAP_BITS)) - 1n;
  let { highest, received, highestAtMs } = session;
  if (ahead > 0) {
    // The old highest becomes bit ahead − 1; nothing stands for sequence 0.
    const old = highest > 0 ? (received << 1n) | 1n : 0n;
    received = ahead > SACK_BITMAP_BITS ? 0n : (old << BigInt(ahead - 1)) & mask;
    highest = sequence;
    highestAtMs = nowMs;
  } else if (ahead < 0 && -ahead <= SACK_BITMAP_BITS) {
    received |= 1n << BigInt(-ahead - 1);
  }
  const framesSinceSack = session.framesSinceSack + 1;
  return {
    gap,
    state: {
      ...state,
      tally: tally === undefined ? undefined : { ...tally, receivedBytes: tally.receivedBytes + octets },
      session: { ...session, highest, received, highestAtMs, heardAtMs: nowMs, framesSinceSack },
    },
  };
}

function withOpen(state: Receiving, changed: OpenBlock): Receiving {
  const { session } = state;
  const at = session.open.findIndex(({ block }) => block === changed.block);
  const open = at < 0 ? [...session.open, changed] : session.open.with(at, changed);
  return { ...state, session: { ...session, open } };
}

interface Said {
  readonly state: Receiving;
  readonly effects: readonly ReceiverEffect[];
}

function withSack(state: Receiving, sequence: number, nowMs: number, before: readonly ReceiverEffect[] = []): Said {
  const { session, held, tally } = state;
  const { map } = held;
  const durableFrom = (firstHole(map) ?? map.blockCount) & ~7;
  const durable = trimmed(
    bitmapSlice(map, durableFrom, Math.min(SACK_DURABLE_OCTETS_MAX * 8, map.blockCount - durableFrom)),
  );
  const sack = send(state, sequence, {
    kind: 'sack',
    highest: session.highest,
    bitmap: octetsOf(session.received),
    creditBlocks: session.windowBlocks + session.durableInSession,
    heldMs: session.highest === 0 ? 0xffff : Math.min(0xffff, Math.max(0, Math.round(nowMs - session.highestAtMs))),
    durableCount: map.durableCount,
    durableFrom,
    durable,
    ranges: rangesOf(session.open, SACK_RANGES_MAX),
    receivedBytes: (tally === undefined ? 0 : tally.receivedBytesBefore + tally.receivedBytes) % 2 ** 32,
    storedBytes: (tally === undefined ? 0 : tally.storedBytesBefore + tally.storedBytes) % 2 ** 32,
  });
  const said: Session = {
    ...session,
    durableAtLastSack: session.durableInSession,
    framesSinceSack: 0,
    lastSackAtMs: nowMs,
    // A SACK that nobody asked for is no answer: the PING still earns its own.
    pingToAnswer: sequence === 0 ? session.pingToAnswer : undefined,
  };
  return { state: { ...state, session: said }, effects: [...before, sack] };
}

function octetsOf(bitmap: bigint): Uint8Array {
  return Uint8Array.from({ length: SACK_BITMAP_BITS / 8 }, (_, i) => Number((bitmap >> BigInt(8 * i)) & 0xffn));
}

function trimmed(bitmap: Uint8Array): Uint8Array {
  const last = bitmap.findLastIndex((octet) => octet !== 0);
  return bitmap.slice(0, last + 1);
}

function nack(
  state: Receiving,
  sequence: number,
  cause: 'spoilt' | 'signature' | 'outside',
  block: number,
  offsetBytes: number,
  lengthBytes: number,
): ReceiverEffect {
  return send(state, sequence, { kind: 'nack', cause, block, offsetBytes, lengthBytes });
}

/** Flash failed: the session ends with a refusal; what was durable stays so. */
function storageFailed(state: Receiving): ReceiverStep {
  return to({ ...state, session: undefined }, refuse(state, 0, HOST_TYPES.data, 'storageFailed'));
}
