/** A whole DCO but for HTTP, on files in memory, with meters of this process and a clock that is turned by hand. */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { demoKey } from '@smets1/host';
import { afterEach, expect } from 'vitest';
import {
  authorisationFor,
  benchImage,
  crypto,
  deviceId,
  fastTime,
  idOctets,
  requestId,
  signer,
  trust,
  turnedClock,
  until,
} from './bench.test-support.js';
import type { BenchImage, TurnedClock } from './bench.test-support.js';
import type { ControlPolicy, ControlPort } from './control-port.js';
import { openCountersigner } from './control/countersigner.js';
import { DcoError } from './error.js';
import type { Answer } from './error.js';
import { eventBus } from './events.js';
import type { StageEvent } from './events.js';
import { fakeLinks, fakeMeter } from './fake-meter.test-support.js';
import type { FakeLinks, FakeMeter } from './fake-meter.test-support.js';
import type { Inventory } from './inventory.js';
import type { MeterLinks } from './meter-links.js';
import { takePart, type Intake } from './store/intake.js';
import { DEFAULT_SETTINGS } from './store/settings.js';
import type { DcoSettings } from './store/settings.js';
import { openStore } from './store/store.js';
import type { Store } from './store/store.js';
import type { Admitted } from './s1sp/admission.js';
import { openReleases } from './s1sp/releases.js';
import type { Releases } from './s1sp/releases.js';

export const image: BenchImage = benchImage();
export const newer: BenchImage = benchImage({ seed: 8, fileVersion: 0x00030001, securityCounter: 8 });
export const POLICY: ControlPolicy = { perHourMax: 100, perDayMax: 1000, requireKnownVersion: false };

export interface Bench {
  readonly world: MemoryFiles;
  readonly clock: TurnedClock;
  readonly store: Store;
  /** Where parts come in. */
  readonly intake: Intake;
  readonly releases: Releases;
  readonly links: FakeLinks;
  readonly meters: readonly FakeMeter[];
  readonly events: readonly StageEvent[];
  readonly activate: (n: number, counter: number, fields?: Ask) => Promise<Answer<Admitted>>;
  /** What nobody foresaw. */
  readonly reported: readonly unknown[];
  readonly stop: () => Promise<void>;
}

export interface Ask {
  readonly image?: BenchImage;
  readonly executionAtMs?: number;
  readonly authorisation?: Uint8Array;
  /** Counter of the request id, when it is not that of the authorisation. */
  readonly request?: number;
  /** EUI-64 of the Supplier, when it is not the usual one. */
  readonly user?: string;
}

export interface Around {
  readonly world?: MemoryFiles;
  readonly clock?: TurnedClock;
  readonly meters?: readonly FakeMeter[];
  readonly settings?: Partial<DcoSettings>;
  readonly policy?: Partial<ControlPolicy>;
  readonly control?: (real: ControlPort) => ControlPort;
  readonly images?: readonly BenchImage[];
  readonly segmentBytes?: number;
  /** Meters whose key the inventory does not give. */
  readonly keyless?: readonly string[];
  /** The way to the meters, when it is not the plain one. */
  readonly links?: (real: FakeLinks) => MeterLinks;
  /** What is reported is looked at by the test itself. */
  readonly expectsReports?: boolean;
  /** What the sending side trusts, when it is not what the intake trusted. */
  readonly releaseTrust?: typeof trust;
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

export async function start(around: Around = {}): Promise<Bench> {
  const world = around.world ?? memoryFiles({ seed: 1 });
  const clock = around.clock ?? turnedClock();
  const meters = around.meters ?? [fakeMeter(1), fakeMeter(2), fakeMeter(3)];
  const { files, processes } = world;
  const nowMs = (): number => clock.nowMs();
  const settings: DcoSettings = { ...DEFAULT_SETTINGS, ...around.settings };
  const { segmentBytes = 64 * 1024 } = around;
  const store = openStore({ files, directory: 'dco', processes, segmentBytes });
  const publicKey = demoKey('device').publicKey;
  const inventory: Inventory = {
    devices: new Map(
      meters.map(({ deviceId: id }) => [
        id,
        { deviceId: id, address: 'memory:', publicKey: around.keyless?.includes(id) === true ? undefined : publicKey },
      ]),
    ),
  };
  const intake: Intake = { store, crypto, trust, inventory, settings, nowMs };
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
    revoke: (request) =>
      countersigner.revoke(request).catch(() => ({ ok: false, code: 'unavailable', message: 'it has ended' })),
    close: () => Promise.resolve(countersigner.close()),
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
    trust: around.releaseTrust ?? trust,
    inventory,
    links: around.links?.(links) ?? links,
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
    intake,
    releases,
    links,
    meters,
    events,
    reported,
    activate: (n, counter, fields = {}) => {
      const {
        image: of = image,
        executionAtMs,
        user,
        authorisation = authorisationFor(
          of,
          deviceId(n),
          counter,
          user === undefined ? {} : { originator: idOctets(user) },
        ),
        request = 10_000 + counter,
      } = fields;
      const at = executionAtMs === undefined ? {} : { executionAtMs };
      return releases.activate({
        requestId: requestId(request, user),
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
  open.push(around.expectsReports === true ? { ...bench, reported: [] } : bench);
  return bench;
}

export const entries = (bench: Bench, counter: number, user?: string): readonly string[] =>
  (bench.store.state.entriesOf.get(requestId(10_000 + counter, user)) ?? []).map((number) => {
    const entry = bench.store.state.entries.get(number);
    return [entry?.kind, entry?.code, entry?.alertCode].filter((word) => word !== undefined).join(' ');
  });
export const stage = (bench: Bench, counter: number, user?: string): string => {
  const request = bench.store.state.requests.get(requestId(10_000 + counter, user));
  return request?.srv === '11.3' ? request.stage : 'none';
};
export const answered = (bench: Bench, counter: number, count = 1, user?: string): Promise<void> =>
  until(() => entries(bench, counter, user).length >= count, `an answer to ${counter}`);
export const codeOf = (answer: Answer<unknown>): string => (answer.ok ? 'ok' : answer.refusal.code);
export const HOUR = 3_600_000;
