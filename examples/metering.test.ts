/** An update, whatever becomes of it, takes nothing from what the meter measures: it ends with the registers of a twin that had none. */
import { createEsme } from '@smets1/esme';
import { householdLoad } from '@smets1/emulator';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const behaviour = fc.constantFrom(
  'healthy',
  'crash-at-boot',
  'hang',
  'lose-link',
  'confirm-then-die',
  'corrupt-own-confirm',
);

it('a meter measures on through transfer, activation, revert and fallback', () => {
  const property = fc.property(fc.nat(), behaviour, fc.integer({ min: 0, max: 7_200_000 }), (seed, wrong, startMs) => {
    const load = householdLoad(seed);
    const meter = createEsme({ seed, load, behaviour: (version) => (version === 2 ? wrong : 'healthy') });
    const twin = createEsme({ seed, load });
    meter.runFor(startMs);
    expect(meter.update(meter.image({ version: 2 })).runs).toBe(wrong === 'healthy' ? 'new' : 'old');
    meter.runFor(2 * 86_400_000 - meter.world.now());
    twin.runFor(2 * 86_400_000);
    expect(twin.meter.view().activeImportRegisterWh).toBeGreaterThan(1_000);
    expect(meter.meter.view()).toEqual(twin.meter.view());
    expect(meter.meter.logs()).toEqual(twin.meter.logs());
    expect(meter.meter.profile('active-import')).toEqual(twin.meter.profile('active-import'));
  });
  fc.assert(property, { numRuns: 20, seed: 1 });
});

it('no register goes back, and the load switch does not move, when the power goes', () => {
  const cuts = fc.array(
    fc.record({ cutAt: fc.integer({ min: 1, max: 60 }), phase: fc.constantFrom('before', 'during', 'after') }),
    { maxLength: 4 },
  );
  const supply = fc.constantFrom('enable-supply', 'disable-supply', 'arm-supply');
  const property = fc.property(fc.nat(), cuts, supply, (seed, powerCuts, kind) => {
    const meter = createEsme({ seed, load: householdLoad(seed) });
    meter.runFor(86_400_000);
    meter.meter.command({ kind });
    const before = meter.meter.view();
    meter.update(meter.image(), { cuts: powerCuts });
    const after = meter.meter.view();
    // A cut may lose what was counted and not yet written down, and says itself how much that is at most.
    const lostWh = before.unpersistedWh;
    expect(after.activeImportRegisterWh).toBeGreaterThanOrEqual(before.activeImportRegisterWh - lostWh);
    expect(after.supplyState).toBe(before.supplyState);
    expect(after.tariffTouRegisterMatrixWh.reduce((sum, wh) => sum + wh, 0)).toBe(after.activeImportRegisterWh);
  });
  fc.assert(property, { numRuns: 60, seed: 1 });
});
