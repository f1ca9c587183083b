/** Which partition an operation falls into. */
import type { FlashLayout } from '@smets1/emulator';
import type { Moment } from './life.js';

/** The name of the partition; images are `slot-0` and `slot-1`, everything else is metadata. */
export function placeOf({ flash, operation }: Pick<Moment, 'flash' | 'operation'>): string {
  const at = operation.kind === 'program' ? operation.offsetBytes : flash.sectors[operation.sectorIndex]!.offsetBytes;
  return placeAt(flash.layout, at);
}

export function placeAt(layout: FlashLayout, offsetBytes: number): string {
  const found = layout.partitions.find(
    (partition) => offsetBytes >= partition.offsetBytes && offsetBytes < partition.offsetBytes + partition.lengthBytes,
  );
  return found?.name ?? 'nowhere';
}

export function isSlot(place: string): boolean {
  return place.startsWith('slot-');
}
