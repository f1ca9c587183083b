/** The offer blob beside a slot (manifest ‖ OTA header ‖ GBCS signature), read with the protocol's own eyes. */
import {
  OTA_HEADER_BYTES,
  SIGNATURE_BYTES,
  checkOtaHeader,
  concat,
  decodeManifest,
  runTask,
  verifyManifest,
  type CryptoPort,
  type ImageOffer,
  type TrustAnchors,
} from '@smets1/protocol';
import type { BootCrypto, ImageHeaderReader } from '../boot/boot-crypto.js';
import type { Crc32 } from '../flash/flash-port.js';
import type { AnchorRole, DeviceIdentity } from '../meter/identity.js';

/** What the meter's flash trusts; a bench key serves for every role. */
export function trustOf(identity: DeviceIdentity | undefined): TrustAnchors {
  const keys = (role: AnchorRole): readonly Uint8Array[] =>
    (identity?.trustAnchors ?? [])
      .filter((anchor) => anchor.role === role || anchor.role === 'bench')
      .map(({ publicKey }) => publicKey);
  return { manufacturer: keys('manufacturer'), supplier: keys('supplier'), dco: keys('dco') };
}

export function blobOf(offer: ImageOffer): Uint8Array {
  return concat(offer.manifest.octets, offer.otaHeader, offer.gbcsSignature);
}

/** The offer, its manifest's signature and its OTA header checked again; undefined when anything is not as it was signed. */
export function offerOf(blob: Uint8Array, crypto: CryptoPort, trust: TrustAnchors): ImageOffer | undefined {
  const headerAt = blob.length - OTA_HEADER_BYTES - SIGNATURE_BYTES;
  if (headerAt <= 0) return undefined;
  const decoded = decodeManifest(blob.slice(0, headerAt));
  if (!decoded.ok) return undefined;
  const verified = runTask(verifyManifest(decoded.value, trust.manufacturer), crypto);
  if (!verified.ok) return undefined;
  const otaHeader = blob.slice(headerAt, headerAt + OTA_HEADER_BYTES);
  if (!runTask(checkOtaHeader(decoded.value, otaHeader), crypto).ok) return undefined;
  const { manifest, digest: manifestDigest, manufacturerKey } = verified.value;
  return {
    manifest,
    manifestDigest,
    manufacturerKey,
    otaHeader,
    gbcsSignature: blob.slice(headerAt + OTA_HEADER_BYTES),
  };
}

/** What boot wants to know of a blob. The manifest's signature is checked in the reading, the GBCS signature by `check`. */
export function imageHeaderReader(crypto: CryptoPort, trust: TrustAnchors): ImageHeaderReader {
  return (blob) => {
    const offer = offerOf(blob, crypto, trust);
    if (offer === undefined) return undefined;
    const { manifest, manifestDigest, gbcsSignature } = offer;
    const {
      imageHash,
      imageBytes,
      fileVersion,
      securityCounter,
      manufacturerCode,
      imageType,
      hardwareMin,
      hardwareMax,
    } = manifest;
    return {
      manifestDigest,
      imageHash,
      imageBytes,
      fileVersion,
      securityCounter,
      manufacturerCode,
      imageType,
      hardwareMin,
      hardwareMax,
      check: (bootCrypto, imageChunks) => bootCrypto.verify('supplier', imageChunks, gbcsSignature),
    };
  };
}

export function bootCryptoOf(crypto: CryptoPort, crc32: Crc32, trust: TrustAnchors): BootCrypto {
  return {
    crc32,
    sha256: (chunks) => crypto.sha256(chunks),
    verify: (role, message, signature) => {
      const whole = message.length === 1 ? message[0]! : concat(...message);
      return trust[role].some((key) => crypto.verify(key, whole, signature, role === 'supplier' ? 'either' : 'low'));
    },
  };
}
