/** The packages that a campaign may send, each under the entry of the product list that it is. */
import type { Campaign } from '@smets1/campaign';
import { nodeCrypto } from '@smets1/host';
import {
  manifestDigest,
  otaImageBytes,
  PACKAGE_BYTES_MAX,
  readContainer,
  runTask,
  splitPackage,
  verifyPackage,
} from '@smets1/protocol';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import type { TrustedKeyFile } from '../flags/values.js';
import { counted, hex, versionText } from '../output/style.js';
import { type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { loadTrust } from '../trust.js';
import { notSound } from '../verdict.js';

export interface PackagedImage {
  readonly path: string;
  /** Parts of 11.1, in order. */
  readonly parts: readonly Uint8Array[];
  readonly imageHash: Uint8Array;
  readonly manifestDigest: Uint8Array;
}

export type PackagedImages = ReadonlyMap<string, PackagedImage>;

/**
 * Reads packages and finds the entry of each by its hash.
 *
 * @returns images by entry; or the bad end for a package that does not verify.
 * @throws {@link CliError} `usage` for one that is no entry, or not as its entry says; as `readInput` does
 */
export function readPackagedImages(
  job: Job,
  { entries }: Campaign,
  paths: readonly string[],
  trustFiles: readonly TrustedKeyFile[] | undefined,
): { readonly images: PackagedImages } | { readonly refused: Finish } {
  const crypto = nodeCrypto();
  const images = new Map<string, PackagedImage>();
  if (trustFiles === undefined)
    job.report.warn(
      'signatures of the packages are not checked here; --trust manufacturer=PEM --trust supplier=PEM does',
    );
  const trust = trustFiles && loadTrust(job, trustFiles, ['manufacturer', 'supplier']);
  for (const path of paths) {
    const octets = readInput(pathFrom(job.shell, path), 'the package', PACKAGE_BYTES_MAX);
    const read = readContainer(octets);
    if (!read.ok) return { refused: notSound(path, read.fault) };
    const checked = trust && runTask(verifyPackage(octets, trust), crypto);
    if (checked?.ok === false) return { refused: notSound(path, checked.fault) };
    const split = splitPackage(octets);
    if (!split.ok) return { refused: notSound(path, split.fault) };
    const { manifest } = read.value;
    const hash = hex(manifest.imageHash);
    const found = [...entries.values()].filter((entry) => entry.manufacturerImageHash === hash);
    if (found.length === 0)
      throw new CliError(
        'usage',
        `${path} holds the image ${hash}, which is no entry of the product list; give the package of an entry, or list it`,
      );
    const totalBytes = otaImageBytes(manifest.imageBytes);
    for (const { entryId, imageOctets, firmwareVersion } of found) {
      if (imageOctets !== totalBytes)
        throw new CliError(
          'usage',
          `${path} has ${counted(totalBytes)} octets, entry ${entryId} says ${counted(imageOctets)}: one of them is wrong`,
        );
      if (firmwareVersion !== versionText(manifest.fileVersion).toUpperCase())
        throw new CliError(
          'usage',
          `${path} is version ${versionText(manifest.fileVersion)}, entry ${entryId} says ${firmwareVersion}: one of them is wrong`,
        );
      images.set(entryId, {
        path,
        parts: split.value,
        imageHash: manifest.imageHash,
        manifestDigest: runTask(manifestDigest(manifest), crypto),
      });
    }
  }
  return { images };
}
