/** Packages in memory, or as files of a folder that are named after what they hold. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '@smets1/host';
import { errnoOf } from '@smets1/journal';
import { PACKAGE_BYTES_MAX } from '@smets1/protocol';
import { packageDigestWrong, packageMissing, storageFailed } from './error.js';
import { packageDigest } from './update-job.js';
import type { PackageStore } from './work-ports.js';

export function memoryPackages(): PackageStore {
  const held = new Map<string, Uint8Array>();
  return {
    put: async (octets) => {
      const digest = packageDigest(octets);
      held.set(digest, octets.slice());
      return await Promise.resolve(digest);
    },
    get: async (digest) => {
      const octets = await Promise.resolve(held.get(digest));
      if (octets === undefined) throw packageMissing(digest);
      return octets.slice();
    },
  };
}

export function folderPackages(folder: string): PackageStore {
  const pathOf = (digest: string): string => join(folder, `${digest}.s1pk`);
  return {
    put: async (octets) => {
      const digest = packageDigest(octets);
      try {
        writeFileAtomic(pathOf(digest), octets);
      } catch (cause) {
        throw storageFailed('the package cannot be stored', cause);
      }
      return await Promise.resolve(digest);
    },
    get: async (digest) => {
      const octets = await Promise.resolve(readBounded(pathOf(digest), digest));
      if (octets === undefined || packageDigest(octets) !== digest) throw packageDigestWrong(digest);
      return octets;
    },
  };
}

/** Undefined for what is longer than any package. */
function readBounded(path: string, digest: string): Uint8Array | undefined {
  try {
    if (statSync(path).size > PACKAGE_BYTES_MAX) return undefined;
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw packageMissing(digest);
    throw storageFailed(`package ${digest} cannot be read`, cause);
  }
}
