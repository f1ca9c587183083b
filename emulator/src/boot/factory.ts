import { BootError } from '../errors.js';
import type { FlashPort } from '../flash/flash-port.js';
import { FACTORY_CHUNK_BYTES } from '../limits.js';
import { readIdentity } from '../meter/identity.js';
import type { BootPorts } from './boot-crypto.js';
import { appendState, openBootLog, stateOf } from './boot-records.js';
import type { BootState, SlotIndex } from './boot-state.js';
import { IMAGE_OFFSET_BYTES, slotRegion, verifySlot, writeSlotHeader } from './slot.js';

/** What a slot holds. */
export interface SlotImage {
  readonly offerBlob: Uint8Array;
  readonly image: Uint8Array;
}

/**
 * Gives a new meter its first, confirmed image; its counter is the first rollback floor. Can be repeated after a cut.
 * @throws BootError `already-installed`, `not-verified`, `bad-value`; FlashError; PowerLost
 */
export function factoryInstall(
  flash: FlashPort,
  ports: BootPorts,
  slotImage: SlotImage,
  slot: SlotIndex = 0,
): BootState {
  if (stateOf(openBootLog(flash, ports.crypto)).confirmed !== undefined) {
    throw new BootError('already-installed', 'this flash has a confirmed image; update it, or start with a new flash');
  }
  eraseSlot(flash, slot, slotImage.image.length);
  writeSlotImage(flash, slot, slotImage.image);
  writeSlotHeader(flash, ports.crypto, slot, slotImage.offerBlob);
  const identity = readIdentity(flash, ports.crypto.crc32);
  const checked = verifySlot(flash, ports, slot, { identity });
  if (!checked.ok) throw new BootError('not-verified', `the first image does not verify: ${checked.fault}`);
  const { manifestDigest, imageHash, imageBytes, fileVersion: version, securityCounter } = checked.header;
  const log = openBootLog(flash, ports.crypto);
  const state: BootState = {
    ...stateOf(log),
    confirmed: { slot, manifestDigest, imageHash, imageBytes, version, securityCounter },
    lastRunVersion: version,
  };
  appendState(log, 'install', state);
  return state;
}

/** Erases the sectors that the header and an image of this size take. @throws FlashError `out-of-range`; PowerLost */
export function eraseSlot(flash: FlashPort, slot: SlotIndex, imageBytes: number): void {
  const region = slotRegion(flash, slot);
  for (const sector of region.sectors) {
    if (sector.offsetBytes < IMAGE_OFFSET_BYTES + imageBytes) region.eraseSector(sector.index);
  }
}

/** Programs a whole Manufacturer Image into an erased slot. @throws FlashError; PowerLost */
export function writeSlotImage(flash: FlashPort, slot: SlotIndex, image: Uint8Array): void {
  const region = slotRegion(flash, slot);
  for (let at = 0; at < image.length; at += FACTORY_CHUNK_BYTES) {
    const piece = image.subarray(at, at + FACTORY_CHUNK_BYTES);
    const padded = new Uint8Array(Math.ceil(piece.length / region.granuleBytes) * region.granuleBytes);
    padded.fill(region.erasedValue, piece.length);
    padded.set(piece);
    region.program(IMAGE_OFFSET_BYTES + at, padded);
  }
}
