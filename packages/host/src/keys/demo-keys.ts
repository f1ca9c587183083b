/**
 * The keys of demonstrations. Everybody can make them from their labels, so they are refused by their public halves wherever a key is
 * loaded for anything but a demonstration, also when somebody has put one into a file.
 */
import { equalOctets, type Role } from '@smets1/protocol';
import type { PrivateKey } from './private-key.js';
import { seededKey } from './seeded-key.js';

export function demoKey(role: Role): PrivateKey {
  let key = made.get(role);
  if (key === undefined) {
    key = seededKey(`smets1-ota demonstration key of the ${role}, known to everybody`);
    made.set(role, key);
  }
  return { ...key, publicKey: key.publicKey.slice() };
}

export function isDemoPublicKey(publicKey: Uint8Array): boolean {
  return ROLES.some((role) => equalOctets(demoKey(role).publicKey, publicKey));
}

const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];
const made = new Map<Role, PrivateKey>();
