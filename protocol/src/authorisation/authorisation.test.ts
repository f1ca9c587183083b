import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { concat } from '../layout/octets.js';
import { ORIGINATOR_COUNTER_MAX } from '../limits.js';
import { foreignKeys, keys, run, trust, type RoleKeys } from '../test-support/node-crypto.test-support.js';
import {
  countersign,
  decodeAuthorisation,
  signAuthorisation,
  verifyAuthorisation,
  verifySupplierSignature,
  type AuthorisationFields,
} from './authorisation.js';
import { withOtherS } from './signature.js';

const octets = (bytes: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: bytes, maxLength: bytes });
const seconds = fc.integer({ min: 0, max: 0xffffffff });
const authorisationFields: fc.Arbitrary<AuthorisationFields> = fc
  .record({
    deviceId: octets(8),
    imageHash: octets(32),
    manifestDigest: octets(32),
    originator: octets(8),
    originatorCounter: fc.bigInt({ min: 1n, max: ORIGINATOR_COUNTER_MAX }),
    times: fc.tuple(seconds, seconds),
  })
  .map(({ times: [a, b], ...rest }) => ({ ...rest, notBeforeS: Math.min(a, b), notAfterS: Math.max(a, b) }));

const PLAIN: AuthorisationFields = {
  deviceId: new Uint8Array(8).fill(1),
  imageHash: new Uint8Array(32).fill(2),
  manifestDigest: new Uint8Array(32).fill(3),
  originator: new Uint8Array(8).fill(4),
  originatorCounter: 5n,
  notBeforeS: 0,
  notAfterS: 0xffffffff,
};
const countersigned = (
  fields: AuthorisationFields = PLAIN,
  supplier: RoleKeys = keys,
  dco: RoleKeys = keys,
): Uint8Array => run(countersign(run(signAuthorisation(fields), supplier)), dco);
const codeOf = (source: Uint8Array): string | undefined => {
  const answer = run(verifyAuthorisation(source, trust));
  return answer.ok ? undefined : answer.fault.code;
};

describe('an authorisation', () => {
  it('gives back what was signed and countersigned', () => {
    fc.assert(
      fc.property(authorisationFields, (fields) => {
        const source = countersigned(fields);
        expect(source).toHaveLength(232);
        const value = { ...fields, countersigned: true, octets: source };
        expect(run(verifyAuthorisation(source, trust))).toEqual({ ok: true, value });
        expect(decodeAuthorisation(source)).toEqual({ ok: true, value });
      }),
    );
  });

  it('is refused with any single bit flipped', () => {
    const source = countersigned();
    const codes = new Set<string | undefined>();
    for (let bit = 0; bit < source.length * 8; bit++) {
      const spoilt = source.slice();
      spoilt[bit >> 3]! ^= 1 << (bit & 7);
      codes.add(codeOf(spoilt));
    }
    expect(codes).toEqual(
      new Set(['authorisationMalformed', 'unsupportedVersion', 'supplierSignatureBad', 'countersignatureBad']),
    );
  });

  it('is refused when cut anywhere, and before it is countersigned', () => {
    const source = countersigned();
    for (let bytes = 0; bytes < source.length; bytes++)
      expect(codeOf(source.subarray(0, bytes))).toBe('authorisationMalformed');
    expect(codeOf(concat(source, Uint8Array.of(0)))).toBe('authorisationMalformed');
  });

  it('never throws, whatever stands for it', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => void decodeAuthorisation(noise)));
    fc.assert(fc.property(octets(232), (noise) => void decodeAuthorisation(noise)));
    const source = countersigned();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 131 }), (noise, at) => {
        const spoilt = source.slice();
        spoilt.set(noise, at);
        decodeAuthorisation(spoilt);
      }),
    );
  });

  it('is refused when supplier or DCO are not trusted, or one stands in for the other', () => {
    expect(codeOf(countersigned(PLAIN, foreignKeys, keys))).toBe('supplierSignatureBad');
    expect(codeOf(countersigned(PLAIN, keys, foreignKeys))).toBe('countersignatureBad');
    const swapped: RoleKeys = { ...keys, supplier: keys.dco, dco: keys.supplier };
    expect(codeOf(countersigned(PLAIN, swapped, keys))).toBe('supplierSignatureBad');
    expect(codeOf(countersigned(PLAIN, keys, swapped))).toBe('countersignatureBad');
    expect(run(verifyAuthorisation(countersigned(), { supplier: trust.supplier, dco: [] }))).toMatchObject({
      ok: false,
    });
  });

  it('is refused with the high twin of either signature', () => {
    const source = countersigned();
    expect(codeOf(concat(source.subarray(0, 104), withOtherS(source.subarray(104, 168)), source.subarray(168)))).toBe(
      'supplierSignatureBad',
    );
    expect(codeOf(concat(source.subarray(0, 168), withOtherS(source.subarray(168))))).toBe('countersignatureBad');
  });

  it('has a countersignature that covers the signature of the supplier', () => {
    const [first, second] = [countersigned(), countersigned()];
    expect(first.subarray(0, 104)).toEqual(second.subarray(0, 104));
    expect(codeOf(concat(first.subarray(0, 168), second.subarray(168)))).toBe('countersignatureBad');
  });

  it('can be checked for the supplier alone before it is countersigned', () => {
    const waiting = run(signAuthorisation(PLAIN));
    expect(waiting).toHaveLength(168);
    expect(run(verifySupplierSignature(waiting, trust.supplier))).toMatchObject({
      ok: true,
      value: { countersigned: false },
    });
    expect(run(verifySupplierSignature(countersigned(), trust.supplier))).toMatchObject({
      ok: true,
      value: { countersigned: true },
    });
    expect(run(verifySupplierSignature(waiting, trust.dco))).toMatchObject({
      ok: false,
      fault: { code: 'supplierSignatureBad' },
    });
  });

  it('is not signed with fields out of their bounds, nor countersigned twice', () => {
    const misuse: Partial<AuthorisationFields>[] = [
      { originatorCounter: 0n },
      { originatorCounter: ORIGINATOR_COUNTER_MAX + 1n },
      { notBeforeS: 2, notAfterS: 1 },
      { deviceId: new Uint8Array(7) },
      { notAfterS: 2 ** 32 },
    ];
    for (const fault of misuse)
      expect(() => run(signAuthorisation({ ...PLAIN, ...fault }))).toThrow(LocalProtocolError);
    expect(() => run(countersign(countersigned()))).toThrow(LocalProtocolError);
    expect(() => run(countersign(new Uint8Array(168)))).toThrow(LocalProtocolError);
  });

  it.each<[string, number, number, string]>([
    ['another magic', 3, 0x56, 'authorisationMalformed'],
    ['major 2', 4, 2, 'unsupportedVersion'],
    ['minor 1', 5, 1, 'authorisationMalformed'],
    ['a reserved octet', 7, 1, 'authorisationMalformed'],
    ['a counter above 2^63 - 1', 95, 0x80, 'authorisationMalformed'],
    ['counter 0', 88, 0, 'authorisationMalformed'],
    ['an end before its beginning', 103, 0, 'authorisationMalformed'],
  ])('with %s is refused by its structure', (_, at, value, code) => {
    const source = countersigned({ ...PLAIN, notBeforeS: 0x01000000 });
    source[at] = value;
    expect(decodeAuthorisation(source)).toMatchObject({ ok: false, fault: { code } });
  });
});
