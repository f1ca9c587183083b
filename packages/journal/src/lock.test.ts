import { describe, expect, it } from 'vitest';
import { JournalError } from './error.js';
import { memoryFiles } from './files/memory-files.js';
import type { FilePort } from './files/file-port.js';
import { takeLock } from './lock.js';
import type { Lock } from './lock.js';
import { nodeProcesses } from './processes.js';
import type { ProcessPort } from './processes.js';

function world(): {
  readonly files: FilePort;
  readonly living: Set<number>;
  readonly as: (pid: number) => ProcessPort;
} {
  const { files } = memoryFiles({ seed: 1 });
  files.makeDirectory('d');
  const living = new Set<number>();
  return {
    files,
    living,
    as(pid) {
      living.add(pid);
      return { self: () => ({ pid, startTicks: '7', bootId: 'b' }), isAlive: (owner) => living.has(owner.pid) };
    },
  };
}
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof JournalError ? `${error.code}: ${error.message}` : String(error);
  }
  return 'taken';
};

describe('the lock of a directory', () => {
  it('is refused while its owner lives, naming the pid, and can be taken after release or death', () => {
    const { files, living, as } = world();
    const lock = takeLock(files, 'd', as(11));
    expect(refusal(() => takeLock(files, 'd', as(12)))).toMatch(/^locked: .*process 11/);
    expect(refusal(() => takeLock(files, 'd', as(11)))).toMatch(/^locked/); // not twice in one process either
    lock.release();
    takeLock(files, 'd', as(12));
    living.delete(12);
    takeLock(files, 'd', as(13));
    expect(refusal(() => takeLock(files, 'd', as(14)))).toMatch(/process 13/);
    expect(files.list('d').length).toBe(1);
  });

  it('has one owner whichever call of a slow rival the others run past', () => {
    const outcomes = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((pauseAt) =>
      (['takes', 'takes and releases', 'two owners in a row', 'takes and dies'] as const).map((story) => ({
        pauseAt,
        story,
        ...race(pauseAt, story),
      })),
    );
    expect(outcomes.filter((outcome) => outcome.owners !== 1)).toEqual([]);
    expect(outcomes.filter((outcome) => outcome.met).length).toBeGreaterThan(12);
  });

  it('takes the text of a mark that no process wrote for a lock nobody holds', () => {
    const { files, as } = world();
    files.createMark('d/lock-0000000041', '');
    expect(refusal(() => takeLock(files, 'd', as(2)))).toBe('taken');
    expect(files.list('d')).toEqual(['lock-0000000042']);
  });
});

describe('the processes of this machine', () => {
  it('know this one, and tell a later process with its pid, or one of another boot, apart', () => {
    const processes = nodeProcesses();
    const self = processes.self();
    expect(processes.isAlive(self)).toBe(true);
    expect(processes.isAlive({ ...self, bootId: 'another' })).toBe(false);
    expect(processes.isAlive({ ...self, startTicks: '1' })).toBe(false);
    expect(`${self.pid}.${self.startTicks}.${self.bootId}`.length).toBeLessThan(60); // fits into the inode of a symbolic link
  });
});

type Story = 'takes' | 'takes and releases' | 'two owners in a row' | 'takes and dies';

/** Process 2 takes a stale lock; before its call number `pauseAt` process 3 has time for a whole story. */
function race(pauseAt: number, story: Story): { readonly owners: number; readonly met: boolean } {
  const { files, living, as } = world();
  takeLock(files, 'd', as(1));
  living.delete(1);
  const owners = new Set<number>();
  let calls = 0;
  let met = false;
  const others = (): void => {
    calls += 1;
    if (calls !== pauseAt) return;
    met = true;
    let lock: Lock;
    try {
      lock = takeLock(files, 'd', as(3));
    } catch {
      return;
    }
    owners.add(3);
    if (story === 'takes') return;
    if (story === 'takes and dies') living.delete(3);
    else lock.release();
    owners.delete(3);
    if (story === 'two owners in a row' && refusal(() => takeLock(files, 'd', as(4))) === 'taken') owners.add(4);
  };
  const slow: FilePort = {
    ...files,
    list: (path) => (others(), files.list(path)),
    readMark: (path) => (others(), files.readMark(path)),
    createMark: (path, text) => (others(), files.createMark(path, text)),
    unlink: (path) => (others(), files.unlink(path)),
  };
  if (refusal(() => takeLock(slow, 'd', as(2))) === 'taken') owners.add(2);
  return { owners: owners.size, met };
}
