/** A virtual meter in memory, on a clock that stands still until the test advances it. */
import { demoKey } from '@smets1/host';
import { virtualClock } from '../meter/bench-clock.js';
import type { BenchEvent, BenchEventKind } from '../meter/bench-events.js';
import { openBenchMeter, type BenchMeter, type BenchMeterOptions } from '../meter/bench-meter.js';
import { readProfile } from '../meter/profile.js';

export interface TestBench {
  readonly meter: BenchMeter;
  readonly events: readonly Pick<BenchEvent, 'kind' | 'detail' | 'fields'>[];
  readonly failures: readonly unknown[];
  /** The events of that kind so far. */
  readonly count: (kind: BenchEventKind) => number;
}

export function testBench(wish: Partial<BenchMeterOptions> = {}): TestBench {
  const events: Pick<BenchEvent, 'kind' | 'detail' | 'fields'>[] = [];
  const failures: unknown[] = [];
  const device = demoKey('device');
  const meter = openBenchMeter({
    profile: readProfile(undefined),
    seed: 1,
    flashPath: undefined,
    anchors: [
      { role: 'manufacturer', publicKey: demoKey('manufacturer').publicKey },
      { role: 'supplier', publicKey: demoKey('supplier').publicKey },
      { role: 'dco', publicKey: demoKey('dco').publicKey },
    ],
    deviceKey: device,
    clock: virtualClock(),
    tell: (kind, detail, fields = {}) => void events.push({ kind, detail, fields }),
    onFailure: (error) => void failures.push(error),
    ...wish,
  });
  return { meter, events, failures, count: (kind) => events.filter((event) => event.kind === kind).length };
}

/** In milliseconds. */
export const HOUR = 3_600_000;
