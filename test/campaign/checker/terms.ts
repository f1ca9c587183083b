/** The words of RULES.md, "Terms", as functions: capacity, limits, what holds a request, the first day, the allowance, and deemed consent. */
import { dayFrom, dayNumberOf } from './calendar.js';
import type { Cohort } from './input.js';
import { dayBookOf, type RequestBook, type World } from './world.js';

export function capacityOf(world: World, day: number): number {
  return (
    world.capacityChanges.findLast(({ fromDay }) => fromDay <= day)?.imagesPerDay ?? world.input.policy.capacityPerDay
  );
}

export function otherTrafficOf(world: World, day: number): number {
  return world.input.otherTraffic.reduce(
    (sum, { from, to, imagesPerDay }) => sum + (from <= day && day <= to ? imagesPerDay : 0),
    0,
  );
}

export function spareOf(world: World, day: number): number {
  return Math.max(0, capacityOf(world, day) - otherTrafficOf(world, day));
}

export function unscheduledMax(world: World): number {
  const { unscheduledPerDay, unscheduledEdge } = world.input.policy;
  return Math.max(0, unscheduledPerDay - (unscheduledEdge === 'or-more' ? 1 : 0));
}

export function scheduledMax(book: RequestBook, day: number): number {
  return book.request.schedule?.find(({ from, to }) => from <= day && day <= to)?.imagesPerDay ?? 0;
}

/** Which sentence of "limit of a (request, User)" covers a start. */
export function coverOf(book: RequestBook, userId: string): 'schedule' | 'incident' | 'unscheduled' {
  if (book.request.userId !== userId) return 'unscheduled';
  if (book.request.schedule !== undefined) return 'schedule';
  return book.request.isSecurity ? 'incident' : 'unscheduled';
}

/** Undefined: no limit. */
export function limitOf(world: World, book: RequestBook, userId: string, day: number): number | undefined {
  const days = dayBookOf(world, day);
  const cover = coverOf(book, userId);
  if (cover === 'schedule')
    return Math.max(0, scheduledMax(book, day) - (days.scheduled.get(book.request.position) ?? 0));
  if (cover === 'incident') return undefined;
  return Math.max(0, unscheduledMax(world) - (days.unscheduled.get(world.userAt.get(userId)!) ?? 0));
}

/** What the DCO's ledger left to a User on the day. */
export function toldOf({ room }: World, user: number, day: number): number {
  return room?.day === day ? (room.users.get(user) ?? Infinity) : Infinity;
}

function firstDayOf(world: World, { request, noticedFromMs }: RequestBook): number {
  const { startDay } = world.input;
  if (request.isSecurity) return Math.max(startDay, request.readyDay);
  const noticedDay = request.isCommsHub && !Number.isNaN(noticedFromMs) ? dayFrom(noticedFromMs) : -Infinity;
  return Math.max(startDay, request.readyDay, dayFrom(request.requestedAtMs), noticedDay);
}

export interface Hold {
  /** Rule that a start would break. */
  readonly rule: string;
  readonly why: string;
}

export function isHalted(world: World, position: number): boolean {
  const open = world.incidents.filter(({ isOpen }) => isOpen);
  return open.some(({ haltsOthers }) => haltsOthers) && !open.some(({ request }) => request === position);
}

/** Why a start of this request would be held; undefined: it would not. */
export function holdOf(
  world: World,
  book: RequestBook,
  { isCompletion, day, butForHalts = false }: { isCompletion: boolean; day: number; butForHalts?: boolean },
): Hold | undefined {
  const { request, status } = book;
  const position = request.position;
  if (status === 'refused' || status === 'unopened') return { rule: 'R15', why: `is ${status}` };
  if (status === 'stopped') return { rule: 'R17', why: 'is stopped' };
  if (status === 'paused' && !isCompletion) return { rule: 'R16', why: 'is paused' };
  if (status === 'aborted' && (!isCompletion || book.leaves)) return { rule: 'R31', why: 'is aborted' };
  if (request.isSecurity && !world.incidents.some((incident) => incident.request === position))
    return { rule: 'R11', why: 'waits for its incident to be opened' };
  if (!butForHalts && isHalted(world, position)) return { rule: 'R21', why: 'is halted by an incident' };
  if (request.isCommsHub && Number.isNaN(book.noticedFromMs)) return { rule: 'R30', why: 'has given no notice' };
  const firstDay = firstDayOf(world, book);
  if (day < firstDay) return { rule: 'R11', why: `begins on day ${firstDay}` };
  return undefined;
}

/** How many meters that were never started may be. */
export function allowanceOf({ request, phase, started, safetyPassed }: RequestBook): number {
  const max = request.isSecurity && !safetyPassed ? request.safetyTestMeters : (request.phases[phase] ?? Infinity);
  return Math.max(0, max - started);
}

/** Whether the DCC may begin with meters of this cohort on that day (R28); true for meters that are not dormant. */
export function hasConsent(world: World, cohort: Cohort, targetEntryId: string, day: number): boolean {
  if (!cohort.dormant) return true;
  const entry = world.input.epcl.get(cohort.epclEntryId ?? '');
  if (entry === undefined || !holdsProduct(world, cohort, targetEntryId)) return false;
  const isNotLater = (text: string | undefined): boolean => text !== undefined && dayNumberOf(text) <= day;
  const { kind, testingCompleteOn, reportPublishedOn } = entry.route ?? {};
  return (
    (entry.status === 'approved' && isNotLater(entry.approvedOn)) ||
    (kind === 'a' && isNotLater(testingCompleteOn)) ||
    (kind === 'b' && isNotLater(reportPublishedOn))
  );
}

export function holdsProduct(world: World, cohort: Cohort, targetEntryId: string): boolean {
  const target = world.input.cpl.get(targetEntryId);
  const products = world.input.epcl.get(cohort.epclEntryId ?? '')?.products ?? [];
  return products.some(
    (product) =>
      product.deviceModel === target?.deviceModel &&
      product.hardware === target.hardware &&
      product.firmwareVersion === target.firmwareVersion,
  );
}
