import { FlashError } from '../errors.js';
import type { FlashRegion, Partition, Sector } from './flash-port.js';

/** The window of one partition: what lies outside cannot be reached through it. */
export function openRegion(device: FlashRegion, partition: Partition): FlashRegion {
  const startBytes = partition.offsetBytes;
  const sizeBytes = partition.lengthBytes;
  const inside = device.sectors.filter(
    (sector) => sector.offsetBytes >= startBytes && sector.offsetBytes < startBytes + sizeBytes,
  );
  const firstSector = inside[0]!.index;
  const sectors: readonly Sector[] = inside.map((sector, index) => ({
    index,
    offsetBytes: sector.offsetBytes - startBytes,
    lengthBytes: sector.lengthBytes,
  }));
  const check = (offsetBytes: number, lengthBytes: number): void => {
    if (isInside(offsetBytes, lengthBytes, sizeBytes)) return;
    throw new FlashError(
      'out-of-range',
      `${lengthBytes} octets at ${offsetBytes} leave partition "${partition.name}" of ${sizeBytes} octets`,
    );
  };
  return {
    sizeBytes,
    sectors,
    granuleBytes: device.granuleBytes,
    granuleRewritable: device.granuleRewritable,
    erasedValue: device.erasedValue,
    read(offsetBytes, lengthBytes) {
      check(offsetBytes, lengthBytes);
      return device.read(startBytes + offsetBytes, lengthBytes);
    },
    readInto(offsetBytes, target) {
      check(offsetBytes, target.length);
      device.readInto(startBytes + offsetBytes, target);
    },
    program(offsetBytes, data) {
      check(offsetBytes, data.length);
      device.program(startBytes + offsetBytes, data);
    },
    eraseSector(index) {
      if (sectors[index] === undefined) {
        throw new FlashError('out-of-range', `partition "${partition.name}" has no sector ${index}`);
      }
      device.eraseSector(firstSector + index);
    },
  };
}

/** The one bounds check: no wrap, no fractions, no negative numbers. */
export function isInside(offsetBytes: number, lengthBytes: number, sizeBytes: number): boolean {
  return (
    Number.isSafeInteger(offsetBytes) &&
    Number.isSafeInteger(lengthBytes) &&
    offsetBytes >= 0 &&
    lengthBytes >= 0 &&
    lengthBytes <= sizeBytes - offsetBytes
  );
}
