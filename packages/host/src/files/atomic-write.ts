import { closeSync, fsyncSync, linkSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoOf, nodeFiles } from '@smets1/journal';
import { HostError } from '../error.js';

export interface WriteOptions {
  /** Of the new file; 0644 unless given, and the umask takes its share. Private keys: 0600. */
  readonly mode?: number;
  /** `replace` unless given. */
  readonly ifExists?: 'replace' | 'refuse';
}

/**
 * Writes a file so that after any crash the whole of the old or the whole of the new one is there, and on return the new one for good.
 *
 * @throws {@link HostError} `file-exists` when it may not be replaced, `file-failed` with the system's cause; the old file stays then.
 */
export function writeFileAtomic(path: string, octets: Uint8Array | string, options: WriteOptions = {}): void {
  const target = resolve(path);
  const folder = dirname(target);
  // In the same folder: a rename is one step within one file system only.
  const temporary = join(folder, `.${basename(target)}.${randomBytes(6).toString('hex')}.new`);
  try {
    writeDurably(temporary, typeof octets === 'string' ? Buffer.from(octets) : octets, options.mode ?? 0o644);
    if (options.ifExists === 'refuse') {
      linkSync(temporary, target); // unlike a rename, fails when the name is taken
      unlinkSync(temporary);
    } else {
      renameSync(temporary, target);
    }
    nodeFiles().syncDirectory(folder);
  } catch (error) {
    removeQuietly(temporary);
    if (errnoOf(error) === 'EEXIST') {
      throw new HostError('file-exists', `${path} exists already; move it away, or choose another name`, {
        cause: error,
      });
    }
    throw fileFailed(`${path} could not be written`, error);
  }
}

export function fileFailed(what: string, error: unknown): HostError {
  return new HostError('file-failed', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}

function writeDurably(path: string, octets: Uint8Array, mode: number): void {
  const fd = openSync(path, 'wx', mode);
  try {
    for (let done = 0; done < octets.length;) done += writeSync(fd, octets, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or is renamed by now; otherwise a name that starts with a dot stays.
  }
}
