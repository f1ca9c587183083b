/** The crypto of tests: node:crypto behind the ports, with one fixed key pair a role. */
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as nodeSign,
  verify as nodeVerify,
  type KeyObject,
} from 'node:crypto';
import { isLowS, withLowS } from '../authorisation/signature.js';
import {
  runTask,
  type CryptoPort,
  type CryptoTask,
  type Role,
  type SignerPort,
  type TrustAnchors,
} from '../crypto-port.js';

export interface KeyPair {
  readonly privateKey: KeyObject;
  /** 65 octets. */
  readonly publicKey: Uint8Array;
}

/** Key pair of a private key that is `seed` in every octet: known to everybody, for tests only. */
function keyPairOf(seed: number): KeyPair {
  const d = Buffer.alloc(32, seed);
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(d);
  const publicKey = new Uint8Array(ecdh.getPublicKey());
  return {
    privateKey: createPrivateKey({ key: { ...jwkOf(publicKey), d: d.toString('base64url') }, format: 'jwk' }),
    publicKey,
  };
}

export type RoleKeys = Readonly<Record<Role, KeyPair>>;

function roleKeysOf(seed: number): RoleKeys {
  return {
    manufacturer: keyPairOf(seed),
    supplier: keyPairOf(seed + 1),
    dco: keyPairOf(seed + 2),
    device: keyPairOf(seed + 3),
  };
}

export const keys: RoleKeys = roleKeysOf(0x11);
/** Keys that nobody trusts. */
export const foreignKeys: RoleKeys = roleKeysOf(0x51);

export const trust: TrustAnchors = {
  manufacturer: [keys.manufacturer.publicKey],
  supplier: [keys.supplier.publicKey],
  dco: [keys.dco.publicKey],
};

const publicKeys = new Map<string, KeyObject | undefined>();

export const nodeCrypto: CryptoPort = {
  sha256(chunks) {
    const hash = createHash('sha256');
    for (const chunk of chunks) hash.update(chunk);
    return new Uint8Array(hash.digest());
  },
  verify(publicKey, message, signature, s) {
    if (s === 'low' && !isLowS(signature)) return false;
    const key = publicKeyOf(publicKey);
    return key !== undefined && nodeVerify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
  },
};

function signerOf(roleKeys: RoleKeys): SignerPort {
  return {
    sign(role, message) {
      const key = roleKeys[role].privateKey;
      return withLowS(new Uint8Array(nodeSign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })));
    },
  };
}

export const signer: SignerPort = signerOf(keys);

/** Runs a task with node:crypto, and the keys above unless others are given. */
export function run<T>(task: CryptoTask<T>, roleKeys: RoleKeys = keys): T {
  return runTask(task, nodeCrypto, signerOf(roleKeys));
}

function publicKeyOf(octets: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
  if (!publicKeys.has(name)) publicKeys.set(name, importPublicKey(octets));
  return publicKeys.get(name);
}

function importPublicKey(octets: Uint8Array): KeyObject | undefined {
  try {
    return octets.length === 65 && octets[0] === 4 ? createPublicKey({ key: jwkOf(octets), format: 'jwk' }) : undefined;
  } catch {
    return undefined;
  }
}

function jwkOf(publicKey: Uint8Array): { kty: string; crv: string; x: string; y: string } {
  const part = (from: number, to: number): string => Buffer.from(publicKey.subarray(from, to)).toString('base64url');
  return { kty: 'EC', crv: 'P-256', x: part(1, 33), y: part(33, 65) };
}
