/** Which firmware a demonstration takes. */
import { basename } from 'node:path';
import { IMAGE_BYTES_MAX } from '@smets1/protocol';
import { refuseOtaImage } from '../commands/image-build.js';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { SYNTHETIC_IMAGE_BYTES } from '../limits.js';
import { generatedFirmware } from '../meter/first-image.js';

export interface Firmware {
  /** For people. */
  readonly name: string;
  readonly octets: Uint8Array;
  /** True when it is no firmware of anything. */
  readonly isSynthetic: boolean;
}

/** Debian's package u-boot-qemu. */
const U_BOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
const SYNTHETIC_SEED = 1;

/** The file that was named; else Debian's U-Boot where it is installed; else generated octets. @throws {@link CliError} as `readInput` does */
export function chooseFirmware(path: string | undefined): Firmware {
  if (path !== undefined) {
    const octets = readInput(path, 'the firmware', IMAGE_BYTES_MAX);
    refuseOtaImage(octets, path);
    return { name: basename(path), octets, isSynthetic: false };
  }
  try {
    return { name: U_BOOT, octets: readInput(U_BOOT, 'the firmware', IMAGE_BYTES_MAX), isSynthetic: false };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const octets = generatedFirmware(SYNTHETIC_IMAGE_BYTES, SYNTHETIC_SEED);
    return { name: 'a synthetic image (generated octets, no firmware of anything)', octets, isSynthetic: true };
  }
}
