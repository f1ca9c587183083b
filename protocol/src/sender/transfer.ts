/**
 * The blocks of one session on their way: what is durable there, what is out, what must go again, and how large the next piece is.
 * Pure bookkeeping over SACK, NACK and time; the sender around it speaks.
 */
import {
  ACK_DELAY_MS_MAX,
  BURST_MS_MAX,
  CLEAN_FRAMES_TO_GROW,
  FRAGMENT_BYTES_MIN,
  FRAGMENT_MS_MAX,
  FRAME_PAYLOAD_BYTES_MAX,
  PROBES_MAX,
  REORDER_FRAMES,
  SACK_AGE_MS_MAX,
  WINDOW_BLOCKS_MAX,
  WINDOW_BYTES,
} from '../limits.js';
import { DATA_OVERHEAD_BYTES } from '../frame/frame.js';
import type { BlockRange, Sack } from '../message/sack.js';
import { emptyMap, hasBlock, isWhole, withBitmap, withBlocksBelow, type BlockMap } from '../staging/block-map.js';
import { UNKNOWN_ROUND_TRIP, backedOff, withSample, type RoundTrip } from './round-trip.js';

export interface InFlight extends BlockRange {
  readonly sequence: number;
  readonly sentAtMs: number;
}

export interface Probe {
  readonly request: number;
  /** DATA below this sequence was sent before the probe. */
  readonly dataBelow: number;
  readonly sentAtMs: number;
}

export interface BadSignature {
  readonly block: number;
  readonly count: number;
}

export interface Transfer {
  readonly sessionTag: number;
  readonly blockBytes: readonly number[];
  readonly durable: BlockMap;
  /** How many blocks something was sent of in this session; of these, the ones not durable yet, in that order. */
  readonly openedCount: number;
  readonly open: readonly number[];
  /** How often the meter found the signature of an open block bad. */
  readonly badSignatures: readonly BadSignature[];
  readonly creditBlocks: number;
  /** Next block to open is at or after this one. */
  readonly cursor: number;
  /** Rest of the block opened last. */
  readonly fresh: BlockRange | undefined;
  readonly repairs: readonly BlockRange[];
  readonly inFlight: readonly InFlight[];
  readonly outBytes: number;
  readonly nextSequence: number;
  readonly roundTrip: RoundTrip;
  /** Oldest first. On a line whose round trip is longer than the time between probes, the answer is never to the last one. */
  readonly probes: readonly Probe[];
  /** On a paced line: how long the meter may gather blocks before it says so. */
  readonly ackDelayMs: number;
  /** When silence becomes suspicious. */
  readonly probeAtMs: number;
  readonly fragmentBytes: number;
  readonly fragmentBytesMax: number;
  readonly cleanFrames: number;
  /** Losses of frames below this sequence belong to a shrink that was already made. */
  readonly shrunkBelow: number;
  readonly nextSendAtMs: number;
  readonly progressAtMs: number;
  readonly lostFrames: number;
}

export interface TransferStart {
  readonly sessionTag: number;
  readonly blockBytes: readonly number[];
  readonly creditBlocks: number;
  /** As the meter says; brought into bounds here. */
  readonly fragmentBytesMax: number;
  /** Fragment that the line bore before, if it is known. */
  readonly fragmentBytes: number | undefined;
  readonly octetsPerSecond: number | undefined;
}

const NONE = -1;

export function startTransfer(start: TransferStart, nowMs: number): Transfer {
  const { sessionTag, blockBytes, creditBlocks, octetsPerSecond } = start;
  const lineBytesMax =
    octetsPerSecond === undefined ? Infinity : Math.floor((octetsPerSecond * FRAGMENT_MS_MAX) / 1000);
  const fragmentBytesMax = Math.max(
    FRAGMENT_BYTES_MIN,
    Math.min(start.fragmentBytesMax, lineBytesMax, FRAME_PAYLOAD_BYTES_MAX),
  );
  return {
    sessionTag,
    blockBytes,
    durable: emptyMap(blockBytes.length),
    openedCount: 0,
    open: [],
    badSignatures: [],
    creditBlocks,
    cursor: 0,
    fresh: undefined,
    repairs: [],
    inFlight: [],
    outBytes: 0,
    nextSequence: 1,
    roundTrip: UNKNOWN_ROUND_TRIP,
    probes: [],
    ackDelayMs: ackDelayMs(start),
    probeAtMs: nowMs + UNKNOWN_ROUND_TRIP.timeoutMs,
    fragmentBytes: Math.min(start.fragmentBytes ?? fragmentBytesMax, fragmentBytesMax),
    fragmentBytesMax,
    cleanFrames: 0,
    shrunkBelow: 0,
    nextSendAtMs: nowMs,
    progressAtMs: nowMs,
    lostFrames: 0,
  };
}

/** The meter says what is durable at the latest after a quarter of its window, or when its last word is old; then a frame may be under way. */
function ackDelayMs({ blockBytes, creditBlocks, octetsPerSecond }: TransferStart): number {
  if (octetsPerSecond === undefined) return 0;
  const blockMs = ((blockBytes[0] ?? 0) * 1000) / octetsPerSecond;
  return Math.min(Math.max(2, creditBlocks >> 2) * blockMs, SACK_AGE_MS_MAX + blockMs, ACK_DELAY_MS_MAX);
}

export function withDurable(transfer: Transfer, firstBlock: number, bitmap: Uint8Array): Transfer {
  return { ...transfer, durable: withBitmap(transfer.durable, firstBlock, bitmap) };
}

export function isDelivered(transfer: Transfer): boolean {
  return isWhole(transfer.durable);
}

/** All blocks are of one length but the last. */
export function durableBytes({ durable, blockBytes }: Transfer): number {
  const last = blockBytes.length - 1;
  const full = blockBytes[0] ?? 0;
  return durable.durableCount * full - (hasBlock(durable, last) ? full - (blockBytes[last] ?? 0) : 0);
}

/** The next DATA frames that window, credit and pace allow. */
export function takeFrames(
  transfer: Transfer,
  octetsPerSecond: number | undefined,
  nowMs: number,
): { transfer: Transfer; frames: readonly InFlight[] } {
  const frames: InFlight[] = [];
  let next = transfer;
  let sendAtMs = Math.max(transfer.nextSendAtMs, nowMs - BURST_MS_MAX);
  let outBytes = transfer.outBytes;
  let nextSequence = transfer.nextSequence;
  for (;;) {
    if (octetsPerSecond !== undefined && sendAtMs > nowMs) break;
    const piece = nextPiece(next);
    if (piece === undefined) break;
    const { range } = piece;
    if (outBytes > 0 && outBytes + range.lengthBytes > WINDOW_BYTES) break;
    next = piece.transfer;
    frames.push({ ...range, sequence: nextSequence++, sentAtMs: nowMs });
    outBytes += range.lengthBytes;
    if (octetsPerSecond !== undefined) sendAtMs += ((range.lengthBytes + DATA_OVERHEAD_BYTES) * 1000) / octetsPerSecond;
  }
  if (frames.length === 0) return { transfer, frames };
  const inFlight = [...next.inFlight, ...frames];
  const probeAtMs = transfer.inFlight.length === 0 ? suspiciousAtMs(next, nowMs) : next.probeAtMs;
  return { transfer: { ...next, inFlight, outBytes, nextSequence, nextSendAtMs: sendAtMs, probeAtMs }, frames };
}

/** True when a frame could go out but for the pace. */
export function hasWork(transfer: Transfer): boolean {
  const piece = nextPiece(transfer);
  return (
    piece !== undefined && (transfer.outBytes === 0 || transfer.outBytes + piece.range.lengthBytes <= WINDOW_BYTES)
  );
}

export function withProbe(transfer: Transfer, request: number, nowMs: number): Transfer {
  const next = { ...transfer, roundTrip: backedOff(transfer.roundTrip), probes: probesWith(transfer, request, nowMs) };
  return { ...next, probeAtMs: suspiciousAtMs(next, nowMs) };
}

/** A probe that no silence provoked: the first of a session. */
export function withFirstProbe(transfer: Transfer, request: number, nowMs: number): Transfer {
  return { ...transfer, probes: probesWith(transfer, request, nowMs) };
}

export function isProbe(transfer: Transfer, request: number): boolean {
  return transfer.probes.some((probe) => probe.request === request);
}

function probesWith(transfer: Transfer, request: number, nowMs: number): readonly Probe[] {
  return [...transfer.probes, { request, dataBelow: transfer.nextSequence, sentAtMs: nowMs }].slice(-PROBES_MAX);
}

function suspiciousAtMs(transfer: Transfer, nowMs: number): number {
  return nowMs + transfer.roundTrip.timeoutMs + transfer.ackDelayMs;
}

/** What a SACK says: `answers` is the request number of the frame that carried it. */
export function onSack(transfer: Transfer, sack: Sack, answers: number, nowMs: number): Transfer {
  if (sack.highest >= transfer.nextSequence) return transfer; // speaks of what was never sent
  const durable = withBitmap(transfer.durable, sack.durableFrom, sack.durable);
  const known = withBlocksBelow(durable, sack.durableFrom);
  const probed = transfer.probes.find(({ request }) => request === answers);
  const lostBelow = Math.max(sack.highest - REORDER_FRAMES + 1, probed?.dataBelow ?? 0);
  const stays: InFlight[] = [];
  const lost: InFlight[] = [];
  let outBytes = 0;
  let arrived = 0;
  for (const frame of transfer.inFlight) {
    if (hasBlock(known, frame.block) || cameThrough(sack, frame)) {
      arrived++;
    } else if (frame.sequence < lostBelow) {
      lost.push(frame);
    } else {
      stays.push(frame);
      outBytes += frame.lengthBytes;
    }
  }
  const progress = known.durableCount > transfer.durable.durableCount;
  const next: Transfer = {
    ...transfer,
    durable: known,
    open: progress ? transfer.open.filter((block) => !hasBlock(known, block)) : transfer.open,
    badSignatures: transfer.badSignatures.filter(({ block }) => !hasBlock(known, block)),
    creditBlocks: Math.max(transfer.creditBlocks, sack.creditBlocks),
    inFlight: stays,
    outBytes,
    probes: probed === undefined ? transfer.probes : transfer.probes.filter(({ request }) => request > probed.request),
    roundTrip: measured(transfer, sack, probed, nowMs),
    progressAtMs: progress ? nowMs : transfer.progressAtMs,
    cleanFrames: transfer.cleanFrames + arrived,
  };
  const repaired = withLost(next, lost);
  const settled = probed !== undefined && repaired.inFlight.length === 0 ? withForgotten(repaired, sack) : repaired;
  return grown({ ...settled, probeAtMs: suspiciousAtMs(settled, nowMs) });
}

/** A NACK: the octets go again; `sequence` is that of the spoilt frame, 0 when none is meant. */
export function onNack(transfer: Transfer, sequence: number, range: BlockRange): Transfer {
  const bytes = transfer.blockBytes[range.block];
  if (bytes === undefined || range.offsetBytes + range.lengthBytes > bytes || range.lengthBytes === 0) return transfer;
  if (hasBlock(transfer.durable, range.block)) return transfer;
  if (sequence === 0) {
    // The block as a whole instead of what was to be repaired of it, so that no number of NACKs makes the list longer than the image has blocks.
    if (!transfer.open.includes(range.block)) return transfer;
    const { block, offsetBytes, lengthBytes } = range;
    return {
      ...transfer,
      repairs: [...transfer.repairs.filter((repair) => repair.block !== block), { block, offsetBytes, lengthBytes }],
      badSignatures: [
        ...transfer.badSignatures.filter((bad) => bad.block !== block),
        { block, count: (transfer.badSignatures.find((bad) => bad.block === block)?.count ?? 0) + 1 },
      ],
    };
  }
  const frame = transfer.inFlight.find((out) => out.sequence === sequence);
  if (frame === undefined) return transfer;
  const inFlight = transfer.inFlight.filter((out) => out !== frame);
  return withLost({ ...transfer, inFlight, outBytes: transfer.outBytes - frame.lengthBytes }, [frame]);
}

interface Piece {
  readonly transfer: Transfer;
  readonly range: BlockRange;
}

function nextPiece(transfer: Transfer): Piece | undefined {
  const { repairs, fragmentBytes } = transfer;
  const at = repairs.findIndex(({ block }) => !hasBlock(transfer.durable, block));
  const repair = repairs[at];
  if (repair !== undefined) {
    const later = repairs.slice(at + 1);
    const { head, rest } = cut(repair, fragmentBytes);
    return { transfer: { ...transfer, repairs: rest === undefined ? later : [rest, ...later] }, range: head };
  }
  if (transfer.fresh !== undefined) {
    const { head, rest } = cut(transfer.fresh, fragmentBytes);
    return { transfer: { ...transfer, fresh: rest }, range: head };
  }
  if (transfer.openedCount >= transfer.creditBlocks) return undefined;
  // Whatever credit the meter gives: blocks that it never makes durable must not pile up here.
  if (transfer.open.length >= WINDOW_BLOCKS_MAX) return undefined;
  const block = nextUnopened(transfer);
  if (block === NONE) return undefined;
  const { head, rest } = cut({ block, offsetBytes: 0, lengthBytes: transfer.blockBytes[block]! }, fragmentBytes);
  return {
    transfer: {
      ...transfer,
      cursor: block + 1,
      openedCount: transfer.openedCount + 1,
      open: [...transfer.open, block],
      fresh: rest,
    },
    range: head,
  };
}

function nextUnopened(transfer: Transfer): number {
  for (let block = transfer.cursor; block < transfer.blockBytes.length; block++) {
    if (!hasBlock(transfer.durable, block)) return block;
  }
  return NONE;
}

function cut(range: BlockRange, bytes: number): { readonly head: BlockRange; readonly rest: BlockRange | undefined } {
  if (range.lengthBytes <= bytes) return { head: range, rest: undefined };
  const { block, offsetBytes, lengthBytes } = range;
  return {
    head: { block, offsetBytes, lengthBytes: bytes },
    rest: { block, offsetBytes: offsetBytes + bytes, lengthBytes: lengthBytes - bytes },
  };
}

function cameThrough(sack: Sack, frame: InFlight): boolean {
  const back = sack.highest - frame.sequence;
  if (back === 0) return true;
  if (back > 0 && back <= sack.bitmap.length * 8) {
    if (((sack.bitmap[(back - 1) >> 3] ?? 0) & (1 << ((back - 1) & 7))) !== 0) return true;
  }
  const end = frame.offsetBytes + frame.lengthBytes;
  return sack.ranges.some(
    (r) => r.block === frame.block && r.offsetBytes <= frame.offsetBytes && r.offsetBytes + r.lengthBytes >= end,
  );
}

/** No sequence is sent twice, so every sample is unambiguous. */
function measured(transfer: Transfer, sack: Sack, probed: Probe | undefined, nowMs: number): RoundTrip {
  if (probed !== undefined) return withSample(transfer.roundTrip, nowMs - probed.sentAtMs);
  const frame = transfer.inFlight.find(({ sequence }) => sequence === sack.highest);
  if (frame === undefined || sack.heldMs === 0xffff) return transfer.roundTrip;
  return withSample(transfer.roundTrip, Math.max(0, nowMs - frame.sentAtMs - sack.heldMs));
}

function withLost(transfer: Transfer, lost: readonly InFlight[]): Transfer {
  if (lost.length === 0) return transfer;
  const repairs = [...transfer.repairs];
  for (const { block, offsetBytes, lengthBytes } of lost) addMerged(repairs, { block, offsetBytes, lengthBytes });
  const lostFrames = transfer.lostFrames + lost.length;
  const news = lost.some(({ sequence }) => sequence >= transfer.shrunkBelow);
  if (!news) return { ...transfer, repairs, lostFrames, cleanFrames: 0 };
  const fragmentBytes = Math.max(FRAGMENT_BYTES_MIN, Math.floor(transfer.fragmentBytes / 2));
  return { ...transfer, repairs, lostFrames, cleanFrames: 0, fragmentBytes, shrunkBelow: transfer.nextSequence };
}

/**
 * Nothing is out, and yet blocks are missing: what the meter neither holds nor says it received goes again
 * (a block whose signature failed and whose NACK was lost).
 */
function withForgotten(transfer: Transfer, sack: Sack): Transfer {
  const repairs = [...transfer.repairs];
  const queued = new Set(repairs.map(({ block }) => block));
  for (const block of transfer.open) {
    if (block === transfer.fresh?.block || queued.has(block)) continue;
    const lengthBytes = transfer.blockBytes[block]!;
    let from = 0;
    const had = sack.ranges.filter((range) => range.block === block).toSorted((a, b) => a.offsetBytes - b.offsetBytes);
    for (const range of had) {
      if (range.offsetBytes > from)
        addMerged(repairs, { block, offsetBytes: from, lengthBytes: range.offsetBytes - from });
      from = Math.max(from, range.offsetBytes + range.lengthBytes);
    }
    if (from < lengthBytes) addMerged(repairs, { block, offsetBytes: from, lengthBytes: lengthBytes - from });
  }
  return { ...transfer, repairs };
}

function grown(transfer: Transfer): Transfer {
  if (transfer.cleanFrames < CLEAN_FRAMES_TO_GROW) return transfer;
  return {
    ...transfer,
    cleanFrames: 0,
    fragmentBytes: Math.min(2 * transfer.fragmentBytes, transfer.fragmentBytesMax),
  };
}

/** One more range at the end; neighbours that touch become one. */
function addMerged(ranges: BlockRange[], added: BlockRange): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.block === added.block && last.offsetBytes + last.lengthBytes === added.offsetBytes) {
    ranges[ranges.length - 1] = { ...last, lengthBytes: last.lengthBytes + added.lengthBytes };
  } else {
    ranges.push(added);
  }
}
