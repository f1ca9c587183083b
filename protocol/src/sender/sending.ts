/** From ACCEPT to the last durable block. */
import { NO_PROGRESS_MS_MAX, SIGNATURE_NACKS_MAX } from '../limits.js';
import { equalOctets } from '../layout/octets.js';
import type { Envelope } from '../message/envelope.js';
import type { Offer } from '../message/host-messages.js';
import type { Accept, BlockMapReply, MeterMessage } from '../message/meter-messages.js';
import type { Sack } from '../message/sack.js';
import { refusalOf } from '../refusal.js';
import { ask, event, fail, failRefused, greetAgain, nonceOf, sendOne, to, withProgress } from './asking.js';
import type { SenderEffect, SenderState, SenderStats, SenderStep } from './sender-types.js';
import {
  durableBytes,
  hasWork,
  isDelivered,
  isProbe,
  onNack,
  onSack,
  startTransfer,
  takeFrames,
  withDurable,
  withFirstProbe,
  withProbe,
  type Transfer,
} from './transfer.js';

export function onAccept(
  state: SenderState,
  offer: Offer,
  accept: Accept,
  sessionTag: number,
  nowMs: number,
): SenderStep {
  const image = state.plan.image;
  if (
    image === undefined ||
    accept.offerNonce !== offer.offerNonce ||
    !equalOctets(accept.manifestDigest, image.manifestDigest)
  )
    return to(state);
  switch (accept.status) {
    case 'running':
      return afterSealed({ ...state, milestone: 'running' }, nowMs);
    case 'sealed':
      return askSeal(state, sessionTag, nowMs);
    case 'send':
      break;
  }
  const transfer = startTransfer(
    {
      sessionTag,
      blockBytes: image.blocks.map(({ length }) => length),
      creditBlocks: accept.creditBlocks,
      fragmentBytesMax: accept.frameBytesMax,
      fragmentBytes: undefined,
      octetsPerSecond: state.plan.octetsPerSecond,
    },
    nowMs,
  );
  const tell = event({ kind: 'accepted', durableBlocks: accept.durableCount, blockCount: image.blocks.length });
  if (accept.durableCount === 0) return begin(state, transfer, nowMs, tell);
  const asked = ask(state, { kind: 'get-map', firstBlock: 0 }, sessionTag, nowMs, tell);
  return to(mapping(asked.state, transfer), ...asked.effects);
}

export function onMap(state: SenderState, map: BlockMapReply, nowMs: number): SenderStep {
  if (state.phase.kind !== 'asking' || state.phase.mapping === undefined) return to(state);
  const asked = state.phase.request.message;
  if (asked.kind !== 'get-map' || asked.firstBlock !== map.firstBlock) return to(state);
  const transfer = withDurable(state.phase.mapping, map.firstBlock, map.bitmap);
  const nextBlock = map.firstBlock + map.count;
  if (map.count === 0 || nextBlock >= transfer.blockBytes.length) return begin(state, transfer, nowMs);
  const again = ask(state, { kind: 'get-map', firstBlock: nextBlock }, transfer.sessionTag, nowMs);
  return to(mapping(again.state, transfer), ...again.effects);
}

export function onTransferMessage(
  state: SenderState,
  transfer: Transfer,
  envelope: Envelope<MeterMessage>,
  nowMs: number,
): SenderStep {
  const { message, sequence, sessionTag } = envelope;
  switch (message.kind) {
    case 'sack':
      if (sessionTag !== transfer.sessionTag) return to(state);
      return advance(counted(state, transfer, message, sequence), onSack(transfer, message, sequence, nowMs), nowMs);
    case 'nack':
      if (sessionTag !== transfer.sessionTag) return to(state);
      if (message.cause === 'outside') return failRefused(state, 1, message.block);
      return onBlockNack(state, onNack(transfer, message.cause === 'spoilt' ? sequence : 0, message), nowMs);
    case 'refuse':
      if (refusalOf(message.code) === 'noSession' && sessionTag === transfer.sessionTag)
        return lost(state, transfer, nowMs);
      return refusalOf(message.code) === 'storageFailed' ? failRefused(state, message.code, message.detail) : to(state);
    case 'state': // the answer to a probe where no session runs
      return isProbe(transfer, sequence) ? lost(state, transfer, nowMs) : to(state);
    default:
      return to(state);
  }
}

/** A block that goes again, unless the meter has found its signature bad too often: then no line is to blame. */
function onBlockNack(state: SenderState, transfer: Transfer, nowMs: number): SenderStep {
  const bad = transfer.badSignatures.find(({ count }) => count >= SIGNATURE_NACKS_MAX);
  if (bad === undefined) return pump(state, transfer, nowMs);
  return fail(
    withStats(state, transfer),
    'not-authentic',
    `the meter finds the signature of block ${bad.block} bad; it was sent ${bad.count} times`,
  );
}

export function onTransferTick(state: SenderState, transfer: Transfer, silent: boolean, nowMs: number): SenderStep {
  if (nowMs < transfer.probeAtMs && !silent) return pump(state, transfer, nowMs);
  const request = state.nextRequest;
  const probing = withProbe(transfer, request, nowMs);
  const pumped = pump({ ...state, nextRequest: request + 1 }, probing, nowMs);
  return to(pumped.state, sendOne(transfer.sessionTag, request, { kind: 'ping' }), ...pumped.effects);
}

/** When a transfer in which nothing becomes durable is given up. */
export function transferEndsAtMs(state: SenderState, transfer: Transfer): number {
  return transfer.progressAtMs + noProgressMsMax(state, transfer);
}

export function stalled(state: SenderState, transfer: Transfer): SenderStep {
  return fail(
    withStats(state, transfer),
    'too-noisy',
    `no block became durable in ${noProgressMsMax(state, transfer)} ms; ${transfer.lostFrames} frames were lost`,
  );
}

/** When the transfer wants to be woken: to probe, or because the pace allows the next frame. */
export function transferDeadlineMs(transfer: Transfer): number {
  return hasWork(transfer) ? Math.min(transfer.probeAtMs, transfer.nextSendAtMs) : transfer.probeAtMs;
}

function mapping(state: SenderState, transfer: Transfer): SenderState {
  return state.phase.kind === 'asking' ? { ...state, phase: { ...state.phase, mapping: transfer } } : state;
}

/** The first SACK, earned by a probe, says what the meter took before this session and could not keep. */
function begin(state: SenderState, transfer: Transfer, nowMs: number, ...before: readonly SenderEffect[]): SenderStep {
  const held = durableBytes(transfer);
  const first = state.stats.sessions === 0;
  const stats: SenderStats = {
    ...state.stats,
    sessions: state.stats.sessions + 1,
    durableBytes: held,
    resumedFromBlocks: first ? transfer.durable.durableCount : state.stats.resumedFromBlocks,
    resumedFromBytes: first ? held : state.stats.resumedFromBytes,
  };
  const request = state.nextRequest;
  const started: SenderState = { ...state, stats, nextRequest: request + 1 };
  const ping = sendOne(transfer.sessionTag, request, { kind: 'ping' });
  const next = advance(started, { ...withFirstProbe(transfer, request, nowMs), progressAtMs: nowMs }, nowMs);
  return to(next.state, ...before, ping, ...next.effects);
}

function advance(state: SenderState, transfer: Transfer, nowMs: number): SenderStep {
  const told = withProgress(withStats(state, transfer), transfer.durable.durableCount);
  const { durableCount: durableBlocks, blockCount } = transfer.durable;
  const changed = state.phase.kind !== 'sending' || state.phase.transfer.durable.durableCount !== durableBlocks;
  const progress = changed ? [event({ kind: 'progress', durableBlocks, blockCount, stats: told.stats })] : [];
  if (isDelivered(transfer)) {
    const sealing = askSeal(told, transfer.sessionTag, nowMs);
    return to(sealing.state, ...progress, ...sealing.effects);
  }
  const pumped = pump(told, transfer, nowMs);
  return to(pumped.state, ...progress, ...pumped.effects);
}

/** Sends what window, credit and pace allow. */
function pump(state: SenderState, transfer: Transfer, nowMs: number): SenderStep {
  const { transfer: sent, frames } = takeFrames(transfer, state.plan.octetsPerSecond, nowMs);
  const blocks = state.plan.image?.blocks ?? [];
  const sends = frames.map(({ block, offsetBytes, lengthBytes, sequence }) => {
    const octets = blocks[block]!.subarray(offsetBytes, offsetBytes + lengthBytes);
    return sendOne(sent.sessionTag, sequence, { kind: 'data', block, offsetBytes, octets });
  });
  const sentBytes = frames.reduce((sum, { lengthBytes }) => sum + lengthBytes, state.stats.sentBytes);
  const stats: SenderStats = { ...state.stats, sentBytes, dataFrames: state.stats.dataFrames + frames.length };
  return to({ ...state, stats, phase: { kind: 'sending', transfer: sent } }, ...sends);
}

function askSeal(state: SenderState, sessionTag: number, nowMs: number): SenderStep {
  const manifestDigest = state.plan.image!.manifestDigest;
  return ask(
    state,
    { kind: 'seal', manifestDigest, nonce: nonceOf(state) },
    sessionTag,
    nowMs,
    event({ kind: 'sealing' }),
  );
}

/** The image is where it should be: activate it, or have the meter say what runs. */
export function afterSealed(state: SenderState, nowMs: number): SenderStep {
  const { authorisation } = state.plan;
  if (authorisation === undefined) return ask(state, { kind: 'read-version', nonce: nonceOf(state) }, 0, nowMs);
  const milestone = state.milestone === 'running' ? 'running' : 'activating';
  return ask(
    { ...state, milestone },
    { kind: 'activate', authorisation, nonce: nonceOf(state) },
    0,
    nowMs,
    event({ kind: 'activating' }),
  );
}

function lost(state: SenderState, transfer: Transfer, nowMs: number): SenderStep {
  const greeting = greetAgain(withStats(state, transfer), nowMs);
  return to(greeting.state, event({ kind: 'session-lost' }), ...greeting.effects);
}

function withStats(state: SenderState, transfer: Transfer): SenderState {
  const before = state.phase.kind === 'sending' ? state.phase.transfer.lostFrames : 0;
  const lostFrames = state.stats.lostFrames + transfer.lostFrames - before;
  return { ...state, stats: { ...state.stats, lostFrames, durableBytes: durableBytes(transfer) } };
}

/** The SACK that answers the first probe, before any DATA of this run came, speaks of what was before. */
function counted(state: SenderState, transfer: Transfer, sack: Sack, answers: number): SenderState {
  if (state.stats.sessions !== 1 || !isProbe(transfer, answers) || sack.highest !== 0 || state.stats.discardedBytes > 0)
    return state;
  return { ...state, stats: { ...state.stats, discardedBytes: (sack.receivedBytes - sack.storedBytes) >>> 0 } };
}

/** A slow line is not a noisy one: a block may take as long as the pace says. */
function noProgressMsMax(state: SenderState, transfer: Transfer): number {
  const rate = state.plan.octetsPerSecond;
  const blockMs = rate === undefined ? 0 : ((transfer.blockBytes[0] ?? 0) * 1000) / rate;
  return Math.max(NO_PROGRESS_MS_MAX, Math.ceil(8 * blockMs));
}
