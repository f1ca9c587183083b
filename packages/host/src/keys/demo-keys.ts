/**
 * The keys of demonstrations. Everybody can make them from their labels, so they are refused by their public halves wherever a key is
 * loaded for anything but a demonstration, also when somebody has put one into a file.
 */
import { createECDH, createHash, createPrivateKey } from 'node:crypto';
import { equalOctets, type Role } from '@smets1/protocol';
import { CURVE } from '../crypto/p256.js';
import { privateKeyOf, type PrivateKey } from './private-key.js';

export function demoKey(role: Role): PrivateKey {
  let key = made.get(role);
  if (key === undefined) {
    key = makeDemoKey(role);
    made.set(role, key);
  }
  return { ...key, publicKey: key.publicKey.slice() };
}

export function isDemoPublicKey(publicKey: Uint8Array): boolean {
  return ROLES.some((role) => equalOctets(demoKey(role).publicKey, publicKey));
}

const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];
const made = new Map<Role, PrivateKey>();

function makeDemoKey(role: Role): PrivateKey {
  const scalar = createHash('sha256')
    .update(`smets1-ota demonstration key of the ${role}, known to everybody`)
    .digest();
  const curve = createECDH(CURVE);
  curve.setPrivateKey(scalar); // throws unless it is from 1 to n − 1
  const point = curve.getPublicKey();
  const part = (octets: Buffer): string => octets.toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: part(point.subarray(1, 33)), y: part(point.subarray(33)), d: part(scalar) };
  return privateKeyOf(createPrivateKey({ key: jwk, format: 'jwk' }), new Uint8Array(point), true);
}
