/** What can be said of a signature without the key (SPEC.md §2); for whoever implements CryptoPort or SignerPort. */
import { LocalProtocolError } from '../errors.js';
import { compareOctets } from '../layout/octets.js';
import { SIGNATURE_BYTES } from '../limits.js';

/** Whether `signature` is r‖s, 64 octets, with s at most n/2. The ranges of r and s are for the ECDSA check itself. */
export function isLowS(signature: Uint8Array): boolean {
  return signature.length === SIGNATURE_BYTES && compareOctets(signature.subarray(S_AT), HALF_ORDER) <= 0;
}

/**
 * The same signature with low s: `signature` itself, or a copy in which s is n − s. Both are valid wherever either is.
 *
 * @throws {@link LocalProtocolError} when it is not 64 octets.
 */
export function withLowS(signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES)
    throw new LocalProtocolError(`a signature has ${SIGNATURE_BYTES} octets, not ${signature.length}`);
  return isLowS(signature) ? signature : withOtherS(signature);
}

/** The twin of a signature: s becomes n − s. Low becomes high and high becomes low. */
export function withOtherS(signature: Uint8Array): Uint8Array {
  const twin = signature.slice();
  let borrow = 0;
  for (let i = ORDER.length - 1; i >= 0; i--) {
    const difference = ORDER[i]! - signature[S_AT + i]! - borrow;
    borrow = difference < 0 ? 1 : 0;
    twin[S_AT + i] = difference & 0xff;
  }
  return twin;
}

const S_AT = 32;

/** n of P-256. */
// prettier-ignore
const ORDER = Uint8Array.of(
  0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
  0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
);
/** n / 2, rounded down. */
const HALF_ORDER = ORDER.map((octet, i) => (octet >> 1) | (i === 0 ? 0 : (ORDER[i - 1]! & 1) << 7));
