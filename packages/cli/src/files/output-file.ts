/** Writes the files that a command makes: whole or not at all, and never over another one unasked. */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CliError } from '../errors.js';
import { PEM_HEAD_BYTES } from '../limits.js';
import { errnoOf, messageOf } from './input-file.js';

export interface OutputOptions {
  /** Replaces a file that is there. */
  readonly force: boolean;
  /** Of a new file; 0o666 less the umask when not given. */
  readonly mode?: number;
}

/**
 * Says early that an output would be refused, before work is done for it; never, whatever is forced, may it be the input or a private key.
 *
 * @throws {@link CliError} `usage`, `file-exists`, `not-a-file`, `file-missing` (its folder)
 */
export function checkOutput(path: string, options: Pick<OutputOptions, 'force'>, input?: string): void {
  const about = statOf(path);
  const source = input === undefined ? undefined : statOf(input);
  if (about !== undefined && source !== undefined && about.ino === source.ino && about.dev === source.dev) {
    throw new CliError('usage', `${path} is the input itself; choose another name for the output`);
  }
  if (about?.isDirectory() === true)
    throw new CliError('not-a-file', `the output: ${path} is a directory; name a file in it`);
  if (about?.isFile() === true && !options.force) throw exists(path);
  if (about?.isFile() === true && holdsPrivateKey(path)) {
    throw new CliError('file-exists', `${path} holds a private key, which is never replaced; choose another name`);
  }
  if (about === undefined && statOf(dirname(path))?.isDirectory() !== true) {
    throw new CliError('file-missing', `the output: there is no directory ${dirname(path)}; make it first`);
  }
}

/**
 * Writes `octets` to `path` in one step: what is there under that name is the old file, the new one, or none.
 * A device or pipe that is there already is written to as it is.
 *
 * @throws {@link CliError} `file-exists`, `not-a-file`, `file-missing`, `file-denied`, `storage-full`, `storage-failed`
 */
export function writeOutput(path: string, octets: Uint8Array, options: OutputOptions): void {
  checkOutput(path, options);
  const about = statOf(path);
  try {
    if (about !== undefined && !about.isFile()) return writeTo(openSync(path, 'w'), octets, false);
    // Through a symbolic link, so that it goes on pointing to what it points to.
    const target = about === undefined ? path : realpathSync(path);
    const draft = `${target}.${process.pid}.part`;
    const mode = options.mode ?? (about === undefined ? 0o666 : about.mode & 0o777);
    const descriptor = openSync(draft, 'wx', mode);
    try {
      writeTo(descriptor, octets, true);
      publish(draft, target, options.force);
    } finally {
      rmSync(draft, { force: true });
    }
  } catch (error) {
    throw error instanceof CliError ? error : writeError(error, path);
  }
}

/**
 * Makes a folder for its owner only, with those above it; one that is there is left as it is.
 *
 * @throws {@link CliError} as `writeOutput` does.
 */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    makeFolders(resolve(path), mode);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' || errnoOf(error) === 'ENOTDIR') {
      throw new CliError('not-a-file', `${path} cannot be a directory: there is a file of that name`, { cause: error });
    }
    throw writeError(error, path);
  }
}

/** One after the other, from the first that is missing: Node's own way of it never comes back where nothing can be made, as in /proc. */
function makeFolders(path: string, mode: number): void {
  const missing: string[] = [];
  for (let at = path; statOf(at) === undefined; at = dirname(at)) missing.push(at);
  for (const folder of missing.toReversed()) mkdirSync(folder, { mode });
  // What is there already must be a folder; this says that it is not.
  if (missing.length === 0 && statOf(path)?.isDirectory() !== true) mkdirSync(path);
}

function writeTo(descriptor: number, octets: Uint8Array, durable: boolean): void {
  try {
    for (let at = 0; at < octets.length;) at += writeSync(descriptor, octets, at);
    if (durable) fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A link, unlike a rename, refuses a name that was taken meanwhile. */
function publish(draft: string, target: string, force: boolean): void {
  if (force) return renameSync(draft, target);
  try {
    linkSync(draft, target);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw exists(target);
    // A file system without hard links.
    if (statOf(target) !== undefined) throw exists(target);
    renameSync(draft, target);
  }
}

/** PEM files say what they hold in their first line. */
function holdsPrivateKey(path: string): boolean {
  try {
    const descriptor = openSync(path, 'r');
    try {
      const head = Buffer.alloc(PEM_HEAD_BYTES);
      return head.toString('latin1', 0, readSync(descriptor, head)).includes('PRIVATE KEY-----');
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false; // whatever keeps us from reading is reported by the writing
  }
}

function exists(path: string): CliError {
  return new CliError('file-exists', `${path} exists already; remove it, choose another name, or pass --force`);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // whatever keeps us from looking keeps us from opening, and is reported there
  }
}

function writeError(error: unknown, path: string): CliError {
  const options = { cause: error };
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new CliError(
        'file-missing',
        `${path} cannot be written: its directory is not there; make it first`,
        options,
      );
    case 'EACCES':
    case 'EPERM':
      return new CliError(
        'file-denied',
        `${path} may not be written by this user; check the mode of its directory`,
        options,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new CliError(
        'storage-full',
        `${path} was not written: no space is left; free some and run the same again`,
        options,
      );
    default:
      return new CliError('storage-failed', `${path} was not written: ${messageOf(error)}`, options);
  }
}
