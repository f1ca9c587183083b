/**
 * Goal: sender and receiver end with the exact image over any line that lets something through, and a seed repeats the whole of it.
 * Method: both machines in one world, a meter of 60 lines, faults drawn from the seed; counts prove that the faults struck.
 */
import { describe, expect, it } from 'vitest';
import { resentBytes } from '@smets1/protocol';
import { modelCrypto } from '../crypto/model-crypto.js';
import { MODEL_KEYS, ModelMeter, planOf } from './model-meter.test-support.js';
import { drawLinkFaults, worldLink, type LinkFaults, type WorldLink } from './world-link.js';
import { runMeterInWorld, runSenderInWorld, type WorldSender, type WorldSenderOptions } from './world-runs.js';
import { createWorld, type World } from './world.js';

const crypto = modelCrypto();
const deviceKey = MODEL_KEYS.device.publicKey;
const plan = planOf();

interface Scene {
  readonly world: World;
  readonly link: WorldLink;
  readonly meter: ModelMeter;
  readonly sender: WorldSender;
}

function scene(seed: number, faults: LinkFaults, options: Partial<WorldSenderOptions> = {}): Scene {
  const world = createWorld({ seed });
  const link = worldLink(world, faults);
  const meter = new ModelMeter();
  runMeterInWorld(world, meter, link.b);
  const sender = runSenderInWorld(world, { plan, end: link.a, crypto, deviceKey, ...options });
  return { world, link, meter, sender };
}

function toTheEnd({ world, sender }: Scene): void {
  world.run({ untilMs: 600_000, until: () => sender.result() !== undefined });
}

describe('an update in a world', () => {
  it('is done over a clean line, attested by the meter', () => {
    const played = scene(1, { latencyMs: 10 });
    toTheEnd(played);
    expect(played.sender.result()).toMatchObject({ kind: 'done', what: 'activated', attested: true });
    expect(played.meter.flash.slot).toEqual(plan.manufacturerImage);
    expect(played.meter.flash.running.hash).toEqual(plan.image!.manifest.imageHash);
    expect(played.world.count('frame-lost')).toBe(0);
    expect(resentBytes(played.sender.state().stats)).toBe(0);
  });

  it.each([
    ['loss', { loss: 0.2 }, 'frame-lost'],
    ['duplication', { duplicate: 0.3 }, 'frame-duplicated'],
    ['reordering', { reorder: 0.2, reorderMs: 50 }, 'frame-overtaken'],
    ['corruption', { corrupt: 0.1 }, 'frame-corrupted'],
    ['cuts', { cuts: [50, 90, 130].map((afterFrames) => ({ afterFrames, downMs: 400 })) }, 'link-cut'],
  ] as const)('survives %s', (_, faults, trace) => {
    const played = scene(2, { latencyMs: [5, 9], ...faults });
    toTheEnd(played);
    expect(played.sender.result()).toMatchObject({ kind: 'done', what: 'activated' });
    expect(played.meter.flash.slot).toEqual(plan.manufacturerImage);
    expect(played.world.count(trace)).toBeGreaterThan(2);
  });

  const seeds = Array.from({ length: 60 }, (_, i) => 1_000 + i);
  const struck = new Map<string, number>();
  it.each(seeds)('ends with the exact image or a reason in the world of seed %i', (seed) => {
    const faults = drawLinkFaults(createWorld({ seed }).random('faults'));
    const played = scene(seed, faults);
    const cutter = played.world.random('power');
    for (let cut = cutter.below(4); cut > 0; cut -= 1) {
      played.world.at(cutter.below(5_000), () => {
        played.world.trace('power-cut');
        played.meter.restart();
      });
    }
    toTheEnd(played);
    const result = played.sender.result();
    expect(result, `seed ${played.world.seed}`).toBeDefined();
    if (result?.kind === 'done') expect(played.meter.flash.running.hash).toEqual(plan.image!.manifest.imageHash);
    else expect(['interrupted', 'too-noisy', 'no-answer']).toContain(result?.reason);
    struck.set(result?.kind ?? 'none', (struck.get(result?.kind ?? 'none') ?? 0) + 1);
    for (const [kind, count] of played.world.counts) struck.set(kind, (struck.get(kind) ?? 0) + count);
  });

  it('struck with every fault in those worlds, and most of them ended well', () => {
    for (const kind of [
      'frame-lost',
      'frame-duplicated',
      'frame-overtaken',
      'frame-corrupted',
      'link-cut',
      'power-cut',
    ]) {
      expect(struck.get(kind) ?? 0, kind).toBeGreaterThan(10);
    }
    expect(struck.get('done') ?? 0).toBeGreaterThan(seeds.length / 2);
  });

  it('repeats itself octet for octet', () => {
    const hashOf = (seed: number): string => {
      const played = scene(seed, { latencyMs: [1, 20], loss: 0.1, corrupt: 0.05, duplicate: 0.1, reorder: 0.1 });
      toTheEnd(played);
      return played.world.traceHash();
    };
    expect(hashOf(5)).toBe(hashOf(5));
    expect(hashOf(5)).not.toBe(hashOf(6));
  });
});

describe('a sender in a world', () => {
  it('that is killed leaves what is durable, and the next one sends only the rest', () => {
    const played = scene(3, { latencyMs: 10 });
    played.world.run({ until: () => played.sender.state().stats.durableBytes > 5_000 });
    played.sender.kill();
    const next = runSenderInWorld(played.world, {
      plan: { ...plan, random: Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1) },
      end: played.link.a,
      crypto,
      deviceKey,
    });
    played.world.run({ untilMs: 600_000, until: () => next.result() !== undefined });
    expect(played.sender.result()).toBeUndefined();
    expect(next.result()).toMatchObject({ kind: 'done', what: 'activated' });
    expect(next.state().stats.resumedFromBytes).toBeGreaterThan(5_000 - 1);
    expect(next.state().stats.sentBytes).toBeLessThan(20_000);
  });

  it('that is aborted tells the meter, which ends the session', () => {
    const played = scene(3, { latencyMs: 10 });
    played.world.run({ until: () => played.sender.state().phase.kind === 'sending' });
    played.world.run({ maxEvents: 5 });
    expect(played.meter.wakeAtMs()).toBeDefined();
    played.sender.abort();
    played.world.run({ untilMs: played.world.now() + 1_000 });
    expect(played.sender.result()).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(played.meter.wakeAtMs()).toBeUndefined();
  });

  it('gives up a line that stays down, after the time it was given', () => {
    const played = scene(3, { latencyMs: 10 }, { reconnectMs: 5_000 });
    played.world.run({ until: () => played.sender.state().phase.kind === 'sending' });
    const cutAtMs = played.world.now();
    played.link.cut();
    toTheEnd(played);
    expect(played.sender.result()).toMatchObject({ kind: 'failed', reason: 'interrupted' });
    expect(played.world.now()).toBe(cutAtMs + 5_000);
  });

  it('does not believe a meter with another key', () => {
    const played = scene(4, { latencyMs: 1 }, { deviceKey: MODEL_KEYS.dco.publicKey });
    toTheEnd(played);
    expect(played.sender.result()).toMatchObject({ kind: 'failed', reason: 'not-authentic' });
  });

  it('says that nothing was attested when it has no key', () => {
    const world = createWorld({ seed: 4 });
    const link = worldLink(world);
    runMeterInWorld(world, new ModelMeter(), link.b);
    const sender = runSenderInWorld(world, { plan, end: link.a, crypto });
    world.run({ untilMs: 60_000, until: () => sender.result() !== undefined });
    expect(sender.result()).toMatchObject({ kind: 'done', attested: false });
  });
});

describe('a line in a world', () => {
  it('keeps the order of frames however the latency varies', () => {
    const world = createWorld({ seed: 1 });
    const { a, b } = worldLink(world, { latencyMs: [0, 100] });
    const heard: number[] = [];
    b.onReceive((frame) => heard.push(frame[0]!));
    for (let i = 0; i < 100; i += 1) world.at(i, () => a.send(Uint8Array.of(i)));
    world.run();
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(world.count('frame-overtaken')).toBe(0);
  });

  it('loses what is on the way when it is cut, and carries again once it is restored', () => {
    const world = createWorld({ seed: 1 });
    const link = worldLink(world, { latencyMs: 10, cuts: [{ atMs: 5, downMs: 10 }] });
    const heard: number[] = [];
    const changes: (readonly [number, boolean])[] = [];
    link.b.onReceive((frame) => heard.push(frame[0]!));
    link.b.onChange((isUp) => changes.push([world.now(), isUp]));
    for (const ms of [0, 6, 16]) world.at(ms, () => link.a.send(Uint8Array.of(ms)));
    world.run();
    expect(heard).toEqual([16]);
    expect(changes).toEqual([
      [5, false],
      [15, true],
    ]);
  });

  it('refuses a rate that is no probability', () => {
    expect(() => worldLink(createWorld({ seed: 1 }), { loss: 1.5 })).toThrow(
      expect.objectContaining({ code: 'misuse' }),
    );
  });
});
