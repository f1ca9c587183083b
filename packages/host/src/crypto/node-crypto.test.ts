/** Goal: a signature is true only when it is one, in one of its two forms, and nothing makes the check throw. */
import { createHash, createPrivateKey, sign, verify as nodeVerify, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLowS, withOtherS } from '@smets1/protocol';
import { HostError } from '../error.js';
import { PUBLIC_KEYS_CACHED_MAX } from '../limits.js';
import { demoKey } from '../keys/demo-keys.js';
import { generateKeyPair, publicKeyPem } from '../keys/key-pair.js';
import { modelCrypto, modelKey } from './model-crypto.js';
import { nodeCrypto, nodeSigner } from './node-crypto.js';
import { isSignature } from './p256.js';

const port = nodeCrypto();
const key = demoKey('manufacturer');
const message = new TextEncoder().encode('a block');
const signature = key.sign(message);
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function raw(r: bigint, s: bigint): Uint8Array {
  const hex = [r, s].map((part) => part.toString(16).padStart(64, '0')).join('');
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

describe('sha256', () => {
  it('agrees with node:crypto however the octets are cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (chunks) => {
        const expected = createHash('sha256').update(Buffer.concat(chunks)).digest();
        expect(Buffer.from(port.sha256(chunks))).toEqual(expected);
        expect(port.sha256(chunks)).not.toBeInstanceOf(Buffer);
      }),
    );
  });
});

describe('verify', () => {
  it('takes a signature with low s, and its twin only where either is allowed', () => {
    const twin = withOtherS(signature);
    expect(port.verify(key.publicKey, message, signature, 'low')).toBe(true);
    expect(port.verify(key.publicKey, message, signature, 'either')).toBe(true);
    expect(port.verify(key.publicKey, message, twin, 'either')).toBe(true);
    expect(port.verify(key.publicKey, message, twin, 'low')).toBe(false);
  });

  it('refuses any single flipped bit of message, key and signature', () => {
    const parts = { message, publicKey: key.publicKey, signature };
    fc.assert(
      fc.property(fc.constantFrom('message', 'publicKey', 'signature' as const), fc.nat(), (which, at) => {
        const spoilt = { ...parts, [which]: parts[which].slice() };
        const octets = spoilt[which];
        const bit = at % (octets.length * 8);
        octets[bit >> 3]! ^= 1 << (bit & 7);
        expect(port.verify(spoilt.publicKey, spoilt.message, spoilt.signature, 'either')).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['r is 0', 0n, 1n],
    ['s is 0', 1n, 0n],
    ['r is n', ORDER, 1n],
    ['s is n', 1n, ORDER],
    ['r is 2^256 - 1', (1n << 256n) - 1n, 1n],
  ])('knows before any curve is touched that it is no signature when %s', (_, r, s) => {
    expect(isSignature(raw(r, s), 'either')).toBe(false);
    expect(port.verify(key.publicKey, message, raw(r, s), 'either')).toBe(false);
  });

  it('draws the line of a low s at half the order', () => {
    expect(isSignature(raw(1n, ORDER / 2n), 'low')).toBe(true);
    expect(isSignature(raw(1n, ORDER / 2n + 1n), 'low')).toBe(false);
    expect(isSignature(raw(ORDER - 1n, ORDER - 1n), 'either')).toBe(true);
  });

  it('says false, and throws nothing, for octets of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 130 }), (publicKey, octets) => {
        expect(port.verify(publicKey, message, octets, 'either')).toBe(false);
        expect(port.verify(key.publicKey, message, octets, 'either')).toBe(false);
        expect(port.verify(publicKey, message, signature, 'either')).toBe(false);
      }),
    );
  });

  it('goes on telling keys apart when there are more of them than it remembers', () => {
    const pairs = Array.from({ length: PUBLIC_KEYS_CACHED_MAX + 20 }, () => generateKeyPair());
    for (const { publicKey } of pairs) expect(port.verify(publicKey, message, signature, 'low')).toBe(false);
    const { privatePem, publicKey } = pairs[0]!;
    const own = sign('sha256', message, { key: createPrivateKey(privatePem), dsaEncoding: 'ieee-p1363' });
    expect(port.verify(publicKey, message, new Uint8Array(own), 'either')).toBe(true);
  });
});

describe('the signer', () => {
  it('makes low-s signatures that node:crypto itself accepts', () => {
    const publicKey = createPublicKey(publicKeyPem(key.publicKey));
    // Half of all ECDSA signatures are high before they are normalised: 32 in a row are not luck.
    for (let i = 0; i < 32; i += 1) {
      const made = nodeSigner({ manufacturer: key }).sign('manufacturer', message);
      expect(isLowS(made)).toBe(true);
      expect(nodeVerify('sha256', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, made)).toBe(true);
    }
  });

  it('refuses a role whose key it was not given', () => {
    expect(() => nodeSigner({ manufacturer: key }).sign('dco', message)).toThrow(
      expect.objectContaining({ code: 'no-signer' } satisfies Partial<HostError>),
    );
  });
});

describe('the model of signatures', () => {
  const model = modelCrypto();
  const modelled = modelKey('supplier');

  it('signs and checks, the same in every run', () => {
    const made = modelled.sign(message);
    expect(model.verify(modelled.publicKey, message, made, 'low')).toBe(true);
    expect(modelKey('supplier').sign(message)).toEqual(made);
    expect(modelKey('dco').publicKey).not.toEqual(modelled.publicKey);
    expect(isSignature(made, 'low')).toBe(true);
  });

  it('refuses any single flipped bit of message, key and signature', () => {
    const parts = { message, publicKey: modelled.publicKey, signature: modelled.sign(message) };
    fc.assert(
      fc.property(fc.constantFrom('message', 'publicKey', 'signature' as const), fc.nat(), (which, at) => {
        const spoilt = { ...parts, [which]: parts[which].slice() };
        const octets = spoilt[which];
        const bit = at % (octets.length * 8);
        octets[bit >> 3]! ^= 1 << (bit & 7);
        expect(model.verify(spoilt.publicKey, spoilt.message, spoilt.signature, 'low')).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('never passes for the real one, nor takes the real one', () => {
    const made = modelled.sign(message);
    expect(port.verify(modelled.publicKey, message, made, 'either')).toBe(false);
    expect(port.verify(key.publicKey, message, made, 'either')).toBe(false);
    expect(model.verify(key.publicKey, message, signature, 'low')).toBe(false);
    expect(model.verify(key.publicKey, message, modelledWith(key.publicKey), 'low')).toBe(false);
    expect(model.verify(modelled.publicKey, message, modelledWith(modelled.publicKey), 'low')).toBe(true);
    // No point of the curve has an x beyond the field, 2^256 − 2^224 + 2^192 + 2^96 − 1.
    expect(modelled.publicKey.subarray(1, 33)).toEqual(new Uint8Array(32).fill(0xff));
    expect(() => publicKeyPem(modelled.publicKey)).toThrow(expect.objectContaining({ code: 'key-format' }));
  });
});

/** What the model would sign with this public key, made as anybody could make it. */
function modelledWith(publicKey: Uint8Array): Uint8Array {
  const hashed = (...parts: readonly Uint8Array[]): Buffer =>
    createHash('sha256')
      .update(Buffer.concat([Buffer.from('smets1 model signature\0'), ...parts]))
      .digest();
  const r = hashed(publicKey, message);
  const made = Buffer.concat([r, hashed(r)]);
  for (const at of [0, 32]) made[at] = (made[at]! & 0x3f) | 1;
  return new Uint8Array(made);
}
