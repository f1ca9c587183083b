/** Goal: no key that others can read, replace or know is ever used, and each refusal says why. */
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '@smets1/protocol';
import { nodeCrypto } from '../crypto/node-crypto.js';
import { KEY_FILE_BYTES_MAX } from '../limits.js';
import { demoKey } from './demo-keys.js';
import { loadPrivateKey, loadPublicKey } from './key-file.js';
import { generateKeyPair, publicKeyPem } from './key-pair.js';

const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];
const message = Uint8Array.of(1, 2, 3);
const pair = generateKeyPair();
let folder = '';
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'smets1-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string, mode = 0o600): string {
  count += 1;
  const path = join(folder, `key-${count}.pem`);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** SEC 1 of a demonstration key, as somebody could make it from the label. */
function demoPem(role: Role): string {
  const label = `smets1-ota demonstration key of the ${role}, known to everybody`;
  const scalar = createHash('sha256').update(label).digest();
  // RFC 5915: version 1, the scalar, and the curve by its name.
  const der = Buffer.concat([
    Buffer.from('30310201010420', 'hex'),
    scalar,
    Buffer.from('a00a06082a8648ce3d030107', 'hex'),
  ]);
  return `-----BEGIN EC PRIVATE KEY-----\n${der.toString('base64')}\n-----END EC PRIVATE KEY-----\n`;
}

describe('a private key file', () => {
  it('of mode 0600 gives a key that signs', () => {
    const key = loadPrivateKey(file(pair.privatePem));
    expect(key.publicKey).toEqual(pair.publicKey);
    expect(key.isDemo).toBe(false);
    expect(nodeCrypto().verify(pair.publicKey, message, key.sign(message), 'low')).toBe(true);
  });

  it.each([0o400, 0o604, 0o620, 0o640, 0o644, 0o660, 0o666, 0o700, 0o4600])('of mode %o is refused', (mode) => {
    expect(() => loadPrivateKey(file(pair.privatePem, mode))).toThrow(expect.objectContaining({ code: 'key-mode' }));
  });

  it('that is a symbolic link, a folder or a pipe is refused without waiting', () => {
    const link = join(folder, 'link.pem');
    symlinkSync(file(pair.privatePem), link);
    const pipe = join(folder, 'pipe.pem');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    for (const path of [link, folder, pipe]) {
      expect(() => loadPrivateKey(path)).toThrow(expect.objectContaining({ code: 'key-mode' }));
    }
  });

  it('in a folder where anybody may replace it is refused', () => {
    const open = join(folder, 'open');
    mkdirSync(open);
    const path = join(open, 'key.pem');
    writeFileSync(path, pair.privatePem, { mode: 0o600 });
    chmodSync(open, 0o777);
    expect(() => loadPrivateKey(path)).toThrow(expect.objectContaining({ code: 'key-mode' }));
    chmodSync(open, 0o1777);
    expect(loadPrivateKey(path).publicKey).toEqual(pair.publicKey);
  });

  it('that is not there is told apart from one that is no key', () => {
    expect(() => loadPrivateKey(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'key-not-found' }));
    expect(() => loadPrivateKey(join(folder, 'none', 'none'))).toThrow(
      expect.objectContaining({ code: 'key-not-found' }),
    );
  });

  it.each([
    ['nothing', ''],
    ['noise', 'this is no key'],
    ['a public key', pair.publicPem],
    ['half a key', pair.privatePem.slice(0, 100)],
    ['a file without end', pair.privatePem + ' '.repeat(KEY_FILE_BYTES_MAX)],
    ['a key of another curve', ec('secp384r1')],
    ['a key of the curve next door', ec('secp256k1')],
    [
      'a key for Ed25519',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    ['a key with a passphrase', encrypted()],
  ])('that holds %s is refused', (_, text) => {
    expect(() => loadPrivateKey(file(text))).toThrow(expect.objectContaining({ code: 'key-format' }));
  });

  it('never shows what is in it', () => {
    const key = loadPrivateKey(file(pair.privatePem));
    const secret = Buffer.from(pair.privatePem.split('\n')[1]!, 'base64');
    expect(inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key)).not.toContain('PRIVATE');
    expect(JSON.stringify(key)).not.toContain(secret.toString('hex'));
    expect(Object.keys(key)).toEqual(['publicKey', 'sign', 'isDemo']);
  });
});

describe('a public key file', () => {
  it('gives the 65 octets', () => {
    expect(loadPublicKey(file(pair.publicPem, 0o644))).toEqual(pair.publicKey);
    expect(publicKeyPem(pair.publicKey)).toBe(pair.publicPem);
  });

  it.each([
    ['a private key', pair.privatePem],
    ['a public and a private key', pair.publicPem + pair.privatePem],
    ['two public keys', pair.publicPem + generateKeyPair().publicPem],
    ['a key of another curve', createPublicKey(ec('secp384r1')).export({ type: 'spki', format: 'pem' }).toString()],
  ])('that holds %s is refused', (_, text) => {
    expect(() => loadPublicKey(file(text))).toThrow(expect.objectContaining({ code: 'key-format' }));
  });

  it('that is not there is said not to be there', () => {
    expect(() => loadPublicKey(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'key-not-found' }));
  });
});

describe('the demonstration keys', () => {
  it.each(ROLES)('sign as the %s', (role) => {
    const key = demoKey(role);
    expect(key.isDemo).toBe(true);
    expect(nodeCrypto().verify(key.publicKey, message, key.sign(message), 'low')).toBe(true);
    expect(demoKey(role).publicKey).toEqual(key.publicKey);
  });

  it.each(ROLES)('are refused in a file of the %s, private or public, outside a demonstration', (role) => {
    const secret = file(demoPem(role));
    const open = file(publicKeyPem(demoKey(role).publicKey));
    expect(() => loadPrivateKey(secret)).toThrow(expect.objectContaining({ code: 'key-demo' }));
    expect(() => loadPublicKey(open)).toThrow(expect.objectContaining({ code: 'key-demo' }));
    expect(loadPrivateKey(secret, { allowDemo: true })).toMatchObject({ isDemo: true });
    expect(loadPublicKey(open, { allowDemo: true })).toEqual(demoKey(role).publicKey);
  });

  it('are all different, and cannot be spoilt by who borrows one', () => {
    expect(new Set(ROLES.map((role) => demoKey(role).publicKey.toString())).size).toBe(ROLES.length);
    demoKey('dco').publicKey.fill(0);
    expect(demoKey('dco').publicKey[0]).toBe(4);
  });
});

function ec(namedCurve: string): string {
  return generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function encrypted(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
}
