/**
 * Goal: kill -9 of the owning process loses no acknowledged record, and the next owner can start.
 * Method: a child process appends and reports each acknowledgement on its standard output; it is killed after a given number of
 * them. The child loads the built package, so build before running this file.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { JournalError } from './error.js';
import { nodeFiles } from './files/node-files.js';
import { openJournal } from './journal.js';
import { readJournal } from './reader.js';

const root = mkdtempSync(join(tmpdir(), 'journal-kill-'));
const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const built = new URL('../dist/index.js', import.meta.url).href;
const OWNER = `
import { openJournal, nodeFiles } from ${JSON.stringify(built)};
import { writeSync } from 'node:fs';
const journal = openJournal({ files: nodeFiles(), directory: process.argv[1], segmentBytes: 65536 });
for (let i = journal.lastSequence + 1; ; i += 1) {
  const octets = new Uint8Array(100 + (i * 37) % 4000).fill(i);
  const batch = i % 5 === 0 ? await journal.appendAll([octets, octets]) : [await journal.append(octets)];
  i = batch.at(-1);
  writeSync(1, i + '\\n');
}`;

/** Starts an owner, kills it once it has acknowledged `count` times, and returns the last sequence it reported. */
function killAfter(directory: string, count: number): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', OWNER, directory], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (piece: string) => {
      text += piece;
      if (text.split('\n').length > count) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', () => {
      const lines = text.split('\n').slice(0, -1);
      const last = lines.at(-1);
      if (last === undefined) reject(new Error('the child acknowledged nothing; is the package built?'));
      else resolve(Number(last));
    });
  });
}

describe('a journal whose process is killed', () => {
  it('keeps what was acknowledged, life after life, and can be opened again', async () => {
    const directory = join(root, 'lives');
    let acknowledged = 0;
    for (const count of [1, 2, 3, 7, 20, 55, 90, 140]) {
      const reported = await killAfter(directory, count);
      expect(reported).toBeGreaterThan(acknowledged);
      acknowledged = reported;
      const reader = readJournal({ files: nodeFiles(), directory });
      expect(reader.lastSequence).toBeGreaterThanOrEqual(acknowledged);
      reader.close();
      const journal = openJournal({ files: nodeFiles(), directory, segmentBytes: 65536 });
      let expected = 0;
      for (const { sequence, octets } of journal.readAll()) {
        expected += 1;
        expect(sequence).toBe(expected);
        expect(octets.every((octet) => octet === octets[0])).toBe(true);
      }
      expect(expected).toBeGreaterThanOrEqual(acknowledged);
      journal.close();
    }
  }, 60_000);

  it('is refused to a second process while the first lives, which it names', async () => {
    const directory = join(root, 'locked');
    const journal = openJournal({ files: nodeFiles(), directory, segmentBytes: 65536 });
    await expect(killAfter(directory, 1)).rejects.toThrow('acknowledged nothing');
    try {
      openJournal({ files: nodeFiles(), directory, segmentBytes: 65536 });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(JournalError);
      expect(error).toMatchObject({ code: 'locked' });
      expect(String(error)).toContain(`process ${process.pid}`);
    }
    journal.close();
    expect(await killAfter(directory, 1)).toBeGreaterThan(0);
  }, 20_000);
});
