/** Wires one DCO: store, releases, countersigner, HTTP. */
import { nodeCrypto } from '@smets1/host';
import type { TimePort } from '@smets1/host';
import { GuardError, guardServer } from '@smets1/http-guard';
import type { AllowList, GuardedServer } from '@smets1/http-guard';
import { nodeFiles } from '@smets1/journal';
import type { FilePort, ProcessPort } from '@smets1/journal';
import type { CryptoPort, TrustAnchors } from '@smets1/protocol';
import { realClock } from '../clock.js';
import type { Clock } from '../clock.js';
import type { ControlPolicy, ControlPort } from '../control-port.js';
import { DcoError } from '../error.js';
import { eventBus } from '../events.js';
import type { EventBus } from '../events.js';
import type { Inventory } from '../inventory.js';
import {
  BODY_BYTES_MAX,
  COUNTERSIGNATURES_PER_DAY_MAX_DEFAULT,
  COUNTERSIGNATURES_PER_HOUR_MAX_DEFAULT,
  RETENTION_EVERY_MS,
} from '../limits.js';
import type { MeterLinks } from '../meter-links.js';
import { openReleases } from '../s1sp/releases.js';
import type { Releases } from '../s1sp/releases.js';
import type { Intake } from '../store/intake.js';
import { hasJournal } from '../store/generations.js';
import { sweep } from '../store/retention.js';
import { DEFAULT_SETTINGS } from '../store/settings.js';
import type { DcoSettings } from '../store/settings.js';
import type { StoreState } from '../store/state.js';
import { openStore } from '../store/store.js';
import type { Store } from '../store/store.js';
import { startControlProcess } from './control-process.js';
import { answer } from './routes.js';
import type { Rooms } from './routes.js';

export interface DcoOptions {
  /** Where everything durable lives; made with mode 0700 if it is not there. One DCO at a time. */
  readonly directory: string;
  /** Public keys, 65 octets each. */
  readonly trust: Pick<TrustAnchors, 'manufacturer' | 'supplier'>;
  readonly inventory: Inventory;
  readonly links: MeterLinks;
  /** A key file for the process that countersigns, or a port for whoever has a countersigner elsewhere. */
  readonly control: ControlSettings | ControlPort;
  readonly listen: {
    /** 0 lets the system choose. */
    readonly port: number;
    /** 127.0.0.1 unless given; beyond loopback `allowedHosts` has to be given too. */
    readonly host?: string;
    readonly allowedHosts?: AllowList;
    readonly allowedOrigins?: AllowList;
  };
  /** At least 16 characters; `readTokenFile` reads one. */
  readonly token: string;
  /** Octets a second on each link to a meter; as fast as it goes unless given. */
  readonly ratePerLink?: number;
  /** How links keep time; the machine's own unless given. */
  readonly linkTime?: TimePort;
  readonly settings?: Partial<DcoSettings>;
  readonly clock?: Clock;
  readonly files?: FilePort;
  readonly processes?: ProcessPort;
  readonly crypto?: CryptoPort;
  readonly segmentBytes?: number;
  /** Told of our own defects; standard error unless given. */
  readonly report?: (error: unknown) => void;
}

export interface ControlSettings {
  /** PEM of the DCO's private key, mode 0600. Only the countersigner opens it. */
  readonly keyPath: string;
  /** Take the key that everybody knows: for demonstrations. */
  readonly allowDemo?: boolean;
  readonly policy?: Partial<ControlPolicy>;
  /** The program of the countersigner, when it is not the one beside this module. */
  readonly mainPath?: string;
}

export interface Dco {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** The newest state; read only. */
  readonly state: StoreState;
  readonly events: EventBus;
  /** Forgets what is too old, now rather than within the hour. */
  sweep(): Promise<void>;
  /** Ends conversations with meters, then everything else. What is not done goes on at the next start. */
  close(): Promise<void>;
}

export const DEFAULT_CONTROL_POLICY: ControlPolicy = {
  perHourMax: COUNTERSIGNATURES_PER_HOUR_MAX_DEFAULT,
  perDayMax: COUNTERSIGNATURES_PER_DAY_MAX_DEFAULT,
  requireKnownVersion: false,
};

/**
 * Opens the store, continues what a crash or a close left undone, and listens.
 *
 * @throws {@link DcoError} as a rejection: `storage-locked` (another DCO has the directory), `storage-corrupt`, `storage-full`,
 *   `storage-failed`, `control-failed` (no key, key of the wrong mode, …), `listen-failed`, `misuse`.
 */
export async function startDco(options: DcoOptions): Promise<Dco> {
  const clock = options.clock ?? realClock();
  const settings: DcoSettings = { ...DEFAULT_SETTINGS, ...options.settings };
  const report = options.report ?? ((error: unknown) => console.error(error));
  const files = options.files ?? nodeFiles();
  if ('keyPath' in options.control) checkStoreBesideControl(files, options.directory);
  const store = openStore({
    files,
    directory: options.directory,
    ...(options.processes === undefined ? {} : { processes: options.processes }),
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  });
  let control: ControlPort | undefined;
  let releases: Releases | undefined;
  let guard: GuardedServer | undefined;
  const closeAll = async (): Promise<void> => {
    await releases?.close();
    await guard?.close();
    await control?.close();
    await store.close();
  };
  try {
    control = await controlOf(options);
    const { trust, inventory, links, ratePerLink, linkTime } = options;
    const crypto = options.crypto ?? nodeCrypto();
    const bus = eventBus();
    const nowMs = (): number => clock.nowMs();
    const intake: Intake = { store, crypto, trust, settings, inventory, nowMs };
    await sweepUnlessFull(store, settings, clock, report);
    releases = openReleases({
      store,
      crypto,
      trust,
      inventory,
      links,
      control,
      clock,
      settings,
      bus,
      report,
      ...(ratePerLink === undefined ? {} : { ratePerLink }),
      ...(linkTime === undefined ? {} : { linkTime }),
    });
    const rooms: Rooms = { intake, releases, inventory, bus };
    guard = serverOf(options, rooms, report);
    const { port, host } = await listen(guard, options);
    const sweeping = everySoOften(clock, () => sweepUnlessFull(store, settings, clock, report));
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
      port,
      get state() {
        return store.state;
      },
      events: bus,
      sweep: () => sweep(store, settings, clock.nowMs()),
      async close() {
        sweeping();
        bus.close();
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** The store's journal is made before that of the control, so a control alone is what somebody left when deleting. */
function checkStoreBesideControl(files: FilePort, directory: string): void {
  if (!hasJournal(files, `${directory}/control`) || hasJournal(files, directory)) return;
  throw new DcoError(
    'storage-corrupt',
    `${directory} was deleted in part: the control remembers what it countersigned, and the store's journal is gone; restore the directory from a copy, or delete all of it to begin anew`,
  );
}

async function controlOf(options: DcoOptions): Promise<ControlPort> {
  const { control, directory, trust } = options;
  if ('countersign' in control) return control;
  const text = (keys: readonly Uint8Array[]): readonly string[] =>
    keys.map((key) => Buffer.from(key).toString('base64'));
  return startControlProcess(
    {
      storeDirectory: directory,
      controlDirectory: `${directory}/control`,
      keyPath: control.keyPath,
      allowDemo: control.allowDemo ?? false,
      manufacturerKeys: text(trust.manufacturer),
      supplierKeys: text(trust.supplier),
      policy: { ...DEFAULT_CONTROL_POLICY, ...control.policy },
    },
    control.mainPath,
  );
}

function serverOf(options: DcoOptions, rooms: Rooms, report: (error: unknown) => void): GuardedServer {
  const { allowedHosts, allowedOrigins } = options.listen;
  try {
    return guardServer({
      token: options.token,
      ...(allowedHosts === undefined ? {} : { allowedHosts }),
      ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
      limits: { bodyBytesMax: BODY_BYTES_MAX },
      handler: (request) => answer(rooms, request),
      report,
    });
  } catch (error) {
    throw guardFault(error);
  }
}

async function listen(
  guard: GuardedServer,
  options: DcoOptions,
): Promise<{ readonly port: number; readonly host: string }> {
  try {
    return await guard.listen(options.listen.port, options.listen.host);
  } catch (error) {
    throw guardFault(error);
  }
}

function guardFault(error: unknown): unknown {
  return error instanceof GuardError ? new DcoError(error.code, error.message, { cause: error }) : error;
}

/** A disk that is full stops nobody from being asked: what could not be forgotten today is forgotten later. */
async function sweepUnlessFull(
  store: Store,
  settings: DcoSettings,
  clock: Clock,
  report: (error: unknown) => void,
): Promise<void> {
  try {
    await sweep(store, settings, clock.nowMs());
  } catch (error) {
    if (!(error instanceof DcoError && error.code === 'storage-full')) report(error);
  }
}

function everySoOften(clock: Clock, act: () => Promise<void>): () => void {
  let cancel: () => void;
  let isOver = false;
  const arm = (): void => {
    cancel = clock.at(clock.nowMs() + RETENTION_EVERY_MS, () => {
      void act().then(() => {
        if (!isOver) arm();
      });
    });
  };
  arm();
  return () => {
    isOver = true;
    cancel();
  };
}
