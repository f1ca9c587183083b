/** The bearer token in a file that only its owner reads. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { DcoError } from '../error.js';
import { TOKEN_FILE_BYTES_MAX, TOKEN_LENGTH_MIN } from '../limits.js';

/** Reads a token file of mode 0600 that is ours and no symbolic link. @throws {@link DcoError} `token-file`. */
export function readTokenFile(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw new DcoError(
      'token-file',
      `the token file ${path} cannot be opened; check the path, and that it is no symbolic link`,
      { cause },
    );
  }
  try {
    const stat = fstatSync(fd);
    const isOurs = process.getuid === undefined || stat.uid === process.getuid();
    if (!stat.isFile() || !isOurs || (stat.mode & 0o077) !== 0) {
      throw new DcoError(
        'token-file',
        `the token file ${path} must be a file of this user that nobody else reads: chmod 600 ${path}`,
      );
    }
    const octets = Buffer.alloc(TOKEN_FILE_BYTES_MAX);
    const token = octets.toString('latin1', 0, readSync(fd, octets)).trim();
    if (token.length < TOKEN_LENGTH_MIN || !/^[A-Za-z0-9._~+/=-]+$/.test(token)) {
      throw new DcoError(
        'token-file',
        `the token file ${path} must hold one token of ${TOKEN_LENGTH_MIN} or more letters, digits and -._~+/=`,
      );
    }
    return token;
  } finally {
    closeSync(fd);
  }
}

/** Reads the token file, or makes one with a new token when there is none. @throws {@link DcoError} `token-file`. */
export function ensureTokenFile(path: string): string {
  try {
    const fd = openSync(path, 'wx', 0o600);
    try {
      writeSync(fd, `${randomBytes(32).toString('base64url')}\n`);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) {
      throw new DcoError('token-file', `the token file ${path} cannot be made; check the directory`, { cause });
    }
  }
  return readTokenFile(path);
}
