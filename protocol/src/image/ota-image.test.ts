import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLowS, withLowS, withOtherS } from '../authorisation/signature.js';
import { LocalProtocolError } from '../errors.js';
import { asciiOctets, toHex } from '../layout/octets.js';
import { IMAGE_BYTES_MAX, LARGE_IMAGE_BYTES } from '../limits.js';
import { foreignKeys, keys, nodeCrypto, run } from '../test-support/node-crypto.test-support.js';
import { decodeOtaHeader, encodeOtaHeader, type OtaHeader } from './ota-header.js';
import {
  buildOtaImage,
  isLargeImage,
  manufacturerImageHash,
  readOtaImage,
  verifyOtaImage,
  type OtaImageFields,
} from './ota-image.js';

const PLAIN = {
  manufacturerCode: 0x121d,
  imageType: 1,
  fileVersion: 0x00020001,
  hardwareMin: 0x1111,
  hardwareMax: 0x1211,
};
const supplierKeys = [keys.supplier.publicKey];

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const ranged = fc.tuple(u16, u16).map(([a, b]) => ({ hardwareMin: Math.min(a, b), hardwareMax: Math.max(a, b) }));
const fields: fc.Arbitrary<OtaImageFields> = fc
  .record({
    manufacturerImage: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    manufacturerCode: u16,
    imageType: u16,
    fileVersion: u32,
    headerString: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    range: ranged,
  })
  .map(({ range, ...rest }) => ({ ...rest, ...range }));

/**
 * Origin: `11.1_UPDATE_FIRMWARE_REQUEST_DUIS.XML` of @smartdcc/duis-templates, signed by certificate 105986833131214866166891566273223584671 of
 * entity 90B3D51F30010000 in @smartdcc/dccboxed-keystore. Read here, never copied: both are GPL.
 */
describe('the image in the DUIS sample of GBCS tooling', () => {
  const octets = sampleImage();
  const supplierKey = sampleSupplierKey();

  it('has the fields that its header is known to state', () => {
    const image = readOtaImage(octets);
    expect(octets).toHaveLength(361);
    expect(image).toMatchObject({
      ok: true,
      value: {
        header: {
          manufacturerCode: 0x121d,
          imageType: 0,
          fileVersion: 0xacdcacdc,
          totalBytes: 361,
          hardwareMin: 0x1111,
          hardwareMax: 0x1211,
          headerString: asciiOctets('I am a GFI ESME[] firmware image'),
        },
      },
    });
    expect(image.ok && image.value.manufacturerImage).toHaveLength(235);
  });

  it('verifies with the certificate of its supplier, although its s is high, and has the known hash', () => {
    const image = run(verifyOtaImage(octets, [supplierKey]));
    expect(image.ok && toHex(image.value.imageHash)).toBe(
      '7542F475E3F12EAE887D81E32C46D313741D67076B13CAEC2F82E00BA5E1BB36',
    );
    expect(image.ok && isLowS(image.value.gbcsSignature)).toBe(false);
    expect(run(verifyOtaImage(octets, supplierKeys))).toMatchObject({ ok: false, fault: { code: 'gbcsSignature' } });
  });

  it('is signed over the Manufacturer Image and over no other range', () => {
    const signature = octets.subarray(297);
    const holding: string[] = [];
    for (const from of [0, 1, 4, 20, 52, 59, 60, 61]) {
      for (const to of [294, 295, 296, 297, 361]) {
        if (nodeCrypto.verify(supplierKey, octets.subarray(from, to), signature, 'either'))
          holding.push(`${from}-${to}`);
      }
    }
    expect(holding).toEqual(['60-295']);
  });

  it('is written again octet by octet from what was read', () => {
    const image = readOtaImage(octets);
    if (!image.ok) throw new Error(image.fault.detail);
    expect(encodeOtaHeader(image.value.header)).toEqual(octets.subarray(0, 60));
    const built = run(buildOtaImage({ ...image.value.header, manufacturerImage: image.value.manufacturerImage }));
    expect(built.subarray(0, 297)).toEqual(octets.subarray(0, 297));
  });
});

describe('an OTA Upgrade Image', () => {
  it('gives back what was built', () => {
    fc.assert(
      fc.property(fields, (given) => {
        const read = run(verifyOtaImage(run(buildOtaImage(given)), supplierKeys));
        const { manufacturerImage, ...header } = given;
        expect(read).toMatchObject({ ok: true, value: { header, manufacturerImage } });
        expect(read.ok && read.value.imageHash).toEqual(run(manufacturerImageHash(manufacturerImage)));
      }),
    );
  });

  it('is refused with any single bit flipped outside the header fields that only a manifest protects', () => {
    fc.assert(
      fc.property(fields, fc.nat(), (given, at) => {
        const octets = run(buildOtaImage(given));
        const bit = at % (octets.length * 8);
        const offset = bit >> 3;
        const free = (offset >= 10 && offset < 18) || (offset >= 20 && offset < 52) || (offset >= 56 && offset < 60);
        fc.pre(!free);
        octets[offset]! ^= 1 << (bit & 7);
        expect(run(verifyOtaImage(octets, supplierKeys)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused when cut anywhere, or with an octet more', () => {
    const octets = run(buildOtaImage({ ...PLAIN, manufacturerImage: Uint8Array.of(1, 2, 3) }));
    for (let bytes = 0; bytes < octets.length; bytes++) {
      expect(readOtaImage(octets.subarray(0, bytes))).toMatchObject({ ok: false, fault: { code: 'truncated' } });
    }
    const longer = new Uint8Array(octets.length + 1);
    longer.set(octets);
    expect(readOtaImage(longer)).toMatchObject({ ok: false, fault: { code: 'trailingOctets' } });
  });

  it('never throws, whatever the file holds', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => void readOtaImage(noise)));
    fc.assert(fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), (noise) => void decodeOtaHeader(noise)));
  });

  it('is refused when signed by another supplier', () => {
    const octets = run(buildOtaImage({ ...PLAIN, manufacturerImage: Uint8Array.of(1) }), foreignKeys);
    expect(run(verifyOtaImage(octets, supplierKeys))).toMatchObject({ ok: false, fault: { code: 'gbcsSignature' } });
    expect(run(verifyOtaImage(octets, []))).toMatchObject({ ok: false, fault: { code: 'gbcsSignature' } });
    expect(run(verifyOtaImage(octets, [keys.supplier.publicKey, foreignKeys.supplier.publicKey]))).toMatchObject({
      ok: true,
    });
  });

  it('verifies with low s and with high s', () => {
    const octets = run(buildOtaImage({ ...PLAIN, manufacturerImage: Uint8Array.of(1, 2) }));
    const low = withLowS(octets.slice(-64));
    expect(isLowS(octets.subarray(-64))).toBe(true);
    for (const signature of [low, withOtherS(low)]) {
      octets.set(signature, octets.length - 64);
      expect(run(verifyOtaImage(octets, supplierKeys))).toMatchObject({ ok: true });
    }
  });

  it('is not built from fields out of their bounds', () => {
    const misuse: Partial<OtaImageFields>[] = [
      { manufacturerImage: new Uint8Array(0) },
      { manufacturerImage: new Uint8Array(IMAGE_BYTES_MAX + 1) },
      { hardwareMin: 2, hardwareMax: 1 },
      { manufacturerCode: 0x10000 },
      { fileVersion: -1 },
      { headerString: new Uint8Array(31) },
    ];
    for (const fault of misuse) {
      expect(() => run(buildOtaImage({ ...PLAIN, manufacturerImage: Uint8Array.of(1), ...fault }))).toThrow(
        LocalProtocolError,
      );
    }
  });
});

describe('an OTA header', () => {
  const header: OtaHeader = { ...PLAIN, headerString: new Uint8Array(32), totalBytes: 127 };

  it.each([
    ['file identifier', 0, 'malformed'],
    ['header version', 4, 'malformed'],
    ['header length', 6, 'malformed'],
    ['field control', 8, 'malformed'],
    ['Zigbee stack version', 18, 'malformed'],
    ['minimum hardware version above the maximum', 57, 'malformed'],
    ['total image size', 54, undefined],
    ['total image size beyond the largest image', 55, 'badLength'],
  ])('with another %s is answered rightly', (_, at, code) => {
    const octets = encodeOtaHeader(header);
    octets[at]! ^= 0x80;
    const decoded = decodeOtaHeader(octets);
    expect(decoded.ok ? undefined : decoded.fault.code).toBe(code);
  });

  it('has 60 octets', () => {
    const octets = encodeOtaHeader(header);
    expect(decodeOtaHeader(octets.subarray(1))).toMatchObject({ ok: false, fault: { code: 'truncated' } });
    expect(decodeOtaHeader(Uint8Array.of(...octets, 0))).toMatchObject({
      ok: false,
      fault: { code: 'trailingOctets' },
    });
  });

  it('states the size of an image of one octet at least', () => {
    expect(decodeOtaHeader(encodeOtaHeader(header))).toEqual({ ok: true, value: header });
    const octets = encodeOtaHeader(header);
    octets[52] = 126;
    expect(decodeOtaHeader(octets)).toMatchObject({ ok: false, fault: { code: 'badLength' } });
  });
});

describe('a large image', () => {
  it('has more than 750,000 octets, unless another threshold is given', () => {
    expect(LARGE_IMAGE_BYTES).toBe(750_000);
    expect(isLargeImage(750_000)).toBe(false);
    expect(isLargeImage(750_001)).toBe(true);
    expect(isLargeImage(1_001, 1_000)).toBe(true);
    expect(isLargeImage(1_000, 1_000)).toBe(false);
  });

  it('is counted over the OTA Upgrade Image, not the Manufacturer Image', () => {
    const built = (imageBytes: number): number =>
      run(buildOtaImage({ ...PLAIN, manufacturerImage: new Uint8Array(imageBytes) })).length;
    expect(isLargeImage(built(750_000 - 126))).toBe(false);
    expect(isLargeImage(built(750_000 - 125))).toBe(true);
  });
});

function packageFile(name: string, file: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return readFileSync(join(dirname(manifest), file), 'utf8');
}

function sampleImage(): Uint8Array {
  const request = packageFile('@smartdcc/duis-templates', 'templates/11.1_UPDATE_FIRMWARE_REQUEST_DUIS.XML');
  const base64 = /<sr:FirmwareImage>([^<]+)</.exec(request)?.[1] ?? '';
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function sampleSupplierKey(): Uint8Array {
  interface Entry {
    readonly certificate: string;
  }
  const store = JSON.parse(packageFile('@smartdcc/dccboxed-keystore', 'keystore.json')) as Readonly<
    Record<string, { readonly digitalSignature?: Readonly<Record<string, Entry>> }>
  >;
  const entry = store['90b3d51f30010000']?.digitalSignature?.['105986833131214866166891566273223584671'];
  if (entry === undefined) throw new Error('the keystore has no such certificate');
  const jwk = new X509Certificate(entry.certificate).publicKey.export({ format: 'jwk' });
  return Uint8Array.from([4, ...Buffer.from(jwk.x ?? '', 'base64url'), ...Buffer.from(jwk.y ?? '', 'base64url')]);
}
