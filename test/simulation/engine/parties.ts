/** Who takes part in an update: the keys, the meter's identity, images of any size and the permission to run them. */
import { blobOf, type DeviceIdentity, type SlotImage } from '@smets1/emulator';
import { modelCrypto, modelKey, nodeSigner } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  countersign,
  runTask,
  signAuthorisation,
  verifyPackage,
  type CryptoPort,
  type CryptoTask,
  type SendableImage,
  type SignerPort,
} from '@smets1/protocol';
import { rememberingCrypto } from './remembering-crypto.js';

const KEYS = {
  manufacturer: modelKey('manufacturer'),
  supplier: modelKey('supplier'),
  dco: modelKey('dco'),
  device: modelKey('device'),
};
const STRANGER = modelKey('a stranger');
export const DEVICE_KEY: Uint8Array = KEYS.device.publicKey;
/** Model signatures; what was checked once is not checked again for the same octets. */
export const CRYPTO: CryptoPort = rememberingCrypto(modelCrypto());
export const SIGNER: SignerPort = nodeSigner(KEYS);

export const IDENTITY: DeviceIdentity = {
  eui64: Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0),
  manufacturerCode: 0x121d,
  imageType: 1,
  hardwareVersion: 0x1150,
  deviceClass: 1,
  trustAnchors: (['manufacturer', 'supplier', 'dco'] as const).map((role) => ({
    role,
    publicKey: KEYS[role].publicKey,
  })),
};

/** An image and all that goes with it. */
export interface Party {
  readonly version: number;
  readonly securityCounter: number;
  readonly octets: Uint8Array;
  readonly image: SendableImage;
  readonly slotImage: SlotImage;
}

export interface PartyWish {
  readonly version: number;
  readonly imageBytes: number;
  /** From the version when absent, and never equal to it. */
  readonly securityCounter?: number | undefined;
  /** Log2 of the block's octets; 10 when absent. */
  readonly blockShift?: number;
  /** Signed by a supplier that this meter does not trust. */
  readonly isForeign?: boolean;
  readonly hardwareVersion?: number;
}

/** Images that differ in every field that matters: octets, size, version, counter. */
export function party(wish: PartyWish): Party {
  const { version, imageBytes, blockShift = 10, securityCounter = version * 3 + 4 } = wish;
  let word = Math.imul(version, 0x9e37_79b1) ^ imageBytes;
  const octets = Uint8Array.from({ length: imageBytes }, () => {
    word = (Math.imul(word ^ (word >>> 15), 0x2c1b_3c6d) + 0x9e37_79b9) | 0;
    return word >>> 24;
  });
  const { manufacturerCode, imageType } = IDENTITY;
  const hardwareVersion = wish.hardwareVersion ?? IDENTITY.hardwareVersion;
  const fields = { manufacturerImage: octets, manufacturerCode, imageType, fileVersion: version };
  const hardware = { hardwareMin: hardwareVersion, hardwareMax: hardwareVersion };
  const supplier = wish.isForeign === true ? STRANGER : KEYS.supplier;
  const signer = nodeSigner({ ...KEYS, supplier });
  const run = <T>(task: CryptoTask<T>): T => runTask(task, CRYPTO, signer);
  const otaImage = run(buildOtaImage({ ...fields, ...hardware }));
  const manufacturerKey = KEYS.manufacturer.publicKey;
  const built = run(buildPackage({ otaImage, manufacturerKey, blockShift, securityCounter }));
  const checked = run(verifyPackage(built, { manufacturer: [manufacturerKey], supplier: [supplier.publicKey] }));
  if (!checked.ok) throw new Error(`image ${version} of the bench is not right: ${checked.fault.detail}`);
  const { manifest, digest: manifestDigest, otaHeader, gbcsSignature, blocks } = checked.value;
  const image = { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks };
  return { version, securityCounter, octets, image, slotImage: { offerBlob: blobOf(image), image: octets } };
}

/** Countersigned permission for this meter to run an image. */
export function permission(
  { image }: Party,
  originatorCounter: bigint,
  deviceId: Uint8Array = IDENTITY.eui64,
  more: { readonly notBeforeS?: number; readonly notAfterS?: number; readonly isForeign?: boolean } = {},
): Uint8Array {
  const fields = {
    deviceId,
    imageHash: image.manifest.imageHash,
    manifestDigest: image.manifestDigest,
    originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
    originatorCounter,
    notBeforeS: more.notBeforeS ?? 0,
    notAfterS: more.notAfterS ?? 0xffff_ffff,
  };
  const signer = more.isForeign === true ? nodeSigner({ ...KEYS, supplier: STRANGER, dco: STRANGER }) : SIGNER;
  const run = <T>(task: CryptoTask<T>): T => runTask(task, CRYPTO, signer);
  return run(countersign(run(signAuthorisation(fields))));
}
