/** Verifies packages and parts (SPEC.md §6). What is handed back is what was checked; nobody reads the container again. */
import { type CryptoTask, type TrustAnchors } from '../crypto-port.js';
import { bad, good, type Checked } from '../errors.js';
import type { OtaHeader } from '../image/ota-header.js';
import { GBCS_SIGNATURE_BAD, gbcsSignatureHolds, manufacturerImageHash } from '../image/ota-image.js';
import { equalOctets, toHex } from '../layout/octets.js';
import { SIGNATURE_BYTES } from '../limits.js';
import type { PackageFault } from '../refusal.js';
import { blockMessages, verifyBlock } from './block.js';
import { readContainer, type Container } from './container.js';
import { blockOffsetBytes, blockPayloadBytes, checkOtaHeader, verifyManifest, type Manifest } from './manifest.js';

/** Views of the octets that were verified: whoever verifies gives up writing to them. */
export interface VerifiedPart {
  readonly manifest: Manifest;
  /** Manifest digest, 32 octets. */
  readonly digest: Uint8Array;
  /** The key that signed manifest and blocks. */
  readonly manufacturerKey: Uint8Array;
  readonly header: OtaHeader;
  /** The OTA header's 60 octets. */
  readonly otaHeader: Uint8Array;
  /** 64 octets; in a part that is not the whole image, not checked. */
  readonly gbcsSignature: Uint8Array;
  readonly firstBlock: number;
  /** Payload and signature of block `firstBlock + i` at `i`. */
  readonly blocks: readonly Uint8Array[];
  /** Whether the part holds every block: then hash and GBCS signature of the image were checked as well. */
  readonly whole: boolean;
}

export interface VerifiedPackage extends VerifiedPart {
  /** Manufacturer Image Hash, 32 octets. */
  readonly imageHash: Uint8Array;
  /** The Manufacturer Image, put together once. */
  manufacturerImage(): Uint8Array;
}

export type PackageTrust = Pick<TrustAnchors, 'manufacturer' | 'supplier'>;

/**
 * Verifies a package, every octet of it.
 *
 * Faults, in this order: those of `readContainer`; `unknownKey`, `badSignature`; `otaHeaderMismatch`; `blockSignature` (with the block);
 * `imageHashMismatch`; `gbcsSignature`.
 */
export function* verifyPackage(
  octets: Uint8Array,
  trust: PackageTrust,
): CryptoTask<Checked<VerifiedPackage, PackageFault>> {
  const container = readContainer(octets);
  if (!container.ok) return container;
  if (container.value.kind !== 'package')
    return bad('unknownKind', 'this is a part; join all parts to get the package');
  const run = yield* verifyRun(container.value, trust);
  if (!run.ok) return run;
  const image = yield* verifyWhole(run.value, trust);
  if (!image.ok) return image;
  return good({ ...run.value, imageHash: run.value.manifest.imageHash, manufacturerImage: () => image.value });
}

/** Verifies a part on its own. Faults: those of `verifyPackage`; the last two only when the part holds every block. */
export function* verifyPart(octets: Uint8Array, trust: PackageTrust): CryptoTask<Checked<VerifiedPart, PackageFault>> {
  const container = readContainer(octets);
  if (!container.ok) return container;
  if (container.value.kind !== 'part') return bad('unknownKind', 'this is a package; split it to get its parts');
  const run = yield* verifyRun(container.value, trust);
  if (!run.ok || !run.value.whole) return run;
  const image = yield* verifyWhole(run.value, trust);
  return image.ok ? run : image;
}

function* verifyRun(container: Container, trust: PackageTrust): CryptoTask<Checked<VerifiedPart, PackageFault>> {
  const { otaHeader, gbcsSignature, firstBlock, blocks } = container;
  const verified = yield* verifyManifest(container.manifest, trust.manufacturer);
  if (!verified.ok) return verified;
  const { manifest, digest, manufacturerKey } = verified.value;
  const header = yield* checkOtaHeader(manifest, otaHeader);
  if (!header.ok) return header;
  const messages = blockMessages(digest, manifest.blockCount, blockPayloadBytes(manifest, 0));
  for (const [i, block] of blocks.entries()) {
    const index = firstBlock + i;
    if (!(yield* verifyBlock(manifest, digest, index, block, manufacturerKey, messages))) {
      return bad('blockSignature', `the signature of block ${index} does not hold`, index);
    }
  }
  const whole = blocks.length === manifest.blockCount;
  return good({ ...verified.value, header: header.value, otaHeader, gbcsSignature, firstBlock, blocks, whole });
}

/** The Manufacturer Image, when its hash is the manifest's and a trusted supplier signed it. */
function* verifyWhole(run: VerifiedPart, trust: PackageTrust): CryptoTask<Checked<Uint8Array, PackageFault>> {
  const { manifest, blocks, gbcsSignature } = run;
  const image = new Uint8Array(manifest.imageBytes);
  for (const [index, block] of blocks.entries()) {
    image.set(block.subarray(0, block.length - SIGNATURE_BYTES), blockOffsetBytes(manifest, index));
  }
  const hash = yield* manufacturerImageHash(image);
  if (!equalOctets(hash, manifest.imageHash)) {
    return bad(
      'imageHashMismatch',
      `the blocks make an image of hash ${toHex(hash)}, the manifest says ${toHex(manifest.imageHash)}`,
    );
  }
  return (yield* gbcsSignatureHolds(image, gbcsSignature, trust.supplier)) ? good(image) : GBCS_SIGNATURE_BAD;
}
