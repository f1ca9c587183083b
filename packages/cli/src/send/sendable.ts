/** From the files of a command to what a sender sends. */
import { nodeCrypto } from '@smets1/host';
import {
  AUTHORISATION_BYTES,
  decodeAuthorisation,
  equalOctets,
  manifestDigest,
  PACKAGE_BYTES_MAX,
  readContainer,
  runTask,
  verifyPackage,
  type Checked,
  type PackageFault,
  type PackageTrust,
  type SendableImage,
} from '@smets1/protocol';
import { EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import { failed, type Finish } from '../run-command.js';

/**
 * Reads a package to send.
 *
 * @param trust - Verified with these keys first, where given. The meter verifies everything in any case.
 * @throws CliError for a file that cannot be read
 */
export function readSendable(path: string, trust: PackageTrust | undefined): Checked<SendableImage, PackageFault> {
  const octets = readInput(path, 'the package', PACKAGE_BYTES_MAX);
  const crypto = nodeCrypto();
  if (trust !== undefined) {
    const verified = runTask(verifyPackage(octets, trust), crypto);
    if (!verified.ok) return verified;
    const { manifest, digest, manufacturerKey, otaHeader, gbcsSignature, blocks } = verified.value;
    return { ok: true, value: { manifest, manifestDigest: digest, manufacturerKey, otaHeader, gbcsSignature, blocks } };
  }
  const read = readContainer(octets);
  if (!read.ok) return read;
  const { kind, manifest, otaHeader, gbcsSignature, blocks } = read.value;
  if (kind !== 'package') {
    return {
      ok: false,
      fault: { code: 'unknownKind', detail: 'this is a part; join all parts with `smets1 package join`' },
    };
  }
  const digest = runTask(manifestDigest(manifest), crypto);
  return {
    ok: true,
    value: { manifest, manifestDigest: digest, manufacturerKey: UNCHECKED, otaHeader, gbcsSignature, blocks },
  };
}

/** Which key signed the manifest is not known, and a sender, unlike a meter, does not ask. */
const UNCHECKED = new Uint8Array(0);

/** The authorisation's octets, or why no meter would take it for this image. */
export function readAuthorisation(path: string, image: SendableImage): Uint8Array | Finish {
  const octets = readInput(path, 'the authorisation', AUTHORISATION_BYTES);
  const decoded = decodeAuthorisation(octets);
  if (!decoded.ok) {
    return failed(EXIT['not-authorised'], `${path} is no authorisation: ${decoded.fault.detail}`, {
      fields: { code: decoded.fault.code },
    });
  }
  const authorisation = decoded.value;
  if (!authorisation.countersigned) {
    return failed(EXIT['not-authorised'], `${path} is not countersigned, and a meter takes no other`, {
      wayOut: 'have the DCO do it: smets1 authorise countersign',
      fields: { code: 'authorisationMalformed' },
    });
  }
  if (
    !equalOctets(authorisation.imageHash, image.manifest.imageHash) ||
    !equalOctets(authorisation.manifestDigest, image.manifestDigest)
  ) {
    return failed(EXIT['not-authorised'], `${path} is for another image than this package holds`, {
      wayOut: 'sign one for this package: smets1 authorise sign --package',
    });
  }
  return authorisation.octets;
}
