/** How test images behave, where the emulator knows of it; else only health and a self-test that fails. */
import * as emulator from '@smets1/emulator';

export type FirmwareBehaviour =
  'healthy' | 'crash-at-boot' | 'hang' | 'lose-link' | 'confirm-then-die' | 'corrupt-own-confirm' | 'refuse-updates';

const played = Object.entries(emulator).find(([name]) => name === 'FIRMWARE_BEHAVIOURS')?.[1] as
  readonly FirmwareBehaviour[] | undefined;

/** Whether the emulator plays them all. */
export const PLAYS_BEHAVIOURS: boolean = played !== undefined;
export const BEHAVIOURS: readonly FirmwareBehaviour[] = played ?? ['healthy', 'crash-at-boot'];
