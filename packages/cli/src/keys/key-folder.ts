/** The four key pairs in one folder, as `smets1 keygen` makes them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, type KeyPairPem } from '@smets1/host';
import { checkOutput, makeFolder, writeOutput } from '../files/output-file.js';

export const KEY_ROLES = ['manufacturer', 'supplier', 'dco', 'device'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

export function privateKeyPath(folder: string, role: KeyRole): string {
  return join(folder, `${role}.key.pem`);
}

export function publicKeyPath(folder: string, role: KeyRole): string {
  return join(folder, `${role}.pub.pem`);
}

/**
 * Makes the folder (0700) and the key pairs in it, all of them or none. What is there is never replaced: a key that was overwritten is
 * gone for good.
 *
 * @throws CliError as `writeOutput` does
 */
export function makeKeyFolder(folder: string): ReadonlyMap<KeyRole, KeyPairPem> {
  makeFolder(folder, 0o700);
  const pairs = new Map(KEY_ROLES.map((role) => [role, generateKeyPair()] as const));
  const encoder = new TextEncoder();
  const files = [...pairs].flatMap(([role, pair]) => [
    { path: privateKeyPath(folder, role), octets: encoder.encode(pair.privatePem), mode: 0o600 },
    { path: publicKeyPath(folder, role), octets: encoder.encode(pair.publicPem), mode: 0o644 },
  ]);
  for (const { path } of files) checkOutput(path, { force: false });
  const written: string[] = [];
  try {
    for (const { path, octets, mode } of files) {
      writeOutput(path, octets, { force: false, mode });
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw error;
  }
  return pairs;
}
