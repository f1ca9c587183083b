/** How the meters of a simulation behave: every answer is drawn from (seed, meter, hop, try). */
import { MS_PER_DAY, MS_PER_MINUTE } from '../limits.js';
import type { MeterBehaviour } from '../model/campaign-input.js';
import type { FailureReason } from '../model/campaign-record.js';
import { checkedDay } from '../time/civil.js';
import type { Campaign } from '../machine/campaign.js';
import { cohortOf } from '../machine/campaign.js';
import type { MeterOutcome } from '../machine/record-of.js';
import { draw, drawBelow } from './draw.js';

const ABOUT = { silent: 1, result: 2, minutes: 3, slow: 4, churns: 5, churnDay: 6, churnTo: 7, reason: 8 } as const;
const FAILURES: readonly FailureReason[] = [
  'no-image-held',
  'hash-mismatch',
  'activation-failure',
  'reverted',
  'refused',
];

export interface ModelMeters {
  /** What becomes of one start, and when; undefined: nothing is heard of it. */
  outcomeOf(
    start: Omit<MeterOutcome, 'result'>,
    releasedAtMs: number,
  ): { readonly outcome: MeterOutcome; readonly atMs: number } | undefined;
  /** By day: meters that change their Supplier, by cohort and Supplier, each in order. */
  readonly churn: ReadonlyMap<number, readonly Churn[]>;
}

export interface Churn {
  readonly cohort: number;
  readonly to: number;
  /** Indexes over all cohorts, ascending. */
  readonly meters: readonly number[];
}

export function modelMeters(campaign: Campaign, seed: number): ModelMeters {
  const { model, cohorts } = campaign.input;
  const own = new Map(model.cohorts.map(({ cohortId, behaviour }) => [cohortId, behaviour]));
  const behaviours = cohorts.map(({ cohortId }) => own.get(cohortId) ?? model.otherwise);
  return {
    outcomeOf(start, releasedAtMs) {
      const { meter, route, hop, tries } = start;
      const behaviour = behaviours[cohortOf(campaign, meter)]!;
      if (draw(seed, ABOUT.silent, meter) < behaviour.silentShare) return undefined;
      const at = (about: number): readonly number[] => [about, meter, route, hop, tries];
      const result = resultOf(behaviour, draw(seed, ...at(ABOUT.result)), seed, at(ABOUT.reason));
      // A meter that does not answer is given a day before the DCO says so.
      const waitMs = result === 'no-answer' ? MS_PER_DAY : 0;
      return { outcome: { ...start, result }, atMs: releasedAtMs + waitMs + durationMs(behaviour, seed, at) };
    },
    churn: churnOf(campaign, behaviours, seed),
  };
}

function resultOf(
  { noAnswerChance, brokenChance, failureChance }: MeterBehaviour,
  drawn: number,
  seed: number,
  about: readonly number[],
): MeterOutcome['result'] {
  if (drawn < noAnswerChance) return 'no-answer';
  if (drawn < noAnswerChance + brokenChance) return 'broken-off';
  if (drawn < noAnswerChance + brokenChance + failureChance)
    return FAILURES[drawBelow(FAILURES.length, seed, ...about)]!;
  return 'success';
}

function durationMs(
  { minutesMin, minutesMax, slowChance, slowDaysMax }: MeterBehaviour,
  seed: number,
  at: (about: number) => readonly number[],
): number {
  const minutes = minutesMin + drawBelow(minutesMax - minutesMin + 1, seed, ...at(ABOUT.minutes));
  const slow = draw(seed, ...at(ABOUT.slow));
  if (slow >= slowChance) return minutes * MS_PER_MINUTE;
  return minutes * MS_PER_MINUTE + Math.floor((slow / slowChance) * slowDaysMax * MS_PER_DAY);
}

function churnOf(
  campaign: Campaign,
  behaviours: readonly MeterBehaviour[],
  seed: number,
): ReadonlyMap<number, readonly Churn[]> {
  const { input, cohortFirst, cohortRequest } = campaign;
  const startDay = checkedDay(input.startDay);
  const days = new Map<number, Map<string, { cohort: number; to: number; meters: number[] }>>();
  for (const [cohort, { churnShare, churnDays }] of behaviours.entries()) {
    const request = input.requests[cohortRequest[cohort]!];
    const gaining = input.users.flatMap(({ role, userId }, at) =>
      role === 'supplier' && userId !== input.cohorts[cohort]!.userId ? [at] : [],
    );
    if (churnShare === 0 || gaining.length === 0 || request?.deviceType === 'comms-hub') continue;
    for (let meter = cohortFirst[cohort]!; meter < cohortFirst[cohort + 1]!; meter += 1) {
      if (draw(seed, ABOUT.churns, meter) >= churnShare) continue;
      const day = startDay + drawBelow(churnDays, seed, ABOUT.churnDay, meter);
      const to = gaining[drawBelow(gaining.length, seed, ABOUT.churnTo, meter)]!;
      const groups = days.get(day) ?? new Map<string, { cohort: number; to: number; meters: number[] }>();
      days.set(day, groups);
      const key = `${cohort}/${to}`;
      const group = groups.get(key) ?? { cohort, to, meters: [] };
      groups.set(key, group);
      group.meters.push(meter);
    }
  }
  return new Map(
    [...days].map(([day, groups]) => [
      day,
      [...groups.values()].toSorted((a, b) => a.cohort - b.cohort || a.to - b.to),
    ]),
  );
}
