/** Many virtual meters for others to connect to: one WebSocket door, a path for each meter, one clock for all. */
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EsmeStart, LoadSource, TrustAnchor } from '@smets1/emulator';
import { deviceIdOf, deviceKeyOf } from '@smets1/fleet';
import { acceptWebSockets, type Authorisation, type ListenAddress, type WebSocketDoor } from '@smets1/hardware';
import { publicKeyPem } from '@smets1/host';
import { formatDeviceId } from '@smets1/protocol';
import { RACK_LINKS_SPARE } from '../limits.js';
import { wallClock } from './bench-clock.js';
import type { Tell } from './bench-events.js';
import { openBenchMeter, type BenchMeter } from './bench-meter.js';
import { admits, hostOf } from './doors.js';
import { makeFirstImage } from './first-image.js';
import type { MeterProfile } from './profile.js';

export interface RackOptions {
  readonly meters: number;
  readonly profile: MeterProfile;
  /** Identities, keys and first firmware follow from it. */
  readonly seed: number;
  readonly anchors: readonly TrustAnchor[];
  readonly load?: LoadSource;
  readonly ws: ListenAddress;
  /** What WebSockets must show. */
  readonly token: string | undefined;
  /** Where each has a flash file; in memory when not given. */
  readonly folder: string | undefined;
  /** Told of what happens to a meter, by its id. */
  readonly tell: (deviceId: string, ...told: Parameters<Tell>) => void;
  /** Told as each is powered on. */
  readonly onMade: (made: number) => void;
  /** What ended the rack: a file failed, or a meter has a defect. */
  readonly onFailure: (error: unknown) => void;
  /** No more meters are made once it is aborted. */
  readonly signal: AbortSignal;
}

/** One device as `smets1 dco serve` reads it. */
export interface RackDevice {
  readonly deviceId: string;
  readonly address: string;
  readonly publicKeyPem: string;
}

export interface Rack {
  readonly devices: readonly RackDevice[];
  /** `ws://HOST:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

interface Slot {
  readonly deviceId: string;
  readonly publicKey: Uint8Array;
  readonly meter: BenchMeter;
}

/** @throws LinkError for a door that cannot be opened; what `openBenchMeter` throws */
export async function openRack(options: RackOptions): Promise<Rack> {
  const slots = new Map<string, Slot>();
  let door: WebSocketDoor | undefined;
  const close = async (): Promise<void> => {
    await door?.close();
    const closed = await Promise.allSettled([...slots.values()].map(async ({ meter }) => await meter.close()));
    const failed = closed.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  try {
    await makeMeters(options, slots);
    door = await openDoor(options, slots);
    const url = `ws://${hostOf(door.address)}`;
    const devices = [...slots].map(([path, { deviceId, publicKey }]) => ({
      deviceId,
      address: `${url}${path}`,
      publicKeyPem: publicKeyPem(publicKey),
    }));
    return { devices, url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function makeMeters(options: RackOptions, slots: Map<string, Slot>): Promise<void> {
  const { profile, seed, folder, load, anchors, signal, onMade, onFailure } = options;
  const clock = wallClock();
  const firstImage = makeFirstImage(profile, seed);
  for (let index = 0; index < options.meters && !signal.aborted; index++) {
    const eui64 = deviceIdOf(index);
    const deviceId = formatDeviceId(eui64);
    const deviceKey = deviceKeyOf(`rack ${seed}`, index);
    const tell: Tell = (...told) => options.tell(deviceId, ...told);
    const meter = openBenchMeter({
      profile: { ...profile, deviceId: eui64 },
      // Noise of worn flash, where there is any: its own in each.
      seed: (seed + index) >>> 0,
      firstImage,
      anchors,
      deviceKey,
      flashPath: folder === undefined ? undefined : join(folder, `${deviceId}.flash`),
      clock,
      ...(load === undefined ? {} : { load }),
      tell,
      onStart: (start) => tellStart(tell, start),
      onFailure,
    });
    slots.set(`/meters/${deviceId}`, { deviceId, publicKey: deviceKey.publicKey, meter });
    onMade(index + 1);
    // The meters that run already, and whoever wants the command to stop, have their turn.
    // eslint-disable-next-line no-await-in-loop -- that is the point
    if (index % METERS_PER_TURN === METERS_PER_TURN - 1) await nextTurn();
  }
}

const METERS_PER_TURN = 10;

function tellStart(tell: Tell, { phase, bootEpoch, runningVersion }: EsmeStart): void {
  const version = runningVersion.toString(16).toUpperCase().padStart(8, '0');
  const fields = { phase, bootEpoch, runningVersion: version };
  tell('start', `started: ${phase}, boot ${bootEpoch}, runs ${version}`, fields);
}

async function openDoor(options: RackOptions, slots: ReadonlyMap<string, Slot>): Promise<WebSocketDoor> {
  const { ws, token, tell } = options;
  let address: ListenAddress | undefined;
  const authorise = (request: IncomingMessage): Authorisation => {
    const verdict = admits(request, address, token);
    if (!verdict.ok || slots.has(pathOf(request))) return verdict;
    return { ok: false, status: 404, message: 'no meter at this path; /meters/ID is one' };
  };
  const limits = { webSocketsMax: slots.size + RACK_LINKS_SPARE };
  const door = await acceptWebSockets(ws, { authorise, limits }, (link, request) => {
    const slot = slots.get(pathOf(request))!;
    tell(slot.deviceId, 'attached', link.label);
    slot.meter.attach(link);
  });
  address = door.address;
  return door;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}
