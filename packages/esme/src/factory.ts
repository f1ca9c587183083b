/** Meters as they leave the factory: each kind is made once, and every further one is a fork that shares its sectors. */
import { blobOf, createFlash, manufacture, planLayout, type DeviceProfile, type NorFlash } from '@smets1/emulator';
import type { Bench } from './bench-keys.js';
import { FACTORY_FLASHES_MAX } from './limits.js';
import type { DeskImage } from './types.js';

/** The meter of a desk unless another is asked for: small sectors, little room, no quirks, flash that takes no time. */
export const DESK_PROFILE: DeviceProfile = {
  name: 'desk',
  title: 'a small meter for tests',
  layout: planLayout(
    { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
    { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
  ),
  timings: {},
  quirks: {},
};

/** @throws FlashError `bad-layout`, BootError `not-verified` for an image that does not fit */
export function factoryFlash(bench: Bench, layout: DeviceProfile['layout'], firmware: DeskImage): NorFlash {
  const { imageHash, blockShift } = firmware.manifest;
  const key = JSON.stringify([bench.real, layout, [...imageHash], blockShift, firmware.manifest.securityCounter]);
  let flash = made.get(key);
  if (flash === undefined) {
    flash = createFlash(layout);
    manufacture(flash, bench.crypto, bench.identity, { offerBlob: blobOf(firmware), image: firmware.octets });
  }
  made.delete(key);
  made.set(key, flash);
  for (const oldest of made.keys()) if (made.size > FACTORY_FLASHES_MAX) made.delete(oldest);
  return flash.fork();
}

const made = new Map<string, NorFlash>();
