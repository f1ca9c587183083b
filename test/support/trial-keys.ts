/** A set of new keys for one test, as files and in memory, with what is built from them. */
import { createPrivateKey, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair, nodeCrypto } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  countersign,
  runTask,
  signAuthorisation,
  verifyPackage,
  withLowS,
  type Role,
  type SendableImage,
  type SignerPort,
} from '@smets1/protocol';

export interface TrialKeys {
  readonly directory: string;
  readonly signer: SignerPort;
  publicKey(role: Role): Uint8Array;
  publicPath(role: Role): string;
  privatePath(role: Role): string;
  remove(): void;
}

const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];
const crypto = nodeCrypto();

export function trialKeys(): TrialKeys {
  const directory = mkdtempSync(join(tmpdir(), 'smets1-test-'));
  const pairs = new Map(ROLES.map((role) => [role, generateKeyPair()]));
  const pair = (role: Role) => pairs.get(role)!;
  const publicPath = (role: Role): string => join(directory, `${role}.pub.pem`);
  const privatePath = (role: Role): string => join(directory, `${role}.key.pem`);
  for (const role of ROLES) {
    writeFileSync(publicPath(role), pair(role).publicPem);
    writeFileSync(privatePath(role), pair(role).privatePem, { mode: 0o600 });
  }
  return {
    directory,
    publicPath,
    privatePath,
    publicKey: (role) => pair(role).publicKey,
    signer: {
      sign: (role, message) =>
        withLowS(
          new Uint8Array(
            sign('sha256', message, { key: createPrivateKey(pair(role).privatePem), dsaEncoding: 'ieee-p1363' }),
          ),
        ),
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export interface TrialDevice {
  readonly deviceId: Uint8Array;
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly hardwareVersion: number;
}

/** The package of a raw firmware. */
export function packageOf(
  keys: TrialKeys,
  device: TrialDevice,
  manufacturerImage: Uint8Array,
  fileVersion: number,
  blockShift?: number,
): Uint8Array {
  const { manufacturerCode, imageType, hardwareVersion } = device;
  const image = {
    manufacturerImage,
    manufacturerCode,
    imageType,
    fileVersion,
    hardwareMin: hardwareVersion,
    hardwareMax: hardwareVersion,
  };
  const otaImage = runTask(buildOtaImage(image), crypto, keys.signer);
  const manufacturerKey = keys.publicKey('manufacturer');
  const wish = { otaImage, manufacturerKey, securityCounter: fileVersion };
  return runTask(buildPackage(blockShift === undefined ? wish : { ...wish, blockShift }), crypto, keys.signer);
}

/** A package as a sender takes it. @throws when it is not authentic */
export function sendable(keys: TrialKeys, packageOctets: Uint8Array): SendableImage {
  const trust = { manufacturer: [keys.publicKey('manufacturer')], supplier: [keys.publicKey('supplier')] };
  const verified = runTask(verifyPackage(packageOctets, trust), crypto);
  if (!verified.ok) throw new Error(verified.fault.detail);
  const { manifest, digest: manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks } = verified.value;
  return { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks };
}

/** Signed and countersigned. */
export function authorisationOf(
  keys: TrialKeys,
  device: TrialDevice,
  image: SendableImage,
  originatorCounter: bigint,
): Uint8Array {
  const signed = signAuthorisation({
    deviceId: device.deviceId,
    imageHash: image.manifest.imageHash,
    manifestDigest: image.manifestDigest,
    originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
    originatorCounter,
    notBeforeS: 0,
    notAfterS: 0xffff_ffff,
  });
  return runTask(countersign(runTask(signed, crypto, keys.signer)), crypto, keys.signer);
}
