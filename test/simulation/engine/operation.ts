/** An operation of a flash, as its observer sees it before it happens. */
import type { FlashOperation, NorFlash } from '@smets1/emulator';

/** Begins the operation on a flash of its own; whatever plan is armed there strikes it. @throws PowerLost */
export function perform(flash: NorFlash, operation: FlashOperation): void {
  if (operation.kind === 'program') flash.program(operation.offsetBytes, operation.data);
  else flash.eraseSector(operation.sectorIndex);
}
