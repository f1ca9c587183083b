/** Who may start how many large images today (rules R01 to R09, R23). The whole day is decided at once, anew whenever something changes. */
import type { Grant, Granted, Rescheduled } from '../model/campaign-record.js';
import type { CampaignState } from '../model/campaign-state.js';
import { dayOf, textOfDay } from '../time/civil.js';
import { type Campaign, requestAt, userAt } from './campaign.js';
import { startsOf } from './create-state.js';
import {
  capacityOn,
  countsAsUnscheduled,
  heldOf,
  isHalted,
  limitOf,
  otherTrafficOn,
  owedOf,
  readyOf,
  roomOn,
  scheduledOn,
  usersOf,
} from './request-rules.js';
import { type Claim, shareOut } from './share-day.js';

/** What one request could start today for one User. */
interface Want extends Claim {
  readonly index: number;
  readonly user: number;
  readonly ready: number;
  readonly limit: number;
  /** It falls under the User's 500, with all such wants of the User. */
  readonly isShared: boolean;
  images: number;
}

/** Requests that have their turn together. */
interface Group {
  readonly indexes: readonly number[];
  /** In the order in which they were asked for. */
  readonly wants: readonly Want[];
}

/** The grant of the day that `atMs` belongs to, or undefined when nobody is ready, no slot moves, and nothing granted is left to be taken back. */
export function grantOf(campaign: Campaign, state: CampaignState, atMs: number): Granted | undefined {
  const day = dayOf(atMs);
  const room = roomOn(campaign, state, day);
  const groups = groupsByTurn(campaign, state, atMs, room);
  const wants = groups.flatMap((group) => group.wants);
  const notices = halted(campaign, state, atMs, room);
  const hasLeft = state.grantedDay === day && state.lanes.some(({ left }) => left > 0);
  if (wants.length === 0 && notices.length === 0 && !hasLeft) return undefined;
  const users = new UserRoom(state.roomDay === day ? state.roomByUser : new Map());
  let left = room;
  for (const group of groups) left -= share(campaign, state, group, left, users);
  return {
    kind: 'granted',
    day: textOfDay(day),
    capacity: capacityOn(campaign, state, day),
    otherTraffic: otherTrafficOn(campaign, day),
    started: startsOf(state, day).all,
    grants: wants.map((want) => grantFrom(campaign, want)),
    rescheduled: [...short(campaign, wants, day), ...notices],
  };
}

function grantFrom(campaign: Campaign, { index, user, ready, limit, images }: Want): Grant {
  return {
    requestId: requestAt(campaign, index).requestId,
    userId: userAt(campaign, user).userId,
    ready,
    limit,
    images,
  };
}

/** Security, then first requesters. */
function groupsByTurn(campaign: Campaign, state: CampaignState, atMs: number, room: number): readonly Group[] {
  const turns = turnsOf(campaign, state);
  return [...new Set(turns)]
    .toSorted((one, other) => one - other)
    .map((turn) => {
      const indexes = [...turns.keys()]
        .filter((index) => turns[index] === turn)
        .toSorted((one, other) => campaign.requestedAtMs[one]! - campaign.requestedAtMs[other]!);
      return { indexes, wants: indexes.flatMap((index) => wantsOf(campaign, state, index, atMs, room)) };
    });
}

/** The turn of each request: a number, the lower the sooner. Open incidents come before every group of normal requests. */
function turnsOf(campaign: Campaign, state: CampaignState): readonly number[] {
  const urgent = state.incidents
    .filter(({ isOpen }) => isOpen)
    .toSorted((one, other) => one.priority - other.priority)
    .map(({ request }) => request);
  return campaign.groups.map((group, index) => {
    const at = urgent.indexOf(index);
    return at >= 0 ? at - urgent.length : group;
  });
}

/** One for each User for whom something is ready. */
function wantsOf(campaign: Campaign, state: CampaignState, index: number, atMs: number, room: number): readonly Want[] {
  const day = dayOf(atMs);
  const held = heldOf(campaign, state, { index, atMs, day });
  if (held.news && held.completions) return [];
  return usersOf(campaign, state, index).flatMap((user) => {
    const ready = readyOf(campaign, state, { index, user, large: true, day, held });
    if (ready === 0) return [];
    const limit = limitOf(campaign, state, { index, user, day, room });
    const isShared = countsAsUnscheduled(campaign, index, user);
    const given = startedFor(state, index, user);
    const asked = given + owedOf(state, index, user);
    return [{ index, user, ready, limit, isShared, given, asked, able: Math.min(ready, limit), within: [], images: 0 }];
  });
}

function startedFor(state: CampaignState, index: number, user: number): number {
  return state.requests[index]!.startedFor.get(user) ?? 0;
}

/** What limits a User over all of its wants, whatever their turns: the 500 that they share, and what the DCO's ledger told of it. */
class UserRoom {
  readonly #unscheduled = new Map<number, number>();
  readonly #told: Map<number, number>;

  constructor(told: ReadonlyMap<number, number>) {
    this.#told = new Map(told);
  }

  unscheduledFor({ user, limit }: Want): number {
    return this.#unscheduled.get(user) ?? limit;
  }

  toldFor(user: number): number {
    return Math.max(0, this.#told.get(user) ?? Number.POSITIVE_INFINITY);
  }

  take(want: Want): void {
    const { user, isShared, images } = want;
    if (isShared) this.#unscheduled.set(user, this.unscheduledFor(want) - images);
    if (this.#told.has(user)) this.#told.set(user, this.toldFor(user) - images);
  }
}

/** Shares `room` within one group (`docs/decisions/sharing-the-days.md`). @returns what it took. */
function share(campaign: Campaign, state: CampaignState, group: Group, room: number, users: UserRoom): number {
  const claims = [...new Set(group.wants.map(({ user }) => user))].map((user) =>
    claimOfUser(campaign, state, group, user, users),
  );
  const amounts = shareOut(claims, room);
  let taken = 0;
  for (const want of group.wants) {
    want.images = amounts.get(want)!;
    users.take(want);
    taken += want.images;
  }
  return taken;
}

/** Users share with each other, so that nobody gets more by asking in pieces; within a User its limits do, and then the requests under one limit. */
function claimOfUser(
  campaign: Campaign,
  state: CampaignState,
  { indexes, wants }: Group,
  user: number,
  users: UserRoom,
): Claim {
  const own = wants.filter((want) => want.user === user);
  const shared = own.filter(({ isShared }) => isShared);
  const givenTo = (some: readonly number[]): number => sum(some.map((index) => startedFor(state, index, user)));
  const unscheduled = claimOf(
    shared,
    givenTo(indexes.filter((index) => countsAsUnscheduled(campaign, index, user))),
    shared[0] === undefined ? 0 : users.unscheduledFor(shared[0]),
  );
  const within = own.flatMap((want): readonly Claim[] => {
    if (!want.isShared) return [want];
    return want === shared[0] ? [unscheduled] : [];
  });
  return claimOf(within, givenTo(indexes), users.toldFor(user), own);
}

/**
 * @param given - Also to requests that have nothing to start today: what was given is not forgotten.
 * @param wants - Whose images are still owed. Those that can take nothing today add no weight, or a request that is only kept waiting would.
 */
function claimOf(within: readonly Claim[], given: number, most: number, wants: readonly Claim[] = within): Claim {
  const owed = sum(wants.filter(({ able }) => able > 0).map((want) => want.asked - want.given));
  return { asked: given + owed, given, able: Math.min(most, sum(within.map(({ able }) => able))), within };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Agreed slots for which the day has no room. */
function short(campaign: Campaign, wants: readonly Want[], day: number): readonly Rescheduled[] {
  return wants.flatMap(({ index, user, ready, limit, images }) => {
    const { requestId, userId } = requestAt(campaign, index);
    const isAgreed = scheduledOn(campaign, index, day) !== undefined && campaign.users.get(userId) === user;
    const missing = Math.min(ready, limit) - images;
    return isAgreed && missing > 0 ? [{ requestId, userId, images: missing, because: 'capacity' as const }] : [];
  });
}

/** Agreed slots that an incident's halt takes. */
function halted(campaign: Campaign, state: CampaignState, atMs: number, room: number): readonly Rescheduled[] {
  if (!isHalted(state)) return [];
  const day = dayOf(atMs);
  return state.requests.flatMap((_, index) => {
    const { requestId, userId, schedule } = requestAt(campaign, index);
    if (schedule === undefined || state.incidents.some(({ isOpen, request }) => isOpen && request === index)) return [];
    const user = campaign.users.get(userId)!;
    const held = heldOf(campaign, state, { index, atMs, day, withoutHalt: true });
    const ready = readyOf(campaign, state, { index, user, large: true, day, held });
    const images = Math.min(ready, limitOf(campaign, state, { index, user, day, room }));
    return images > 0 ? [{ requestId, userId, images, because: 'halt' as const }] : [];
  });
}
