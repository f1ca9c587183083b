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
  readyOf,
  roomOn,
  scheduledOn,
  usersOf,
} from './request-rules.js';

interface Want {
  readonly index: number;
  readonly user: number;
  readonly ready: number;
  readonly limit: number;
  /** The User's 500, shared by all such wants of the User. */
  readonly isShared: boolean;
  images: number;
}

/** The grant of the day that `atMs` belongs to, or undefined when nobody is ready, no slot moves, and nothing granted is left to be taken back. */
export function grantOf(campaign: Campaign, state: CampaignState, atMs: number): Granted | undefined {
  const day = dayOf(atMs);
  const room = roomOn(campaign, state, day);
  const groups = groupsOfWants(campaign, state, atMs, room);
  const wants = groups.flat();
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

/** Wants of all requests that have something ready, by turns: security, then first requesters. */
function groupsOfWants(campaign: Campaign, state: CampaignState, atMs: number, room: number): readonly Want[][] {
  const day = dayOf(atMs);
  const byTurn = new Map<number, Want[]>();
  const turns = turnsOf(campaign, state);
  for (const [index] of state.requests.entries()) {
    const held = heldOf(campaign, state, { index, atMs, day });
    if (held.news && held.completions) continue;
    for (const user of usersOf(campaign, state, index)) {
      const ready = readyOf(campaign, state, { index, user, large: true, day, held });
      if (ready === 0) continue;
      const limit = limitOf(campaign, state, { index, user, day, room });
      const isShared = countsAsUnscheduled(campaign, index, user);
      const want: Want = { index, user, ready, limit, isShared, images: 0 };
      const turn = turns[index]!;
      const group = byTurn.get(turn);
      if (group === undefined) byTurn.set(turn, [want]);
      else group.push(want);
    }
  }
  return [...byTurn.entries()].toSorted(([one], [other]) => one - other).map(([, group]) => group);
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

/** What limits a User over all of its wants: the 500 that they share, and what the DCO's ledger told of it. */
class UserRoom {
  readonly #unscheduled = new Map<number, number>();
  readonly #told: Map<number, number>;

  constructor(told: ReadonlyMap<number, number>) {
    this.#told = new Map(told);
  }

  leftFor({ user, limit, isShared }: Want): number {
    const shared = isShared ? (this.#unscheduled.get(user) ?? limit) : Number.POSITIVE_INFINITY;
    return Math.max(0, Math.min(limit, shared, this.#told.get(user) ?? Number.POSITIVE_INFINITY));
  }

  /** @param images - Below 0: given back. */
  take({ user, limit, isShared }: Want, images: number): void {
    if (isShared) this.#unscheduled.set(user, (this.#unscheduled.get(user) ?? limit) - images);
    const told = this.#told.get(user);
    if (told !== undefined) this.#told.set(user, told - images);
  }
}

/**
 * Shares `room` within one group: to each in proportion to the meters that are ready, nobody more than it can use, what that leaves to the others;
 * images left over by rounding one each, to who has had the fewest per meter, then to the earlier request. @returns what it took.
 */
function share(
  campaign: Campaign,
  state: CampaignState,
  group: readonly Want[],
  room: number,
  users: UserRoom,
): number {
  const usable = new Map<Want, number>();
  for (const want of group) {
    const most = Math.min(want.ready, users.leftFor(want));
    // Taken at once, so that two wants of one User do not both count on the same 500; what is not needed is given back below.
    users.take(want, most);
    usable.set(want, most);
  }
  let left = room;
  let active = group.filter((want) => usable.get(want)! > 0);
  while (active.length > 0 && left > 0) {
    const weight = active.reduce((sum, { ready }) => sum + ready, 0);
    const partOf = ({ ready }: Want): number => Math.floor((left * ready) / weight);
    const sated = active.filter((want) => usable.get(want)! <= partOf(want));
    if (sated.length === 0) {
      for (const want of active) want.images = partOf(want);
      left -= active.reduce((sum, { images }) => sum + images, 0);
      for (const want of active.toSorted((one, other) => byNeed(campaign, state, one, other)).slice(0, left))
        want.images += 1;
      break;
    }
    for (const want of sated) want.images = usable.get(want)!;
    left -= sated.reduce((sum, { images }) => sum + images, 0);
    active = active.filter((want) => !sated.includes(want));
  }
  for (const want of group) users.take(want, want.images - usable.get(want)!);
  return group.reduce((sum, { images }) => sum + images, 0);
}

function byNeed(campaign: Campaign, state: CampaignState, one: Want, other: Want): number {
  const used = ({ index }: Want): number => state.requests[index]!.largeStarts / state.requests[index]!.meters;
  const asked = ({ index }: Want): number => campaign.requestedAtMs[index]!;
  return used(one) - used(other) || asked(one) - asked(other) || one.index - other.index;
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
