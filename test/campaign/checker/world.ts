/**
 * What the checker knows at one record: all that JOURNAL.md tells a reader to keep, and the counts that the rules need. It is folded from the
 * input and the journal alone, meter by meter; nothing in it is incremental where a plain count is quick enough.
 */
import type { Faults } from './faults.js';
import type { Input, Request } from './input.js';
import type { Route } from './records.js';

export const STAGES = [
  'out-of-scope',
  'waiting',
  'released',
  'installed',
  'done',
  'parked',
  'failed',
  'exempt',
] as const;
const OUT = 0;
export const WAITING = 1;
export const RELEASED = 2;
export const INSTALLED = 3;
export const DONE = 4;
export const PARKED = 5;
export const FAILED = 6;
export const EXEMPT = 7;

export const STARTED = 1;
export const ANSWERED = 2;

/** One row for each meter. */
export interface Meters {
  readonly stage: Uint8Array;
  /** −1: none. */
  readonly route: Int32Array;
  readonly hop: Uint8Array;
  readonly tries: Uint8Array;
  /** Position of a User. */
  readonly owner: Uint16Array;
  readonly flags: Uint8Array;
  /** Of its last start; −1: none. */
  readonly batch: Int32Array;
  /** Day on which it was parked. */
  readonly parkedOn: Int32Array;
  /** Position of its cohort. */
  readonly cohort: Uint16Array;
}

export interface RouteBook {
  readonly route: Route;
  readonly request: number;
  readonly cohort: number;
  after: number;
  /** By a retarget. */
  isReplaced: boolean;
}

export interface RequestBook {
  readonly request: Request;
  status: 'unopened' | 'refused' | 'open' | 'paused' | 'stopped' | 'aborted';
  leaves: boolean;
  targetEntryId: string;
  phase: number;
  /** Meters that had their first start. */
  started: number;
  answered: number;
  underWay: number;
  failures: number;
  successes: number;
  safetyPassed: boolean;
  /** What the stop rule has seen, as the last verdict had it, and whether it may, or must, begin anew with the next. */
  rule: { failures: number; successes: number; verdict: string; mayBegin: boolean; mustBegin: boolean };
  noticedFromMs: number;
  /** Large starts ever, by position of the User on whose behalf. */
  readonly largeStartsFor: Map<number, number>;
}

export interface Incident {
  readonly incidentId: string;
  readonly request: number;
  priority: number;
  haltsOthers: boolean;
  isOpen: boolean;
  openedAt: number;
}

/** Large starts of one day. */
export interface DayBook {
  all: number;
  /** By position of the User: those that no schedule and no incident covers. */
  readonly unscheduled: Map<number, number>;
  /** By position of the request: those under its own schedule. */
  readonly scheduled: Map<number, number>;
}

export interface BatchBook {
  readonly atMs: number;
  readonly request: number;
  open: number;
  late: number;
  meters: number;
}

export interface World {
  readonly input: Input;
  readonly faults: Faults;
  readonly meters: Meters;
  readonly userAt: ReadonlyMap<string, number>;
  readonly requestAt: ReadonlyMap<string, number>;
  readonly cohortAt: ReadonlyMap<string, number>;
  readonly requests: readonly RequestBook[];
  /** Meters of each cohort without an end, by position. */
  readonly openOf: number[];
  readonly routes: RouteBook[];
  readonly incidents: Incident[];
  readonly days: Map<number, DayBook>;
  readonly capacityChanges: { readonly fromDay: number; readonly imagesPerDay: number }[];
  readonly batches: BatchBook[];
  readonly openBatches: Set<number>;
  /** One bit for each meter: it has run the image of this hash, by a success. */
  readonly succeeded: Map<string, Uint8Array>;
  /** The last `granted` record: what is left of it, by request and User. */
  grant: { readonly day: number; readonly left: Map<string, number> } | undefined;
  room: { readonly day: number; images: number; readonly users: Map<number, number> } | undefined;
  /** Requests whose stop verdict has no `stopped` record yet. */
  readonly stopDue: Set<number>;
  requestedSoFar: number;
  eventsDone: number;
  isOpened: boolean;
  isEnded: boolean;
  inputDigest: string;
}

export function worldOf(input: Input, faults: Faults): World {
  const userAt = new Map(input.users.map(({ userId }, at) => [userId, at]));
  const owner = new Uint16Array(input.meters);
  const cohort = new Uint16Array(input.meters);
  for (const [at, { first, end, userId }] of input.cohorts.entries()) {
    owner.fill(userAt.get(userId)!, first, end);
    cohort.fill(at, first, end);
  }
  return {
    input,
    faults,
    meters: {
      stage: new Uint8Array(input.meters),
      route: new Int32Array(input.meters).fill(-1),
      hop: new Uint8Array(input.meters),
      tries: new Uint8Array(input.meters),
      owner,
      flags: new Uint8Array(input.meters),
      batch: new Int32Array(input.meters).fill(-1),
      parkedOn: new Int32Array(input.meters),
      cohort,
    },
    userAt,
    requestAt: new Map(input.requests.map(({ requestId }, at) => [requestId, at])),
    cohortAt: new Map(input.cohorts.map(({ cohortId }, at) => [cohortId, at])),
    requests: input.requests.map((request): RequestBook => ({
      request,
      status: 'unopened',
      leaves: false,
      targetEntryId: request.targetEntryId,
      phase: 0,
      started: 0,
      answered: 0,
      underWay: 0,
      failures: 0,
      successes: 0,
      safetyPassed: false,
      rule: { failures: 0, successes: 0, verdict: 'go-on', mayBegin: true, mustBegin: false },
      noticedFromMs: Number.NaN,
      largeStartsFor: new Map(),
    })),
    openOf: input.cohorts.map(() => 0),
    routes: [],
    incidents: [],
    days: new Map(),
    capacityChanges: [],
    batches: [],
    openBatches: new Set(),
    succeeded: new Map(),
    grant: undefined,
    room: undefined,
    stopDue: new Set(),
    requestedSoFar: 0,
    eventsDone: 0,
    isOpened: false,
    isEnded: false,
    inputDigest: '',
  };
}

/** The request of a meter; undefined: in none. */
export function requestOf(world: World, meter: number): RequestBook | undefined {
  const { request } = world.input.cohorts[world.meters.cohort[meter]!]!;
  return request === -1 ? undefined : world.requests[request];
}

function isEnd(stage: number): boolean {
  return stage === DONE || stage === FAILED || stage === EXEMPT;
}

/** Changes the stage and what is counted by it. */
export function setStage(world: World, meter: number, stage: number): void {
  const { meters, openOf } = world;
  const before = meters.stage[meter]!;
  const cohort = meters.cohort[meter]!;
  const wasOpen = before !== OUT && !isEnd(before);
  const isOpen = stage !== OUT && !isEnd(stage);
  if (wasOpen !== isOpen) openOf[cohort]! += isOpen ? 1 : -1;
  if (before === RELEASED || stage === RELEASED) {
    const book = requestOf(world, meter);
    const batch = world.batches[meters.batch[meter]!];
    if (book !== undefined) book.underWay += (stage === RELEASED ? 1 : 0) - (before === RELEASED ? 1 : 0);
    if (before === RELEASED && stage !== RELEASED && batch !== undefined) {
      batch.open -= 1;
      if (batch.open === 0) world.openBatches.delete(meters.batch[meter]!);
    }
  }
  meters.stage[meter] = stage;
}

export function dayBookOf(world: World, day: number): DayBook {
  let book = world.days.get(day);
  if (book === undefined) {
    book = { all: 0, unscheduled: new Map(), scheduled: new Map() };
    world.days.set(day, book);
  }
  return book;
}

/** It stands on an interim version. */
export function isHalfWay(world: World, meter: number): boolean {
  return world.meters.hop[meter]! > 0;
}

export function has(world: World, meter: number, flag: number): boolean {
  return (world.meters.flags[meter]! & flag) !== 0;
}
