/** An image on its way: built for the fleet, or opened from a package; what is handed on was verified. */
import { nodeSigner, type PrivateKey } from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  runTask,
  verifyPackage,
  type CryptoPort,
  type PackageTrust,
  type SendableImage,
} from '@smets1/protocol';
import { FleetError } from './error.js';

export interface Release {
  readonly image: SendableImage;
  /** The Manufacturer Image: what a slot holds in the end. */
  readonly octets: Uint8Array;
}

/** @throws {@link FleetError} `package-refused` with the fault */
export function openRelease(packageOctets: Uint8Array, trust: PackageTrust, crypto: CryptoPort): Release {
  const verified = runTask(verifyPackage(packageOctets, trust), crypto);
  if (!verified.ok) {
    const { code, detail } = verified.fault;
    throw new FleetError('package-refused', `the package does not verify (${code}): ${detail}`, { cause: code });
  }
  const { manifest, digest: manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks } = verified.value;
  return {
    image: { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks },
    octets: verified.value.manufacturerImage(),
  };
}

/** What a package says beside its octets. */
export interface ReleaseFields {
  readonly manufacturerCode: number;
  readonly imageType: number;
  readonly fileVersion: number;
  readonly hardwareMin: number;
  readonly hardwareMax: number;
  readonly securityCounter: number;
  readonly blockShift?: number;
}

/** @param octets - The Manufacturer Image. */
export function signRelease(
  octets: Uint8Array,
  { securityCounter, blockShift, ...header }: ReleaseFields,
  keys: { readonly manufacturer: PrivateKey; readonly supplier: PrivateKey },
  crypto: CryptoPort,
): Uint8Array {
  const signer = nodeSigner(keys);
  const otaImage = runTask(buildOtaImage({ manufacturerImage: octets, ...header }), crypto, signer);
  const manufacturerKey = keys.manufacturer.publicKey;
  const fields = { otaImage, manufacturerKey, securityCounter, ...(blockShift === undefined ? {} : { blockShift }) };
  return runTask(buildPackage(fields), crypto, signer);
}
