import { JournalError, nodeProcesses, takeLock, type FilePort, type Lock, type ProcessPort } from '@smets1/journal';
import { HostError } from '../error.js';
import { fileFailed } from './atomic-write.js';

/**
 * Makes this process the one owner of a file, until it gives it back or ends. Owners are found by the folder `PATH.lock` beside it, whose
 * lock tells a living owner from one that was killed.
 *
 * @throws {@link HostError} `file-locked` while another owner lives, `file-failed` when the folder cannot be made.
 */
export function takeExclusive(path: string, files: FilePort, processes: ProcessPort = nodeProcesses()): Lock {
  const directory = `${path}.lock`;
  try {
    files.makeDirectory(directory);
    return takeLock(files, directory, processes);
  } catch (error) {
    if (!(error instanceof JournalError)) throw fileFailed(`${path} cannot be locked`, error);
    const owner = /process \d+/.exec(error.message)?.[0] ?? 'another process';
    throw new HostError('file-locked', `${path} is in use by ${owner}; end it, or use another file`, { cause: error });
  }
}
