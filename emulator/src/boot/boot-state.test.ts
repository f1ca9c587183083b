/** Goal: a boot record says all of a state, nothing else, and at the offsets of docs/FLASH-FILE.md §5. */
import { describe, expect, it } from 'vitest';
import { BootError } from '../errors.js';
import type { BootState, BootStep } from './boot-state.js';
import {
  BOOT_STEPS,
  decodeBootState,
  EMPTY_BOOT_STATE,
  encodeBootState,
  floorOf,
  OUTCOME_CODES,
} from './boot-state.js';

const digest = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const FULL = {
  bootEpoch: 0xffff_fffe,
  highestOriginatorCounter: 2n ** 63n - 1n,
  confirmed: {
    slot: 1,
    manifestDigest: digest(1),
    imageHash: digest(2),
    version: 0xffff_ffff,
    imageBytes: 971_304,
    securityCounter: 0xffff_fffe,
    previous: { slot: 0, imageHash: digest(3) },
  },
  staged: { slot: 1, manifestDigest: digest(4), imageHash: digest(5) },
  pending: {
    slot: 1,
    manifestDigest: digest(6),
    imageHash: digest(7),
    originatorCounter: 2n ** 62n,
    authorisationDigest: digest(8),
  },
  trial: { bootCount: 3, version: 4, imageBytes: 5, securityCounter: 6 },
  outcome: {
    code: 'noImageHeld',
    originatorCounter: 9n,
    authorisationDigest: digest(9),
    imageHash: digest(10),
    versionAfter: 11,
  },
  lastRunVersion: 12,
} as const satisfies BootState;
const LOST: BootState = { bootEpoch: 3, highestOriginatorCounter: 0n, recoveredFloor: 0xffff_ffff };

const bySlot = (slot: 0 | 1): BootState => ({
  ...FULL,
  confirmed: { ...FULL.confirmed, slot, previous: { ...FULL.confirmed.previous, slot: slot === 0 ? 1 : 0 } },
  staged: { ...FULL.staged, slot },
  pending: { ...FULL.pending, slot },
});

describe('a boot record', () => {
  it('gives back every part of a state', () => {
    for (const state of [FULL, LOST, EMPTY_BOOT_STATE, bySlot(0), bySlot(1)]) {
      expect(decodeBootState(encodeBootState('boot', state))).toStrictEqual(state);
    }
  });

  it('gives back a state in which any one part is absent', () => {
    const { confirmed, ...unconfirmed } = FULL;
    const { previous: _, ...first } = confirmed;
    const without = (name: keyof BootState): BootState =>
      Object.fromEntries(Object.entries(FULL).filter(([key]) => key !== name)) as unknown as BootState;
    const states = [
      { ...unconfirmed, confirmed: first },
      ...(['confirmed', 'staged', 'pending', 'trial', 'outcome', 'lastRunVersion'] as const).map(without),
    ];
    for (const state of states) expect(decodeBootState(encodeBootState('boot', state))).toStrictEqual(state);
  });

  it('says each step and each outcome by its number', () => {
    for (const [step, number] of Object.entries(BOOT_STEPS)) {
      expect(encodeBootState(step as BootStep, FULL)[1]).toBe(number);
    }
    for (const code of Object.keys(OUTCOME_CODES) as (keyof typeof OUTCOME_CODES)[]) {
      const state = { ...FULL, outcome: { ...FULL.outcome, code } };
      const octets = encodeBootState('outcome', state);
      expect(octets[264]).toBe(OUTCOME_CODES[code]);
      expect(decodeBootState(octets)).toStrictEqual(state);
    }
  });

  it('takes an outcome that it does not know for a failure, so that nobody is told of a success', () => {
    const octets = encodeBootState('outcome', FULL);
    octets[264] = 9;
    expect(decodeBootState(octets)?.outcome?.code).toBe('activationFailure');
  });

  it('has its fields where the description of the flash file draws them', () => {
    const octets = encodeBootState('confirmed', FULL);
    const view = new DataView(octets.buffer);
    expect([...octets.subarray(0, 4)]).toEqual([1, 6, 0x7f, 0]);
    const words = [4, 20, 24, 32, 36, 140, 144, 152, 156, 268, 348].map((at) => view.getUint32(at, true));
    expect(words).toEqual([0xffff_fffe, 0xffff_ffff, 971_304, 0xffff_fffe, 0, 4, 5, 6, 0, 11, 12]);
    expect([8, 160, 272].map((at) => view.getBigUint64(at, true))).toEqual([2n ** 63n - 1n, 2n ** 62n, 9n]);
    expect([16, 17, 136, 137, 264, 344].map((at) => octets[at])).toEqual([1, 0, 1, 3, 1, 1]);
    const digests = [40, 72, 104, 352, 384, 168, 200, 232, 280, 312];
    for (const [i, at] of digests.entries()) expect(octets.subarray(at, at + 32)).toEqual(digest(i + 1));
    expect(encodeBootState('boot', LOST)[2]).toBe(0x80);
  });

  it('keeps the floor of the confirmed image where there is one, and no recovered one beside it', () => {
    expect(decodeBootState(encodeBootState('boot', { ...FULL, recoveredFloor: 5 }))).toStrictEqual(FULL);
  });

  it('is none of another length or format, or with a counter that no image can have, whatever its CRC says', () => {
    const octets = encodeBootState('boot', FULL);
    const spoilt = (at: number, value: number): Uint8Array => octets.with(at, value);
    expect(decodeBootState(octets.subarray(0, -1))).toBeUndefined();
    expect(decodeBootState(Uint8Array.of(...octets, 0))).toBeUndefined();
    expect(decodeBootState(spoilt(0, 2))).toBeUndefined();
    for (const at of [36, 39, 156, 159]) expect(decodeBootState(spoilt(at, 1))).toBeUndefined();
  });

  it('is not made of a number or a digest that does not fit its field', () => {
    const { confirmed, pending, trial } = FULL;
    const misfits = [
      { bootEpoch: -1 },
      { bootEpoch: 1.5 },
      { bootEpoch: Number.NaN },
      { bootEpoch: 2 ** 32 },
      { highestOriginatorCounter: -1n },
      { highestOriginatorCounter: 2n ** 63n },
      // Of a caller whom no compiler has checked.
      { highestOriginatorCounter: 5 as unknown as bigint },
      { confirmed: { ...confirmed, imageHash: new Uint8Array(31) } },
      { confirmed: { ...confirmed, imageHash: new Uint8Array(33) } },
      { confirmed: { ...confirmed, securityCounter: 2 ** 32 } },
      { pending: { ...pending, originatorCounter: 2n ** 63n } },
      { trial: { ...trial, bootCount: 256 } },
    ];
    for (const misfit of misfits) {
      const encode = (): Uint8Array => encodeBootState('boot', { ...FULL, ...misfit });
      expect(encode, Object.keys(misfit)[0]).toThrow(BootError);
      expect(encode).toThrow(expect.objectContaining({ code: 'bad-value' }));
    }
    expect(encodeBootState('boot', { ...FULL, trial: { ...trial, bootCount: 255 } })[137]).toBe(255);
  });
});

describe('the rollback floor', () => {
  it('is that of the confirmed image, else what was recovered, else none', () => {
    expect(floorOf({ ...FULL, recoveredFloor: 5 })).toBe(0xffff_fffe);
    expect(floorOf(LOST)).toBe(0xffff_ffff);
    expect(floorOf(EMPTY_BOOT_STATE)).toBe(0);
    expect(floorOf({ ...LOST, confirmed: { ...FULL.confirmed, securityCounter: 0 } })).toBe(0);
  });
});
