/** Octets that another program made from SPEC.md: docs/vectors/README.md says which. A round trip cannot see a mistake made the same way twice. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyAuthorisation } from '../authorisation/authorisation.js';
import { verifyOutcome } from '../authorisation/outcome.js';
import { isLowS } from '../authorisation/signature.js';
import { formatDeviceId } from '../image/device-id.js';
import { verifyOtaImage } from '../image/ota-image.js';
import { fromHex } from '../layout/octets.js';
import { keys, run, trust } from '../test-support/node-crypto.test-support.js';
import { buildPackage } from './build.js';
import { verifyPackage } from './verify.js';

interface Vector {
  readonly publicKeys: Readonly<Record<keyof typeof keys, string>>;
  readonly manufacturerImage: string;
  readonly imageHash: string;
  readonly otaImage: string;
  readonly manifest: string;
  readonly manifestDigest: string;
  readonly package: string;
  readonly authorisation: string;
  readonly outcome: string;
}
const vector = JSON.parse(
  readFileSync(new URL('../../docs/vectors/three-blocks.json', import.meta.url), 'utf8'),
) as Vector;
const octets = (name: Exclude<keyof Vector, 'publicKeys'>): Uint8Array => fromHex(vector[name])!;

describe('the vector of three blocks', () => {
  it('is signed with the keys of these tests', () => {
    for (const [role, publicKey] of Object.entries(vector.publicKeys)) {
      expect(keys[role as keyof typeof keys].publicKey).toEqual(fromHex(publicKey));
    }
  });

  it('holds an OTA Upgrade Image that verifies, with a high s', () => {
    const image = run(verifyOtaImage(octets('otaImage'), trust.supplier));
    expect(image).toMatchObject({
      ok: true,
      value: {
        manufacturerImage: octets('manufacturerImage'),
        imageHash: octets('imageHash'),
        header: { fileVersion: 0x00020001 },
      },
    });
    expect(image.ok && isLowS(image.value.gbcsSignature)).toBe(false);
  });

  it('holds a package that verifies and says what its maker meant', () => {
    const answer = run(verifyPackage(octets('package'), trust));
    expect(answer).toMatchObject({
      ok: true,
      value: {
        digest: octets('manifestDigest'),
        imageHash: octets('imageHash'),
        manifest: {
          minor: 0,
          profile: 1,
          encoding: 0,
          blockShift: 8,
          blockCount: 3,
          imageBytes: 600,
          decodedBytes: 600,
          manufacturerCode: 0x121d,
          imageType: 1,
          fileVersion: 0x00020001,
          hardwareMin: 0x1111,
          hardwareMax: 0x1211,
          deviceClass: 1,
          securityCounter: 7,
          applicableFromMin: 0,
          applicableFromMax: 0x00020000,
          label: 'three blocks ✓',
          octets: octets('manifest'),
        },
      },
    });
    expect(answer.ok && answer.value.manufacturerImage()).toEqual(octets('manufacturerImage'));
  });

  it('is built again by us, octet by octet but for what is signed', () => {
    const otaImage = octets('otaImage');
    const theirs = octets('package');
    const ours = run(
      buildPackage({
        otaImage,
        manufacturerKey: keys.manufacturer.publicKey,
        blockShift: 8,
        securityCounter: 7,
        applicableFromMax: 0x00020000,
        label: 'three blocks ✓',
      }),
    );
    expect(ours).toHaveLength(theirs.length);
    const manifestBytes = octets('manifest').length;
    const signedEnd = 24 + manifestBytes - 64;
    expect(ours.subarray(0, signedEnd)).toEqual(theirs.subarray(0, signedEnd));
    expect(ours.subarray(24 + manifestBytes, 148 + manifestBytes)).toEqual(
      theirs.subarray(24 + manifestBytes, 148 + manifestBytes),
    );
    for (const [at, bytes] of [
      [0, 256],
      [324, 256],
      [648, 88],
    ] as const) {
      const from = 152 + manifestBytes + at;
      expect(ours.subarray(from, from + bytes)).toEqual(theirs.subarray(from, from + bytes));
    }
  });

  it('holds an authorisation that verifies', () => {
    const answer = run(verifyAuthorisation(octets('authorisation'), trust));
    expect(answer).toMatchObject({
      ok: true,
      value: {
        countersigned: true,
        imageHash: octets('imageHash'),
        manifestDigest: octets('manifestDigest'),
        originatorCounter: 0x0102030405060708n,
        notBeforeS: 1_700_000_000,
        notAfterS: 0xffffffff,
      },
    });
    expect(answer.ok && formatDeviceId(answer.value.deviceId)).toBe('00-DB-12-34-56-78-90-A0');
    expect(answer.ok && formatDeviceId(answer.value.originator)).toBe('90-B3-D5-1F-30-01-00-00');
  });

  it('holds an outcome that verifies', () => {
    expect(run(verifyOutcome(octets('outcome'), keys.device.publicKey))).toMatchObject({
      ok: true,
      value: {
        kind: 'activation',
        code: 'success',
        imageHash: octets('imageHash'),
        runningHash: octets('imageHash'),
        manifestDigest: octets('manifestDigest'),
        runningVersion: 0x00020001,
        securityCounter: 7,
        originatorCounter: 0x0102030405060708n,
        bootEpoch: 5,
        nonce: fromHex('A1A2A3A4A5A6A7A8'),
      },
    });
  });
});
