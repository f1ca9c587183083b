/** Virtual meters within reach of a worker of the same process, and what each of them really went through. */
import {
  blobOf,
  createFlash,
  manufacture,
  planLayout,
  startEsme,
  type Esme,
  type EsmeStart,
  type NorFlash,
} from '@smets1/emulator';
import { inventoryOf, type Inventory, type Link, type MeterLinks } from '@smets1/dco';
import { LinkError, memoryPair } from '@smets1/hardware';
import { hostMeter, type HostedMeter, type TimePort } from '@smets1/host';
import { formatDeviceId } from '@smets1/protocol';
import { readPackage } from './read-package.js';
import { deviceIdOf, firmwareOctets, HARDWARE, testPackage, type TestKeys } from './test-jobs.test-support.js';

const FIRST_BYTES = 2_000;

const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);

export interface RackMeter {
  readonly deviceId: string;
  /** How often this version came up on trial: once for each activation. */
  trialsOf(version: number): number;
  runningVersion(): number;
  /** Links to it that were opened. */
  readonly opened: number;
  /** Called with each frame that it hears, before it does. */
  onFrame: (frame: number) => void;
}

export interface Rack {
  readonly meters: readonly RackMeter[];
  readonly inventory: Inventory;
  readonly links: MeterLinks;
  /** What goes wrong when a link is opened; nothing when it gives back undefined. */
  fault: (deviceId: string) => Error | undefined;
  stop(): Promise<void>;
}

/** @param keys - The inventory names the device key of these, the same for all meters. */
export function testRack(keys: TestKeys, time: TimePort, count: number): Rack {
  const meters = Array.from({ length: count }, (_, index) => new Meter(keys, time, index + 1));
  const publicKey = keys.key('device').publicKey;
  const devices = new Map(
    meters.map(({ deviceId }) => [deviceId, { deviceId, address: 'memory', publicKey } as const]),
  );
  const rack: Rack = {
    meters,
    inventory: { ...inventoryOf({ devices: [] }, 'the test', '.'), devices },
    fault: () => undefined,
    links: {
      open: async (deviceId) => {
        const fault = rack.fault(deviceId);
        if (fault !== undefined) throw fault;
        const meter = meters.find((one) => one.deviceId === deviceId);
        if (meter === undefined) throw new LinkError('not-found', `no meter ${deviceId}`);
        return await Promise.resolve(meter.open());
      },
    },
    stop: async () => {
      for (const meter of meters) await meter.stop();
    },
  };
  return rack;
}

class Meter implements RackMeter {
  readonly deviceId: string;
  opened = 0;
  onFrame: (frame: number) => void = () => undefined;
  readonly #esme: Esme;
  readonly #hosted: HostedMeter;
  readonly #starts: EsmeStart[] = [];
  readonly #time: TimePort;

  constructor(keys: TestKeys, time: TimePort, index: number) {
    this.#time = time;
    const eui64 = deviceIdOf(index);
    this.deviceId = formatDeviceId(eui64);
    const flash = factoryFlash(keys, eui64);
    let frames = 0;
    this.#esme = startEsme(
      { flash, crypto: keys.crypto, signer: keys.signer },
      { epochS: 1_800_000_000, timings: TIMINGS, onStart: (start) => void this.#starts.push(start) },
      this.#time.nowMs(),
    );
    const esme = this.#esme;
    this.#hosted = hostMeter(
      {
        hear: (frame, nowMs) => {
          frames += 1;
          this.onFrame(frames);
          return esme.hear(frame, nowMs);
        },
        tick: (nowMs) => esme.tick(nowMs),
        wakeAtMs: () => esme.wakeAtMs(),
      },
      { time: this.#time },
    );
  }

  open(): Link {
    this.opened += 1;
    const { a, b } = memoryPair({ framing: 'message' });
    this.#hosted.attach(b);
    return a;
  }

  trialsOf(version: number): number {
    return this.#starts.filter((start) => start.phase === 'trial' && start.runningVersion === version).length;
  }

  runningVersion(): number {
    return this.#esme.view(this.#time.nowMs()).runningVersion;
  }

  async stop(): Promise<void> {
    await this.#hosted.stop();
  }
}

/** As fast as a meter can be: what is tested here is not its patience. */
const TIMINGS = { restartDelayMs: 1, selfTestMs: 1 };

function factoryFlash(keys: TestKeys, eui64: Uint8Array): NorFlash {
  const first = {
    ...readPackage(testPackage(keys, 1, FIRST_BYTES)),
    manufacturerKey: keys.key('manufacturer').publicKey,
  };
  const flash = createFlash(LAYOUT);
  const { manufacturerCode, imageType, hardwareVersion } = HARDWARE;
  const trustAnchors = (['manufacturer', 'supplier', 'dco'] as const).map((role) => ({
    role,
    publicKey: keys.key(role).publicKey,
  }));
  const identity = { eui64, manufacturerCode, imageType, hardwareVersion, deviceClass: 1, trustAnchors };
  manufacture(flash, keys.crypto, identity, { offerBlob: blobOf(first), image: firmwareOctets(1, FIRST_BYTES) });
  return flash;
}
