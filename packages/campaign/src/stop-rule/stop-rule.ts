/**
 * When to stop a firmware, and when to trust it: a sequential test of its failure rate with stated error rates.
 *
 * The evidence is Wald's likelihood ratio of the rate that must be stopped against the rate that is accepted. It may be looked at as often as
 * results come, in any grouping, because Ville's inequality bounds the chance that it is ever misleading. Why so, and not otherwise:
 * docs/decisions/stop-rule.md.
 */
import { CampaignError } from '../error.js';

export interface StopRuleGoals {
  /** Share of meters that may fail: firmware as good as this should go on. */
  readonly acceptRate: number;
  /** Share of meters that fail with firmware that must be stopped. Above `acceptRate`. */
  readonly stopRate: number;
  /** Greatest chance that firmware which fails at `acceptRate` is ever stopped. */
  readonly falseStop: number;
  /** Greatest chance that firmware which fails at `stopRate` is ever accepted. */
  readonly falseGo: number;
}

export type StopVerdict = 'go-on' | 'stop' | 'accept';

/** Plain data: it may be stored as JSON and taken up again. */
export interface StopState {
  /** Durable results so far. */
  readonly failures: number;
  readonly successes: number;
  readonly verdict: StopVerdict;
}

/** Results that have become durable since the last observation, in whatever order they came. */
export interface StopObservation {
  readonly failures: number;
  readonly successes: number;
  /** Meters started whose result is not known now; 0 unless told. Before anything is accepted they count as failures. */
  readonly pending?: number;
}

export interface SequentialStopRule {
  readonly goals: StopRuleGoals;
  /** With so many results and none pending the verdict is never `go-on`. */
  readonly sampleMax: number;
  begin(): StopState;
  /**
   * Adds results. `stop` is for ever; `accept` stays unless later results stop the firmware after all.
   *
   * @throws {@link CampaignError} `misuse` when a count is no whole number from 0, or the state is none of this rule.
   */
  observe(state: StopState, results: StopObservation): { readonly state: StopState; readonly verdict: StopVerdict };
  /** Fewest failures among `sample` results that stop; more than `sample` when none would. */
  stopAt(sample: number): number;
  /** Most failures among `sample` results, none pending, that are accepted; -1 when none would be. */
  acceptAt(sample: number): number;
}

/** The part of `falseStop` that is kept for firmware still undecided at `sampleMax`, which is then stopped. */
const END_SHARE = 0.1;

/**
 * A rule for one sample of one firmware; a campaign begins another one after it, since a long good past would hide a bad present.
 *
 * @throws {@link CampaignError} `misuse` unless 0 < acceptRate < stopRate < 1 and both error rates are above 0 and below 0.5.
 */
export function stopRule(goals: StopRuleGoals): SequentialStopRule {
  checkGoals(goals);
  const { acceptRate, stopRate, falseStop, falseGo } = goals;
  const perFailure = Math.log(stopRate / acceptRate);
  const perSuccess = Math.log((1 - stopRate) / (1 - acceptRate));
  /** Log of the likelihood ratio. From the counts alone, so that no grouping leaves another rounding behind. */
  const evidence = (failures: number, successes: number): number => failures * perFailure + successes * perSuccess;
  const toStop = -Math.log(falseStop * (1 - END_SHARE));
  const toAccept = Math.log(falseGo);
  const sampleMax = sampleMaxOf(goals);

  const judge = (failures: number, successes: number, pending: number, before: StopVerdict): StopVerdict => {
    if (before === 'stop' || evidence(failures, successes) >= toStop) return 'stop';
    if (before === 'accept' || evidence(failures + pending, successes) <= toAccept) return 'accept';
    return failures + successes >= sampleMax && evidence(failures, successes) > toAccept ? 'stop' : 'go-on';
  };
  const isAccepted = (failures: number, sample: number): boolean => evidence(failures, sample - failures) <= toAccept;
  const isStopped = (failures: number, sample: number): boolean =>
    judge(failures, sample - failures, 0, 'go-on') === 'stop';

  return {
    goals,
    sampleMax,
    begin: () => ({ failures: 0, successes: 0, verdict: 'go-on' }),
    observe: (state, { failures, successes, pending = 0 }) => {
      for (const count of [state.failures, state.successes, failures, successes, pending]) checkCount(count);
      const sums = { failures: state.failures + failures, successes: state.successes + successes };
      const verdict = judge(sums.failures, sums.successes, pending, state.verdict);
      return { state: { ...sums, verdict }, verdict };
    },
    stopAt: (sample) => leastFrom(0, (failures) => failures > sample || isStopped(failures, sample)),
    // Ends by itself: nobody accepts failures alone.
    acceptAt: (sample) => leastFrom(0, (failures) => !isAccepted(failures, sample)) - 1,
  };
}

/**
 * The number of results at which undecided firmware is stopped. For each n, and for all later ones together, a good firmware's evidence is above
 * the bound of acceptance with a chance of at most ρⁿ / √falseGo, where ρ = √(pq) + √((1-p)(1-q)) is the Hellinger affinity of the two rates: the
 * root of a likelihood ratio is a supermartingale that shrinks by ρ with each result. So it is late enough once that is END_SHARE of `falseStop`.
 */
function sampleMaxOf({ acceptRate, stopRate, falseStop, falseGo }: StopRuleGoals): number {
  const affinity = Math.sqrt(acceptRate * stopRate) + Math.sqrt((1 - acceptRate) * (1 - stopRate));
  return Math.ceil((Math.log(END_SHARE * falseStop) + Math.log(falseGo) / 2) / Math.log(affinity));
}

function leastFrom(first: number, holds: (value: number) => boolean): number {
  let value = first;
  while (!holds(value)) value += 1;
  return value;
}

function checkGoals({ acceptRate, stopRate, falseStop, falseGo }: StopRuleGoals): void {
  if (!(acceptRate > 0 && acceptRate < stopRate && stopRate < 1))
    throw new CampaignError(
      'misuse',
      `acceptRate ${acceptRate} and stopRate ${stopRate} must be 0 < acceptRate < stopRate < 1`,
    );
  for (const [name, rate] of Object.entries({ falseStop, falseGo })) {
    if (!(rate > 0 && rate < 0.5))
      throw new CampaignError('misuse', `${name} is ${rate}; it must be above 0 and below 0.5`);
  }
}

function checkCount(count: number): void {
  if (!Number.isSafeInteger(count) || count < 0) throw new CampaignError('misuse', `${count} is no count`);
}
