/**
 * Goal: an 11.3 is done exactly once, at its time, with both parties' consent, whatever is lost on the way; and its response says what the
 * meter signed.
 * Method: store and countersigner on files in memory, meters of this process behind memory links, a clock that is turned by hand.
 */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { countersign, decodeOutcome } from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import {
  authorisationFor,
  benchImage,
  crypto,
  deviceId,
  foreignSigner,
  idOctets,
  requestId,
  run,
  trust,
  until,
} from '../bench.test-support.js';
import { DcoError } from '../error.js';
import type { ControlPort } from '../control-port.js';
import { fakeMeter } from '../fake-meter.test-support.js';
import { takePart } from '../store/intake.js';
import { DEFAULT_SETTINGS } from '../store/settings.js';
import { CANCELLATION_MS } from './admission.js';

import { answered, codeOf, entries, HOUR, image, newer, stage, start } from '../release-bench.test-support.js';

describe('an 11.3 for now', () => {
  it('forwards, activates, and answers with what the meter signed', async () => {
    const bench = await start();
    expect(await bench.activate(1, 1)).toEqual({ ok: true, value: { requestId: requestId(10_001), repeated: false } });
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response success']);
    expect(bench.meters[0]!.activations).toBe(1);
    expect(bench.meters[1]!.activations).toBe(0);
    const number = bench.store.state.entriesOf.get(requestId(10_001))![0]!;
    const { device } = bench.store.state.entries.get(number)!;
    expect(device).toMatchObject({ activateImageResponseCode: 'success', firmwareVersion: '00020001', attested: true });
    const outcome = decodeOutcome(Buffer.from(device?.outcome ?? '', 'base64'));
    expect(outcome.ok && outcome.value).toMatchObject({
      kind: 'activation',
      code: 'success',
      runningVersion: 0x00020001,
    });
    await until(() => bench.events.some(({ stage: one }) => one === 'answered'), 'the event');
    const stages = bench.events
      .map(({ stage: one }) => one)
      .filter((one) => !['progress', 'link-up', 'meter-found'].includes(one));
    expect(stages).toEqual(['requested', 'countersigned', 'forwarding', 'sealed', 'activating', 'answered']);
  });

  it('asked again has the same answer and no effect; asked anew for what runs it succeeds without effect', async () => {
    const bench = await start();
    const authorisation = authorisationFor(image, deviceId(1), 1);
    await bench.activate(1, 1, { authorisation });
    await answered(bench, 1);
    const linksBefore = bench.links.opened.length;
    expect(await bench.activate(1, 1, { authorisation })).toMatchObject({ ok: true, value: { repeated: true } });
    expect(codeOf(await bench.activate(1, 2, { request: 10_001 }))).toBe('request-id-reused');
    expect(bench.links.opened).toHaveLength(linksBefore);
    // A new request, once with the authorisation that served, once with a new one.
    await bench.activate(1, 1, { authorisation, request: 10_005 });
    await answered(bench, 5);
    await bench.activate(1, 6);
    await answered(bench, 6);
    expect([...entries(bench, 5), ...entries(bench, 6)]).toEqual(['response success', 'response success']);
    expect(bench.meters[0]!.activations).toBe(1);
    expect(bench.meters[0]!.storedBlocks).toBe(image.blockCount);
  });

  it('whose outcome is lost on the line is answered all the same, with one activation', async () => {
    const bench = await start();
    bench.meters[0]!.loseOutcomes(1);
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response success']);
    expect(bench.meters[0]!.activations).toBe(1);
  });

  it('says so when the meter goes back to its old image', async () => {
    const bench = await start();
    bench.meters[0]!.failNextActivation();
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response reverted']);
    const number = bench.store.state.entriesOf.get(requestId(10_001))![0]!;
    expect(bench.store.state.entries.get(number)?.device).toMatchObject({
      activateImageResponseCode: 'activationFailure',
      firmwareVersion: '00010001',
    });
  });

  it('waits for a meter that cannot be reached, with longer and longer pauses, and gives up at the end', async () => {
    const bench = await start({ settings: { releaseMsMax: HOUR } });
    bench.links.unreachable.add(deviceId(1));
    await bench.activate(1, 1);
    for (let tries = 1; tries <= 3; tries += 1) {
      await until(() => bench.links.opened.length === tries && bench.clock.ringing === 1, `try ${tries}`);
      bench.clock.turnTo(bench.clock.nowMs() + 2 ** (tries - 1) * 1000);
    }
    await until(() => bench.links.opened.length === 4 && bench.clock.ringing === 1, 'the fourth try');
    bench.links.unreachable.clear();
    bench.clock.turnTo(bench.clock.nowMs() + 8000);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response success']);

    bench.links.unreachable.add(deviceId(2));
    await bench.activate(2, 2);
    for (let turns = 0; entries(bench, 2).length === 0; turns += 1) {
      expect(turns).toBeLessThan(100);
      await until(() => bench.clock.ringing === 1 || entries(bench, 2).length > 0, 'the next pause');
      bench.clock.turnTo(bench.clock.nowMs() + 300_000);
    }
    expect(entries(bench, 2)).toEqual(['response no-answer']);
  });

  it('is refused without effect when it cannot be', async () => {
    const bench = await start({ images: [image, newer] });
    const absent = benchImage({ seed: 77 });
    expect(codeOf(await bench.activate(1, 1, { image: absent }))).toBe('image-not-held');
    expect(codeOf(await bench.activate(9, 1))).toBe('device-unknown');
    expect(codeOf(await bench.activate(1, 1, { authorisation: authorisationFor(image, deviceId(2), 1) }))).toBe(
      'authorisation-mismatch',
    );
    expect(codeOf(await bench.activate(1, 1, { authorisation: authorisationFor(newer, deviceId(1), 1) }))).toBe(
      'authorisation-mismatch',
    );
    expect(
      codeOf(await bench.activate(1, 1, { authorisation: authorisationFor(image, deviceId(1), 1, {}, foreignSigner) })),
    ).toBe('authorisation-refused');
    expect(codeOf(await bench.activate(1, 1, { authorisation: new Uint8Array(168) }))).toBe('authorisation-refused');
    expect(codeOf(await bench.activate(1, 1, { authorisation: new Uint8Array(232) }))).toBe('authorisation-refused');
    const past = authorisationFor(image, deviceId(1), 1, { notAfterS: 1000 });
    expect(codeOf(await bench.activate(1, 1, { authorisation: past }))).toBe('authorisation-window');
    expect(codeOf(await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() - 1 }))).toBe('execution-in-past');
    expect(codeOf(await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() + 31 * 24 * HOUR }))).toBe(
      'execution-too-far',
    );
    expect(bench.store.state.pending.size).toBe(0);
    expect(bench.links.opened).toEqual([]);
    await bench.activate(1, 5);
    await answered(bench, 5);
    expect(codeOf(await bench.activate(1, 4, { image: newer }))).toBe('originator-counter-used');
    expect(codeOf(await bench.activate(1, 5, { image: newer, request: 10_050 }))).toBe('originator-counter-used');
  });

  it('for an image whose parts are not all there is refused', async () => {
    const bench = await start({ images: [] });
    const intake = { store: bench.store, crypto, trust, settings: DEFAULT_SETTINGS, nowMs: () => 0 };
    await takePart(intake, { requestId: requestId(1), devices: [idOctets(deviceId(1))], octets: image.parts[0]! });
    expect(codeOf(await bench.activate(1, 1))).toBe('image-incomplete');
  });

  it('for a device that its 11.1 did not name is refused', async () => {
    const bench = await start({ images: [] });
    const intake = { store: bench.store, crypto, trust, settings: DEFAULT_SETTINGS, nowMs: () => 0 };
    for (const [i, octets] of image.parts.entries())
      await takePart(intake, { requestId: requestId(i), devices: [idOctets(deviceId(2))], octets });
    expect(codeOf(await bench.activate(1, 1))).toBe('device-not-listed');
    expect(codeOf(await bench.activate(2, 1))).toBe('ok');
  });
});

describe('an 11.3 for later', () => {
  it('is forwarded and sealed at once, activated at its time, and told of by alert 8F66', async () => {
    const bench = await start();
    const atMs = bench.clock.nowMs() + HOUR;
    await bench.activate(1, 1, { executionAtMs: atMs });
    await until(() => stage(bench, 1) === 'sealed' && bench.clock.ringing === 1, 'sealed');
    expect(entries(bench, 1)).toEqual(['response accepted']);
    bench.clock.turnTo(atMs - 1);
    expect(bench.meters[0]!.state.held?.sealed).toBe(true);
    expect(bench.meters[0]!.activations).toBe(0);
    bench.clock.turnTo(atMs);
    await answered(bench, 1, 2);
    expect(entries(bench, 1)).toEqual(['response accepted', 'alert success 8F66']);
    expect(bench.meters[0]!.activations).toBe(1);
  });

  it('can be called off, and then is not done', async () => {
    const bench = await start();
    const atMs = bench.clock.nowMs() + HOUR;
    const authorisation = authorisationFor(image, deviceId(1), 1);
    await bench.activate(1, 1, { executionAtMs: atMs, authorisation });
    await until(() => stage(bench, 1) === 'sealed' && bench.clock.ringing === 1, 'sealed');
    expect(
      codeOf(
        await bench.activate(1, 1, {
          request: 10_002,
          executionAtMs: CANCELLATION_MS,
          authorisation: authorisationFor(image, deviceId(1), 1, {}, foreignSigner),
        }),
      ),
    ).toBe('authorisation-refused');
    const called = await bench.activate(1, 1, { request: 10_002, executionAtMs: CANCELLATION_MS, authorisation });
    expect(called).toMatchObject({ ok: true, value: { cancelled: requestId(10_001) } });
    expect(
      await bench.activate(1, 1, { request: 10_002, executionAtMs: CANCELLATION_MS, authorisation }),
    ).toMatchObject({ ok: true, value: { repeated: true } });
    bench.clock.turnTo(atMs + HOUR);
    await until(() => bench.releases.busyCount === 0, 'quiet');
    expect(entries(bench, 1)).toEqual(['response accepted', 'alert cancelled']);
    expect(entries(bench, 2)).toEqual(['response success']);
    expect(bench.meters[0]!.activations).toBe(0);
    expect(codeOf(await bench.activate(1, 1, { request: 10_003, executionAtMs: CANCELLATION_MS, authorisation }))).toBe(
      'nothing-to-cancel',
    );
    // The meter is free for another.
    await bench.activate(1, 4);
    await answered(bench, 4);
    expect(entries(bench, 4)).toEqual(['response success']);
  });

  it('can be called off while the meter cannot be reached', async () => {
    const bench = await start();
    bench.links.unreachable.add(deviceId(1));
    const authorisation = authorisationFor(image, deviceId(1), 1);
    await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() + HOUR, authorisation });
    await until(() => bench.links.opened.length === 1 && bench.clock.ringing === 1, 'a try');
    expect(codeOf(await bench.activate(1, 1, { request: 10_002, executionAtMs: CANCELLATION_MS, authorisation }))).toBe(
      'ok',
    );
    bench.links.unreachable.clear();
    bench.clock.turnTo(bench.clock.nowMs() + 2 * HOUR);
    await until(() => bench.releases.busyCount === 0, 'quiet');
    expect(bench.meters[0]!.storedBlocks).toBe(0);
    expect(entries(bench, 1)).toEqual(['response accepted', 'alert cancelled']);
  });

  it('can be called off while the control thinks, whose consent then comes too late', async () => {
    let consent = (): void => undefined;
    const bench = await start({
      control: (real) => ({
        ...real,
        countersign: async (asked) => {
          await new Promise<void>((resolve) => {
            consent = resolve;
          });
          return real.countersign(asked);
        },
      }),
    });
    const authorisation = authorisationFor(image, deviceId(1), 1);
    await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() + HOUR, authorisation });
    const cancellation = { request: 10_002, executionAtMs: CANCELLATION_MS, authorisation };
    expect(codeOf(await bench.activate(1, 1, cancellation))).toBe('ok');
    consent();
    await until(() => bench.releases.busyCount === 0, 'quiet');
    expect(entries(bench, 1)).toEqual(['response cancelled']);
    expect(stage(bench, 1)).toBe('done');
    expect(bench.links.opened).toEqual([]);
  });

  it('cannot be called off once its activation has begun, which is durable before the meter hears of it', async () => {
    const bench = await start();
    const atMs = bench.clock.nowMs() + HOUR;
    const authorisation = authorisationFor(image, deviceId(1), 1);
    await bench.activate(1, 1, { executionAtMs: atMs, authorisation });
    await until(() => stage(bench, 1) === 'sealed' && bench.clock.ringing === 1, 'sealed');
    bench.links.unreachable.add(deviceId(1));
    bench.clock.turnTo(atMs);
    await until(() => bench.links.opened.length === 2 && bench.clock.ringing === 1, 'a try');
    expect(stage(bench, 1)).toBe('activating');
    const cancellation = { request: 10_002, executionAtMs: CANCELLATION_MS, authorisation };
    expect(codeOf(await bench.activate(1, 1, cancellation))).toBe('too-late-to-cancel');
    bench.links.unreachable.clear();
    bench.clock.turnTo(bench.clock.nowMs() + 1000);
    await answered(bench, 1, 2);
    expect(entries(bench, 1)).toEqual(['response accepted', 'alert success 8F66']);
  });

  it('that is not sealed in time is not actioned: alert 8F67', async () => {
    const bench = await start();
    bench.links.unreachable.add(deviceId(1));
    const atMs = bench.clock.nowMs() + 10_000;
    await bench.activate(1, 1, { executionAtMs: atMs });
    for (let turns = 0; bench.clock.nowMs() < atMs; turns += 1) {
      expect(turns).toBeLessThan(50);
      await until(() => bench.clock.ringing > 0, 'the next pause');
      bench.clock.turnTo(bench.clock.nowMs() + 1000);
    }
    bench.links.unreachable.clear();
    await answered(bench, 1, 2);
    expect(entries(bench, 1)).toEqual(['response accepted', 'alert not-actioned 8F67']);
    expect(bench.meters[0]!.activations).toBe(0);
  });

  it('that is due while the DCO is down is done when it is back soon, and not actioned when it is back late', async () => {
    for (const [lateMs, last] of [
      [HOUR / 2, 'alert success 8F66'],
      [2 * HOUR, 'alert not-actioned 8F67'],
    ] as const) {
      const first = await start();
      const atMs = first.clock.nowMs() + HOUR;
      await first.activate(1, 1, { executionAtMs: atMs });
      await until(() => stage(first, 1) === 'sealed', 'sealed');
      await first.stop();
      first.clock.turnTo(atMs + lateMs);
      const again = await start({ world: first.world, clock: first.clock, meters: first.meters });
      await answered(again, 1, 2);
      expect(entries(again, 1)).toEqual(['response accepted', last]);
      await again.stop();
    }
  });

  it('keeps another 11.3 for the same meter out until it is done', async () => {
    const bench = await start({ images: [image, newer] });
    await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() + HOUR });
    expect(codeOf(await bench.activate(1, 2, { image: newer }))).toBe('release-pending');
    expect(codeOf(await bench.activate(2, 2, { image: newer }))).toBe('ok');
    await answered(bench, 2);
  });
});

describe('an 11.2', () => {
  it('reads the version that the meter signs, once for each request', async () => {
    const bench = await start();
    expect(codeOf(await bench.releases.read(requestId(1), deviceId(1)))).toBe('request-id-reused');
    expect(await bench.releases.read(requestId(10_001), deviceId(1))).toMatchObject({
      ok: true,
      value: { repeated: false },
    });
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response success']);
    const number = bench.store.state.entriesOf.get(requestId(10_001))![0]!;
    expect(bench.store.state.entries.get(number)?.device).toMatchObject({
      firmwareVersion: '00010001',
      attested: true,
    });
    expect(bench.store.state.meters.get(deviceId(1))).toMatchObject({
      runningVersion: 0x00010001,
      hardwareVersion: 0x1111,
    });
    expect(await bench.releases.read(requestId(10_001), deviceId(1))).toMatchObject({
      ok: true,
      value: { repeated: true },
    });
    expect(codeOf(await bench.releases.read(requestId(10_002), deviceId(9)))).toBe('device-unknown');
  });
});

describe('many at a time', () => {
  it('speak with one meter once at a time, and with no more meters than allowed', async () => {
    const meters = Array.from({ length: 12 }, (_, i) => fakeMeter(i));
    const bench = await start({ meters, settings: { deliveriesMax: 3 } });
    for (let i = 0; i < 12; i += 1) {
      await bench.activate(i, i + 1);
      await bench.releases.read(requestId(20_000 + i), deviceId(i));
    }
    await until(() => bench.releases.busyCount === 0, 'all done');
    expect(meters.map(({ activations }) => activations)).toEqual(meters.map(() => 1));
    expect(bench.links.most).toEqual({ all: 3, one: 1 });
    expect(bench.store.state.entries.size).toBe(3 + 24);
  });
});

describe('a disk that is full', () => {
  it('makes releases wait where they are, and they go on when there is space', async () => {
    const meters = Array.from({ length: 8 }, (_, i) => fakeMeter(i));
    const bench = await start({ meters, segmentBytes: 16 * 1024 });
    bench.world.setCapacity(0);
    const admitted: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      const answer = await bench.activate(i, i + 1).catch((error: unknown) => error);
      if (!(answer instanceof DcoError)) admitted.push(i);
      else expect(answer.code).toBe('storage-full');
    }
    await until(() => bench.releases.busyCount === 0, 'all waiting');
    expect(bench.events.map(({ stage: one }) => one)).toContain('storage-waiting');
    expect(admitted.length).toBeGreaterThan(0);
    bench.world.setCapacity(Number.POSITIVE_INFINITY);
    bench.clock.turnTo(bench.clock.nowMs() + 1000);
    for (const i of admitted) await answered(bench, i + 1);
    for (const i of admitted) {
      expect(entries(bench, i + 1)).toEqual(['response success']);
      expect(meters[i]!.activations).toBe(1);
    }
  });
});

describe('a crash', () => {
  it('of the process at any file operation of a release is continued to one activation and one response', async () => {
    const clean = await start();
    const before = clean.world.callCount();
    await clean.activate(1, 1);
    await answered(clean, 1);
    const calls = clean.world.callCount() - before;
    await clean.stop();
    expect(calls).toBeGreaterThan(8);
    for (let cut = 1; cut <= calls; cut += 1) {
      const first = await start({ world: memoryFiles({ seed: cut }), settings: { retryMsFirst: 1 } }).catch(
        () => undefined,
      );
      if (first === undefined) throw new Error('the start failed');
      const authorisation = authorisationFor(image, deviceId(1), 1);
      first.world.cutCall(cut);
      const admitted = await first.activate(1, 1, { authorisation }).catch(() => undefined);
      await until(() => first.releases.busyCount === 0, 'stopped at the cut');
      await first.stop().catch(() => undefined);
      first.world.crash('power');
      const again = await start({ world: first.world, clock: first.clock, meters: first.meters });
      if (admitted?.ok === true) expect(again.store.state.requests.has(requestId(10_001))).toBe(true);
      expect((await again.activate(1, 1, { authorisation })).ok).toBe(true);
      await answered(again, 1);
      expect(entries(again, 1)).toEqual(['response success']);
      expect(again.meters[0]!.activations).toBe(1);
      await again.stop();
    }
  });

  it('in mid-transfer is resumed where the meter was', async () => {
    const large = benchImage({ imageBytes: 120_000, blockShift: 12, partBytes: 60_000 });
    const first = await start({ images: [large] });
    await first.activate(1, 1, { image: large });
    await until(() => first.meters[0]!.storedBlocks >= 8, 'some blocks');
    await first.stop();
    first.world.crash('process');
    const storedBefore = first.meters[0]!.storedBlocks;
    expect(storedBefore).toBeLessThan(large.blockCount);
    const again = await start({ world: first.world, clock: first.clock, meters: first.meters, images: [] });
    await answered(again, 1);
    expect(entries(again, 1)).toEqual(['response success']);
    expect(again.meters[0]!.storedBlocks - storedBefore).toBeLessThan(large.blockCount);
  });
});

describe('a store that rots', () => {
  it('makes the control refuse for now, rather than end', async () => {
    const bench = await start();
    bench.world.damage('dco/journal-1/segment-0000000001.log', 600, 0x10);
    await bench.activate(1, 1);
    await until(() => bench.clock.ringing === 1, 'a pause');
    expect(entries(bench, 1)).toEqual([]);
    expect(bench.links.opened).toEqual([]);
  });
});

describe('an image whose manufacturer is not trusted any more', () => {
  it('is not sent', async () => {
    const bench = await start({ control: countersignAll, releaseTrust: { ...trust, manufacturer: trust.supplier } });
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response image-corrupt']);
    expect(bench.meters[0]!.storedBlocks).toBe(0);
  });
});

describe('an image that rots at rest', () => {
  it('is not sent', async () => {
    const bench = await start({ control: countersignAll });
    const { sequence } = bench.store.state.images.get(image.imageId)!.runs[0]!;
    const part = bench.store.readPart(sequence);
    const path = 'dco/journal-1/segment-0000000001.log';
    const at = offsetOf(bench.world, path, part);
    bench.world.damage(path, at + part.length - 10, 0x10);
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response image-corrupt']);
    expect(bench.meters[0]!.storedBlocks).toBe(0);
  });
});

/** A control that looks at nothing, to see what the other side does for itself. */
function countersignAll(): ControlPort {
  return {
    countersign: ({ authorisation }) => Promise.resolve({ ok: true, authorisation: run(countersign(authorisation)) }),
    close: () => Promise.resolve(),
  };
}

function offsetOf(world: MemoryFiles, path: string, octets: Uint8Array): number {
  const file = world.files.open(path, 'read');
  const whole = Buffer.alloc(file.sizeBytes());
  file.readAt(whole, 0);
  return whole.indexOf(octets);
}
