/** Reads the files that a command is given, never more of them than they may have. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { CliError } from '../errors.js';
import { READ_CHUNK_BYTES } from '../limits.js';

/**
 * All octets of a file (or of a pipe, to its end).
 *
 * @param what - For people: `the package`, `the image`.
 * @param bytesMax - More than so many octets are refused without being read.
 * @throws {@link CliError} `file-missing`, `file-denied`, `not-a-file`, `file-empty`, `file-too-large`, `storage-failed`
 */
export function readInput(path: string, what: string, bytesMax: number): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw openError(error, path, what);
  }
  try {
    const about = fstatSync(descriptor);
    if (about.isDirectory()) throw new CliError('not-a-file', `${what}: ${path} is a directory; name the file in it`);
    if (about.size > bytesMax) throw tooLarge(path, what, about.size, bytesMax);
    const octets = readAll(descriptor, about.isFile() ? about.size : 0, bytesMax);
    if (octets === undefined) throw tooLarge(path, what, undefined, bytesMax);
    if (octets.length === 0) {
      throw new CliError('file-empty', `${what}: ${path} is empty; was it written to its end?`);
    }
    return octets;
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError('storage-failed', `${what}: ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined when there are more than `bytesMax`. */
function readAll(descriptor: number, sizeBytes: number, bytesMax: number): Uint8Array | undefined {
  // One octet of room more than is expected, so that the end is seen without a second buffer.
  let octets = new Uint8Array(Math.min(Math.max(sizeBytes, READ_CHUNK_BYTES), bytesMax) + 1);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, octets, length, octets.length - length, null);
    if (count === 0) return octets.subarray(0, length);
    length += count;
    if (length > bytesMax) return undefined;
    if (length === octets.length) {
      const larger = new Uint8Array(Math.min(2 * octets.length, bytesMax + 1));
      larger.set(octets);
      octets = larger;
    }
  }
}

function tooLarge(path: string, what: string, sizeBytes: number | undefined, bytesMax: number): CliError {
  const has = sizeBytes === undefined ? 'has more' : `has ${sizeBytes}`;
  return new CliError(
    'file-too-large',
    `${what}: ${path} ${has} octets, at most ${bytesMax} can be right; is it the file you mean?`,
  );
}

function openError(error: unknown, path: string, what: string): CliError {
  const options = { cause: error };
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new CliError('file-missing', `${what}: there is no file ${path}; check the name`, options);
    case 'EACCES':
    case 'EPERM':
      return new CliError(
        'file-denied',
        `${what}: ${path} may not be read by this user; check its mode and owner`,
        options,
      );
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'ERR_INVALID_ARG_VALUE':
      return new CliError('usage', `${what}: ${path} cannot name a file: ${messageOf(error)}`, options);
    default:
      return new CliError('storage-failed', `${what}: ${path} cannot be opened: ${messageOf(error)}`, options);
  }
}

/** The errno name that Node puts on its errors; empty on others. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
