/** What boot found, in the receiver's words. */
import {
  BLOCK_SHIFT_MAX,
  BLOCK_SHIFT_MIN,
  FRAME_PAYLOAD_BYTES_MAX,
  HASH_BYTES,
  type ActivationMemory,
  type DeviceFacts,
} from '@smets1/protocol';
import type { BootResult } from '../boot/boot.js';
import { floorOf, type BootState } from '../boot/boot-state.js';
import { IMAGE_OFFSET_BYTES, slotRegion } from '../boot/slot.js';
import type { FirmwarePorts } from './firmware.js';
import { StagingStore } from './staging-store.js';

/** `state` and `phase` may be later than those of the boot: a trial confirms while it runs. */
export function deviceFacts(
  { identity, flash, windowBytes, quirks }: FirmwarePorts,
  booted: BootResult,
  state: BootState,
  phase: BootResult['phase'],
): DeviceFacts {
  const running = booted.phase === 'recovery' ? undefined : booted.header;
  const region = slotRegion(flash, booted.spareSlot ?? 0);
  return {
    deviceId: identity.eui64,
    deviceClass: identity.deviceClass,
    manufacturerCode: identity.manufacturerCode,
    imageType: identity.imageType,
    hardwareVersion: identity.hardwareVersion,
    bootEpoch: booted.epoch,
    runningVersion: running?.fileVersion ?? 0,
    runningHash: running?.imageHash ?? new Uint8Array(HASH_BYTES),
    securityCounter: floorOf(state),
    mode: phase,
    slotBytes: region.sizeBytes - IMAGE_OFFSET_BYTES,
    // Two blocks must not share a granule.
    blockShiftMin: Math.max(quirks.blockShiftMin ?? 0, BLOCK_SHIFT_MIN, Math.ceil(Math.log2(region.granuleBytes))),
    blockShiftMax: Math.min(quirks.blockShiftMax ?? Infinity, BLOCK_SHIFT_MAX),
    blockCountMax: StagingStore.blockCountMax(flash),
    windowBytes,
    frameBytesMax: FRAME_PAYLOAD_BYTES_MAX,
  };
}

/** What boot knows of the last authorisation. */
export function activationMemory(state: BootState): ActivationMemory {
  const { pending, outcome, highestOriginatorCounter: originatorCounter } = state;
  if (pending !== undefined)
    return { originatorCounter, authorisationDigest: pending.authorisationDigest, result: 'pending' };
  return {
    originatorCounter,
    authorisationDigest: outcome?.authorisationDigest,
    result: outcome?.code ?? 'noImageHeld',
  };
}
