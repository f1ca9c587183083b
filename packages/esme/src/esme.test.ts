/**
 * Goal: a test needs five lines for a meter, an update and its faults; what the desk says of the end is so; and one seed repeats it all.
 */
import { describe, expect, it } from 'vitest';
import { IMAGE_OFFSET_BYTES, type FaultPlan } from '@smets1/emulator';
import { stateDigest } from '@smets1/host';
import { createEsme, type CreateEsmeOptions, type UpdateOptions, type VirtualEsme } from './index.js';

const BAD_LINE: UpdateOptions['line'] = {
  latencyMs: [5, 40],
  loss: 0.1,
  duplicate: 0.1,
  reorder: 0.1,
  corrupt: 0.05,
  cuts: [{ afterFrames: 20, downMs: 500 }],
};

/** One bit of the image that runs is another one. */
function rotRunning(meter: VirtualEsme): void {
  const name = meter.view().activeSlot === 0 ? 'slot-0' : 'slot-1';
  const { offsetBytes } = meter.flash.layout.partitions.find((partition) => partition.name === name)!;
  meter.flash.rot(offsetBytes + IMAGE_OFFSET_BYTES + 77, 1);
}

describe('a meter on the desk', () => {
  it('runs its factory image, and then what it was updated to', () => {
    const meter = createEsme({ seed: 1 });
    expect(meter.view()).toMatchObject({ mode: 'confirmed', runningVersion: 1 });
    const end = meter.update(meter.image({ version: 2 }));
    expect(end).toMatchObject({ runs: 'new', mode: 'confirmed', outcome: 'activated', senders: 1 });
    expect(meter.view().runningVersion).toBe(2);
    expect(meter.update(meter.image()).runs).toBe('new');
    expect(meter.view().runningVersion).toBe(3);
  });

  it('comes through cuts, each at its operation, the next counted from the power that came back', () => {
    const meter = createEsme({ seed: 1 });
    const cuts: FaultPlan[] = [
      { cutAt: 5, phase: 'during' },
      { cutAt: 1, phase: 'before' },
      { cutAt: 20, phase: 'after' },
    ];
    const end = meter.update(meter.image(), { cuts, offMs: 250 });
    expect(end).toMatchObject({ runs: 'new', outcome: 'activated', struck: { powerCuts: 3, starts: 3 } });
    const later = meter.update(meter.image({ bytes: 3000 }), { cuts: [{ cutAt: 1_000_000, phase: 'after' }] });
    expect(later).toMatchObject({ runs: 'new', struck: { powerCuts: 0 } });
    expect(meter.flash.fork().operationCount).toBeLessThan(1_000_000);
  });

  it('comes through a bad line and senders that die, and counts what struck', () => {
    const meter = createEsme({ seed: 3 });
    const end = meter.update(meter.image({ bytes: 40_000 }), { line: BAD_LINE, kills: [300, 300] });
    expect(end).toMatchObject({ runs: 'new', outcome: 'activated', senders: 3, struck: { senderKills: 2 } });
    const { framesLost, framesDuplicated, framesCorrupted, linkCuts } = end.struck;
    for (const count of [framesLost, framesDuplicated, framesCorrupted, linkCuts]) expect(count).toBeGreaterThan(0);
  });

  it('says how an update ended that was to end otherwise', () => {
    const staged = createEsme();
    expect(staged.update(staged.image(), { activate: false })).toMatchObject({ runs: 'old', outcome: 'sealed' });
    const broken = createEsme({ behaviour: (version) => (version === 2 ? 'crash-at-boot' : 'healthy') });
    expect(broken.update(broken.image())).toMatchObject({ runs: 'old', outcome: 'reverted', struck: { starts: 4 } });
    const refused = createEsme({ firmware: { version: 5 } });
    expect(refused.update(refused.image({ version: 4 }))).toMatchObject({ runs: 'old', outcome: 'refused' });
    const deaf = createEsme({ behaviour: () => 'lose-link' });
    expect(deaf.update(deaf.image(), { sendersMax: 2 })).toMatchObject({
      runs: 'old',
      outcome: 'no-answer',
      senders: 2,
    });
    const killed = createEsme();
    expect(killed.update(killed.image(), { kills: [1], sendersMax: 1 }).outcome).toBe('gave-up');
  });

  it('judges by the octets in the slot, whatever the meter believes', () => {
    const meter = createEsme();
    rotRunning(meter);
    expect(meter.update(meter.image(), { activate: false }).runs).toBe('neither');
  });

  it('is the same from the same seed to the last octet, also in another order of tests, and another from another', () => {
    const live = (seed: number): readonly string[] => {
      const meter = createEsme({ seed });
      const end = meter.update(meter.image(), {
        line: BAD_LINE,
        cuts: [{ cutAt: 9, phase: 'during', seed }],
        kills: [99],
      });
      return [meter.world.traceHash(), stateDigest(end), stateDigest(meter.snapshot()), meter.seed];
    };
    expect(live(7)).toEqual(live(7));
    expect(live(8)[0]).not.toBe(live(7)[0]);
  });

  it('takes real signatures when asked to, and not those of the model', () => {
    const real = createEsme({ real: true });
    expect(real.update(real.image({ bytes: 3000 })).runs).toBe('new');
    const model = createEsme();
    expect(real.update(model.image({ bytes: 3000, version: 9 }), { sendersMax: 1 }).outcome).toBe('refused');
  });
});

describe('the power lever', () => {
  it('takes the power at once, or at a flash operation, until it is switched on again', () => {
    const meter = createEsme();
    meter.cutPower();
    expect(meter.isOn).toBe(false);
    expect(() => meter.view()).toThrow(expect.objectContaining({ code: 'no-power' }));
    expect(() => meter.update(meter.image())).toThrow(expect.objectContaining({ code: 'no-power' }));
    meter.powerOn();
    expect(meter.view().bootEpoch).toBe(2);
    meter.cutPower({ cutAt: 1, phase: 'after' });
    meter.runFor(4 * 86_400_000);
    expect(meter.isOn).toBe(false);
    meter.powerOn();
    expect(meter.view()).toMatchObject({ bootEpoch: 3, runningVersion: 1 });
    meter.powerOn();
    expect(meter.view().bootEpoch).toBe(3);
  });
});

describe('time', () => {
  it('lets the meter measure', () => {
    const meter = createEsme({ loadW: 1000 });
    meter.runFor(3_600_000);
    expect(meter.view().importWh).toBe(1000);
  });
});

describe('snapshots and forks', () => {
  it('go their own way from the same flash', () => {
    const meter = createEsme({ loadW: 1000 });
    meter.runFor(7_200_000);
    const file = meter.snapshot();
    const fork = meter.fork(99);
    expect(fork.world.now()).toBe(meter.world.now());
    expect(fork.view()).toMatchObject({ bootEpoch: 2, importWh: 2000 });
    expect(fork.update(fork.image()).runs).toBe('new');
    expect(meter.view()).toMatchObject({ bootEpoch: 1, runningVersion: 1 });
    expect(meter.update(meter.image()).runs).toBe('new');
    meter.restore(file);
    expect(meter.view()).toMatchObject({ bootEpoch: 2, runningVersion: 1 });
    expect(meter.view().importWh).toBeGreaterThanOrEqual(2000);
    expect(meter.update(meter.image()).runs).toBe('new');
    expect(() => meter.restore(file.subarray(0, 5000))).toThrow(expect.objectContaining({ code: 'truncated' }));
    expect(meter.isOn).toBe(true);
  });

  it('can be taken of a meter without power', () => {
    const meter = createEsme();
    meter.cutPower({ cutAt: 3, phase: 'during' });
    meter.runFor(4 * 86_400_000);
    const file = meter.snapshot();
    meter.restore(file);
    expect(meter.view().runningVersion).toBe(1);
  });
});

describe('what is asked of the desk', () => {
  it.each<readonly [string, CreateEsmeOptions, string]>([
    ['a profile that there is not', { profile: 'none' }, 'bad-value'],
    ['a seed that is none', { seed: -1 }, 'misuse'],
  ])('is refused when it is %s', (_, options, code) => {
    expect(() => createEsme(options)).toThrow(expect.objectContaining({ code }));
  });
});
