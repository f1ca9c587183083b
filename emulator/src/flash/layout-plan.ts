import { FlashError } from '../errors.js';
import {
  BOOT_PAYLOAD_BYTES,
  IMAGE_BYTES_MAX,
  RECORD_OVERHEAD_BYTES,
  REGISTER_PAYLOAD_BYTES,
  SECURITY_LOG_ENTRIES,
  SECURITY_PAYLOAD_BYTES,
  SLOT_HEADER_BYTES,
  STAGING_BYTES_DEFAULT,
} from '../limits.js';
import type { FlashGeometry, FlashLayout, Partition, PartitionName } from './flash-port.js';
import { PARTITION_NAMES } from './flash-port.js';
import { sectorsOf, shapeOf } from './geometry.js';

export interface LayoutNeeds {
  readonly imageBytesMax?: number;
  readonly stagingBytes?: number;
}

/** Octets one record takes in flash: its payload and the overhead, in whole granules. */
export function recordSlotBytes(payloadBytes: number, granuleBytes: number): number {
  return Math.ceil((payloadBytes + RECORD_OVERHEAD_BYTES) / granuleBytes) * granuleBytes;
}

/**
 * Places every partition on a geometry, in the order of {@link PARTITION_NAMES}, each in as many whole sectors as it
 * needs. @throws FlashError `bad-layout` when the device is too small
 */
export function planLayout(geometry: FlashGeometry, needs: LayoutNeeds = {}): FlashLayout {
  const sectors = sectorsOf(geometry);
  const partitions: Partition[] = [];
  let next = 0;
  for (const name of PARTITION_NAMES) {
    const neededBytes = bytesNeeded(name, geometry.granuleBytes, needs);
    const offsetBytes = sectors[next]?.offsetBytes ?? 0;
    const sectorsMin = name === 'staging' ? 2 : 1;
    let lengthBytes = 0;
    for (let taken = 0; lengthBytes < neededBytes || taken < sectorsMin; taken++) {
      const sector = sectors[next++];
      if (sector === undefined) throw new FlashError('bad-layout', `no room for partition "${name}"; add sectors`);
      lengthBytes += sector.lengthBytes;
      const payloadBytes = payloadBytesOf(name);
      const slotBytes = recordSlotBytes(payloadBytes, geometry.granuleBytes);
      if (payloadBytes > 0 && sector.lengthBytes < 2 * slotBytes) {
        throw new FlashError('bad-layout', `sectors of "${name}" need ${2 * slotBytes} octets; use larger ones there`);
      }
    }
    partitions.push({ name, offsetBytes, lengthBytes });
  }
  const layout: FlashLayout = { geometry, partitions };
  shapeOf(layout);
  return layout;
}

// Of the records that a partition holds; 0 where it holds none.
function payloadBytesOf(name: PartitionName): number {
  switch (name) {
    case 'boot-a':
    case 'boot-b':
      return BOOT_PAYLOAD_BYTES;
    case 'meter-a':
    case 'meter-b':
      return REGISTER_PAYLOAD_BYTES;
    case 'log-a':
    case 'log-b':
      return SECURITY_PAYLOAD_BYTES;
    case 'staging':
    case 'identity':
    case 'slot-0':
    case 'slot-1':
      return 0;
  }
}

function bytesNeeded(name: PartitionName, granuleBytes: number, needs: LayoutNeeds): number {
  switch (name) {
    case 'boot-a':
    case 'boot-b':
    case 'meter-a':
    case 'meter-b':
      return 1;
    case 'log-a':
    case 'log-b':
      // Each of the two for the whole log: with one sector erased there is always enough left.
      return (SECURITY_LOG_ENTRIES + 1) * recordSlotBytes(SECURITY_PAYLOAD_BYTES, granuleBytes);
    case 'staging':
      return needs.stagingBytes ?? STAGING_BYTES_DEFAULT;
    case 'identity':
      return 1;
    case 'slot-0':
    case 'slot-1':
      return SLOT_HEADER_BYTES + (needs.imageBytesMax ?? IMAGE_BYTES_MAX);
  }
}

const SLOT_SECTORS = (SLOT_HEADER_BYTES + IMAGE_BYTES_MAX) / 4096;

/** 4 KiB sectors, granule 16, erased to FF, two slots for images of up to 2 MiB. */
export const DEFAULT_LAYOUT: FlashLayout = planLayout({
  sectorRuns: [{ count: 7 + STAGING_BYTES_DEFAULT / 4096 + 2 * SLOT_SECTORS, sectorBytes: 4096 }],
  granuleBytes: 16,
  granuleRewritable: true,
  erasedValue: 0xff,
});
