export type HostErrorCode =
  | 'key-not-found'
  | 'key-mode'
  | 'key-format'
  | 'key-demo'
  | 'no-signer'
  | 'file-locked'
  | 'file-exists'
  | 'file-failed'
  | 'world-failed'
  | 'misuse';

/**
 * The one error of this package. Branch on `code`:
 * - `key-not-found`, `key-mode` (others can read or replace it, it is not ours, or it is a symbolic link), `key-format`, `key-demo`
 *   (everybody knows this key): a key file; the message says what to do;
 * - `no-signer`: asked to sign for a role whose private key was not given;
 * - `file-locked`: another living process owns the file; `file-exists`: it would have been overwritten; `file-failed`: the system
 *   refused, the cause is kept;
 * - `world-failed`: something threw inside a simulated world; seed, time and cause are there;
 * - `misuse`: the caller's side.
 */
export class HostError extends Error {
  readonly code: HostErrorCode;
  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostError';
    this.code = code;
  }
}
