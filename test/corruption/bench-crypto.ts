/** node:crypto behind the ports of the protocol, with one known key pair a role: for this check only. */
import { createECDH, createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import {
  isLowS,
  runTask,
  withLowS,
  type CryptoPort,
  type CryptoTask,
  type Role,
  type SignerPort,
  type TrustAnchors,
} from '@smets1/protocol';

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** 65 octets. */
  readonly octets: Uint8Array;
}

export const KEYS: Readonly<Record<Role, KeyPair>> = {
  manufacturer: keyPair(0x21),
  supplier: keyPair(0x22),
  dco: keyPair(0x23),
  device: keyPair(0x24),
};

export const TRUST: TrustAnchors = {
  manufacturer: [KEYS.manufacturer.octets],
  supplier: [KEYS.supplier.octets],
  dco: [KEYS.dco.octets],
};

export function run<T>(task: CryptoTask<T>): T {
  return runTask(task, CRYPTO, SIGNER);
}

const CRYPTO: CryptoPort = {
  sha256(chunks) {
    const hash = createHash('sha256');
    for (const chunk of chunks) hash.update(chunk);
    return new Uint8Array(hash.digest());
  },
  verify(publicKey, message, signature, s) {
    if (s === 'low' && !isLowS(signature)) return false;
    const pair = Object.values(KEYS).find(({ octets }) => octets === publicKey);
    return (
      pair !== undefined && verify('sha256', message, { key: pair.publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    );
  },
};

const SIGNER: SignerPort = {
  sign(role, message) {
    return withLowS(new Uint8Array(sign('sha256', message, { key: KEYS[role].privateKey, dsaEncoding: 'ieee-p1363' })));
  },
};

function keyPair(seed: number): KeyPair {
  const d = Buffer.alloc(32, seed);
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(d);
  const octets = new Uint8Array(ecdh.getPublicKey());
  const part = (from: number, to: number): string => Buffer.from(octets.subarray(from, to)).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: part(1, 33), y: part(33, 65) };
  return {
    privateKey: createPrivateKey({ key: { ...jwk, d: d.toString('base64url') }, format: 'jwk' }),
    publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
    octets,
  };
}
