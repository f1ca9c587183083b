/** What a receiver remembers, hears and asks for. Plain data throughout. */
import type { Authorisation } from '../authorisation/authorisation.js';
import type { OutcomeCode, OutcomeFields } from '../authorisation/outcome.js';
import type { Checked } from '../errors.js';
import type { Envelope, Received } from '../message/envelope.js';
import type { HostMessage, Offer } from '../message/host-messages.js';
import type { BusyCause, MeterMessage } from '../message/meter-messages.js';
import type { PackageFault, Refusal } from '../refusal.js';
import type { HeldImage, ImageOffer } from '../staging/staging.js';

/** An authentic offer, and the tag that a session for it would have. */
export interface CheckedOffer {
  readonly image: ImageOffer;
  readonly sessionTag: number;
}

/** The facts of the meter around the receiver; they change only with a restart or a confirmation. */
export interface DeviceFacts {
  readonly deviceId: Uint8Array;
  readonly deviceClass: number;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareVersion: number;
  readonly bootEpoch: number;
  readonly runningVersion: number;
  readonly runningHash: Uint8Array;
  /** The floor. */
  readonly securityCounter: number;
  readonly mode: 'confirmed' | 'trial' | 'fallback' | 'recovery';
  /** Largest Manufacturer Image. */
  readonly slotBytes: number;
  readonly blockShiftMin: number;
  readonly blockShiftMax: number;
  readonly blockCountMax: number;
  /** Room for open blocks. */
  readonly windowBytes: number;
  readonly frameBytesMax: number;
}

/** An authorisation whose signatures hold, and what it is known by. */
export interface CheckedAuthorisation extends Authorisation {
  readonly authorisationDigest: Uint8Array;
}

/** What is known of the last accepted authorisation. `pending`: its image runs on trial or is about to. */
export interface ActivationMemory {
  readonly originatorCounter: bigint;
  /** SHA-256 of octets 0 to 103 of the authorisation, which say what it permits; undefined before the first. */
  readonly authorisationDigest: Uint8Array | undefined;
  readonly result: OutcomeCode | 'pending';
}

/** Contiguous octets of an open block. */
export interface Fragment {
  readonly offsetBytes: number;
  readonly octets: Uint8Array;
}

export interface OpenBlock {
  readonly block: number;
  /** Ascending, without overlap. */
  readonly fragments: readonly Fragment[];
  /** `gathering` until all octets are there. */
  readonly stage: 'gathering' | 'checking' | 'storing' | 'stored';
}

export interface Session {
  readonly tag: number;
  readonly offerNonce: number;
  readonly windowBlocks: number;
  readonly highest: number;
  /** Bit i: sequence highest − 1 − i came. */
  readonly received: bigint;
  readonly highestAtMs: number;
  readonly heardAtMs: number;
  readonly open: readonly OpenBlock[];
  readonly durableInSession: number;
  readonly durableAtLastSack: number;
  readonly framesSinceSack: number;
  readonly lastSackAtMs: number;
  /** Request number of a PING whose SACK waits for records to be written. */
  readonly pingToAnswer: number | undefined;
  readonly recording: boolean;
}

/** Octets counted for one image in this session and, apart, in the one before it of this boot (SPEC.md §9.4). */
export interface Tally {
  readonly manifestDigest: Uint8Array;
  readonly receivedBytes: number;
  readonly storedBytes: number;
  readonly receivedBytesBefore: number;
  readonly storedBytesBefore: number;
}

export type Activity =
  | { readonly kind: 'idle' }
  | { readonly kind: 'checking'; readonly offer: Offer; readonly sequence: number }
  | { readonly kind: 'preparing'; readonly offer: Offer; readonly checked: CheckedOffer; readonly sequence: number }
  | { readonly kind: 'sealing'; readonly sequence: number; readonly nonce: Uint8Array }
  /** `before`: what was known of activations until this one, should flash not take it. */
  | { readonly kind: 'activating'; readonly before: ActivationMemory };

export interface ReceiverState {
  readonly device: DeviceFacts;
  readonly held: HeldImage | undefined;
  readonly activation: ActivationMemory;
  readonly activity: Activity;
  readonly session: Session | undefined;
  readonly tally: Tally | undefined;
  /** The last image that did not verify, so that a repeated SEAL is answered alike. */
  readonly failedSeal:
    { readonly manifestDigest: Uint8Array; readonly code: SealCode; readonly imageHash: Uint8Array } | undefined;
  /** An authorisation is between its check and the stored counter: another must wait, or one counter could serve twice. */
  readonly deciding: boolean;
  readonly lastTag: number;
  readonly refusedAtMs: number | undefined;
  /** When slot preparations were granted, the last day's. */
  readonly preparedAtMs: readonly number[];
}

/** Where the answer to a request goes. */
export interface ReplyTo {
  readonly sessionTag: number;
  readonly sequence: number;
  readonly nonce: Uint8Array;
}

export type ReceiverInput =
  | { readonly kind: 'heard'; readonly received: Received<HostMessage> }
  | { readonly kind: 'tick' }
  | { readonly kind: 'offer-checked'; readonly result: Checked<CheckedOffer, PackageFault> }
  /** `held`: what {@link beginHeld} made of the image once flash was ready; undefined when flash failed. */
  | { readonly kind: 'prepared'; readonly held: HeldImage | undefined }
  | { readonly kind: 'block-checked'; readonly block: number; readonly octets: Uint8Array; readonly ok: boolean }
  | { readonly kind: 'block-stored'; readonly block: number; readonly ok: boolean }
  | { readonly kind: 'blocks-recorded'; readonly blocks: readonly number[]; readonly ok: boolean }
  | { readonly kind: 'image-sealed'; readonly code: SealCode; readonly imageHash: Uint8Array }
  /** Flash did not take the sealed record: the image stays held, unsealed. */
  | { readonly kind: 'seal-failed' }
  /** Flash did not take counter and pending activation: nothing happened. */
  | { readonly kind: 'activation-failed'; readonly reply: ReplyTo }
  | {
      readonly kind: 'authorisation-checked';
      readonly octets: Uint8Array;
      readonly reply: ReplyTo;
      readonly result: Checked<CheckedAuthorisation, Refusal>;
      /** The meter's own clock. */
      readonly nowS: number;
    }
  | {
      readonly kind: 'counter-stored';
      readonly authorised: CheckedAuthorisation;
      readonly result: OutcomeCode;
      readonly reply: ReplyTo;
      readonly ok: boolean;
    }
  | {
      readonly kind: 'outcome-signed';
      readonly reply: ReplyTo;
      readonly as: 'sealed' | 'outcome';
      readonly octets: Uint8Array;
    }
  /** The trial was confirmed: from now on these facts hold, and the activation succeeded. */
  | { readonly kind: 'confirmed'; readonly device: DeviceFacts };

export type SealCode = Extract<OutcomeCode, 'success' | 'hashMismatch' | 'notAuthentic'>;

export type ReceiverEffect =
  | { readonly kind: 'send'; readonly envelope: Envelope<MeterMessage> }
  /** Run {@link checkOffer} and give `offer-checked`. */
  | { readonly kind: 'check-offer'; readonly offer: Offer }
  /**
   * Make the slot ready, write the offer and the begin record; give `prepared`. It begins once every effect before it was reported, and keeps
   * this order: dropped record, erase, offer, begin record. So a cut between any two never leaves a record that speaks for erased blocks.
   */
  | { readonly kind: 'prepare'; readonly image: ImageOffer }
  /** Check the block's signature; give `block-checked` with the same octets. */
  | { readonly kind: 'check-block'; readonly image: ImageOffer; readonly block: number; readonly octets: Uint8Array }
  /** Program the payload at `offsetBytes` of the image; give `block-stored`. */
  | { readonly kind: 'store-block'; readonly block: number; readonly offsetBytes: number; readonly payload: Uint8Array }
  /** Append the records that name these blocks; give `blocks-recorded`. */
  | { readonly kind: 'record-blocks'; readonly blocks: readonly number[] }
  /** Hash and check the whole image from flash; write the sealed record, or drop the image; give `image-sealed`, or `seal-failed`. */
  | { readonly kind: 'seal-image'; readonly image: HeldImage }
  /** Run {@link checkAuthorisation}; give `authorisation-checked`. */
  | { readonly kind: 'check-authorisation'; readonly octets: Uint8Array; readonly reply: ReplyTo }
  /** Store the counter with its result, nothing else; give `counter-stored`. */
  | {
      readonly kind: 'store-counter';
      readonly authorised: CheckedAuthorisation;
      /** How it ended without a trial. */
      readonly result: Exclude<OutcomeCode, 'notAuthentic'>;
      readonly reply: ReplyTo;
    }
  /**
   * Store counter and pending activation, then restart into the image. Nothing comes back but `activation-failed`, when flash took neither.
   */
  | { readonly kind: 'activate'; readonly authorised: CheckedAuthorisation; readonly reply: ReplyTo }
  | {
      readonly kind: 'sign-outcome';
      readonly fields: OutcomeFields;
      readonly reply: ReplyTo;
      readonly as: 'sealed' | 'outcome';
    }
  /** Log, and send as ALERT with the meter's time. */
  | { readonly kind: 'alert'; readonly alertCode: number; readonly payload: Uint8Array };

export interface ReceiverStep {
  readonly state: ReceiverState;
  readonly effects: readonly ReceiverEffect[];
}

export const ALERT_CODES = {
  verificationSuccessful: 0x8f72,
  verificationFailed: 0x8f1c,
  failedAtPowerOn: 0x8f1b,
  futureDatedNotActioned: 0x8f67,
} as const;

/** Etas of BUSY, where the machine cannot know better. */
export const BUSY_ETA_MS: Readonly<Record<BusyCause, number>> = {
  erasing: 500,
  checking: 100,
  activating: 1_000,
  trial: 500,
  writing: 50,
};
