/** What a running campaign needs of the world. Promises exist at this edge only; every adapter lives elsewhere. */
import type { MeterOutcome } from './machine/record-of.js';

export interface ClockPort {
  /** Wall clock, ms since 1970: windows and days are judged by it. */
  nowMs(): number;
  /** A clock that nobody sets; only differences of it mean anything. */
  steadyMs(): number;
}

/** Where records go. Lines are those of `lineOfRecord`, without an end of line. */
export interface JournalPort {
  /** All lines so far, in order. */
  readAll(): AsyncIterable<string> | Iterable<string>;
  /**
   * Resolves once all of them are durable, in this order. After a crash any number of the first ones may be there. When it rejects the campaign
   * stops: what is durable is known only after opening the journal again.
   */
  append(lines: readonly string[]): Promise<void>;
}

/**
 * The DCO. Every method may reject when it cannot be reached: the campaign asks again at its next turn, under the same keys, and a repeated key must
 * have no second effect.
 */
export interface DcoPort {
  /** What the DCO's ledger leaves for large images on a day (`YYYY-MM-DD`); undefined when it keeps none. */
  room(day: string): Promise<DcoRoom | undefined>;
  /** SRV 11.1: the image for these devices. */
  submit(submission: Submission): Promise<void>;
  /** SRV 11.3: one start. Resolves once the DCO has taken it; what becomes of it comes with {@link responses}. */
  activate(activation: Activation): Promise<ActivationTaken>;
  /** What is known and not acknowledged yet, oldest first; bounded as the adapter likes. */
  responses(): Promise<readonly DcoResponse[]>;
  /** Up to and including this one: they are in the journal. */
  acknowledge(sequence: number): Promise<void>;
}

export interface DcoRoom {
  readonly images: number;
  /** Users of whom the ledger says how much is theirs. */
  readonly users: readonly { readonly userId: string; readonly images: number }[];
}

export interface Submission {
  /** `campaignId/openedAtMs/batch/route/hop`: the batches of a journal that was lost are others. */
  readonly key: string;
  readonly userId: string;
  readonly entryId: string;
  readonly imageHash: string;
  readonly deviceIds: readonly string[];
}

export interface Activation {
  /** `campaignId/deviceId/imageHash/tries`: the idempotency key. */
  readonly key: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly entryId: string;
  readonly imageHash: string;
  /**
   * Grows with every start of a device, in this campaign and over those that are opened one after the other: the originator counter of its
   * authorisation. Below 2^62.
   */
  readonly ordinal: bigint;
}

export type ActivationTaken =
  | { readonly taken: true }
  /** Refused for good or for now: it counts as the outcome. */
  | { readonly taken: false; readonly result: Exclude<MeterOutcome['result'], 'success'>; readonly message: string };

export interface DcoResponse {
  readonly sequence: number;
  /** Of the {@link Activation}; a response whose key is of another campaign is passed over. */
  readonly key: string;
  readonly result: MeterOutcome['result'];
}
