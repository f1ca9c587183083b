/**
 * Goal: the model and the real file system keep the same promises to a caller that does not crash.
 * Method: one suite, run on both.
 */
import { chmodSync, linkSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { errnoOf, writeFully } from './file-port.js';
import type { FilePort } from './file-port.js';
import { memoryFiles } from './memory-files.js';
import { nodeFiles } from './node-files.js';

const root = mkdtempSync(join(tmpdir(), 'journal-files-'));
let round = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

const adapters: readonly [string, () => FilePort][] = [
  ['memory', () => memoryFiles({ seed: 1 }).files],
  ['node', () => nodeFiles()],
];

describe.each(adapters)('the %s file port', (_, make) => {
  let files: FilePort;
  let directory: string;
  beforeEach(() => {
    files = make();
    directory = join(root, String((round += 1)));
    files.makeDirectory(directory);
  });
  const octets = (...values: number[]): Uint8Array => Uint8Array.from(values);

  it('reads back what was written, and fewer octets at the end of the file', () => {
    const file = files.create(`${directory}/a`);
    writeFully(file, new Uint8Array(2000).fill(7), 0);
    writeFully(file, octets(1, 2, 3), 1999);
    file.syncData();
    file.sync();
    const target = new Uint8Array(10);
    expect(file.readAt(target, 1998)).toBe(4);
    expect([...target.subarray(0, 4)]).toEqual([7, 1, 2, 3]);
    expect(file.sizeBytes()).toBe(2002);
    file.close();
    const again = files.open(`${directory}/a`, 'read');
    expect(again.sizeBytes()).toBe(2002);
    again.close();
  });

  it('preallocates zeros and keeps what is there', () => {
    const file = files.create(`${directory}/a`);
    writeFully(file, octets(9), 0);
    file.preallocate(4096);
    const target = new Uint8Array(4096).fill(1);
    expect(file.readAt(target, 0)).toBe(4096);
    expect(target[0]).toBe(9);
    expect(target.subarray(1).every((octet) => octet === 0)).toBe(true);
    file.preallocate(100);
    expect(file.sizeBytes()).toBe(4096);
    file.truncate(5);
    expect(file.sizeBytes()).toBe(5);
    file.close();
  });

  it('renames over an old file, lists and removes', () => {
    const old = files.create(`${directory}/a`);
    old.close();
    const fresh = files.create(`${directory}/b`);
    writeFully(fresh, octets(5), 0);
    fresh.close();
    files.rename(`${directory}/b`, `${directory}/a`);
    files.syncDirectory(directory);
    expect(files.list(directory)).toEqual(['a']);
    const file = files.open(`${directory}/a`, 'read-write');
    expect(file.sizeBytes()).toBe(1);
    file.close();
    files.unlink(`${directory}/a`);
    expect(files.list(directory)).toEqual([]);
  });

  it('makes a mark once', () => {
    files.createMark(`${directory}/m`, '12.34.abc');
    expect(files.readMark(`${directory}/m`)).toBe('12.34.abc');
    expect(files.list(directory)).toEqual(['m']);
    expect(errnoFrom(() => files.createMark(`${directory}/m`, 'x'))).toBe('EEXIST');
    files.unlink(`${directory}/m`);
    expect(errnoFrom(() => files.readMark(`${directory}/m`))).toBe('ENOENT');
  });

  it('names its refusals as the system does', () => {
    files.create(`${directory}/a`).close();
    files.createMark(`${directory}/m`, 'a');
    expect(errnoFrom(() => files.create(`${directory}/a`))).toBe('EEXIST');
    expect(errnoFrom(() => files.open(`${directory}/none`, 'read'))).toBe('ENOENT');
    expect(errnoFrom(() => files.unlink(`${directory}/none`))).toBe('ENOENT');
    expect(errnoFrom(() => files.list(`${directory}/none`))).toBe('ENOENT');
    expect(errnoFrom(() => files.open(`${directory}/m`, 'read'))).toBe('ELOOP');
    const file = files.create(`${directory}/c`);
    file.close();
    expect(errnoFrom(() => file.sizeBytes())).toBe('EBADF');
  });
});

describe('the node file port', () => {
  it('makes directories 0700 and files 0600, whatever the umask', () => {
    const files = nodeFiles();
    const directory = join(root, 'modes');
    const before = process.umask(0);
    try {
      files.makeDirectory(directory);
      files.create(`${directory}/a`).close();
    } finally {
      process.umask(before);
    }
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(`${directory}/a`).mode & 0o777).toBe(0o600);
  });

  it('refuses a directory that others may enter', () => {
    const directory = join(root, 'open');
    nodeFiles().makeDirectory(directory);
    chmodSync(directory, 0o750);
    expect(errnoFrom(() => nodeFiles().makeDirectory(directory))).toBe('EACCES');
  });

  it('refuses a hard link and a symbolic link in the place of a file', () => {
    const directory = join(root, 'links');
    nodeFiles().makeDirectory(directory);
    writeFileSync(join(root, 'elsewhere'), 'x');
    symlinkSync(join(root, 'elsewhere'), `${directory}/soft`);
    linkSync(join(root, 'elsewhere'), `${directory}/hard`);
    expect(errnoFrom(() => nodeFiles().open(`${directory}/soft`, 'read-write'))).toBe('ELOOP');
    expect(errnoFrom(() => nodeFiles().open(`${directory}/hard`, 'read-write'))).toBe('EACCES');
  });
});

describe('the memory file port at a crash', () => {
  it('keeps what was synced, and forgets names without a directory sync and octets without a sync, at least with some seed', () => {
    const outcomes = Array.from({ length: 32 }, (_, seed) => {
      const world = memoryFiles({ seed });
      const { files } = world;
      files.makeDirectory('d');
      const kept = files.create('d/kept');
      writeFully(kept, new Uint8Array(2048).fill(1), 0);
      kept.sync();
      files.syncDirectory('d');
      for (const at of [0, 512, 1024, 1536]) kept.writeAt(new Uint8Array(512).fill(2), at);
      files.create('d/nameless').sync();
      world.crash('power');
      const target = new Uint8Array(2048);
      files.open('d/kept', 'read').readAt(target, 0);
      const sectors = [0, 512, 1024, 1536].map((at) => target[at]!);
      expect([...target].every((octet, at) => octet === sectors[Math.floor(at / 512)])).toBe(true);
      return { sectors: sectors.join(''), named: files.list('d').includes('nameless') };
    });
    expect(new Set(outcomes.map((outcome) => outcome.named)).size).toBe(2);
    const states = new Set(outcomes.map((outcome) => outcome.sectors));
    expect(states.size).toBeGreaterThan(8);
    expect([...states].some((state) => /21/.test(state) && /12/.test(state))).toBe(true); // not only prefixes
  });

  it('never makes durable what a failed sync has left behind, unless it is written again', () => {
    const survivors = Array.from({ length: 16 }, (_, seed) => {
      const world = memoryFiles({ seed });
      const { files } = world;
      files.makeDirectory('d');
      const file = files.create('d/a');
      file.preallocate(512);
      file.sync();
      files.syncDirectory('d');
      writeFully(file, Uint8Array.of(1), 0);
      world.failCall(1, 'EIO');
      expect(() => file.syncData()).toThrow('EIO');
      file.syncData();
      const target = new Uint8Array(1);
      file.readAt(target, 0);
      expect(target[0]).toBe(1);
      world.crash('power');
      files.open('d/a', 'read').readAt(target, 0);
      return target[0];
    });
    expect(new Set(survivors)).toEqual(new Set([0, 1]));
  });
});

function errnoFrom(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return errnoOf(error);
  }
  return 'no error';
}
