/** Private keys that anybody can make again from a text: for demonstrations and virtual meters, worth nothing elsewhere. */
import { createECDH, createHash, createPrivateKey } from 'node:crypto';
import { CURVE } from '../crypto/p256.js';
import { privateKeyOf, type PrivateKey } from './private-key.js';

/** The P-256 key whose scalar is the SHA-256 of `text`; the same in every process. It counts as a demonstration key. */
export function seededKey(text: string): PrivateKey {
  const scalar = createHash('sha256').update(text).digest();
  const curve = createECDH(CURVE);
  curve.setPrivateKey(scalar); // throws unless it is from 1 to n − 1, which no hash that anybody knows fails
  const point = curve.getPublicKey();
  const part = (octets: Buffer): string => octets.toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: part(point.subarray(1, 33)), y: part(point.subarray(33)), d: part(scalar) };
  return privateKeyOf(createPrivateKey({ key: jwk, format: 'jwk' }), new Uint8Array(point), true);
}
