/**
 * Exit codes are an API. Every fault that any package can name has one here, and each table is total by its type: a fault that is
 * added elsewhere does not compile until its exit code is decided.
 */
import type { LinkErrorCode } from '@smets1/hardware';
import type { HostErrorCode } from '@smets1/host';
import type { FailureReason, JoinFault, OutcomeCode, Refusal } from '@smets1/protocol';
import type { CliErrorCode } from './errors.js';

export const EXIT = {
  done: 0,
  defect: 1,
  usage: 2,
  port: 10,
  'no-answer': 11,
  refused: 12,
  'too-noisy': 13,
  'not-authentic': 14,
  'verify-failed': 15,
  'activation-failed': 16,
  reverted: 17,
  interrupted: 18,
  'device-changed': 19,
  storage: 20,
  'some-not-done': 21,
  'not-authorised': 22,
} as const;

/** What came of a command, in a word; the `outcome` of `--json` where nothing more exact is to be said. */
export type OutcomeName = keyof typeof EXIT;
export type ExitCode = (typeof EXIT)[OutcomeName];

/** The word for an exit code. */
export function outcomeNameOf(exitCode: ExitCode): OutcomeName {
  return NAMES.get(exitCode)!;
}

const NAMES: ReadonlyMap<ExitCode, OutcomeName> = new Map(
  Object.entries(EXIT).map(([name, code]) => [code, name as OutcomeName]),
);

/** A meter refused. */
export const REFUSAL_EXIT: Readonly<Record<Refusal, ExitCode>> = {
  malformed: EXIT.refused,
  unsupportedVersion: EXIT.refused,
  unknownCriticalField: EXIT.refused,
  unsupportedProfile: EXIT.refused,
  unsupportedEncoding: EXIT.refused,
  unknownKey: EXIT['not-authentic'],
  badSignature: EXIT['not-authentic'],
  otaHeaderMismatch: EXIT['not-authentic'],
  wrongDeviceClass: EXIT.refused,
  wrongManufacturer: EXIT.refused,
  wrongImageType: EXIT.refused,
  wrongHardware: EXIT.refused,
  versionNotApplicable: EXIT.refused,
  counterTooLow: EXIT.refused,
  counterUsed: EXIT.refused,
  imageTooLarge: EXIT.refused,
  geometryUnsupported: EXIT.refused,
  trialRunning: EXIT.refused,
  otherImageHeld: EXIT.refused,
  eraseBudgetSpent: EXIT.refused,
  noSession: EXIT.interrupted,
  incomplete: EXIT.interrupted,
  storageFailed: EXIT.storage,
  unknownMessage: EXIT.refused,
  busyWithOther: EXIT.refused,
  authorisationMalformed: EXIT['not-authorised'],
  authorisationWrongDevice: EXIT['not-authorised'],
  supplierSignatureBad: EXIT['not-authorised'],
  countersignatureBad: EXIT['not-authorised'],
  authorisationNotYetValid: EXIT['not-authorised'],
  authorisationExpired: EXIT['not-authorised'],
  originatorCounterUsed: EXIT['not-authorised'],
};

/** A package, a part or an image in a file does not hold: signatures apart from everything else. */
export const PACKAGE_FAULT_EXIT: Readonly<Record<JoinFault, ExitCode>> = {
  truncated: EXIT['verify-failed'],
  trailingOctets: EXIT['verify-failed'],
  badLength: EXIT['verify-failed'],
  badCrc: EXIT['verify-failed'],
  unknownKind: EXIT['verify-failed'],
  malformed: EXIT['verify-failed'],
  imageHashMismatch: EXIT['verify-failed'],
  missingBlocks: EXIT['verify-failed'],
  mixedImages: EXIT['verify-failed'],
  conflictingBlock: EXIT['verify-failed'],
  unsupportedVersion: EXIT.refused,
  unknownCriticalField: EXIT.refused,
  unsupportedProfile: EXIT.refused,
  unsupportedEncoding: EXIT.refused,
  unknownKey: EXIT['not-authentic'],
  badSignature: EXIT['not-authentic'],
  blockSignature: EXIT['not-authentic'],
  gbcsSignature: EXIT['not-authentic'],
  otaHeaderMismatch: EXIT['not-authentic'],
};

/** A run on a meter failed; of `refused`, the refusal says more. */
export const FAILURE_EXIT: Readonly<Record<FailureReason, ExitCode>> = {
  'no-answer': EXIT['no-answer'],
  interrupted: EXIT.interrupted,
  refused: EXIT.refused,
  'too-noisy': EXIT['too-noisy'],
  'verify-failed': EXIT['verify-failed'],
  'activation-failed': EXIT['activation-failed'],
  reverted: EXIT.reverted,
  'device-changed': EXIT['device-changed'],
  'not-authentic': EXIT['not-authentic'],
};

/** What a meter signed about an image or an activation. */
export const METER_OUTCOME_EXIT: Readonly<Record<OutcomeCode, ExitCode>> = {
  success: EXIT.done,
  noImageHeld: EXIT['activation-failed'],
  hashMismatch: EXIT['verify-failed'],
  activationFailure: EXIT.reverted,
  notAuthentic: EXIT['not-authentic'],
};

export const LINK_EXIT: Readonly<Record<LinkErrorCode, ExitCode>> = {
  'bad-address': EXIT.usage,
  'not-found': EXIT.port,
  permission: EXIT.port,
  busy: EXIT.port,
  refused: EXIT.port,
  unauthorised: EXIT.port,
  timeout: EXIT['no-answer'],
  'too-large': EXIT.port,
  io: EXIT.port,
};

export const CLI_EXIT: Readonly<Record<CliErrorCode, ExitCode>> = {
  usage: EXIT.usage,
  'file-missing': EXIT.usage,
  'file-denied': EXIT.usage,
  'file-empty': EXIT.usage,
  'file-too-large': EXIT.usage,
  'not-a-file': EXIT.usage,
  'file-exists': EXIT.usage,
  'storage-full': EXIT.storage,
  'storage-failed': EXIT.storage,
};

export const HOST_EXIT: Readonly<Record<HostErrorCode, ExitCode>> = {
  'key-not-found': EXIT.usage,
  'key-mode': EXIT.usage,
  'key-format': EXIT.usage,
  'key-demo': EXIT.usage,
  'no-signer': EXIT.defect,
  'file-locked': EXIT.usage,
  'file-exists': EXIT.usage,
  'file-failed': EXIT.storage,
  'world-failed': EXIT.defect,
  misuse: EXIT.defect,
};
