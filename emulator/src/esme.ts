/**
 * One meter, wired: flash, boot, firmware, metering. It is told what time it is and what came from a link; it gives back frames. A restart
 * happens inside, and metering goes on through it; a power cut comes out as PowerLost, and the meter is made again from its flash.
 */
import { crc32, toHex, type CryptoPort, type SignerPort } from '@smets1/protocol';
import { boot, type BootResult } from './boot/boot.js';
import { readBootState } from './boot/boot-records.js';
import type { BootPorts } from './boot/boot-crypto.js';
import { factoryInstall, type SlotImage } from './boot/factory.js';
import { MeterError } from './errors.js';
import type { FirmwareBehaviour } from './firmware/behaviour.js';
import { CrashRegister } from './firmware/crash-register.js';
import { Firmware, type FirmwareTimings } from './firmware/firmware.js';
import { bootCryptoOf, imageHeaderReader, trustOf } from './firmware/image-header.js';
import type { FlashPort, PartitionName } from './flash/flash-port.js';
import { restrictFlash } from './flash/region.js';
import { RESTART_DELAY_MS, SELF_TEST_MS, WINDOW_BYTES_DEFAULT } from './limits.js';
import { eraseIdentity, provision, readIdentity, type DeviceIdentity } from './meter/identity.js';
import { constantLoad, type LoadSource } from './meter/load-source.js';
import { openMeter } from './meter/meter.js';
import type {
  MeterCommand,
  MeterCommandResult,
  MeterLogs,
  MeterView,
  ProfileChannel,
  ProfileEntry,
} from './meter/meter-types.js';
import type { MeterSettings } from './meter/settings.js';
import { SecurityLog, type SecurityEntry } from './meter/security-log.js';
import type { DeviceQuirks } from './profiles/device-profile.js';

export interface EsmePorts {
  /** Its clock of operations, where it has one, makes the meter slow. */
  readonly flash: FlashPort & { readonly elapsedUs?: number };
  readonly crypto: CryptoPort;
  /** Signs as the device: its key never stands in the flash that an update can reach. */
  readonly signer: SignerPort;
}

export interface EsmeOptions {
  /** Whole seconds since 1970 (UTC) at machine time 0. */
  readonly epochS?: number;
  /** What the home draws and gives; nothing unless given. */
  readonly load?: LoadSource;
  /** Short for a load that draws the same power at all times, in watts. */
  readonly loadW?: number;
  /** What a new meter is configured with; later, what stands in its flash counts. */
  readonly settings?: MeterSettings;
  readonly windowBytes?: number;
  readonly timings?: Partial<FirmwareTimings>;
  /** How this family deviates; not at all unless said. */
  readonly quirks?: DeviceQuirks;
  /** How images behave, by version, for tests; all are healthy unless said. */
  readonly behaviour?: (fileVersion: number) => FirmwareBehaviour;
  /** Whether an image on trial finds itself well; all do unless said. */
  readonly selfTest?: (fileVersion: number) => boolean;
  /** Told of every start. */
  readonly onStart?: (start: EsmeStart) => void;
}

export interface EsmeStart {
  readonly phase: BootResult['phase'];
  readonly bootEpoch: number;
  readonly runningVersion: number;
}

/** What can be seen of a meter from outside: plain data, for people, tests and digests. */
export interface EsmeView {
  readonly deviceId: string;
  readonly mode: BootResult['phase'];
  readonly bootEpoch: number;
  readonly runningVersion: number;
  readonly runningHash: string;
  readonly securityCounter: number;
  readonly originatorCounter: bigint;
  readonly activeSlot: number | undefined;
  readonly held:
    | {
        readonly manifestDigest: string;
        readonly durableCount: number;
        readonly blockCount: number;
        readonly sealed: boolean;
      }
    | undefined;
  readonly importWh: number;
  readonly securityLog: readonly SecurityEntry[];
}

export interface Esme {
  /** A frame from a link; the frames that answer it. @throws PowerLost */
  hear(frame: Uint8Array, nowMs: number): readonly Uint8Array[];
  /** Time has come: see {@link wakeAtMs}. What it gives back goes to whoever was heard last. @throws PowerLost */
  tick(nowMs: number): readonly Uint8Array[];
  /** When `tick` is owed. */
  wakeAtMs(): number;
  /** Everything counted so far is in flash afterwards. @throws PowerLost */
  flush(nowMs: number): void;
  readonly meter: EsmeMeter;
  view(nowMs: number): EsmeView;
  /** How long flash was at work for the last `hear` or `tick`, in ms; 0 on flash without timings. */
  busyMs(): number;
}

/** The metering part: what a Supplier asks of it, and what an inspector sees. Each call counts up to `nowMs` first. @throws PowerLost */
export interface EsmeMeter {
  command(command: MeterCommand, nowMs: number): MeterCommandResult;
  view(nowMs: number): MeterView;
  logs(nowMs: number): MeterLogs;
  profile(channel: ProfileChannel, nowMs: number, fromS?: number, untilS?: number): readonly ProfileEntry[];
}

/** What receiver, staging and boot may touch: not one octet of what the meter measured. */
const UPDATE_PARTITIONS: readonly PartitionName[] = [
  'boot-a',
  'boot-b',
  'identity',
  'staging',
  'security-log',
  'slot-0',
  'slot-1',
];
/** What the code of an image may touch by itself; boot's records only through boot's own functions. */
const IMAGE_PARTITIONS: readonly PartitionName[] = ['staging', 'security-log'];
/** What metering may touch. No update reaches it, and it reaches no update. */
const METER_PARTITIONS: readonly PartitionName[] = ['meter', 'profile', 'event-log', 'power-log'];

/**
 * Makes a new meter: its identity and the first image that it runs. On an empty flash, or one where this was cut off before.
 *
 * @throws MeterError `already-provisioned`, `bad-identity`; BootError `not-verified`, `already-installed`; FlashError; PowerLost
 */
export function manufacture(flash: FlashPort, crypto: CryptoPort, identity: DeviceIdentity, first: SlotImage): void {
  // Cut off before it had an image to run, it is no meter yet, whatever identity stands there: begun again from the start.
  const { confirmed } = readBootState(flash, { crc32 });
  if (confirmed === undefined) eraseIdentity(flash);
  provision(flash, crc32, identity);
  factoryInstall(flash, bootPorts(crypto, identity, 0), first);
}

/**
 * Powers a meter on.
 *
 * @throws MeterError `not-provisioned` for a flash without an identity; FlashError; PowerLost
 */
export function startEsme(ports: EsmePorts, options: EsmeOptions, nowMs: number): Esme {
  const { flash, crypto } = ports;
  const updateFlash = restrictFlash(flash, UPDATE_PARTITIONS);
  const ownFlash = restrictFlash(flash, IMAGE_PARTITIONS);
  const crashes = new CrashRegister();
  const identity = readIdentity(flash, crc32);
  if (identity === undefined)
    throw new MeterError('not-provisioned', 'this flash has no identity; manufacture the meter first');
  const epochS = Math.floor(options.epochS ?? 0);
  const hostS = (atMs: number): number => epochS + Math.floor(atMs / 1000);
  const timings = { restartDelayMs: RESTART_DELAY_MS, selfTestMs: SELF_TEST_MS, ...options.timings };
  const load = options.load ?? constantLoad(options.loadW ?? 0);
  const metering = { load, ...(options.settings !== undefined && { settings: options.settings }) };
  const meter = openMeter(restrictFlash(flash, METER_PARTITIONS), crc32, metering, hostS(nowMs));
  let busyMs = 0;
  let booted: BootResult;
  let firmware = powerOn(nowMs);

  function powerOn(atMs: number): Firmware {
    const trust = trustOf(identity);
    const bootSide = bootPorts(crypto, identity!, nowS(atMs));
    const { readImageHeader } = bootSide;
    booted = boot(updateFlash, {
      ...bootSide,
      readImageHeader(blob) {
        const header = readImageHeader(blob);
        return header !== undefined && crashes.trusts(header.imageHash) ? header : undefined;
      },
    });
    const started = new Firmware(
      {
        ...ports,
        flash: updateFlash,
        ownFlash,
        boot: bootSide,
        trust,
        identity: identity!,
        windowBytes: options.windowBytes ?? options.quirks?.windowBytes ?? WINDOW_BYTES_DEFAULT,
        timings,
        quirks: options.quirks ?? {},
        behaviour: options.behaviour ?? (() => 'healthy'),
        selfTest: options.selfTest ?? (() => true),
        nowS,
      },
      booted,
      atMs,
    );
    const { runningVersion, bootEpoch, mode: phase } = started.receiver.device;
    options.onStart?.({ phase, bootEpoch, runningVersion });
    return started;
  }

  /** Metering is a matter of time alone: nothing that the firmware does, or that happens to it, touches it. */
  function meterTo(atMs: number): void {
    meter.advance(hostS(atMs));
  }

  /** The meter's own clock. */
  function nowS(atMs: number): number {
    meterTo(atMs);
    return meter.clockUtcS();
  }

  function restartIfDue(atMs: number): void {
    const cause = firmware.restartDue(atMs);
    if (cause === undefined) return;
    // As the firmware has it: what began as a trial may have confirmed since.
    const { mode, runningHash } = firmware.receiver.device;
    if (cause === 'activation') crashes.clear();
    else crashes.crashed(runningHash, mode === 'trial' ? (booted.state.trial?.bootCount ?? 0) : undefined);
    firmware = powerOn(atMs);
  }

  /** Does `work`, and notes how long it kept flash busy. */
  function timed<T>(work: () => T): T {
    const beforeUs = flash.elapsedUs ?? 0;
    const done = work();
    busyMs = ((flash.elapsedUs ?? 0) - beforeUs) / 1000;
    return done;
  }

  return {
    hear: (frame, atMs) =>
      timed(() => {
        meterTo(atMs);
        restartIfDue(atMs);
        return firmware.hear(frame, atMs);
      }),
    tick: (atMs) =>
      timed(() => {
        meterTo(atMs);
        const frames = firmware.tick(atMs);
        restartIfDue(atMs);
        return frames;
      }),
    busyMs: () => busyMs,
    wakeAtMs() {
      return Math.min(firmware.wakeAtMs ?? Infinity, (meter.nextDueS() - epochS) * 1000);
    },
    flush(atMs) {
      meterTo(atMs);
      meter.flush();
    },
    meter: {
      command: (command, atMs) => meter.command(command, hostS(atMs)),
      view(atMs) {
        meterTo(atMs);
        return meter.view();
      },
      logs(atMs) {
        meterTo(atMs);
        return meter.logs();
      },
      profile(channel, atMs, fromS, untilS) {
        meterTo(atMs);
        return meter.profile(channel, fromS, untilS);
      },
    },
    view(atMs) {
      meterTo(atMs);
      const { device, held, activation } = firmware.receiver;
      return {
        deviceId: toHex(device.deviceId),
        mode: device.mode,
        bootEpoch: device.bootEpoch,
        runningVersion: device.runningVersion,
        runningHash: toHex(device.runningHash),
        securityCounter: device.securityCounter,
        originatorCounter: activation.originatorCounter,
        activeSlot: booted.phase === 'recovery' ? undefined : booted.slot,
        held: held && {
          manifestDigest: toHex(held.manifestDigest),
          durableCount: held.map.durableCount,
          blockCount: held.map.blockCount,
          sealed: held.sealed,
        },
        importWh: meter.view().activeImportRegisterWh,
        securityLog: new SecurityLog(flash, crc32).entries,
      };
    },
  };
}

/** True when a flash has an identity and a confirmed image: a meter that was manufactured to the end. */
export function isManufactured(flash: FlashPort): boolean {
  return readIdentity(flash, crc32) !== undefined && readBootState(flash, { crc32 }).confirmed !== undefined;
}

function bootPorts(crypto: CryptoPort, identity: DeviceIdentity, timestampS: number): BootPorts {
  const trust = trustOf(identity);
  return { crypto: bootCryptoOf(crypto, crc32, trust), readImageHeader: imageHeaderReader(crypto, trust), timestampS };
}
