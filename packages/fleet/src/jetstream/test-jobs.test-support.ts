/** Keys, images and jobs for tests. Signatures are the model's unless `real` is asked for. */
import { demoKey, modelCrypto, modelKey, nodeCrypto, nodeSigner, type PrivateKey } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  countersign,
  NO_END_S,
  runTask,
  signAuthorisation,
  type CryptoPort,
  type Role,
  type SignerPort,
} from '@smets1/protocol';
import { readPackage } from './read-package.js';
import { updateJobOf, type UpdateJob } from './update-job.js';

const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];

export interface TestKeys {
  readonly crypto: CryptoPort;
  readonly signer: SignerPort;
  readonly key: (role: Role) => PrivateKey;
}

export function testKeys(real = false): TestKeys {
  const key = real ? demoKey : modelKey;
  const keys = Object.fromEntries(ROLES.map((role) => [role, key(role)]));
  return { crypto: real ? nodeCrypto() : modelCrypto(), signer: nodeSigner(keys), key };
}

export const HARDWARE = { manufacturerCode: 0x121d, imageType: 1, hardwareVersion: 0x1150 } as const;

export function firmwareOctets(version: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + version * 7_919, 2_654_435_761) >>> 13) & 0xff);
}

export function testPackage({ crypto, signer, key }: TestKeys, version: number, bytes: number): Uint8Array {
  const { manufacturerCode, imageType, hardwareVersion } = HARDWARE;
  const manufacturerImage = firmwareOctets(version, bytes);
  const wish = { manufacturerImage, manufacturerCode, imageType, fileVersion: version };
  const range = { hardwareMin: hardwareVersion, hardwareMax: hardwareVersion };
  const otaImage = runTask(buildOtaImage({ ...wish, ...range }), crypto, signer);
  const manufacturerKey = key('manufacturer').publicKey;
  return runTask(buildPackage({ otaImage, manufacturerKey, blockShift: 10, securityCounter: version }), crypto, signer);
}

export function deviceIdOf(index: number): Uint8Array {
  return Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, index >> 8, index & 0xff);
}

export function permit(keys: TestKeys, packageOctets: Uint8Array, deviceId: Uint8Array, counter: bigint): Uint8Array {
  const { manifest, manifestDigest } = readPackage(packageOctets);
  const fields = {
    deviceId,
    imageHash: manifest.imageHash,
    manifestDigest,
    originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
    originatorCounter: counter,
    notBeforeS: 0,
    notAfterS: NO_END_S,
  };
  const signed = runTask(signAuthorisation(fields), keys.crypto, keys.signer);
  return runTask(countersign(signed), keys.crypto, keys.signer);
}

export interface JobWishes {
  readonly index?: number;
  readonly campaignId?: string;
  readonly site?: string;
  readonly counter?: bigint;
}

export function testJob(keys: TestKeys, packageOctets: Uint8Array, wish: JobWishes = {}): UpdateJob {
  const authorisation = permit(keys, packageOctets, deviceIdOf(wish.index ?? 1), wish.counter ?? 1n);
  return updateJobOf({
    campaignId: wish.campaignId ?? 'spring',
    site: wish.site ?? 'main',
    packageOctets,
    authorisation,
  });
}
