/**
 * Judges the journal of a campaign, line by line, by the rules of `packages/campaign/docs/RULES.md`. It shares no code with the campaign: what
 * both would get wrong in the same way, only a second reading of the documents can find.
 */
import { dayOf, dayTextOf } from './calendar.js';
import { Faults, type Fault } from './faults.js';
import { breakOff, foldCommand, foldOutcomes, foldRequested, mayBe } from './fold.js';
import { inputOf } from './input.js';
import { forEachMeter } from './meter-set.js';
import { recordOf, type JournalRecord } from './records.js';
import {
  checkEnded,
  checkExpired,
  checkGaveUp,
  checkJudged,
  checkNoticed,
  checkPhaseBegun,
  checkSafetyTested,
  checkStopped,
  checkStopsDone,
} from './rules-control.js';
import { checkGranted } from './rules-grants.js';
import { checkEvent, checkRequested, checkRetarget } from './rules-routes.js';
import { checkReleased } from './rules-starts.js';
import { spareOf } from './terms.js';
import { EXEMPT, PARKED, STAGES, setStage, worldOf, type RequestBook, type World } from './world.js';

export interface CheckOptions {
  /** The journal is a simulation's, whose clock never goes back. */
  readonly isSimulated: boolean;
  /** SHA-256 of the input, which `opened` must name; not looked at when absent. */
  readonly inputDigest?: string;
}

export interface Verdict {
  /** Up to 20 of each rule. */
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  readonly countByRule: ReadonlyMap<string, number>;
  readonly records: number;
  readonly isEnded: boolean;
  readonly meters: number;
  readonly metersByStage: Readonly<Record<string, number>>;
  readonly starts: { readonly large: number; readonly largestDay: number; readonly batches: number };
  /** Answers after the target response time. */
  readonly lateOutcomes: number;
  readonly endDay: EndDay | undefined;
}

/** When the last large image starts, and when it could have at full capacity, from image starts and capacity alone. */
export interface EndDay {
  readonly firstStartDay: string;
  readonly lastStartDay: string;
  /** Days from the first to the last, both included. */
  readonly days: number;
  /** Days that the same number of large starts takes from the first day on, if each day's spare capacity is used whole. */
  readonly daysAtFullCapacity: number;
}

export class CampaignChecker {
  readonly #world: World;
  readonly #options: CheckOptions;
  #lastAtMs = -Infinity;
  #retargetsToCome: number[];

  /** @param inputJson - The input as the campaign read it. */
  constructor(inputJson: string, options: CheckOptions) {
    this.#world = worldOf(inputOf(inputJson), new Faults());
    this.#options = options;
    this.#retargetsToCome = this.#world.input.events.flatMap(({ command }, at) =>
      command.kind === 'retarget' ? [at] : [],
    );
  }

  /** One line of the journal, without its line end. */
  line(text: string): void {
    const { faults, input } = this.#world;
    const record = recordOf(text, input.meters);
    if (typeof record === 'string') faults.say('R33', record);
    else this.#record(record);
    faults.record += 1;
  }

  /** @param isWhole - The journal goes to the end of its campaign; else it may stop at any record. */
  end(isWhole: boolean): Verdict {
    const world = this.#world;
    const records = world.faults.record;
    world.faults.record = -1;
    const left = world.openOf.reduce((sum, one) => sum + one, 0);
    if (isWhole && !world.isEnded) world.faults.say('R15', `the campaign has not ended; ${left} meters have no end`);
    if (!isWhole && !world.isEnded && left === 0 && this.#mustHaveEnded())
      world.faults.say('R15', 'every meter has its end, and the campaign has not ended');
    return verdictOf(world, records);
  }

  #mustHaveEnded(): boolean {
    const { requests, requestedSoFar, eventsDone } = this.#world;
    return requestedSoFar === requests.length && this.#retargetsToCome.every((at) => at < eventsDone);
  }

  #record(record: JournalRecord): void {
    const world = this.#world;
    const { faults } = world;
    const { seq, atMs, kind } = record;
    if (seq !== faults.record) faults.say('R33', `has seq ${seq}, and is record ${faults.record}`);
    if (this.#options.isSimulated && atMs < this.#lastAtMs)
      faults.say('R33', `is ${this.#lastAtMs - atMs} ms before the last`);
    this.#lastAtMs = atMs;
    if (world.isEnded) faults.say('R15', `comes after the end`);
    if ((kind === 'opened') === world.isOpened)
      faults.say('R33', `is ${kind}, ${world.isOpened ? 'again' : 'at first'}`);
    const isRequested = world.requestedSoFar === world.requests.length;
    if (kind !== 'opened' && (kind === 'requested') === isRequested)
      faults.say('R33', `is ${kind}, after ${world.requestedSoFar} of ${world.requests.length} requests`);
    if (kind === 'granted' || kind === 'released' || kind === 'outcomes') checkStopsDone(world);
    if (kind === 'granted' || kind === 'released' || kind === 'phase-begun' || kind === 'noticed') {
      const event = world.input.events[world.eventsDone];
      if (event !== undefined && atMs >= event.atMs)
        faults.say('R34', `comes ${atMs - event.atMs} ms after event ${world.eventsDone} was due, and before it`);
    }
    this.#judge(record, dayOf(atMs));
  }

  #judge(record: JournalRecord, day: number): void {
    const world = this.#world;
    const { faults, input } = world;
    const { atMs } = record;
    switch (record.kind) {
      case 'opened':
        world.isOpened = true;
        if (record.meters !== input.meters) faults.say('R33', `opens with ${record.meters} meters of ${input.meters}`);
        if (record.campaignId !== input.campaignId) faults.say('R33', `opens campaign ${record.campaignId}`);
        if (record.inputDigest !== (this.#options.inputDigest ?? record.inputDigest))
          faults.say('R33', 'opens with the digest of another input');
        break;
      case 'requested':
        checkRequested(world, record);
        if (world.requestAt.has(record.requestId)) foldRequested(world, record);
        break;
      case 'commanded':
        checkEvent(world, record, atMs);
        if (record.command.kind === 'retarget') checkRetarget(world, record);
        foldCommand(world, record);
        break;
      case 'room-told':
        world.room = {
          day: Date.parse(`${record.day}T00:00:00Z`) / 86_400_000,
          images: record.images,
          users: new Map(record.users.map(({ userId, images }) => [world.userAt.get(userId) ?? -1, images])),
        };
        break;
      case 'granted':
        checkGranted(world, record, day, atMs);
        break;
      case 'released':
        checkReleased(world, record, day, atMs);
        break;
      case 'outcomes':
        checkJudged(world, record);
        foldOutcomes(world, record, atMs, day);
        break;
      case 'gave-up':
        checkGaveUp(world, record, atMs);
        breakOff(world, record.meters, atMs, day, 'gave-up');
        break;
      case 'expired':
        checkExpired(world, record, day);
        forEachMeter(record.meters, (meter) => {
          if (mayBe(world, meter, 'expired', PARKED)) setStage(world, meter, EXEMPT);
        });
        break;
      case 'ended':
        checkEnded(world);
        world.isEnded = true;
        break;
      default:
        this.#judgeOfRequest(record, day);
    }
  }

  #judgeOfRequest(
    record: Extract<JournalRecord, { kind: 'phase-begun' | 'safety-tested' | 'stopped' | 'noticed' }>,
    day: number,
  ): void {
    const world = this.#world;
    const book: RequestBook | undefined = world.requests[world.requestAt.get(record.requestId) ?? -1];
    if (book === undefined) world.faults.say('R33', `names the unknown request ${record.requestId}`);
    else if (record.kind === 'phase-begun') checkPhaseBegun(world, record, book, day);
    else if (record.kind === 'safety-tested') checkSafetyTested(world, record, book, day);
    else if (record.kind === 'stopped') checkStopped(world, record, book);
    else checkNoticed(world, record, book, record.atMs);
  }
}

function verdictOf(world: World, records: number): Verdict {
  const metersByStage: Record<string, number> = {};
  for (const stage of world.meters.stage) metersByStage[STAGES[stage]!] = (metersByStage[STAGES[stage]!] ?? 0) + 1;
  const perDay = [...world.days].filter(([, { all }]) => all > 0).toSorted(([one], [other]) => one - other);
  return {
    faults: world.faults.kept,
    faultCount: world.faults.count,
    countByRule: world.faults.countByRule,
    records,
    isEnded: world.isEnded,
    meters: world.input.meters,
    metersByStage,
    starts: {
      large: perDay.reduce((sum, [, { all }]) => sum + all, 0),
      largestDay: perDay.reduce((most, [, { all }]) => Math.max(most, all), 0),
      batches: world.batches.length,
    },
    lateOutcomes: world.batches.reduce((sum, { late }) => sum + late, 0),
    endDay: endDayOf(
      world,
      perDay.map(([day, { all }]) => [day, all] as const),
    ),
  };
}

function endDayOf(world: World, perDay: readonly (readonly [day: number, starts: number])[]): EndDay | undefined {
  const first = perDay[0]?.[0];
  const last = perDay.at(-1)?.[0];
  if (first === undefined || last === undefined) return undefined;
  let left = perDay.reduce((sum, [, starts]) => sum + starts, 0);
  let day = first;
  // Not past the true last day: what fitted into these days fits into them again.
  for (; left > 0 && day <= last; day += 1) left -= spareOf(world, day);
  return {
    firstStartDay: dayTextOf(first),
    lastStartDay: dayTextOf(last),
    days: last - first + 1,
    daysAtFullCapacity: day - first,
  };
}

/** All of it at once. */
export function verdictOn(
  inputJson: string,
  journal: string,
  { isWhole = true, ...options }: CheckOptions & { readonly isWhole?: boolean },
): Verdict {
  const checker = new CampaignChecker(inputJson, options);
  for (const line of journal.split('\n').slice(0, -1)) checker.line(line);
  return checker.end(isWhole);
}
