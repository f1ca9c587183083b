/** What the countersigner sees of the store: read from the journal beside its owner, images checked once by itself. */
import { formatDeviceId, runTask, toHex } from '@smets1/protocol';
import type { Authorisation, CryptoPort, Manifest, TrustAnchors } from '@smets1/protocol';
import type { FilePort } from '@smets1/journal';
import { sendableImage } from '../store/image.js';
import type { MeterRecord } from '../store/records.js';
import { DcoError } from '../error.js';
import { emptyState, isListed } from '../store/state.js';
import type { StoreState } from '../store/state.js';
import { readState } from '../store/store.js';

export interface HeldForDevice {
  readonly manifest: Manifest;
  readonly isListed: boolean;
  /** What is known of the meter, and attested by its own signature; undefined otherwise. */
  readonly meter: MeterRecord | undefined;
}

export interface StoreView {
  /** Asks `judge` with what was read before; should that make it refuse, once more with the journal read afresh, or `failed` when it does not read. */
  use<T>(
    authorisation: Authorisation,
    judge: (held: HeldForDevice | undefined) => T | undefined,
    failed: (error: DcoError) => T,
  ): T | undefined;
}

export function openStoreView(options: {
  readonly files: FilePort;
  readonly directory: string;
  readonly crypto: CryptoPort;
  readonly trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>;
}): StoreView {
  const { files, directory, crypto, trust } = options;
  let state: StoreState = emptyState();
  /** Images whose every octet was checked here. */
  const authentic = new Set<string>();

  const refresh = (): void => {
    state = readState(files, directory, (read, readPart) => {
      for (const [imageId, image] of read.images) {
        if (image.record.status !== 'held' || authentic.has(imageId)) continue;
        if (runTask(sendableImage(image, readPart, trust), crypto).ok) authentic.add(imageId);
      }
      return read;
    });
    for (const imageId of authentic) if (!state.images.has(imageId)) authentic.delete(imageId);
  };

  const look = (authorisation: Authorisation): HeldForDevice | undefined => {
    const imageId = toHex(authorisation.manifestDigest);
    const image = state.images.get(imageId);
    if (image === undefined || !authentic.has(imageId)) return undefined;
    const meter = state.meters.get(formatDeviceId(authorisation.deviceId));
    return {
      manifest: image.manifest,
      isListed: isListed(state, imageId, authorisation.deviceId),
      meter: meter?.attested === true ? meter : undefined,
    };
  };

  return {
    use(authorisation, judge, failed) {
      const early = judge(look(authorisation));
      if (early === undefined) return undefined;
      // What is held and listed only grows from one 11.3 to the next, so a refusal may be out of date. So may what is known of a meter's
      // version, which is why the meter judges that too.
      try {
        refresh();
      } catch (error) {
        if (error instanceof DcoError) return failed(error);
        throw error;
      }
      return judge(look(authorisation));
    },
  };
}
