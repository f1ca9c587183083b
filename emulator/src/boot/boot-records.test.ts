/** Goal: no step is recorded that the state does not allow, and each that is recorded says all that it has to, at once. */
import { beforeEach, describe, expect, it } from 'vitest';
import { BootError } from '../errors.js';
import { bootSlotBytes } from '../flash/layout-plan.js';
import type { NorFlash } from '../flash/nor-flash.js';
import { createFlash } from '../flash/nor-flash.js';
import { provision } from '../meter/identity.js';
import {
  activate,
  AUTHORISATION,
  bootRecordsIn,
  crypto,
  GEOMETRY,
  IDENTITY,
  LAYOUT,
  NEW,
  newMeter,
  ports,
  sha256,
  stage,
} from './boot-bench.test-support.js';
import {
  confirmTrial,
  discardStaged,
  otherSlot,
  outcomeOf,
  readBootState,
  recordActivation,
  recordOutcome,
  recordStaged,
  without,
} from './boot-records.js';
import type { BootState, BootStep, PendingActivation } from './boot-state.js';
import { boot } from './boot.js';
import { factoryInstall } from './factory.js';
import { modelImage } from './model-image.test-support.js';
import { StateStore } from './state-store.js';

let flash: NorFlash;
beforeEach(() => {
  flash = newMeter();
});

const state = (): BootState => readBootState(flash, crypto);

/** The code of the BootError that a call throws; whatever else it throws, in words. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof BootError ? error.code : String(error);
  }
}

/** For what is staged, with the counter after the highest seen. */
function activation(): PendingActivation {
  const { staged, highestOriginatorCounter } = state();
  return { ...staged!, originatorCounter: highestOriginatorCounter + 1n, authorisationDigest: AUTHORISATION };
}

/** Whatever state, as no step would lead to it. */
function force(forced: BootState): void {
  new StateStore(flash, crypto.crc32, false).writeTwice('boot', forced);
}

describe('boot records', () => {
  it('refuse a replayed counter, an image that is not staged, and anything during an activation', () => {
    stage(flash);
    const wanted = activation();
    const { originatorCounter } = wanted;
    expect(codeOf(() => recordActivation(flash, crypto, { ...wanted, originatorCounter: 0n }))).toBe('counter-not-new');
    expect(codeOf(() => recordActivation(flash, crypto, { ...wanted, originatorCounter: 2n ** 63n }))).toBe(
      'bad-value',
    );
    recordActivation(flash, crypto, wanted);
    const next = { ...wanted, originatorCounter: originatorCounter + 1n };
    expect(codeOf(() => recordActivation(flash, crypto, next))).toBe('trial-running');
    expect(codeOf(() => recordStaged(flash, crypto, wanted))).toBe('trial-running');
    const outcome = outcomeOf(next, 'hashMismatch', 1);
    expect(codeOf(() => recordOutcome(flash, crypto, outcome))).toBe('trial-running');
    expect(codeOf(() => confirmTrial(flash, crypto))).toBe('no-trial');
    boot(flash, ports);
    expect(codeOf(() => discardStaged(flash, crypto))).toBe('trial-running');
    expect(state().pending).toEqual(wanted);
  });

  it('activate only what is staged: that slot, that manifest, that image', () => {
    const digest = new Uint8Array(32);
    stage(flash);
    const wanted = activation();
    for (const change of [{ slot: otherSlot(wanted.slot) }, { manifestDigest: digest }, { imageHash: digest }]) {
      const other = { ...wanted, ...change };
      expect(
        codeOf(() => recordActivation(flash, crypto, other)),
        Object.keys(change)[0],
      ).toBe('not-staged');
    }
    discardStaged(flash, crypto);
    expect(codeOf(() => recordActivation(flash, crypto, wanted))).toBe('not-staged');
    expect(state().highestOriginatorCounter).toBe(0n);
  });

  it('burn the counter of an activation together with it', () => {
    stage(flash);
    const wanted = { ...activation(), originatorCounter: 7n };
    const after = recordActivation(flash, crypto, wanted);
    expect(after).toMatchObject({ pending: wanted, staged: { slot: 1 }, highestOriginatorCounter: 7n });
    expect(state()).toEqual(after);
  });

  it('keep the outcome of a command that had no effect, and burn its counter', () => {
    const outcome = {
      code: 'hashMismatch',
      originatorCounter: 12n,
      authorisationDigest: AUTHORISATION,
      imageHash: new Uint8Array(32),
      versionAfter: 1,
    } as const;
    recordOutcome(flash, crypto, outcome);
    expect(state()).toMatchObject({ outcome, highestOriginatorCounter: 12n });
    expect(codeOf(() => recordOutcome(flash, crypto, outcome))).toBe('counter-not-new');
  });

  it('keep of what was staged its identity, and nothing that came with it', () => {
    stage(flash);
    const { slot, manifestDigest, imageHash } = activation();
    const after = recordStaged(flash, crypto, activation());
    expect(after.staged).toStrictEqual({ slot, manifestDigest, imageHash });
    expect(after.pending).toBeUndefined();
  });

  it('cancel a pending activation with the staged image it names', () => {
    stage(flash);
    const wanted = activation();
    recordActivation(flash, crypto, wanted);
    expect(discardStaged(flash, crypto)).toEqual(wanted);
    expect(discardStaged(flash, crypto)).toBeUndefined();
    expect(boot(flash, ports)).toMatchObject({ phase: 'confirmed', slot: 0 });
    expect(state().highestOriginatorCounter).toBe(1n);
    expect(state()).not.toHaveProperty('staged');
  });

  it('forget a staged image that nobody activated, and write nothing when there is none', () => {
    stage(flash);
    expect(discardStaged(flash, crypto)).toBeUndefined();
    expect(state()).not.toHaveProperty('staged');
    const { operationCount } = flash;
    expect(discardStaged(flash, crypto)).toBeUndefined();
    expect(flash.operationCount).toBe(operationCount);
  });

  it('cancel an activation and confirm no trial where what belongs to it is missing, as no step leaves it', () => {
    stage(flash);
    activate(flash);
    const { pending } = state();
    force(without(state(), 'staged'));
    expect(discardStaged(flash, crypto)).toEqual(pending);
    expect(state()).not.toHaveProperty('pending');
    force({ ...state(), trial: { bootCount: 1, version: 2, imageBytes: 700, securityCounter: 7 } });
    expect(codeOf(() => confirmTrial(flash, crypto))).toBe('no-trial');
  });

  it('say which step led to the state', () => {
    const steps: (BootStep | undefined)[] = [];
    const after = (run: () => unknown): void => {
      run();
      steps.push(bootRecordsIn(flash)[0]?.step);
    };
    after(() => boot(flash, ports));
    after(() => stage(flash));
    after(() => discardStaged(flash, crypto));
    after(() => stage(flash));
    after(() => activate(flash));
    after(() => boot(flash, ports));
    after(() => confirmTrial(flash, crypto));
    after(() => {
      stage(flash, modelImage({ version: 3, securityCounter: 8, imageBytes: 700 }, sha256), 0);
      activate(flash);
      for (let i = 0; i < 4; i++) boot(flash, ports);
    });
    after(() => recordOutcome(flash, crypto, { ...state().outcome!, originatorCounter: 90n }));
    expect(steps).toEqual([
      'boot',
      'staged',
      'discarded',
      'staged',
      'activation',
      'boot',
      'confirmed',
      'reverted',
      'outcome',
    ]);
    flash = createFlash(LAYOUT);
    provision(flash, crypto.crc32, IDENTITY);
    factoryInstall(flash, ports, NEW);
    expect(bootRecordsIn(flash)[0]?.step).toBe('install');
  });

  it('take no more room than their two copies', () => {
    const records = 64;
    const { operationCount } = flash;
    const outcome = outcomeOf(
      {
        slot: 1,
        manifestDigest: AUTHORISATION,
        imageHash: AUTHORISATION,
        originatorCounter: 0n,
        authorisationDigest: AUTHORISATION,
      },
      'noImageHeld',
      1,
    );
    for (let i = 1; i <= records; i++) recordOutcome(flash, crypto, { ...outcome, originatorCounter: BigInt(i) });
    const pages = bootSlotBytes(GEOMETRY.granuleBytes) / 256;
    const perSector = Math.floor(4096 / bootSlotBytes(GEOMETRY.granuleBytes));
    const erases = flash.operationCount - operationCount - 2 * records * pages;
    expect(erases).toBeGreaterThan(0);
    expect(erases).toBeLessThanOrEqual((2 * records) / perSector + 1);
  });
});

describe('a confirmation', () => {
  it('names as the way back what ran before, and a first image has none', () => {
    stage(flash);
    activate(flash);
    boot(flash, ports);
    const { confirmed } = state();
    const after = confirmTrial(flash, crypto);
    expect(after.confirmed?.previous).toStrictEqual({ slot: 0, imageHash: confirmed?.imageHash });
    for (const part of ['staged', 'pending', 'trial', 'recoveredFloor']) expect(after).not.toHaveProperty(part);
    expect(state()).toEqual(after);

    // On a meter that had no image at all.
    flash = createFlash(LAYOUT);
    provision(flash, crypto.crc32, IDENTITY);
    stage(flash, NEW, 0);
    activate(flash);
    expect(boot(flash, ports)).toMatchObject({ phase: 'trial', slot: 0 });
    const first = confirmTrial(flash, crypto);
    expect(first.confirmed).toMatchObject({ slot: 0, version: 2, securityCounter: 7 });
    expect(first.confirmed).not.toHaveProperty('previous');
  });

  it('never lowers the floor', () => {
    stage(flash);
    activate(flash);
    boot(flash, ports);
    force({ ...state(), confirmed: { ...state().confirmed!, securityCounter: 20 } });
    expect(confirmTrial(flash, crypto).confirmed?.securityCounter).toBe(20);
  });
});
