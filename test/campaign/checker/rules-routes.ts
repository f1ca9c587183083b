/** What `requested` and `retarget` may say about ways: R04, R12, R32. Ways are searched for, not believed. */
import { isDeepStrictEqual } from 'node:util';
import type { Commanded, Requested, Route } from './records.js';
import { holdsProduct } from './terms.js';
import { HOPS_MAX, edgeFault, fewestHops } from './upgrade-graph.js';
import type { RequestBook, World } from './world.js';

export function checkRequested(world: World, record: Requested): void {
  const { faults, input } = world;
  const book = world.requests[world.requestedSoFar];
  if (book === undefined || book.request.requestId !== record.requestId) {
    faults.say('R33', `takes up ${record.requestId}, and ${book?.request.requestId ?? 'none'} is next`);
    return;
  }
  world.requestedSoFar += 1;
  const { request } = book;
  const codes = refusalsOf(world, book);
  if (record.outcome === 'refused') {
    if (!codes.has(record.refusal?.code ?? ''))
      faults.say(
        'R12',
        `is refused as ${record.refusal?.code}; the checker finds ${[...codes].join(', ') || 'no reason'}`,
      );
    if (record.routes.length > 0) faults.say('R12', 'is refused and has routes');
    return;
  }
  if (codes.size > 0) faults.say('R12', `is accepted; the checker would refuse it as ${[...codes].join(', ')}`);
  if ((record.schedule === undefined) !== (request.schedule === undefined))
    faults.say('R03', 'does not repeat the agreed schedule');
  const routed = new Map(record.routes.map((route) => [route.cohortId, route]));
  const without = new Set(record.withoutPath.map(({ cohortId }) => cohortId));
  if (routed.size !== record.routes.length) faults.say('R12', 'has two routes for one cohort');
  for (const position of request.cohorts) {
    const { cohortId, entryId } = input.cohorts[position]!;
    const route = routed.get(cohortId);
    if ((route === undefined) === !without.has(cohortId))
      faults.say(
        'R12',
        `has for cohort ${cohortId} ${route === undefined ? 'neither a route nor' : 'a route and'} no way`,
      );
    if (route !== undefined) checkRoute(world, route, { from: entryId, to: request.targetEntryId });
    else if (fewestHops(input.cpl, entryId, request.targetEntryId) !== undefined)
      faults.say('R12', `says that cohort ${cohortId} has no way; the checker finds one`);
  }
  const cohorts = new Set(request.cohorts.map((position) => input.cohorts[position]!.cohortId));
  for (const id of [...routed.keys(), ...without])
    if (!cohorts.has(id)) faults.say('R15', `names cohort ${id} of another`);
  for (const [at, { route }] of record.routes.entries())
    if (route !== world.routes.length + at)
      faults.say('R33', `numbers a route ${route}, not ${world.routes.length + at}`);
}

/** Every reason for which it would be refused. */
function refusalsOf(world: World, { request }: RequestBook): ReadonlySet<string> {
  const { cpl, cohorts, users } = world.input;
  const codes = new Set<string>();
  const isDcc = users[world.userAt.get(request.userId)!]!.role === 'dcc';
  let ways = 0;
  for (const position of request.cohorts) {
    const cohort = cohorts[position]!;
    if (isDcc && !cohort.dormant && !request.isCommsHub) codes.add('no-deemed-consent');
    if (!isDcc && (cohort.dormant || cohort.userId !== request.userId)) codes.add('not-the-responsible-supplier');
    if (cohort.dormant && !holdsProduct(world, cohort, request.targetEntryId)) codes.add('combination-not-listed');
    const hops = fewestHops(cpl, cohort.entryId, request.targetEntryId);
    if (hops !== undefined) ways += 1;
    else if (!request.skipCohortsWithoutPath) codes.add('no-path');
    if (hops !== undefined && hops > HOPS_MAX) codes.add('too-many-hops');
  }
  if (ways === 0) codes.add('no-path');
  return codes;
}

function checkRoute(
  world: World,
  route: Route,
  { from, to, used = new Set() }: { from: string; to: string; used?: ReadonlySet<string> },
): void {
  const { cpl, policy } = world.input;
  const { faults } = world;
  const name = `route ${route.route}`;
  if (route.fromEntryId !== from) faults.say('R12', `${name} leaves ${route.fromEntryId}, and its meters run ${from}`);
  if (route.hops.length > HOPS_MAX) faults.say('R12', `${name} has ${route.hops.length} hops`);
  const hashes = new Set(used);
  let at = route.fromEntryId;
  for (const { entryId, imageHash, large } of route.hops) {
    const entry = cpl.get(entryId);
    const fault = edgeFault(cpl.get(at), entry);
    if (fault !== undefined) faults.say('R12', `${name}: ${fault}`);
    if (hashes.has(imageHash)) faults.say('R12', `${name} goes through image ${imageHash.slice(0, 8)}… twice`);
    hashes.add(imageHash);
    if (entry !== undefined && entry.manufacturerImageHash !== imageHash)
      faults.say('R04', `${name} starts ${entryId} with image ${imageHash.slice(0, 8)}…, which is not its image`);
    if (entry !== undefined && entry.imageOctets > policy.largeAboveOctets !== large)
      faults.say('R04', `${name} takes ${entryId} with ${entry.imageOctets} octets as ${large ? 'large' : 'small'}`);
    at = entryId;
  }
  if (at !== to) faults.say('R12', `${name} ends at ${at}, not at ${to}`);
}

/** Before it is folded. */
export function checkRetarget(world: World, { command, routes = [] }: Commanded): void {
  const { faults, input } = world;
  const book = world.requests[world.requestAt.get(command.requestId ?? '') ?? -1];
  if (book === undefined) return;
  const target = command.targetEntryId!;
  const mayChange = book.status === 'paused' || book.status === 'stopped';
  if (!mayChange && routes.length > 0) faults.say('R32', `retargets ${command.requestId}, which is ${book.status}`);
  if (mayChange && routes.length === 0 && target !== book.targetEntryId)
    faults.say('R32', `retargets ${command.requestId} and changes no route`);
  if (routes.length === 0) return;
  const replaced = new Set(routes.map(({ replaces }) => replaces));
  for (const [at, { request, isReplaced }] of world.routes.entries())
    if (request === book.request.position && !isReplaced && !replaced.has(at)) faults.say('R32', `forgets route ${at}`);
  let next = world.routes.length;
  for (const { replaces, fresh, after } of routes) {
    const old = world.routes[replaces];
    if (old === undefined || old.request !== book.request.position || old.isReplaced) {
      faults.say('R32', `replaces route ${replaces}, which ${command.requestId} does not have, or no longer`);
      continue;
    }
    const { fromEntryId } = old.route;
    const end = old.route.hops.at(-1)?.entryId ?? fromEntryId;
    const used = new Set(old.route.hops.map(({ imageHash }) => imageHash));
    for (const route of [fresh, after]) {
      if (route === undefined) continue;
      if (route.route !== next || route.cohortId !== old.route.cohortId)
        faults.say(
          'R33',
          `numbers a route ${route.route} for ${route.cohortId}, not ${next} for ${old.route.cohortId}`,
        );
      next += 1;
    }
    if (fresh !== undefined) checkRoute(world, fresh, { from: fromEntryId, to: target });
    else if (fewestHops(input.cpl, fromEntryId, target) !== undefined)
      faults.say('R32', `finds no way for what has not started of route ${replaces}; the checker finds one`);
    if (after !== undefined) checkRoute(world, after, { from: end, to: target, used });
    else if (fewestHops(input.cpl, end, target, used) !== undefined)
      faults.say('R32', `finds no way on from the end of route ${replaces}; the checker finds one`);
  }
}

/** R34: the commands of the input, as they are written there, in their order and not early. */
export function checkEvent(world: World, record: Commanded, atMs: number): void {
  if (record.event === undefined) return;
  const event = world.input.events[record.event];
  if (record.event !== world.eventsDone || event === undefined) {
    world.faults.say('R34', `is event ${record.event}, and ${world.eventsDone} is next`);
    return;
  }
  world.eventsDone += 1;
  if (atMs < event.atMs) world.faults.say('R34', `happens ${event.atMs - atMs} ms early`);
  if (!isDeepStrictEqual(record.command, event.command))
    world.faults.say('R34', `is ${JSON.stringify(record.command).slice(0, 200)}, not what event ${record.event} says`);
}
