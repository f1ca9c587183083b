/** Whatever the power does during an update, of a good image or a broken one: the meter runs the old or the new one, and takes the next. */
import { createEsme } from '@smets1/esme';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const cut = fc.record({
  cutAt: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 90 })), // flash operations from the last start on
  phase: fc.constantFrom('before', 'during', 'after'),
  mode: fc.constantFrom('prefix', 'bits'),
  seed: fc.nat(),
  weak: fc.boolean(),
});

it('an update survives power cuts', () => {
  let struck = 0;
  const property = fc.property(fc.array(cut, { maxLength: 5 }), fc.boolean(), (cuts, isBroken) => {
    const meter = createEsme({ behaviour: (version) => (isBroken && version === 2 ? 'crash-at-boot' : 'healthy') });
    const end = meter.update(meter.image({ version: 2, bytes: 8_000 }), { cuts });
    expect(isBroken ? ['old: reverted'] : ['new: activated', 'old: reverted']).toContain(`${end.runs}: ${end.outcome}`);
    expect(end.struck.starts).toBeLessThanOrEqual(4 + end.struck.powerCuts); // three on trial, one back
    struck += end.struck.powerCuts;
    const next = meter.update(meter.image({ version: 3, bytes: 8_000 }));
    expect(next).toMatchObject({ runs: 'new', outcome: 'activated' });
  });
  fc.assert(property, { numRuns: 200, seed: 1 });
  expect(struck).toBeGreaterThan(200); // cuts that never struck would prove nothing
});
