/**
 * Goal: an update goes through on every modelled family, a power cut included; and what makes a family different can be noticed by a host.
 */
import { describe, expect, it } from 'vitest';
import { PROFILE_NAMES, profileNamed, startEsme, type DeviceProfile, type DeviceQuirks } from '@smets1/emulator';
import { createWorld, runMeterInWorld, runSenderInWorld, worldLink } from '@smets1/host';
import type { SenderEvent } from '@smets1/protocol';
import { benchOf } from './bench-keys.js';
import { createEsme, DESK_PROFILE } from './index.js';

describe.each(PROFILE_NAMES)('the family "%s"', (name) => {
  const profile = profileNamed(name);

  it('is called a model', () => {
    expect(profile.title).toMatch(/^model: /);
    expect(profile.name).toBe(name);
  });

  it('is updated, with its power cut in the middle', () => {
    const meter = createEsme({ profile: name });
    const end = meter.update(meter.image({ bytes: 50_000 }), { cuts: [{ cutAt: 60, phase: 'during', seed: 1 }] });
    expect(end).toMatchObject({ runs: 'new', outcome: 'activated', struck: { powerCuts: 1 } });
    const again = meter.update(meter.image({ bytes: 50_000 }));
    expect(again).toMatchObject({ runs: 'new', outcome: 'activated' });
    // Two at full size take long enough to see what the flash costs.
    const erasesMs = ((profile.layout.geometry.timings?.eraseUsPerSector ?? 0) / 1000) * 2;
    expect(again.tookMs).toBeGreaterThan(erasesMs + (profile.timings.selfTestMs ?? 0));
  });
});

describe('families', () => {
  it('differ in geometry, block sizes, time, temporary failures and what becomes of the link', () => {
    const distinct = (of: (name: string) => unknown): number =>
      new Set(PROFILE_NAMES.map((name) => JSON.stringify(of(name) ?? null))).size;
    expect(PROFILE_NAMES.length).toBeGreaterThanOrEqual(5);
    expect(distinct((name) => profileNamed(name).layout.geometry.sectorRuns)).toBeGreaterThanOrEqual(4);
    expect(distinct((name) => profileNamed(name).layout.geometry.granuleBytes)).toBeGreaterThanOrEqual(5);
    expect(distinct((name) => profileNamed(name).layout.geometry.timings)).toBe(PROFILE_NAMES.length);
    expect(distinct((name) => profileNamed(name).quirks)).toBe(PROFILE_NAMES.length);
  });

  it('are busy at every third offer, as one of them says', () => {
    // Six senders offer six times, and once more for each time that they were told to come again.
    expect(busyCauses(profileNamed('serial-nor').quirks, 6)).toEqual(['checking', 'checking']);
    expect(busyCauses(profileNamed('plain').quirks, 6)).toEqual([]);
  });

  it('lose data frames, which costs a host repeats and nothing else', () => {
    const lossy: DeviceProfile = { ...DESK_PROFILE, quirks: { dropEveryDataFrames: 10 } };
    const frames = (profile: DeviceProfile): number => {
      const meter = createEsme({ profile });
      expect(meter.update(meter.image({ bytes: 60_000, blockShift: 8 })).runs).toBe('new');
      return meter.world.count('frame-sent');
    };
    expect(frames(lossy)).toBeGreaterThan(frames(DESK_PROFILE));
  });

  it('drop the link when they accept an activation, and the host finds out by itself', () => {
    expect(busyCauses({}, 1, true)).toContain('activating');
    expect(busyCauses({ dropLinkOnActivate: true }, 1, true)).not.toContain('activating');
    expect(profileNamed('zero-erased').quirks.dropLinkOnActivate).toBe(true);
  });

  it('refuse blocks that they do not take', () => {
    const small = createEsme({ profile: 'zero-erased' });
    expect(small.update(small.image({ blockShift: 12 }), { sendersMax: 1 })).toMatchObject({ outcome: 'refused' });
    const wide = createEsme({ profile: 'wide-granule' });
    expect(wide.update(wide.image({ blockShift: 8 }), { sendersMax: 1 })).toMatchObject({ outcome: 'refused' });
  });
});

/** Why a meter with such quirks said BUSY to senders that follow each other, each to its end. */
function busyCauses(quirks: DeviceQuirks, senders: number, activates = false): readonly string[] {
  const desk = createEsme();
  const image = desk.image();
  const plan = desk.plan(image, activates ? desk.authorise(image) : undefined);
  const { signer, crypto, deviceKey } = benchOf(false);
  const world = createWorld({ seed: 1 });
  const { a, b } = worldLink(world, { latencyMs: 1 });
  runMeterInWorld(world, startEsme({ flash: desk.flash.fork(), signer, crypto }, { quirks }, 0), b);
  const causes: string[] = [];
  const onEvent = (event: SenderEvent): void => {
    if (event.kind === 'busy') causes.push(event.cause);
  };
  for (let run = 0; run < senders; run++) {
    const sender = runSenderInWorld(world, { plan, end: a, crypto, deviceKey, onEvent });
    world.run({ until: () => sender.result() !== undefined });
    expect(sender.result()?.kind).toBe('done');
  }
  return causes;
}
