/** Goal: a directory of which something was deleted is refused with the way out, never taken for a new one that remembers nothing. */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { describe, expect, it } from 'vitest';
import { DcoError } from '../error.js';
import { startsOn } from '../ledger/ledger.js';
import { starts } from '../ledger/ledger.test-support.js';
import { openStore } from './store.js';
import type { Store } from './store.js';

const open = ({ files, processes }: MemoryFiles): Store =>
  openStore({ files, processes, directory: 'dco', segmentBytes: 16 * 1024, deadBytesMin: 0 });

/** A store that has counted, its journal rewritten so many times. */
async function stored(rewrites: number): Promise<MemoryFiles> {
  const world = memoryFiles({ seed: 1 });
  const store = open(world);
  for (let round = 0; round <= rewrites; round += 1) {
    for (let count = 1; count <= 20; count += 1)
      await store.transact(() => ({ changes: [starts(100, 'A', count)], value: undefined }));
    if (round < rewrites) expect(await store.tidy()).toBe(true);
  }
  await store.close();
  return world;
}

function removeAll({ files }: MemoryFiles, path: string): void {
  const names = files.list(path);
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) files.unlink(`${path}/${name}`);
}

function messageOf(world: MemoryFiles): string {
  try {
    void open(world).close();
    return 'opened';
  } catch (error) {
    if (error instanceof DcoError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

describe('a store directory', () => {
  it.each([0, 1, 2])('that is whole opens, after %i rewritings of its journal', async (rewrites) => {
    const store = open(await stored(rewrites));
    expect(startsOn(store.state.ledger, 100)).toBe(20);
    await store.close();
  });

  it.each([1, 2])('without the journal that counts is refused, after %i rewritings', async (rewrites) => {
    const world = await stored(rewrites);
    removeAll(world, `dco/journal-${rewrites === 1 ? 2 : 1}`);
    expect(messageOf(world)).toMatch(/^storage-corrupt: dco was deleted in part: .* has no records.*restore/);
    expect(messageOf(world)).toMatch(/^storage-corrupt/);
  });

  it('without the mark that says which journal counts is refused', async () => {
    const world = await stored(1);
    world.files.unlink('dco/current-0000000002');
    expect(messageOf(world)).toMatch(/^storage-corrupt: dco was deleted in part: the mark .* is gone; restore/);
  });

  it('that is new opens', () => {
    expect(messageOf(memoryFiles({ seed: 1 }))).toBe('opened');
  });
});
