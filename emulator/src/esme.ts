/**
 * One meter, wired: flash, boot, firmware, register. It is told what time it is, what came from a link and how much energy flowed;
 * it gives back frames. A planned restart happens inside; a power cut comes out as PowerLost, and the meter is made again from its flash.
 */
import { crc32, toHex, type CryptoPort, type SignerPort } from '@smets1/protocol';
import { boot, type BootResult } from './boot/boot.js';
import { readBootState } from './boot/boot-records.js';
import type { BootPorts } from './boot/boot-crypto.js';
import { factoryInstall, type SlotImage } from './boot/factory.js';
import { MeterError } from './errors.js';
import { Firmware, type FirmwareTimings } from './firmware/firmware.js';
import { bootCryptoOf, imageHeaderReader, trustOf } from './firmware/image-header.js';
import type { FlashPort } from './flash/flash-port.js';
import {
  METERING_INTERVAL_MS,
  METERING_STEP_MS_MAX,
  RESTART_DELAY_MS,
  SELF_TEST_MS,
  WINDOW_BYTES_DEFAULT,
} from './limits.js';
import { eraseIdentity, provision, readIdentity, type DeviceIdentity } from './meter/identity.js';
import { meterStep, RegisterStore, type MeterInput, type MeterState } from './meter/import-register.js';
import { SecurityLog, type SecurityEntry } from './meter/security-log.js';

export interface EsmePorts {
  readonly flash: FlashPort;
  readonly crypto: CryptoPort;
  /** Signs as the device: its key never stands in the flash that an update can reach. */
  readonly signer: SignerPort;
}

export interface EsmeOptions {
  /** Seconds since 1970 (UTC) at machine time 0. */
  readonly epochS?: number;
  /** Power that the home draws, in watts. */
  readonly loadW?: number;
  readonly windowBytes?: number;
  readonly timings?: Partial<FirmwareTimings>;
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
  /** Brings the register up to date and into flash. @throws PowerLost */
  flush(nowMs: number): void;
  view(nowMs: number): EsmeView;
}

const WATT_MS_PER_WATT_SECOND = 1000;

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
  const identity = readIdentity(flash, crc32);
  if (identity === undefined)
    throw new MeterError('not-provisioned', 'this flash has no identity; manufacture the meter first');
  const epochS = options.epochS ?? 0;
  const nowS = (atMs: number): number => Math.floor(epochS + atMs / 1000);
  const timings = { restartDelayMs: RESTART_DELAY_MS, selfTestMs: SELF_TEST_MS, ...options.timings };
  const registers = new RegisterStore(flash, crc32);
  let register: MeterState = registers.read();
  let meteredAtMs = nowMs;
  let booted: BootResult;
  let firmware = powerOn(nowMs);

  function powerOn(atMs: number): Firmware {
    const trust = trustOf(identity);
    const bootSide = bootPorts(crypto, identity!, nowS(atMs));
    booted = boot(flash, bootSide);
    const started = new Firmware(
      {
        ...ports,
        boot: bootSide,
        trust,
        identity: identity!,
        windowBytes: options.windowBytes ?? WINDOW_BYTES_DEFAULT,
        timings,
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

  /** Metering is a matter of time alone: nothing that the firmware does, or that happens to it, touches the register. */
  function meterTo(atMs: number): void {
    const loadW = options.loadW ?? 0;
    while (meteredAtMs < atMs) {
      const stepMs = Math.min(atMs - meteredAtMs, METERING_STEP_MS_MAX);
      const wattSeconds = Math.floor((loadW * stepMs) / WATT_MS_PER_WATT_SECOND);
      // Time that has not yet made a whole watt-second is left for the next step.
      const spentMs = loadW > 0 ? Math.ceil((wattSeconds * WATT_MS_PER_WATT_SECOND) / loadW) : stepMs;
      if (wattSeconds === 0 && loadW > 0) return;
      meteredAtMs += Math.min(spentMs, stepMs);
      count({ kind: 'energy', wattSeconds });
    }
  }

  function count(input: MeterInput): void {
    const { state, effects } = meterStep(register, input);
    register = state;
    for (const effect of effects) register = meterStep(register, registers.persist(effect)).state;
  }

  function restartIfDue(atMs: number): void {
    if (!firmware.restartIsDue(atMs)) return;
    count({ kind: 'flush' });
    firmware = powerOn(atMs);
  }

  return {
    hear(frame, atMs) {
      meterTo(atMs);
      restartIfDue(atMs);
      return firmware.hear(frame, atMs);
    },
    tick(atMs) {
      meterTo(atMs);
      const frames = firmware.tick(atMs);
      restartIfDue(atMs);
      return frames;
    },
    wakeAtMs() {
      return Math.min(firmware.wakeAtMs ?? Infinity, meteredAtMs + METERING_INTERVAL_MS);
    },
    flush(atMs) {
      meterTo(atMs);
      count({ kind: 'flush' });
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
        importWh: register.importWh,
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
