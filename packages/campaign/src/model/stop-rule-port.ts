/** The sequential stop rule as the machine uses it; `src/stop-rule/` fills it. */

/** Plain data: it is kept in the journal. */
export interface StopState {
  readonly failures: number;
  readonly successes: number;
  readonly verdict: StopVerdict;
}

export type StopVerdict = 'go-on' | 'stop' | 'accept';

export interface StopRule {
  begin(): StopState;
  /** Counts since the last observation; in whatever grouping they come, failures count first. */
  observe(
    state: StopState,
    counts: { readonly failures: number; readonly successes: number },
  ): { readonly state: StopState; readonly verdict: StopVerdict };
}
