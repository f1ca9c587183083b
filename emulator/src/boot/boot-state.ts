import { BootError } from '../errors.js';
import { BOOT_PAYLOAD_BYTES, DIGEST_BYTES, ORIGINATOR_COUNTER_MAX } from '../limits.js';

export type SlotIndex = 0 | 1;

/** What an image is known by. */
export interface ImageIdentity {
  readonly slot: SlotIndex;
  readonly manifestDigest: Uint8Array;
  readonly imageHash: Uint8Array;
}

export interface ConfirmedImage extends ImageIdentity {
  readonly version: number;
  readonly imageBytes: number;
  /** The rollback floor: no image with a lower counter is tried. */
  readonly securityCounter: number;
  /** What ran before; boot may fall back to exactly this, and only to this. */
  readonly previous?: { readonly slot: SlotIndex; readonly imageHash: Uint8Array };
}

export interface PendingActivation extends ImageIdentity {
  readonly originatorCounter: bigint;
  readonly authorisationDigest: Uint8Array;
}

/** The pending image has been started. What was verified then is what a confirm writes down. */
export interface Trial {
  readonly bootCount: number;
  readonly version: number;
  readonly imageBytes: number;
  readonly securityCounter: number;
}

export const OUTCOME_CODES = { success: 0, noImageHeld: 1, hashMismatch: 2, activationFailure: 3 } as const;
export type OutcomeCode = keyof typeof OUTCOME_CODES;
const OUTCOME_NAMES = Object.keys(OUTCOME_CODES) as readonly OutcomeCode[];

/** How the last authorised activation ended; given again to whoever repeats it. */
export interface ActivationOutcome {
  readonly code: OutcomeCode;
  readonly originatorCounter: bigint;
  readonly authorisationDigest: Uint8Array;
  readonly imageHash: Uint8Array;
  readonly versionAfter: number;
}

/** All that boot knows across a reset. Every boot record holds the whole of it. */
export interface BootState {
  /** Boots so far, the running one included. */
  readonly bootEpoch: number;
  readonly confirmed?: ConfirmedImage;
  /** A whole, verified image that nobody has asked to run. */
  readonly staged?: ImageIdentity;
  readonly pending?: PendingActivation;
  readonly trial?: Trial;
  readonly outcome?: ActivationOutcome;
  readonly highestOriginatorCounter: bigint;
  /** Version that the last boot started; a change is logged. */
  readonly lastRunVersion?: number;
  /**
   * The floor of a meter that has lost its records, until it confirms an image again: the highest security counter that
   * could still be read from a slot.
   */
  readonly recoveredFloor?: number;
}

export const EMPTY_BOOT_STATE: BootState = { bootEpoch: 0, highestOriginatorCounter: 0n };

/** The rollback floor: no image with a lower security counter is accepted, tried or confirmed. */
export function floorOf({ confirmed, recoveredFloor }: BootState): number {
  return confirmed?.securityCounter ?? recoveredFloor ?? 0;
}

/** What a boot record tells of: the step that led to the state it holds. */
export const BOOT_STEPS = {
  install: 1,
  boot: 2,
  staged: 3,
  discarded: 4,
  activation: 5,
  confirmed: 6,
  reverted: 7,
  outcome: 8,
} as const;
export type BootStep = keyof typeof BOOT_STEPS;

// docs/FLASH-FILE.md §5 draws this layout.
const AT = {
  format: 0,
  step: 1,
  present: 2,
  bootEpoch: 4,
  highestOriginatorCounter: 8,
  confirmedSlot: 16,
  previousSlot: 17,
  confirmedVersion: 20,
  confirmedImageBytes: 24,
  securityCounter: 32,
  confirmedManifest: 40,
  confirmedHash: 72,
  previousHash: 104,
  pendingSlot: 136,
  trialBootCount: 137,
  trialVersion: 140,
  trialImageBytes: 144,
  trialSecurityCounter: 152,
  pendingCounter: 160,
  pendingManifest: 168,
  pendingHash: 200,
  pendingAuthorisation: 232,
  outcomeCode: 264,
  outcomeVersion: 268,
  outcomeCounter: 272,
  outcomeAuthorisation: 280,
  outcomeHash: 312,
  stagedSlot: 344,
  lastRunVersion: 348,
  stagedManifest: 352,
  stagedHash: 384,
} as const;
const FORMAT = 1;
const HAS = {
  confirmed: 1,
  previous: 2,
  staged: 4,
  pending: 8,
  trial: 16,
  outcome: 32,
  lastRunVersion: 64,
  recoveredFloor: 128,
} as const;

/** @throws BootError `bad-value` for a number or digest that does not fit its field */
export function encodeBootState(step: BootStep, state: BootState): Uint8Array {
  const { confirmed, staged, pending, trial, outcome, lastRunVersion, recoveredFloor } = state;
  const octets = new Uint8Array(BOOT_PAYLOAD_BYTES);
  const view = new DataView(octets.buffer);
  const u32 = (at: number, value: number): void => view.setUint32(at, checked(value, 0xffff_ffff), true);
  const counter = (at: number, value: bigint): void => view.setBigUint64(at, checkedCounter(value), true);
  const digest = (at: number, value: Uint8Array): void => {
    if (value.length !== DIGEST_BYTES) throw new BootError('bad-value', `a digest has ${DIGEST_BYTES} octets`);
    octets.set(value, at);
  };
  let present = 0;
  octets[AT.format] = FORMAT;
  octets[AT.step] = BOOT_STEPS[step];
  u32(AT.bootEpoch, state.bootEpoch);
  counter(AT.highestOriginatorCounter, state.highestOriginatorCounter);
  if (confirmed !== undefined) {
    present |= HAS.confirmed;
    octets[AT.confirmedSlot] = confirmed.slot;
    u32(AT.confirmedVersion, confirmed.version);
    u32(AT.confirmedImageBytes, confirmed.imageBytes);
    u32(AT.securityCounter, confirmed.securityCounter);
    digest(AT.confirmedManifest, confirmed.manifestDigest);
    digest(AT.confirmedHash, confirmed.imageHash);
    if (confirmed.previous !== undefined) {
      present |= HAS.previous;
      octets[AT.previousSlot] = confirmed.previous.slot;
      digest(AT.previousHash, confirmed.previous.imageHash);
    }
  }
  if (recoveredFloor !== undefined && confirmed === undefined) {
    present |= HAS.recoveredFloor;
    u32(AT.securityCounter, recoveredFloor);
  }
  if (pending !== undefined) {
    present |= HAS.pending;
    octets[AT.pendingSlot] = pending.slot;
    counter(AT.pendingCounter, pending.originatorCounter);
    digest(AT.pendingManifest, pending.manifestDigest);
    digest(AT.pendingHash, pending.imageHash);
    digest(AT.pendingAuthorisation, pending.authorisationDigest);
  }
  if (trial !== undefined) {
    present |= HAS.trial;
    octets[AT.trialBootCount] = checked(trial.bootCount, 0xff);
    u32(AT.trialVersion, trial.version);
    u32(AT.trialImageBytes, trial.imageBytes);
    u32(AT.trialSecurityCounter, trial.securityCounter);
  }
  if (outcome !== undefined) {
    present |= HAS.outcome;
    octets[AT.outcomeCode] = OUTCOME_CODES[outcome.code];
    u32(AT.outcomeVersion, outcome.versionAfter);
    counter(AT.outcomeCounter, outcome.originatorCounter);
    digest(AT.outcomeAuthorisation, outcome.authorisationDigest);
    digest(AT.outcomeHash, outcome.imageHash);
  }
  if (staged !== undefined) {
    present |= HAS.staged;
    octets[AT.stagedSlot] = staged.slot;
    digest(AT.stagedManifest, staged.manifestDigest);
    digest(AT.stagedHash, staged.imageHash);
  }
  if (lastRunVersion !== undefined) {
    present |= HAS.lastRunVersion;
    u32(AT.lastRunVersion, lastRunVersion);
  }
  octets[AT.present] = present;
  return octets;
}

/** Undefined for a record of another format: the one before it counts. */
export function decodeBootState(octets: Uint8Array): BootState | undefined {
  if (octets.length !== BOOT_PAYLOAD_BYTES || octets[AT.format] !== FORMAT) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const u32 = (at: number): number => view.getUint32(at, true);
  // Eight octets each, of which no counter that an image can have fills more than four.
  if (u32(AT.securityCounter + 4) !== 0 || u32(AT.trialSecurityCounter + 4) !== 0) return undefined;
  const counter = (at: number): bigint => view.getBigUint64(at, true);
  const digest = (at: number): Uint8Array => octets.slice(at, at + DIGEST_BYTES);
  const slot = (at: number): SlotIndex => (octets[at] === 1 ? 1 : 0);
  const present = octets[AT.present]!;
  const has = (bit: number): boolean => (present & bit) !== 0;
  const code = OUTCOME_NAMES.find((name) => OUTCOME_CODES[name] === octets[AT.outcomeCode]) ?? 'activationFailure';
  return {
    bootEpoch: u32(AT.bootEpoch),
    highestOriginatorCounter: counter(AT.highestOriginatorCounter),
    ...(has(HAS.confirmed) && {
      confirmed: {
        slot: slot(AT.confirmedSlot),
        version: u32(AT.confirmedVersion),
        imageBytes: u32(AT.confirmedImageBytes),
        securityCounter: u32(AT.securityCounter),
        manifestDigest: digest(AT.confirmedManifest),
        imageHash: digest(AT.confirmedHash),
        ...(has(HAS.previous) && {
          previous: { slot: slot(AT.previousSlot), imageHash: digest(AT.previousHash) },
        }),
      },
    }),
    ...(has(HAS.staged) && {
      staged: {
        slot: slot(AT.stagedSlot),
        manifestDigest: digest(AT.stagedManifest),
        imageHash: digest(AT.stagedHash),
      },
    }),
    ...(has(HAS.pending) && {
      pending: {
        slot: slot(AT.pendingSlot),
        originatorCounter: counter(AT.pendingCounter),
        manifestDigest: digest(AT.pendingManifest),
        imageHash: digest(AT.pendingHash),
        authorisationDigest: digest(AT.pendingAuthorisation),
      },
    }),
    ...(has(HAS.trial) && {
      trial: {
        bootCount: octets[AT.trialBootCount]!,
        version: u32(AT.trialVersion),
        imageBytes: u32(AT.trialImageBytes),
        securityCounter: u32(AT.trialSecurityCounter),
      },
    }),
    ...(has(HAS.outcome) && {
      outcome: {
        code,
        versionAfter: u32(AT.outcomeVersion),
        originatorCounter: counter(AT.outcomeCounter),
        authorisationDigest: digest(AT.outcomeAuthorisation),
        imageHash: digest(AT.outcomeHash),
      },
    }),
    ...(has(HAS.lastRunVersion) && { lastRunVersion: u32(AT.lastRunVersion) }),
    ...(has(HAS.recoveredFloor) && { recoveredFloor: u32(AT.securityCounter) }),
  };
}

function checkedCounter(value: bigint): bigint {
  if (typeof value === 'bigint' && value >= 0n && value <= ORIGINATOR_COUNTER_MAX) return value;
  throw new BootError('bad-value', `${String(value)} is not an originator counter`);
}

function checked(value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw new BootError('bad-value', `${value} is not a whole number from 0 to ${max}`);
}
