/** P-256 as octets: which signatures can be any at all, and how a public key is handed to node:crypto. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { compareOctets, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '@smets1/protocol';

export const CURVE = 'prime256v1';
const SCALAR_BYTES = SIGNATURE_BYTES / 2;
const UNCOMPRESSED = 0x04;

/** n, the order of the group. */
const ORDER = octetsOf('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
/** n / 2, rounded down. */
const HALF_ORDER = octetsOf('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8');
/** SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point (RFC 5480 §2). */
const SPKI_HEAD = octetsOf('3059301306072a8648ce3d020106082a8648ce3d030107034200');

/** Whether `scalar` (32 octets, big-endian) is from 1 to n − 1. */
function isScalar(scalar: Uint8Array): boolean {
  return scalar.length === SCALAR_BYTES && isPositive(scalar) && compareOctets(scalar, ORDER) < 0;
}

/** Whether the octets are r‖s with 1 ≤ r < n and 1 ≤ s < n, or s ≤ n/2 when it must be low. */
export function isSignature(signature: Uint8Array, s: 'low' | 'either'): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const low = signature.subarray(SCALAR_BYTES);
  if (!isScalar(signature.subarray(0, SCALAR_BYTES)) || !isPositive(low)) return false;
  return s === 'either' ? compareOctets(low, ORDER) < 0 : compareOctets(low, HALF_ORDER) <= 0;
}

/** Undefined when the octets are no uncompressed point of the curve. */
export function importPublicKey(publicKey: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== PUBLIC_KEY_BYTES || publicKey[0] !== UNCOMPRESSED) return undefined;
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' });
  } catch {
    return undefined; // the point is not on the curve
  }
}

/** The 65 octets of a P-256 public key, or of the public half of a private one; undefined for keys of another kind. */
export function exportPublicKey(key: KeyObject): Uint8Array | undefined {
  // A key with explicit parameters names no curve: those parameters are whatever its maker liked.
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== CURVE) return undefined;
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return new Uint8Array([UNCOMPRESSED, ...Buffer.from(x, 'base64url'), ...Buffer.from(y, 'base64url')]);
}

function isPositive(scalar: Uint8Array): boolean {
  return scalar.some((octet) => octet !== 0);
}

function octetsOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
