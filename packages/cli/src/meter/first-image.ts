/** The firmware that a virtual meter leaves the factory with. */
import { createPrivateKey, sign } from 'node:crypto';
import { blobOf, type SlotImage, type TrustAnchor } from '@smets1/emulator';
import { generateKeyPair, nodeCrypto, nodeSigner, type PrivateKey } from '@smets1/host';
import { buildOtaImage, buildPackage, readContainer, runTask, verifyPackage, withLowS } from '@smets1/protocol';
import type { MeterProfile } from './profile.js';

export interface FirstImage {
  readonly slotImage: SlotImage;
  /** What a meter must trust to boot it. Nobody else can sign with these keys: their private halves are forgotten here. */
  readonly anchors: readonly TrustAnchor[];
}

/** An image of octets that follow from the seed, signed by a factory of its own. */
export function makeFirstImage(profile: MeterProfile, seed: number): FirstImage {
  const [manufacturer, supplier] = [freshKey(), freshKey()];
  const crypto = nodeCrypto();
  const signer = nodeSigner({ manufacturer, supplier });
  const { manufacturerCode, imageType, hardwareVersion } = profile;
  const { version, counter, bytes } = profile.firmware;
  const image = generatedFirmware(bytes, seed);
  const otaImage = runTask(
    buildOtaImage({
      manufacturerImage: image,
      manufacturerCode,
      imageType,
      fileVersion: version,
      hardwareMin: hardwareVersion,
      hardwareMax: hardwareVersion,
    }),
    crypto,
    signer,
  );
  const octets = runTask(
    buildPackage({ otaImage, manufacturerKey: manufacturer.publicKey, securityCounter: counter }),
    crypto,
    signer,
  );
  const trust = { manufacturer: [manufacturer.publicKey], supplier: [supplier.publicKey] };
  const checked = runTask(verifyPackage(octets, trust), crypto);
  const read = readContainer(octets);
  if (!checked.ok || !read.ok) throw new TypeError('the first image does not verify');
  const { manifest, digest: manifestDigest, manufacturerKey, otaHeader, gbcsSignature } = checked.value;
  return {
    slotImage: { offerBlob: blobOf({ manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature }), image },
    anchors: [
      { role: 'manufacturer', publicKey: manufacturer.publicKey },
      { role: 'supplier', publicKey: supplier.publicKey },
    ],
  };
}

/** Octets that look like no firmware in particular, the same for the same seed. */
export function generatedFirmware(bytes: number, seed: number): Uint8Array {
  const octets = new Uint8Array(bytes);
  let word = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  for (let at = 0; at < bytes; at++) {
    // xorshift32: enough that nothing compresses and no two blocks are alike.
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    octets[at] = word >>> 24;
  }
  return octets;
}

function freshKey(): PrivateKey {
  const { privatePem, publicKey } = generateKeyPair();
  const key = createPrivateKey(privatePem);
  return {
    publicKey,
    isDemo: false,
    sign: (message) => withLowS(new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }))),
  };
}
