import { generateKeyPairSync } from 'node:crypto';
import { CURVE, exportPublicKey, importPublicKey } from '../crypto/p256.js';
import { HostError } from '../error.js';

export interface KeyPairPem {
  /** PKCS #8. For a file of mode 0600, and nothing else. */
  readonly privatePem: string;
  /** SubjectPublicKeyInfo. */
  readonly publicPem: string;
  /** 65 octets. */
  readonly publicKey: Uint8Array;
}

/** A new P-256 key pair. */
export function generateKeyPair(): KeyPairPem {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: CURVE });
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    publicKey: exportPublicKey(publicKey)!,
  };
}

/**
 * SubjectPublicKeyInfo as PEM.
 *
 * @throws {@link HostError} `key-format` when the octets are no uncompressed point of P-256.
 */
export function publicKeyPem(publicKey: Uint8Array): string {
  const key = importPublicKey(publicKey);
  if (key === undefined)
    throw new HostError('key-format', 'these octets are no public key: 04, x and y of a point on P-256 are');
  return key.export({ type: 'spki', format: 'pem' }).toString();
}
