/** What each record does to the meters, as JOURNAL.md says; stages that a record may not find are faults against R14 and R15. */
import { forEachMeter, type MeterSet } from './meter-set.js';
import type { Commanded, Outcomes, Requested, Route } from './records.js';
import {
  ANSWERED,
  DONE,
  EXEMPT,
  FAILED,
  INSTALLED,
  PARKED,
  RELEASED,
  STAGES,
  WAITING,
  has,
  isHalfWay,
  requestOf,
  setStage,
  type RequestBook,
  type World,
} from './world.js';

export function foldRequested(world: World, record: Requested): void {
  const book = world.requests[world.requestAt.get(record.requestId)!]!;
  const user = world.userAt.get(book.request.userId)!;
  const actsForOthers = world.input.users[user]!.role === 'dcc';
  book.status = record.outcome === 'accepted' ? 'open' : 'refused';
  const routed = new Map(record.routes.map((route) => [route.cohortId, addRoute(world, route)]));
  for (const position of book.request.cohorts) {
    const { cohortId, first, end } = world.input.cohorts[position]!;
    const route = record.outcome === 'accepted' ? routed.get(cohortId) : undefined;
    if (actsForOthers) world.meters.owner.fill(user, first, end);
    for (let meter = first; meter < end; meter += 1) {
      if (route === undefined) setStage(world, meter, EXEMPT);
      else putOnRoute(world, meter, route);
    }
  }
}

/** The new route's number, by the order in which routes come. */
function addRoute(world: World, route: Route): number {
  const cohort = world.cohortAt.get(route.cohortId) ?? 0;
  world.routes.push({ route, request: world.input.cohorts[cohort]!.request, cohort, after: -1, isReplaced: false });
  return world.routes.length - 1;
}

function putOnRoute(world: World, meter: number, route: number): void {
  const { meters } = world;
  meters.route[meter] = route;
  meters.hop[meter] = 0;
  meters.tries[meter] = 0;
  setStage(world, meter, world.routes[route]!.route.hops.length === 0 ? DONE : WAITING);
}

export function foldCommand(world: World, { command, routes }: Commanded): void {
  const meant = world.requests.filter(
    ({ request }) => command.requestId === undefined || request.requestId === command.requestId,
  );
  if (command.kind === 'pause') for (const book of meant) if (book.status === 'open') book.status = 'paused';
  if (command.kind === 'resume')
    for (const book of meant)
      if (book.status === 'paused' || book.status === 'stopped') {
        book.status = 'open';
        book.rule.mayBegin = true;
      }
  if (command.kind === 'abort')
    for (const book of meant) {
      if (book.status === 'refused' || book.status === 'aborted') continue;
      book.status = 'aborted';
      book.leaves = command.halfDone === 'leave';
      abort(world, book);
    }
  if (command.kind === 'capacity')
    world.capacityChanges.push({
      fromDay: Date.parse(`${command.fromDay!}T00:00:00Z`) / 86_400_000,
      imagesPerDay: command.imagesPerDay!,
    });
  if (command.kind === 'open-incident') openIncident(world, command);
  if (command.kind === 'close-incident')
    for (const incident of world.incidents) if (incident.incidentId === command.incidentId) incident.isOpen = false;
  if (command.kind === 'churn') churn(world, command);
  if (command.kind === 'retarget') retarget(world, command.targetEntryId!, meant[0], routes ?? []);
}

function openIncident(world: World, command: Commanded['command']): void {
  const request = world.requestAt.get(command.requestId!)!;
  const known = world.incidents.find(({ incidentId }) => incidentId === command.incidentId);
  const told = {
    priority: command.priority!,
    haltsOthers: command.haltsOthers!,
    isOpen: true,
    openedAt: world.faults.record,
  };
  if (known === undefined) world.incidents.push({ incidentId: command.incidentId!, request, ...told });
  else if (!known.isOpen) Object.assign(known, told);
}

function abort(world: World, book: RequestBook): void {
  const { meters } = world;
  forEachOf(world, book, (meter) => {
    if (isBetweenStarts(meters.stage[meter]!) && (book.leaves || !isHalfWay(world, meter)))
      setStage(world, meter, EXEMPT);
  });
}

/** Nothing is under way to it, and it has no end. */
function isBetweenStarts(stage: number): boolean {
  return stage === WAITING || stage === INSTALLED || stage === PARKED;
}

function churn(world: World, command: Commanded['command']): void {
  const { meters } = world;
  const cohort = world.input.cohorts[world.cohortAt.get(command.cohortId!)!]!;
  const to = world.userAt.get(command.toUserId!)!;
  forEachMeter(command.meters!, (within) => {
    const meter = cohort.first + within;
    const book = requestOf(world, meter);
    if (book?.request.isCommsHub === true) return;
    meters.owner[meter] = to;
    if (book === undefined || book.request.userId === command.toUserId) return;
    if (isBetweenStarts(meters.stage[meter]!) && !isHalfWay(world, meter)) setStage(world, meter, EXEMPT);
  });
}

function retarget(
  world: World,
  targetEntryId: string,
  book: RequestBook | undefined,
  changes: NonNullable<Commanded['routes']>,
): void {
  if (book === undefined || changes.length === 0) return;
  book.targetEntryId = targetEntryId;
  const { meters } = world;
  for (const { replaces, fresh, after } of changes) {
    const freshAt = fresh === undefined ? -1 : addRoute(world, fresh);
    const afterAt = after === undefined ? -1 : addRoute(world, after);
    const old = world.routes[replaces];
    if (old === undefined) continue;
    old.after = afterAt;
    old.isReplaced = true;
    const { first, end } = world.input.cohorts[old.cohort]!;
    for (let meter = first; meter < end; meter += 1) {
      if (meters.route[meter] !== replaces) continue;
      const stage = meters.stage[meter]!;
      if ((stage === WAITING || stage === INSTALLED) && !isHalfWay(world, meter)) {
        if (freshAt === -1) setStage(world, meter, EXEMPT);
        else putOnRoute(world, meter, freshAt);
      } else if (stage === DONE) goOnAfter(world, meter, replaces);
    }
  }
}

/** Whether there is a way that follows this route's end; the meter then waits at its beginning. */
function goOnAfter(world: World, meter: number, route: number): boolean {
  const { after } = world.routes[route]!;
  if (after === -1 || world.routes[after]!.route.hops.length === 0) return false;
  const { meters, input } = world;
  // Nothing begins for a meter that is another Supplier's by now.
  if (input.users[meters.owner[meter]!]!.userId !== requestOf(world, meter)!.request.userId) return false;
  meters.route[meter] = after;
  meters.hop[meter] = 0;
  meters.tries[meter] = 0;
  setStage(world, meter, INSTALLED);
  return true;
}

export function foldOutcomes(world: World, record: Outcomes, atMs: number, day: number): void {
  forEachMeter(record.succeeded, (meter) => succeed(world, meter, atMs));
  for (const { meters } of record.broken) breakOff(world, meters, atMs, day, 'outcomes');
  for (const { meters } of record.failed)
    forEachMeter(meters, (meter) => {
      if (!mayBe(world, meter, 'failed', RELEASED)) return;
      answer(world, meter, atMs);
      requestOf(world, meter)!.failures += 1;
      setStage(world, meter, FAILED);
    });
}

function succeed(world: World, meter: number, atMs: number): void {
  const { meters } = world;
  const book = requestOf(world, meter);
  const route = world.routes[meters.route[meter]!];
  const hop = route?.route.hops[meters.hop[meter]!];
  if (hop !== undefined && hasRun(world, meter, hop.imageHash))
    world.faults.say('R14', `meter ${meter} succeeded a second time with image ${hop.imageHash.slice(0, 8)}…`);
  if (!mayBe(world, meter, 'succeeded', RELEASED, PARKED) || book === undefined || hop === undefined) return;
  markRun(world, meter, hop.imageHash);
  answer(world, meter, atMs);
  book.successes += 1;
  if (meters.hop[meter]! + 1 < route!.route.hops.length) {
    meters.hop[meter]! += 1;
    meters.tries[meter] = 0;
    setStage(world, meter, book.status === 'aborted' && book.leaves ? EXEMPT : INSTALLED);
  } else if (book.status === 'aborted' || !goOnAfter(world, meter, meters.route[meter]!)) {
    setStage(world, meter, DONE);
  }
}

/** Of `outcomes` and `gave-up`: parked, or at its end where nothing may be tried again. */
export function breakOff(world: World, set: MeterSet, atMs: number, day: number, what: string): void {
  const { meters } = world;
  forEachMeter(set, (meter) => {
    if (!mayBe(world, meter, `named as broken by ${what}`, RELEASED)) return;
    const book = requestOf(world, meter)!;
    if (what === 'outcomes') countLate(world, meter, atMs);
    const isLost = book.status === 'aborted' || world.input.users[meters.owner[meter]!]!.userId !== book.request.userId;
    const ends = isHalfWay(world, meter) ? book.status === 'aborted' && book.leaves : isLost;
    meters.parkedOn[meter] = day;
    setStage(world, meter, ends ? EXEMPT : PARKED);
  });
}

/** Whether the meter stands at one of these stages; else it is a fault, and the meter stays as it is. */
export function mayBe(world: World, meter: number, what: string, ...stages: readonly number[]): boolean {
  const stage = world.meters.stage[meter]!;
  if (stages.includes(stage)) return true;
  world.faults.say('R15', `meter ${meter} is ${STAGES[stage]!} and cannot be ${what}`);
  return false;
}

function answer(world: World, meter: number, atMs: number): void {
  countLate(world, meter, atMs);
  if (has(world, meter, ANSWERED)) return;
  world.meters.flags[meter]! |= ANSWERED;
  requestOf(world, meter)!.answered += 1;
}

function countLate(world: World, meter: number, atMs: number): void {
  const batch = world.batches[world.meters.batch[meter]!];
  if (batch !== undefined && atMs - batch.atMs > world.input.policy.responseDays * 86_400_000) batch.late += 1;
}

export function hasRun(world: World, meter: number, imageHash: string): boolean {
  const bits = world.succeeded.get(imageHash);
  return bits !== undefined && (bits[meter >> 3]! & (1 << (meter & 7))) !== 0;
}

function markRun(world: World, meter: number, imageHash: string): void {
  let bits = world.succeeded.get(imageHash);
  if (bits === undefined) {
    bits = new Uint8Array((world.input.meters + 7) >> 3);
    world.succeeded.set(imageHash, bits);
  }
  bits[meter >> 3]! |= 1 << (meter & 7);
}

function forEachOf(world: World, book: RequestBook, each: (meter: number) => void): void {
  for (const position of book.request.cohorts) {
    const { first, end } = world.input.cohorts[position]!;
    for (let meter = first; meter < end; meter += 1) each(meter);
  }
}
