/** What records about phases, safety tests, stops, notices, late meters and the end must be: R15, R18, R19, R20, R25, R26, R30. */
import { DAY_MS } from './calendar.js';
import { forEachMeter, sizeOf, type MeterSet } from './meter-set.js';
import type { JournalRecord, Noticed, Outcomes, SafetyTested, Stopped } from './records.js';
import { sampleMaxOf, verdictsOf } from './stop-evidence.js';
import { hasConsent } from './terms.js';
import { PARKED, RELEASED, STARTED, WAITING, has, requestOf, type RequestBook, type World } from './world.js';

type Of<Kind extends JournalRecord['kind']> = Extract<JournalRecord, { kind: Kind }>;

/** Before it is folded. */
export function checkJudged(world: World, record: Outcomes): void {
  const { faults } = world;
  const counted = new Map<RequestBook, { failures: number; successes: number }>();
  const count = (set: MeterSet, what: 'failures' | 'successes'): void =>
    forEachMeter(set, (meter) => {
      const book = requestOf(world, meter);
      if (book === undefined) return;
      const one = counted.get(book) ?? { failures: 0, successes: 0 };
      one[what] += 1;
      counted.set(book, one);
    });
  count(record.succeeded, 'successes');
  const settled = settledBy(world, record);
  for (const { meters } of record.failed) count(meters, 'failures');
  for (const judged of record.judged) {
    const { requestId, failures, successes, verdict } = judged;
    const book = world.requests[world.requestAt.get(requestId) ?? -1];
    const true_ = book && counted.get(book);
    if (book === undefined || true_ === undefined) {
      faults.say('R18', `judges ${requestId}, of which it names no meter (or for the second time)`);
      continue;
    }
    counted.delete(book);
    if (failures !== true_.failures || successes !== true_.successes)
      faults.say(
        'R18',
        `judges ${failures} failures and ${successes} successes of ${requestId}; it names ${true_.failures} and ${true_.successes}`,
      );
    checkRule(world, book, judged, book.underWay - (settled.get(book) ?? 0));
    if (verdict === 'stop' && book.status !== 'stopped' && book.status !== 'aborted')
      world.stopDue.add(book.request.position);
  }
  for (const { request } of counted.keys())
    faults.say('R18', `names meters of ${request.requestId} and does not judge it`);
}

/** Starts that are under way before this record, and not after it. */
function settledBy(world: World, { succeeded, broken, failed }: Outcomes): ReadonlyMap<RequestBook, number> {
  const settled = new Map<RequestBook, number>();
  for (const set of [succeeded, ...broken.map(({ meters }) => meters), ...failed.map(({ meters }) => meters)])
    forEachMeter(set, (meter) => {
      const book = requestOf(world, meter);
      if (book === undefined || world.meters.stage[meter] !== RELEASED) return;
      settled.set(book, (settled.get(book) ?? 0) + 1);
    });
  return settled;
}

/** The rule goes on with what it has seen, or begins anew where it may or must; and its verdict is what its evidence says. */
function checkRule(world: World, book: RequestBook, judged: Outcomes['judged'][number], pending: number): void {
  const { requestId, failures, successes, verdict, rule } = judged;
  const before = book.rule;
  const goesOn =
    !before.mustBegin &&
    rule.failures === before.failures + failures &&
    rule.successes === before.successes + successes;
  const begins = before.mayBegin && rule.failures === failures && rule.successes === successes;
  if (!goesOn && !begins)
    world.faults.say(
      'R18',
      `has the stop rule of ${requestId} at ${rule.failures} failures, ${rule.successes} successes, after ${before.failures}, ${before.successes}`,
    );
  const allowed = verdictsOf(world.input.policy.stopRule, { ...rule, pending });
  // A stop stays until the rule begins anew.
  const stays = !begins && before.verdict === 'stop';
  if (stays ? verdict !== before.verdict : !allowed.has(verdict))
    world.faults.say(
      'R18',
      `says ${verdict} of ${requestId} at ${rule.failures} failures, ${rule.successes} successes, ${pending} pending; the evidence says ${[...allowed].join(' or ')}`,
    );
  const isFull = rule.failures + rule.successes >= sampleMaxOf(world.input.policy.stopRule);
  const mustBegin = verdict === 'accept' || (verdict === 'go-on' && isFull);
  book.rule = { failures: rule.failures, successes: rule.successes, verdict, mayBegin: mustBegin, mustBegin };
}

/** R17: before anything else happens. */
export function checkStopsDone(world: World): void {
  for (const position of world.stopDue)
    world.faults.say(
      'R17',
      `goes on, and ${world.input.requests[position]!.requestId}, which crossed its limit, is not stopped`,
    );
  world.stopDue.clear();
}

export function checkStopped(world: World, record: Stopped, book: RequestBook): void {
  const { faults } = world;
  if (!world.stopDue.delete(book.request.position)) faults.say('R18', `stops ${record.requestId} without a verdict`);
  for (const what of ['failures', 'successes', 'underWay'] as const)
    if (record[what] !== book[what]) faults.say('R18', `says ${record[what]} ${what}, counted ${book[what]}`);
  book.status = 'stopped';
}

export function checkPhaseBegun(world: World, record: Of<'phase-begun'>, book: RequestBook, day: number): void {
  const { faults } = world;
  const { request, phase, started, status } = book;
  if (record.phase !== phase + 1 || phase >= request.phases.length)
    faults.say('R19', `begins phase ${record.phase} of ${request.phases.length}, after ${phase}`);
  if (status !== 'open') faults.say('R19', `begins a phase of ${request.requestId}, which is ${status}`);
  if (request.isSecurity && !book.safetyPassed)
    faults.say('R20', `begins a phase of ${request.requestId} before its safety test`);
  const size = request.phases[phase] ?? 0;
  if (started < size && freshOf(world, book, day) > 0)
    faults.say('R19', `ends phase ${phase} of ${request.requestId} with ${started} of ${size} meters started`);
  checkAnswered(world, 'R19', book);
  book.phase = record.phase;
  book.rule.mayBegin = true;
}

/** Enough of the started meters answered, or no more can. */
function checkAnswered(world: World, rule: string, { request, answered, started, underWay }: RequestBook): void {
  const due = world.input.policy.phaseAnsweredShare * started;
  if (underWay > 0 && answered < due - 1e-9)
    world.faults.say(
      rule,
      `${request.requestId}: ${answered} of ${started} started meters answered, ${underWay} are under way`,
    );
}

/** Meters that were never started and may be. */
function freshOf(world: World, { request, targetEntryId }: RequestBook, day: number): number {
  let fresh = 0;
  for (const position of request.cohorts) {
    const cohort = world.input.cohorts[position]!;
    if (!hasConsent(world, cohort, targetEntryId, day)) continue;
    for (let meter = cohort.first; meter < cohort.end; meter += 1)
      if (world.meters.stage[meter] === WAITING && !has(world, meter, STARTED)) fresh += 1;
  }
  return fresh;
}

export function checkSafetyTested(world: World, record: SafetyTested, book: RequestBook, day: number): void {
  const { faults } = world;
  const { request, started, answered, failures } = book;
  const incident = world.incidents.find(({ incidentId }) => incidentId === record.incidentId);
  if (!request.isSecurity || book.safetyPassed || incident?.request !== request.position || !incident.isOpen)
    faults.say(
      'R20',
      `tests ${request.requestId}, which has no safety test due for an open incident ${record.incidentId}`,
    );
  if (started < request.safetyTestMeters && freshOf(world, book, day) > 0)
    faults.say('R20', `has tested ${started} of ${request.safetyTestMeters} meters`);
  checkAnswered(world, 'R20', book);
  if (answered === 0) faults.say('R20', 'was answered by no meter');
  if (record.answered !== answered || record.failures !== failures)
    faults.say('R20', `says ${record.answered} answers, ${record.failures} failures; counted ${answered}, ${failures}`);
  if (record.passed !== (failures === 0))
    faults.say('R20', `${record.passed ? 'is' : 'is not'} passed with ${failures} failures`);
  book.rule.mayBegin = true;
  if (record.passed) book.safetyPassed = true;
  else book.status = 'stopped';
}

export function checkNoticed(world: World, record: Noticed, book: RequestBook, atMs: number): void {
  const { faults } = world;
  const { request } = book;
  const { noticeDays } = world.input.policy;
  if (!request.isCommsHub)
    faults.say('R30', `gives notice of ${request.requestId}, which is of no communications hubs`);
  if (record.severity !== request.notice?.severity || record.releaseNotes !== request.notice.releaseNotes)
    faults.say('R30', 'has not the severity and the notes that were asked for');
  if (atMs < request.requestedAtMs) faults.say('R30', 'comes before its request');
  if (record.activateFromMs !== atMs + noticeDays * DAY_MS)
    faults.say(
      'R30',
      `lets ${request.requestId} start ${(record.activateFromMs - atMs) / DAY_MS} days later, not ${noticeDays}`,
    );
  book.noticedFromMs = record.activateFromMs;
}

/** Before it is folded. */
export function checkGaveUp(world: World, record: Of<'gave-up'>, atMs: number): void {
  const { faults } = world;
  const batch = world.batches[record.batch];
  const { giveUpDays } = world.input.policy;
  if (batch === undefined) {
    faults.say('R26', `names batch ${record.batch}, which there is not`);
    return;
  }
  if (atMs - batch.atMs < giveUpDays * DAY_MS)
    faults.say(
      'R26',
      `gives batch ${record.batch} up after ${((atMs - batch.atMs) / DAY_MS).toFixed(2)} days, not ${giveUpDays}`,
    );
  forEachMeter(record.meters, (meter) => {
    if (world.meters.stage[meter] !== RELEASED || world.meters.batch[meter] !== record.batch)
      faults.say('R26', `gives meter ${meter} up, which is not under way by batch ${record.batch}`);
  });
  if (sizeOf(record.meters) !== batch.open)
    faults.say('R26', `gives ${sizeOf(record.meters)} meters of batch ${record.batch} up; ${batch.open} are open`);
}

/** Before it is folded. */
export function checkExpired(world: World, record: Of<'expired'>, day: number): void {
  const { retriesMax, parkedDaysMax } = world.input.policy;
  forEachMeter(record.meters, (meter) => {
    if (world.meters.stage[meter] !== PARKED) return;
    const tries = world.meters.tries[meter]!;
    const days = day - world.meters.parkedOn[meter]!;
    if (record.reason === 'retries-spent' && tries !== retriesMax + 1)
      world.faults.say('R25', `meter ${meter} expires after ${tries} starts of ${retriesMax + 1}`);
    if (record.reason === 'parked-too-long' && days < parkedDaysMax)
      world.faults.say('R25', `meter ${meter} expires after ${days} days of ${parkedDaysMax}`);
  });
}

export function checkEnded(world: World): void {
  const left = world.openOf.reduce((sum, one) => sum + one, 0);
  if (left > 0) world.faults.say('R15', `ends, and ${left} meters in scope have no end`);
  if (world.requestedSoFar < world.requests.length) world.faults.say('R33', 'ends before every request was taken up');
}
