/** From parts at rest to an image that may be sent: everything is read again, and nothing is believed that is not checked here. */
import {
  equalOctets,
  GBCS_SIGNATURE_BAD,
  gbcsSignatureHolds,
  manufacturerImageHash,
  readContainer,
  SIGNATURE_BYTES,
  toHex,
  verifyManifest,
} from '@smets1/protocol';
import type { Checked, CryptoTask, Manifest, PackageFault, SendableImage, TrustAnchors } from '@smets1/protocol';
import { DcoError } from '../error.js';
import type { ImageState } from './state.js';

/** Payload and signature of each block; a hole for what no part brought. */
export type Blocks = (Uint8Array | undefined)[];

/** The blocks of an image as its parts hold them, structure and CRCs checked. @throws {@link DcoError} `storage-corrupt`. */
export function blocksOf(image: ImageState, readPart: (sequence: number) => Uint8Array): Blocks {
  const blocks: Blocks = Array.from({ length: image.manifest.blockCount });
  for (const run of image.runs) putPart(blocks, readPart(run.sequence));
  return blocks;
}

/** Adds the blocks of a part where there are none yet. */
export function putPart(blocks: Blocks, part: Uint8Array): void {
  const read = readContainer(part);
  if (!read.ok)
    throw new DcoError(
      'storage-corrupt',
      `a part at rest is damaged (${read.fault.detail}); restore the directory from a copy`,
    );
  for (const [i, block] of read.value.blocks.entries()) blocks[read.value.firstBlock + i] ??= block;
}

/**
 * Checks a whole image: hash against the manifest, then the GBCS signature.
 *
 * @returns the one of `gbcsSignatures` that holds.
 */
export function* checkWhole(
  manifest: Manifest,
  blocks: readonly (Uint8Array | undefined)[],
  gbcsSignatures: readonly Uint8Array[],
  supplierKeys: readonly Uint8Array[],
): CryptoTask<Checked<Uint8Array, 'imageHashMismatch' | 'gbcsSignature'>> {
  const octets = new Uint8Array(manifest.imageBytes);
  for (const [index, block] of blocks.entries()) {
    if (block !== undefined)
      octets.set(block.subarray(0, block.length - SIGNATURE_BYTES), index * 2 ** manifest.blockShift);
  }
  const hash = yield* manufacturerImageHash(octets);
  if (!equalOctets(hash, manifest.imageHash)) {
    const detail = `the blocks make an image of hash ${toHex(hash)}, the manifest says ${toHex(manifest.imageHash)}`;
    return { ok: false, fault: { code: 'imageHashMismatch', detail } };
  }
  for (const signature of gbcsSignatures) {
    if (yield* gbcsSignatureHolds(octets, signature, supplierKeys)) return { ok: true, value: signature };
  }
  return GBCS_SIGNATURE_BAD;
}

/**
 * The image as a sender takes it, checked as if it came from a stranger: container CRCs, the manifest's signature, the hash of the whole
 * image and its GBCS signature. Block signatures are the meter's to check, and were checked when the part came.
 *
 * Faults: those of verifying. @throws {@link DcoError} `storage-corrupt` when parts do not read.
 */
export function* sendableImage(
  image: ImageState,
  readPart: (sequence: number) => Uint8Array,
  trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>,
): CryptoTask<Checked<SendableImage, PackageFault>> {
  const verified = yield* verifyManifest(image.manifest, trust.manufacturer);
  if (!verified.ok) return verified;
  const blocks = blocksOf(image, readPart);
  const whole = blocks.filter((block) => block !== undefined);
  if (whole.length !== blocks.length)
    throw new DcoError('storage-corrupt', `image ${image.record.imageId} is said to be whole and is not`);
  const signatures = image.record.gbcsSignatures.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  const checked = yield* checkWhole(image.manifest, blocks, signatures, trust.supplier);
  if (!checked.ok) return checked;
  const { manifest, digest: manifestDigest, manufacturerKey } = verified.value;
  const otaHeader = new Uint8Array(Buffer.from(image.record.otaHeader, 'base64'));
  return {
    ok: true,
    value: { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature: checked.value, blocks: whole },
  };
}
