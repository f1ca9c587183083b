/** What a `released` record must be: the rules about when, which meter, on whose behalf and within which limits an image starts. */
import { isInWindows } from './calendar.js';
import { hasRun } from './fold.js';
import { forEachMeter, sizeOf } from './meter-set.js';
import type { Released } from './records.js';
import { checkOldBatches, grantKey } from './rules-grants.js';
import { allowanceOf, coverOf, hasConsent, holdOf, scheduledMax, spareOf, unscheduledMax, type Hold } from './terms.js';
import {
  INSTALLED,
  PARKED,
  RELEASED,
  STAGES,
  STARTED,
  WAITING,
  dayBookOf,
  has,
  isHalfWay,
  setStage,
  type RequestBook,
  type World,
} from './world.js';

export function checkReleased(world: World, record: Released, day: number, atMs: number): void {
  const { faults } = world;
  const position = world.requestAt.get(record.requestId);
  const user = world.userAt.get(record.userId);
  if (position === undefined || user === undefined) {
    faults.say('R33', `names the unknown request or User ${record.requestId}, ${record.userId}`);
    return;
  }
  if (record.batch !== world.batches.length)
    faults.say('R33', `is batch ${record.batch}, after ${world.batches.length} others`);
  if (!isInWindows(world.input.windows, atMs))
    faults.say('R10', `starts at ${new Date(atMs).toISOString()}, outside of every window`);
  checkOldBatches(world, atMs);
  const book = world.requests[position]!;
  checkFresh(world, record, book);
  world.batches.push({
    atMs,
    request: position,
    open: sizeOf(record.parts.flatMap(({ meters }) => meters)),
    late: 0,
    meters: sizeOf(record.parts.flatMap(({ meters }) => meters)),
  });
  world.openBatches.add(world.batches.length - 1);
  let large = 0;
  for (const part of record.parts) {
    startPart(world, record, book, part, day);
    if (world.routes[part.route]?.route.hops[part.hop]?.large === true) large += sizeOf(part.meters);
  }
  if (large > 0 && large < world.batches.at(-1)!.meters) faults.say('R33', 'has large images and others');
  if (large > 0) countLarge(world, record, book, { large, day });
}

/** R19 and R20: how many meters have their first start. */
function checkFresh(world: World, record: Released, book: RequestBook): void {
  let fresh = 0;
  for (const { meters } of record.parts)
    forEachMeter(meters, (meter) => {
      if (!has(world, meter, STARTED)) fresh += 1;
    });
  const allowance = allowanceOf(book);
  if (fresh <= allowance) return;
  const { requestId, isSecurity } = book.request;
  const isTest = isSecurity && !book.safetyPassed;
  world.faults.say(
    isTest ? 'R20' : 'R19',
    `${requestId} starts ${fresh} meters for the first time, of ${allowance} that ${isTest ? 'its safety test' : `phase ${book.phase}`} allows`,
  );
}

function startPart(
  world: World,
  record: Released,
  book: RequestBook,
  part: Released['parts'][number],
  day: number,
): void {
  const { faults, meters } = world;
  const route = world.routes[part.route];
  const hop = route?.route.hops[part.hop];
  if (route === undefined || hop === undefined || route.request !== book.request.position) {
    faults.say('R13', `names hop ${part.hop} of route ${part.route}, which ${book.request.requestId} does not have`);
    return;
  }
  const cohort = world.input.cohorts[route.cohort]!;
  const newHold = holdOf(world, book, { isCompletion: false, day }) ?? consentHold(world, route.cohort, book, day);
  const completionHold = holdOf(world, book, { isCompletion: true, day });
  const user = world.userAt.get(record.userId)!;
  const isOwnUser = record.userId === book.request.userId;
  const held = new Map<Hold, number>();
  forEachMeter(part.meters, (meter) => {
    const stage = meters.stage[meter]!;
    if (meter < cohort.first || meter >= cohort.end)
      faults.say('R15', `meter ${meter} is not of cohort ${cohort.cohortId}`);
    if (stage === RELEASED) faults.say('R14', `meter ${meter} has an image under way already`);
    else if (hasRun(world, meter, hop.imageHash))
      faults.say('R14', `meter ${meter} has run image ${hop.imageHash.slice(0, 8)}… already`);
    else if (stage !== WAITING && stage !== INSTALLED && stage !== PARKED)
      faults.say('R15', `meter ${meter} is ${STAGES[stage]!} and cannot be started`);
    if (meters.route[meter] !== part.route || meters.hop[meter] !== part.hop)
      faults.say(
        'R13',
        `meter ${meter} is on route ${meters.route[meter]!}, hop ${meters.hop[meter]!}, not on ${part.route}, ${part.hop}`,
      );
    if (meters.owner[meter] !== user)
      faults.say(
        'R29',
        `meter ${meter} is ${world.input.users[meters.owner[meter]!]!.userId}'s, not ${record.userId}'s`,
      );
    const isCompletion = isHalfWay(world, meter);
    if (!isCompletion && !isOwnUser) faults.say('R29', `meter ${meter} begins on behalf of another than asked for it`);
    const hold = isCompletion ? completionHold : newHold;
    if (hold !== undefined) held.set(hold, (held.get(hold) ?? 0) + 1);
    checkRetry(world, meter, day);
    start(world, meter, book);
  });
  for (const [{ rule, why }, count] of held)
    faults.say(rule, `${count} meters of ${book.request.requestId} start while it ${why}`);
}

function consentHold(world: World, cohort: number, book: RequestBook, day: number): Hold | undefined {
  if (hasConsent(world, world.input.cohorts[cohort]!, book.targetEntryId, day)) return undefined;
  return { rule: 'R28', why: 'has no approved, tested or reported combination for a dormant cohort' };
}

function checkRetry(world: World, meter: number, day: number): void {
  const { stage, tries, parkedOn } = world.meters;
  const { retriesMax, retryAfterDays } = world.input.policy;
  if (tries[meter] === 0) return;
  if (tries[meter]! > retriesMax) world.faults.say('R24', `meter ${meter} was tried ${tries[meter]!} times already`);
  if (stage[meter] === PARKED && day < parkedOn[meter]! + retryAfterDays)
    world.faults.say('R24', `meter ${meter} was parked ${day - parkedOn[meter]!} days ago, not ${retryAfterDays}`);
}

function start(world: World, meter: number, book: RequestBook): void {
  const { meters } = world;
  // A second start of the same moment: the first batch waits for it no more.
  if (meters.stage[meter] === RELEASED) setStage(world, meter, PARKED);
  meters.batch[meter] = world.batches.length - 1;
  meters.tries[meter]! += 1;
  if (!has(world, meter, STARTED)) {
    meters.flags[meter]! |= STARTED;
    book.started += 1;
  }
  setStage(world, meter, RELEASED);
}

/** R01, R02, R03, R08. */
function countLarge(
  world: World,
  record: Released,
  book: RequestBook,
  { large, day }: { large: number; day: number },
): void {
  const { faults, room, grant } = world;
  const days = dayBookOf(world, day);
  const user = world.userAt.get(record.userId)!;
  days.all += large;
  book.largeStartsFor.set(user, (book.largeStartsFor.get(user) ?? 0) + large);
  if (days.all > spareOf(world, day))
    faults.say('R01', `is large start ${days.all} of day ${day}, whose spare capacity is ${spareOf(world, day)}`);
  if (room?.day === day) {
    room.images -= large;
    if (room.images < 0) faults.say('R01', `starts ${-room.images} more than the DCO told that there is room for`);
    const own = room.users.get(user);
    if (own !== undefined) room.users.set(user, own - large);
    if (own !== undefined && own < large)
      faults.say('R01', `starts ${large - own} more than the DCO told of this User`);
  }
  const cover = coverOf(book, record.userId);
  if (cover === 'unscheduled') {
    const sum = (days.unscheduled.get(user) ?? 0) + large;
    days.unscheduled.set(user, sum);
    const max = unscheduledMax(world);
    if (sum > max)
      faults.say('R02', `is large start ${sum} of ${record.userId} on day ${day}; without a schedule ${max}`);
  }
  if (cover === 'schedule') {
    const sum = (days.scheduled.get(book.request.position) ?? 0) + large;
    days.scheduled.set(book.request.position, sum);
    const max = scheduledMax(book, day);
    if (sum > max)
      faults.say('R03', `is large start ${sum} of ${record.requestId} on day ${day}; its schedule has ${max}`);
  }
  const key = grantKey(record.requestId, record.userId);
  const left = grant?.day === day ? grant.left.get(key) : undefined;
  if (left === undefined) faults.say('R08', `starts ${large} large images of ${key}, which has no grant of day ${day}`);
  else {
    grant!.left.set(key, left - large);
    if (left < large)
      faults.say('R08', `starts ${large} large images of ${key}, of ${left} that are left of its grant`);
  }
}
