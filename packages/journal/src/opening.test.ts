import { describe, expect, it } from 'vitest';
import { memoryFiles } from './files/memory-files.js';
import { openJournal } from './journal.js';

describe('opening a journal', () => {
  it('reads what was written once, whatever the number of records', async () => {
    const world = memoryFiles({ seed: 1 });
    const options = { processes: world.processes, directory: 'd', segmentBytes: 262_144 };
    const journal = openJournal({ files: world.files, ...options });
    const written = 1_000 * 4_096;
    for (let i = 0; i < 1_000; i += 1) await journal.append(new Uint8Array(4_096).fill(i));
    journal.close();
    let readBytes = 0;
    const files = {
      ...world.files,
      open: (path: string, access: 'read' | 'read-write') => {
        const file = world.files.open(path, access);
        const readAt = (target: Uint8Array, offsetBytes: number): number => {
          const count = file.readAt(target, offsetBytes);
          readBytes += count;
          return count;
        };
        return { ...file, readAt };
      },
    };
    const again = openJournal({ files, ...options });
    expect(again.lastSequence).toBe(1_000);
    // A record of 4,096 octets is a frame of 4,608.
    expect(readBytes / written).toBeGreaterThan(1.125);
    expect(readBytes / written).toBeLessThan(1.2);
    again.close();
  });
});
