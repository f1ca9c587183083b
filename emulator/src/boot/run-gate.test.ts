/** Goal: an image runs only when the second look grants it, and it grants nothing of which any one thing is wrong. */
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { TRIAL_STARTS_MAX } from '@smets1/protocol';
import type { NorFlash } from '../flash/nor-flash.js';
import type { DeviceIdentity } from '../meter/identity.js';
import { readIdentity } from '../meter/identity.js';
import {
  activate,
  bootRecordsIn,
  crypto,
  IDENTITY,
  newMeter,
  OLD,
  ports,
  sha256,
  stage,
} from './boot-bench.test-support.js';
import type { BootPorts, ImageHeader } from './boot-crypto.js';
import { confirmTrial, readBootState } from './boot-records.js';
import type { BootState, SlotIndex } from './boot-state.js';
import { boot } from './boot.js';
import { modelImage } from './model-image.test-support.js';
import type { Run } from './run-gate.js';
import { lookAgain, RUN_GRANTED } from './run-gate.js';
import { verifySlot } from './slot.js';

let flash: NorFlash;
beforeEach(() => {
  flash = newMeter();
});

const identity = (): DeviceIdentity => readIdentity(flash, crc32)!;

function runOf(phase: Run['phase'], slot: SlotIndex): Run {
  const checked = verifySlot(flash, ports, slot, {});
  if (!checked.ok) throw new Error(checked.fault);
  return { phase, slot, header: checked.header, image: checked.image };
}

describe('the second look', () => {
  it('grants what the state names, and nothing when any one thing about it is wrong', () => {
    const state = readBootState(flash, crypto);
    const run = runOf('confirmed', 0);
    const known = identity();
    expect(lookAgain(flash, ports, state, run, known)).toBe(RUN_GRANTED);
    const image = run.image.slice();
    image[400]! ^= 1;
    const confirmed = state.confirmed!;
    const naming = (changes: Partial<typeof confirmed>): BootState => ({
      ...state,
      confirmed: { ...confirmed, ...changes },
    });
    const nothing = { bootEpoch: 1, highestOriginatorCounter: 0n };
    // The header is read anew: what the first look took for it counts for nothing.
    const saying = (changes: Partial<ImageHeader>): BootPorts => ({
      ...ports,
      readImageHeader: () => ({ ...run.header, ...changes }),
    });
    const boom = (): boolean => {
      throw new Error('boom');
    };
    const answers = [
      lookAgain(flash, ports, state, { ...run, image }, known),
      lookAgain(flash, ports, state, { ...run, image: run.image.subarray(0, 899) }, known),
      lookAgain(flash, ports, state, { ...run, slot: 1 }, known),
      lookAgain(flash, ports, state, { ...run, phase: 'fallback' }, known),
      lookAgain(flash, ports, state, { ...run, phase: 'trial' }, known),
      lookAgain(flash, saying({ check: () => false }), state, run, known),
      lookAgain(flash, saying({ check: boom }), state, run, known),
      lookAgain(flash, saying({ imageBytes: 899 }), state, run, known),
      lookAgain(flash, { ...ports, readImageHeader: () => undefined }, state, run, known),
      lookAgain(flash, ports, state, run, undefined),
      lookAgain(flash, ports, naming({ securityCounter: 2 }), run, known),
      lookAgain(flash, ports, naming({ imageHash: new Uint8Array(32) }), run, known),
      lookAgain(flash, ports, naming({ imageHash: confirmed.imageHash.subarray(0, 31) }), run, known),
      lookAgain(flash, ports, naming({ imageHash: Uint8Array.of(...confirmed.imageHash, 0) }), run, known),
      lookAgain(flash, ports, state, run, { ...known, hardwareVersion: 0x1_0000 }),
      lookAgain(flash, saying({ hardwareMin: known.hardwareVersion + 1 }), state, run, known),
      lookAgain(flash, ports, state, run, { ...known, imageType: 2 }),
      lookAgain(flash, ports, state, run, { ...known, manufacturerCode: 1 }),
      lookAgain(flash, ports, nothing, run, known),
      lookAgain(flash, ports, nothing, { ...run, phase: 'fallback' }, known),
    ];
    for (const [i, answer] of answers.entries()) expect(answer, `case ${i}`).not.toBe(RUN_GRANTED);
  });

  it('shows the signatures the octets that are to run', () => {
    const run = runOf('confirmed', 0);
    const shown: Uint8Array[] = [];
    const check: ImageHeader['check'] = (_, chunks) => {
      shown.push(...chunks);
      return true;
    };
    const spying: BootPorts = { ...ports, readImageHeader: () => ({ ...run.header, check }) };
    expect(lookAgain(flash, spying, readBootState(flash, crypto), run, identity())).toBe(RUN_GRANTED);
    expect(shown).toEqual([run.image]);
  });

  it('takes both ends of the range of hardware', () => {
    const state = readBootState(flash, crypto);
    const run = runOf('confirmed', 0);
    const { hardwareVersion } = IDENTITY;
    const ends: BootPorts = {
      ...ports,
      readImageHeader: () => ({ ...run.header, hardwareMin: hardwareVersion, hardwareMax: hardwareVersion }),
    };
    expect(lookAgain(flash, ends, state, run, identity())).toBe(RUN_GRANTED);
  });

  it('grants an image in the slot that the state names, and not its twin in the other one', () => {
    stage(flash, OLD, 1);
    const state = readBootState(flash, crypto);
    expect(lookAgain(flash, ports, state, runOf('confirmed', 0), identity())).toBe(RUN_GRANTED);
    expect(lookAgain(flash, ports, state, runOf('confirmed', 1), identity())).not.toBe(RUN_GRANTED);
  });

  it('grants the image before the confirmed one below the floor, and no other image there', () => {
    stage(flash);
    activate(flash);
    boot(flash, ports);
    const state = confirmTrial(flash, crypto);
    expect(state.confirmed?.securityCounter).toBeGreaterThan(runOf('fallback', 0).header.securityCounter);
    expect(lookAgain(flash, ports, state, runOf('fallback', 0), identity())).toBe(RUN_GRANTED);
    expect(lookAgain(flash, ports, state, runOf('fallback', 1), identity())).not.toBe(RUN_GRANTED);
    stage(flash, modelImage({ version: 4, securityCounter: 9, imageBytes: 700 }, sha256), 0);
    expect(lookAgain(flash, ports, state, runOf('fallback', 0), identity())).not.toBe(RUN_GRANTED);
  });

  it('grants a trial only within its starts', () => {
    stage(flash);
    activate(flash);
    const { state } = boot(flash, ports);
    const run = runOf('trial', 1);
    const starts = (bootCount: number): BootState => ({ ...state, trial: { ...state.trial!, bootCount } });
    expect(lookAgain(flash, ports, starts(1), run, identity())).toBe(RUN_GRANTED);
    expect(lookAgain(flash, ports, starts(TRIAL_STARTS_MAX), run, identity())).toBe(RUN_GRANTED);
    expect(lookAgain(flash, ports, starts(TRIAL_STARTS_MAX + 1), run, identity())).not.toBe(RUN_GRANTED);
    expect(lookAgain(flash, ports, starts(0), run, identity())).not.toBe(RUN_GRANTED);
  });

  it('keeps an image from running that only the first look lets pass', () => {
    let reads = 0;
    // The first check of the signature answers wrongly, as a glitch could make it; the second one does not.
    const readImageHeader: BootPorts['readImageHeader'] = (octets) => {
      const header = ports.readImageHeader(octets);
      return header && { ...header, check: (...args) => (reads++ === 0 ? true : header.check(...args)) };
    };
    const refusing = { ...ports.crypto, verify: () => false };
    const before = readBootState(flash, crypto);
    const result = boot(flash, { ...ports, crypto: refusing, readImageHeader });
    expect(result).toMatchObject({ phase: 'recovery', spareSlot: 1, events: [{ code: 0x8f1b }] });
    expect(reads).toBe(2);
    // It is one more start, and nothing else.
    expect(readBootState(flash, crypto)).toEqual({ ...before, bootEpoch: before.bootEpoch + 1 });
    expect(bootRecordsIn(flash)[0]?.step).toBe('boot');
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed' });
  });
});
