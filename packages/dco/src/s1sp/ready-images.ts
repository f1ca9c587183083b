/** Images as they are sent: read and checked at send, the last few kept for further meters. */
import { runTask } from '@smets1/protocol';
import type { CryptoPort, SendableImage, TrustAnchors } from '@smets1/protocol';
import { DcoError } from '../error.js';
import { READY_IMAGES_MAX } from '../limits.js';
import { sendableImage } from '../store/image.js';
import type { EntryCode } from '../store/records.js';
import type { Store } from '../store/store.js';

export type ReadyImage =
  | { readonly ok: true; readonly image: SendableImage }
  /** It is gone, or spoilt. */
  | { readonly ok: false; readonly code: EntryCode; readonly message: string };

export class ReadyImages {
  readonly #store: Store;
  readonly #crypto: CryptoPort;
  readonly #trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>;
  readonly #ready = new Map<string, SendableImage>();

  constructor(store: Store, crypto: CryptoPort, trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>) {
    this.#store = store;
    this.#crypto = crypto;
    this.#trust = trust;
  }

  /** @throws {@link DcoError} `storage-failed`, `closed`. */
  get(imageId: string): ReadyImage {
    const known = this.#ready.get(imageId);
    if (known !== undefined) return { ok: true, image: known };
    const image = this.#store.state.images.get(imageId);
    if (image === undefined)
      return { ok: false, code: 'image-gone', message: 'the image is not held any more; send it again' };
    try {
      const checked = runTask(
        sendableImage(image, (at) => this.#store.readPart(at), this.#trust),
        this.#crypto,
      );
      if (!checked.ok) return spoilt(checked.fault.detail);
      if (this.#ready.size >= READY_IMAGES_MAX) this.#ready.delete([...this.#ready.keys()][0] ?? '');
      this.#ready.set(imageId, checked.value);
      return { ok: true, image: checked.value };
    } catch (error) {
      if (error instanceof DcoError && error.code === 'storage-corrupt') return spoilt(error.message);
      throw error;
    }
  }
}

function spoilt(why: string): ReadyImage {
  const message = `the image at rest does not pass its checks and was not sent: ${why}`;
  return { ok: false, code: 'image-corrupt', message };
}
