/** Images, plans and authorisations for the model meter. */
import { countersign, signAuthorisation, type AuthorisationFields } from '../authorisation/authorisation.js';
import { buildOtaImage, type OtaImageFields } from '../image/ota-image.js';
import { NO_END_S } from '../limits.js';
import { buildPackage, type PackageFields } from '../package/build.js';
import { verifyPackage } from '../package/verify.js';
import type { SendableImage, SenderPlan } from '../sender/sender-types.js';
import { modelKeys, modelTrust, runModel } from './model-crypto.test-support.js';
import { chanceOf, randomOctets } from './world.test-support.js';

export const DEVICE_ID: Uint8Array = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0);

export interface ModelImage extends SendableImage {
  readonly manufacturerImage: Uint8Array;
  readonly imageHash: Uint8Array;
}

export interface ImageChoice extends Partial<OtaImageFields & Omit<PackageFields, 'otaImage'>> {
  readonly bytes?: number;
  readonly seed?: number;
}

/** A package as a host would send it, octets of chance from `seed`. */
export function modelImage(choice: ImageChoice = {}, keys: typeof modelKeys = modelKeys): ModelImage {
  const { bytes = 2_500, seed = 1, ...given } = choice;
  const otaImage = runModel(
    buildOtaImage({
      manufacturerImage: randomOctets(chanceOf(seed), bytes),
      manufacturerCode: 0x121d,
      imageType: 1,
      fileVersion: 0x00020001,
      hardwareMin: 0x1111,
      hardwareMax: 0x1211,
      ...given,
    }),
    keys,
  );
  const octets = runModel(
    buildPackage({ otaImage, manufacturerKey: keys.manufacturer, blockShift: 8, securityCounter: 7, ...given }),
    keys,
  );
  const trust = keys === modelKeys ? modelTrust : { manufacturer: [keys.manufacturer], supplier: [keys.supplier] };
  const verified = runModel(verifyPackage(octets, trust));
  if (!verified.ok) throw new Error(verified.fault.detail);
  const { manifest, digest, manufacturerKey, otaHeader, gbcsSignature, blocks, imageHash } = verified.value;
  const manufacturerImage = verified.value.manufacturerImage();
  return {
    manifest,
    manifestDigest: digest,
    manufacturerKey,
    otaHeader,
    gbcsSignature,
    blocks,
    imageHash,
    manufacturerImage,
  };
}

export function planOf(given: Partial<SenderPlan> = {}): SenderPlan {
  return {
    image: undefined,
    authorisation: undefined,
    replace: false,
    deviceId: undefined,
    octetsPerSecond: undefined,
    random: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    ...given,
  };
}

export function authorisationFor(
  image: ModelImage,
  given: Partial<AuthorisationFields> = {},
  keys: typeof modelKeys = modelKeys,
): Uint8Array {
  const fields: AuthorisationFields = {
    deviceId: DEVICE_ID,
    imageHash: image.imageHash,
    manifestDigest: image.manifestDigest,
    originator: new Uint8Array(8).fill(0x90),
    originatorCounter: 5n,
    notBeforeS: 0,
    notAfterS: NO_END_S,
    ...given,
  };
  return runModel(countersign(runModel(signAuthorisation(fields), keys)), keys);
}
