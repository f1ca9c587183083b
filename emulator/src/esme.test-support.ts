/** A bench without wires: images, packages and authorisations made with the demonstration keys, and a sender that talks to a meter on virtual time. */
import {
  createWorld,
  demoKey,
  nodeCrypto,
  nodeSigner,
  runMeterInWorld,
  runSenderInWorld,
  worldLink,
} from '@smets1/host';
import {
  buildOtaImage,
  buildPackage,
  countersign,
  runTask,
  signAuthorisation,
  verifyPackage,
  type SendableImage,
  type SenderEvent,
  type SenderPlan,
  type SenderResult,
  type SenderStats,
} from '@smets1/protocol';
import { PowerLost } from './errors.js';
import type { Esme } from './esme.js';
import { blobOf } from './firmware/image-header.js';
import type { DeviceIdentity } from './meter/identity.js';
import type { SlotImage } from './boot/factory.js';

export const crypto = nodeCrypto();
const keys = {
  manufacturer: demoKey('manufacturer'),
  supplier: demoKey('supplier'),
  dco: demoKey('dco'),
  device: demoKey('device'),
};
export const signer = nodeSigner(keys);
const DEVICE_ID: Uint8Array = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0);

export const IDENTITY: DeviceIdentity = {
  eui64: DEVICE_ID,
  manufacturerCode: 0x121d,
  imageType: 1,
  hardwareVersion: 0x1150,
  deviceClass: 1,
  trustAnchors: [
    { role: 'manufacturer', publicKey: keys.manufacturer.publicKey },
    { role: 'supplier', publicKey: keys.supplier.publicKey },
    { role: 'dco', publicKey: keys.dco.publicKey },
  ],
};

export interface ImageWish {
  readonly imageBytes: number;
  readonly fileVersion: number;
  readonly securityCounter?: number;
  readonly blockShift?: number;
  readonly seed?: number;
}

/** A signed image of octets that no two seeds share, in blocks. */
export function makeImage(wish: ImageWish): SendableImage {
  let word = (wish.seed ?? wish.fileVersion) | 1;
  const manufacturerImage = Uint8Array.from({ length: wish.imageBytes }, () => {
    word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return word >>> 24;
  });
  const { manufacturerCode, imageType } = IDENTITY;
  const { fileVersion } = wish;
  const image = {
    manufacturerImage,
    manufacturerCode,
    imageType,
    fileVersion,
    hardwareMin: 0x1100,
    hardwareMax: 0x11ff,
  };
  const otaImage = runTask(buildOtaImage(image), crypto, signer);
  const fields = {
    otaImage,
    manufacturerKey: keys.manufacturer.publicKey,
    blockShift: wish.blockShift ?? 12,
    securityCounter: wish.securityCounter ?? fileVersion,
  };
  const octets = runTask(buildPackage(fields), crypto, signer);
  const verified = runTask(
    verifyPackage(octets, { manufacturer: [keys.manufacturer.publicKey], supplier: [keys.supplier.publicKey] }),
    crypto,
  );
  if (!verified.ok) throw new Error(verified.fault.detail);
  const { manifest, digest: manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks } = verified.value;
  return { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks };
}

export function slotImageOf(image: SendableImage): SlotImage {
  const octets = new Uint8Array(image.manifest.imageBytes);
  image.blocks.forEach((block, i) => octets.set(block.subarray(0, -64), i * 2 ** image.manifest.blockShift));
  return { offerBlob: blobOf(image), image: octets };
}

export function authorise(
  image: SendableImage,
  originatorCounter: bigint,
  deviceId: Uint8Array = DEVICE_ID,
): Uint8Array {
  const signed = signAuthorisation({
    deviceId,
    imageHash: image.manifest.imageHash,
    manifestDigest: image.manifestDigest,
    originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
    originatorCounter,
    notBeforeS: 0,
    notAfterS: 0xffffffff,
  });
  return runTask(countersign(runTask(signed, crypto, signer)), crypto, signer);
}

export function planOf(image: SendableImage | undefined, authorisation?: Uint8Array, replace = false): SenderPlan {
  return { image, authorisation, replace, deviceId: undefined, octetsPerSecond: undefined, random: new Uint8Array(8) };
}

export interface Delivery {
  readonly result: SenderResult;
  readonly stats: SenderStats;
  readonly events: readonly SenderEvent[];
  readonly nowMs: number;
}

/** Runs a plan against a meter in a world of its own until it ends, from `startMs` of the meter's time on. @throws PowerLost */
export function deliver(meter: Esme, plan: SenderPlan, startMs = 0): Delivery {
  const world = createWorld({ seed: 1 });
  const { a, b } = worldLink(world, { latencyMs: 1 });
  const events: SenderEvent[] = [];
  const later = {
    hear: (frame: Uint8Array, atMs: number) => meter.hear(frame, startMs + atMs),
    tick: (atMs: number) => meter.tick(startMs + atMs),
    wakeAtMs: () => meter.wakeAtMs() - startMs,
  };
  runMeterInWorld(world, later, b);
  const onEvent = (event: SenderEvent): void => void events.push(event);
  const sender = runSenderInWorld(world, { plan, end: a, crypto, deviceKey: keys.device.publicKey, onEvent });
  try {
    world.run({ until: () => sender.result() !== undefined });
  } catch (error) {
    if (error instanceof Error && error.cause instanceof PowerLost) throw error.cause;
    throw error;
  }
  const result = sender.result();
  if (result === undefined) throw new Error('the world came to rest before the sender did');
  return { result, stats: sender.state().stats, events, nowMs: startMs + world.now() };
}
