/** Reads the files that a command is given, never more of them than they may have. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { CliError } from '../errors.js';
import { PIPE_POLL_MS, PIPE_SILENCE_MS_MAX, READ_CHUNK_BYTES } from '../limits.js';

/**
 * All octets of a file (or of a pipe, to its end).
 *
 * @param what - For people: `the package`, `the image`.
 * @param bytesMax - More than so many octets are refused without being read.
 * @param silenceMsMax - How long a pipe may say nothing.
 * @throws {@link CliError} `file-missing`, `file-denied`, `not-a-file`, `file-empty`, `file-too-large`, `storage-failed`
 */
export function readInput(
  path: string,
  what: string,
  bytesMax: number,
  silenceMsMax: number = PIPE_SILENCE_MS_MAX,
): Uint8Array {
  let descriptor: number;
  try {
    // Whoever opens a pipe that nobody writes to would wait for ever; the reading below waits for a while.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw openError(error, path, what);
  }
  try {
    const about = fstatSync(descriptor);
    if (about.isDirectory()) throw new CliError('not-a-file', `${what}: ${path} is a directory; name the file in it`);
    if (about.size > bytesMax) throw tooLarge(path, what, about.size, bytesMax);
    const read = about.isFile() ? readSync : streamReader(`${what}: ${path}`, about.isFIFO(), silenceMsMax);
    const octets = readAll(descriptor, about.isFile() ? about.size : 0, bytesMax, read);
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
function readAll(descriptor: number, sizeBytes: number, bytesMax: number, read: Read): Uint8Array | undefined {
  // One octet of room more than is expected, so that the end is seen without a second buffer.
  let octets = new Uint8Array(Math.min(Math.max(sizeBytes, READ_CHUNK_BYTES), bytesMax) + 1);
  let length = 0;
  for (;;) {
    const count = read(descriptor, octets, length, octets.length - length, null);
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

type Read = (descriptor: number, target: Uint8Array, offset: number, length: number, position: null) => number;

/** Waits for whoever writes (of a pipe, also for him to come), but not for ever. */
function streamReader(which: string, isPipe: boolean, silenceMsMax: number): Read {
  let hasBegun = !isPipe;
  return (descriptor, target, offset, length) => {
    const untilMs = performance.now() + silenceMsMax;
    for (;;) {
      const count = readOrWait(descriptor, target, offset, length);
      hasBegun ||= count !== 0;
      // An end without a beginning: nobody has opened the other end so far.
      if (count !== 'wait' && (count > 0 || hasBegun)) return count;
      if (performance.now() > untilMs) {
        throw new CliError('file-empty', `${which}: nothing came through it; is somebody writing to it?`);
      }
      Atomics.wait(SLEEP, 0, 0, PIPE_POLL_MS);
    }
  };
}

function readOrWait(descriptor: number, target: Uint8Array, offset: number, length: number): number | 'wait' {
  try {
    return readSync(descriptor, target, offset, length, null);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return 'wait';
    throw error;
  }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4));

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
