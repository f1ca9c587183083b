/** The engine that the goals about power cuts stand on: it forks where it says, strikes what it says, and its eyes see. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelCrypto, modelKey } from '@smets1/host';
import type { GoalContext } from '../goal.js';
import { CutCount, cutWorlds, judgeEnd, judgeStart, type CutWorld } from './cut-worlds.js';
import { live, nothingKnown, type Moment } from './life.js';
import { look, slotFault } from './oracle.js';
import { rememberingCrypto } from './remembering-crypto.js';
import { sceneOf } from './scene.js';
import { STATE_NAMES, statesOf } from './states.js';
import { AFTER, BEFORE, bits, nameOfStrike, prefix, strikeOfName, struck } from './strike.js';

const SCENE = sceneOf({ path: 'update', imageBytes: 4_096 });

function contextOf(more: Partial<GoalContext> = {}): GoalContext & { readonly failures: string[] } {
  const failures: string[] = [];
  return {
    tier: 'Q',
    seed: 1,
    worker: { index: 0, count: 1 },
    timeLeft: () => true,
    fail: (caseId, detail) => void failures.push(`${caseId} ${detail}`),
    progress: () => undefined,
    failures,
    ...more,
  };
}

function moments(): readonly Moment[] {
  const found: Moment[] = [];
  const flash = SCENE.start.fork();
  live({
    scene: SCENE,
    flash,
    known: nothingKnown(),
    startMs: 0,
    onOperation: (moment) => found.push({ ...moment, flash: moment.flash.fork(), known: { ...moment.known } }),
  });
  return found;
}

describe('a strike', () => {
  it('has a name that it is found again by', () => {
    const strike = fc.oneof(
      fc.constantFrom(BEFORE, AFTER),
      fc
        .record(
          { torn: fc.nat(4096), seed: fc.nat(), weak: fc.constant(true), neighbour: fc.constant(true) },
          { requiredKeys: ['torn'] },
        )
        .map(({ torn, ...more }) => prefix(torn, more)),
      fc
        .record({ seed: fc.nat(), weak: fc.constant(true) }, { requiredKeys: ['seed'] })
        .map(({ seed, ...more }) => bits(seed, more)),
    );
    fc.assert(
      fc.property(strike, (strike) => {
        expect(strikeOfName(nameOfStrike(strike))).toEqual(strike);
      }),
    );
  });

  it('is none where the name says nothing', () => {
    for (const name of ['', 'c', 'p', 'x', 'px', 'w1']) expect(strikeOfName(name)).toBeUndefined();
  });

  it('leaves the flash before its operation alone, and changes the fork as far as it was to go', () => {
    const moment = moments().find(({ operation }) => operation.kind === 'program' && operation.data.length === 256)!;
    const { flash, operation } = moment;
    if (operation.kind !== 'program') throw new Error('not a program');
    const read = (from: typeof flash): Uint8Array => from.read(operation.offsetBytes, operation.data.length);
    const before = read(flash);
    const torn = read(struck(flash, operation, prefix(100)));
    expect(torn.subarray(0, 100)).toEqual(operation.data.subarray(0, 100));
    expect(torn.subarray(100)).toEqual(before.subarray(100));
    expect(read(struck(flash, operation, AFTER))).toEqual(new Uint8Array(operation.data));
    expect(read(struck(flash, operation, BEFORE))).toEqual(before);
    expect(read(flash)).toEqual(before);
  });
});

describe('crypto that remembers', () => {
  it('answers as the crypto behind it, for what it knows and for what differs in one bit', () => {
    const real = modelCrypto();
    const quick = rememberingCrypto(real);
    const key = modelKey('supplier');
    const message = Uint8Array.from({ length: 3_000 }, (_, i) => i & 0xff);
    const signature = key.sign(message);
    for (let round = 0; round < 3; round++) {
      expect(quick.sha256([message])).toEqual(real.sha256([message]));
      expect(quick.verify(key.publicKey, message, signature, 'low')).toBe(true);
    }
    fc.assert(
      fc.property(fc.nat(message.length * 8 - 1), (bit) => {
        const changed = message.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(quick.sha256([changed])).toEqual(real.sha256([changed]));
        expect(quick.verify(key.publicKey, changed, signature, 'low')).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('gives out a digest that its caller may change', () => {
    const quick = rememberingCrypto(modelCrypto());
    const message = new Uint8Array(2_000);
    const first = quick.sha256([message]);
    const kept = first.slice();
    first.fill(0);
    expect(quick.sha256([message])).toEqual(kept);
  });
});

describe('the trunk', () => {
  it('passes through all seven states of a meter', () => {
    const states = statesOf(SCENE);
    for (const name of STATE_NAMES) expect(states[name].name).toBe(name);
    const { view } = look(SCENE, states.trial.flash.fork(), { ...states.trial.known }, states.trial.nowMs + 1);
    expect(view?.mode).toBe('trial');
  });

  it('has the same operations each time', () => {
    const named = (): readonly string[] => moments().map(({ operation }) => JSON.stringify(operation));
    expect(named()).toEqual(named());
  });

  it('lives each case once, shared out over the workers, and one alone when asked', () => {
    const cases = (more: Partial<GoalContext>): readonly string[] => {
      const found: string[] = [];
      cutWorlds(contextOf(more), {
        scenes: [SCENE],
        strikes: () => [BEFORE, AFTER],
        judge: ({ caseId }) => found.push(caseId),
      });
      return found;
    };
    const all = cases({});
    expect(new Set(all).size).toBe(all.length);
    const shared = [0, 1].flatMap((index) => cases({ worker: { index, count: 2 } }));
    expect(shared.toSorted()).toEqual(all.toSorted());
    expect(cases({ only: all[17]! })).toEqual([all[17]]);
  });
});

describe('the eyes', () => {
  it('see one wrong bit in an image, and in its header', () => {
    const flash = SCENE.start.fork();
    expect(slotFault(flash, 0, SCENE.old)).toBeUndefined();
    const granule = flash.granuleBytes;
    for (const at of [4_096 + 64 * granule, 0]) {
      const hurt = flash.fork();
      const region = hurt.partition('slot-0');
      const held = region.read(at, granule);
      const which = held.findIndex((octet) => octet !== 0);
      held[which]! &= held[which]! - 1;
      region.program(at, held);
      expect(slotFault(hurt, 0, SCENE.old)).toMatch(at === 0 ? /header/ : /octets/);
    }
    expect(slotFault(flash, 0, SCENE.next)).toBeDefined();
  });

  it('see what a meter has lost that was known of it', () => {
    const { confirmed, idle } = statesOf(SCENE);
    const count = new CutCount(contextOf());
    // The flash of the beginning with the knowledge of the end: a meter that forgot everything.
    const seen = look(
      SCENE,
      idle.flash.fork(),
      { ...confirmed.known, bootEpoch: 99, floor: SCENE.next.securityCounter },
      1,
    );
    for (const invariant of ['I2', 'I4', 'I5']) expect(seen.violations.join()).toContain(invariant);
    expect(count.count().worlds).toBe(0);
  });

  it('see an image that runs before anybody asked for it', () => {
    const { trial } = statesOf(SCENE);
    const known = { ...trial.known, isActivationSent: false };
    expect(look(SCENE, trial.flash.fork(), known, trial.nowMs + 1).violations.join()).toContain('I3');
  });

  it('see that acknowledged blocks are gone', () => {
    const { idle } = statesOf(SCENE);
    const known = { ...idle.known, durableBlocks: 2 };
    expect(look(SCENE, idle.flash.fork(), known, 1).violations.join()).toContain('I6');
  });

  it('find nothing wrong with a cut world, and with its end', () => {
    const context = contextOf();
    const count = new CutCount(context);
    const worlds: CutWorld[] = [];
    cutWorlds(context, {
      scenes: [SCENE],
      isCase: ({ index }) => index % 9 === 0,
      strikes: ({ index }) => [BEFORE, prefix(index % 16)],
      judge(world) {
        worlds.push(world);
        count.world();
        judgeStart(count, world);
        judgeEnd(count, world);
      },
    });
    expect(context.failures).toEqual([]);
    expect(count.count().worlds).toBe(worlds.length);
    expect(count.count().struck).toMatchObject({ 'lived-to-the-end': worlds.length, 'ended-new': worlds.length });
  });
});
