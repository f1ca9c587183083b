/**
 * Exit codes are an API. Every fault that any package can name has one here, and each table is total by its type: a fault that is
 * added elsewhere does not compile until its exit code is decided.
 */
import type { CampaignErrorCode } from '@smets1/campaign';
import type { DcoErrorCode, EntryCode, RefusalCode } from '@smets1/dco';
import type { FleetErrorCode, WorkErrorCode } from '@smets1/fleet';
import type { LinkErrorCode } from '@smets1/hardware';
import type { HostErrorCode } from '@smets1/host';
import type { GuardError } from '@smets1/http-guard';
import type { JournalErrorCode } from '@smets1/journal';
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
  'owner-silent': EXIT['no-answer'],
  'no-power': EXIT['no-answer'],
  'wrong-clock': EXIT.usage,
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

/** The control API of a bench that cannot start. */
export const GUARD_EXIT: Readonly<Record<GuardError['code'], ExitCode>> = {
  misuse: EXIT.usage,
  'listen-failed': EXIT.port,
};

/** A fleet that cannot be made, or cannot go on. */
export const FLEET_EXIT: Readonly<Record<FleetErrorCode, ExitCode>> = {
  misuse: EXIT.usage,
  'package-refused': EXIT['verify-failed'],
  'not-applicable': EXIT.refused,
  'worker-failed': EXIT.defect,
  interrupted: EXIT.interrupted,
};

/** A DCO that is not there, or cannot start. Of `server-refused`, the refusal says more. */
export const DCO_EXIT: Readonly<Record<DcoErrorCode, ExitCode>> = {
  misuse: EXIT.defect,
  'inventory-not-found': EXIT.usage,
  'inventory-format': EXIT.usage,
  'token-file': EXIT.usage,
  'listen-failed': EXIT.port,
  'control-failed': EXIT.usage,
  'control-trust-changed': EXIT.usage,
  'storage-full': EXIT.storage,
  'storage-failed': EXIT.storage,
  'storage-corrupt': EXIT.storage,
  'storage-locked': EXIT.storage,
  closed: EXIT.interrupted,
  'no-answer': EXIT['no-answer'],
  'bad-answer': EXIT['no-answer'],
  'server-refused': EXIT.refused,
};

/** A DCO refused a request; of `part-refused`, the fault says more. */
export const DCO_REFUSAL_EXIT: Readonly<Record<RefusalCode, ExitCode>> = {
  'bad-request': EXIT.usage,
  'bad-request-id': EXIT.usage,
  'bad-device-id': EXIT.usage,
  'not-found': EXIT.refused,
  'device-unknown': EXIT.refused,
  'device-key-missing': EXIT.refused,
  'image-not-held': EXIT.refused,
  'request-id-reused': EXIT.refused,
  'device-list-differs': EXIT.refused,
  'device-not-listed': EXIT.refused,
  'image-incomplete': EXIT.refused,
  'release-pending': EXIT.refused,
  'nothing-to-cancel': EXIT.refused,
  'too-late-to-cancel': EXIT.refused,
  'originator-counter-used': EXIT['not-authorised'],
  'too-many-devices': EXIT.refused,
  'too-many-parts': EXIT.refused,
  'part-refused': EXIT.refused,
  'authorisation-refused': EXIT['not-authorised'],
  'authorisation-revoked': EXIT['not-authorised'],
  'authorisation-mismatch': EXIT['not-authorised'],
  'authorisation-window': EXIT['not-authorised'],
  'execution-in-past': EXIT.refused,
  'execution-too-far': EXIT.refused,
  'reference-used': EXIT.refused,
  'schedule-overlaps': EXIT.refused,
  'schedule-over-capacity': EXIT.refused,
  'day-not-ahead': EXIT.refused,
  'day-in-past': EXIT.refused,
  'capacity-above-ceiling': EXIT.refused,
  'too-many-watchers': EXIT.refused,
  'too-many-releases': EXIT.refused,
  'storage-full': EXIT.storage,
  'quota-exceeded': EXIT.storage,
  'storage-failed': EXIT.storage,
  'storage-corrupt': EXIT.storage,
  closed: EXIT.interrupted,
};

/** What came of a request that a DCO took. Of `refused`, the meter's refusal says more. */
export const DCO_ENTRY_EXIT: Readonly<Record<EntryCode, ExitCode>> = {
  success: EXIT.done,
  // The meter says so, and nobody can vouch for it.
  'success-unattested': EXIT['not-authentic'],
  defect: EXIT.defect,
  accepted: EXIT.done,
  'image-hash-mismatch': EXIT['verify-failed'],
  'gbcs-signature': EXIT['not-authentic'],
  abandoned: EXIT.interrupted,
  cancelled: EXIT['activation-failed'],
  'not-actioned': EXIT['activation-failed'],
  'image-gone': EXIT['activation-failed'],
  'image-corrupt': EXIT.storage,
  'device-unknown': EXIT.refused,
  'no-answer': EXIT['no-answer'],
  interrupted: EXIT.interrupted,
  refused: EXIT.refused,
  'too-noisy': EXIT['too-noisy'],
  'verify-failed': EXIT['verify-failed'],
  'activation-failed': EXIT['activation-failed'],
  reverted: EXIT.reverted,
  'device-changed': EXIT['device-changed'],
  'not-authentic': EXIT['not-authentic'],
  'control-malformed': EXIT['not-authorised'],
  'control-signature': EXIT['not-authorised'],
  'control-role': EXIT['not-authorised'],
  'control-device': EXIT['not-authorised'],
  'control-hash': EXIT['not-authorised'],
  'control-not-held': EXIT['not-authorised'],
  'control-not-listed': EXIT['not-authorised'],
  'control-version': EXIT['not-authorised'],
  'control-hardware': EXIT['not-authorised'],
  'control-counter': EXIT['not-authorised'],
  'control-rate': EXIT['not-authorised'],
  'control-unavailable': EXIT['not-authorised'],
  'control-revoked': EXIT['not-authorised'],
};

/** The queue of a fleet cannot be used. */
export const WORK_EXIT: Readonly<Record<WorkErrorCode, ExitCode>> = {
  'server-unreachable': EXIT['no-answer'],
  'server-refused': EXIT.port,
  'server-too-old': EXIT.refused,
  'server-missing': EXIT.usage,
  'jetstream-off': EXIT.refused,
  'stream-missing': EXIT.refused,
  'stream-differs': EXIT.refused,
  'package-missing': EXIT.storage,
  'package-digest': EXIT.storage,
  'package-format': EXIT['verify-failed'],
  'record-format': EXIT.storage,
  'storage-full': EXIT.storage,
  'storage-failed': EXIT.storage,
  closed: EXIT.interrupted,
  misuse: EXIT.usage,
};

/** The journal of a campaign cannot be used. */
export const JOURNAL_EXIT: Readonly<Record<JournalErrorCode, ExitCode>> = {
  corrupt: EXIT.storage,
  locked: EXIT.storage,
  'storage-full': EXIT.storage,
  'storage-failed': EXIT.storage,
  'no-journal': EXIT.usage,
  'no-record': EXIT.defect,
  closed: EXIT.defect,
  'too-large': EXIT.defect,
  overloaded: EXIT.defect,
  misuse: EXIT.defect,
};

/** A campaign that cannot go on. */
export const CAMPAIGN_EXIT: Readonly<Record<CampaignErrorCode, ExitCode>> = {
  misuse: EXIT.defect,
  'journal-damaged': EXIT.storage,
  'other-campaign': EXIT.usage,
  clock: EXIT.usage,
  'dco-refused': EXIT.refused,
};
