/** One virtual meter on real time: its flash in memory or in a file, its links one at a time. */
import {
  createFlash,
  isManufactured,
  loadFlash,
  manufacture,
  readIdentity,
  startEsme,
  type Esme,
  type EsmeStart,
  type EsmeView,
  type NorFlash,
  type TrustAnchor,
} from '@smets1/emulator';
import type { Link } from '@smets1/hardware';
import {
  hostMeter,
  nodeCrypto,
  nodeFlashBacking,
  nodeSigner,
  nodeTime,
  type NodeFlashBacking,
  type PrivateKey,
  type TimePort,
} from '@smets1/host';
import { crc32, equalOctets } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { makeFirstImage } from './first-image.js';
import type { MeterProfile } from './profile.js';

export interface BenchMeterOptions {
  readonly profile: MeterProfile;
  readonly seed: number;
  /** In memory when not given. */
  readonly flashPath: string | undefined;
  /** Of a new meter. A flash file that has a meter keeps what that one trusts. */
  readonly anchors: readonly TrustAnchor[];
  /** The device's own key, with which it signs. */
  readonly deviceKey: PrivateKey;
  readonly onStart?: (start: EsmeStart) => void;
  /** What ended the meter: its file failed, or it has a defect. */
  readonly onFailure: (error: unknown) => void;
}

export interface BenchMeter {
  /** True when it was made just now. */
  readonly isNew: boolean;
  view(): EsmeView;
  /** From now on it speaks on this link; the one before is closed. */
  attach(link: Link): void;
  /** Powers it off in order: its register is in flash, its file is safe and free. */
  close(): Promise<void>;
}

/**
 * @throws HostError `file-locked`, `file-failed`; FlashFileError for a file that holds no flash; MeterError for a profile that makes none
 */
export function openBenchMeter(options: BenchMeterOptions): BenchMeter {
  const { profile, flashPath } = options;
  const time = nodeTime();
  const backing = flashPath === undefined ? undefined : nodeFlashBacking(flashPath);
  try {
    const { flash, isNew } = openFlash(options, backing);
    const esme = startEsme(
      { flash, crypto: nodeCrypto(), signer: nodeSigner({ device: options.deviceKey }) },
      {
        epochS: (Date.now() - time.nowMs()) / 1000,
        loadW: profile.loadW,
        timings: profile.timings,
        selfTest: (version) => !profile.failingVersions.includes(version),
        ...(profile.windowBytes === undefined ? {} : { windowBytes: profile.windowBytes }),
        ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
      },
      time.nowMs(),
    );
    return running({ esme, flash, backing, isNew, time, onFailure: options.onFailure });
  } catch (error) {
    backing?.close();
    throw error;
  }
}

function openFlash(
  options: BenchMeterOptions,
  backing: NodeFlashBacking | undefined,
): { readonly flash: NorFlash; readonly isNew: boolean } {
  if (backing === undefined || backing.isNew) return { flash: newFlash(options, backing), isNew: true };
  const flash = loadFlash(backing.read(), crc32, backing);
  const identity = readIdentity(flash, crc32);
  // A file appears only once its meter is finished, so what is missing in it was lost: nothing is written over the rest.
  if (identity === undefined || !isManufactured(flash)) {
    const lost = identity === undefined ? 'identity' : 'boot records';
    const cause = `the ${lost} of the meter in ${options.flashPath} cannot be read`;
    throw new CliError('storage-failed', `${cause}; the file was left as it is. Keep a copy, and name another file`);
  }
  const made = identity.trustAnchors.find(({ role }) => role === 'device')?.publicKey;
  if (made !== undefined && !equalOctets(made, options.deviceKey.publicKey)) {
    const cause = `the meter in ${options.flashPath} has another device key`;
    throw new CliError('usage', `${cause}; name the keys it was made with: --trust DIR, or --device-key PEM`);
  }
  return { flash, isNew: false };
}

/** A meter on a flash of its own; its file appears under its name when the meter is finished, not before. */
function newFlash(
  { profile, seed, anchors, deviceKey }: BenchMeterOptions,
  backing: NodeFlashBacking | undefined,
): NorFlash {
  let isFinished = false;
  const draft = backing && {
    writeAt: (offsetBytes: number, octets: Uint8Array) => backing.writeAt(offsetBytes, octets),
    sync: () => {
      if (isFinished) backing.sync();
    },
  };
  const flash = createFlash(profile.layout, draft && { backing: draft, crc32 });
  const first = makeFirstImage(profile, seed);
  const identity = {
    eui64: profile.deviceId,
    manufacturerCode: profile.manufacturerCode,
    imageType: profile.imageType,
    hardwareVersion: profile.hardwareVersion,
    deviceClass: DEVICE_CLASS_ESME,
    trustAnchors: [...anchors, ...first.anchors, { role: 'device' as const, publicKey: deviceKey.publicKey }],
  };
  manufacture(flash, nodeCrypto(), identity, first.slotImage);
  isFinished = true;
  flash.sync();
  return flash;
}

const DEVICE_CLASS_ESME = 1;

interface Running {
  readonly esme: Esme;
  readonly flash: NorFlash;
  readonly backing: NodeFlashBacking | undefined;
  readonly isNew: boolean;
  readonly time: TimePort;
  readonly onFailure: (error: unknown) => void;
}

function running({ esme, flash, backing, isNew, time, onFailure }: Running): BenchMeter {
  const hosted = hostMeter(esme, { time, onFailure });
  return {
    isNew,
    view: () => esme.view(time.nowMs()),
    attach: (link) => hosted.attach(link),
    close: async () => {
      await hosted.stop();
      try {
        esme.flush(time.nowMs());
        flash.sync();
      } finally {
        backing?.close();
      }
    },
  };
}
