/**
 * Where a release of a large image waits for the day's capacity. The journal has what was started and agreed, and each start is checked
 * against it once more in the commit that counts it; the queue here only says whose turn it is, and is made anew after a crash.
 */
import { decodeAuthorisation, isLargeImage, otaImageBytes } from '@smets1/protocol';
import type { Clock } from '../clock.js';
import { parseRequestId } from '../identifiers.js';
import { CapacityQueue } from '../ledger/capacity-queue.js';
import { startOfDayMs } from '../ledger/day.js';
import { ledgerDay } from '../ledger/ledger.js';
import { mayStart, nextDayFor } from '../ledger/may-start.js';
import type { StartRequest, WaitReason } from '../ledger/may-start.js';
import { startChanges } from '../ledger/ledger-change.js';
import { CAPACITY_EXPIRY_EVERY_MS } from '../limits.js';
import type { Change, ReleaseRequest } from '../store/records.js';
import type { DcoSettings } from '../store/settings.js';
import type { StoreState } from '../store/state.js';

export interface CapacityWait {
  readonly because: WaitReason;
  /** No earlier than this, in milliseconds since 1970; undefined: nobody can say. */
  readonly untilMs: number | undefined;
}

export interface GateOptions {
  readonly state: () => StoreState;
  readonly settings: DcoSettings;
  readonly clock: Clock;
  /** Told of each release whose turn has come, or whose time is over. */
  readonly go: (requestId: string) => void;
}

export class CapacityGate {
  readonly #o: GateOptions;
  readonly #queue = new CapacityQueue();
  /** When each that waits has waited too long. */
  readonly #untilMs = new Map<string, number>();
  readonly #late = new Set<string>();
  readonly #turnAtMs = new Map<string, number>();
  #nextLateMs = Number.POSITIVE_INFINITY;
  #bell: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #isClosed = false;

  constructor(options: GateOptions) {
    this.#o = options;
  }

  /** Has a release wait its turn; false for one that needs none: small, started, or without its image. Call `turn` after the last. */
  add(release: ReleaseRequest): boolean {
    if (release.stage !== 'requested' || !this.#isLarge(this.#o.state(), release)) return false;
    const { requestId, firmwareHash } = release;
    this.#queue.add({ requestId, firmwareHash, userId: userOf(requestId) });
    const untilMs = waitsUntilMs(release, this.#o.settings);
    this.#untilMs.set(requestId, untilMs);
    this.#nextLateMs = Math.min(this.#nextLateMs, untilMs);
    return true;
  }

  /** What a release that has not started may do now: `go` on, wait to be told, or give up since it has waited too long. */
  verdict(release: ReleaseRequest): 'go' | 'wait' | 'late' {
    const { requestId } = release;
    if (this.#late.has(requestId)) return 'late';
    if (this.#queue.isGiven(requestId)) return 'go';
    return this.add(release) ? 'wait' : 'go';
  }

  /** Gives today's places to those who are next, and looks again when the day is over. */
  turn(): void {
    if (this.#isClosed) return;
    const { settings, clock, go } = this.#o;
    const nowMs = clock.nowMs();
    const { ledger } = this.#o.state();
    const day = ledgerDay(ledger, nowMs);
    const late = this.#expire(nowMs);
    const given = this.#queue.give(ledger, settings, day);
    for (const requestId of given) this.#turnAtMs.set(requestId, nowMs);
    this.#ringAt(
      this.#queue.waitingCount === 0
        ? undefined
        : Math.min(startOfDayMs(day + 1), Math.max(this.#nextLateMs, nowMs + CAPACITY_EXPIRY_EVERY_MS)),
    );
    for (const requestId of [...late, ...given]) go(requestId);
  }

  /** What was agreed has changed, or a place that was given is not there after all: places not used are given anew. */
  giveAnew(): void {
    this.#queue.recall();
    this.turn();
  }

  /** A release needs its place no more: it has started, or ended. Whoever is next has it, if the start did not use it up. */
  done(requestId: string): void {
    const wasHere = this.#untilMs.delete(requestId);
    this.#late.delete(requestId);
    this.#turnAtMs.delete(requestId);
    this.#queue.remove(requestId);
    if (wasHere) this.turn();
  }

  /** When its turn came; undefined: it has not, or it needed none. */
  turnAtMs(requestId: string): number | undefined {
    return this.#turnAtMs.get(requestId);
  }

  waitOf(requestId: string): CapacityWait | undefined {
    const { settings, clock } = this.#o;
    const state = this.#o.state();
    const release = state.pending.get(requestId);
    const day = ledgerDay(state.ledger, clock.nowMs());
    const because = this.#queue.reason(requestId, state.ledger, settings, day);
    if (release === undefined || because === undefined) return undefined;
    const untilDay = nextDayFor(state.ledger, settings, askOf(release, true, day), because);
    return { because, untilMs: untilDay === undefined ? undefined : startOfDayMs(untilDay) };
  }

  get waitingCount(): number {
    return this.#queue.waitingCount;
  }

  /** By User: releases of large images that have asked and not started. */
  askedByUser(): ReadonlyMap<string, number> {
    return this.#queue.askedByUser();
  }

  /**
   * What to write with the start of a release: one start more, for a large image. Undefined when it may not start after all, by what the
   * journal has at this moment.
   */
  countStart(state: StoreState, release: ReleaseRequest, nowMs: number): readonly Change[] | undefined {
    const day = ledgerDay(state.ledger, nowMs);
    const ask = askOf(release, this.#isLarge(state, release), day);
    if (mayStart(state.ledger, this.#o.settings, ask).kind === 'waits') return undefined;
    return ask.isLarge ? startChanges(state.ledger, day, ask.userId) : [];
  }

  close(): void {
    this.#isClosed = true;
    this.#ringAt(undefined);
  }

  /** Takes those out that have waited too long. */
  #expire(nowMs: number): readonly string[] {
    if (nowMs < this.#nextLateMs) return [];
    const late: string[] = [];
    this.#nextLateMs = Number.POSITIVE_INFINITY;
    for (const requestId of this.#queue.waiting()) {
      const untilMs = this.#untilMs.get(requestId) ?? nowMs;
      if (untilMs <= nowMs) late.push(requestId);
      else this.#nextLateMs = Math.min(this.#nextLateMs, untilMs);
    }
    for (const requestId of late) {
      this.#queue.remove(requestId);
      this.#late.add(requestId);
    }
    return late;
  }

  /** Large or not goes by the OTA Upgrade Image. An image that is gone is not sent, so it takes nothing. */
  #isLarge(state: StoreState, { imageId }: ReleaseRequest): boolean {
    const image = state.images.get(imageId);
    if (image === undefined) return false;
    return isLargeImage(otaImageBytes(image.manifest.imageBytes), this.#o.settings.largeImageBytes);
  }

  #ringAt(atMs: number | undefined): void {
    if (this.#bell?.atMs === atMs) return;
    this.#bell?.cancel();
    this.#bell = undefined;
    if (atMs === undefined) return;
    const cancel = this.#o.clock.at(atMs, () => {
      this.#bell = undefined;
      this.turn();
    });
    this.#bell = { atMs, cancel };
  }
}

/** The originator of a request is the User that it counts for. */
function userOf(requestId: string): string {
  return parseRequestId(requestId)?.originator ?? requestId;
}

function askOf({ requestId, firmwareHash }: ReleaseRequest, large: boolean, day: number): StartRequest {
  return { userId: userOf(requestId), isLarge: large, firmwareHash, day };
}

function waitsUntilMs(release: ReleaseRequest, { capacityWaitMsMax }: DcoSettings): number {
  const authorisation = decodeAuthorisation(new Uint8Array(Buffer.from(release.authorisation, 'base64')));
  const notAfterMs = authorisation.ok ? authorisation.value.notAfterS * 1000 : Number.POSITIVE_INFINITY;
  return Math.min(release.executionAtMs ?? release.atMs + capacityWaitMsMax, notAfterMs);
}
