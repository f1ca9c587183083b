import { JournalError } from './error.js';
import { errnoOf } from './files/file-port.js';
import type { FilePort } from './files/file-port.js';
import { READER_ROUNDS_MAX } from './limits.js';
import type { JournalRecord } from './record-index.js';
import { scanJournal } from './scan.js';
import { closeQuietly, segmentPath, storageFailed } from './segment.js';

/** The records that were durable when it was opened; open it again to see later ones. */
export interface JournalReader {
  /** 0 when there is no record. */
  readonly lastSequence: number;
  /** @throws {@link JournalError} `no-record`, `corrupt`, `storage-failed`, `closed`. */
  read(sequence: number): Uint8Array;
  /** In order, from the record after `afterSequence` (0 unless given) on; each is read when asked for. */
  readAll(afterSequence?: number): Iterable<JournalRecord>;
  close(): void;
}

/**
 * Reads a journal beside its owner: takes no lock, changes nothing.
 *
 * @throws {@link JournalError} with `code` `no-journal`, `corrupt` or `storage-failed`.
 */
export function readJournal(options: { readonly files: FilePort; readonly directory: string }): JournalReader {
  const { files, directory } = options;
  try {
    const { index, last } = scanJournal(files, directory, READER_ROUNDS_MAX);
    if (last !== undefined) {
      // The owner may have written the last frame and not synced it yet; a sync through any handle makes it durable.
      const file = files.open(segmentPath(directory, last.header.number), 'read');
      try {
        file.syncData();
      } finally {
        closeQuietly(file);
      }
    }
    return {
      get lastSequence() {
        return index.lastSequence;
      },
      read: (sequence) => index.read(sequence),
      readAll: (afterSequence = 0) => index.readAll(afterSequence),
      close: () => index.close(),
    };
  } catch (error) {
    if (error instanceof JournalError) throw error;
    if (errnoOf(error) === 'ENOENT') {
      throw new JournalError('no-journal', `there is no journal in ${directory}; check the path`, { cause: error });
    }
    throw storageFailed(directory, error);
  }
}
