/** Goal: each fault of a script strikes when it says, once, or says that it could not. */
import { describe, expect, it } from 'vitest';
import { HOUR, testBench } from '../test-support/bench.js';
import type { AwaitedFault } from './bench-faults.js';

describe('a fault', () => {
  it('that waits for an operation strikes before it, and that for a time at that time', async () => {
    const { meter, events } = testBench();
    const at = meter.flash.operationCount + 3;
    const rotted = 4_100_000;
    meter.faults.add([
      { atOperation: at, fault: { kind: 'rot', offsetBytes: rotted, mask: 0x0f } },
      { atMs: 100 * HOUR, fault: { kind: 'stick', offsetBytes: rotted + 1, mask: 0x01, value: 0x00 } },
    ]);
    while (meter.faults.pending.length === 2) {
      // eslint-disable-next-line no-await-in-loop -- one step of time after the other
      await meter.clock.advance(60_000);
    }
    expect(meter.clock.time.nowMs()).toBeLessThan(100 * HOUR);
    expect(meter.flash.operationCount).toBeGreaterThanOrEqual(at);
    expect(meter.flash.read(rotted, 2)).toEqual(Uint8Array.of(0xf0, 0xff));
    await meter.clock.advance(200 * HOUR);
    expect(meter.flash.read(rotted, 2)).toEqual(Uint8Array.of(0xf0, 0xfe));
    expect(events.filter(({ kind }) => kind === 'fault')).toHaveLength(2);
    expect(meter.faults.pending).toEqual([]);
    await meter.close();
  });

  it('of several cuts strikes in the order of its operation, each once', async () => {
    const { meter, events } = testBench();
    const first = meter.flash.operationCount;
    const cut = { kind: 'cut', phase: 'before', powerOnAfterMs: 1_000 } as const;
    meter.faults.add([
      { atOperation: first + 9, fault: cut },
      { atOperation: first + 2, fault: cut },
      { atOperation: first + 5, fault: cut },
    ]);
    await meter.clock.advance(100 * HOUR);
    const lost = events.filter(({ kind }) => kind === 'power-lost').map(({ fields }) => fields['operation']);
    expect(lost).toEqual([first + 2, first + 5, first + 9]);
    expect(meter.power.isUp).toBe(true);
    await meter.close();
  });

  it('that waits for a time and is a cut takes the first operation after it', async () => {
    const { meter } = testBench();
    meter.faults.add([{ atMs: HOUR, fault: { kind: 'cut', phase: 'before' } }]);
    await meter.clock.advance(HOUR - 1);
    expect(meter.power.isUp).toBe(true);
    const before = meter.flash.operationCount;
    await meter.clock.advance(100 * HOUR);
    expect(meter.power.state).toMatchObject({ how: 'lost' });
    expect(meter.flash.operationCount).toBeLessThanOrEqual(before + 3);
    await meter.close();
  });

  it('of power that goes in order leaves the meter off for as long as it says', async () => {
    const { meter, count } = testBench();
    meter.faults.add([{ atMs: 1_000, fault: { kind: 'power-off', ms: 500 } }]);
    await meter.clock.advance(1_200);
    expect(meter.power.state).toMatchObject({ how: 'off', backAtMs: 1_500 });
    await meter.clock.advance(300);
    expect([meter.power.isUp, count('power-off')]).toEqual([true, 1]);
    await meter.close();
  });

  it.each<readonly [string, AwaitedFault]>([
    ['an operation that is past', { atOperation: 1, fault: { kind: 'rot', offsetBytes: 0, mask: 1 } }],
    ['two things at once', { atOperation: 9_999, atMs: 9_999, fault: { kind: 'rot', offsetBytes: 0, mask: 1 } }],
    ['a sector that is not there', { fault: { kind: 'break', sector: 65_536, as: 'erase-lies' } }],
    ['an octet that is not there', { fault: { kind: 'rot', offsetBytes: 1e9, mask: 1 } }],
    ['an order at an operation', { inOperations: 1, fault: { kind: 'power-off', ms: 1 } }],
  ])('that waits for %s is refused, and with it the others of its list', async (_, wrong) => {
    const { meter } = testBench();
    const good: AwaitedFault = { inOperations: 5, fault: { kind: 'cut', phase: 'after' } };
    expect(() => meter.faults.add([good, wrong])).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(meter.faults.pending).toEqual([]);
    await meter.close();
  });

  it('that is forgotten never strikes', async () => {
    const { meter, count } = testBench();
    meter.faults.add([
      { inOperations: 1, fault: { kind: 'cut', phase: 'before' } },
      { atMs: 1_000, fault: { kind: 'power-off', ms: 1_000 } },
    ]);
    expect(meter.faults.clear()).toBe(2);
    await meter.clock.advance(100 * HOUR);
    expect([meter.power.isUp, count('power-lost'), count('power-off')]).toEqual([true, 0, 0]);
    await meter.close();
  });
});
