/**
 * One owner per directory. A lock is a mark `lock-N` whose text names the owner; the highest N counts. Taking over a lock whose
 * owner is gone means making `lock-N+1`, which only one process can, and the highest mark is never removed: so a slow rival that
 * has seen an old state cannot remove or replace the lock of whoever was faster. Removing the stale file and making it anew
 * under the same name would allow just that.
 */
import { JournalError } from './error.js';
import { errnoOf } from './files/file-port.js';
import type { FilePort } from './files/file-port.js';
import { LOCK_ROUNDS_MAX } from './limits.js';
import type { ProcessIdentity, ProcessPort } from './processes.js';

const LOCK_NAME = /^lock-([0-9]{10})$/;
const FREE = 'free';

export interface Lock {
  release(): void;
}

/** @throws {@link JournalError} `locked` when the owner lives; whatever the port throws. */
export function takeLock(files: FilePort, directory: string, processes: ProcessPort): Lock {
  for (let round = 0; round < LOCK_ROUNDS_MAX; round += 1) {
    const highest = epochs(files, directory).at(-1) ?? 0;
    if (highest > 0) refuseLiving(files, directory, highest, processes);
    const mine = highest + 1;
    if (!tryMark(files, pathOf(directory, mine), textOf(processes.self()))) continue;
    const all = epochs(files, directory);
    if (all.at(-1) !== mine) {
      // A rival went past us between our look and our mark; its lock stands.
      unlinkQuietly(files, pathOf(directory, mine));
      continue;
    }
    for (const old of all.slice(0, -1)) unlinkQuietly(files, pathOf(directory, old));
    return { release: () => release(files, directory, mine) };
  }
  throw new JournalError('locked', `${directory} is being taken by another process again and again; try once more`);
}

function release(files: FilePort, directory: string, epoch: number): void {
  try {
    files.createMark(pathOf(directory, epoch + 1), FREE);
  } catch (error) {
    // EEXIST: somebody has put a newer lock there, and ours counts no more. Otherwise fall through: a lock that outlives its
    // journal within one process would shut out that process itself.
    if (errnoOf(error) === 'EEXIST') return;
  }
  unlinkQuietly(files, pathOf(directory, epoch));
}

function refuseLiving(files: FilePort, directory: string, epoch: number, processes: ProcessPort): void {
  let text: string;
  try {
    text = files.readMark(pathOf(directory, epoch));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return; // just superseded; the next look shows by whom
    throw error;
  }
  const owner = ownerOf(text);
  if (owner !== undefined && processes.isAlive(owner)) {
    throw new JournalError(
      'locked',
      `${directory} is in use by process ${owner.pid}; end it, or use another directory`,
    );
  }
}

function tryMark(files: FilePort, path: string, text: string): boolean {
  try {
    files.createMark(path, text);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function unlinkQuietly(files: FilePort, path: string): void {
  try {
    files.unlink(path);
  } catch {
    // A superseded lock that stays is only a name more; the highest one decides.
  }
}

function epochs(files: FilePort, directory: string): readonly number[] {
  const found: number[] = [];
  for (const name of files.list(directory)) {
    const match = LOCK_NAME.exec(name);
    if (match !== null) found.push(Number(match[1]));
  }
  return found.toSorted((a, b) => a - b);
}

function pathOf(directory: string, epoch: number): string {
  return `${directory}/lock-${String(epoch).padStart(10, '0')}`;
}

function textOf(owner: ProcessIdentity): string {
  return `${owner.pid}.${owner.startTicks}.${owner.bootId}`;
}

/** Undefined for `free`, and for a text that a power loss has spoilt: marks appear whole while their boot lasts. */
function ownerOf(text: string): ProcessIdentity | undefined {
  const [pid, startTicks, bootId] = text.split('.');
  if (pid === undefined || startTicks === undefined || bootId === undefined || !/^[0-9]+$/.test(pid)) return undefined;
  return { pid: Number(pid), startTicks, bootId };
}
