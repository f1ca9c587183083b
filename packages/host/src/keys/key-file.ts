/** Reads key files, and says of each that cannot be used why, and what to do. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { errnoOf } from '@smets1/journal';
import { exportPublicKey } from '../crypto/p256.js';
import { HostError } from '../error.js';
import { KEY_FILE_BYTES_MAX } from '../limits.js';
import { isDemoPublicKey } from './demo-keys.js';
import { privateKeyOf, type PrivateKey } from './private-key.js';

export interface KeyOptions {
  /** For demonstrations only: take the keys that everybody knows. */
  readonly allowDemo?: boolean;
}

/**
 * A P-256 private key from a PEM file (PKCS #8 or SEC 1, not encrypted) of mode 0600 that belongs to this user.
 *
 * @throws {@link HostError} `key-not-found`, `key-mode`, `key-format`, `key-demo`
 */
export function loadPrivateKey(path: string, options: KeyOptions = {}): PrivateKey {
  const pem = readKeyFile(path, constants.O_NOFOLLOW, refuseOpenToOthers);
  if (isEncrypted(pem)) throw notAKey(path, 'a private key without a passphrase');
  if (!/^-----BEGIN (EC )?PRIVATE KEY-----/m.test(pem)) throw notAKey(path, 'the PEM of a private key');
  const key = parse(path, () => createPrivateKey(pem));
  const publicKey = publicKeyOf(path, key);
  const isDemo = isDemoPublicKey(publicKey);
  if (isDemo && options.allowDemo !== true) throw demoRefused(path);
  return privateKeyOf(key, publicKey, isDemo);
}

/**
 * The 65 octets of a P-256 public key from a PEM file (SubjectPublicKeyInfo).
 *
 * @throws {@link HostError} `key-not-found`, `key-mode` (this user cannot read it), `key-format`, `key-demo`
 */
export function loadPublicKey(path: string, options: KeyOptions = {}): Uint8Array {
  const pem = readKeyFile(path, 0, () => undefined);
  // node:crypto would take a private key or a certificate as well: neither is what is trusted here.
  const begins = pem.match(/^-----BEGIN [A-Z0-9 ]+-----/gm) ?? [];
  if (begins.length !== 1 || begins[0] !== '-----BEGIN PUBLIC KEY-----')
    throw notAKey(path, 'the PEM of one public key');
  const publicKey = publicKeyOf(
    path,
    parse(path, () => createPublicKey(pem)),
  );
  if (isDemoPublicKey(publicKey) && options.allowDemo !== true) throw demoRefused(path);
  return publicKey;
}

function readKeyFile(path: string, flags: number, refuse: (path: string, stat: Stats) => void): string {
  let fd: number | undefined;
  try {
    // O_NONBLOCK: a FIFO in the key's place must be refused, not waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new HostError('key-mode', `${path} is not a regular file; give the path of a key file`);
    refuse(path, stat);
    if (stat.size > KEY_FILE_BYTES_MAX) throw notAKey(path, 'a key');
    const octets = Buffer.alloc(KEY_FILE_BYTES_MAX);
    return octets.toString('latin1', 0, readSync(fd, octets, 0, octets.length, 0));
  } catch (error) {
    throw error instanceof HostError ? error : notRead(path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function refuseOpenToOthers(path: string, stat: Stats): void {
  const user = process.getuid?.();
  if (user === undefined) return; // a system without users in this sense has no such modes either
  if (stat.uid !== user) throw new HostError('key-mode', `${path} belongs to another user; use a key file of your own`);
  const mode = stat.mode & 0o7777;
  if (mode !== 0o600) {
    throw new HostError('key-mode', `${path} has mode ${octal(mode)}, a private key must have 0600: chmod 600 ${path}`);
  }
  const directory = dirname(resolve(path));
  const open = statSync(directory).mode;
  if ((open & 0o002) !== 0 && (open & 0o1000) === 0) {
    throw new HostError(
      'key-mode',
      `anybody can replace files in ${directory}, where the key is: chmod o-w ${directory}`,
    );
  }
}

function notRead(path: string, error: unknown): HostError {
  const options = { cause: error };
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new HostError(
        'key-not-found',
        `there is no key file ${path}; make keys with "smets1 keygen DIR"`,
        options,
      );
    case 'ELOOP':
      return new HostError('key-mode', `${path} is a symbolic link; give the path of the key file itself`, options);
    case 'EACCES':
    case 'EPERM':
      return new HostError('key-mode', `this user may not read ${path}`, options);
    default:
      return new HostError(
        'key-format',
        `${path} could not be read: ${error instanceof Error ? error.message : String(error)}`,
        options,
      );
  }
}

function parse(path: string, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch {
    // Without the cause: what OpenSSL complains about may quote the file.
    throw notAKey(path, 'a whole PEM of a P-256 key');
  }
}

function publicKeyOf(path: string, key: KeyObject): Uint8Array {
  const publicKey = exportPublicKey(key);
  if (publicKey === undefined) throw notAKey(path, 'a key on the curve P-256 (prime256v1)');
  return publicKey;
}

function isEncrypted(pem: string): boolean {
  return pem.includes('BEGIN ENCRYPTED PRIVATE KEY') || pem.includes('Proc-Type: 4,ENCRYPTED');
}

function notAKey(path: string, wanted: string): HostError {
  return new HostError('key-format', `${path} is not ${wanted}; make keys with "smets1 keygen DIR"`);
}

function demoRefused(path: string): HostError {
  return new HostError(
    'key-demo',
    `${path} holds a demonstration key, which everybody knows; make your own with "smets1 keygen DIR"`,
  );
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
