/**
 * A journal that can be rewritten. A journal only grows, so what is alive is copied into a second directory now and then, and a mark
 * `current-N` says which of the two counts: N odd, `journal-1`; N even, `journal-2`. The mark comes after the copy is durable and before
 * the old one is emptied, so at every moment exactly one is whole and named.
 */
import { errnoOf, JournalError, openJournal, readJournal } from '@smets1/journal';
import type { FilePort, Journal, JournalOptions, JournalReader } from '@smets1/journal';
import { GENERATION_ROUNDS_MAX } from '../limits.js';

export type JournalSettings = Pick<
  JournalOptions,
  'segmentBytes' | 'recordBytesMax' | 'processes' | 'schedule' | 'random'
>;

export interface Generation {
  readonly number: number;
  readonly journal: Journal;
}

/** Opens the generation that counts, as its only owner. @throws {@link JournalError}. */
export function openGeneration(files: FilePort, directory: string, settings: JournalSettings): Generation {
  try {
    files.makeDirectory(directory);
    for (let round = 0; round < GENERATION_ROUNDS_MAX; round += 1) {
      const number = currentNumber(files, directory);
      checkWhole(files, directory, number);
      const journal = openJournal({ ...settings, files, directory: journalPath(directory, number) });
      // The owner before us may have moved on between our look and our lock.
      if (currentNumber(files, directory) === number) return { number, journal };
      journal.close();
    }
  } catch (error) {
    throw storageFault(directory, error);
  }
  throw new JournalError('locked', `${directory} is being changed by another process again and again; try once more`);
}

/**
 * A directory of which something was deleted must not be taken for a new one: it would be open again what was answered, called off and
 * counted. A journal has a segment before its mark is made, and keeps it until a later mark is there.
 */
function checkWhole(files: FilePort, directory: string, number: number): void {
  if (hasSegments(files, journalPath(directory, number))) return;
  const isMarked = numbers(files, directory).length > 0;
  if (!isMarked && !hasSegments(files, journalPath(directory, number + 1))) return;
  const what = isMarked
    ? `${journalPath(directory, number)} has no records, and it is the one that counts`
    : 'the mark that says which journal counts is gone';
  throw new JournalError('corrupt', `${directory} was deleted in part: ${what}; restore the directory from a copy`);
}

/** Whether there is a journal at all. */
export function hasJournal(files: FilePort, directory: string): boolean {
  return [1, 2].some((number) => hasSegments(files, journalPath(directory, number)));
}

function hasSegments(files: FilePort, path: string): boolean {
  return segmentsOf(files, path).length > 0;
}

/** None when there is no such directory. */
function segmentsOf(files: FilePort, path: string): readonly string[] {
  try {
    return files.list(path).filter((name) => name.startsWith('segment'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** What a file port threw, as the journal says it. */
function storageFault(directory: string, error: unknown): JournalError {
  if (error instanceof JournalError) return error;
  const errno = errnoOf(error);
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT';
  const why = error instanceof Error ? error.message : errno;
  return new JournalError(isFull ? 'storage-full' : 'storage-failed', `${directory} cannot be used: ${why}`, {
    cause: error,
  });
}

/**
 * Has `fill` write the other directory and makes it the one that counts. The old journal is closed and emptied. When this throws, the old
 * generation still counts; its journal is open unless the fault is `storage-failed`.
 */
export async function nextGeneration(
  files: FilePort,
  directory: string,
  settings: JournalSettings,
  old: Generation,
  fill: (journal: Journal) => Promise<void>,
): Promise<Generation> {
  const number = old.number + 1;
  const path = journalPath(directory, number);
  let journal: Journal | undefined;
  try {
    empty(files, path);
    journal = openJournal({ ...settings, files, directory: path });
    await fill(journal);
  } catch (error) {
    journal?.close();
    throw storageFault(directory, error);
  }
  try {
    files.createMark(markPath(directory, number), 'counts');
    files.syncDirectory(directory);
  } catch (cause) {
    // The mark may or may not be there after a restart. Both generations say the same as long as neither takes anything more.
    journal.close();
    old.journal.close();
    throw new JournalError(
      'storage-failed',
      `${directory} failed while its journal was rewritten; check the disk, then start again`,
      { cause },
    );
  }
  old.journal.close();
  try {
    empty(files, journalPath(directory, old.number));
    for (const past of numbers(files, directory)) if (past < number) files.unlink(markPath(directory, past));
  } catch {
    // What stays behind counts no more, and is emptied before it is written again.
  }
  return { number, journal };
}

/** Reads beside the owner. @throws {@link JournalError}, `no-journal` when there is none. */
export function readGeneration<T>(files: FilePort, directory: string, read: (reader: JournalReader) => T): T {
  try {
    return readCurrent(files, directory, read);
  } catch (error) {
    // What `read` itself throws goes on as it is.
    throw /^E[A-Z]+$/.test(errnoOf(error)) ? storageFault(directory, error) : error;
  }
}

function readCurrent<T>(files: FilePort, directory: string, read: (reader: JournalReader) => T): T {
  for (let round = 1; ; round += 1) {
    const number = currentNumber(files, directory);
    try {
      const reader = readJournal({ files, directory: journalPath(directory, number) });
      try {
        const value = read(reader);
        if (currentNumber(files, directory) === number) return value;
      } finally {
        reader.close();
      }
    } catch (error) {
      // A journal that was emptied under our eyes looks broken; only one that still counts is.
      if (round >= GENERATION_ROUNDS_MAX || currentNumber(files, directory) === number) throw error;
    }
    if (round >= GENERATION_ROUNDS_MAX)
      throw new JournalError('locked', `${directory} changes faster than it can be read; try once more`);
  }
}

const MARK = /^current-([0-9]{10})$/;

function numbers(files: FilePort, directory: string): readonly number[] {
  return files.list(directory).flatMap((name) => {
    const match = MARK.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

function currentNumber(files: FilePort, directory: string): number {
  return Math.max(1, ...numbers(files, directory));
}

function markPath(directory: string, number: number): string {
  return `${directory}/current-${String(number).padStart(10, '0')}`;
}

function journalPath(directory: string, number: number): string {
  return `${directory}/journal-${number % 2 === 1 ? 1 : 2}`;
}

/** Removes the records, the last first: a journal that has lost its end is still a journal. */
function empty(files: FilePort, path: string): void {
  const names = segmentsOf(files, path).toSorted().toReversed();
  if (names.length === 0) return;
  for (const name of names) files.unlink(`${path}/${name}`);
  files.syncDirectory(path);
}
