/** The sequential stop rule as the machine uses it; `src/stop-rule/` fills it. */

/** Plain data: it is kept in the journal. */
export interface StopState {
  readonly failures: number;
  readonly successes: number;
  readonly verdict: StopVerdict;
}

export type StopVerdict = 'go-on' | 'stop' | 'accept';

export interface StopRule {
  /** With so many results a sample is full: whoever still waits for an acceptance begins another one. */
  readonly sampleMax: number;
  begin(): StopState;
  /** Counts since the last observation, in whatever grouping they come; `pending`: starts without a result now, which count as failures before anything is accepted. */
  observe(
    state: StopState,
    counts: { readonly failures: number; readonly successes: number; readonly pending: number },
  ): { readonly state: StopState; readonly verdict: StopVerdict };
}
