/** Flash that does what it does, except where a test wants it to do something else. */
import type { FlashPort, FlashRegion, Partition, PartitionName } from './flash-port.js';
import type { NorFlash } from './nor-flash.js';

/** The same flash, whose partitions do some things in another way. */
export function overlaid(
  flash: NorFlash,
  changesOf: (region: FlashRegion, partition: Partition) => Partial<FlashRegion>,
): FlashPort {
  const windowOf = (name: PartitionName): FlashRegion => {
    const region = flash.partition(name);
    const changes = changesOf(
      region,
      flash.layout.partitions.find((partition) => partition.name === name)!,
    );
    return over(region, changes);
  };
  return over<FlashPort>(flash, { partition: windowOf });
}

function over<T extends object>(whole: T, changes: Partial<T>): T {
  return new Proxy(whole, {
    get: (target, key) => {
      if (key in changes) return Reflect.get(changes, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The same flash, but one octet of it reads spoilt whenever `isSpoilt` says so. */
export function readingBadly(flash: NorFlash, at: number, isSpoilt: () => boolean): FlashPort {
  return overlaid(flash, (region, { offsetBytes }) => ({
    read: (from, lengthBytes) => {
      const octets = region.read(from, lengthBytes);
      const index = at - offsetBytes - from;
      if (index >= 0 && index < lengthBytes && isSpoilt()) octets[index]! ^= 0x10;
      return octets;
    },
  }));
}
