import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withOtherS } from '../authorisation/signature.js';
import { LocalProtocolError } from '../errors.js';
import { decodeOtaHeader, encodeOtaHeader } from '../image/ota-header.js';
import { otaImageBytes } from '../image/ota-image.js';
import { concat } from '../layout/octets.js';
import { BLOCK_COUNT_MAX, IMAGE_BYTES_MAX } from '../limits.js';
import { foreignKeys, keys, nodeCrypto, run, trust } from '../test-support/node-crypto.test-support.js';
import {
  blockBytes,
  blockCountOf,
  blockPayloadBytes,
  checkOtaHeader,
  decodeManifest,
  manifestDigest,
  signManifest,
  verifyManifest,
  type Manifest,
  type ManifestFields,
} from './manifest.js';

const HEADER = {
  manufacturerCode: 0x121d,
  imageType: 1,
  fileVersion: 0x00020001,
  hardwareMin: 0x1111,
  hardwareMax: 0x1211,
  headerString: new Uint8Array(32),
  totalBytes: otaImageBytes(600),
};
const HEADER_OCTETS = encodeOtaHeader(HEADER);
const PLAIN: ManifestFields = {
  blockShift: 8,
  imageBytes: 600,
  manufacturerCode: HEADER.manufacturerCode,
  imageType: HEADER.imageType,
  fileVersion: HEADER.fileVersion,
  hardwareMin: HEADER.hardwareMin,
  hardwareMax: HEADER.hardwareMax,
  deviceClass: 1,
  securityCounter: 7,
  applicableFromMin: 0,
  applicableFromMax: 0x00020000,
  imageHash: new Uint8Array(32).fill(0xaa),
  otaHeaderHash: nodeCrypto.sha256([HEADER_OCTETS]),
  keyId: keyIdOf(keys.manufacturer.publicKey),
};
const signed = (given: Partial<ManifestFields> = {}): Manifest => run(signManifest({ ...PLAIN, ...given }));

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const ordered = (value: fc.Arbitrary<number>): fc.Arbitrary<readonly [number, number]> =>
  fc.tuple(value, value).map(([a, b]) => (a < b ? [a, b] : [b, a]));
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const manifestFields: fc.Arbitrary<ManifestFields> = fc
  .record({
    blockShift: fc.integer({ min: 8, max: 16 }),
    imageBytes: fc.integer({ min: 1, max: IMAGE_BYTES_MAX }),
    manufacturerCode: u16,
    imageType: u16,
    fileVersion: u32,
    hardware: ordered(u16),
    deviceClass: u16,
    securityCounter: u32,
    applicable: ordered(u32),
    imageHash: hash,
    otaHeaderHash: hash,
    label: fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { nil: undefined }),
  })
  .map(({ hardware, applicable, label, ...rest }) => ({
    ...rest,
    keyId: PLAIN.keyId,
    hardwareMin: hardware[0],
    hardwareMax: hardware[1],
    applicableFromMin: applicable[0],
    applicableFromMax: applicable[1],
    ...(label === undefined || new TextEncoder().encode(label).length > 64 ? {} : { label }),
  }));

describe('a manifest', () => {
  it('gives back what was signed', () => {
    fc.assert(
      fc.property(manifestFields, (fields) => {
        const manifest = run(signManifest(fields));
        const decoded = decodeManifest(manifest.octets);
        expect(decoded).toEqual({ ok: true, value: manifest });
        expect(manifest).toMatchObject({ ...fields, blockCount: blockCountOf(fields.imageBytes, fields.blockShift) });
        expect(run(verifyManifest(manifest, trust.manufacturer))).toMatchObject({ ok: true, value: { manifest } });
      }),
    );
  });

  it('is refused with any single bit flipped, by structure or by signature', () => {
    fc.assert(
      fc.property(manifestFields, fc.nat(), (fields, at) => {
        const { octets } = run(signManifest(fields));
        const bit = at % (octets.length * 8);
        octets[bit >> 3]! ^= 1 << (bit & 7);
        const decoded = decodeManifest(octets);
        expect(decoded.ok && run(verifyManifest(decoded.value, trust.manufacturer)).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, whatever stands for it', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => void decodeManifest(noise)));
    const { octets } = signed({ label: 'x' });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat({ max: octets.length - 1 }), (noise, at) => {
        const spoilt = octets.slice();
        spoilt.set(noise.subarray(0, octets.length - at), at);
        decodeManifest(spoilt);
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not keep the octets it was read from', () => {
    const source = signed().octets.slice();
    const decoded = decodeManifest(source);
    source.fill(0);
    expect(decoded.ok && run(verifyManifest(decoded.value, trust.manufacturer)).ok).toBe(true);
  });

  // Each case changes one field only, and signs nothing again: structure comes before signature.
  it.each<[string, (octets: Uint8Array) => void, string]>([
    ['another magic', (o) => (o[3] = 0x47), 'malformed'],
    ['major 2', (o) => (o[4] = 2), 'unsupportedVersion'],
    ['major 0', (o) => (o[4] = 0), 'unsupportedVersion'],
    ['a length below the smallest', (o) => put16(o, 6, 187), 'malformed'],
    ['a length above the largest', (o) => put16(o, 6, 1_025), 'malformed'],
    ['a length beyond its octets', (o) => put16(o, 6, 189), 'truncated'],
    ['profile 2', (o) => (o[8] = 2), 'unsupportedProfile'],
    ['encoding 1', (o) => (o[9] = 1), 'unsupportedEncoding'],
    ['blocks of 128 octets', (o) => (o[10] = 7), 'malformed'],
    ['blocks of 128 KiB', (o) => (o[10] = 17), 'malformed'],
    ['a reserved octet', (o) => (o[11] = 1), 'malformed'],
    ['a block too many', (o) => put32(o, 12, 4), 'malformed'],
    ['a block too few', (o) => put32(o, 12, 2), 'malformed'],
    ['an image of no octets', (o) => (put32(o, 12, 0), put32(o, 16, 0), put32(o, 20, 0)), 'malformed'],
    [
      'an image too large',
      (o) => (put32(o, 12, 40_001), put32(o, 16, IMAGE_BYTES_MAX + 1), put32(o, 20, IMAGE_BYTES_MAX + 1)),
      'malformed',
    ],
    ['another decoded size', (o) => put32(o, 20, 601), 'malformed'],
    ['an empty hardware range', (o) => put16(o, 32, 0x1212), 'malformed'],
    ['a reserved pair', (o) => put16(o, 38, 0x100), 'malformed'],
    ['an empty version range', (o) => put32(o, 44, 0x00020001), 'malformed'],
    ['another device class', (o) => put16(o, 36, 2), 'badSignature'],
    ['a later minor version', (o) => (o[5] = 1), 'badSignature'],
    ['another key id', (o) => (o[116]! ^= 1), 'unknownKey'],
  ])('with %s is refused', (_, spoil, code) => {
    const octets = signed().octets.slice();
    spoil(octets);
    const decoded = decodeManifest(octets);
    const answer = decoded.ok ? run(verifyManifest(decoded.value, trust.manufacturer)) : decoded;
    expect(answer).toMatchObject({ ok: false, fault: { code } });
  });

  it('is refused when cut anywhere, or with an octet more', () => {
    const { octets } = signed({ label: 'x' });
    for (let bytes = 0; bytes < octets.length; bytes++) {
      expect(decodeManifest(octets.subarray(0, bytes))).toMatchObject({ ok: false, fault: { code: 'truncated' } });
    }
    expect(decodeManifest(concat(octets, Uint8Array.of(0)))).toMatchObject({
      ok: false,
      fault: { code: 'trailingOctets', detail: expect.stringMatching(/^1 octets/) as string },
    });
  });

  it('may be for one hardware version and one running version only', () => {
    const one = { hardwareMin: 0x1111, hardwareMax: 0x1111, applicableFromMin: 7, applicableFromMax: 7 };
    expect(decodeManifest(signed(one).octets)).toMatchObject({ ok: true, value: one });
  });

  it('of another major version is refused as that, whatever else it holds', () => {
    const octets = new Uint8Array(188).fill(0xff);
    octets.set([0x53, 0x31, 0x4d, 0x46, 2]);
    expect(decodeManifest(octets)).toMatchObject({ ok: false, fault: { code: 'unsupportedVersion' } });
  });

  it('of a later minor version is taken when it is signed', () => {
    const octets = signed().octets.slice();
    octets[5] = 9;
    expect(decodeManifest(resigned(octets))).toMatchObject({ ok: true, value: { minor: 9 } });
  });

  it('with the high twin of its signature is refused', () => {
    const { octets } = signed();
    const high = concat(octets.subarray(0, octets.length - 64), withOtherS(octets.subarray(octets.length - 64)));
    const decoded = decodeManifest(high);
    expect(decoded.ok && run(verifyManifest(decoded.value, trust.manufacturer))).toMatchObject({
      ok: false,
      fault: { code: 'badSignature' },
    });
  });

  it('signed in another role, or without its context, is refused', () => {
    const bodyOf = (m: Manifest): Uint8Array => m.octets.subarray(0, m.signedOctets);
    const manifest = signed();
    for (const [role, message] of [
      ['supplier', concat(CONTEXT, bodyOf(manifest))],
      ['manufacturer', bodyOf(manifest)],
    ] as const) {
      const decoded = decodeManifest(concat(bodyOf(manifest), signAs(role, message)));
      expect(decoded.ok && run(verifyManifest(decoded.value, trust.manufacturer))).toMatchObject({
        ok: false,
        fault: { code: 'badSignature' },
      });
    }
  });

  it('has one digest, whoever signs it how often', () => {
    const first = signed();
    const again = signed();
    expect(again.octets).not.toEqual(first.octets);
    expect(run(manifestDigest(again))).toEqual(run(manifestDigest(first)));
    expect(run(manifestDigest(signed({ securityCounter: 8 })))).not.toEqual(run(manifestDigest(first)));
    const verified = run(verifyManifest(first, trust.manufacturer));
    expect(verified.ok && verified.value.digest).toEqual(run(manifestDigest(first)));
  });

  it('is checked with the key that it names, among those trusted', () => {
    const both = [foreignKeys.manufacturer.publicKey, keys.manufacturer.publicKey];
    const verified = run(verifyManifest(signed(), both));
    expect(verified.ok && verified.value.manufacturerKey).toBe(both[1]);
    expect(run(verifyManifest(signed(), []))).toMatchObject({ ok: false, fault: { code: 'unknownKey' } });
    expect(run(verifyManifest(signed(), trust.supplier))).toMatchObject({ ok: false, fault: { code: 'unknownKey' } });
  });

  it('is not signed with fields out of their bounds', () => {
    const misuse: Partial<ManifestFields>[] = [
      { blockShift: 7 },
      { blockShift: 8.5 },
      { imageBytes: 0 },
      { imageBytes: IMAGE_BYTES_MAX + 1 },
      { hardwareMin: 2, hardwareMax: 1 },
      { applicableFromMin: 2, applicableFromMax: 1 },
      { securityCounter: 2 ** 32 },
      { imageHash: new Uint8Array(31) },
      { label: '' },
      { label: '\u{1f4a1}'.repeat(17) },
      { label: '\ud800' },
    ];
    for (const fault of misuse) expect(() => signed(fault), JSON.stringify(fault)).toThrow(LocalProtocolError);
  });
});

describe('the TLVs of a manifest', () => {
  const tlv = (type: number, ...value: number[]): number[] => [
    type & 0xff,
    type >> 8,
    value.length & 0xff,
    value.length >> 8,
    ...value,
  ];

  it.each<[string, number[], string | undefined]>([
    ['a label', tlv(1, 0x61), undefined],
    ['a label of 64 octets', tlv(1, ...Array.from({ length: 64 }, () => 0x61)), undefined],
    ['a label of 65 octets', tlv(1, ...Array.from({ length: 65 }, () => 0x61)), 'malformed'],
    ['an empty label', tlv(1), 'malformed'],
    ['a label that is not UTF-8', tlv(1, 0xc3, 0x28), 'malformed'],
    ['a label of an overlong form', tlv(1, 0xc0, 0xaf), 'malformed'],
    ['half a surrogate pair as label', tlv(1, 0xed, 0xa0, 0x80), 'malformed'],
    ['an unknown field', tlv(2, 1, 2, 3), undefined],
    ['an unknown field of no octets', tlv(0x7fff), undefined],
    ['type 0', tlv(0, 1), undefined],
    ['an unknown critical field', tlv(0x8001, 1), 'unknownCriticalField'],
    ['an unknown critical field after a label', [...tlv(1, 0x61), ...tlv(0xffff)], 'unknownCriticalField'],
    ['ascending types', [...tlv(1, 0x61), ...tlv(2), ...tlv(9)], undefined],
    ['one type twice', [...tlv(2), ...tlv(2)], 'malformed'],
    ['descending types', [...tlv(2), ...tlv(1, 0x61)], 'malformed'],
    ['a value that runs into the signature', [2, 0, 3, 0, 1, 2], 'malformed'],
    ['half a head', [2, 0, 0], 'malformed'],
    ['as many octets as a manifest may have', tlv(2, ...Array.from({ length: 832 }, () => 0)), undefined],
    ['an octet more than that', tlv(2, ...Array.from({ length: 833 }, () => 0)), 'malformed'],
  ])('with %s are answered rightly', (_, tail, code) => {
    const plain = signed().octets;
    const octets = concat(plain.subarray(0, 124), Uint8Array.from(tail), new Uint8Array(64));
    put16(octets, 6, octets.length);
    const decoded = decodeManifest(resigned(octets));
    expect(decoded.ok ? undefined : decoded.fault.code).toBe(code);
    if (decoded.ok) expect(run(verifyManifest(decoded.value, trust.manufacturer)).ok).toBe(true);
  });
});

describe('the OTA header of a manifest', () => {
  it('is the one whose hash it gives', () => {
    expect(run(checkOtaHeader(signed(), HEADER_OCTETS))).toEqual(decodeOtaHeader(HEADER_OCTETS));
    const other = encodeOtaHeader({ ...HEADER, headerString: new Uint8Array(32).fill(1) });
    expect(run(checkOtaHeader(signed(), other))).toMatchObject({ ok: false, fault: { code: 'otaHeaderMismatch' } });
    expect(run(checkOtaHeader(signed(), HEADER_OCTETS.subarray(1)))).toMatchObject({ ok: false });
  });

  it.each([
    { manufacturerCode: 1 },
    { imageType: 2 },
    { fileVersion: 3 },
    { hardwareMin: 4 },
    { hardwareMax: 0x1212 },
    { imageBytes: 601 },
  ])('agrees with it field by field: $0', (fields) => {
    expect(run(checkOtaHeader(signed(fields), HEADER_OCTETS))).toMatchObject({
      ok: false,
      fault: { code: 'otaHeaderMismatch' },
    });
  });

  it('is an OTA header, even when its hash agrees', () => {
    const noise = new Uint8Array(60).fill(3);
    const manifest = signed({ otaHeaderHash: nodeCrypto.sha256([noise]) });
    expect(run(checkOtaHeader(manifest, noise))).toMatchObject({ ok: false, fault: { code: 'otaHeaderMismatch' } });
  });
});

describe('the geometry of a manifest', () => {
  it('covers the image with whole blocks and a last one of at least an octet', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 16 }),
        fc.integer({ min: 1, max: IMAGE_BYTES_MAX }),
        (blockShift, imageBytes) => {
          const geometry = { blockShift, imageBytes, blockCount: blockCountOf(imageBytes, blockShift) };
          const last = geometry.blockCount - 1;
          expect(last).toBeLessThan(BLOCK_COUNT_MAX);
          expect(blockPayloadBytes(geometry, last)).toBeGreaterThanOrEqual(1);
          if (last > 0) expect(blockPayloadBytes(geometry, 0)).toBe(2 ** blockShift);
          expect(last * 2 ** blockShift + blockPayloadBytes(geometry, last)).toBe(imageBytes);
          expect(blockBytes(geometry, last)).toBe(blockPayloadBytes(geometry, last) + 64);
        },
      ),
    );
  });

  it('has no block beyond the last', () => {
    for (const index of [-1, 3, 0.5, Number.NaN]) expect(() => blockBytes(signed(), index)).toThrow(LocalProtocolError);
  });
});

const CONTEXT = new TextEncoder().encode('smets1-ota/manifest/1\0');

function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return nodeCrypto.sha256([publicKey]).subarray(0, 8);
}

function signAs(role: 'manufacturer' | 'supplier', message: Uint8Array): Uint8Array {
  return run(
    (function* () {
      return (yield { kind: 'sign', role, message }) as Uint8Array;
    })(),
  );
}

/** The same octets under a signature that holds. */
function resigned(octets: Uint8Array): Uint8Array {
  const body = octets.subarray(0, octets.length - 64);
  return concat(body, signAs('manufacturer', concat(CONTEXT, body)));
}

function put16(octets: Uint8Array, at: number, value: number): void {
  new DataView(octets.buffer, octets.byteOffset).setUint16(at, value, true);
}

function put32(octets: Uint8Array, at: number, value: number): void {
  new DataView(octets.buffer, octets.byteOffset).setUint32(at, value, true);
}
