/** CRC-32 (IEEE 802.3), as `zlib.crc32`; `seed` is the CRC of what went before. */
export type Crc32 = (octets: Uint8Array, seed?: number) => number;

/** One erase unit; `offsetBytes` counts from the start of the region that lists it. */
export interface Sector {
  readonly index: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** A run of equal sectors. */
export interface SectorRun {
  readonly count: number;
  readonly sectorBytes: number;
}

export interface FlashGeometry {
  /** From offset 0 on, in order. */
  readonly sectorRuns: readonly SectorRun[];
  /** Programs start at, and are as long as, a multiple of this: 1 to 512. */
  readonly granuleBytes: number;
  /** Whether more bits of a granule may be programmed before its sector is erased (false: flash with ECC). */
  readonly granuleRewritable: boolean;
  readonly erasedValue: 0x00 | 0xff;
  /** What operations cost; nothing when absent. Not part of the flash file. */
  readonly timings?: FlashTimings;
}

/** Time that operations take, by the virtual clock of whoever asks for it. */
export interface FlashTimings {
  readonly programUsPerGranule: number;
  readonly eraseUsPerSector: number;
  readonly readNsPerByte: number;
}

/** A program of at most one page, or the erase of one sector; `index` is its number since the device was made. */
export type FlashOperation = { readonly index: number } & (
  | { readonly kind: 'program'; readonly offsetBytes: number; readonly data: Uint8Array }
  | { readonly kind: 'erase'; readonly sectorIndex: number }
);

export const PARTITION_NAMES = [
  'boot-a',
  'boot-b',
  'identity',
  'staging',
  'meter',
  'profile',
  'event-log',
  'security-log',
  'power-log',
  'slot-0',
  'slot-1',
] as const;
export type PartitionName = (typeof PARTITION_NAMES)[number];

/** A named run of whole sectors. */
export interface Partition {
  readonly name: PartitionName;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface FlashLayout {
  readonly geometry: FlashGeometry;
  readonly partitions: readonly Partition[];
}

/** The whole device, or a window of it in which offsets and sector indexes start at 0. */
export interface FlashRegion {
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly granuleRewritable: boolean;
  readonly erasedValue: number;
  readonly sectors: readonly Sector[];

  /** @throws FlashError `out-of-range`; PowerLost */
  read(offsetBytes: number, lengthBytes: number): Uint8Array;

  /** Fills `target`. @throws FlashError `out-of-range`; PowerLost */
  readInto(offsetBytes: number, target: Uint8Array): void;

  /**
   * Programs octets. Bits go only from erased to programmed.
   *
   * @param offsetBytes - A multiple of `granuleBytes`.
   * @param data - k × `granuleBytes` octets, k ≥ 1. Read here, never kept.
   * @throws FlashError `unaligned`, `out-of-range`, `not-erased`: nothing was changed
   * @throws PowerLost - with the flash as the fault plan says
   */
  program(offsetBytes: number, data: Uint8Array): void;

  /** @throws FlashError `out-of-range`; PowerLost */
  eraseSector(index: number): void;
}

export interface FlashPort extends FlashRegion {
  readonly layout: FlashLayout;
  /**
   * Operations begun since the device was made, the one that lost power included. An erase is one; a program is one for
   * each page of PROGRAM_PAGE_BYTES (or one granule, if larger) that it touches.
   */
  readonly operationCount: number;
  /** Erases a sector has had. @throws FlashError `out-of-range` */
  wear(sectorIndex: number): number;
  /** The window of a partition. It reaches no octet outside. @throws FlashError `bad-layout` when there is none */
  partition(name: PartitionName): FlashRegion;
}

/** Where the octets of a flash file go. Both calls are synchronous: an operation is not over before its octets are written. */
export interface FlashBacking {
  writeAt(offsetBytes: number, octets: Uint8Array): void;
  sync(): void;
}
