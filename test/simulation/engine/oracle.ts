/**
 * What must hold of a meter after its power came back, looked at with eyes of our own: the octets in the slots are compared with the
 * images that we made, and what is said elsewhere is believed only where it can be held against that.
 */
import type { EsmeView, NorFlash } from '@smets1/emulator';
import { crc32 } from 'node:zlib';
import { toHex } from '@smets1/protocol';
import { live, powerOn, type Known } from './life.js';
import type { Party } from './parties.js';
import type { Scene } from './scene.js';

/** Of the part of a slot before its image. */
const SLOT_IMAGE_AT = 4096;
/** Flash operations that a start may take, whatever went before. */
const START_OPERATIONS_MAX = 24;
/** Starts that a trial has. */
const TRIAL_STARTS = 3;

/** `before`: the image that ran before the old one, which boot may fall back to. */
export type End = 'old' | 'new' | 'trial' | 'before' | 'recovery' | 'nothing';

export interface Look {
  readonly end: End;
  readonly view: EsmeView | undefined;
  readonly operations: number;
  /** Each with the invariant it breaks first: `I1 …`. */
  readonly violations: readonly string[];
}

export interface Allowances {
  /** The cut may have spoilt octets that were there before: what was acknowledged may be gone, and must then not be run. */
  readonly spoilsEarlier?: boolean;
  /** More than cuts befell the flash: no image may be left, and the meter then recovers. */
  readonly mayRecover?: boolean;
  /** The image before the confirmed one may run: the confirmed one itself was hurt. */
  readonly mayFallBack?: boolean;
  /** What was held may have been given up for reasons of its own. */
  readonly mayForget?: boolean;
  /** The record of the last start may be gone: the start after it has its number again. */
  readonly mayRecount?: boolean;
}

/** Powers the meter on and looks. The flash is then what that start has made of it: fork it first to use it again. */
export function look(scene: Scene, flash: NorFlash, known: Known, nowMs: number, allow: Allowances = {}): Look {
  const before = flash.operationCount;
  let view: EsmeView;
  try {
    view = powerOn(scene, flash, nowMs).view(nowMs);
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { end: 'nothing', view: undefined, operations: 0, violations: [`I2 the meter does not start: ${what}`] };
  }
  const operations = flash.operationCount - before;
  const violations: string[] = [];
  const end = endOf(scene, flash, view, violations);
  if (operations > START_OPERATIONS_MAX) violations.push(`I2 a start took ${operations} flash operations`);
  if (end === 'recovery' && allow.mayRecover !== true) violations.push('I2 no image runs');
  if (view.mode === 'fallback' && allow.mayFallBack !== true) violations.push('I5 an image that was left runs again');
  if (view.bootEpoch < known.bootEpoch + (allow.mayRecount === true ? 0 : 1))
    violations.push(`I2 start ${view.bootEpoch} was counted before`);
  checkActivation(scene, view, known, end, violations);
  checkFloor(scene, view, known, end, violations);
  if (allow.spoilsEarlier !== true) checkHeld(scene, flash, view, known, allow, violations);
  return { end, view, operations, violations };
}

/** Which image runs, and whether it is that image, whole, with the header it came with. */
function endOf(scene: Scene, flash: NorFlash, view: EsmeView, violations: string[]): End {
  if (view.mode === 'recovery' || view.activeSlot === undefined) return 'recovery';
  const party = [scene.old, scene.next, scene.before].find((known) => known?.version === view.runningVersion);
  if (party === undefined) {
    violations.push(`I1 version ${view.runningVersion} runs, which was never there`);
    return 'nothing';
  }
  const fault = slotFault(flash, view.activeSlot, party);
  if (fault !== undefined) violations.push(`I1 version ${view.runningVersion} runs, and ${fault}`);
  if (party === scene.before && view.mode !== 'fallback') violations.push('I4 the image before the old one runs again');
  if (party === scene.before) return 'before';
  if (party === scene.old) return 'old';
  if (scene.path === 'reject') violations.push('I1 an image with a foreign signature runs');
  return view.mode === 'trial' ? 'trial' : 'new';
}

/** What is wrong with an image in a slot, octet for octet. */
export function slotFault(flash: NorFlash, slot: number, party: Party): string | undefined {
  const { offerBlob } = party.slotImage;
  const region = flash.partition(slot === 0 ? 'slot-0' : 'slot-1');
  const header = region.read(0, 2 + offerBlob.length + 4);
  const view = new DataView(header.buffer);
  if (view.getUint16(0, true) !== offerBlob.length) return 'its header has another length';
  if (Buffer.compare(header.subarray(2, 2 + offerBlob.length), offerBlob) !== 0) return 'its header is not its own';
  const sum = crc32(header.subarray(0, 2 + offerBlob.length));
  if (view.getUint32(2 + offerBlob.length, true) !== sum) return 'its header has a wrong sum';
  const octets = region.read(SLOT_IMAGE_AT, party.octets.length);
  return Buffer.compare(octets, party.octets) === 0 ? undefined : 'its octets are not those that were signed';
}

function checkActivation(scene: Scene, view: EsmeView, known: Known, end: End, violations: string[]): void {
  if ((end === 'trial' || end === 'new') && !known.isActivationSent) {
    violations.push('I3 the new image runs before anybody asked for it');
  }
  if (end === 'new' && !scene.isGood) violations.push('I5 an image that never found itself well is confirmed');
  if (known.result === undefined) return;
  // What the meter has signed for stays so.
  if (known.result.kind === 'done' && end !== 'new') violations.push(`I5 the new image was confirmed, and ${end} runs`);
  if (known.result.kind === 'failed' && known.result.outcome !== undefined && (end === 'new' || end === 'trial')) {
    violations.push(`I5 the update was over, and ${end} runs`);
  }
  if (view.securityCounter < scene.old.securityCounter) violations.push('I4 the floor is below the first image');
}

function checkFloor(scene: Scene, view: EsmeView, known: Known, end: End, violations: string[]): void {
  const { securityCounter: floor } = view;
  if (end === 'recovery' || end === 'nothing') return;
  if (floor < known.floor) violations.push(`I4 the floor went back from ${known.floor} to ${floor}`);
  const expected = end === 'new' ? scene.next.securityCounter : scene.old.securityCounter;
  if (view.mode !== 'fallback' && floor !== expected) {
    violations.push(`I4 the floor is ${floor} while ${end} runs; it should be ${expected}`);
  }
}

/** Acknowledged blocks are there, and they are the image's. */
function checkHeld(
  scene: Scene,
  flash: NorFlash,
  view: EsmeView,
  known: Known,
  allow: Allowances,
  violations: string[],
): void {
  // What is held of another image is none of this update's.
  const held = view.held?.manifestDigest === toHex(scene.next.image.manifestDigest) ? view.held : undefined;
  const blocks = scene.next.image.manifest.blockCount;
  if (held !== undefined && held.durableCount > 0) {
    const slot = view.activeSlot === 0 ? 'slot-1' : 'slot-0';
    const blockBytes = 2 ** scene.next.image.manifest.blockShift;
    // A clean line brings blocks in order, so the durable ones are the first ones.
    const bytes = Math.min(held.durableCount * blockBytes, scene.next.octets.length);
    const there = flash.partition(slot).read(SLOT_IMAGE_AT, bytes);
    if (Buffer.compare(there, scene.next.octets.subarray(0, bytes)) !== 0) {
      violations.push(`I7 of ${held.durableCount} blocks held, some are not the image's`);
    }
  }
  // An image that turned out wrong, or that was tried, is no longer held; nor is one that the meter has given an answer about.
  const isTransfer = view.mode === 'confirmed' && !known.isActivationSent && known.durableBlocks < blocks;
  if (isTransfer && allow.mayForget !== true && (held?.durableCount ?? 0) < known.durableBlocks) {
    violations.push(`I6 ${known.durableBlocks} blocks were acknowledged, ${held?.durableCount ?? 0} are there`);
  }
}

/** Of a flash on which a trial runs: started again and again without a confirmation, it goes back to the old image, whole. */
export function checkRevert(scene: Scene, flash: NorFlash, nowMs: number): readonly string[] {
  try {
    for (let starts = 0; starts <= TRIAL_STARTS; starts++) {
      const { mode, activeSlot, runningVersion } = powerOn(scene, flash, nowMs + starts).view(nowMs + starts);
      if (mode === 'trial') continue;
      if (runningVersion !== scene.old.version) return [`I5 a trial ended with version ${runningVersion}`];
      const fault = slotFault(flash, activeSlot ?? 0, scene.old);
      return fault === undefined ? [] : [`I5 a trial ended with the old image, and ${fault}`];
    }
  } catch (error) {
    return [`I5 a trial does not end: ${String(error)}`];
  }
  return [`I5 a trial goes on after ${TRIAL_STARTS} starts`];
}

/** Steady power and a host that goes on: the update ends as its path is to end. */
export function checkEnd(
  scene: Scene,
  flash: NorFlash,
  known: Known,
  nowMs: number,
  allow: Allowances & { readonly mayRevert?: boolean } = {},
): { readonly end: End; readonly violations: readonly string[] } {
  let atMs = nowMs;
  let said = 'nothing';
  for (let runs = 0; runs < RUNS_MAX; runs++) {
    try {
      const life = live({ scene, flash, known, startMs: atMs });
      if (life.isCut) return { end: 'nothing', violations: ['I2 the power went, and nobody cut it'] };
      atMs = life.nowMs + 1000;
      said = life.result?.kind === 'done' ? 'done' : `${life.result?.reason ?? 'no end'} ${life.result?.detail ?? ''}`;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { end: 'nothing', violations: [`I2 the update cannot go on: ${why}`] };
    }
    const reason = said.split(' ')[0]!;
    if (reason !== WANTED[scene.path] && !(allow.mayRevert === true && reason === 'reverted')) continue;
    const seen = look(scene, flash, known, atMs, allow);
    const end = reason === 'done' ? 'new' : 'old';
    if (seen.end === end) return seen;
    return { end: seen.end, violations: [...seen.violations, `I2 the update ended "${said}", and ${seen.end} runs`] };
  }
  const why = `I2 after ${RUNS_MAX} runs of a host on a clean line the update ends with: ${said}`;
  return { end: 'nothing', violations: [why] };
}

const RUNS_MAX = 3;
/** What the host is told at the end of a path. */
const WANTED = { update: 'done', second: 'done', revert: 'reverted', reject: 'verify-failed' } as const;
