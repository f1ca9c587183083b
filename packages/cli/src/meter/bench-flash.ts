/** The flash of a bench's meter: made, read from its file, written to one as a whole. */
import {
  createFlash,
  encodeFlashFileHeader,
  encodeWear,
  FLASH_FILE_HEADER_BYTES,
  isManufactured,
  loadFlash,
  manufacture,
  readIdentity,
  wearOffsetBytes,
  type NorFlash,
  type TrustAnchor,
} from '@smets1/emulator';
import { nodeCrypto, type NodeFlashBacking, type PrivateKey } from '@smets1/host';
import { crc32, equalOctets } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { makeFirstImage, type FirstImage } from './first-image.js';
import type { MeterProfile } from './profile.js';

/** What a flash is made of, or must fit to. */
export interface FlashWish {
  readonly profile: MeterProfile;
  readonly seed: number;
  /** Of a new meter. A flash that has a meter keeps what that one trusts. */
  readonly anchors: readonly TrustAnchor[];
  /** The device's own key, with which it signs. */
  readonly deviceKey: PrivateKey;
  /** What a new meter leaves the factory with; made from profile and seed unless given. */
  readonly firstImage?: FirstImage;
}

/** @throws FlashFileError; {@link CliError} `storage-failed` for a file without a whole meter, `usage` for one with another key */
export function openFlash(
  wish: FlashWish,
  backing: NodeFlashBacking | undefined,
  path: string | undefined,
): { readonly flash: NorFlash; readonly isNew: boolean } {
  if (backing === undefined || backing.isNew) return { flash: newFlash(wish, backing), isNew: true };
  const flash = loadFlash(backing.read(), crc32, backing, wish.profile.layout.geometry.timings);
  requireMeter(flash, wish.deviceKey, `in ${path}`);
  return { flash, isNew: false };
}

/** A meter on a flash of its own; its file appears under its name when the meter is finished, not before. */
function newFlash(wish: FlashWish, backing: NodeFlashBacking | undefined): NorFlash {
  const { profile, seed, anchors, deviceKey } = wish;
  let isFinished = false;
  const draft = backing && {
    writeAt: (offsetBytes: number, octets: Uint8Array) => backing.writeAt(offsetBytes, octets),
    sync: () => {
      if (isFinished) backing.sync();
    },
  };
  const flash = createFlash(profile.layout, draft && { backing: draft, crc32 });
  const first = wish.firstImage ?? makeFirstImage(profile, seed);
  const identity = {
    eui64: profile.deviceId,
    manufacturerCode: profile.manufacturerCode,
    imageType: profile.imageType,
    hardwareVersion: profile.hardwareVersion,
    deviceClass: DEVICE_CLASS_ESME,
    trustAnchors: [...anchors, ...first.anchors, { role: 'device' as const, publicKey: deviceKey.publicKey }],
  };
  manufacture(flash, nodeCrypto(), identity, first.slotImage);
  isFinished = true;
  flash.sync();
  return flash;
}

const DEVICE_CLASS_ESME = 1;

/** @param which - For people: which flash this is. */
function requireMeter(flash: NorFlash, deviceKey: PrivateKey, which: string): void {
  const identity = readIdentity(flash, crc32);
  // A file appears only once its meter is finished, so what is missing in it was lost: nothing is written over the rest.
  if (identity === undefined || !isManufactured(flash)) {
    const lost = identity === undefined ? 'identity' : 'boot records';
    const cause = `the ${lost} of the meter ${which} cannot be read`;
    throw new CliError('storage-failed', `${cause}; the file was left as it is. Keep a copy, and name another file`);
  }
  const made = identity.trustAnchors.find(({ role }) => role === 'device')?.publicKey;
  if (made !== undefined && !equalOctets(made, deviceKey.publicKey)) {
    const cause = `the meter ${which} has another device key`;
    throw new CliError('usage', `${cause}; name the keys it was made with: --trust DIR, or --device-key PEM`);
  }
}

/** A flash file of what flash holds, powered or not. Faults (weak cells, stuck bits, broken sectors) are not part of it. */
export function flashFileOf(flash: NorFlash): Uint8Array {
  // A fork has power whatever the flash has, and reading it leaves no trace there.
  const held = flash.fork();
  const octets = new Uint8Array(wearOffsetBytes(held.sizeBytes, held.sectors.length));
  octets.set(encodeFlashFileHeader(held.layout, crc32));
  held.readInto(0, octets.subarray(FLASH_FILE_HEADER_BYTES, FLASH_FILE_HEADER_BYTES + held.sizeBytes));
  const wear = Uint32Array.from(held.sectors, ({ index }) => held.wear(index));
  octets.set(encodeWear(wear, crc32), wearOffsetBytes(held.sizeBytes, 0));
  return octets;
}

/**
 * The flash that a flash file holds, in place of the one that is in `backing`.
 *
 * @throws FlashFileError, {@link CliError} as {@link openFlash} does: the backing was not touched; HostError `file-failed`
 */
export function restoredFlash(
  file: Uint8Array,
  { profile, deviceKey }: Pick<FlashWish, 'profile' | 'deviceKey'>,
  backing: NodeFlashBacking | undefined,
): NorFlash {
  requireMeter(loadFlash(file, crc32), deviceKey, 'in the snapshot');
  if (backing !== undefined) {
    // Without its header the file is none: whoever is killed in here leaves nothing that passes for a meter.
    backing.writeAt(0, new Uint8Array(FLASH_FILE_HEADER_BYTES));
    backing.sync();
    backing.writeAt(FLASH_FILE_HEADER_BYTES, file.subarray(FLASH_FILE_HEADER_BYTES));
    backing.sync();
    backing.writeAt(0, file.subarray(0, FLASH_FILE_HEADER_BYTES));
    backing.sync();
  }
  return loadFlash(file, crc32, backing, profile.layout.geometry.timings);
}
