/** A small image in small blocks, and the package of it, for tests that spoil things. */
import type { CryptoTask } from '../crypto-port.js';
import { buildOtaImage, type OtaImageFields } from '../image/ota-image.js';
import { buildPackage, type PackageFields } from '../package/build.js';
import { keys, run, type RoleKeys } from './node-crypto.test-support.js';

/** Octets that differ from block to block and from seed to seed. */
export function imageOf(bytes: number, seed: number = 0): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 31 + seed * 101) & 0xff);
}

export type BenchFields = Partial<OtaImageFields & PackageFields>;

export function benchOtaImage(given: BenchFields = {}, roleKeys: RoleKeys = keys): Uint8Array {
  return run(
    buildOtaImage({
      manufacturerImage: imageOf(600),
      manufacturerCode: 0x121d,
      imageType: 1,
      fileVersion: 0x00020001,
      hardwareMin: 0x1111,
      hardwareMax: 0x1211,
      ...given,
    }),
    roleKeys,
  );
}

/** Three blocks of 256, 256 and 88 octets unless told otherwise. */
export function benchPackage(given: BenchFields = {}, roleKeys: RoleKeys = keys): Uint8Array {
  return run(benchPackageTask(given, roleKeys), roleKeys);
}

export function benchPackageTask(given: BenchFields = {}, roleKeys: RoleKeys = keys): CryptoTask<Uint8Array> {
  return buildPackage({
    otaImage: benchOtaImage(given, roleKeys),
    manufacturerKey: roleKeys.manufacturer.publicKey,
    blockShift: 8,
    securityCounter: 7,
    ...given,
  });
}
