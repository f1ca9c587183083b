/** What one thread makes meters from: the plan opened, its checks shared, its sectors pooled. */
import { blobOf, createFlash, manufacture, SectorPool, startEsme } from '@smets1/emulator';
import type { DeviceIdentity, DeviceProfile, Esme, NorFlash } from '@smets1/emulator';
import { createWorld, nodeCrypto, nodeSigner, type PrivateKey } from '@smets1/host';
import {
  countersign,
  NO_END_S,
  runTask,
  signAuthorisation,
  type SendableImage,
  type SignerPort,
} from '@smets1/protocol';
import { drawFaults, type FaultKind } from './faults.js';
import { deviceIdOf, deviceKeyOf, fleetKeys } from './fleet-keys.js';
import { profileFor, type FleetPlan } from './fleet-plan.js';
import { EPOCH_S, LOAD_W } from './limits.js';
import { openRelease, type Release } from './release.js';
import { shareChecks, type SharedChecks } from './shared-checks.js';

/** One meter of the fleet, before anything has happened to it. */
export interface NewMeter {
  readonly index: number;
  readonly deviceId: Uint8Array;
  readonly deviceKey: PrivateKey;
  /** 16 hex digits. */
  readonly seed: string;
  readonly flash: NorFlash;
}

export interface Workshop {
  readonly plan: FleetPlan;
  readonly release: Release;
  readonly first: Release;
  /** The image of the release as a stranger signed it. */
  readonly foreign: SendableImage;
  readonly faults: ReadonlyMap<number, FaultKind>;
  readonly checks: SharedChecks;
  readonly sectors: SectorPool;
  /** As the factory makes it: its own identity and key, the first firmware. */
  make(index: number): NewMeter;
  /** Powers a meter on. @throws PowerLost */
  start(meter: NewMeter, nowMs: number): Esme;
  /** Permission for one meter to activate one image, signed and countersigned. */
  permit(meter: NewMeter, image: SendableImage): Uint8Array;
}

/** @throws FleetError `package-refused`; BootError, FlashError from `make` for a plan that no meter can be made of */
export function openWorkshop(plan: FleetPlan): Workshop {
  const crypto = nodeCrypto();
  const checks = shareChecks(crypto);
  const keys = fleetKeys(plan.seed);
  const own = { manufacturer: [keys.manufacturer.publicKey], supplier: [keys.supplier.publicKey] };
  const release = openRelease(plan.packageOctets, plan.trust, crypto);
  const first = openRelease(plan.firstPackage, own, crypto);
  const foreign = openRelease(plan.foreignPackage, { ...own, manufacturer: [keys.stranger.publicKey] }, crypto).image;
  const { manifest } = release.image;
  const profile: DeviceProfile = profileFor(plan.profile, manifest.imageBytes);
  const anchors = anchorsOf(plan, [
    { role: 'manufacturer', publicKey: keys.manufacturer.publicKey },
    { role: 'supplier', publicKey: keys.supplier.publicKey },
    { role: 'dco', publicKey: keys.dco.publicKey },
  ]);
  const slotImage = { offerBlob: blobOf(first.image), image: first.octets };
  const headEnd = nodeSigner({ supplier: keys.supplier, dco: keys.dco });
  return {
    plan,
    release,
    first,
    foreign,
    faults: drawFaults(plan.seed, plan.meters, plan.faultRate),
    checks,
    sectors: new SectorPool(),
    make(index) {
      const deviceId = deviceIdOf(index);
      const deviceKey = deviceKeyOf(plan.seed, index);
      const flash = createFlash(profile.layout);
      const identity: DeviceIdentity = {
        eui64: deviceId,
        manufacturerCode: manifest.manufacturerCode,
        imageType: manifest.imageType,
        hardwareVersion: manifest.hardwareMin,
        deviceClass: manifest.deviceClass,
        trustAnchors: [...anchors, { role: 'device', publicKey: deviceKey.publicKey }],
      };
      manufacture(flash, checks, identity, slotImage);
      const seed = Buffer.from(createWorld({ seed: plan.seed }).random(`meter ${index}`).octets(8)).toString('hex');
      return { index, deviceId, deviceKey, seed, flash };
    },
    start({ flash, deviceKey }, nowMs) {
      const signer: SignerPort = nodeSigner({ device: deviceKey });
      const { quirks, timings } = profile;
      return startEsme({ flash, crypto: checks, signer }, { epochS: EPOCH_S, loadW: LOAD_W, quirks, timings }, nowMs);
    },
    permit({ deviceId }, image) {
      const fields = {
        deviceId,
        imageHash: image.manifest.imageHash,
        manifestDigest: image.manifestDigest,
        originator: ORIGINATOR,
        originatorCounter: 1n,
        notBeforeS: 0,
        notAfterS: NO_END_S,
      };
      return runTask(countersign(runTask(signAuthorisation(fields), crypto, headEnd)), crypto, headEnd);
    },
  };
}

/** EUI-64 of a supplier that does not exist. */
const ORIGINATOR = Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00);

type Anchor = DeviceIdentity['trustAnchors'][number];

/** The keys of the release and those of the fleet, each once. */
function anchorsOf({ trust }: FleetPlan, own: readonly Anchor[]): readonly Anchor[] {
  const all: readonly Anchor[] = [
    ...trust.manufacturer.map((publicKey) => ({ role: 'manufacturer' as const, publicKey })),
    ...trust.supplier.map((publicKey) => ({ role: 'supplier' as const, publicKey })),
    ...own,
  ];
  const nameOf = ({ role, publicKey }: Anchor): string => `${role} ${Buffer.from(publicKey).toString('hex')}`;
  return [...new Map(all.map((anchor) => [nameOf(anchor), anchor])).values()];
}
