/** node:crypto behind the ports of the protocol. */
import { createHash, hash, verify, type VerifyKeyObjectInput } from 'node:crypto';
import type { CryptoPort, Role, SignerPort } from '@smets1/protocol';
import { HostError } from '../error.js';
import type { PrivateKey } from '../keys/private-key.js';
import { PUBLIC_KEYS_CACHED_MAX } from '../limits.js';
import { importPublicKey, isSignature } from './p256.js';

/**
 * SHA-256 and P-256 checks. Whatever is not a signature of the message by the key is false: octets of another length, numbers out of
 * range, a high s where it must be low (`node:crypto` takes both), a key that is no point of the curve.
 */
export function nodeCrypto(): CryptoPort {
  const keys = new Map<string, VerifyKeyObjectInput>();
  return {
    sha256,
    verify(publicKey, message, signature, s) {
      if (!isSignature(signature, s)) return false;
      const key = imported(keys, publicKey);
      if (key === undefined) return false;
      try {
        return verify('sha256', message, key, signature);
      } catch {
        return false;
      }
    },
  };
}

/**
 * Signs for the roles whose keys are given.
 *
 * @throws {@link HostError} `no-signer` when asked for another role.
 */
export function nodeSigner(keys: Readonly<Partial<Record<Role, PrivateKey>>>): SignerPort {
  return {
    sign(role, message) {
      const key = keys[role];
      if (key === undefined)
        throw new HostError('no-signer', `no private key of the ${role} was given, so nothing can be signed for it`);
      return key.sign(message);
    },
  };
}

function sha256(chunks: readonly Uint8Array[]): Uint8Array {
  const [only, more] = chunks;
  // One call of the library instead of three: most of what is hashed comes in one piece.
  if (only !== undefined && more === undefined) return owned(hash('sha256', only, 'buffer'));
  const digest = createHash('sha256');
  for (const chunk of chunks) digest.update(chunk);
  return owned(digest.digest());
}

/** A Buffer may be a view of a shared pool, and prints, slices and compares unlike a Uint8Array. */
function owned(digest: Buffer): Uint8Array {
  return new Uint8Array(digest);
}

function imported(keys: Map<string, VerifyKeyObjectInput>, publicKey: Uint8Array): VerifyKeyObjectInput | undefined {
  const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1');
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = importPublicKey(publicKey);
  if (key === undefined) return undefined;
  const input: VerifyKeyObjectInput = { key, dsaEncoding: 'ieee-p1363' };
  const oldest = keys.size < PUBLIC_KEYS_CACHED_MAX ? undefined : keys.keys().next().value;
  if (oldest !== undefined) keys.delete(oldest);
  keys.set(name, input);
  return input;
}
