export type JournalErrorCode =
  | 'corrupt'
  | 'locked'
  | 'storage-full'
  | 'storage-failed'
  | 'no-journal'
  | 'no-record'
  | 'closed'
  | 'too-large'
  | 'overloaded'
  | 'misuse';

/**
 * The one error of this package. Branch on `code`:
 * - `corrupt`: a record that was once durable does not read back; nothing was changed on disk;
 * - `locked`: another living process owns the directory; the message names its pid;
 * - `storage-full`: no space for what was asked; nothing of it was written, and the journal works on once space returns;
 * - `storage-failed`: the storage broke a promise; this journal takes no more records. Whether the records rejected with it
 *   are there is known only after opening the directory again;
 * - `no-journal`, `no-record`: nothing there to read;
 * - `closed`, `too-large`, `overloaded`, `misuse`: the caller's side.
 */
export class JournalError extends Error {
  readonly code: JournalErrorCode;
  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JournalError';
    this.code = code;
  }
}
