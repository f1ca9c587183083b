/** What a `granted` record must be: R05, R06, R09, R22, R23 (R07: `rules-shares.ts`), and what may not be left lying when one is made (R25, R26). */
import { DAY_MS, dayNumberOf } from './calendar.js';
import { readyOf, type Ready } from './ready.js';
import type { Granted } from './records.js';
import { checkShares, limitShared, sum, type Judged } from './rules-shares.js';
import { capacityOf, coverOf, isHalted, limitOf, otherTrafficOf, scheduledMax, spareOf, toldOf } from './terms.js';
import { dayBookOf, type World } from './world.js';

export function grantKey(requestId: string, userId: string): string {
  return `${requestId} ${userId}`;
}

export function checkGranted(world: World, record: Granted, day: number, atMs: number): void {
  const { faults } = world;
  const said = dayNumberOf(record.day);
  if (said !== day) faults.say('R09', `is of day ${said} by its text and of day ${day} by its clock`);
  sameNumber(world, 'capacity', record.capacity, capacityOf(world, day));
  sameNumber(world, 'otherTraffic', record.otherTraffic, otherTrafficOf(world, day));
  sameNumber(world, 'started', record.started, dayBookOf(world, day).all);
  checkOldBatches(world, atMs);
  const readies = readyOf(world, day);
  const room = roomOf(world, day);
  const judged = judgedOf(world, record, readies, day, room);
  checkSum(world, judged, room, day);
  checkOrder(world, judged, day);
  checkShares(world, judged, ranksOf(world), day);
  checkRescheduled(world, record, judged, readies, day);
  world.grant = {
    day: said,
    left: new Map(record.grants.map(({ requestId, userId, images }) => [grantKey(requestId, userId), images])),
  };
}

function sameNumber(world: World, what: string, said: number, counted: number): void {
  if (said !== counted) world.faults.say('R09', `says ${what} ${said}, counted ${counted}`);
}

/** R26: at each granted or released record. */
export function checkOldBatches(world: World, atMs: number): void {
  for (const batch of world.openBatches) {
    const { atMs: releasedAtMs, open } = world.batches[batch]!;
    if (atMs - releasedAtMs < world.input.policy.giveUpDays * DAY_MS) continue;
    const days = ((atMs - releasedAtMs) / DAY_MS).toFixed(2);
    world.faults.say('R26', `${open} meters of batch ${batch} are under way for ${days} days and not given up`);
  }
}

function roomOf(world: World, day: number): number {
  const room = Math.max(0, spareOf(world, day) - dayBookOf(world, day).all);
  return world.room?.day === day ? Math.min(room, world.room.images) : room;
}

function judgedOf(world: World, record: Granted, readies: readonly Ready[], day: number, room: number): Judged[] {
  const judged: Judged[] = [];
  const named = new Set<string>();
  for (const grant of record.grants) {
    const key = grantKey(grant.requestId, grant.userId);
    const position = world.requestAt.get(grant.requestId);
    const user = world.userAt.get(grant.userId);
    if (position === undefined || user === undefined || named.has(key)) {
      world.faults.say('R09', `grants to ${key}, which is ${named.has(key) ? 'named twice' : 'unknown'}`);
      continue;
    }
    named.add(key);
    const { book, byUser, owed } = readies[position]!;
    const ready = byUser.get(user) ?? 0;
    const limit = limitOf(world, book, grant.userId, day) ?? room;
    if (grant.ready !== ready) world.faults.say('R09', `says ${grant.ready} of ${key} are ready, counted ${ready}`);
    if (grant.limit !== limit) world.faults.say('R09', `says the limit of ${key} is ${grant.limit}, counted ${limit}`);
    const bound = Math.min(ready, limit, toldOf(world, user, day));
    if (grant.images > bound) world.faults.say('R06', `grants ${grant.images} to ${key}, of ${bound} that it may use`);
    const shares = coverOf(book, grant.userId) === 'unscheduled' ? grant.userId : undefined;
    judged.push({ grant, book, user, ready, owed: owed.get(user) ?? 0, bound, shares });
  }
  for (const { book, byUser } of readies)
    for (const [user, ready] of byUser) {
      const key = grantKey(book.request.requestId, world.input.users[user]!.userId);
      if (ready > 0 && !named.has(key)) world.faults.say('R06', `grants nothing to ${key}, with ${ready} ready`);
    }
  return judged;
}

/** R06, and whether limits that several grants share are kept by their sum. */
function checkSum(world: World, judged: readonly Judged[], room: number, day: number): void {
  const images = sum(judged.map(({ grant }) => grant.images));
  let usable = 0;
  for (const user of new Set(judged.map((one) => one.user))) {
    const own = judged.filter((one) => one.user === user);
    const shared = own.filter(({ shares }) => shares !== undefined);
    const limit = limitShared(world, shared, day);
    const told = toldOf(world, user, day);
    const granted = sum(shared.map(({ grant }) => grant.images));
    const userId = world.input.users[user]!.userId;
    if (granted > limit) world.faults.say('R06', `grants ${granted} to ${userId}, whose shared limit is ${limit}`);
    const alone = sum(own.filter(({ shares }) => shares === undefined).map(({ bound }) => bound));
    usable += Math.min(told, alone + Math.min(limit, sum(shared.map(({ ready }) => ready))));
  }
  const expected = Math.min(room, usable);
  if (images !== expected)
    world.faults.say('R06', `grants ${images} in all; the room is ${room}, and ${usable} could be used: ${expected}`);
}

/** It has less than it could use, and nothing that it shares with others of its User is the reason. */
function isShort(world: World, one: Judged, judged: readonly Judged[], day: number): boolean {
  if (one.grant.images >= one.bound) return false;
  const own = judged.filter(({ user }) => user === one.user);
  const told = toldOf(world, one.user, day);
  if (sum(own.map(({ grant }) => grant.images)) >= told) return false;
  const shared = own.filter(({ shares }) => shares !== undefined);
  return one.shares === undefined || sum(shared.map(({ grant }) => grant.images)) < limitShared(world, shared, day);
}

/** Position in the order of Annex D 1.4 and 1.5; equal within a group. */
function ranksOf(world: World): Map<number, number> {
  const ranks = new Map<number, number>();
  const urgent = world.incidents
    .filter(({ isOpen }) => isOpen)
    .toSorted((one, other) => one.priority - other.priority || one.openedAt - other.openedAt);
  let rank = 0;
  for (const { request } of urgent)
    if (!ranks.has(request)) {
      ranks.set(request, rank);
      rank += 1;
    }
  let groupBeganMs = -Infinity;
  const inTurn = world.input.requests.toSorted(
    (one, other) => one.requestedAtMs - other.requestedAtMs || one.position - other.position,
  );
  for (const { position, requestedAtMs } of inTurn) {
    if (requestedAtMs - groupBeganMs > world.input.policy.simultaneousDays * DAY_MS) {
      groupBeganMs = requestedAtMs;
      rank += 1;
    }
    if (!ranks.has(position)) ranks.set(position, rank);
  }
  return ranks;
}

/** R05, and R22 where the one that has to wait is a security request. */
function checkOrder(world: World, judged: readonly Judged[], day: number): void {
  const ranks = ranksOf(world);
  const rankOf = ({ book }: Judged): number => ranks.get(book.request.position) ?? Infinity;
  for (const early of judged) {
    if (!isShort(world, early, judged, day)) continue;
    for (const late of judged) {
      if (late.grant.images === 0 || rankOf(late) <= rankOf(early)) continue;
      const { requestId, images } = early.grant;
      world.faults.say(
        early.book.request.isSecurity ? 'R22' : 'R05',
        `${requestId} has ${images} of ${early.bound}, and ${late.grant.requestId}, which comes later, has ${late.grant.images}`,
      );
      return;
    }
  }
}

function checkRescheduled(
  world: World,
  record: Granted,
  judged: readonly Judged[],
  readies: readonly Ready[],
  day: number,
): void {
  const due = new Map<string, number>();
  for (const { grant, book } of judged) {
    if (coverOf(book, grant.userId) !== 'schedule') continue;
    const moved = Math.min(grant.ready, grant.limit) - grant.images;
    if (moved > 0) due.set(`${grantKey(grant.requestId, grant.userId)} capacity`, moved);
  }
  for (const { book, butForHalts } of readies) {
    const { requestId, userId, schedule, position } = book.request;
    if (schedule === undefined || !isHalted(world, position) || scheduledMax(book, day) === 0) continue;
    const moved = Math.min(butForHalts, limitOf(world, book, userId, day) ?? Infinity);
    if (moved > 0) due.set(`${grantKey(requestId, userId)} halt`, moved);
  }
  for (const { requestId, userId, images, because } of record.rescheduled) {
    const key = `${grantKey(requestId, userId)} ${because}`;
    const moved = due.get(key) ?? 0;
    due.delete(key);
    if (images !== moved) world.faults.say('R23', `moves ${images} agreed images of ${key}, counted ${moved}`);
  }
  for (const [key, moved] of due) world.faults.say('R23', `moves no agreed images of ${key}, counted ${moved}`);
}
