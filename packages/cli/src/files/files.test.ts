import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CliError } from '../errors.js';
import { testFolder } from '../test-support/call.js';
import { readInput } from './input-file.js';
import { makeFolder, writeOutput } from './output-file.js';

const folder = testFolder();
afterAll(folder.remove);
const at = (name: string): string => join(folder.path, name);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof CliError) return error.code;
    throw error;
  }
  return 'none';
}

describe('an input', () => {
  writeFileSync(at('ten'), '0123456789');
  writeFileSync(at('empty'), '');
  mkdirSync(at('folder'));

  it('is read whole, up to its bound and not one octet beyond', () => {
    expect(new TextDecoder().decode(readInput(at('ten'), 'it', 10))).toBe('0123456789');
    expect(codeOf(() => readInput(at('ten'), 'it', 9))).toBe('file-too-large');
  });

  it.each([
    ['is missing', 'nix', 'file-missing'],
    ['is below a file', 'ten/nix', 'file-missing'],
    ['is a folder', 'folder', 'not-a-file'],
    ['is empty', 'empty', 'file-empty'],
    ['never ends', '/dev/zero', 'file-too-large'],
    ['has a name too long for any file', 'x'.repeat(300), 'usage'],
    ['has a zero in its name', 'a\0b', 'usage'],
  ])('that %s is refused with a code of its own', (_, name, code) => {
    expect(codeOf(() => readInput(name.startsWith('/') ? name : at(name), 'it', 1000))).toBe(code);
  });
});

describe('a pipe', () => {
  it('is read to its end, also when its writer comes late', () => {
    execFileSync('mkfifo', [at('late')]);
    spawn('bash', ['-c', `sleep 0.2; { echo one; sleep 0.2; echo two; } > ${at('late')}`], { stdio: 'ignore' });
    expect(new TextDecoder().decode(readInput(at('late'), 'it', 1000))).toBe('one\ntwo\n');
  });

  it('that nobody writes to is given up after a while', () => {
    execFileSync('mkfifo', [at('never')]);
    expect(codeOf(() => readInput(at('never'), 'it', 1000, 200))).toBe('file-empty');
  });

  it('of no length is not waited for where it is a device', () => {
    expect(codeOf(() => readInput('/dev/null', 'it', 1000))).toBe('file-empty');
  });
});

describe('an output', () => {
  const octets = Uint8Array.of(1, 2, 3);

  it('appears whole, with no draft left beside it', () => {
    writeOutput(at('out'), octets, { force: false, mode: 0o600 });
    expect([...readFileSync(at('out'))]).toEqual([1, 2, 3]);
    expect(statSync(at('out')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder.path).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('is never written over another file unless that is asked for', () => {
    writeFileSync(at('old'), 'old');
    expect(codeOf(() => writeOutput(at('old'), octets, { force: false }))).toBe('file-exists');
    expect(readFileSync(at('old'), 'utf8')).toBe('old');
    writeOutput(at('old'), octets, { force: true });
    expect([...readFileSync(at('old'))]).toEqual([1, 2, 3]);
  });

  it('goes through a symbolic link, which stays one', () => {
    writeFileSync(at('target'), 'old');
    symlinkSync(at('target'), at('link'));
    writeOutput(at('link'), octets, { force: true });
    expect([...readFileSync(at('target'))]).toEqual([1, 2, 3]);
    expect([...readFileSync(at('link'))]).toEqual([1, 2, 3]);
  });

  it('on a full device says so, and the device is still one', () => {
    expect(codeOf(() => writeOutput('/dev/full', octets, { force: true }))).toBe('storage-full');
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true);
  });

  it('into a folder that is not there, or is a file, is refused', () => {
    expect(codeOf(() => writeOutput(at('none/out'), octets, { force: false }))).toBe('file-missing');
    expect(codeOf(() => writeOutput(folder.path, octets, { force: true }))).toBe('not-a-file');
    expect(codeOf(() => makeFolder(at('out')))).toBe('not-a-file');
    expect(codeOf(() => makeFolder(at('out/below')))).toBe('not-a-file');
    expect(codeOf(() => makeFolder('/proc/none/below'))).not.toBe('none');
    makeFolder(at('a/b/c'), 0o700);
    makeFolder(at('a/b/c'), 0o700);
    expect(statSync(at('a/b')).mode & 0o777).toBe(0o700);
    expect(existsSync(at('none'))).toBe(false);
  });

  it('keeps the mode of the file it replaces', () => {
    writeFileSync(at('mode'), 'old');
    chmodSync(at('mode'), 0o640);
    writeOutput(at('mode'), octets, { force: true });
    expect(statSync(at('mode')).mode & 0o777).toBe(0o640);
  });
});
