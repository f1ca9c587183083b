/**
 * Goal: the structure of a package or part is read in the order of SPEC.md §6, and every departure from it has its own code.
 * Method: one good package, and heads that depart from it, with the CRC of the head right or not: which of two faults is named shows the order.
 */
import { describe, expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { crc32 } from '../layout/crc.js';
import { concat } from '../layout/octets.js';
import { CRC32_BYTES, MANIFEST_BYTES_MAX, MANIFEST_BYTES_MIN, PART_BYTES_MAX } from '../limits.js';
import { benchPackage, imageOf } from '../test-support/bench-package.test-support.js';
import { containerHeadBytes, layOutContainer, readContainer, type Container } from './container.js';

const HEAD_BYTES = 24;
const AT = { magic: 0, kind: 6, totalBytes: 8, manifestBytes: 20, manifest: HEAD_BYTES } as const;
/** Of a manifest without a label; its profile, which the container does not interpret. */
const PROFILE_AT = AT.manifest + 8;
/** Room enough for a head with the longest manifest. */
const good = benchPackage({ manufacturerImage: imageOf(2_000) });

function changed(octets: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = octets.slice();
  change(new DataView(copy.buffer));
  return copy;
}

/** With the CRC that belongs where the head says that its own is. */
function mended(octets: Uint8Array): Uint8Array {
  return changed(octets, (view) => {
    const crcAt = HEAD_BYTES + view.getUint16(AT.manifestBytes, true) + 60 + 64;
    view.setUint32(crcAt, crc32(octets.subarray(0, crcAt)), true);
  });
}

function codeOf(octets: Uint8Array): string | undefined {
  const answer = readContainer(octets);
  return answer.ok ? undefined : answer.fault.code;
}

function contained(octets: Uint8Array): Container {
  const answer = readContainer(octets);
  if (!answer.ok) throw new Error(answer.fault.detail);
  return answer.value;
}

describe('the head of a container', () => {
  it('is looked at as soon as it is whole, though nothing follows it', () => {
    const head = good.subarray(0, HEAD_BYTES);
    expect(codeOf(head)).toBe('truncated');
    expect(codeOf(changed(head, (view) => view.setUint8(AT.magic, 0x54)))).toBe('malformed');
    expect(codeOf(changed(head, (view) => view.setUint8(AT.kind, 3)))).toBe('unknownKind');
    expect(codeOf(changed(head, (view) => view.setUint8(AT.kind, 0)).subarray(0, -1))).toBe('truncated');
  });

  it('says how many octets are there beyond its own count', () => {
    const answer = readContainer(concat(good, new Uint8Array(3)));
    expect(answer).toMatchObject({
      ok: false,
      fault: { code: 'trailingOctets', detail: expect.stringMatching(/^3 octets/) as string },
    });
  });

  it('is refused as spoilt when its CRC does not hold, before the manifest is looked at', () => {
    const spoilt = changed(good, (view) => view.setUint8(PROFILE_AT, 9));
    expect(codeOf(spoilt)).toBe('badCrc');
    expect(codeOf(mended(spoilt))).toBe('unsupportedProfile');
  });

  it('states a length of its manifest within the bounds, which is looked at before any CRC', () => {
    const stating = (manifestBytes: number): string | undefined =>
      codeOf(changed(good, (view) => view.setUint16(AT.manifestBytes, manifestBytes, true)));
    for (const bytes of [0, MANIFEST_BYTES_MIN - 1, MANIFEST_BYTES_MAX + 1]) expect(stating(bytes)).toBe('badLength');
    // These two are lengths that a manifest may have, so it is the CRC that is wrong.
    for (const bytes of [MANIFEST_BYTES_MIN + 1, MANIFEST_BYTES_MAX]) expect(stating(bytes)).toBe('badCrc');
  });

  it('has room for manifest, OTA header, signature and CRC in the octets that it counts', () => {
    const headBytes = containerHeadBytes(contained(good).manifest);
    const cut = (bytes: number): Uint8Array =>
      changed(good.subarray(0, bytes), (view) => view.setUint32(AT.totalBytes, bytes, true));
    for (const bytes of [HEAD_BYTES, headBytes - 1]) expect(codeOf(cut(bytes))).toBe('badLength');
    // With room for the head the CRC is what is wrong; with that mended, the blocks are missing.
    expect(codeOf(cut(headBytes))).toBe('badCrc');
    expect(codeOf(mended(cut(headBytes)))).toBe('badLength');
  });

  it('agrees with its manifest on where that ends, and asks for no more octets when it does not', () => {
    const labelled = benchPackage({ label: 'for people' });
    const { manifestBytes } = contained(labelled).manifest;
    for (const bytes of [manifestBytes - 1, manifestBytes + 1]) {
      const octets = mended(changed(labelled, (view) => view.setUint16(AT.manifestBytes, bytes, true)));
      expect(codeOf(octets)).toBe('badLength');
    }
  });
});

describe('a container that is laid out', () => {
  it('is as long as its records need, and as a part at most as long as a service request carries', () => {
    const blockShift = 16;
    const { manifest, otaHeader, gbcsSignature } = contained(
      benchPackage({ manufacturerImage: imageOf(800_000), blockShift }),
    );
    const head = { manifest, otaHeader, gbcsSignature, firstBlock: 0 };
    const recordBytes = 2 ** blockShift + 64 + CRC32_BYTES;
    const most = layOutContainer({ ...head, kind: 'part', blockRun: 11 });
    expect(most.recordsAt).toBe(containerHeadBytes(manifest));
    expect(most.octets.length).toBe(most.recordsAt + 11 * recordBytes);
    expect(most.octets.length + recordBytes).toBeGreaterThan(PART_BYTES_MAX);
    expect(() => layOutContainer({ ...head, kind: 'part', blockRun: 12 })).toThrow(LocalProtocolError);
    expect(layOutContainer({ ...head, kind: 'package', blockRun: 12 }).octets.length).toBeGreaterThan(PART_BYTES_MAX);
  });
});
