/**
 * What a command cannot do because of how it was called, or of a file it was given. The message names the cause and the way out.
 *
 * - `usage`: the options contradict each other, or a value is none;
 * - `file-missing`, `file-denied`, `file-empty`, `file-too-large`, `not-a-file`: an input that cannot be read as what it should be;
 * - `file-exists`: an output that is there already; nothing was written;
 * - `owner-silent`: the process that runs a campaign does not answer;
 * - `no-power`: the meter is off, or halted; `wrong-clock`: time was to be moved that nobody moves;
 * - `storage-full`, `storage-failed`: the file system refused to take, or to give, the octets; no half-written output is left.
 */
export type CliErrorCode =
  | 'usage'
  | 'file-missing'
  | 'file-denied'
  | 'file-empty'
  | 'file-too-large'
  | 'not-a-file'
  | 'file-exists'
  | 'owner-silent'
  | 'no-power'
  | 'wrong-clock'
  | 'storage-full'
  | 'storage-failed';

export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
