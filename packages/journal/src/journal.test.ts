import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JournalError } from './error.js';
import { memoryFiles } from './files/memory-files.js';
import type { MemoryFiles } from './files/memory-files.js';
import { openJournal } from './journal.js';
import type { Journal, JournalOptions } from './journal.js';
import { FRAME_BYTES_MAX, RECORD_BYTES_MAX_DEFAULT, SEGMENT_BYTES_DEFAULT } from './limits.js';
import { readJournal } from './reader.js';

const SMALL = 4096;
const FIRST = 'd/segment-0000000001.log';

function open(world: MemoryFiles, options: Partial<JournalOptions> = {}): Journal {
  const { files, processes } = world;
  return openJournal({
    files,
    processes,
    directory: 'd',
    segmentBytes: SMALL,
    random: (n) => new Uint8Array(n).fill(9),
    ...options,
  });
}
const octets = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const contents = (journal: Pick<Journal, 'readAll'>): string[] =>
  [...journal.readAll()].map(({ sequence, octets: o }) => `${sequence}:${o.length}x${o[0] ?? '-'}`);
const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof JournalError ? error.code : String(error)),
  );
const thrownCode = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof JournalError ? error.code : String(error);
  }
  return 'nothing thrown';
};

describe('an open journal', () => {
  it('gives records back in order, by sequence and after opening again, over several segments', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    for (let i = 1; i <= 20; i += 1) expect(await journal.append(octets(i * 50, i))).toBe(i);
    const expected = Array.from({ length: 20 }, (_, i) => `${i + 1}:${(i + 1) * 50}x${i + 1}`);
    expect(contents(journal)).toEqual(expected);
    expect([...journal.readAll(18)].map((record) => record.sequence)).toEqual([19, 20]);
    expect(journal.read(7)).toEqual(octets(350, 7));
    journal.close();
    expect(world.files.list('d').filter((name) => name.startsWith('segment')).length).toBeGreaterThan(3);
    const again = open(world);
    expect(contents(again)).toEqual(expected);
    expect(await again.append(octets(0, 0))).toBe(21);
    expect(again.read(21)).toEqual(octets(0, 0));
  });

  it('spends one sync on all appends of one turn', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world, { segmentBytes: 64 * 1024 });
    const before = world.callCount('syncData');
    const sequences = await Promise.all(Array.from({ length: 100 }, (_, i) => journal.append(octets(10, i))));
    expect(sequences).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(world.callCount('syncData') - before).toBe(1);
  });

  it('writes at once when asked to flush', () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world, { schedule: () => {} });
    void journal.append(octets(3, 1));
    expect(journal.lastSequence).toBe(0);
    journal.flush();
    expect(journal.lastSequence).toBe(1);
  });

  it('keeps the octets of the moment of the call', async () => {
    const journal = open(memoryFiles({ seed: 1 }));
    const mine = octets(3, 1);
    const done = journal.append(mine);
    mine.fill(2);
    await done;
    expect(journal.read(1)).toEqual(octets(3, 1));
  });

  it('refuses what cannot fit, what is too much at once, and everything after close', async () => {
    const journal = open(memoryFiles({ seed: 1 }), { recordBytesMax: 1000, pendingBytesMax: 3000, schedule: () => {} });
    expect(await codeOf(journal.append(octets(1001, 1)))).toBe('too-large');
    expect(await codeOf(journal.appendAll(Array.from({ length: 5 }, () => octets(900, 1))))).toBe('too-large');
    const waiting = journal.appendAll([octets(1000, 1), octets(1000, 1)]);
    expect(await codeOf(journal.append(octets(1000, 1)))).toBe('overloaded');
    journal.close();
    expect(await waiting).toEqual([1, 2]);
    expect(await codeOf(journal.append(octets(1, 1)))).toBe('closed');
    expect(thrownCode(() => journal.read(1))).toBe('closed');
  });

  it('fills a segment to its last octet', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    await journal.append(octets(SMALL - 512 - 48 - 16, 1));
    expect(await codeOf(journal.append(octets(SMALL - 512 - 48 - 15, 1)))).toBe('too-large');
    await journal.append(octets(SMALL - 512 - 48 - 16, 2));
    expect(contents(journal)).toEqual(['1:3520x1', '2:3520x2']);
    journal.close();
    expect(open(world).lastSequence).toBe(2);
  });

  it('refuses sizes that make no segment', () => {
    for (const segmentBytes of [0, 4095, 4097, 65 * 1024 * 1024]) {
      expect(thrownCode(() => open(memoryFiles({ seed: 1 }), { segmentBytes }))).toBe('misuse');
    }
    expect(thrownCode(() => open(memoryFiles({ seed: 1 })).read(1))).toBe('no-record');
  });

  it('has defaults that fit into each other', () => {
    expect(RECORD_BYTES_MAX_DEFAULT).toBe(1_048_576);
    expect(FRAME_BYTES_MAX).toBeGreaterThan(RECORD_BYTES_MAX_DEFAULT + 64);
    expect(SEGMENT_BYTES_DEFAULT).toBeGreaterThan(FRAME_BYTES_MAX);
  });
});

describe('a reader beside the owner', () => {
  it('sees what was durable when it came, changes nothing and takes no lock', async () => {
    const world = memoryFiles({ seed: 1 });
    const { files } = world;
    expect(thrownCode(() => readJournal({ files, directory: 'd' }))).toBe('no-journal');
    const journal = open(world);
    await journal.append(octets(3000, 1));
    const names = files.list('d');
    const writes = world.callCount('writeAt');
    const reader = readJournal({ files, directory: 'd' });
    await journal.append(octets(3000, 2));
    expect(contents(reader)).toEqual(['1:3000x1']);
    expect(contents(readJournal({ files, directory: 'd' }))).toEqual(['1:3000x1', '2:3000x2']);
    expect(files.list('d')).toEqual(expect.arrayContaining([...names]));
    expect(world.callCount('writeAt') - writes).toBeLessThanOrEqual(4); // the owner's own
    reader.close();
    expect(thrownCode(() => reader.read(1))).toBe('closed');
  });

  it('looks again where the owner was writing at the same moment', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    for (let i = 1; i <= 3; i += 1) await journal.append(octets(600, i));
    let reads = 0;
    const files = {
      ...world.files,
      open: (path: string, access: 'read' | 'read-write') => {
        const file = world.files.open(path, access);
        return {
          ...file,
          readAt: (target: Uint8Array, offsetBytes: number) => {
            const count = file.readAt(target, offsetBytes);
            reads += 1;
            if (reads === 1) target.fill(0, 1536, 2048); // the second frame had not come when this part was read
            return count;
          },
        };
      },
    };
    expect(readJournal({ files, directory: 'd' }).lastSequence).toBe(3);
    expect(reads).toBe(2);
  });
});

describe('a damaged journal', () => {
  it('loses nothing silently: any flipped bit is refused as corrupt, or was in the last frame, or in unused space', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    for (let i = 1; i <= 3; i += 1) await journal.append(octets(600, i)); // frames at 512, 1536, 2560
    journal.close();
    const seen = new Set<string>();
    const used = (at: number): boolean => at < 52 || (at >= 512 && at < 3584 && (at - 512) % 1024 < 48 + 16 + 600);
    for (let at = 0; at < SMALL; at += 1) {
      const mask = 1 << (at % 8);
      world.damage(FIRST, at, mask);
      const code = thrownCode(() => {
        const reader = readJournal({ files: world.files, directory: 'd' });
        seen.add(`${reader.lastSequence}`);
        expect(reader.lastSequence).toBe(used(at) ? 2 : 3);
        expect(contents(reader)).toEqual(['1:600x1', '2:600x2', '3:600x3'].slice(0, reader.lastSequence));
      });
      expect([at, code]).toEqual([at, used(at) && at < 2560 ? 'corrupt' : 'nothing thrown']);
      world.damage(FIRST, at, mask);
    }
    expect(seen).toEqual(new Set(['2', '3']));
  }, 20_000);

  it('changes no octet of it and gives the lock back', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    for (let i = 1; i <= 3; i += 1) await journal.append(octets(600, i));
    journal.close();
    world.damage(FIRST, 700, 1);
    const writes = world.callCount('writeAt');
    expect(thrownCode(() => open(world))).toBe('corrupt');
    expect(world.callCount('writeAt')).toBe(writes);
    world.damage(FIRST, 700, 1);
    expect(open(world).lastSequence).toBe(3);
  });

  it('notices the damaged end of a segment by the next one, and a segment that is gone', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    for (let i = 1; i <= 3; i += 1) await journal.append(octets(3000, i));
    journal.close();
    world.damage(FIRST, 1000, 4);
    expect(thrownCode(() => open(world))).toBe('corrupt');
    world.damage(FIRST, 1000, 4);
    world.files.unlink('d/segment-0000000002.log');
    expect(thrownCode(() => open(world))).toBe('corrupt');
  });

  it('refuses the segment of another journal, and a segment cut short', async () => {
    const world = memoryFiles({ seed: 1 });
    for (const directory of ['d', 'e']) {
      const journal = open(world, {
        directory,
        random: (n) => octets(n, directory.length + directory.codePointAt(0)!),
      });
      for (let i = 1; i <= 2; i += 1) await journal.append(octets(3000, i));
      journal.close();
    }
    const { files } = world;
    const foreign = new Uint8Array(SMALL);
    files.open('e/segment-0000000002.log', 'read').readAt(foreign, 0);
    const mine = files.open('d/segment-0000000002.log', 'read-write');
    const own = new Uint8Array(SMALL);
    mine.readAt(own, 0);
    mine.writeAt(foreign, 0);
    expect(thrownCode(() => open(world))).toBe('corrupt');
    mine.writeAt(own, 0);
    mine.truncate(SMALL - 512);
    expect(thrownCode(() => open(world))).toBe('corrupt');
  });

  it('refuses a frame that is whole but belongs to another past', async () => {
    // The same salt and the same sequences, as in two copies of one directory that went on separately.
    const [one, other] = [memoryFiles({ seed: 1 }), memoryFiles({ seed: 1 })];
    for (const [world, fill] of [
      [one, 1],
      [other, 2],
    ] as const) {
      const journal = open(world);
      for (let i = 0; i < 3; i += 1) await journal.append(octets(100, fill));
      journal.close();
    }
    const frame = new Uint8Array(512);
    other.files.open(FIRST, 'read').readAt(frame, 1024);
    one.files.open(FIRST, 'read-write').writeAt(frame, 1024);
    expect(thrownCode(() => open(one))).toBe('corrupt');
  });

  it('does not take stored octets for a frame of its own', async () => {
    const world = memoryFiles({ seed: 1 });
    const salted = (fill: number) => ({ random: (n: number) => octets(n, fill), segmentBytes: SMALL * 2 });
    const other = open(world, { directory: 'e', ...salted(1) });
    await other.append(octets(100, 1));
    await other.append(octets(100, 2));
    const copy = new Uint8Array(SMALL);
    world.files.open('e/segment-0000000001.log', 'read').readAt(copy, 0);
    const journal = open(world, salted(2));
    // 512 - 48 - 16 octets in front: the copied frames lie on sectors here too.
    const record = new Uint8Array(448 + 2048);
    record.set(copy.subarray(512, 2560), 448);
    await journal.append(record);
    journal.close();
    world.damage(FIRST, 600, 1);
    expect(open(world, salted(2)).lastSequence).toBe(0); // a torn tail, not a hole before good frames
  });
});

describe('a journal without space', () => {
  it('refuses new records, keeps the old ones readable and goes on when there is space', async () => {
    const world = memoryFiles({ seed: 1 });
    world.setCapacity(SMALL);
    const journal = open(world);
    await journal.append(octets(3000, 1));
    expect(await codeOf(journal.append(octets(3000, 2)))).toBe('storage-full');
    expect(await codeOf(journal.appendAll([octets(3000, 2), octets(1, 2)]))).toBe('storage-full');
    expect(contents(journal)).toEqual(['1:3000x1']);
    expect(world.files.list('d')).not.toContain('segment.new');
    world.setCapacity(2 * SMALL);
    expect(await journal.append(octets(3000, 3))).toBe(2);
    expect(contents(journal)).toEqual(['1:3000x1', '2:3000x3']);
  });

  it('opens on a full disk, for the lock takes no space', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    await journal.append(octets(10, 1));
    world.setCapacity(0);
    world.crash('process');
    expect(contents(open(world))).toEqual(['1:10x1']);
  });

  it('says so when not even the first segment fits, and leaves no lock', () => {
    const world = memoryFiles({ seed: 1 });
    world.setCapacity(SMALL - 1);
    expect(thrownCode(() => open(world))).toBe('storage-full');
    world.setCapacity(SMALL);
    expect(open(world).lastSequence).toBe(0);
  });
});

describe('a journal on failing storage', () => {
  it.each(['writeAt', 'syncData'] as const)(
    'accepts nothing more after a failed %s, even if the next would succeed',
    async (call) => {
      const world = memoryFiles({ seed: 1 });
      const journal = open(world);
      await journal.append(octets(10, 1));
      world.failEvery(call, 'EIO');
      expect(await codeOf(journal.append(octets(10, 2)))).toBe('storage-failed');
      world.failEvery(call);
      expect(await codeOf(journal.append(octets(10, 3)))).toBe('storage-failed');
      expect(contents(journal)).toEqual(['1:10x1']);
    },
  );

  it('treats a full disk under preallocated octets as a failure, for something may be visible', async () => {
    const world = memoryFiles({ seed: 1 });
    const journal = open(world);
    world.failEvery('writeAt', 'ENOSPC');
    expect(await codeOf(journal.append(octets(10, 2)))).toBe('storage-failed');
  });

  it('writes the last frame anew when opened, since a sync alone may lie after a failed one', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const world = memoryFiles({ seed });
      const journal = open(world);
      await journal.append(octets(10, 1));
      world.failEvery('syncData', 'EIO');
      expect(await codeOf(journal.append(octets(900, 2)))).toBe('storage-failed');
      world.failEvery('syncData');
      world.crash('process');
      const again = open(world);
      expect(contents(again)).toEqual(['1:10x1', '2:900x2']); // seen once …
      const third = again.append(octets(10, 3));
      await third;
      world.crash('power');
      expect(contents(open(world))).toEqual(['1:10x1', '2:900x2', '3:10x3']); // … seen for good
    }
  }, 60_000);
});

/** A run of appends and batches, tagged so that order and wholeness can be told from the octets alone. */
type Step =
  { readonly kind: 'append'; readonly sizes: readonly number[]; readonly turn: boolean } | { readonly kind: 'reopen' };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      sizes: fc.array(fc.integer({ min: 4, max: 700 }), { minLength: 1, maxLength: 4 }),
      turn: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
);

function tagged(tag: number, size: number): Uint8Array {
  const record = octets(size, tag % 251);
  new DataView(record.buffer).setUint32(0, tag);
  return record;
}

interface Run {
  /** Tags whose promise was resolved, in order. */
  readonly acknowledged: number[];
  /** Every batch that was ever handed over: its tags. */
  readonly batches: number[][];
}

/** Performs steps until the file system refuses one; records what was acknowledged at that moment. */
async function perform(world: MemoryFiles, steps: readonly Step[], run: Run, nextTag: () => number): Promise<void> {
  let journal: Journal;
  try {
    journal = open(world, { schedule: () => {} });
  } catch {
    return;
  }
  const waiting: Promise<void>[] = [];
  for (const one of steps) {
    if (one.kind === 'reopen') {
      journal.close();
      await Promise.all(waiting);
      try {
        journal = open(world, { schedule: () => {} });
      } catch {
        return;
      }
      continue;
    }
    const tags = one.sizes.map(() => nextTag());
    run.batches.push(tags);
    const done = journal.appendAll(tags.map((tag, i) => tagged(tag, one.sizes[i]!)));
    waiting.push(
      done.then(
        () => void run.acknowledged.push(...tags),
        () => {},
      ),
    );
    if (one.turn) journal.flush();
  }
  await new Promise(setImmediate);
}

function check(world: MemoryFiles, run: Run): void {
  const journal = open(world);
  const found = [...journal.readAll()].map(({ octets: o }) => {
    const tag = new DataView(o.buffer, o.byteOffset).getUint32(0);
    expect(o).toEqual(tagged(tag, o.length));
    return tag;
  });
  expect(found).toEqual(found.toSorted((a, b) => a - b));
  expect(new Set(found).size).toBe(found.length);
  expect(run.acknowledged.filter((tag) => !found.includes(tag))).toEqual([]);
  for (const batch of run.batches) {
    const kept = batch.filter((tag) => found.includes(tag)).length;
    expect([0, batch.length]).toContain(kept);
  }
  journal.close();
}

describe('a journal at a crash', () => {
  it('keeps every acknowledged record, shows no torn one, keeps order and batches whole, crash after crash', async () => {
    let torn = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.array(
          fc.tuple(
            fc.array(step, { maxLength: 8 }),
            fc.integer({ min: 1, max: 60 }),
            fc.constantFrom('power' as const, 'process' as const),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        async (seed, lives) => {
          const world = memoryFiles({ seed });
          const run: Run = { acknowledged: [], batches: [] };
          let tag = 0;
          const nextTag = (): number => (tag += 1);
          for (const [steps, cutAfterCalls, kind] of lives) {
            world.cutCall(cutAfterCalls);
            await perform(world, steps, run, nextTag);
            world.crash(kind);
            if (run.acknowledged.length < tag) torn += 1;
            check(world, run);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(torn).toBeGreaterThan(50); // so that a run without cuts cannot pass for a proof
  }, 60_000);
});

describe('an errno at every call', () => {
  const scenario = async (world: MemoryFiles, run: Run): Promise<void> => {
    let tag = 0;
    const nextTag = (): number => (tag += 1);
    const steps: Step[] = [
      { kind: 'append', sizes: [500, 500], turn: true },
      { kind: 'append', sizes: [1900], turn: true },
      { kind: 'append', sizes: [2500], turn: true },
      { kind: 'reopen' },
      { kind: 'append', sizes: [100], turn: false },
      { kind: 'append', sizes: [3000], turn: true },
    ];
    await perform(world, steps, run, nextTag);
  };
  const countCalls = async (): Promise<number> => {
    const world = memoryFiles({ seed: 5 });
    await scenario(world, { acknowledged: [], batches: [] });
    return world.callCount();
  };

  it.each(['ENOSPC', 'EIO', 'EDQUOT', 'EMFILE', 'EROFS'])(
    '%s loses nothing acknowledged, wherever it strikes',
    async (errno) => {
      const calls = await countCalls();
      expect(calls).toBeGreaterThan(40);
      for (let nth = 1; nth <= calls; nth += 1) {
        for (const kind of ['process', 'power'] as const) {
          const world = memoryFiles({ seed: nth });
          const run: Run = { acknowledged: [], batches: [] };
          world.failCall(nth, errno);
          await scenario(world, run);
          world.crash(kind);
          check(world, run);
        }
      }
    },
  );
});
