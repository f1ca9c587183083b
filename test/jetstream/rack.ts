/** Virtual meters behind one WebSocket door, and what each of them really went through: told by the meters, not by those who update them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  blobOf,
  createFlash,
  manufacture,
  planLayout,
  startEsme,
  type Esme,
  type EsmeStart,
  type EsmeView,
} from '@smets1/emulator';
import { acceptWebSockets, type Link, type WebSocketDoor } from '@smets1/hardware';
import { hostMeter, nodeCrypto, nodeTime, type HostedMeter } from '@smets1/host';
import { formatDeviceId, type SendableImage } from '@smets1/protocol';
import { authorisationOf, packageOf, sendable, type TrialDevice, type TrialKeys } from '../support/trial-keys.js';

const FIRST_BYTES = 2_000;
/** Blocks of 1,024 octets: small images with many moments. */
const BLOCK_SHIFT = 10;
const LAYOUT = planLayout(
  { sectorRuns: [{ count: 96, sectorBytes: 4096 }], granuleBytes: 16, granuleRewritable: true, erasedValue: 0xff },
  { imageBytesMax: 65_536, stagingBytes: 8192, profileDays: 4 },
);
/** Short, so that many updates take little time, and not nothing, so that a kill can strike in each of them. */
const TIMINGS = { restartDelayMs: 20, selfTestMs: 20 };

export interface Release {
  readonly version: number;
  readonly octets: Uint8Array;
  readonly image: SendableImage;
}

function firmware(version: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + version * 7_919, 2_654_435_761) >>> 13) & 0xff);
}

export function release(keys: TrialKeys, version: number, bytes: number): Release {
  const octets = packageOf(keys, deviceOf(0), firmware(version, bytes), version, BLOCK_SHIFT);
  return { version, octets, image: sendable(keys, octets) };
}

function deviceOf(index: number): TrialDevice {
  const deviceId = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, index >> 8, index & 0xff);
  return { deviceId, manufacturerCode: 0x121d, imageType: 1, hardwareVersion: 0x1150 };
}

/** Where in a conversation its meter is: `frame` is 0 when the link was opened, and then counts what it heard on it. */
export interface Moment {
  readonly worker: string;
  readonly meter: RackMeter;
  readonly frame: number;
}

export class RackMeter {
  readonly device: TrialDevice;
  readonly deviceId: string;
  readonly #starts: EsmeStart[] = [];
  readonly #time = nodeTime();
  readonly #esme: Esme;
  readonly #hosted: HostedMeter;
  readonly #failures: unknown[];

  constructor(keys: TrialKeys, index: number, failures: unknown[]) {
    this.device = deviceOf(index);
    this.deviceId = formatDeviceId(this.device.deviceId);
    this.#failures = failures;
    const first = release(keys, 1, FIRST_BYTES);
    const flash = createFlash(LAYOUT);
    const { deviceId, manufacturerCode, imageType, hardwareVersion } = this.device;
    const trustAnchors = (['manufacturer', 'supplier', 'dco'] as const).map((role) => ({
      role,
      publicKey: keys.publicKey(role),
    }));
    const identity = { eui64: deviceId, manufacturerCode, imageType, hardwareVersion, deviceClass: 1, trustAnchors };
    manufacture(flash, nodeCrypto(), identity, { offerBlob: blobOf(first.image), image: firmware(1, FIRST_BYTES) });
    this.#esme = startEsme(
      { flash, crypto: nodeCrypto(), signer: keys.signer },
      { epochS: 1_800_000_000, timings: TIMINGS, onStart: (start) => void this.#starts.push(start) },
      this.#time.nowMs(),
    );
    this.#hosted = hostMeter(this.#esme, { time: this.#time, onFailure: (error) => void this.#failures.push(error) });
  }

  attach(link: Link, onFrame: (frame: number) => void): void {
    let frame = 0;
    onFrame(frame);
    this.#hosted.attach({
      label: link.label,
      capabilities: link.capabilities,
      get bufferedBytes() {
        return link.bufferedBytes;
      },
      send: (octets) => link.send(octets),
      onReceive: (handler) =>
        link.onReceive((octets) => {
          frame += 1;
          onFrame(frame);
          handler(octets);
        }),
      onClose: (handler) => link.onClose(handler),
      close: async () => await link.close(),
    });
  }

  authorisation(keys: TrialKeys, { image }: Release, counter: bigint): Uint8Array {
    return authorisationOf(keys, this.device, image, counter);
  }

  /** How often boot brought this version up on trial: once for each activation. */
  trialsOf(version: number): number {
    return this.#starts.filter((start) => start.phase === 'trial' && start.runningVersion === version).length;
  }

  view(): EsmeView {
    return this.#esme.view(this.#time.nowMs());
  }

  async stop(): Promise<void> {
    await this.#hosted.stop();
  }
}

export interface Rack {
  readonly meters: readonly RackMeter[];
  /** What ended a meter that should have gone on. */
  readonly failures: readonly unknown[];
  /** Told of every link and every frame, before the meter hears it. */
  onMoment: (moment: Moment) => void;
  /** Writes the inventory of a worker: its name is in the addresses, so that the meters know who speaks. */
  inventory(worker: string): string;
  close(): Promise<void>;
}

export async function openRack(keys: TrialKeys, count: number): Promise<Rack> {
  const failures: unknown[] = [];
  const meters = Array.from({ length: count }, (_, index) => new RackMeter(keys, index + 1, failures));
  const door: WebSocketDoor = await acceptWebSockets(
    { host: '127.0.0.1', port: 0 },
    { authorise: () => ({ ok: true }) },
    (link, request) => {
      const [, worker = '', at = ''] = (request.url ?? '').split('/');
      const meter = meters[Number(at)];
      if (meter === undefined) void link.close();
      else meter.attach(link, (frame) => rack.onMoment({ worker, meter, frame }));
    },
  );
  const rack: Rack = {
    meters,
    failures,
    onMoment: () => undefined,
    inventory: (worker) => {
      const path = join(keys.directory, `meters-${worker}.json`);
      const publicKeyPath = keys.publicPath('device');
      const address = (at: number): string => `ws://127.0.0.1:${door.address.port}/${worker}/${at}`;
      const devices = meters.map(({ deviceId }, at) => ({ deviceId, address: address(at), publicKeyPath }));
      writeFileSync(path, JSON.stringify({ devices }));
      return path;
    },
    close: async () => {
      await door.close();
      for (const meter of meters) await meter.stop();
    },
  };
  return rack;
}
