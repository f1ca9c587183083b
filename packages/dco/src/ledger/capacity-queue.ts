/**
 * Who waits for a start, and who is next: first the images of open incidents by their priority, then whoever asked first (Annex D 1.4, 1.5).
 * A User at its limit does not hold up the others. A place that was given and not yet counted in the ledger is taken all the same, so what is
 * given and what is counted never come to more than the day has.
 */
import { capacityOn, incidentOf, isHalting, limitOf, objectionTo } from './may-start.js';
import type { CapacityPolicy, WaitReason } from './may-start.js';
import { startsOfUser, startsOn } from './ledger.js';
import type { Ledger } from './ledger.js';

/** A large release that wants to start. */
export interface Waiter {
  readonly requestId: string;
  readonly userId: string;
  readonly firmwareHash: string;
}

interface Place extends Waiter {
  /** In the order of asking. */
  readonly order: number;
}

/** Those of one User for one image, in the order of asking. */
interface Line {
  readonly userId: string;
  readonly firmwareHash: string;
  readonly places: Map<string, Place>;
}

/** Changed in place: a hundred thousand may wait. */
export class CapacityQueue {
  readonly #lines = new Map<string, Line>();
  readonly #waiting = new Map<string, Place>();
  readonly #given = new Map<string, Place>();
  readonly #givenOfUser = new Map<string, number>();
  #nextOrder = 0;

  /** Puts a release at the end. One that is here already keeps its place. */
  add(waiter: Waiter): void {
    if (this.#waiting.has(waiter.requestId) || this.#given.has(waiter.requestId)) return;
    const { requestId, userId, firmwareHash } = waiter;
    this.#wait({ requestId, userId, firmwareHash, order: this.#nextOrder });
    this.#nextOrder += 1;
  }

  /** Takes a release away: it has started, or ended, or was called off. */
  remove(requestId: string): void {
    const place = this.#waiting.get(requestId);
    if (place !== undefined) {
      this.#waiting.delete(requestId);
      this.#lines.get(keyOf(place))?.places.delete(requestId);
      this.#forgetEmpty(place);
    }
    this.#giveUp(requestId);
  }

  isWaiting(requestId: string): boolean {
    return this.#waiting.has(requestId);
  }

  /** Whether it has a place for today and has not started. */
  isGiven(requestId: string): boolean {
    return this.#given.has(requestId);
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Those that wait, in no promised order. */
  waiting(): IterableIterator<string> {
    return this.#waiting.keys();
  }

  /** By User: how many have asked and not started, places given included. */
  askedByUser(): ReadonlyMap<string, number> {
    const counts = new Map(this.#givenOfUser);
    for (const { userId } of this.#waiting.values()) counts.set(userId, (counts.get(userId) ?? 0) + 1);
    return counts;
  }

  /** Gives as many places as the day has, in order; returns whose they are. */
  give(ledger: Ledger, policy: CapacityPolicy, day: number): readonly string[] {
    const given: string[] = [];
    let left = capacityOn(ledger, policy, day).max - startsOn(ledger, day) - this.#given.size;
    if (left <= 0) return given;
    const leftOfUser = new Map<string, number>();
    const roomOf = (userId: string): number => {
      const known = leftOfUser.get(userId);
      if (known !== undefined) return known;
      const under = startsOfUser(ledger, day, userId) + (this.#givenOfUser.get(userId) ?? 0);
      const room = limitOf(ledger, policy, userId, day) - under;
      leftOfUser.set(userId, room);
      return room;
    };
    const open = this.#openLines(ledger);
    while (left > 0) {
      const place = firstOf(open, roomOf);
      if (place === undefined) break;
      this.#waiting.delete(place.requestId);
      this.#lines.get(keyOf(place))?.places.delete(place.requestId);
      this.#forgetEmpty(place);
      this.#given.set(place.requestId, place);
      this.#givenOfUser.set(place.userId, (this.#givenOfUser.get(place.userId) ?? 0) + 1);
      leftOfUser.set(place.userId, roomOf(place.userId) - 1);
      given.push(place.requestId);
      left -= 1;
    }
    return given;
  }

  /** Takes every place back that was given and not counted; each release has its old place in the order again. */
  recall(): void {
    const all = [...this.#waiting.values(), ...this.#given.values()].toSorted((a, b) => a.order - b.order);
    this.#given.clear();
    this.#givenOfUser.clear();
    this.#waiting.clear();
    this.#lines.clear();
    for (const place of all) this.#wait(place);
  }

  /** Why a release that waits does, as of now; undefined when it does not wait. */
  reason(requestId: string, ledger: Ledger, policy: CapacityPolicy, day: number): WaitReason | undefined {
    const place = this.#waiting.get(requestId);
    if (place === undefined) return undefined;
    const { userId, firmwareHash } = place;
    const because = objectionTo(ledger, policy, { userId, firmwareHash, isLarge: true, day });
    if (because !== undefined) return because;
    // What is counted leaves room, so places that are given have it; one such place of its own User is the nearer reason.
    const under = startsOfUser(ledger, day, userId) + (this.#givenOfUser.get(userId) ?? 0);
    return under >= limitOf(ledger, policy, userId, day) ? 'user-limit' : 'day-full';
  }

  /** Lines that nothing halts, each with its rank: the lower goes first. */
  #openLines(ledger: Ledger): readonly RankedLine[] {
    const halting = isHalting(ledger);
    return [...this.#lines.values()].flatMap((line) => {
      const incident = incidentOf(ledger, line.firmwareHash);
      if (incident === undefined) return halting ? [] : [{ line, rank: Number.POSITIVE_INFINITY }];
      return [{ line, rank: incident.priority }];
    });
  }

  #wait(place: Place): void {
    const key = keyOf(place);
    const { userId, firmwareHash } = place;
    const line = this.#lines.get(key) ?? { userId, firmwareHash, places: new Map<string, Place>() };
    this.#lines.set(key, line);
    line.places.set(place.requestId, place);
    this.#waiting.set(place.requestId, place);
  }

  #giveUp(requestId: string): void {
    const place = this.#given.get(requestId);
    if (place === undefined) return;
    this.#given.delete(requestId);
    const rest = (this.#givenOfUser.get(place.userId) ?? 0) - 1;
    if (rest > 0) this.#givenOfUser.set(place.userId, rest);
    else this.#givenOfUser.delete(place.userId);
  }

  #forgetEmpty(place: Place): void {
    const key = keyOf(place);
    if (this.#lines.get(key)?.places.size === 0) this.#lines.delete(key);
  }
}

interface RankedLine {
  readonly line: Line;
  readonly rank: number;
}

/** The next of those whose User has room. */
function firstOf(lines: readonly RankedLine[], roomOf: (userId: string) => number): Place | undefined {
  let first: { readonly place: Place; readonly rank: number } | undefined;
  for (const { line, rank } of lines) {
    if (roomOf(line.userId) <= 0) continue;
    const [place] = line.places.values();
    if (place === undefined) continue;
    const isBefore =
      first === undefined || rank < first.rank || (rank === first.rank && place.order < first.place.order);
    if (isBefore) first = { place, rank };
  }
  return first?.place;
}

function keyOf({ userId, firmwareHash }: Waiter): string {
  return `${userId} ${firmwareHash}`;
}
