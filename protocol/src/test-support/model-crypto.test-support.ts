/**
 * A model of signatures for tests of many histories: a keyed hash, so it is fast and one seed gives one history (ECDSA is neither).
 * Whoever knows a public key can forge; the real thing has tests of its own.
 */
import { createHash } from 'node:crypto';
import {
  runTask,
  type CryptoPort,
  type CryptoTask,
  type Role,
  type SignerPort,
  type TrustAnchors,
} from '../crypto-port.js';
import { concat } from '../layout/octets.js';

const hash = (...chunks: readonly Uint8Array[]): Uint8Array => {
  const sha256 = createHash('sha256');
  for (const chunk of chunks) sha256.update(chunk);
  return new Uint8Array(sha256.digest());
};

const keyOf = (octet: number): Uint8Array => Uint8Array.from({ length: 65 }, (_, i) => (i === 0 ? 4 : octet));

export const modelKeys: Readonly<Record<Role, Uint8Array>> = {
  manufacturer: keyOf(0xa1),
  supplier: keyOf(0xa2),
  dco: keyOf(0xa3),
  device: keyOf(0xa4),
};

/** Keys that nobody trusts. */
export const strangeKeys: Readonly<Record<Role, Uint8Array>> = {
  manufacturer: keyOf(0xb1),
  supplier: keyOf(0xb2),
  dco: keyOf(0xb3),
  device: keyOf(0xb4),
};

export const modelTrust: TrustAnchors = {
  manufacturer: [modelKeys.manufacturer],
  supplier: [modelKeys.supplier],
  dco: [modelKeys.dco],
};

const signatureOf = (publicKey: Uint8Array, message: Uint8Array): Uint8Array => {
  const first = hash(publicKey, message);
  return concat(first, hash(first));
};

export const modelCrypto: CryptoPort = {
  sha256: (chunks) => hash(...chunks),
  verify: (publicKey, message, signature) => Buffer.compare(signatureOf(publicKey, message), signature) === 0,
};

export function modelSigner(keys: Readonly<Record<Role, Uint8Array>> = modelKeys): SignerPort {
  return { sign: (role, message) => signatureOf(keys[role], message) };
}

export function runModel<T>(task: CryptoTask<T>, keys: Readonly<Record<Role, Uint8Array>> = modelKeys): T {
  return runTask(task, modelCrypto, modelSigner(keys));
}
