export type WorkErrorCode =
  | 'server-unreachable'
  | 'server-refused'
  | 'server-too-old'
  | 'server-missing'
  | 'jetstream-off'
  | 'stream-missing'
  | 'stream-differs'
  | 'package-missing'
  | 'package-digest'
  | 'package-format'
  | 'record-format'
  | 'storage-full'
  | 'storage-failed'
  | 'closed'
  | 'misuse';

/**
 * Why the work queue cannot be used. The message names the cause and the way out. Branch on `code`:
 * - `server-unreachable`: nobody answers there, or no longer; the same call may do better later;
 * - `server-refused`: the token is wrong; `server-too-old`; `jetstream-off`: started without a store;
 * - `server-missing`: the program that was to be started is not installed;
 * - `stream-missing`: nothing was ever entered on this server, or it lost its disk; `stream-differs`: somebody else's stream has our name;
 * - `package-missing`, `package-digest` (what came is not what was stored), `package-format` (no package, or another image);
 * - `record-format`: a record that this release cannot read;
 * - `storage-full`, `storage-failed`: the disk of the server, or of the embedded queue;
 * - `closed`, `misuse`: the caller's side.
 */
export class WorkError extends Error {
  override readonly name = 'WorkError';
  readonly code: WorkErrorCode;

  constructor(code: WorkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Whether the same call may do better in a while. */
export function isPassing(error: unknown): error is WorkError {
  return (
    error instanceof WorkError &&
    (error.code === 'server-unreachable' || error.code === 'stream-missing' || error.code === 'storage-full')
  );
}

export function storageFailed(what: string, cause: unknown): WorkError {
  return new WorkError('storage-failed', `${what}: ${messageOf(cause)}`, { cause });
}

export function packageMissing(digest: string): WorkError {
  return new WorkError(
    'package-missing',
    `package ${digest} is not in the store; enter its jobs again, which puts it there`,
  );
}

export function packageDigestWrong(digest: string): WorkError {
  return new WorkError(
    'package-digest',
    `what is stored as package ${digest} has another SHA-256, and nobody gets it; enter its jobs again, which replaces it`,
  );
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
