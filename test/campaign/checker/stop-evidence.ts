/** The sequential stop rule from `packages/campaign/docs/decisions/stop-rule.md`, worked out anew: what each verdict must be. */
import type { Policy } from './input.js';

export interface Evidence {
  readonly failures: number;
  readonly successes: number;
  /** Starts that may still fail: before anything is accepted they count as failures. */
  readonly pending: number;
}

/** Room for rounding: a verdict at the very bound may be either. */
const SLACK = 1e-9;

export function verdictsOf(rule: Policy['stopRule'], { failures, successes, pending }: Evidence): ReadonlySet<string> {
  const { acceptRate: p, stopRate: q, falseStop, falseGo } = rule;
  const log = failures * Math.log(q / p) + successes * Math.log((1 - q) / (1 - p));
  const worst = log + pending * Math.log(q / p);
  const stopAt = Math.log(1 / (0.9 * falseStop));
  const acceptAt = Math.log(falseGo);
  const isFull = failures + successes >= sampleMaxOf(rule);
  const verdicts = new Set<string>();
  if (log >= stopAt - SLACK) verdicts.add('stop');
  if (worst <= acceptAt + SLACK) verdicts.add('accept');
  if (log < stopAt + SLACK && worst > acceptAt - SLACK) {
    if (isFull && log > acceptAt - SLACK) verdicts.add('stop');
    if (!isFull || log <= acceptAt + SLACK) verdicts.add('go-on');
  }
  return verdicts;
}

/** Results with which a sample is full. */
export function sampleMaxOf({ acceptRate: p, stopRate: q, falseStop, falseGo }: Policy['stopRule']): number {
  const affinity = Math.sqrt(p * q) + Math.sqrt((1 - p) * (1 - q));
  return Math.ceil(Math.log((falseStop / 10) * Math.sqrt(falseGo)) / Math.log(affinity));
}
