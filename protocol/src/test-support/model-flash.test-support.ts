/** What a model meter has in flash, and the promise that it keeps about it: what it says to be durable would survive a cut at this moment. */
import { equalOctets, toHex } from '../layout/octets.js';
import type { MeterMessage } from '../message/meter-messages.js';
import { blockOffsetBytes, blockPayloadBytes } from '../package/manifest.js';
import type { ActivationMemory } from '../receiver/receiver-types.js';
import { blocksOf, hasBlock } from '../staging/block-map.js';
import { recoverHeld, type ImageOffer, type Recovered } from '../staging/staging.js';
import type { ModelImage } from './model-image.test-support.js';

/** All that survives a power cut. */
export interface ModelFlash {
  offer: ImageOffer | undefined;
  readonly slot: Uint8Array;
  log: Uint8Array[];
  activation: ActivationMemory;
  running: { readonly hash: Uint8Array; readonly version: number; readonly securityCounter: number };
  trial:
    | { readonly hash: Uint8Array; readonly version: number; readonly securityCounter: number; starts: number }
    | undefined;
  bootEpoch: number;
}

/** What a start now would find. */
export function recovered(flash: ModelFlash): Recovered {
  return recoverHeld(flash.log, flash.offer);
}

export class Promises {
  /** Blocks of the held instance that were said to be durable. */
  private readonly said = new Set<number>();
  private readonly flash: ModelFlash;
  private readonly images: readonly ModelImage[];

  constructor(flash: ModelFlash, images: readonly ModelImage[]) {
    this.flash = flash;
    this.images = images;
  }

  /** The image is to go: nothing that was said of it holds any more. */
  forget(): void {
    this.said.clear();
  }

  /** What a word of the meter promises. */
  remember(message: MeterMessage): void {
    switch (message.kind) {
      case 'sack':
        for (
          let block = 0;
          block < Math.min(message.durableFrom, recovered(this.flash).held?.map.blockCount ?? 0);
          block++
        )
          this.said.add(block);
        for (const block of blocksOf(message.durableFrom, message.durable)) this.said.add(block);
        this.mustHold(message.durableCount);
        return;
      case 'map':
        for (const block of blocksOf(message.firstBlock, message.bitmap)) this.said.add(block);
        return;
      case 'accept':
        if (message.status === 'send') this.mustHold(message.durableCount);
        return;
      default:
    }
  }

  private mustHold(durableCount: number): void {
    const held = recovered(this.flash).held?.map.durableCount ?? 0;
    if (held < durableCount)
      throw new Error(`says that ${durableCount} blocks are durable, a start now would find ${held}`);
  }

  /** @throws when a start now would not find what was promised. */
  keep(): void {
    if (this.said.size === 0) return;
    const { held } = recovered(this.flash);
    const image = this.images.find(
      ({ manifestDigest }) => held !== undefined && equalOctets(manifestDigest, held.manifestDigest),
    );
    for (const block of this.said) {
      if (held === undefined || !hasBlock(held.map, block))
        throw new Error(`block ${block} was said to be durable and a start now would not find it`);
      const from = blockOffsetBytes(held.manifest, block);
      const end = from + blockPayloadBytes(held.manifest, block);
      if (
        image !== undefined &&
        Buffer.compare(this.flash.slot.subarray(from, end), image.manufacturerImage.subarray(from, end)) !== 0
      ) {
        throw new Error(
          `block ${block} was said to be durable and the slot holds other octets (image ${toHex(image.imageHash)})`,
        );
      }
    }
  }
}
