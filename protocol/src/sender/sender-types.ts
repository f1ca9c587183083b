/** What a sender remembers, hears and asks for. Plain data throughout. */
import type { Outcome } from '../authorisation/outcome.js';
import type { Envelope, Received } from '../message/envelope.js';
import type { HostMessage } from '../message/host-messages.js';
import type { MeterHello, MeterMessage } from '../message/meter-messages.js';
import type { ImageOffer } from '../staging/staging.js';
import type { Transfer } from './transfer.js';

/** A checked image with the octets (payload ‖ signature) of each block. */
export interface SendableImage extends ImageOffer {
  readonly blocks: readonly Uint8Array[];
}

/** What is to be reached. Without image and authorisation: the version is read, nothing else. */
export interface SenderPlan {
  readonly image: SendableImage | undefined;
  /** 232 octets; activates once the image is sealed. */
  readonly authorisation: Uint8Array | undefined;
  /** Drop another image that the meter holds. */
  readonly replace: boolean;
  /** The meter that is meant; without it the first that answers is it. */
  readonly deviceId: Uint8Array | undefined;
  /** Paces the octets of DATA frames. */
  readonly octetsPerSecond: number | undefined;
  /** Eight octets, new for each run: they make the nonces. */
  readonly random: Uint8Array;
}

export interface PendingRequest {
  readonly message: Exclude<HostMessage, { readonly kind: 'data' | 'ping' | 'abort' | 'get-state' }>;
  readonly sessionTag: number;
  readonly sequence: number;
  readonly askedAtMs: number;
  /** Time that request and answer take on a paced line. */
  readonly exchangeMs: number;
  readonly nextAtMs: number;
  readonly intervalMs: number;
}

export type SenderPhase =
  | { readonly kind: 'waiting-for-link' }
  | { readonly kind: 'asking'; readonly request: PendingRequest; readonly mapping?: Transfer }
  /** An outcome is being checked; `request` asked for it. */
  | { readonly kind: 'checking'; readonly request: PendingRequest }
  | { readonly kind: 'sending'; readonly transfer: Transfer }
  | { readonly kind: 'ended'; readonly result: SenderResult };

/** How far the plan has come; it never goes back in a run. */
export type Milestone = 'start' | 'running' | 'sealed' | 'activating';

export type FailureReason =
  | 'no-answer'
  | 'interrupted'
  | 'refused'
  | 'too-noisy'
  | 'verify-failed'
  | 'activation-failed'
  | 'reverted'
  | 'device-changed'
  | 'not-authentic';

export type SenderResult =
  | {
      readonly kind: 'done';
      readonly what: 'sealed' | 'activated' | 'already-running' | 'version-read';
      readonly outcome: Outcome;
      /** False when the meter's key is not known, so that its signature says nothing. */
      readonly attested: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly reason: FailureReason;
      /** `refused` only: code and detail of SPEC.md §13. */
      readonly refusal?: { readonly code: number; readonly detail: number };
      /** What the meter signed, when that is why. */
      readonly outcome?: Outcome;
      readonly detail: string;
    };

export interface SenderStats {
  /** Octets of blocks sent in this run, repeats included. */
  readonly sentBytes: number;
  readonly dataFrames: number;
  readonly lostFrames: number;
  readonly sessions: number;
  /** Blocks and their octets that the meter held when this run first asked. */
  readonly resumedFromBlocks: number;
  readonly resumedFromBytes: number;
  /** Octets that the meter had taken before this run and could not keep. */
  readonly discardedBytes: number;
  readonly durableBytes: number;
}

export interface SenderState {
  readonly plan: SenderPlan;
  readonly phase: SenderPhase;
  readonly milestone: Milestone;
  readonly meter: MeterHello | undefined;
  readonly heardAtMs: number;
  readonly nextRequest: number;
  /** Most blocks ever known to be durable, and the sessions lost since that number last rose. */
  readonly durableBest: number;
  readonly inVain: number;
  readonly stats: SenderStats;
}

export type SenderInput =
  | { readonly kind: 'link-up' }
  | { readonly kind: 'link-down' }
  | { readonly kind: 'heard'; readonly received: Received<MeterMessage> }
  /** `outcome` undefined: its form or its signature does not hold. */
  | { readonly kind: 'outcome-checked'; readonly outcome: Outcome | undefined; readonly attested: boolean }
  | { readonly kind: 'tick' }
  /** The host waits no longer for a link. */
  | { readonly kind: 'give-up'; readonly detail: string };

export type SenderEvent =
  | { readonly kind: 'meter-found'; readonly meter: MeterHello }
  | { readonly kind: 'accepted'; readonly durableBlocks: number; readonly blockCount: number }
  | {
      readonly kind: 'progress';
      readonly durableBlocks: number;
      readonly blockCount: number;
      readonly stats: SenderStats;
    }
  | { readonly kind: 'session-lost' }
  | { readonly kind: 'sealing' }
  | { readonly kind: 'sealed' }
  | { readonly kind: 'activating' }
  | { readonly kind: 'busy'; readonly cause: string; readonly etaMs: number }
  | { readonly kind: 'alert'; readonly alertCode: number };

export type SenderEffect =
  | { readonly kind: 'send'; readonly envelope: Envelope<HostMessage> }
  /** Decode the outcome and check its signature with the meter's key, if known; give `outcome-checked`. */
  | { readonly kind: 'check-outcome'; readonly octets: Uint8Array }
  | { readonly kind: 'event'; readonly event: SenderEvent };

export interface SenderStep {
  readonly state: SenderState;
  readonly effects: readonly SenderEffect[];
}

/** Octets sent in vain so far: repeats, and what the meter could not keep. Exact once every block is durable. */
export function resentBytes(stats: SenderStats, outstandingBytes = 0): number {
  const needed = stats.durableBytes - stats.resumedFromBytes + outstandingBytes;
  return stats.discardedBytes + Math.max(0, stats.sentBytes - needed);
}
