import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { concat, fromHex } from '../layout/octets.js';
import { keys, nodeCrypto, signer } from '../test-support/node-crypto.test-support.js';
import { isLowS, withLowS, withOtherS } from './signature.js';

const withS = (hex: string): Uint8Array => concat(new Uint8Array(32).fill(1), fromHex(hex)!);
const HALF = '7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8';
const HALF_AND_ONE = '7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A9';

it('is low up to half the order, rounded down, and not above', () => {
  expect(isLowS(withS(HALF))).toBe(true);
  expect(isLowS(withS(HALF_AND_ONE))).toBe(false);
  expect(withOtherS(withS(HALF))).toEqual(withS(HALF_AND_ONE));
  expect(withLowS(withS(HALF_AND_ONE))).toEqual(withS(HALF));
});

it('has 64 octets', () => {
  expect(isLowS(new Uint8Array(63))).toBe(false);
  expect(() => withLowS(new Uint8Array(65))).toThrow(LocalProtocolError);
});

it('holds with the low s, and with the high one only where either is taken', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (message) => {
      const low = signer.sign('supplier', message);
      const high = withOtherS(low);
      const holds = (signature: Uint8Array, s: 'low' | 'either'): boolean =>
        nodeCrypto.verify(keys.supplier.publicKey, message, signature, s);
      expect([holds(low, 'low'), holds(low, 'either'), holds(high, 'low'), holds(high, 'either')]).toEqual([
        true,
        true,
        false,
        true,
      ]);
      expect(withLowS(high)).toEqual(low);
    }),
    { numRuns: 30 },
  );
});
