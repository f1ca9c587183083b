import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { concat } from '../layout/octets.js';
import { ORIGINATOR_COUNTER_MAX } from '../limits.js';
import { foreignKeys, keys, run } from '../test-support/node-crypto.test-support.js';
import {
  decodeOutcome,
  encodeOutcomeBody,
  signOutcome,
  verifyOutcome,
  type OutcomeCode,
  type OutcomeFields,
  type OutcomeKind,
} from './outcome.js';
import { withOtherS } from './signature.js';

const octets = (bytes: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: bytes, maxLength: bytes });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const saying: fc.Arbitrary<readonly [OutcomeKind, OutcomeCode]> = fc.constantFrom(
  ['seal', 'success'],
  ['seal', 'noImageHeld'],
  ['seal', 'hashMismatch'],
  ['seal', 'notAuthentic'],
  ['activation', 'success'],
  ['activation', 'noImageHeld'],
  ['activation', 'hashMismatch'],
  ['activation', 'activationFailure'],
  ['version', 'success'],
);
const outcomeFields: fc.Arbitrary<OutcomeFields> = fc
  .record({
    saying,
    deviceId: octets(8),
    imageHash: octets(32),
    manifestDigest: octets(32),
    runningHash: octets(32),
    runningVersion: u32,
    securityCounter: u32,
    originatorCounter: fc.bigInt({ min: 1n, max: ORIGINATOR_COUNTER_MAX }),
    bootEpoch: u32,
    nonce: octets(8),
  })
  .map(({ saying: [kind, code], ...rest }) => ({
    ...rest,
    kind,
    code,
    ...(kind === 'activation' ? {} : { originatorCounter: 0n }),
    ...(kind === 'version' ? { imageHash: rest.runningHash, manifestDigest: new Uint8Array(32) } : {}),
  }));

const PLAIN: OutcomeFields = {
  kind: 'activation',
  code: 'success',
  deviceId: new Uint8Array(8).fill(1),
  imageHash: new Uint8Array(32).fill(2),
  manifestDigest: new Uint8Array(32).fill(3),
  runningHash: new Uint8Array(32).fill(2),
  runningVersion: 4,
  securityCounter: 5,
  originatorCounter: 6n,
  bootEpoch: 7,
  nonce: new Uint8Array(8).fill(8),
};

describe('an outcome', () => {
  it('gives back what was signed', () => {
    fc.assert(
      fc.property(outcomeFields, (fields) => {
        const source = run(signOutcome(fields));
        expect(source).toHaveLength(208);
        expect(source.subarray(0, 144)).toEqual(encodeOutcomeBody(fields));
        expect(run(verifyOutcome(source, keys.device.publicKey))).toEqual({
          ok: true,
          value: { ...fields, octets: source },
        });
      }),
    );
  });

  it('is refused with any single bit flipped', () => {
    const source = run(signOutcome(PLAIN));
    for (let bit = 0; bit < source.length * 8; bit++) {
      const spoilt = source.slice();
      spoilt[bit >> 3]! ^= 1 << (bit & 7);
      expect(run(verifyOutcome(spoilt, keys.device.publicKey)).ok, `bit ${bit}`).toBe(false);
    }
  });

  it('is refused when cut anywhere, and never throws', () => {
    const source = run(signOutcome(PLAIN));
    for (let bytes = 0; bytes < source.length; bytes++) {
      expect(decodeOutcome(source.subarray(0, bytes))).toMatchObject({ ok: false, fault: { code: 'malformed' } });
    }
    fc.assert(fc.property(octets(208), (noise) => void decodeOutcome(noise)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 148 }), (noise, at) => {
        const spoilt = source.slice();
        spoilt.set(noise, at);
        decodeOutcome(spoilt);
      }),
    );
  });

  it('is refused from another device, in another role, or with a high s', () => {
    const code = (source: Uint8Array): string | undefined => {
      const answer = run(verifyOutcome(source, keys.device.publicKey));
      return answer.ok ? undefined : answer.fault.code;
    };
    const source = run(signOutcome(PLAIN));
    expect(code(run(signOutcome(PLAIN), foreignKeys))).toBe('badSignature');
    expect(code(run(signOutcome(PLAIN), { ...keys, device: keys.supplier }))).toBe('badSignature');
    expect(code(concat(source.subarray(0, 144), withOtherS(source.subarray(144))))).toBe('badSignature');
  });

  it.each<[string, Partial<OutcomeFields>]>([
    ['a seal that reverted', { kind: 'seal', code: 'activationFailure', originatorCounter: 0n }],
    ['an activation that is not authentic', { code: 'notAuthentic' }],
    ['an activation without counter', { originatorCounter: 0n }],
    ['an activation with a counter too high', { originatorCounter: ORIGINATOR_COUNTER_MAX + 1n }],
    ['a seal with a counter', { kind: 'seal' }],
    ['a version that names a manifest', { kind: 'version', originatorCounter: 0n }],
    [
      'a version of what does not run',
      { kind: 'version', originatorCounter: 0n, manifestDigest: new Uint8Array(32), imageHash: new Uint8Array(32) },
    ],
    [
      'a version that failed',
      { kind: 'version', originatorCounter: 0n, manifestDigest: new Uint8Array(32), code: 'noImageHeld' },
    ],
    ['a nonce of seven octets', { nonce: new Uint8Array(7) }],
  ])('never says: %s', (_, fields) => {
    expect(() => encodeOutcomeBody({ ...PLAIN, ...fields })).toThrow(LocalProtocolError);
  });

  it.each<[string, number, number, string]>([
    ['another magic', 0, 0x54, 'malformed'],
    ['major 2', 4, 2, 'unsupportedVersion'],
    ['minor 1', 5, 1, 'malformed'],
    ['kind 0', 6, 0, 'malformed'],
    ['kind 4', 6, 4, 'malformed'],
    ['kind seal with a counter', 6, 1, 'malformed'],
    ['code 5', 7, 5, 'malformed'],
    ['a code of another kind', 7, 4, 'malformed'],
    ['a reserved octet', 143, 1, 'malformed'],
  ])('with %s is refused by its structure', (_, at, value, code) => {
    const source = run(signOutcome(PLAIN));
    source[at] = value;
    expect(decodeOutcome(source)).toMatchObject({ ok: false, fault: { code } });
  });
});
