/** A bench for tests of boot: two images in a model format, a meter that holds the first, and the steps to the second. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { PowerLost } from '../errors.js';
import type { FaultPlan } from '../flash/fault-plan.js';
import type { FlashGeometry, FlashLayout } from '../flash/flash-port.js';
import { bootSlotBytes, planLayout } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { provision } from '../meter/identity.js';
import type { BootResult } from './boot.js';
import { boot } from './boot.js';
import type { BootPorts } from './boot-crypto.js';
import { confirmTrial, discardStaged, readBootState, recordActivation, recordStaged } from './boot-records.js';
import type { BootState, BootStep, SlotIndex } from './boot-state.js';
import { BOOT_STEPS } from './boot-state.js';
import type { SlotImage } from './factory.js';
import { eraseSlot, factoryInstall, writeSlotImage } from './factory.js';
import {
  MODEL_IMAGE_TYPE,
  MODEL_MANUFACTURER,
  modelImage,
  modelReader,
  modelSignature,
} from './model-image.test-support.js';
import { verifySlot, writeSlotHeader } from './slot.js';

export const sha256 = (chunks: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return new Uint8Array(hash.digest());
};
export const ports: BootPorts = {
  crypto: {
    sha256,
    crc32,
    verify: (role, message, signature) => Buffer.compare(modelSignature(sha256, role, message), signature) === 0,
  },
  readImageHeader: modelReader(sha256),
  timestampS: 1_800_000_000,
};
export const { crypto } = ports;
export const AUTHORISATION: Uint8Array = new Uint8Array(32).fill(0xaa);
export const OLD: SlotImage = modelImage({ version: 1, securityCounter: 1, imageBytes: 900 }, sha256);
export const NEW: SlotImage = modelImage({ version: 2, securityCounter: 7, imageBytes: 700 }, sha256);

export const IDENTITY = {
  eui64: Uint8Array.of(0, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0),
  manufacturerCode: MODEL_MANUFACTURER,
  imageType: MODEL_IMAGE_TYPE,
  hardwareVersion: 0x1111,
  deviceClass: 0,
  trustAnchors: [],
} as const;

/** Four sectors of boot records, as in every planned layout of small sectors. */
export const GEOMETRY: FlashGeometry = {
  sectorRuns: [{ count: 56, sectorBytes: 4096 }],
  granuleBytes: 16,
  granuleRewritable: true,
  erasedValue: 0xff,
};
export const LAYOUT: FlashLayout = planLayout(GEOMETRY, { imageBytesMax: 4096, stagingBytes: 8192, profileDays: 2 });

/** The least that boot can do with: one sector for each copy. */
export const TWO_SECTORS: FlashLayout = {
  geometry: { ...GEOMETRY, sectorRuns: [{ count: 12, sectorBytes: 4096 }] },
  partitions: (
    [
      ['boot-a', 1],
      ['boot-b', 1],
      ['identity', 2],
      ['security-log', 3],
      ['slot-0', 2],
      ['slot-1', 2],
    ] as const
  ).map(([name, sectors], i, all) => ({
    name,
    offsetBytes: 4096 * all.slice(0, i).reduce((sum, [, before]) => sum + before, 0),
    lengthBytes: 4096 * sectors,
  })),
};

/** A meter with its first image and identity, after some starts. */
export function newMeter(layout: FlashLayout = LAYOUT, starts = 1): NorFlash {
  const flash = createFlash(layout);
  provision(flash, crc32, IDENTITY);
  factoryInstall(flash, ports, OLD);
  for (let i = 0; i < starts; i++) boot(flash, ports);
  return flash;
}

/** Writes an image into a slot and tells boot of it. */
export function stage(flash: NorFlash, image: SlotImage = NEW, slot: SlotIndex = 1): void {
  discardStaged(flash, crypto);
  eraseSlot(flash, slot, image.image.length);
  writeSlotImage(flash, slot, image.image);
  writeSlotHeader(flash, crypto, slot, image.offerBlob);
  const checked = verifySlot(flash, ports, slot, {});
  if (!checked.ok) throw new Error(checked.fault);
  const { manifestDigest, imageHash } = checked.header;
  recordStaged(flash, crypto, { slot, manifestDigest, imageHash });
}

/** Activates what is staged, with the counter after the highest seen. */
export function activate(flash: NorFlash): void {
  const { staged, highestOriginatorCounter } = readBootState(flash, crypto);
  recordActivation(flash, crypto, {
    ...staged!,
    originatorCounter: highestOriginatorCounter + 1n,
    authorisationDigest: AUTHORISATION,
  });
}

/** Offset, sequence and step of every boot record that stands in flash, newest first. */
export function bootRecordsIn(
  flash: NorFlash,
): readonly { at: number; sequence: number; step: BootStep | undefined }[] {
  const slotBytes = bootSlotBytes(flash.granuleBytes);
  const steps = Object.keys(BOOT_STEPS) as BootStep[];
  return flash.layout.partitions
    .filter(({ name }) => name === 'boot-a' || name === 'boot-b')
    .flatMap(({ offsetBytes, lengthBytes }) =>
      Array.from({ length: Math.floor(lengthBytes / slotBytes) }, (_, slot) => offsetBytes + slot * slotBytes),
    )
    .map((at) => ({ at, view: new DataView(flash.read(at, slotBytes).buffer) }))
    .filter(({ view }) => view.getUint8(8) === 1)
    .map(({ at, view }) => ({
      at,
      sequence: view.getUint32(0, true),
      step: steps.find((step) => BOOT_STEPS[step] === view.getUint8(12 + 1)),
    }))
    .toSorted((a, b) => b.sequence - a.sequence);
}

/** A meter in each state that the records can be in, two starts after the last change where a start does not change it. */
export function metersInEachState(layout?: FlashLayout): ReadonlyMap<string, NorFlash> {
  const old = newMeter(layout, 3);
  const staged = old.fork();
  stage(staged);
  const pending = staged.fork();
  activate(pending);
  const trial = pending.fork();
  boot(trial, ports);
  const confirmed = trial.fork();
  confirmTrial(confirmed, crypto);
  const reverted = trial.fork();
  for (let i = 0; i < 3; i++) boot(reverted, ports);
  return new Map(Object.entries({ old, staged, pending, trial, confirmed, reverted }));
}

/** What firmware does with the new image, step after step, from whatever flash says; ends when it is over. */
export function update(flash: NorFlash, isGood = true): BootResult {
  for (let boots = 0; boots < 12; boots++) {
    const result = boot(flash, ports);
    if (result.phase === 'recovery' || result.degraded) return result;
    if (result.phase === 'trial') {
      // A bad image never confirms; it is simply started again.
      if (isGood) confirmTrial(flash, crypto);
      continue;
    }
    const { outcome, staged } = result.state;
    if (outcome !== undefined) return result;
    if (staged === undefined) stage(flash);
    activate(flash);
  }
  throw new Error('the update does not end');
}

/** True when the plan struck; power is back then. */
export function cut(flash: NorFlash, plan: FaultPlan, run: (flash: NorFlash) => void): boolean {
  flash.arm(plan);
  try {
    run(flash);
    flash.arm(undefined);
    return false;
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error;
    flash.powerOn();
    return true;
  }
}

export function operationsOf(flash: NorFlash, run: (flash: NorFlash) => void): number {
  const world = flash.fork();
  run(world);
  return world.operationCount - flash.operationCount;
}

/** What must not be lost: everything but the count of starts, and of those on trial. */
export function essence(state: BootState): string {
  return JSON.stringify(state, (key, value: unknown) => {
    if (key === 'bootEpoch' || key === 'lastRunVersion' || key === 'trial') return undefined;
    if (typeof value === 'bigint') return String(value);
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
