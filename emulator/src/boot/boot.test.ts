import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { BootError } from '../errors.js';
import type { PartitionName } from '../flash/flash-port.js';
import { bootSlotBytes, planLayout } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { TRIAL_STARTS_MAX } from '@smets1/protocol';
import { provision } from '../meter/identity.js';
import { SecurityLog } from '../meter/security-log.js';
import { boot } from './boot.js';
import { AUTHORISATION, bootRecordsIn, crypto, IDENTITY, ports, sha256 } from './boot-bench.test-support.js';
import type { BootPorts } from './boot-crypto.js';
import { confirmTrial, readBootState, recordActivation, recordStaged } from './boot-records.js';
import type { PendingActivation, SlotIndex } from './boot-state.js';
import { floorOf } from './boot-state.js';
import type { SlotImage } from './factory.js';
import { eraseSlot, factoryInstall, writeSlotImage } from './factory.js';
import { modelImage } from './model-image.test-support.js';
import { verifySlot, writeSlotHeader } from './slot.js';

const LAYOUT = planLayout(
  {
    sectorRuns: [{ count: 48, sectorBytes: 4096 }],
    granuleBytes: 16,
    granuleRewritable: true,
    erasedValue: 0xff,
  },
  { imageBytesMax: 8192, stagingBytes: 8192, profileDays: 2 },
);
const OLD = modelImage({ version: 1, securityCounter: 1, imageBytes: 5000 }, sha256);
const NEW = modelImage({ version: 2, securityCounter: 7, imageBytes: 6001 }, sha256);

let flash: NorFlash;
beforeEach(() => {
  flash = createFlash(LAYOUT);
  provision(flash, crc32, IDENTITY);
  factoryInstall(flash, ports, OLD);
});

function stage(image: SlotImage, slot: SlotIndex): PendingActivation {
  eraseSlot(flash, slot, image.image.length);
  writeSlotImage(flash, slot, image.image);
  writeSlotHeader(flash, crypto, slot, image.offerBlob);
  const checked = verifySlot(flash, ports, slot, {});
  if (!checked.ok) throw new Error(checked.fault);
  const { manifestDigest, imageHash } = checked.header;
  recordStaged(flash, crypto, { slot, manifestDigest, imageHash });
  const originatorCounter = readBootState(flash, crypto).highestOriginatorCounter + 1n;
  return { slot, manifestDigest, imageHash, originatorCounter, authorisationDigest: AUTHORISATION };
}

function spoil(slot: SlotIndex, offsetBytes = 4096): void {
  const region = flash.partition(slot === 0 ? 'slot-0' : 'slot-1');
  const octets = region.read(offsetBytes, 16);
  expect(octets.some((octet) => octet !== 0)).toBe(true);
  region.program(offsetBytes, new Uint8Array(16));
}

function wearOut(name: PartitionName): void {
  const { offsetBytes, lengthBytes } = LAYOUT.partitions.find((partition) => partition.name === name)!;
  for (const sector of flash.sectors) {
    const isInside = sector.offsetBytes >= offsetBytes && sector.offsetBytes < offsetBytes + lengthBytes;
    if (isInside) flash.breakSector(sector.index, 'program-fails');
  }
}

const loggedCodes = (): number[] => new SecurityLog(flash, crc32).entries.map((entry) => entry.code);

describe('boot', () => {
  it('runs the confirmed image and counts each boot once', () => {
    const epochs = [1, 2, 3, 4].map(() => {
      const result = boot(flash, ports);
      expect(result).toMatchObject({ phase: 'confirmed', slot: 0, spareSlot: 1, events: [] });
      return result.epoch;
    });
    expect(epochs).toEqual([1, 2, 3, 4]);
  });

  it('does not run a staged image that nobody activated', () => {
    boot(flash, ports);
    stage(NEW, 1);
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed', slot: 0 });
  });

  it('tries an activated image, confirms it, and raises the floor only then', () => {
    boot(flash, ports);
    const activation = stage(NEW, 1);
    recordActivation(flash, crypto, activation);
    const trial = boot(flash, ports);
    expect(trial).toMatchObject({ phase: 'trial', slot: 1, spareSlot: undefined });
    expect(trial.state.confirmed).toMatchObject({ securityCounter: 1, slot: 0 });
    expect(trial.events.map(({ code }) => code)).toEqual([0x8f43]);
    const state = confirmTrial(flash, crypto);
    expect(state.confirmed).toMatchObject({ slot: 1, version: 2, securityCounter: 7, imageBytes: 6001 });
    expect(state.confirmed?.previous).toEqual({ slot: 0, imageHash: sha256([OLD.image]) });
    expect(state.outcome).toEqual({
      code: 'success',
      originatorCounter: 1n,
      authorisationDigest: AUTHORISATION,
      imageHash: sha256([NEW.image]),
      versionAfter: 2,
    });
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed', slot: 1, spareSlot: 0, events: [] });
    expect(loggedCodes()).toEqual([0x8f43]);
  });

  it(`reverts after ${TRIAL_STARTS_MAX} boots that did not confirm, and says so`, () => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(NEW, 1));
    const phases = Array.from({ length: TRIAL_STARTS_MAX + 2 }, () => boot(flash, ports).phase);
    expect(phases).toEqual(['trial', 'trial', 'trial', 'confirmed', 'confirmed']);
    const state = readBootState(flash, crypto);
    expect(state.outcome).toMatchObject({ code: 'activationFailure', versionAfter: 1, originatorCounter: 1n });
    expect(state).toMatchObject({ confirmed: { securityCounter: 1, slot: 0 }, highestOriginatorCounter: 1n });
    expect(loggedCodes()).toEqual([0x8f43, 0x8f43]);
    for (const part of ['staged', 'pending', 'trial']) expect(state).not.toHaveProperty(part);
    expect(() => confirmTrial(flash, crypto)).toThrow(BootError);
  });

  it.each([
    ['in its image', 4096],
    ['in its offer blob', 0],
  ])('reverts at once when the trial image has rotted %s', (_, offsetBytes) => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(NEW, 1));
    spoil(1, offsetBytes);
    const result = boot(flash, ports);
    expect(result).toMatchObject({ phase: 'confirmed', slot: 0 });
    expect(result.state.outcome).toMatchObject({ code: 'activationFailure', versionAfter: 1 });
    expect(loggedCodes()).toEqual([0x8f1b]);
  });

  it.each([
    ['below the floor', modelImage({ version: 3, securityCounter: 0, imageBytes: 900 }, sha256)],
    [
      'for other hardware',
      modelImage({ version: 3, securityCounter: 9, imageBytes: 900, hardwareMin: 0x2000 }, sha256),
    ],
  ])('does not try an image %s even when it was activated', (_, image) => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(image, 1));
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed', slot: 0 });
    expect(readBootState(flash, crypto).outcome).toMatchObject({ code: 'activationFailure' });
  });

  it('runs no image with a signature that is not good, and no image of another manifest', () => {
    const forged = { ...NEW, offerBlob: NEW.offerBlob.slice() };
    forged.offerBlob[forged.offerBlob.length - 1]! ^= 1;
    eraseSlot(flash, 1, NEW.image.length);
    writeSlotImage(flash, 1, NEW.image);
    writeSlotHeader(flash, crypto, 1, forged.offerBlob);
    expect(verifySlot(flash, ports, 1, {})).toEqual({ ok: false, fault: 'bad-signature' });
    const manifestDigest = new Uint8Array(32);
    expect(verifySlot(flash, ports, 0, { manifestDigest })).toEqual({ ok: false, fault: 'wrong-manifest' });
  });

  it('takes a reader or a check that throws for a refusal', () => {
    const boom = (): never => {
      throw new Error('boom');
    };
    expect(verifySlot(flash, { ...ports, readImageHeader: boom }, 0, {})).toEqual({ ok: false, fault: 'no-header' });
    const readImageHeader: BootPorts['readImageHeader'] = (octets) => ({
      ...ports.readImageHeader(octets)!,
      check: boom,
    });
    expect(verifySlot(flash, { ...ports, readImageHeader }, 0, {})).toEqual({ ok: false, fault: 'bad-signature' });
  });

  describe('when the confirmed image rots', () => {
    beforeEach(() => {
      boot(flash, ports);
      recordActivation(flash, crypto, stage(NEW, 1));
      boot(flash, ports);
      confirmTrial(flash, crypto);
      boot(flash, ports);
    });

    it('falls back to exactly the previous image, logs it at each boot, and keeps the floor', () => {
      spoil(1);
      const result = boot(flash, ports);
      expect(result).toMatchObject({ phase: 'fallback', slot: 0, spareSlot: 1 });
      expect(result.events.map(({ code }) => code)).toEqual([0x8f1b, 0x8f43]);
      expect(boot(flash, ports)).toMatchObject({ phase: 'fallback', state: { confirmed: { securityCounter: 7 } } });
      expect(loggedCodes()).toEqual([0x8f43, 0x8f1b, 0x8f43, 0x8f1b]);
      expect(() => confirmTrial(flash, crypto)).toThrow(BootError);
    });

    it('leaves the fallback through a new image, whose way back is the image that ran meanwhile', () => {
      spoil(1);
      boot(flash, ports);
      const newer = modelImage({ version: 3, securityCounter: 7, imageBytes: 700 }, sha256);
      recordActivation(flash, crypto, stage(newer, 1));
      expect(boot(flash, ports)).toMatchObject({ phase: 'trial', slot: 1 });
      const { confirmed } = confirmTrial(flash, crypto);
      expect(confirmed).toMatchObject({ slot: 1, version: 3, securityCounter: 7 });
      expect(confirmed?.previous).toEqual({ slot: 0, imageHash: sha256([OLD.image]) });
    });

    it('goes back to the fallback when that new image never confirms', () => {
      spoil(1);
      boot(flash, ports);
      recordActivation(
        flash,
        crypto,
        stage(modelImage({ version: 3, securityCounter: 8, imageBytes: 700 }, sha256), 1),
      );
      const phases = Array.from({ length: TRIAL_STARTS_MAX + 1 }, () => boot(flash, ports).phase);
      expect(phases.at(-1)).toBe('fallback');
      expect(readBootState(flash, crypto).outcome).toMatchObject({ code: 'activationFailure', versionAfter: 1 });
    });

    it('does not fall back to another image in the previous slot, however good', () => {
      stage(modelImage({ version: 4, securityCounter: 9, imageBytes: 700 }, sha256), 0);
      spoil(1);
      expect(boot(flash, ports)).toMatchObject({ phase: 'recovery', events: [{ code: 0x8f1b }] });
    });

    it('is in recovery when both have rotted', () => {
      spoil(0);
      spoil(1);
      const result = boot(flash, ports);
      expect(result).toMatchObject({ phase: 'recovery', spareSlot: 0, state: { lastRunVersion: 2 } });
      expect(boot(flash, ports).epoch).toBe(result.epoch + 1);
    });

    it('keeps trying an authorised image when there is nothing to go back to', () => {
      recordActivation(
        flash,
        crypto,
        stage(modelImage({ version: 3, securityCounter: 8, imageBytes: 700 }, sha256), 0),
      );
      spoil(1);
      const phases = Array.from({ length: TRIAL_STARTS_MAX + 3 }, () => boot(flash, ports).phase);
      expect(new Set(phases)).toEqual(new Set(['trial']));
      expect(confirmTrial(flash, crypto).confirmed).toMatchObject({ slot: 0, version: 3, securityCounter: 8 });
    });
  });

  it('is in recovery when the first image rots, before which there was none', () => {
    boot(flash, ports);
    spoil(0);
    expect(boot(flash, ports)).toMatchObject({ phase: 'recovery', spareSlot: 1, events: [{ code: 0x8f1b }] });
  });

  it('is in recovery on a flash that has never had an image, and finds nothing wrong in that', () => {
    const result = boot(createFlash(LAYOUT), ports);
    expect(result).toMatchObject({ phase: 'recovery', epoch: 1, spareSlot: 0, events: [] });
    expect(result.state).toStrictEqual({ bootEpoch: 1, highestOriginatorCounter: 0n });
  });

  it('reports no change of version when an image runs for the first time at all', () => {
    flash = createFlash(LAYOUT);
    provision(flash, crc32, IDENTITY);
    recordActivation(flash, crypto, stage(NEW, 0));
    expect(boot(flash, ports)).toMatchObject({ phase: 'trial', events: [], state: { lastRunVersion: 2 } });
  });

  it('leaves the slot for a record free that a cut may have left in flight', () => {
    boot(flash, ports);
    for (let i = 0; i < 5; i++) {
      const before = new Set(bootRecordsIn(flash).map(({ at }) => at));
      boot(flash, ports);
      const { at } = bootRecordsIn(flash)[0]!;
      const slotBytes = bootSlotBytes(16);
      // Where a sector is begun anew there is none.
      if (at % 4096 === 0) continue;
      expect(before.has(at - slotBytes)).toBe(false);
      expect(new Set(flash.read(at - slotBytes, slotBytes))).toEqual(new Set([0xff]));
    }
  });
});

describe('a meter whose boot records are worn out', () => {
  const wearOutRecords = (): void => {
    wearOut('boot-a');
    wearOut('boot-b');
  };

  it('runs the confirmed image, says that nothing is recorded, and has no room for another image', () => {
    boot(flash, ports);
    const { state } = boot(flash, ports);
    wearOutRecords();
    for (let i = 0; i < 2; i++) {
      const result = boot(flash, ports);
      expect(result).toMatchObject({ phase: 'confirmed', slot: 0, spareSlot: undefined, degraded: true });
      expect(result.epoch).toBe(state.bootEpoch + 1);
      expect(result.state).toEqual(state);
    }
  });

  it('makes no start on trial, which could not be counted', () => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(NEW, 1));
    wearOutRecords();
    const result = boot(flash, ports);
    expect(result).toMatchObject({ phase: 'confirmed', slot: 0, spareSlot: undefined, degraded: true });
    expect(result.state).toMatchObject({ pending: { slot: 1 }, confirmed: { slot: 0 } });
    expect(result.state).not.toHaveProperty('trial');
  });

  it('makes one all the same where there is nothing else to run', () => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(NEW, 1));
    spoil(0);
    wearOutRecords();
    expect(boot(flash, ports)).toMatchObject({ phase: 'trial', slot: 1, spareSlot: undefined, degraded: true });
  });

  it('does not look a third time at what the second look has refused', () => {
    boot(flash, ports);
    wearOutRecords();
    const answers = [true, false, true, true];
    let looks = 0;
    const readImageHeader: BootPorts['readImageHeader'] = (octets) => {
      const header = ports.readImageHeader(octets);
      return header && { ...header, check: () => answers[looks++] === true };
    };
    expect(boot(flash, { ...ports, readImageHeader })).toMatchObject({ phase: 'recovery', degraded: true });
    expect(looks).toBe(2);
  });

  it('is in recovery where nothing verifies', () => {
    boot(flash, ports);
    spoil(0);
    wearOutRecords();
    expect(boot(flash, ports)).toMatchObject({ phase: 'recovery', spareSlot: 1, degraded: true });
  });
});

describe('a meter that has lost every boot record', () => {
  /** As rot of the whole partitions would leave it. */
  function lose(): void {
    for (const name of ['boot-a', 'boot-b'] as const) {
      const { offsetBytes, lengthBytes } = LAYOUT.partitions.find((partition) => partition.name === name)!;
      for (let at = 0; at < lengthBytes; at += 256) flash.rot(offsetBytes + at, 0x42);
    }
  }
  const update = (securityCounter: number): SlotImage =>
    modelImage({ version: 9, securityCounter, imageBytes: 500 }, sha256);

  beforeEach(() => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(NEW, 1));
    boot(flash, ports);
    confirmTrial(flash, crypto);
    boot(flash, ports);
    lose();
  });

  it('runs nothing of what lies in its slots, and says so at each start', () => {
    for (let i = 0; i < 3; i++) {
      const result = boot(flash, ports);
      expect(result).toMatchObject({ phase: 'recovery', spareSlot: 0, degraded: false, events: [{ code: 0x8f1b }] });
      expect(floorOf(result.state)).toBe(7);
    }
  });

  it('keeps the highest counter that a slot still names as its floor, when that slot has been erased too', () => {
    boot(flash, ports);
    eraseSlot(flash, 1, NEW.image.length);
    const result = boot(flash, ports);
    expect(result.state).toMatchObject({ recoveredFloor: 7 });
    expect(result.state.confirmed).toBeUndefined();
  });

  it('tries no image below that floor, and leaves recovery through one at it', () => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(update(6), 0));
    expect(boot(flash, ports)).toMatchObject({ phase: 'recovery', state: { outcome: { code: 'activationFailure' } } });
    recordActivation(flash, crypto, stage(update(7), 0));
    expect(boot(flash, ports)).toMatchObject({ phase: 'trial', slot: 0 });
    const state = confirmTrial(flash, crypto);
    expect(state).toMatchObject({ confirmed: { securityCounter: 7, version: 9 } });
    expect(state.recoveredFloor).toBeUndefined();
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed', slot: 0 });
  });

  it('passes over a counter that is none when it looks for its floor', () => {
    const readImageHeader: BootPorts['readImageHeader'] = (octets) => {
      const header = ports.readImageHeader(octets);
      return header && header.fileVersion === 1 ? { ...header, securityCounter: Number.NaN } : header;
    };
    expect(boot(flash, { ...ports, readImageHeader }).state).toMatchObject({ recoveredFloor: 7 });
  });

  it('goes on counting starts from what the security log remembers', () => {
    const last = new SecurityLog(flash, crc32).entries.at(-1)!.bootEpoch;
    expect(boot(flash, ports).epoch).toBeGreaterThan(last);
  });
});

describe('a security log', () => {
  it('does not keep a good image from running when it is worn', () => {
    boot(flash, ports);
    recordActivation(flash, crypto, stage(NEW, 1));
    wearOut('security-log');
    expect(boot(flash, ports)).toMatchObject({ phase: 'trial', degraded: false, events: [{ code: 0x8f43 }] });
  });

  it('is not missed before there is something to log, and then it is an error of the layout', () => {
    flash = createFlash({ ...LAYOUT, partitions: LAYOUT.partitions.filter(({ name }) => name !== 'security-log') });
    provision(flash, crc32, IDENTITY);
    factoryInstall(flash, ports, OLD);
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed' });
    recordActivation(flash, crypto, stage(NEW, 1));
    expect(() => boot(flash, ports)).toThrow(expect.objectContaining({ code: 'bad-layout' }));
  });
});
