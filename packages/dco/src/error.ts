/** Why the store, a request or the start of the server was refused. One closed list; HTTP statuses follow from it. */
const STATUSES = {
  'bad-request': 400,
  'bad-request-id': 400,
  'bad-device-id': 400,
  'not-found': 404,
  'device-unknown': 404,
  'image-not-held': 404,
  'request-id-reused': 409,
  'device-list-differs': 409,
  'device-not-listed': 409,
  'device-key-missing': 409,
  'image-incomplete': 409,
  'release-pending': 409,
  'nothing-to-cancel': 409,
  'too-late-to-cancel': 409,
  'originator-counter-used': 409,
  'authorisation-revoked': 409,
  'reference-used': 409,
  'schedule-overlaps': 409,
  'schedule-over-capacity': 409,
  'day-not-ahead': 409,
  'too-many-devices': 413,
  'too-many-parts': 413,
  'part-refused': 422,
  'authorisation-refused': 422,
  'authorisation-mismatch': 422,
  'authorisation-window': 422,
  'execution-in-past': 422,
  'execution-too-far': 422,
  'day-in-past': 422,
  'capacity-above-ceiling': 422,
  'too-many-watchers': 429,
  'too-many-releases': 429,
  'storage-full': 507,
  'quota-exceeded': 507,
  'storage-failed': 503,
  'storage-corrupt': 503,
  closed: 503,
} as const;

export type RefusalCode = keyof typeof STATUSES;

/** A peer's request that is not done, and had no effect. */
export interface Refusal {
  readonly code: RefusalCode;
  /** What is wrong and what to do, for people. */
  readonly message: string;
  /** The code of the room that found it, for instance of a block signature that does not hold. */
  readonly fault?: string;
  /** The block concerned, when it is one. */
  readonly block?: number;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export function statusOf(code: RefusalCode): number {
  return STATUSES[code];
}

export function accept<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function refuse(
  code: RefusalCode,
  message: string,
  about: { readonly fault?: string; readonly block?: number | undefined } = {},
): { readonly ok: false; readonly refusal: Refusal } {
  const { fault, block } = about;
  const where = block === undefined ? {} : { block };
  return { ok: false, refusal: { code, message, ...(fault === undefined ? {} : { fault }), ...where } };
}

export type DcoErrorCode =
  | 'misuse'
  | 'inventory-not-found'
  | 'inventory-format'
  | 'token-file'
  | 'listen-failed'
  | 'control-failed'
  | 'control-trust-changed'
  | 'storage-full'
  | 'storage-failed'
  | 'storage-corrupt'
  | 'storage-locked'
  | 'closed'
  | 'no-answer'
  | 'bad-answer'
  | 'server-refused';

/** The one error that this package throws: the caller's misuse, files that are not as they must be, storage, a server that does not answer. */
export class DcoError extends Error {
  readonly code: DcoErrorCode;
  /** `server-refused` only: what the server said. */
  readonly refusal: { readonly status: number; readonly code: string; readonly fault?: string } | undefined;

  constructor(
    code: DcoErrorCode,
    message: string,
    options?: ErrorOptions & {
      readonly refusal?: { readonly status: number; readonly code: string; readonly fault?: string };
    },
  ) {
    super(message, options);
    this.name = 'DcoError';
    this.code = code;
    this.refusal = options?.refusal;
  }
}

export function isStorageError(error: unknown, code: 'storage-full' | 'storage-failed' | 'closed'): error is DcoError {
  return error instanceof DcoError && error.code === code;
}
