/**
 * Goal: an 11.3 is done exactly once, at its time, with both parties' consent, whatever is lost on the way; and its response says what the
 * meter signed.
 * Method: store and countersigner on files in memory, meters of this process behind memory links, a clock that is turned by hand.
 */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { countersign, decodeOutcome } from '@smets1/protocol';
import { demoKey } from '@smets1/host';
import { afterEach, describe, expect, it } from 'vitest';
import {
  authorisationFor,
  benchImage,
  crypto,
  deviceId,
  fastTime,
  foreignSigner,
  idOctets,
  requestId,
  run,
  signer,
  trust,
  turnedClock,
  until,
} from '../bench.test-support.js';
import type { BenchImage, TurnedClock } from '../bench.test-support.js';
import type { ControlPolicy, ControlPort } from '../control-port.js';
import { openCountersigner } from '../control/countersigner.js';
import { DcoError } from '../error.js';
import type { Answer } from '../error.js';
import { eventBus } from '../events.js';
import type { StageEvent } from '../events.js';
import { fakeLinks, fakeMeter } from '../fake-meter.test-support.js';
import type { FakeLinks, FakeMeter } from '../fake-meter.test-support.js';
import type { Inventory } from '../inventory.js';
import { takePart } from '../store/intake.js';
import { DEFAULT_SETTINGS } from '../store/settings.js';
import type { DcoSettings } from '../store/settings.js';
import { openStore } from '../store/store.js';
import type { Store } from '../store/store.js';
import { CANCELLATION_MS } from './admission.js';
import type { Admitted } from './admission.js';
import { openReleases } from './releases.js';
import type { Releases } from './releases.js';

const image = benchImage();
const newer = benchImage({ seed: 8, fileVersion: 0x00030001, securityCounter: 8 });
const POLICY: ControlPolicy = { perHourMax: 100, perDayMax: 1000, requireKnownVersion: false };

interface Bench {
  readonly world: MemoryFiles;
  readonly clock: TurnedClock;
  readonly store: Store;
  readonly releases: Releases;
  readonly links: FakeLinks;
  readonly meters: readonly FakeMeter[];
  readonly events: readonly StageEvent[];
  readonly activate: (n: number, counter: number, fields?: Ask) => Promise<Answer<Admitted>>;
  /** What nobody foresaw. */
  readonly reported: readonly unknown[];
  readonly stop: () => Promise<void>;
}

interface Ask {
  readonly image?: BenchImage;
  readonly executionAtMs?: number;
  readonly authorisation?: Uint8Array;
  /** Counter of the request id, when it is not that of the authorisation. */
  readonly request?: number;
}

interface Around {
  readonly world?: MemoryFiles;
  readonly clock?: TurnedClock;
  readonly meters?: readonly FakeMeter[];
  readonly settings?: Partial<DcoSettings>;
  readonly policy?: Partial<ControlPolicy>;
  readonly control?: (real: ControlPort) => ControlPort;
  readonly images?: readonly BenchImage[];
}

const open: Bench[] = [];
afterEach(async () => {
  for (const bench of open.splice(0)) {
    await bench.stop();
    // A crash is reported as such; nothing else may be.
    expect(bench.reported.filter((error) => !(error instanceof DcoError && error.code === 'storage-failed'))).toEqual(
      [],
    );
  }
});

async function start(around: Around = {}): Promise<Bench> {
  const world = around.world ?? memoryFiles({ seed: 1 });
  const clock = around.clock ?? turnedClock();
  const meters = around.meters ?? [fakeMeter(1), fakeMeter(2), fakeMeter(3)];
  const { files, processes } = world;
  const nowMs = (): number => clock.nowMs();
  const settings: DcoSettings = { ...DEFAULT_SETTINGS, ...around.settings };
  const store = openStore({ files, directory: 'dco', processes });
  const intake = { store, crypto, trust, settings, nowMs };
  for (const [i, one] of (around.images ?? [image]).entries()) {
    for (const [j, octets] of one.parts.entries()) {
      const taken = await takePart(intake, {
        requestId: requestId(100 * i + j),
        devices: meters.map((meter) => idOctets(meter.deviceId)),
        octets,
      });
      if (!taken.ok) throw new Error(taken.refusal.message);
    }
  }
  const countersigner = await openCountersigner({
    files,
    processes,
    storeDirectory: 'dco',
    controlDirectory: 'control',
    crypto,
    signer,
    trust,
    policy: { ...POLICY, ...around.policy },
    nowMs,
  });
  const real: ControlPort = {
    // As its process would end, and be missed.
    countersign: (request) =>
      countersigner.countersign(request).catch(() => ({ ok: false, code: 'unavailable', message: 'it has ended' })),
    close: () => Promise.resolve(countersigner.close()),
  };
  const publicKey = demoKey('device').publicKey;
  const inventory: Inventory = {
    devices: new Map(
      meters.map((meter) => [meter.deviceId, { deviceId: meter.deviceId, address: 'memory:', publicKey }]),
    ),
  };
  const links = fakeLinks(meters);
  const bus = eventBus();
  const events: StageEvent[] = [];
  const watch = async (): Promise<void> => {
    for await (const event of bus.watch()) if ('stage' in event) events.push(event);
  };
  const watching = watch();
  const reported: unknown[] = [];
  const releases = openReleases({
    store,
    crypto,
    trust,
    inventory,
    links,
    control: around.control?.(real) ?? real,
    clock,
    settings,
    linkTime: fastTime(),
    bus,
    report: (error) => void reported.push(error),
  });
  let isStopped = false;
  const bench: Bench = {
    world,
    clock,
    store,
    releases,
    links,
    meters,
    events,
    reported,
    activate: (n, counter, fields = {}) => {
      const {
        image: of = image,
        executionAtMs,
        authorisation = authorisationFor(of, deviceId(n), counter),
        request = 10_000 + counter,
      } = fields;
      const at = executionAtMs === undefined ? {} : { executionAtMs };
      return releases.activate({
        requestId: requestId(request),
        deviceId: deviceId(n),
        firmwareHash: of.imageHash,
        authorisation,
        ...at,
      });
    },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      await releases.close();
      bus.close();
      await watching;
      countersigner.close();
      await store.close();
      await links.close();
    },
  };
  open.push(bench);
  return bench;
}

const entries = (bench: Bench, counter: number): readonly string[] =>
  (bench.store.state.entriesOf.get(requestId(10_000 + counter)) ?? []).map((number) => {
    const entry = bench.store.state.entries.get(number);
    return [entry?.kind, entry?.code, entry?.alertCode].filter((word) => word !== undefined).join(' ');
  });
const stage = (bench: Bench, counter: number): string => {
  const request = bench.store.state.requests.get(requestId(10_000 + counter));
  return request?.srv === '11.3' ? request.stage : 'none';
};
const answered = (bench: Bench, counter: number, count = 1): Promise<void> =>
  until(() => entries(bench, counter).length >= count, `an answer to ${counter}`);
const codeOf = (answer: Answer<unknown>): string => (answer.ok ? 'ok' : answer.refusal.code);
const HOUR = 3_600_000;

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
    let most = 0;
    for (let i = 0; i < 12; i += 1) {
      await bench.activate(i, i + 1);
      await bench.releases.read(requestId(20_000 + i), deviceId(i));
    }
    const done = (): boolean => {
      const talking = new Set(
        bench.events.filter(({ stage: one }) => one === 'forwarding').map(({ requestId: id }) => id),
      );
      for (const { stage: one, requestId: id } of bench.events) if (one === 'sealed') talking.delete(id);
      most = Math.max(most, talking.size);
      return bench.releases.busyCount === 0;
    };
    await until(done, 'all done');
    expect(meters.map(({ activations }) => activations)).toEqual(meters.map(() => 1));
    expect(most).toBeLessThanOrEqual(3);
    expect(bench.store.state.entries.size).toBe(3 + 24);
  });
});

describe('dual control', () => {
  const refusals: readonly (readonly [
    string,
    Around,
    Ask & { readonly before?: (bench: Bench) => Promise<void> },
    string,
  ])[] = [
    [
      'a role that may not',
      { policy: { users: [{ originator: requestId(1).split(':')[0]!, role: 'GS' }] } },
      {},
      'control-role',
    ],
    ['a user that it does not know', { policy: { users: [] } }, {}, 'control-role'],
    ['more than the threshold of an hour', { policy: { perHourMax: 0 } }, {}, 'control-rate'],
    ['more than the threshold of a day', { policy: { perDayMax: 0 } }, {}, 'control-rate'],
    [
      'a version that nobody knows, where policy wants it known',
      { policy: { requireKnownVersion: true } },
      {},
      'control-version',
    ],
    [
      'an instructing side that changes the device',
      {
        control: (real) => ({ ...real, countersign: (asked) => real.countersign({ ...asked, deviceId: deviceId(2) }) }),
      },
      {},
      'control-device',
    ],
    [
      'one that changes the hash',
      {
        control: (real) => ({
          ...real,
          countersign: (asked) => real.countersign({ ...asked, firmwareHash: '00'.repeat(32) }),
        }),
      },
      {},
      'control-hash',
    ],
    [
      'one that brings an authorisation that no Supplier signed',
      {
        control: (real) => ({
          ...real,
          countersign: (asked) =>
            real.countersign({ ...asked, authorisation: authorisationFor(image, deviceId(1), 1, {}, foreignSigner) }),
        }),
      },
      {},
      'control-signature',
    ],
    [
      'one that brings none',
      {
        control: (real) => ({
          ...real,
          countersign: (asked) => real.countersign({ ...asked, authorisation: new Uint8Array(7) }),
        }),
      },
      {},
      'control-malformed',
    ],
  ];
  it.each(refusals)('refuses %s', async (_, around, ask, code) => {
    const bench = await start(around);
    expect((await bench.activate(1, 1, ask)).ok).toBe(true);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual([`response ${code}`]);
    expect(bench.links.opened).toEqual([]);
    expect(bench.meters[0]!.storedBlocks).toBe(0);
  });

  it('refuses a version on which the image may not stand, and hardware that it is not for, as far as they are known', async () => {
    const narrow = benchImage({ applicableFromMin: 0x00010005 });
    const bench = await start({ images: [narrow] });
    await bench.releases.read(requestId(10_050), deviceId(1));
    await answered(bench, 50);
    await bench.activate(1, 1, { image: narrow });
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response control-version']);

    const other = await start({ meters: [fakeMeter(1, { hardwareVersion: 0x2222 })] });
    await other.releases.read(requestId(10_050), deviceId(1));
    await answered(other, 50);
    await other.activate(1, 1);
    await answered(other, 1);
    expect(entries(other, 1)).toEqual(['response control-hardware']);
  });

  it('that has ended for the moment is asked again', async () => {
    let isAway = true;
    const bench = await start({
      control: (real) => ({
        ...real,
        countersign: (asked) =>
          isAway ? Promise.resolve({ ok: false, code: 'unavailable', message: 'away' }) : real.countersign(asked),
      }),
    });
    await bench.activate(1, 1);
    await until(() => bench.clock.ringing === 1, 'a pause');
    isAway = false;
    bench.clock.turnTo(bench.clock.nowMs() + 1000);
    await answered(bench, 1);
    expect(entries(bench, 1)).toEqual(['response success']);
  });

  it('countersigns one authorisation for each counter of a device, and the very same one again', async () => {
    const bench = await start({ images: [image, newer] });
    const countersigner = await openCountersigner({
      files: bench.world.files,
      processes: bench.world.processes,
      storeDirectory: 'dco',
      controlDirectory: 'another',
      crypto,
      signer,
      trust,
      policy: POLICY,
      nowMs: () => 0,
    });
    const ask = (of: BenchImage, counter: number): Parameters<typeof countersigner.countersign>[0] => ({
      requestId: requestId(1),
      deviceId: deviceId(1),
      firmwareHash: Buffer.from(of.imageHash).toString('hex'),
      authorisation: authorisationFor(of, deviceId(1), counter),
    });
    const asked = ask(image, 5);
    const first = await countersigner.countersign(asked);
    expect(first.ok && first.authorisation.length).toBe(232);
    expect(await countersigner.countersign(asked)).toEqual(first);
    expect(await countersigner.countersign(ask(newer, 5))).toMatchObject({ ok: false, code: 'counter' });
    expect(await countersigner.countersign(ask(newer, 4))).toMatchObject({ ok: false, code: 'counter' });
    countersigner.close();
    bench.world.crash('power');
    const options = {
      storeDirectory: 'dco',
      controlDirectory: 'another',
      crypto,
      signer,
      trust,
      policy: POLICY,
      nowMs: () => 0,
    };
    const again = await openCountersigner({ files: bench.world.files, processes: bench.world.processes, ...options });
    expect(await again.countersign(ask(newer, 5))).toMatchObject({ ok: false, code: 'counter' });
    expect(await again.countersign(asked)).toEqual(first);
    expect(await again.countersign(ask(newer, 6))).toMatchObject({ ok: true });
    again.close();
  });

  it('does not countersign for what it cannot see held and whole, whatever it is told', async () => {
    const bench = await start({ images: [] });
    const countersigner = await openCountersigner({
      files: bench.world.files,
      processes: bench.world.processes,
      storeDirectory: 'dco',
      controlDirectory: 'another',
      crypto,
      signer,
      trust,
      policy: POLICY,
      nowMs: () => 0,
    });
    const intake = { store: bench.store, crypto, trust, settings: DEFAULT_SETTINGS, nowMs: () => 0 };
    const ask = (): ReturnType<typeof countersigner.countersign> =>
      countersigner.countersign({
        requestId: requestId(1),
        deviceId: deviceId(1),
        firmwareHash: Buffer.from(image.imageHash).toString('hex'),
        authorisation: authorisationFor(image, deviceId(1), 1),
      });
    expect(await ask()).toMatchObject({ ok: false, code: 'not-held' });
    for (const [i, octets] of image.parts.slice(1).entries())
      await takePart(intake, { requestId: requestId(i), devices: [idOctets(deviceId(2))], octets });
    expect(await ask()).toMatchObject({ ok: false, code: 'not-held' });
    await takePart(intake, { requestId: requestId(9), devices: [idOctets(deviceId(2))], octets: image.parts[0]! });
    expect(await ask()).toMatchObject({ ok: false, code: 'not-listed' });
    countersigner.close();
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
