/**
 * Goal: nothing that is not exactly what manufacturer and supplier signed comes out of a package as verified.
 * Method: packages of all geometries are built, taken apart, spoilt, spliced and put together again. Every single bit of one package is
 * flipped by `npm run check:corruption`; here bits of many packages are sampled.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withOtherS } from '../authorisation/signature.js';
import { runTask, type CryptoPort } from '../crypto-port.js';
import { LocalProtocolError } from '../errors.js';
import { crc32 } from '../layout/crc.js';
import { concat } from '../layout/octets.js';
import {
  benchOtaImage,
  benchPackage,
  benchPackageTask,
  imageOf,
  type BenchFields,
} from '../test-support/bench-package.test-support.js';
import { foreignKeys, keys, nodeCrypto, run, signer, trust } from '../test-support/node-crypto.test-support.js';
import { blockMessage, signBlock, verifyBlock } from './block.js';
import { buildPackage } from './build.js';
import { readContainer, type Container } from './container.js';
import { verifyPackage, verifyPart, type VerifiedPackage } from './verify.js';

const benchFields: fc.Arbitrary<BenchFields> = fc
  .record({
    blockShift: fc.integer({ min: 8, max: 11 }),
    imageBytes: fc.integer({ min: 1, max: 1_200 }),
    seed: fc.nat({ max: 255 }),
    securityCounter: fc.nat(),
    label: fc.constantFrom(undefined, 'for people'),
  })
  .map(({ imageBytes, seed, label, ...rest }) => ({
    ...rest,
    manufacturerImage: imageOf(imageBytes, seed),
    ...(label === undefined ? {} : { label }),
  }));

describe('a package', () => {
  it('gives back the image that went in, and what was signed', () => {
    fc.assert(
      fc.property(benchFields, (fields) => {
        const value = verified(benchPackage(fields));
        expect(value.manufacturerImage()).toEqual(fields.manufacturerImage);
        expect(value.imageHash).toEqual(nodeCrypto.sha256([fields.manufacturerImage!]));
        expect(value.manifest).toMatchObject({
          blockShift: fields.blockShift,
          securityCounter: fields.securityCounter,
        });
        expect(value.manifest.label).toBe(fields.label);
        expect(value.header).toMatchObject({ manufacturerCode: 0x121d, fileVersion: 0x00020001 });
        expect(value.blocks).toHaveLength(value.manifest.blockCount);
      }),
    );
  });

  it('is refused with any single bit flipped, its CRCs repaired or not', () => {
    fc.assert(
      fc.property(benchFields, fc.nat(), fc.boolean(), (fields, at, repair) => {
        const octets = benchPackage(fields);
        const bit = at % (octets.length * 8);
        const spoilt = octets.slice();
        spoilt[bit >> 3]! ^= 1 << (bit & 7);
        if (repair) repairCrcs(spoilt, octets);
        fc.pre(Buffer.compare(spoilt, octets) !== 0); // the flipped bit was one of a CRC
        expect(run(verifyPackage(spoilt, trust)).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused when cut anywhere, or with an octet more', () => {
    const octets = benchPackage();
    for (let bytes = 0; bytes < octets.length; bytes++) {
      expect(readContainer(octets.subarray(0, bytes))).toMatchObject({ ok: false, fault: { code: 'truncated' } });
    }
    expect(readContainer(concat(octets, Uint8Array.of(0)))).toMatchObject({
      ok: false,
      fault: { code: 'trailingOctets' },
    });
  });

  it('never throws, whatever the file holds', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => void run(verifyPackage(noise, trust))));
    const octets = benchPackage();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat({ max: 400 }), (noise, at) => {
        const spoilt = octets.slice();
        spoilt.set(noise, at);
        repairCrcs(spoilt, octets);
        run(verifyPackage(spoilt, trust));
        run(verifyPart(spoilt, trust));
      }),
      { numRuns: 500 },
    );
  });

  it('costs one hash of the image, one signature check a block and two more', () => {
    const octets = benchPackage({ manufacturerImage: imageOf(40_000), blockShift: 12 });
    let hashedBytes = 0;
    let checks = 0;
    const counting: CryptoPort = {
      sha256(chunks) {
        hashedBytes += chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        return nodeCrypto.sha256(chunks);
      },
      verify(...request) {
        checks++;
        return nodeCrypto.verify(...request);
      },
    };
    expect(runTask(verifyPackage(octets, trust), counting)).toMatchObject({ ok: true });
    expect(checks).toBe(10 + 2);
    expect(hashedBytes).toBeLessThan(40_000 + 1_000);
    hashedBytes = 0;
    const otaImage = benchOtaImage({ manufacturerImage: imageOf(40_000) });
    runTask(
      buildPackage({ otaImage, manufacturerKey: keys.manufacturer.publicKey, securityCounter: 1 }),
      counting,
      signer,
    );
    expect(hashedBytes).toBeLessThan(40_000 + 1_000);
  });

  it('signed by others is refused, for whichever of them is not trusted', () => {
    const code = (octets: Uint8Array): string | undefined => faultOf(octets)?.code;
    expect(code(benchPackage({}, foreignKeys))).toBe('unknownKey');
    expect(code(benchPackage({}, { ...keys, manufacturer: foreignKeys.manufacturer }))).toBe('unknownKey');
    expect(code(benchPackage({}, { ...keys, supplier: foreignKeys.supplier }))).toBe('gbcsSignature');
  });

  it('is taken with either s of the GBCS signature, and refused with the high s of a block', () => {
    const octets = benchPackage();
    const { gbcsSignature, blocks } = contained(octets);
    const twinned = (signature: Uint8Array): Uint8Array => {
      const copy = octets.slice();
      copy.set(withOtherS(signature), signature.byteOffset - octets.byteOffset);
      repairCrcs(copy, octets);
      return copy;
    };
    expect(faultOf(twinned(gbcsSignature))).toBeUndefined();
    expect(faultOf(twinned(blocks[1]!.subarray(256)))).toMatchObject({ code: 'blockSignature', block: 1 });
  });

  it('names the block that a spoilt octet is in', () => {
    const octets = benchPackage();
    const { blocks } = contained(octets);
    octets[blocks[2]!.byteOffset - octets.byteOffset] = 0xff;
    expect(faultOf(octets)).toMatchObject({ code: 'badCrc', block: 2 });
  });

  it('is no part, and a part is no package', () => {
    const octets = benchPackage();
    expect(run(verifyPart(octets, trust))).toMatchObject({ ok: false, fault: { code: 'unknownKind' } });
    const part = octets.slice();
    part[6] = 2;
    repairCrcs(part, octets);
    expect(faultOf(part)).toMatchObject({ code: 'unknownKind' });
    expect(run(verifyPart(part, trust))).toMatchObject({ ok: true, value: { whole: true } });
  });

  it('whose blocks make another image than its manifest says is refused', () => {
    const [manifest, image] = [benchPackage(), benchOtaImage()];
    expect(faultOf(forged(manifest, { payload: imageOf(600, 9), digestOf: manifest }))?.code).toBe('imageHashMismatch');
    expect(faultOf(forged(manifest, { payload: imageOf(600), digestOf: manifest }))).toBeUndefined();
    expect(image.subarray(60, 660)).toEqual(imageOf(600));
  });

  it.each<[string, number, number, string]>([
    ['another magic', 0, 0x54, 'malformed'],
    ['major 2', 4, 2, 'unsupportedVersion'],
    ['minor 1', 5, 1, 'unsupportedVersion'],
    ['kind 3', 6, 3, 'unknownKind'],
    ['a reserved octet', 7, 1, 'malformed'],
    ['a first block', 12, 1, 'malformed'],
    ['fewer blocks than the image has', 16, 2, 'malformed'],
    ['no blocks', 16, 0, 'malformed'],
    ['a manifest too short', 20, 187, 'badLength'],
    ['a manifest that ends early', 20, 189, 'badLength'],
    ['a reserved pair', 23, 1, 'malformed'],
  ])('with %s is refused though its CRCs are right', (_, at, value, code) => {
    const octets = benchPackage();
    const spoilt = octets.slice();
    spoilt[at] = value;
    repairCrcs(spoilt, octets);
    if (at === 20) putCrc(spoilt, 0, 24 + value + 124);
    expect(faultOf(spoilt)).toMatchObject({ code });
  });

  it('that states its own length wrongly is refused', () => {
    const octets = benchPackage();
    const longer = concat(octets, new Uint8Array(8));
    longer[8]! += 8;
    repairCrcs(longer, octets);
    expect(faultOf(longer)).toMatchObject({ code: 'badLength' });
  });

  it('is not built from what is no OTA image, nor for a key that the signer does not hold', () => {
    expect(() => run(benchPackageTask({ otaImage: imageOf(600) }))).toThrow(LocalProtocolError);
    expect(() => run(benchPackageTask({ manufacturerKey: foreignKeys.manufacturer.publicKey }))).toThrow(
      LocalProtocolError,
    );
    expect(() => run(benchPackageTask({ blockShift: 17 }))).toThrow(LocalProtocolError);
  });
});

describe('a block', () => {
  const ours = verified(benchPackage());
  const other = verified(benchPackage({ manufacturerImage: imageOf(600, 5) }));
  const sameImageAgain = verified(benchPackage({ securityCounter: 8 }));
  const holds = (image: VerifiedPackage, index: number, octets: Uint8Array): boolean =>
    run(verifyBlock(image.manifest, image.digest, index, octets, image.manufacturerKey));

  it('holds where it belongs', () => {
    for (const [index, block] of ours.blocks.entries()) expect(holds(ours, index, block)).toBe(true);
  });

  it('holds at no other place, in no other image, and under no other manifest of the same image', () => {
    expect(holds(ours, 1, ours.blocks[0]!)).toBe(false);
    expect(holds(ours, 0, ours.blocks[1]!)).toBe(false);
    expect(holds(ours, 0, other.blocks[0]!)).toBe(false);
    expect(sameImageAgain.imageHash).toEqual(ours.imageHash);
    expect(holds(ours, 0, sameImageAgain.blocks[0]!)).toBe(false);
    for (const index of [-1, 3, 0.5, 2 ** 32]) expect(holds(ours, index, ours.blocks[0]!)).toBe(false);
  });

  it('does not hold in an image of another count of blocks', () => {
    const more = { ...ours.manifest, imageBytes: 856, blockCount: 4 };
    expect(run(verifyBlock(more, ours.digest, 0, ours.blocks[0]!, ours.manufacturerKey))).toBe(false);
  });

  it('does not hold with any bit flipped, cut, or lengthened', () => {
    const block = ours.blocks[2]!;
    fc.assert(
      fc.property(fc.nat({ max: block.length * 8 - 1 }), (bit) => {
        const spoilt = block.slice();
        spoilt[bit >> 3]! ^= 1 << (bit & 7);
        expect(holds(ours, 2, spoilt)).toBe(false);
      }),
      { numRuns: 200 },
    );
    for (let bytes = 0; bytes < block.length; bytes++) expect(holds(ours, 2, block.subarray(0, bytes))).toBe(false);
    expect(holds(ours, 2, concat(block, Uint8Array.of(0)))).toBe(false);
  });

  it('does not hold with a part of its payload moved into its length', () => {
    const payload = ours.blocks[2]!.subarray(0, 87);
    const signature = run(signBlock(ours.digest, 2, 3, payload));
    expect(holds(ours, 2, concat(payload, signature))).toBe(false);
    expect(holds(ours, 2, concat(payload, ours.blocks[2]!.subarray(87, 88), signature))).toBe(false);
  });

  it('does not hold with another trusted key than that of its manifest', () => {
    const signature = run(signBlock(ours.digest, 0, 3, ours.blocks[0]!.subarray(0, 256)), foreignKeys);
    const block = concat(ours.blocks[0]!.subarray(0, 256), signature);
    expect(run(verifyBlock(ours.manifest, ours.digest, 0, block, foreignKeys.manufacturer.publicKey))).toBe(true);
    expect(holds(ours, 0, block)).toBe(false);
  });

  it('is signed over context, digest, index, count, length and payload', () => {
    const digest = new Uint8Array(32).fill(9);
    const numbers = Uint8Array.of(4, 3, 2, 1, 8, 7, 6, 5, 3, 0, 0, 0);
    const context = new TextEncoder().encode('smets1-ota/block/1\0');
    const payload = Uint8Array.of(0xa, 0xb, 0xc);
    expect(blockMessage(digest, 0x01020304, 0x05060708, payload)).toEqual(concat(context, digest, numbers, payload));
    expect(() => blockMessage(digest, -1, 3, payload)).toThrow(LocalProtocolError);
    expect(() => blockMessage(digest, 0, 2 ** 32, payload)).toThrow(LocalProtocolError);
    expect(() => blockMessage(payload, 0, 1, payload)).toThrow(LocalProtocolError);
  });
});

describe('packages that were cut up and mixed', () => {
  const ours = benchPackage();

  it.each<[string, (blocks: readonly Uint8Array[]) => readonly Uint8Array[], number]>([
    ['two blocks exchanged', ([a, b, c]) => [b!, a!, c!], 0],
    ['one block twice', ([a, , c]) => [a!, a!, c!], 1],
    [
      'a block of another image',
      ([a, , c]) => [a!, contained(benchPackage({ manufacturerImage: imageOf(600, 5) })).blocks[1]!, c!],
      1,
    ],
    [
      'a block of the same image under another manifest',
      ([a, b]) => [a!, b!, contained(benchPackage({ securityCounter: 9 })).blocks[2]!],
      2,
    ],
  ])('with %s fail at the block', (_, mix, block) => {
    const container = contained(ours);
    const head = ours.subarray(0, container.records.byteOffset - ours.byteOffset);
    const records = mix(container.blocks).map((octets) => withCrc(octets));
    expect(faultOf(concat(head, ...records))).toMatchObject({ code: 'blockSignature', block });
  });

  it('fail at the OTA header when it belongs to another image', () => {
    const other = benchPackage({ headerString: new Uint8Array(32).fill(1) });
    const spoilt = ours.slice();
    spoilt.set(contained(other).otaHeader, 24 + contained(ours).manifest.manifestBytes);
    repairCrcs(spoilt, ours);
    expect(faultOf(spoilt)).toMatchObject({ code: 'otaHeaderMismatch' });
  });

  it('fail at the GBCS signature when it belongs to another image', () => {
    const other = benchPackage({ manufacturerImage: imageOf(600, 5) });
    const spoilt = ours.slice();
    spoilt.set(contained(other).gbcsSignature, 24 + contained(ours).manifest.manifestBytes + 60);
    repairCrcs(spoilt, ours);
    expect(faultOf(spoilt)).toMatchObject({ code: 'gbcsSignature' });
  });
});

function verified(octets: Uint8Array): VerifiedPackage {
  const answer = run(verifyPackage(octets, trust));
  if (!answer.ok) throw new Error(answer.fault.detail);
  return answer.value;
}

function contained(octets: Uint8Array): Container {
  const answer = readContainer(octets);
  if (!answer.ok) throw new Error(answer.fault.detail);
  return answer.value;
}

function faultOf(octets: Uint8Array): { readonly code: string; readonly block?: number } | undefined {
  const answer = run(verifyPackage(octets, trust));
  return answer.ok ? undefined : answer.fault;
}

function withCrc(octets: Uint8Array): Uint8Array {
  const record = concat(octets, new Uint8Array(4));
  putCrc(record, 0, octets.length);
  return record;
}

function putCrc(octets: Uint8Array, start: number, end: number): void {
  if (end + 4 > octets.length) return;
  new DataView(octets.buffer, octets.byteOffset).setUint32(end, crc32(octets.subarray(start, end)), true);
}

/** Makes every CRC of `spoilt` right again, at the places where `intact` has them. */
function repairCrcs(spoilt: Uint8Array, intact: Uint8Array): void {
  const { records, blocks } = contained(intact);
  putCrc(spoilt, 0, records.byteOffset - intact.byteOffset - 4);
  for (const block of blocks) {
    const at = block.byteOffset - intact.byteOffset;
    putCrc(spoilt, at, at + block.length);
  }
}

/** The package with other payloads, each block signed for its manifest all the same: what a careless manufacturer could make. */
function forged(octets: Uint8Array, { payload, digestOf }: { payload: Uint8Array; digestOf: Uint8Array }): Uint8Array {
  const { digest, manifest } = verified(digestOf);
  const container = contained(octets);
  const records = container.blocks.map((block, index) => {
    const piece = payload.subarray(index * 256, index * 256 + block.length - 64);
    return withCrc(concat(piece, run(signBlock(digest, index, manifest.blockCount, piece))));
  });
  return concat(octets.subarray(0, container.records.byteOffset - octets.byteOffset), ...records);
}
