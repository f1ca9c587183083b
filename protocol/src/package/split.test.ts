import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { concat } from '../layout/octets.js';
import { isLargeImage } from '../image/ota-image.js';
import { PART_BYTES_MAX } from '../limits.js';
import { benchOtaImage, benchPackage, imageOf } from '../test-support/bench-package.test-support.js';
import { keys, run, trust } from '../test-support/node-crypto.test-support.js';
import { buildPackage } from './build.js';
import { readContainer } from './container.js';
import { joinParts, splitPackage } from './split.js';
import { verifyPackage, verifyPart } from './verify.js';

/** Head of a container whose manifest has no label, and one record of a 256-octet block. */
const HEAD_BYTES = 152 + 188;
const RECORD_BYTES = 256 + 64 + 4;

const split = (octets: Uint8Array, partBytesMax?: number): Uint8Array[] => {
  const parts = splitPackage(octets, partBytesMax);
  if (!parts.ok) throw new Error(parts.fault.detail);
  return parts.value;
};
const tenBlocks = benchPackage({ manufacturerImage: imageOf(2_400) });
const inFour = split(tenBlocks, HEAD_BYTES + 3 * RECORD_BYTES);

describe('the parts of a package', () => {
  it('join to the same octets in any order, with any of them more than once', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...inFour.keys(), ...inFour.keys()], { minLength: 4 }), (order) => {
        fc.pre(new Set(order).size === 4);
        expectJoins(
          order.map((i) => inFour[i]!),
          tenBlocks,
        );
      }),
    );
  });

  it('verify each on its own, and say which blocks they hold', () => {
    const runs = inFour.map((part) => {
      const verified = run(verifyPart(part, trust));
      if (!verified.ok) throw new Error(verified.fault.detail);
      return [verified.value.firstBlock, verified.value.blocks.length, verified.value.whole];
    });
    expect(runs).toEqual([
      [0, 3, false],
      [3, 3, false],
      [6, 3, false],
      [9, 1, false],
    ]);
  });

  it('are as many whole blocks as fit, and never larger than asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: HEAD_BYTES + RECORD_BYTES, max: tenBlocks.length + 10 }), (partBytesMax) => {
        const parts = split(tenBlocks, partBytesMax);
        for (const [i, part] of parts.entries()) {
          expect(part.length).toBeLessThanOrEqual(partBytesMax);
          const next = parts[i + 1];
          const nextRecord = next === undefined ? 0 : Math.min(RECORD_BYTES, next.length - HEAD_BYTES);
          if (next !== undefined) expect(part.length + nextRecord).toBeGreaterThan(partBytesMax);
        }
        expectJoins(parts, tenBlocks);
      }),
    );
  });

  it('are refused with the blocks named when some are missing', () => {
    expect(joinParts([inFour[1]!])).toMatchObject({
      ok: false,
      fault: { code: 'missingBlocks', block: 0, detail: expect.stringContaining('0-2, 6-9 are missing') as string },
    });
    expect(joinParts(inFour.slice(0, 3))).toMatchObject({
      ok: false,
      fault: { code: 'missingBlocks', block: 9, detail: expect.stringContaining('blocks 9 are') as string },
    });
    expect(joinParts([])).toMatchObject({ ok: false, fault: { code: 'missingBlocks' } });
  });

  it('of two images are refused together, whichever comes first', () => {
    const other = split(benchPackage({ manufacturerImage: imageOf(2_400, 3) }), HEAD_BYTES + 5 * RECORD_BYTES);
    expect(joinParts([...inFour, other[1]!])).toMatchObject({ ok: false, fault: { code: 'mixedImages' } });
    expect(joinParts([other[0]!, ...inFour])).toMatchObject({ ok: false, fault: { code: 'mixedImages' } });
  });

  it('of two builds of one image join, since their manifests are the same', () => {
    const otaImage = benchOtaImage({ manufacturerImage: imageOf(2_400) });
    const build = (): Uint8Array =>
      run(buildPackage({ otaImage, manufacturerKey: keys.manufacturer.publicKey, blockShift: 8, securityCounter: 7 }));
    const [a, b] = [build(), build()];
    const [early, late] = [split(a, HEAD_BYTES + 7 * RECORD_BYTES)[0]!, split(b, HEAD_BYTES + 5 * RECORD_BYTES)[1]!];
    const joined = joinParts([late, early]);
    if (!joined.ok) throw new Error(joined.fault.detail);
    expect(run(verifyPackage(joined.value, trust)).ok).toBe(true);
    // What they sign apart comes from the part that starts first.
    const seventh = HEAD_BYTES + 7 * RECORD_BYTES;
    expect(joined.value.subarray(0, seventh)).toEqual(a.subarray(0, seventh));
    expect(joined.value.subarray(seventh)).toEqual(b.subarray(seventh));
  });

  it('that give one block two payloads are refused, with the block', () => {
    const spoilt = inFour[1]!.slice();
    const intact = readContainer(spoilt);
    if (!intact.ok) throw new Error(intact.fault.detail);
    intact.value.blocks[1]![0]! ^= 1;
    recalculateCrc(spoilt, HEAD_BYTES + RECORD_BYTES);
    expect(joinParts([...inFour, spoilt])).toMatchObject({ ok: false, fault: { code: 'conflictingBlock', block: 4 } });
  });

  it('that are spoilt are refused, with the part named', () => {
    const spoilt = inFour[2]!.slice(0, -1);
    expect(joinParts([inFour[0]!, spoilt])).toMatchObject({
      ok: false,
      fault: { code: 'truncated', detail: expect.stringMatching(/^part 2 /) as string },
    });
  });

  it('are not split again, and not cut below one block', () => {
    expect(splitPackage(inFour[0]!)).toMatchObject({ ok: false, fault: { code: 'unknownKind' } });
    expect(splitPackage(tenBlocks.subarray(1))).toMatchObject({ ok: false });
    expect(() => splitPackage(tenBlocks, HEAD_BYTES + RECORD_BYTES - 1)).toThrow(LocalProtocolError);
    expect(() => splitPackage(tenBlocks, PART_BYTES_MAX + 1)).toThrow(LocalProtocolError);
  });
});

describe('a single part', () => {
  it('holds the whole image, so that its hash and GBCS signature are checked too', () => {
    const [part, ...more] = split(benchPackage());
    expect(more).toEqual([]);
    expect(run(verifyPart(part!, trust))).toMatchObject({ ok: true, value: { whole: true } });
    const spoilt = part!.slice();
    spoilt[24 + 188 + 60 + 10]! ^= 1;
    recalculateCrc(spoilt, 0, 24 + 188 + 60 + 64);
    expect(run(verifyPart(spoilt, trust))).toMatchObject({ ok: false, fault: { code: 'gbcsSignature' } });
    expect(joinParts([part!]).ok).toBe(true);
  });
});

describe('the edge of 750,000 octets', () => {
  // Blocks of 64 KiB, so that few are to be signed; the last one short, so that the package can have any length.
  const packageOf = (packageBytes: number): Uint8Array => {
    const imageBytes = packageBytes - HEAD_BYTES - 12 * 68;
    return benchPackage({ manufacturerImage: imageOf(imageBytes), blockShift: 16 });
  };

  it.each([
    [749_999, 1],
    [750_000, 1],
    [750_001, 2],
  ])('makes %i octets of package %i part(s)', (packageBytes, partCount) => {
    const octets = packageOf(packageBytes);
    expect(octets).toHaveLength(packageBytes);
    const parts = split(octets);
    expect(parts).toHaveLength(partCount);
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(750_000);
      expect(run(verifyPart(part, trust)).ok).toBe(true);
    }
    expectJoins(parts, octets);
  });

  it('is not passed by a part, however right it is otherwise', () => {
    const octets = packageOf(750_001);
    const part = octets.slice();
    part[6] = 2;
    recalculateCrc(part, 0, HEAD_BYTES - 4);
    expect(readContainer(part)).toMatchObject({ ok: false, fault: { code: 'badLength' } });
  });

  it.each([
    ['no blocks', 16, 0],
    ['more blocks than the image has', 16, 11],
    ['blocks that begin too late', 12, 11],
  ])('is not the only thing that a part must keep to: with %s it is refused', (_, at, value) => {
    const part = inFour[0]!.slice();
    part[at] = value;
    recalculateCrc(part, 0, HEAD_BYTES - 4);
    expect(readContainer(part)).toMatchObject({ ok: false, fault: { code: 'malformed' } });
  });

  it('makes two parts of an image of 789,972 octets, and of one of 971,304', () => {
    for (const imageBytes of [789_972, 971_304]) {
      const otaImage = benchOtaImage({ manufacturerImage: imageOf(imageBytes) });
      expect(isLargeImage(otaImage.length)).toBe(true);
      const octets = benchPackage({ otaImage, blockShift: 12 });
      const parts = split(octets);
      expect(parts).toHaveLength(2);
      for (const part of parts) expect(run(verifyPart(part, trust)).ok).toBe(true);
      const joined = joinParts([parts[1]!, parts[0]!]);
      const verified = joined.ok ? run(verifyPackage(joined.value, trust)) : joined;
      expect(verified.ok && Buffer.compare(verified.value.manufacturerImage(), imageOf(imageBytes))).toBe(0);
    }
  });
});

describe('joining', () => {
  it('never throws, whatever the files hold', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 500 })), (noise) => void joinParts(noise)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (noise) => void splitPackage(noise)));
    fc.assert(
      fc.property(fc.nat({ max: inFour[0]!.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const spoilt = concat(inFour[0]!);
        spoilt[at] = value;
        joinParts([spoilt, ...inFour.slice(1)]);
      }),
    );
  });
});

/** Not `toEqual`, which takes seconds for so many octets. */
function expectJoins(parts: readonly Uint8Array[], whole: Uint8Array): void {
  const joined = joinParts(parts);
  expect(joined.ok ? Buffer.compare(joined.value, whole) : joined.fault).toBe(0);
}

function recalculateCrc(octets: Uint8Array, start: number, end: number = start + RECORD_BYTES - 4): void {
  let crc = 0xffffffff;
  for (const octet of octets.subarray(start, end)) {
    crc ^= octet;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  new DataView(octets.buffer, octets.byteOffset).setUint32(end, ~crc >>> 0, true);
}
