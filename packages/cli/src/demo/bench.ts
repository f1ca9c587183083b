/** What a demonstration builds before anything moves: keys, image, package, parts, authorisation. */
import { loadPrivateKey, loadPublicKey, nodeCrypto, nodeSigner } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  runTask,
  signAuthorisation,
  splitPackage,
  verifyPackage,
  NO_END_S,
  type TrustAnchors,
  type VerifiedPackage,
} from '@smets1/protocol';
import { privateKeyPath, publicKeyPath } from '../keys/key-folder.js';
import type { MeterProfile } from '../meter/profile.js';

export const DEMO_VERSION = 0x0002_0001;
/** EUI-64 of a supplier that does not exist. */
export const DEMO_ORIGINATOR: Uint8Array = Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00);

export interface DemoRelease {
  readonly otaImage: Uint8Array;
  readonly package: Uint8Array;
  readonly verified: VerifiedPackage;
  readonly parts: readonly Uint8Array[];
  /** Signed by the supplier, 168 octets: the countersignature is the DCO's to make. */
  readonly authorisation: Uint8Array;
  readonly trust: TrustAnchors;
}

export function buildRelease(firmware: Uint8Array, keyFolder: string, profile: MeterProfile): DemoRelease {
  const crypto = nodeCrypto();
  const manufacturer = loadPrivateKey(privateKeyPath(keyFolder, 'manufacturer'));
  const supplier = loadPrivateKey(privateKeyPath(keyFolder, 'supplier'));
  const signer = nodeSigner({ manufacturer, supplier });
  const trust: TrustAnchors = {
    manufacturer: [manufacturer.publicKey],
    supplier: [supplier.publicKey],
    dco: [loadPublicKey(publicKeyPath(keyFolder, 'dco'))],
  };
  const { manufacturerCode, imageType, hardwareVersion, deviceId } = profile;
  const otaImage = runTask(
    buildOtaImage({
      manufacturerImage: firmware,
      manufacturerCode,
      imageType,
      fileVersion: DEMO_VERSION,
      hardwareMin: hardwareVersion,
      hardwareMax: hardwareVersion,
    }),
    crypto,
    signer,
  );
  const octets = runTask(
    buildPackage({ otaImage, manufacturerKey: manufacturer.publicKey, securityCounter: DEMO_VERSION }),
    crypto,
    signer,
  );
  const verified = runTask(verifyPackage(octets, trust), crypto);
  const parts = splitPackage(octets);
  if (!verified.ok || !parts.ok) throw new TypeError('the package just built does not verify');
  const authorisation = runTask(
    signAuthorisation({
      deviceId,
      imageHash: verified.value.imageHash,
      manifestDigest: verified.value.digest,
      originator: DEMO_ORIGINATOR,
      originatorCounter: 1n,
      notBeforeS: 0,
      notAfterS: NO_END_S,
    }),
    crypto,
    signer,
  );
  return { otaImage, package: octets, verified: verified.value, parts: parts.value, authorisation, trust };
}
