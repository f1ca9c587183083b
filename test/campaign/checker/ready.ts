/** Who is ready for a large image, counted over every meter that has no end: nothing here remembers what the planner would. */
import { hasConsent, allowanceOf, holdOf } from './terms.js';
import { INSTALLED, PARKED, RELEASED, STARTED, WAITING, type RequestBook, type World } from './world.js';

/** Of one request, by position of the User. */
export interface Ready {
  readonly book: RequestBook;
  readonly byUser: ReadonlyMap<number, number>;
  /** Of its own User, if no incident halted it. */
  readonly butForHalts: number;
  /** Large images that its meters still need on their present ways, by position of the User. */
  readonly owed: ReadonlyMap<number, number>;
}

/** Meters by what their next start would be. */
interface Tally {
  fresh: number;
  again: number;
  readonly completions: Map<number, number>;
  readonly owed: Map<number, number>;
}

export function readyOf(world: World, day: number): Ready[] {
  const tallies = world.requests.map((): Tally => ({
    fresh: 0,
    again: 0,
    completions: new Map(),
    owed: new Map(),
  }));
  for (const [position, cohort] of world.input.cohorts.entries())
    if (cohort.request !== -1 && world.openOf[position]! > 0)
      tallyCohort(world, position, tallies[cohort.request]!, day);
  return world.requests.map((book, at) => readyFrom(world, book, tallies[at]!, day));
}

function tallyCohort(world: World, position: number, tally: Tally, day: number): void {
  const { stage, route, hop, tries, owner, flags, parkedOn } = world.meters;
  const { retriesMax, retryAfterDays, parkedDaysMax } = world.input.policy;
  const cohort = world.input.cohorts[position]!;
  const mayBegin = hasConsent(world, cohort, world.requests[cohort.request]!.targetEntryId, day);
  const ownUser = world.userAt.get(world.requests[cohort.request]!.request.userId)!;
  for (let meter = cohort.first; meter < cohort.end; meter += 1) {
    const at = stage[meter]!;
    const owes = owedBy(world, meter);
    if (owes > 0) tally.owed.set(owner[meter]!, (tally.owed.get(owner[meter]!) ?? 0) + owes);
    if (at !== WAITING && at !== INSTALLED && at !== PARKED) continue;
    if (at === PARKED) {
      if (tries[meter]! > retriesMax)
        world.faults.say('R25', `meter ${meter} has no try left and is parked still: it has not expired`);
      else if (day >= parkedOn[meter]! + parkedDaysMax)
        world.faults.say('R25', `meter ${meter} is parked for ${day - parkedOn[meter]!} days and has not expired`);
      if (tries[meter]! > retriesMax || day < parkedOn[meter]! + retryAfterDays) continue;
    }
    if (world.routes[route[meter]!]?.route.hops[hop[meter]!]?.large !== true) continue;
    if (hop[meter]! > 0) tally.completions.set(owner[meter]!, (tally.completions.get(owner[meter]!) ?? 0) + 1);
    else if (mayBegin && owner[meter] === ownUser) {
      if ((flags[meter]! & STARTED) === 0) tally.fresh += 1;
      else tally.again += 1;
    }
  }
}

/** Large hops that are ahead of the meter; one that is under way is not. */
function owedBy({ meters, routes }: World, meter: number): number {
  const stage = meters.stage[meter]!;
  if (stage !== WAITING && stage !== INSTALLED && stage !== PARKED && stage !== RELEASED) return 0;
  const hops = routes[meters.route[meter]!]?.route.hops ?? [];
  let images = 0;
  for (let hop = meters.hop[meter]! + (stage === RELEASED ? 1 : 0); hop < hops.length; hop += 1)
    if (hops[hop]!.large) images += 1;
  return images;
}

function readyFrom(world: World, book: RequestBook, tally: Tally, day: number): Ready {
  const ownUser = world.userAt.get(book.request.userId)!;
  const newStarts = tally.again + Math.min(tally.fresh, allowanceOf(book));
  const counted = (butForHalts: boolean): Map<number, number> => {
    const byUser = new Map<number, number>();
    if (holdOf(world, book, { isCompletion: true, day, butForHalts }) === undefined)
      for (const [user, meters] of tally.completions) byUser.set(user, meters);
    if (newStarts > 0 && holdOf(world, book, { isCompletion: false, day, butForHalts }) === undefined)
      byUser.set(ownUser, (byUser.get(ownUser) ?? 0) + newStarts);
    return byUser;
  };
  return { book, byUser: counted(false), butForHalts: counted(true).get(ownUser) ?? 0, owed: tally.owed };
}
