/**
 * Goal: a meter whose flash is at work answers late, loses nothing that its port has room for, and wakes when it asked to, not before it is free.
 */
import { describe, expect, it } from 'vitest';
import { FRAMES_WAITING_MAX } from '../limits.js';
import { createWorld, worldTime } from '../world/world.js';
import { MeterDriver, type MeterPort } from './meter-port.js';

/** Echoes what it hears; a frame's first octet says how long that keeps it at work. */
class SlowMeter implements MeterPort {
  readonly heardAtMs: number[] = [];
  readonly tickedAtMs: number[] = [];
  wake: number | undefined;
  #busyMs = 0;
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[] {
    this.heardAtMs.push(nowMs);
    this.#busyMs = frame[0]!;
    return [frame];
  }
  tick(nowMs: number): readonly Uint8Array[] {
    this.tickedAtMs.push(nowMs);
    this.wake = undefined;
    this.#busyMs = 0;
    return [];
  }
  wakeAtMs(): number | undefined {
    return this.wake;
  }
  busyMs(): number {
    return this.#busyMs;
  }
}

function start() {
  const world = createWorld({ seed: 1 });
  const meter = new SlowMeter();
  const said: (readonly [number, number])[] = [];
  const driver = new MeterDriver(meter, worldTime(world), (frame) => said.push([frame[0]!, world.now()]));
  const hearAt = (ms: number, busyMs: number): void => void world.at(ms, () => driver.hear(Uint8Array.of(busyMs)));
  return { world, meter, said, driver, hearAt };
}

describe('a meter whose flash takes time', () => {
  it('answers at once when it took none, as ever', () => {
    const { world, said, hearAt } = start();
    hearAt(5, 0);
    world.run();
    expect(said).toEqual([[0, 5]]);
  });

  it('answers when the work is done, and hears in order what came meanwhile', () => {
    const { world, meter, said, hearAt } = start();
    hearAt(0, 100);
    hearAt(10, 50);
    hearAt(20, 0);
    hearAt(300, 0);
    world.run();
    expect(meter.heardAtMs).toEqual([0, 100, 150, 300]);
    expect(said).toEqual([
      [100, 100],
      [50, 150],
      [0, 150],
      [0, 300],
    ]);
  });

  it('is woken at the end of its work when its time came meanwhile', () => {
    const { world, meter, driver, hearAt } = start();
    meter.wake = 30;
    driver.poke();
    hearAt(0, 100);
    world.run();
    expect(meter.tickedAtMs).toEqual([100]);
  });

  it('loses what its port has no room for', () => {
    const { world, meter, hearAt } = start();
    hearAt(0, 100);
    for (let i = 0; i < FRAMES_WAITING_MAX + 5; i++) hearAt(1, 0);
    world.run();
    expect(meter.heardAtMs).toHaveLength(1 + FRAMES_WAITING_MAX);
  });

  it('says nothing more of what it did when its power is cut, or it is stopped, meanwhile', () => {
    const cut = start();
    cut.hearAt(0, 100);
    cut.hearAt(10, 0);
    cut.world.at(50, () => cut.driver.forget());
    cut.hearAt(60, 0);
    cut.world.run();
    expect(cut.said).toEqual([[0, 60]]);
    const stopped = start();
    stopped.hearAt(0, 100);
    stopped.world.at(50, () => stopped.driver.stop());
    stopped.world.run();
    expect(stopped.said).toEqual([]);
  });
});
