/**
 * A model of signatures for simulated worlds: a keyed hash, fast and the same in every run (real ECDSA is neither). Whoever knows the
 * public key can forge it, so it must never pass for the real thing: a model public key is no point of the curve (its x is larger than
 * the field), hence every real implementation refuses it, and the model refuses every real key.
 */
import { createHash, type Hash } from 'node:crypto';
import { asciiOctets, concat, equalOctets, HASH_BYTES, type CryptoPort } from '@smets1/protocol';
import type { PrivateKey } from '../keys/private-key.js';
import { nodeCrypto } from './node-crypto.js';

/** Real SHA-256, model signatures. */
export function modelCrypto(): CryptoPort {
  const real = nodeCrypto();
  return {
    sha256: (chunks) => real.sha256(chunks),
    verify: (publicKey, message, signature) =>
      isModelKey(publicKey) && equalOctets(signature, modelSignature(publicKey, message)),
  };
}

/** The model key of a name; every world and every process makes the same from it. */
export function modelKey(name: string): PrivateKey {
  const publicKey = concat(
    HEAD,
    digest((hash) => hash.update('smets1 model key\0').update(name)),
  );
  return { publicKey, sign: (message) => modelSignature(publicKey, message), isDemo: true };
}

export function isModelKey(publicKey: Uint8Array): boolean {
  return publicKey.length === HEAD.length + HASH_BYTES && equalOctets(publicKey.subarray(0, HEAD.length), HEAD);
}

/** The mark of an uncompressed point, and an x of 2^256 − 1. */
const HEAD = Uint8Array.of(0x04, ...new Uint8Array(32).fill(0xff));
const DOMAIN = asciiOctets('smets1 model signature\0');

/** r‖s in the ranges of real ones (r < n, s low), so that whoever looks at ranges only is content. */
function modelSignature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const r = digest((hash) => hash.update(DOMAIN).update(publicKey).update(message));
  const s = digest((hash) => hash.update(DOMAIN).update(r));
  const signature = concat(r, s);
  for (const at of [0, HASH_BYTES]) signature[at] = (signature[at]! & 0x3f) | 0x01;
  return signature;
}

function digest(feed: (hash: Hash) => Hash): Uint8Array {
  return new Uint8Array(feed(createHash('sha256')).digest());
}
