import { BootError, FlashError } from '../errors.js';
import type { FlashPort, FlashRegion, Sector } from '../flash/flash-port.js';
import { FACTORY_CHUNK_BYTES } from '../limits.js';
import { readIdentity } from '../meter/identity.js';
import { isFilled } from '../octets.js';
import type { BootPorts } from './boot-crypto.js';
import { without } from './boot-records.js';
import type { BootState, SlotIndex } from './boot-state.js';
import { floorOf } from './boot-state.js';
import { IMAGE_OFFSET_BYTES, slotRegion, verifySlot, writeSlotHeader } from './slot.js';
import { StateStore } from './state-store.js';

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
  const store = new StateStore(flash, ports.crypto.crc32, true);
  const before = store.state;
  if (before.confirmed !== undefined) {
    throw new BootError('already-installed', 'this flash has a confirmed image; update it, or start with a new flash');
  }
  eraseSlot(flash, slot, slotImage.image.length);
  writeSlotImage(flash, slot, slotImage.image);
  writeSlotHeader(flash, ports.crypto, slot, slotImage.offerBlob);
  const identity = readIdentity(flash, ports.crypto.crc32);
  const checked = verifySlot(flash, ports, slot, { identity, floor: floorOf(before) });
  if (!checked.ok) throw new BootError('not-verified', `the first image does not verify: ${checked.fault}`);
  const { manifestDigest, imageHash, imageBytes, fileVersion: version, securityCounter } = checked.header;
  const state: BootState = {
    ...without(before, 'recoveredFloor'),
    confirmed: { slot, manifestDigest, imageHash, imageBytes, version, securityCounter },
    lastRunVersion: version,
  };
  store.writeTwice('install', state);
  return state;
}

/**
 * Erases the sectors that the header and an image of this size take.
 * @throws FlashError `worn` where a sector does not come out erased, `out-of-range`; PowerLost
 */
export function eraseSlot(flash: FlashPort, slot: SlotIndex, imageBytes: number): void {
  const region = slotRegion(flash, slot);
  for (const sector of slotSectors(region, imageBytes)) eraseWhole(region, sector);
}

/** The sectors that the header and an image of this size take, from the first of the slot on. */
export function slotSectors(region: FlashRegion, imageBytes: number): readonly Sector[] {
  return region.sectors.filter(({ offsetBytes }) => offsetBytes < IMAGE_OFFSET_BYTES + imageBytes);
}

/** @throws FlashError `worn` where the sector does not come out erased; PowerLost */
export function eraseWhole(region: FlashRegion, { index, offsetBytes, lengthBytes }: Sector): void {
  region.eraseSector(index);
  if (isFilled(region.read(offsetBytes, lengthBytes), 0, lengthBytes, region.erasedValue)) return;
  throw new FlashError('worn', `sector ${index} of the partition was not erased; the device needs repair`);
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
