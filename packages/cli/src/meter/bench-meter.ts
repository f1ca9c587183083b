/** One virtual meter on real time: its flash in memory or in a file, its links one at a time. */
import {
  createFlash,
  isManufactured,
  loadFlash,
  manufacture,
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
import { crc32 } from '@smets1/protocol';
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
  { profile, seed, anchors }: BenchMeterOptions,
  backing: NodeFlashBacking | undefined,
): { readonly flash: NorFlash; readonly isNew: boolean } {
  const hasFile = backing !== undefined && !backing.isNew;
  const flash = hasFile
    ? loadFlash(backing.read(), crc32, backing)
    : createFlash(profile.layout, backing === undefined ? undefined : { backing, crc32 });
  if (isManufactured(flash)) return { flash, isNew: false };
  const first = makeFirstImage(profile, seed);
  const identity = {
    eui64: profile.deviceId,
    manufacturerCode: profile.manufacturerCode,
    imageType: profile.imageType,
    hardwareVersion: profile.hardwareVersion,
    deviceClass: DEVICE_CLASS_ESME,
    trustAnchors: [...anchors, ...first.anchors],
  };
  manufacture(flash, nodeCrypto(), identity, first.slotImage);
  flash.sync();
  return { flash, isNew: true };
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
