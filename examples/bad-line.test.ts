/** However bad the line is, a transfer ends, and it never ends with anything but the octets that were signed. */
import { createEsme } from '@smets1/esme';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const line = fc.record({
  latencyMs: fc.integer({ min: 1, max: 400 }),
  loss: fc.double({ min: 0, max: 0.4, noNaN: true }),
  duplicate: fc.double({ min: 0, max: 0.5, noNaN: true }),
  reorder: fc.double({ min: 0, max: 0.3, noNaN: true }),
  corrupt: fc.double({ min: 0, max: 0.1, noNaN: true }),
  cuts: fc.array(
    fc.record({ afterFrames: fc.integer({ min: 1, max: 60 }), downMs: fc.integer({ min: 1, max: 20_000 }) }),
    { maxLength: 3 },
  ),
});
const kills = fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 2 });

it('an update survives a bad line and dying senders', () => {
  const struck = {
    framesLost: 0,
    framesDuplicated: 0,
    framesCorrupted: 0,
    framesOvertaken: 0,
    linkCuts: 0,
    senderKills: 0,
  };
  const property = fc.property(fc.nat(), line, kills, (seed, faults, killsMs) => {
    const meter = createEsme({ seed });
    const end = meter.update(meter.image({ version: 2 }), { line: faults, kills: killsMs });
    expect(end).toMatchObject({ runs: 'new', outcome: 'activated' });
    for (const kind of Object.keys(struck) as (keyof typeof struck)[]) struck[kind] += end.struck[kind];
  });
  fc.assert(property, { numRuns: 100, seed: 1 });
  // Faults that never happened would prove nothing.
  for (const count of Object.values(struck)) expect(count).toBeGreaterThan(20);
});
