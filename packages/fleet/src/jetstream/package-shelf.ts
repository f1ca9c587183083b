import { toHex, type SendableImage } from '@smets1/protocol';
import { PACKAGES_KEPT_MAX } from '../limits.js';
import { WorkError } from './error.js';
import { readPackage } from './read-package.js';
import type { UpdateJob } from './update-job.js';
import type { PackageStore } from './work-ports.js';

/** Packages as they are sent: fetched once, checked once, and shared by all meters that get them. */
export class PackageShelf {
  readonly #store: PackageStore;
  readonly #kept = new Map<string, Promise<SendableImage>>();

  constructor(store: PackageStore) {
    this.#store = store;
  }

  /** @throws {@link WorkError} `package-missing`, `package-digest`, `package-format` (also when it holds another image than the job names) */
  async image({ packageDigest, imageHash }: UpdateJob): Promise<SendableImage> {
    const image = await this.#fetched(packageDigest);
    if (toHex(image.manifest.imageHash) !== imageHash)
      throw new WorkError('package-format', `package ${packageDigest} holds another image than the job names`);
    return image;
  }

  async #fetched(digest: string): Promise<SendableImage> {
    const fetched = this.#kept.get(digest) ?? this.#store.get(digest).then(readPackage);
    this.#kept.delete(digest);
    this.#kept.set(digest, fetched);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > PACKAGES_KEPT_MAX) this.#kept.delete(oldest);
    try {
      return await fetched;
    } catch (error) {
      // What was not there may be there the next time.
      if (this.#kept.get(digest) === fetched) this.#kept.delete(digest);
      throw error;
    }
  }
}
