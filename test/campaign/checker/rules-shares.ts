/**
 * R07: how those who have their turn together share. Judged pair by pair, not by sharing anew: whoever was given an image must not be ahead of
 * somebody beside it who could have taken that image.
 */
import type { Grant } from './records.js';
import { limitOf, toldOf } from './terms.js';
import type { RequestBook, World } from './world.js';

/** A grant with what the checker counted for it. */
export interface Judged {
  readonly grant: Grant;
  readonly book: RequestBook;
  readonly user: number;
  readonly ready: number;
  /** Large images that its meters still need. */
  readonly owed: number;
  /** Of this pair alone. */
  readonly bound: number;
  /** Of the images of its User that share one limit; undefined: it shares none. */
  readonly shares: string | undefined;
}

/** A User of the group; its requests under one limit; or one grant. */
interface Party {
  readonly name: string;
  readonly given: number;
  readonly asked: number;
  readonly able: number;
  readonly images: number;
  /** Position in the input and time of its first grant: who asked first. */
  readonly askedAt: readonly [ms: number, position: number];
}

/** @param ranks - By position of the request; equal within a group. */
export function checkShares(
  world: World,
  judged: readonly Judged[],
  ranks: ReadonlyMap<number, number>,
  day: number,
): void {
  for (const rank of new Set(ranks.values())) {
    const isHere = (position: number): boolean => ranks.get(position) === rank;
    const here = judged.filter(({ book }) => isHere(book.request.position));
    const earlier = judged.filter(({ book }) => (ranks.get(book.request.position) ?? Infinity) < rank);
    const users = [...new Set(here.map(({ user }) => user))];
    comparePairs(
      world,
      users.map((user) => {
        const own = here.filter((one) => one.user === user);
        const before = earlier.filter((one) => one.user === user);
        const shared = own.filter(({ shares }) => shares !== undefined);
        const parties = own.filter(({ shares }) => shares === undefined).map(partyOfGrant);
        if (shared.length > 0) {
          const left = limitShared(world, shared, day) - imagesOf(before.filter(({ shares }) => shares !== undefined));
          const given = givenTo(world, user, (position) => isHere(position) && isUnscheduled(world, position, user));
          parties.push(partyOf('requests without a schedule', shared, given, left, shared.map(partyOfGrant)));
          comparePairs(world, shared.map(partyOfGrant));
        }
        comparePairs(world, parties);
        const told = toldOf(world, user, day) - imagesOf(before);
        return partyOf(own[0]!.grant.userId, own, givenTo(world, user, isHere), told, parties);
      }),
    );
  }

  function givenTo({ requests }: World, user: number, fits: (position: number) => boolean): number {
    return sum(requests.filter((_, at) => fits(at)).map(({ largeStartsFor }) => largeStartsFor.get(user) ?? 0));
  }
}

function isUnscheduled({ input, requests }: World, position: number, user: number): boolean {
  const { schedule, isSecurity, userId } = requests[position]!.request;
  return input.users[user]!.userId !== userId || (schedule === undefined && !isSecurity);
}

function partyOfGrant({ grant, book, user, owed }: Judged): Party {
  const given = book.largeStartsFor.get(user) ?? 0;
  return {
    name: `${grant.requestId} for ${grant.userId}`,
    given,
    asked: given + owed,
    able: Math.min(grant.ready, grant.limit),
    images: grant.images,
    askedAt: [book.request.requestedAtMs, book.request.position],
  };
}

function partyOf(
  name: string,
  grants: readonly Judged[],
  given: number,
  most: number,
  parties: readonly Party[],
): Party {
  const mayStart = grants.filter(({ grant }) => Math.min(grant.ready, grant.limit) > 0);
  return {
    name,
    given,
    asked: given + sum(mayStart.map(({ owed }) => owed)),
    able: Math.min(Math.max(0, most), sum(parties.map(({ able }) => able))),
    images: imagesOf(grants),
    askedAt: parties.map(({ askedAt }) => askedAt).toSorted(byTime)[0]!,
  };
}

/** Fractions are compared as whole numbers. */
function comparePairs({ faults }: World, parties: readonly Party[]): void {
  for (const poor of parties) {
    if (poor.images >= poor.able) continue;
    for (const rich of parties) {
      if (rich === poor || rich.images === 0) continue;
      const ahead = (rich.given + rich.images - 1) * poor.asked - (poor.given + poor.images) * rich.asked;
      if (ahead < 0 || (ahead === 0 && byTime(rich.askedAt, poor.askedAt) < 0)) continue;
      faults.say(
        'R07',
        `${rich.name} has ${rich.given} + ${rich.images} of ${rich.asked}, and ${poor.name}, which could take more, ${poor.given} + ${poor.images} of ${poor.asked}`,
      );
      return;
    }
  }
}

function byTime(one: Party['askedAt'], other: Party['askedAt']): number {
  return one[0] - other[0] || one[1] - other[1];
}

function imagesOf(grants: readonly Judged[]): number {
  return sum(grants.map(({ grant }) => grant.images));
}

/** What the last sentence of "limit" leaves to a User's grants together. */
export function limitShared(world: World, shared: readonly Judged[], day: number): number {
  const first = shared[0];
  return first === undefined ? 0 : (limitOf(world, first.book, first.grant.userId, day) ?? Infinity);
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
