import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ensureTokenFile, readTokenFile } from './token-file.js';

const folder = mkdtempSync(join(tmpdir(), 'dco-token-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a token file', () => {
  it('is made with a token nobody guesses, readable by its owner only, and then kept', () => {
    const path = join(folder, 'token');
    const token = ensureTokenFile(path);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(ensureTokenFile(path)).toBe(token);
    expect(readTokenFile(path)).toBe(token);
  });

  it('is refused when others may read it, when it is a link, when it is not there, and when it holds no token', () => {
    const path = join(folder, 'open');
    writeFileSync(path, 'a-token-for-the-tests\n');
    chmodSync(path, 0o640);
    const refused = expect.objectContaining({ code: 'token-file' });
    expect(() => readTokenFile(path)).toThrow(refused);
    chmodSync(path, 0o600);
    expect(readTokenFile(path)).toBe('a-token-for-the-tests');
    symlinkSync(path, join(folder, 'link'));
    expect(() => readTokenFile(join(folder, 'link'))).toThrow(refused);
    expect(() => ensureTokenFile(join(folder, 'link'))).toThrow(refused);
    expect(() => readTokenFile(join(folder, 'absent'))).toThrow(refused);
    writeFileSync(path, 'short\n');
    expect(() => readTokenFile(path)).toThrow(refused);
  });
});
