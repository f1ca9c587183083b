/** What a DCO's words mean to a campaign. Total by their types: a word that is added there does not compile until it is decided here. */
import type { ActivationTaken, DcoResponse } from '@smets1/campaign';
import type { EntryCode, EntryRecord, RefusalCode } from '@smets1/dco';

type Result = DcoResponse['result'];

/**
 * What came of an 11.3. Breaks (`no-answer`, `broken-off`, `not-sealed`) are tried again later, the others are not: a meter that said no is
 * not asked until somebody has looked.
 */
const RESULT: Readonly<Record<EntryCode, Result | undefined>> = {
  success: 'success',
  // The meter says so, and nobody can vouch for it: it is asked again, and in the end given up, never counted as done.
  'success-unattested': 'broken-off',
  // Not the end of it: the outcome comes as an alert.
  accepted: undefined,
  'no-answer': 'no-answer',
  interrupted: 'broken-off',
  'too-noisy': 'broken-off',
  abandoned: 'broken-off',
  'not-actioned': 'not-sealed',
  'image-gone': 'not-sealed',
  'image-corrupt': 'broken-off',
  defect: 'broken-off',
  'control-rate': 'broken-off',
  'control-unavailable': 'broken-off',
  'image-hash-mismatch': 'hash-mismatch',
  'gbcs-signature': 'hash-mismatch',
  'verify-failed': 'hash-mismatch',
  'activation-failed': 'activation-failure',
  reverted: 'reverted',
  refused: 'refused',
  'not-authentic': 'refused',
  'device-changed': 'refused',
  'device-unknown': 'refused',
  cancelled: 'refused',
  'control-malformed': 'refused',
  'control-signature': 'refused',
  'control-role': 'refused',
  'control-device': 'refused',
  'control-hash': 'refused',
  'control-not-held': 'refused',
  'control-not-listed': 'refused',
  'control-version': 'refused',
  'control-hardware': 'refused',
  'control-counter': 'refused',
  'control-revoked': 'refused',
};

/** undefined: the end is still to come. */
export function resultOfEntry({ code, device }: EntryRecord): Result | undefined {
  const said = device?.activateImageResponseCode;
  if (code === 'activation-failed' && said === 'noImageHeld') return 'no-image-held';
  if (code === 'activation-failed' && said === 'hashMismatch') return 'hash-mismatch';
  return RESULT[code];
}

/**
 * What the refusal of a request comes to:
 * - a result: it concerns this one meter, and counts as its outcome;
 * - `passing`: the campaign asks again;
 * - `ends`: it would be said of every meter, so that the run ends before it is.
 */
type Effect = Exclude<Extract<ActivationTaken, { readonly taken: false }>['result'], undefined> | 'passing' | 'ends';

const EFFECT: Readonly<Record<RefusalCode, Effect>> = {
  'device-unknown': 'refused',
  'device-key-missing': 'refused',
  'originator-counter-used': 'refused',
  'authorisation-revoked': 'refused',
  // Of another one, a person's for instance.
  'release-pending': 'broken-off',
  'storage-full': 'passing',
  'quota-exceeded': 'passing',
  'storage-failed': 'passing',
  'too-many-releases': 'passing',
  'too-many-watchers': 'passing',
  closed: 'passing',
  'bad-request': 'ends',
  'bad-request-id': 'ends',
  'bad-device-id': 'ends',
  'not-found': 'ends',
  'image-not-held': 'ends',
  'request-id-reused': 'ends',
  'device-list-differs': 'ends',
  'device-not-listed': 'ends',
  'image-incomplete': 'ends',
  'nothing-to-cancel': 'ends',
  'too-late-to-cancel': 'ends',
  'reference-used': 'ends',
  'schedule-overlaps': 'ends',
  'schedule-over-capacity': 'ends',
  'day-not-ahead': 'ends',
  'day-in-past': 'ends',
  'capacity-above-ceiling': 'ends',
  'too-many-devices': 'ends',
  'too-many-parts': 'ends',
  'part-refused': 'ends',
  'authorisation-refused': 'ends',
  'authorisation-mismatch': 'ends',
  'authorisation-window': 'ends',
  'execution-in-past': 'ends',
  'execution-too-far': 'ends',
  'storage-corrupt': 'ends',
};

/** @param code - As the server said it; one that is not known ends the run too. */
export function effectOfRefusal(code: string): Effect {
  return (EFFECT as Readonly<Record<string, Effect>>)[code] ?? 'ends';
}
