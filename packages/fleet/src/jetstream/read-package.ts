import { nodeCrypto } from '@smets1/host';
import { manifestDigest, PACKAGE_BYTES_MAX, readContainer, runTask, type SendableImage } from '@smets1/protocol';
import { WorkError } from './error.js';

/**
 * What a sender sends, from the octets of a package. Signatures are for the meter to check, which believes nobody else.
 *
 * @throws {@link WorkError} `package-format`: no package, or only a part of one
 */
export function readPackage(octets: Uint8Array): SendableImage {
  if (octets.length > PACKAGE_BYTES_MAX)
    throw new WorkError('package-format', `a package has at most ${PACKAGE_BYTES_MAX} octets, not ${octets.length}`);
  const read = readContainer(octets);
  if (!read.ok) throw new WorkError('package-format', `this is no package: ${read.fault.detail}`);
  const { kind, manifest, otaHeader, gbcsSignature, blocks } = read.value;
  if (kind !== 'package')
    throw new WorkError('package-format', 'this is a part of a package; join all parts with `smets1 package join`');
  const digest = runTask(manifestDigest(manifest), nodeCrypto());
  return { manifest, manifestDigest: digest, manufacturerKey: UNCHECKED, otaHeader, gbcsSignature, blocks };
}

/** Which key signed the manifest is not known, and a sender, unlike a meter, does not ask. */
const UNCHECKED = new Uint8Array(0);
