/**
 * Goal: what the lever does to a meter is what it does to a real one: without power it is silent, with power it boots from what its flash holds.
 * Method: one meter in memory on a virtual clock.
 */
import { FlashError } from '@smets1/emulator';
import { memoryPair } from '@smets1/hardware';
import { demoKey } from '@smets1/host';
import { describe, expect, it } from 'vitest';
import { CliError } from '../errors.js';
import { HOUR, testBench } from '../test-support/bench.js';

describe('power', () => {
  it('that goes in order loses nothing that was counted, and the meter boots once more when it is back', async () => {
    const { meter } = testBench();
    await meter.clock.advance(HOUR);
    const before = meter.view();
    expect(before.importWh).toBeGreaterThan(200);
    meter.power.off();
    expect(meter.power.state).toEqual({ kind: 'off', how: 'off' });
    expect(() => meter.view()).toThrow(expect.objectContaining({ code: 'no-power' }));
    meter.power.on();
    expect(meter.view()).toMatchObject({ bootEpoch: before.bootEpoch + 1, importWh: before.importWh });
    await meter.close();
  });

  it('that is cut at once loses what was not in flash, and no more', async () => {
    const { meter } = testBench();
    await meter.clock.advance(HOUR);
    const { importWh } = meter.view();
    const operations = meter.flash.operationCount;
    meter.power.cut();
    expect(meter.flash.operationCount).toBe(operations);
    meter.power.on();
    expect(meter.view().importWh).toBeLessThanOrEqual(importWh);
    await meter.close();
  });

  it('that is cut at a flash operation goes at that one, and stays away until somebody switches it on', async () => {
    const { meter, events, failures } = testBench();
    const at = meter.flash.operationCount + 2;
    meter.faults.add([{ atOperation: at, fault: { kind: 'cut', phase: 'during', torn: 3 } }]);
    await meter.clock.advance(12 * HOUR);
    expect(meter.power.state).toEqual({ kind: 'off', how: 'lost', operation: at });
    expect(meter.flash.operationCount).toBe(at);
    expect(meter.faults.pending).toEqual([]);
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'power-lost', fields: expect.objectContaining({ operation: at }) }),
    );
    expect(meter.flash.struck).toMatchObject({ cuts: 1 });
    await meter.clock.advance(24 * HOUR);
    expect(meter.power.state.kind).toBe('off');
    meter.power.on();
    expect(meter.view()).toMatchObject({ bootEpoch: 2, mode: 'confirmed' });
    expect(failures).toEqual([]);
    await meter.close();
  });

  it('comes back by itself after as long as the cut says, and not sooner', async () => {
    const { meter } = testBench();
    await meter.clock.advance(60_000);
    meter.faults.add([{ inOperations: 1, fault: { kind: 'cut', phase: 'before', powerOnAfterMs: 5_000 } }]);
    meter.power.off();
    // Power went in order, and the meter saved: that was the operation.
    const { time } = meter.clock;
    expect(meter.power.state).toMatchObject({ how: 'lost', backAtMs: time.nowMs() + 5_000 });
    await meter.clock.advance(4_999);
    expect(meter.power.isUp).toBe(false);
    await meter.clock.advance(1);
    expect(meter.power.isUp).toBe(true);
    await meter.close();
  });

  it('that goes while the meter boots leaves it off, and the next start goes on from there', async () => {
    const { meter } = testBench({ faults: [{ inOperations: 1, fault: { kind: 'cut', phase: 'during', torn: 1 } }] });
    expect(meter.power.state).toMatchObject({ how: 'lost' });
    meter.power.on();
    expect(meter.view().mode).toBe('confirmed');
    await meter.close();
  });

  it('that is switched on or off twice is switched once', async () => {
    const { meter, count } = testBench();
    meter.power.on();
    meter.power.off();
    meter.power.off();
    meter.power.on();
    meter.power.on();
    expect([count('power-on'), count('power-off')]).toEqual([2, 1]);
    await meter.close();
  });

  it('takes the link along; one that comes without it is heard when it is back', async () => {
    const { meter } = testBench();
    const before = memoryPair({ framing: 'stream' });
    let reason: string | undefined;
    before.b.onClose(({ kind }) => (reason = kind));
    meter.attach(before.a);
    meter.power.cut();
    await expect.poll(() => reason).toBeDefined();
    const after = memoryPair({ framing: 'stream' });
    let isClosed = false;
    after.b.onClose(() => (isClosed = true));
    meter.attach(after.a);
    after.b.send(new Uint8Array(10));
    meter.power.on();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isClosed).toBe(false);
    await meter.close();
    await expect.poll(() => isClosed).toBe(true);
  });
});

describe('a flash that fails', () => {
  it('stops the meter, not the bench; the meter boots again when it can', async () => {
    const { meter, events, failures } = testBench();
    const sound = meter.snapshot();
    for (const { index } of meter.flash.sectors) {
      meter.faults.add([{ fault: { kind: 'break', sector: index, as: 'program-fails' } }]);
      meter.faults.add([{ fault: { kind: 'break', sector: index, as: 'erase-fails' } }]);
    }
    meter.power.cut();
    meter.power.on();
    // Boot runs what is confirmed all the same; what the power coming back owes cannot be written.
    expect(() => meter.view()).toThrow(FlashError);
    expect(meter.power.state).toMatchObject({ kind: 'halted', code: 'worn' });
    expect(events.at(-1)).toMatchObject({ kind: 'halted' });
    expect(() => meter.view()).toThrow(CliError);
    expect(failures).toEqual([]);
    meter.restore(sound);
    expect(meter.view().mode).toBe('confirmed');
    await meter.close();
  });
});

describe('a snapshot', () => {
  it('is what flash holds, with or without power, and comes back octet for octet', async () => {
    const { meter, count } = testBench();
    await meter.clock.advance(HOUR);
    meter.power.off();
    const octets = meter.snapshot();
    meter.power.on();
    await meter.clock.advance(48 * HOUR);
    expect(Buffer.from(meter.snapshot()).equals(octets)).toBe(false);
    meter.faults.add([{ inOperations: 1_000, fault: { kind: 'cut', phase: 'before' } }]);
    meter.restore(octets);
    expect(count('fault-missed')).toBe(1);
    meter.power.cut();
    meter.power.on();
    expect(meter.view().importWh).toBeLessThan(400);
    await meter.close();
  });

  it('that is none, or of a meter with another key, changes nothing', async () => {
    const { meter } = testBench();
    const before = meter.view();
    expect(() => meter.restore(new Uint8Array(10_000))).toThrow(expect.objectContaining({ code: 'bad-magic' }));
    const stranger = testBench({ deviceKey: demoKey('supplier') });
    expect(() => meter.restore(stranger.meter.snapshot())).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(meter.view()).toEqual(before);
    await Promise.all([meter.close(), stranger.meter.close()]);
  });

  it('of a fork is that of its origin, and then each goes its own way', async () => {
    const { meter } = testBench();
    meter.faults.add([{ fault: { kind: 'stick', offsetBytes: 4_000_000, mask: 0xff, value: 0x5a } }]);
    meter.power.cut();
    const origin = meter.snapshot();
    const fork = meter.fork({ onFailure: () => undefined });
    expect(fork.view().bootEpoch).toBe(2);
    expect(Buffer.from(meter.snapshot()).equals(origin)).toBe(true);
    expect(fork.flash.read(4_000_000, 1)).toEqual(Uint8Array.of(0x5a));
    await fork.close();
    await meter.close();
  });
});
