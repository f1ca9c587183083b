import {
  JournalError,
  nodeProcesses,
  openJournal,
  SEGMENT_BYTES_MIN,
  type FilePort,
  type ProcessPort,
} from '@smets1/journal';
import { HostError } from '../error.js';
import { fileFailed } from './atomic-write.js';

export interface Exclusive {
  release(): void;
}

/**
 * Makes this process the one owner of a file, until it gives it back or ends. Owners are found by the folder `PATH.lock` beside it, which
 * is the smallest journal there is: opening one is how this project tells a living owner from one that was killed.
 *
 * @throws {@link HostError} `file-locked` while another owner lives, `file-failed` when the folder cannot be made.
 */
export function takeExclusive(path: string, files: FilePort, processes: ProcessPort = nodeProcesses()): Exclusive {
  try {
    const journal = openJournal({ files, directory: `${path}.lock`, segmentBytes: SEGMENT_BYTES_MIN, processes });
    return { release: () => journal.close() };
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    if (error.code !== 'locked') throw fileFailed(`${path} cannot be locked`, error);
    const owner = /process \d+/.exec(error.message)?.[0] ?? 'another process';
    throw new HostError('file-locked', `${path} is in use by ${owner}; end it, or use another file`, { cause: error });
  }
}
