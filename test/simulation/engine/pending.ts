/** A meter whose boot records say that an image in the other slot is to be tried, whatever that image is: put there past the receiver. */
import {
  eraseSlot,
  recordActivation,
  recordStaged,
  writeSlotHeader,
  writeSlotImage,
  type NorFlash,
} from '@smets1/emulator';
import { crc32 } from '@smets1/protocol';
import type { Party } from './parties.js';

/** @param octets - What stands in the slot; the image's own unless given. @param isActivated - False: staged only. */
export function withImage(
  start: NorFlash,
  image: Party,
  octets: Uint8Array = image.octets,
  isActivated = true,
): NorFlash {
  const flash = start.fork();
  const { manifest, manifestDigest } = image.image;
  const { imageHash } = manifest;
  eraseSlot(flash, 1, octets.length);
  writeSlotImage(flash, 1, octets);
  writeSlotHeader(flash, { crc32 }, 1, image.slotImage.offerBlob);
  recordStaged(flash, { crc32 }, { slot: 1, manifestDigest, imageHash });
  if (!isActivated) return flash;
  const authorisationDigest = new Uint8Array(32).fill(0xaa);
  recordActivation(
    flash,
    { crc32 },
    { slot: 1, manifestDigest, imageHash, originatorCounter: 9n, authorisationDigest },
  );
  return flash;
}
