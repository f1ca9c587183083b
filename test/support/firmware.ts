/** The real images: Debian's U-Boot for QEMU. */
import { readFileSync } from 'node:fs';

export type UBoot = 'qemu_arm' | 'qemu_arm64';

export const U_BOOT_BYTES: Readonly<Record<UBoot, number>> = { qemu_arm: 789_972, qemu_arm64: 971_304 };

export function uBootPath(machine: UBoot): string {
  return `/usr/lib/u-boot/${machine}/u-boot.bin`;
}

/** @throws when the image is not installed, with the line that installs it. */
export function uBoot(machine: UBoot): Uint8Array {
  try {
    return new Uint8Array(readFileSync(uBootPath(machine)));
  } catch (error) {
    throw new Error(`${uBootPath(machine)} is missing: apt-get install -y u-boot-qemu`, { cause: error });
  }
}
