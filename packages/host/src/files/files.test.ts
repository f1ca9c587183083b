/** Goal: a file is the old or the new one, never half; and one flash has one owner. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFiles } from '@smets1/journal';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomic } from './atomic-write.js';
import { nodeFlashBacking } from './flash-file.js';

const root = mkdtempSync(join(tmpdir(), 'smets1-files-'));
afterAll(() => rmSync(root, { recursive: true }));
let folder = '';
let count = 0;
beforeEach(() => {
  count += 1;
  folder = join(root, String(count));
  mkdirSync(folder);
});

const HOST = new URL('../../dist/index.js', import.meta.url).href;

describe('an atomic write', () => {
  it('makes the file with its mode, and replaces what was there', () => {
    const path = join(folder, 'a');
    writeFileAtomic(path, Uint8Array.of(1, 2), { mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileAtomic(path, 'text');
    expect(readFileSync(path, 'utf8')).toBe('text');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('refuses to replace where it was told so, and leaves nothing beside', () => {
    const path = join(folder, 'a');
    writeFileAtomic(path, 'old', { ifExists: 'refuse' });
    expect(() => writeFileAtomic(path, 'new', { ifExists: 'refuse' })).toThrow(
      expect.objectContaining({ code: 'file-exists' }),
    );
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('says what the system said when it cannot be done', () => {
    expect(() => writeFileAtomic(join(folder, 'none', 'a'), 'x')).toThrow(
      expect.objectContaining({ code: 'file-failed' }),
    );
    mkdirSync(join(folder, 'taken'));
    expect(() => writeFileAtomic(join(folder, 'taken'), 'x')).toThrow(expect.objectContaining({ code: 'file-failed' }));
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it('leaves the old or the new file, whole, when its process is killed', async () => {
    const path = join(folder, 'a');
    writeFileAtomic(path, 'x'.repeat(100_000));
    const script = `import { writeFileAtomic } from '${HOST}'; for (let i = 0; ; i++) writeFileAtomic(${JSON.stringify(path)}, String(i % 10).repeat(100_000));`;
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
      const before = statSync(path).ino;
      while (statSync(path).ino === before) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const text = readFileSync(path, 'utf8');
      expect(text).toBe(text[0]!.repeat(100_000));
    }
  });
});

describe('a flash file', () => {
  it('appears whole with the first sync, and keeps what is written through', () => {
    const path = join(folder, 'meter.flash');
    const backing = nodeFlashBacking(path);
    expect(backing.isNew).toBe(true);
    backing.writeAt(100, Uint8Array.of(1, 2, 3));
    backing.writeAt(0, Uint8Array.of(9));
    expect(existsSync(path)).toBe(false);
    backing.sync();
    expect(backing.isNew).toBe(false);
    backing.writeAt(101, Uint8Array.of(7));
    expect([...readFileSync(path).subarray(100)]).toEqual([1, 7, 3]);
    backing.sync();
    backing.close();
    backing.close();
    const again = nodeFlashBacking(path);
    expect(again.isNew).toBe(false);
    expect(again.read()).toEqual(new Uint8Array(readFileSync(path)));
    again.close();
  });

  it('that was never synced leaves nothing', () => {
    const path = join(folder, 'meter.flash');
    const backing = nodeFlashBacking(path);
    backing.writeAt(0, Uint8Array.of(1));
    backing.close();
    expect(readdirSync(folder)).toEqual(['meter.flash.lock']);
    expect(nodeFlashBacking(path).read()).toEqual(new Uint8Array(0));
  });

  it('has one owner, in this process and among all', async () => {
    const path = join(folder, 'meter.flash');
    const backing = nodeFlashBacking(path);
    backing.sync();
    expect(() => nodeFlashBacking(path)).toThrow(
      expect.objectContaining({ code: 'file-locked', message: expect.stringContaining(`process ${process.pid}`) }),
    );
    const script = `import { nodeFlashBacking } from '${HOST}'; try { nodeFlashBacking(${JSON.stringify(path)}); } catch (error) { console.log(error.code); }`;
    const other = (): string =>
      spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stdout.trim();
    expect(other()).toBe('file-locked');
    backing.close();
    expect(other()).toBe('');
  });

  it('is free again when its owner was killed, with all that was written through', async () => {
    const path = join(folder, 'meter.flash');
    const script = `import { nodeFlashBacking } from '${HOST}'; const b = nodeFlashBacking(${JSON.stringify(path)}); b.writeAt(0, new Uint8Array(64)); b.sync(); b.writeAt(5, Uint8Array.of(5)); console.log('ready'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    await once(child.stdout, 'data');
    expect(() => nodeFlashBacking(path)).toThrow(expect.objectContaining({ code: 'file-locked' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    const backing = nodeFlashBacking(path);
    expect(backing.read()[5]).toBe(5);
    backing.close();
  });

  it('is refused when it is a symbolic link, a folder, or much too large', () => {
    const path = join(folder, 'meter.flash');
    writeFileSync(path, 'x', { mode: 0o600 });
    symlinkSync(path, join(folder, 'link'));
    mkdirSync(join(folder, 'folder'));
    for (const name of ['link', 'folder']) {
      expect(() => nodeFlashBacking(join(folder, name))).toThrow(expect.objectContaining({ code: 'file-failed' }));
    }
    truncateSync(path, 65 * 1024 * 1024);
    expect(() => nodeFlashBacking(path)).toThrow(expect.objectContaining({ code: 'file-failed' }));
    truncateSync(path, 1024);
    nodeFlashBacking(path).close(); // and the refusals have given the file back
  });

  it('refuses octets outside of any flash, and anything after its close', () => {
    const backing = nodeFlashBacking(join(folder, 'meter.flash'));
    for (const at of [-1, 0.5, 64 * 1024 * 1024]) {
      expect(() => backing.writeAt(at, Uint8Array.of(1))).toThrow(expect.objectContaining({ code: 'misuse' }));
    }
    backing.close();
    expect(() => backing.sync()).toThrow(expect.objectContaining({ code: 'misuse' }));
  });

  it('tells a full disk from a defect', () => {
    const files = nodeFiles();
    const full = {
      ...files,
      create: (path: string) => ({
        ...files.create(path),
        writeAt: () => {
          throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
        },
      }),
    };
    chmodSync(folder, 0o700);
    const path = join(folder, 'meter.flash');
    nodeFlashBacking(path).close(); // makes the lock while there is space
    const journalled = {
      ...full,
      create: (name: string) => (name.endsWith('.new') ? full.create(name) : files.create(name)),
    };
    const backing = nodeFlashBacking(path, { files: journalled });
    expect(() => backing.writeAt(0, Uint8Array.of(1))).toThrow(
      expect.objectContaining({ code: 'file-failed', message: expect.stringContaining('ENOSPC') }),
    );
    backing.close();
  });
});
