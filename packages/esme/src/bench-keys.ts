/** Everybody's keys: who signs images, who permits, and the meter itself. */
import type { DeviceIdentity } from '@smets1/emulator';
import { demoKey, modelCrypto, modelKey, nodeCrypto, nodeSigner } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  countersign,
  NO_END_S,
  runTask,
  signAuthorisation,
  verifyPackage,
  type CryptoPort,
  type Role,
  type SendableImage,
  type SignerPort,
} from '@smets1/protocol';
import { IMAGES_KEPT_MAX } from './limits.js';
import type { DeskImage } from './types.js';

export interface Bench {
  readonly real: boolean;
  readonly crypto: CryptoPort;
  readonly signer: SignerPort;
  readonly deviceKey: Uint8Array;
  readonly identity: DeviceIdentity;
}

/** The exact fields of an image; {@link imageOf} signs them. */
export interface ImageFields {
  readonly version: number;
  readonly bytes: number;
  readonly securityCounter: number;
  readonly blockShift: number;
  readonly salt: number;
}

export function benchOf(real: boolean): Bench {
  const made = benches.get(real) ?? makeBench(real);
  benches.set(real, made);
  return made;
}

/** Octets that no two versions and salts share, signed. Each is made once: it is a function of its fields. */
export function imageOf(bench: Bench, fields: ImageFields): DeskImage {
  const key = JSON.stringify([bench.real, fields]);
  const image = images.get(key) ?? makeImage(bench, fields);
  images.delete(key);
  images.set(key, image);
  for (const oldest of images.keys()) if (images.size > IMAGES_KEPT_MAX) images.delete(oldest);
  return image;
}

function makeImage(bench: Bench, fields: ImageFields): DeskImage {
  const { crypto, signer, identity } = bench;
  const { manufacturerCode, imageType, hardwareVersion } = identity;
  const octets = imageOctets(fields);
  const image = {
    manufacturerImage: octets,
    manufacturerCode,
    imageType,
    fileVersion: fields.version,
    hardwareMin: hardwareVersion,
    hardwareMax: hardwareVersion,
  };
  const otaImage = runTask(buildOtaImage(image), crypto, signer);
  const manufacturerKey = keyOf(bench, 'manufacturer');
  const { blockShift, securityCounter } = fields;
  const built = runTask(buildPackage({ otaImage, manufacturerKey, blockShift, securityCounter }), crypto, signer);
  const trust = { manufacturer: [manufacturerKey], supplier: [keyOf(bench, 'supplier')] };
  const verified = runTask(verifyPackage(built, trust), crypto);
  if (!verified.ok) throw new Error(`an image of our own making does not verify: ${verified.fault.detail}`);
  const { manifest, digest: manifestDigest, otaHeader, gbcsSignature, blocks } = verified.value;
  return { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks, octets };
}

/** Both signatures, without bounds in time. */
export function permit(bench: Bench, image: SendableImage, originatorCounter: bigint): Uint8Array {
  const { crypto, signer, identity } = bench;
  const fields = {
    deviceId: identity.eui64,
    imageHash: image.manifest.imageHash,
    manifestDigest: image.manifestDigest,
    originator: ORIGINATOR,
    originatorCounter,
    notBeforeS: 0,
    notAfterS: NO_END_S,
  };
  return runTask(countersign(runTask(signAuthorisation(fields), crypto, signer)), crypto, signer);
}

const ROLES: readonly Role[] = ['manufacturer', 'supplier', 'dco', 'device'];
const ORIGINATOR = Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00);
const images = new Map<string, DeskImage>();
const benches = new Map<boolean, Bench>();

function makeBench(real: boolean): Bench {
  const keys = Object.fromEntries(ROLES.map((role) => [role, real ? demoKey(role) : modelKey(role)]));
  const publicKey = (role: Role): Uint8Array => keys[role]!.publicKey;
  return {
    real,
    crypto: real ? nodeCrypto() : modelCrypto(),
    signer: nodeSigner(keys),
    deviceKey: publicKey('device'),
    identity: {
      eui64: Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0),
      manufacturerCode: 0x121d,
      imageType: 1,
      hardwareVersion: 0x1150,
      deviceClass: 1,
      trustAnchors: [
        { role: 'manufacturer', publicKey: publicKey('manufacturer') },
        { role: 'supplier', publicKey: publicKey('supplier') },
        { role: 'dco', publicKey: publicKey('dco') },
      ],
    },
  };
}

function keyOf(bench: Bench, role: 'manufacturer' | 'supplier'): Uint8Array {
  return bench.identity.trustAnchors.find((anchor) => anchor.role === role)!.publicKey;
}

function imageOctets({ version, bytes, salt }: ImageFields): Uint8Array {
  let word = (Math.imul(version, 0x9e37_79b1) ^ Math.imul(salt + 1, 0x85eb_ca6b)) | 1;
  return Uint8Array.from({ length: bytes }, () => {
    word = (Math.imul(word ^ (word >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9) | 0;
    return word >>> 24;
  });
}
