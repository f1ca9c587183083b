/**
 * Rules as a reader of the journal sees them, written a second time and without the machine: for properties over many small worlds. The whole table
 * of `docs/RULES.md` is held by a checker of its own outside of this package.
 */
import type { CampaignInput } from './model/campaign-input.js';
import type { CampaignRecord, Route } from './model/campaign-record.js';
import { isInWindow } from './time/windows.js';
import { textOfDay } from './time/civil.js';

const DAY_MS = 86_400_000;

interface Meter {
  at: 'idle' | 'released' | 'end';
  route: number;
  hop: number;
  tries: number;
  parkedDay: number | undefined;
  readonly succeeded: Set<string>;
}

/** What is wrong, one line each; empty for a journal that keeps the rules looked at here. */
export function judge(input: CampaignInput, records: readonly CampaignRecord[], meterCount: number): string[] {
  const faults: string[] = [];
  const { policy } = input;
  const meters = Array.from({ length: meterCount }, (): Meter => ({
    at: 'end',
    route: -1,
    hop: 0,
    tries: 0,
    parkedDay: undefined,
    succeeded: new Set(),
  }));
  const routes: Route[] = [];
  const requestOf = new Map<number, string>();
  const days = new Map<number, { all: number; unscheduled: Map<string, number>; agreed: Map<string, number> }>();
  const held = new Map<string, 'paused' | 'stopped' | 'aborted'>();
  const changes: { fromDay: string; imagesPerDay: number }[] = [];
  const halts = new Map<string, string>();
  let scope = 0;
  let ends = 0;
  const end = (meter: Meter): void => {
    if (meter.at !== 'end') ends += 1;
    meter.at = 'end';
  };
  for (const [position, record] of records.entries()) {
    const at = `record ${position}`;
    if (record.seq !== position) faults.push(`${at}: seq ${record.seq}`);
    const day = Math.floor(record.atMs / DAY_MS);
    if (record.kind === 'requested') {
      for (const route of record.routes) {
        routes[route.route] = route;
        requestOf.set(route.route, record.requestId);
        const [first, after] = rangeOf(input, route.cohortId);
        for (let meter = first; meter < after; meter += 1) {
          scope += 1;
          Object.assign(meters[meter]!, { at: 'idle', route: route.route });
          if (route.hops.length === 0) end(meters[meter]!);
        }
      }
    } else if (record.kind === 'commanded') {
      const { command } = record;
      const ids =
        'requestId' in command && command.requestId !== undefined
          ? [command.requestId]
          : input.requests.map((one) => one.requestId);
      if (command.kind === 'capacity') changes.push(command);
      if (command.kind === 'pause') for (const id of ids) if (!held.has(id)) held.set(id, 'paused');
      if (command.kind === 'resume') for (const id of ids) if (held.get(id) !== 'aborted') held.delete(id);
      if (command.kind === 'open-incident' && command.haltsOthers) halts.set(command.incidentId, command.requestId);
      if (command.kind === 'close-incident') halts.delete(command.incidentId);
    } else if (record.kind === 'stopped') held.set(record.requestId, 'stopped');
    else if (record.kind === 'released') {
      if (!isInWindow(input.windows, record.atMs)) faults.push(`${at}: outside of every window`);
      if ([...halts.values()].some((id) => id !== record.requestId) && ![...halts.values()].includes(record.requestId))
        faults.push(`${at}: ${record.requestId} starts in a halt`);
      const request = input.requests.find((one) => one.requestId === record.requestId)!;
      const count = days.get(day) ?? {
        all: 0,
        unscheduled: new Map<string, number>(),
        agreed: new Map<string, number>(),
      };
      days.set(day, count);
      const isAgreed = request.schedule !== undefined && request.userId === record.userId;
      for (const { route, hop, meters: set } of record.parts) {
        const { large, imageHash } = routes[route]!.hops[hop]!;
        for (const index of each(set)) {
          const meter = meters[index]!;
          const why = held.get(record.requestId);
          if (why === 'stopped' || (why === 'paused' && hop === 0))
            faults.push(`${at}: meter ${index} starts while ${why}`);
          if (meter.at !== 'idle' || meter.route !== route || meter.hop !== hop)
            faults.push(`${at}: meter ${index} is not there`);
          if (meter.succeeded.has(imageHash)) faults.push(`${at}: meter ${index} gets ${imageHash} again`);
          if (meter.tries > policy.retriesMax) faults.push(`${at}: meter ${index} has no try left`);
          if (meter.parkedDay !== undefined && day < meter.parkedDay + policy.retryAfterDays)
            faults.push(`${at}: meter ${index} is tried too soon`);
          Object.assign(meter, { at: 'released', tries: meter.tries + 1, parkedDay: undefined });
          if (!large) continue;
          count.all += 1;
          const per = isAgreed ? count.agreed : count.unscheduled;
          const key = isAgreed ? record.requestId : record.userId;
          if (isAgreed || request.priority === 'normal') per.set(key, (per.get(key) ?? 0) + 1);
        }
      }
      const text = textOfDay(day);
      const capacity = changes.findLast(({ fromDay }) => fromDay <= text)?.imagesPerDay ?? policy.capacityPerDay;
      const other = input.otherTraffic
        .filter(({ fromDay, toDay }) => fromDay <= text && text <= toDay)
        .reduce((sum, { imagesPerDay }) => sum + imagesPerDay, 0);
      if (
        count.all > Math.max(0, capacity - other) &&
        record.parts.some(({ route, hop }) => routes[route]!.hops[hop]!.large)
      )
        faults.push(`${at}: ${count.all} large images on ${text}`);
      for (const [user, images] of count.unscheduled)
        if (images > policy.unscheduledPerDay) faults.push(`${at}: ${user} has ${images} without a schedule`);
      const period = request.schedule?.periods.find(
        (one) => one.fromDay <= text && (one.toDay === undefined || text <= one.toDay),
      );
      if ((count.agreed.get(record.requestId) ?? 0) > (period?.imagesPerDay ?? 0))
        faults.push(`${at}: above the schedule`);
    } else if (record.kind === 'outcomes') {
      for (const index of each(record.succeeded)) {
        const meter = meters[index]!;
        const way = routes[meter.route]!;
        meter.succeeded.add(way.hops[meter.hop]!.imageHash);
        Object.assign(meter, { hop: meter.hop + 1, tries: 0, parkedDay: undefined });
        if (meter.hop === way.hops.length) end(meter);
        else meter.at = 'idle';
      }
      for (const { meters: set } of record.broken) for (const index of each(set)) park(meters[index]!, day);
      for (const { meters: set } of record.failed) for (const index of each(set)) end(meters[index]!);
    } else if (record.kind === 'gave-up') for (const index of each(record.meters)) park(meters[index]!, day);
    else if (record.kind === 'expired') for (const index of each(record.meters)) end(meters[index]!);
    else if (record.kind === 'ended' && position !== records.length - 1) faults.push(`${at}: is not the last`);
  }
  // With commands that take meters out of scope this reader would have to know more; such worlds are not given to it.
  if (records.at(-1)?.kind === 'ended' && ends !== scope) faults.push(`${scope} meters in scope, ${ends} ends`);
  return faults;
}

function park(meter: Meter, day: number): void {
  Object.assign(meter, { at: 'idle', parkedDay: day });
}

function* each(set: readonly (number | readonly [number, number])[]): Generator<number> {
  for (const item of set) {
    const [first, last] = typeof item === 'number' ? [item, item] : item;
    for (let at = first; at <= last; at += 1) yield at;
  }
}

function rangeOf(input: CampaignInput, cohortId: string): [number, number] {
  let first = 0;
  for (const { cohortId: id, meters } of input.cohorts) {
    const count = 'count' in meters ? meters.count : meters.deviceIds.length;
    if (id === cohortId) return [first, first + count];
    first += count;
  }
  return [0, 0];
}
