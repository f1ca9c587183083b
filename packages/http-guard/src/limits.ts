/** Every bound of this package, with its unit in the name. A server may be given others; tests use small times. */
export interface GuardLimits {
  /** Request line and headers together. */
  readonly headerBytesMax: number;
  readonly bodyBytesMax: number;
  /** How long a socket may go without an authenticated request, a header or the start of a body without being complete. */
  readonly incompleteMsMax: number;
  /** What a body must have reached on average once `incompleteMsMax` has passed. */
  readonly bodyBytesPerSecondMin: number;
  /** Silence in both directions on an authenticated socket. */
  readonly idleMsMax: number;
  readonly socketsPerAddressMax: number;
  readonly socketsMax: number;
  /** Octets of an event stream that may wait for one slow reader. */
  readonly sendBudgetBytes: number;
  /** How long a reader may sit on a used-up send budget. */
  readonly sendStallMsMax: number;
  /** What `close` gives to requests under way. */
  readonly closeGraceMs: number;
  readonly jsonDepthMax: number;
  /** Values of one JSON body, of all kinds and at all depths. */
  readonly jsonValuesMax: number;
}

export const DEFAULT_LIMITS: GuardLimits = {
  headerBytesMax: 8 * 1024,
  bodyBytesMax: 2 * 1024 * 1024,
  incompleteMsMax: 5_000,
  bodyBytesPerSecondMin: 16_000,
  idleMsMax: 60_000,
  socketsPerAddressMax: 64,
  socketsMax: 1_024,
  sendBudgetBytes: 1024 * 1024,
  sendStallMsMax: 5_000,
  closeGraceMs: 1_000,
  jsonDepthMax: 32,
  jsonValuesMax: 200_000,
};

/** Shorter tokens can be guessed. */
export const TOKEN_LENGTH_MIN = 16;

/** How many times within `incompleteMsMax` slow headers and bodies are looked for. */
export const CHECKS_PER_DEADLINE = 10;
