import { sign, type KeyObject } from 'node:crypto';
import { withLowS } from '@smets1/protocol';

/** A key that signs. What it is made of cannot be read from here, printed, or written by accident. */
export interface PrivateKey {
  /** 65 octets. */
  readonly publicKey: Uint8Array;
  /** Signature of `message`: r‖s, 64 octets, low s. */
  readonly sign: (message: Uint8Array) => Uint8Array;
  /** Everybody knows this key: what it signs is worth nothing outside demonstrations. */
  readonly isDemo: boolean;
}

export function privateKeyOf(key: KeyObject, publicKey: Uint8Array, isDemo: boolean): PrivateKey {
  const input = { key, dsaEncoding: 'ieee-p1363' } as const;
  return Object.freeze({
    publicKey,
    sign: (message: Uint8Array) => withLowS(new Uint8Array(sign('sha256', message, input))),
    isDemo,
  });
}
