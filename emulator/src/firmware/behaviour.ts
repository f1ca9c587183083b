/** What an image does once it runs: the good one, and the broken ones that a trial, a watchdog and a fallback are there for. */
import type { FlashPort } from '../flash/flash-port.js';
import { CRASH_MS, WATCHDOG_MS } from '../limits.js';

/**
 * All but the first are validly signed and broken (docs/decisions/0006):
 *
 * - `crash-at-boot`: resets itself as soon as it starts.
 * - `hang`: does nothing at all until the watchdog resets it.
 * - `lose-link`: runs, but hears and says nothing; its self-test notices that nobody can reach it.
 * - `confirm-then-die`: finds itself well, confirms, and crashes at every start after that.
 * - `corrupt-own-confirm`: instead of confirming it programs garbage over boot's records; the flash driver refuses, and it crashes.
 * - `refuse-updates`: runs and confirms, and refuses every other image from then on.
 */
export type FirmwareBehaviour =
  'healthy' | 'crash-at-boot' | 'hang' | 'lose-link' | 'confirm-then-die' | 'corrupt-own-confirm' | 'refuse-updates';

export const FIRMWARE_BEHAVIOURS: readonly FirmwareBehaviour[] = [
  'healthy',
  'crash-at-boot',
  'hang',
  'lose-link',
  'confirm-then-die',
  'corrupt-own-confirm',
  'refuse-updates',
];

/** What a behaviour comes to in one phase of its life: the plain facts that the firmware goes by. */
export interface Conduct {
  /** False: it takes no frame and gives none. */
  readonly speaks: boolean;
  /** It is reset so long after it started, by its own fault or by the watchdog; never when undefined. */
  readonly diesAfterMs: number | undefined;
  readonly passesSelfTest: boolean;
  /** At the end of its self-test it programs over boot's records. */
  readonly spoilsRecords: boolean;
  /** False: no image is ever staged. */
  readonly takesImages: boolean;
}

export function conductOf(behaviour: FirmwareBehaviour, isOnTrial: boolean): Conduct {
  switch (behaviour) {
    case 'healthy':
      return HEALTHY;
    case 'crash-at-boot':
      return { ...HEALTHY, speaks: false, diesAfterMs: CRASH_MS };
    case 'hang':
      return { ...HEALTHY, speaks: false, diesAfterMs: WATCHDOG_MS };
    case 'lose-link':
      return { ...HEALTHY, speaks: false, passesSelfTest: false };
    case 'confirm-then-die':
      return isOnTrial ? HEALTHY : { ...HEALTHY, speaks: false, diesAfterMs: CRASH_MS };
    case 'corrupt-own-confirm':
      return { ...HEALTHY, passesSelfTest: false, spoilsRecords: true };
    case 'refuse-updates':
      return { ...HEALTHY, takesImages: false };
  }
}

const HEALTHY: Conduct = {
  speaks: true,
  diesAfterMs: undefined,
  passesSelfTest: true,
  spoilsRecords: false,
  takesImages: true,
};

/** What `corrupt-own-confirm` tries: garbage over every sector of both copies. @throws FlashError `forbidden`, where somebody watches */
export function spoilRecords(flash: FlashPort): void {
  for (const name of ['boot-a', 'boot-b'] as const) {
    const region = flash.partition(name);
    for (const sector of region.sectors) {
      region.eraseSector(sector.index);
      region.program(sector.offsetBytes, new Uint8Array(sector.lengthBytes).fill(0xa5));
    }
  }
}
