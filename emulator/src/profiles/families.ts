/**
 * Modelled families of meters. They differ in what a host can notice: geometry, block size, time, and temporary failures. The numbers are of
 * the order that data sheets of such parts give; no profile is a measurement of a product, and none claims a maker's name.
 */
import type { FlashGeometry } from '../flash/flash-port.js';
import { DEFAULT_LAYOUT, planLayout } from '../flash/layout-plan.js';
import type { DeviceProfile } from './device-profile.js';

/** The flash of the emulator's default, without quirks; its operations take no time. */
const PLAIN: DeviceProfile = {
  name: 'plain',
  title: 'model: 4 MiB in equal sectors, nothing unusual, flash that takes no time',
  layout: DEFAULT_LAYOUT,
  timings: {},
  quirks: {},
};

const SERIAL_NOR_GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 1024, sectorBytes: 4096 }],
  granuleBytes: 1,
  granuleRewritable: true,
  erasedValue: 0xff,
  timings: { programUsPerGranule: 3, eraseUsPerSector: 45_000, readNsPerByte: 80 },
};

/** A flash chip beside the processor: any octet at any time, slow to erase; busy with its other tasks now and then. */
const SERIAL_NOR: DeviceProfile = {
  name: 'serial-nor',
  title: 'model: external serial NOR flash, single octets, slow erases, busy at every third offer',
  layout: planLayout(SERIAL_NOR_GEOMETRY, { imageBytesMax: 655_360 }),
  timings: { restartDelayMs: 500, selfTestMs: 2_000 },
  quirks: { blockShiftMax: 12, busyEveryOffers: 3 },
};

const INTERNAL_ECC_GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 512, sectorBytes: 4096 }],
  granuleBytes: 8,
  granuleRewritable: false,
  erasedValue: 0xff,
  timings: { programUsPerGranule: 90, eraseUsPerSector: 22_000, readNsPerByte: 10 },
};

/** Everything in one chip: a granule is programmed once, there is little RAM for open blocks, and frames get lost when it is full. */
const INTERNAL_ECC: DeviceProfile = {
  name: 'internal-ecc',
  title: 'model: flash inside the processor, 8 octets at a time and once, little RAM, every 40th data frame lost',
  layout: planLayout(INTERNAL_ECC_GEOMETRY, { imageBytesMax: 655_360 }),
  timings: { restartDelayMs: 200, selfTestMs: 800 },
  quirks: { blockShiftMax: 11, windowBytes: 8192, dropEveryDataFrames: 40 },
};

const PARALLEL_NOR_GEOMETRY: FlashGeometry = {
  sectorRuns: [
    { count: 16, sectorBytes: 8192 },
    { count: 62, sectorBytes: 65_536 },
  ],
  granuleBytes: 2,
  granuleRewritable: true,
  erasedValue: 0xff,
  timings: { programUsPerGranule: 10, eraseUsPerSector: 400_000, readNsPerByte: 45 },
};

/** Small sectors for records, large ones for images: an offer keeps it at work for seconds. */
const PARALLEL_NOR: DeviceProfile = {
  name: 'parallel-nor',
  title: 'model: parallel NOR flash in sectors of 8 and 64 KiB, erases of 0.4 s, large blocks only',
  layout: planLayout(PARALLEL_NOR_GEOMETRY, { imageBytesMax: 983_040 }),
  timings: { restartDelayMs: 1_000, selfTestMs: 5_000 },
  quirks: { blockShiftMin: 10 },
};

const ZERO_ERASED_GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 256, sectorBytes: 8192 }],
  granuleBytes: 4,
  granuleRewritable: true,
  erasedValue: 0x00,
  timings: { programUsPerGranule: 30, eraseUsPerSector: 12_000, readNsPerByte: 20 },
};

/** Erased cells read 0; the port is gone as soon as an activation is accepted, and the answer with it. */
const ZERO_ERASED: DeviceProfile = {
  name: 'zero-erased',
  title: 'model: flash that is erased to 00, small blocks, drops the link on activation',
  layout: planLayout(ZERO_ERASED_GEOMETRY, { imageBytesMax: 655_360 }),
  timings: { restartDelayMs: 50, selfTestMs: 300 },
  quirks: { blockShiftMax: 9, dropLinkOnActivate: true },
};

const WIDE_GRANULE_GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 256, sectorBytes: 16_384 }],
  granuleBytes: 512,
  granuleRewritable: false,
  erasedValue: 0xff,
  timings: { programUsPerGranule: 600, eraseUsPerSector: 60_000, readNsPerByte: 25 },
};

/** A whole row at a time, and once: no block below 512 octets; busy at every other offer, and it drops the link as well. */
const WIDE_GRANULE: DeviceProfile = {
  name: 'wide-granule',
  title:
    'model: flash programmed in rows of 512 octets, once, busy at every second offer, drops the link on activation',
  layout: planLayout(WIDE_GRANULE_GEOMETRY, { imageBytesMax: 655_360 }),
  timings: { restartDelayMs: 300, selfTestMs: 1_500 },
  quirks: { busyEveryOffers: 2, dropLinkOnActivate: true },
};

export const PROFILES: readonly DeviceProfile[] = [
  PLAIN,
  SERIAL_NOR,
  INTERNAL_ECC,
  PARALLEL_NOR,
  ZERO_ERASED,
  WIDE_GRANULE,
];
