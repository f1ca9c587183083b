/**
 * Goal: an 11.3 is done exactly once, at its time, with both parties' consent, whatever is lost on the way; and its response says what the
 * meter signed.
 * Method: store and countersigner on files in memory, meters of this process behind memory links, a clock that is turned by hand.
 */
import { decodeOutcome } from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import {
  authorisationFor,
  benchImage,
  deviceId,
  foreignSigner,
  idOctets,
  requestId,
  until,
} from '../bench.test-support.js';
import type { ControlPort } from '../control-port.js';
import { fakeMeter } from '../fake-meter.test-support.js';
import { takePart } from '../store/intake.js';
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
    const { intake } = bench;
    await takePart(intake, { requestId: requestId(1), devices: [idOctets(deviceId(1))], octets: image.parts[0]! });
    expect(codeOf(await bench.activate(1, 1))).toBe('image-incomplete');
  });

  it('for a device that its 11.1 did not name is refused', async () => {
    const bench = await start({ images: [] });
    const { intake } = bench;
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
    expect(bench.events.map(({ stage: one }) => one)).not.toContain('countersigned');
  });

  it('that was called off is not told of as answered by a control that refuses too late', async () => {
    let refuse = (): void => undefined;
    const bench = await start({
      control: (real) => ({
        ...real,
        countersign: async () => {
          await new Promise<void>((resolve) => {
            refuse = resolve;
          });
          return { ok: false, code: 'version', message: 'not that one' };
        },
      }),
    });
    const authorisation = authorisationFor(image, deviceId(1), 1);
    await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() + HOUR, authorisation });
    const cancellation = { request: 10_002, executionAtMs: CANCELLATION_MS, authorisation };
    expect(codeOf(await bench.activate(1, 1, cancellation))).toBe('ok');
    refuse();
    await until(() => bench.releases.busyCount === 0, 'quiet');
    await until(() => bench.events.some(({ stage: one }) => one === 'control-refused'), 'the refusal');
    await new Promise(setImmediate);
    expect(bench.events.map(({ stage: one }) => one)).not.toContain('answered');
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

describe('an authorisation that was called off', () => {
  it('is spent: neither the door nor the control takes it, or one with a counter not above it, again', async () => {
    const bench = await start({ images: [image, newer] });
    const authorisation = authorisationFor(image, deviceId(1), 5);
    await bench.activate(1, 5, { executionAtMs: bench.clock.nowMs() + HOUR, authorisation });
    await until(() => stage(bench, 5) === 'sealed' && bench.clock.ringing === 1, 'sealed');
    // The cancellation brings another authorisation, which without its date would activate: it is spent, too.
    const cancellation = { request: 10_050, executionAtMs: CANCELLATION_MS };
    expect(codeOf(await bench.activate(1, 6, cancellation))).toBe('ok');
    await until(() => bench.releases.busyCount === 0, 'the control told');
    expect(codeOf(await bench.activate(1, 5, { request: 10_051, authorisation }))).toBe('authorisation-revoked');
    expect(codeOf(await bench.activate(1, 6, { request: 10_052 }))).toBe('authorisation-revoked');
    expect(codeOf(await bench.activate(1, 4, { image: newer }))).toBe('authorisation-revoked');
    expect(codeOf(await bench.activate(2, 4))).toBe('ok');
    await answered(bench, 4);
    expect(codeOf(await bench.activate(1, 7))).toBe('ok');
    await answered(bench, 7);
    expect(codeOf(await bench.activate(1, 5, { request: 10_053, authorisation }))).toBe('originator-counter-used');
    expect(bench.meters[0]!.activations).toBe(1);
  });

  it('stays so after a restart, and the control hears of it once it can be reached', async () => {
    let isAway = false;
    const told: string[] = [];
    const control = (real: ControlPort): ControlPort => ({
      ...real,
      revoke: async (asked) => {
        const answer = isAway
          ? ({ ok: false, code: 'unavailable', message: 'away' } as const)
          : await real.revoke(asked);
        told.push(answer.ok ? 'ok' : answer.code);
        return answer;
      },
    });
    const first = await start({ control });
    const authorisation = authorisationFor(image, deviceId(1), 5);
    await first.activate(1, 5, { executionAtMs: first.clock.nowMs() + HOUR, authorisation });
    await until(() => stage(first, 5) === 'sealed' && first.clock.ringing === 1, 'sealed');
    isAway = true;
    const cancellation = { request: 10_050, executionAtMs: CANCELLATION_MS, authorisation };
    expect(codeOf(await first.activate(1, 5, cancellation))).toBe('ok');
    await until(() => told.length > 0 && first.releases.busyCount === 0, 'a try');
    await first.stop();
    isAway = false;
    const again = await start({ world: first.world, clock: first.clock, meters: first.meters, control, images: [] });
    await until(() => told.at(-1) === 'ok' && again.releases.busyCount === 0, 'the control told');
    expect(codeOf(await again.activate(1, 5, { request: 10_051, authorisation }))).toBe('authorisation-revoked');
    await again.stop();
    const third = await start({ world: first.world, clock: first.clock, meters: first.meters, control, images: [] });
    await until(() => third.releases.busyCount === 0, 'quiet');
    expect(told).toEqual(['unavailable', 'ok']);
  });
});

describe('a meter whose key nobody knows', () => {
  it('is not activated, for nobody could vouch for what it answers', async () => {
    const bench = await start({ keyless: [deviceId(1)] });
    expect(codeOf(await bench.activate(1, 1))).toBe('device-key-missing');
    expect(bench.store.state.pending.size).toBe(0);
    expect(codeOf(await bench.activate(2, 1))).toBe('ok');
    await answered(bench, 1);
  });

  it('is activated where the settings allow it, and its answer is success-unattested without alert 8F66', async () => {
    const bench = await start({ keyless: [deviceId(1)], settings: { allowUnattested: true } });
    await bench.activate(1, 1, { executionAtMs: bench.clock.nowMs() + HOUR });
    await until(() => stage(bench, 1) === 'sealed' && bench.clock.ringing === 1, 'sealed');
    bench.clock.turnTo(bench.clock.nowMs() + HOUR);
    await answered(bench, 1, 2);
    expect(entries(bench, 1)).toEqual(['response accepted', 'alert success-unattested']);
    const number = bench.store.state.entriesOf.get(requestId(10_001))![1]!;
    expect(bench.store.state.entries.get(number)?.device).toMatchObject({ attested: false });
  });
});

describe('a defect of the DCO', () => {
  it('is no dead line: it is reported, and the release ends with its own code at once', async () => {
    const links = (): { readonly open: () => Promise<never> } => ({
      open: () => Promise.reject(new TypeError('undefined is no meter')),
    });
    const bench = await start({ links, expectsReports: true });
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response defect']);
    expect(stage(bench, 1)).toBe('done');
    expect(bench.reported).toEqual([new TypeError('undefined is no meter')]);
    expect(bench.clock.ringing).toBe(0);
    await bench.releases.read(requestId(10_002), deviceId(2));
    await answered(bench, 2);
    expect(entries(bench, 2)).toEqual(['response defect']);
  });

  it('in the control leaves no release pending either', async () => {
    const bench = await start({
      control: (real) => ({ ...real, countersign: () => Promise.reject(new RangeError('out of it')) }),
      expectsReports: true,
    });
    await bench.activate(1, 1);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response defect']);
    expect(bench.store.state.pending.size).toBe(0);
  });

  it('is not what a system that refuses a socket is', async () => {
    const links = (): { readonly open: () => Promise<never> } => ({
      open: () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
    });
    const bench = await start({ links });
    await bench.activate(1, 1);
    await until(() => bench.clock.ringing === 1 && bench.releases.busyCount === 0, 'a pause');
    expect(entries(bench, 1)).toEqual([]);
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
