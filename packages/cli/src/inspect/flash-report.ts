/** Everything that a flash says of its meter, as plain data. Nothing here writes to it. */
import {
  bootCryptoOf,
  EmulatorError,
  imageHeaderReader,
  offerOf,
  otherSlot,
  readBootState,
  readIdentity,
  readSlotHeader,
  SecurityLog,
  StagingStore,
  trustOf,
  verifySlot,
  type BootPorts,
  type BootState,
  type DeviceIdentity,
  type NorFlash,
  type SlotFault,
  type SlotIndex,
} from '@smets1/emulator';
import { nodeCrypto } from '@smets1/host';
import { crc32, formatDeviceId } from '@smets1/protocol';
import { hex, hexNumber, versionText } from '../output/style.js';
import { meterReport, type MeterReport } from './meter-report.js';

/** A part of the report, or why it could not be made. */
export type Part<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export interface WearReport {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** Erases, sector by sector. */
  readonly counts: readonly number[];
}

export interface SlotReport {
  readonly slot: SlotIndex;
  /** What boot would do with it. */
  readonly role: 'runs' | 'pending' | 'staged' | 'previous' | undefined;
  /** What its header says of it; none without a header that is intact and signed. */
  readonly image:
    | {
        readonly version: string;
        readonly securityCounter: number;
        readonly bytes: number;
        readonly hash: string;
        readonly manifestDigest: string;
      }
    | undefined;
  /** Header, hash over every octet, signatures. */
  readonly verified: boolean;
  readonly fault: SlotFault | undefined;
}

export interface BootCopy {
  readonly partition: 'boot-a' | 'boot-b';
  /** Of the partition. */
  readonly sector: number;
  /** Undefined in one that holds no record that can be read. */
  readonly state: Part<BootState | undefined>;
}

export interface StagingReport {
  readonly slot: SlotIndex;
  readonly version: string;
  readonly blockCount: number;
  readonly durableBlocks: number;
  readonly sealed: boolean;
  /** One hex digit for four blocks, block 0 in the lowest bit of the first two digits, as the meter reports it. */
  readonly map: string;
}

export interface FlashReport {
  readonly sizeBytes: number;
  readonly granuleBytes: number;
  readonly granuleRewritable: boolean;
  readonly erasedValue: string;
  readonly sectorCount: number;
  readonly partitions: readonly {
    readonly name: string;
    readonly offsetBytes: number;
    readonly lengthBytes: number;
    readonly sectors: number;
    readonly wear: Omit<WearReport, 'counts'>;
  }[];
  readonly wear: WearReport;
  readonly identity: Part<{
    readonly deviceId: string;
    readonly manufacturer: string;
    readonly imageType: string;
    readonly hardware: string;
    readonly trust: readonly { readonly role: string; readonly publicKey: string }[];
  }>;
  readonly boot: Part<BootState>;
  /** What each erase unit of boot's records says by itself; the newest state counts. */
  readonly bootCopies: readonly BootCopy[];
  readonly slots: readonly SlotReport[];
  readonly staging: Part<StagingReport | undefined>;
  readonly meter: Part<MeterReport | undefined>;
  readonly securityLog: Part<
    readonly { readonly timestampS: number; readonly code: string; readonly bootEpoch: number }[]
  >;
}

/** Looks at a copy: the flash itself is neither read nor written, and may be without power. */
export function reportOf(original: NorFlash): FlashReport {
  const flash = original.fork();
  const { geometry, partitions } = flash.layout;
  const counts = flash.sectors.map(({ index }) => flash.wear(index));
  const identity = part(() => readIdentity(flash, crc32));
  const known = identity.ok ? identity.value : undefined;
  const boot = part(() => readBootState(flash, { crc32 }));
  const state = boot.ok ? boot.value : undefined;
  return {
    sizeBytes: flash.sizeBytes,
    granuleBytes: geometry.granuleBytes,
    granuleRewritable: geometry.granuleRewritable,
    erasedValue: hexNumber(geometry.erasedValue, 2),
    sectorCount: flash.sectors.length,
    partitions: partitions.map(({ name, offsetBytes, lengthBytes }) => {
      const inside = flash.sectors.filter(
        (s) => s.offsetBytes >= offsetBytes && s.offsetBytes < offsetBytes + lengthBytes,
      );
      const { counts: _, ...wear } = wearOf(inside.map(({ index }) => counts[index]!));
      return { name, offsetBytes, lengthBytes, sectors: inside.length, wear };
    }),
    wear: wearOf(counts),
    identity: identityPart(identity),
    boot,
    bootCopies: BOOT_PARTITIONS.flatMap((partition) =>
      flash.partition(partition).sectors.map(({ index }) => ({
        partition,
        sector: index,
        state: part(() => copyOf(flash, partition, index)),
      })),
    ),
    slots: ([0, 1] as const).map((slot) => slotReport(flash, known, state, slot)),
    staging: part(() => stagingReport(flash, known, state)),
    meter: part(() => meterReport(flash)),
    securityLog: part(() =>
      new SecurityLog(flash, crc32).entries.map((entry) => ({ ...entry, code: `0x${hexNumber(entry.code, 4)}` })),
    ),
  };
}

const BOOT_PARTITIONS = ['boot-a', 'boot-b'] as const;

/** What boot would know, were this sector all that is left of its records. */
function copyOf(flash: NorFlash, partition: BootCopy['partition'], sector: number): BootState | undefined {
  const alone = flash.fork();
  for (const name of BOOT_PARTITIONS) {
    const region = alone.partition(name);
    for (const { index } of region.sectors) if (name !== partition || index !== sector) region.eraseSector(index);
  }
  const state = readBootState(alone, { crc32 });
  return state.confirmed === undefined && state.bootEpoch === 0 ? undefined : state;
}

function wearOf(counts: readonly number[]): WearReport {
  const sum = counts.reduce((total, count) => total + count, 0);
  return {
    min: counts.length === 0 ? 0 : Math.min(...counts),
    mean: counts.length === 0 ? 0 : sum / counts.length,
    max: Math.max(0, ...counts),
    counts,
  };
}

/** A flash that is spoilt somewhere still tells the rest. */
function part<T>(read: () => T): Part<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof EmulatorError) return { ok: false, why: error.message };
    throw error;
  }
}

function identityPart(read: Part<DeviceIdentity | undefined>): FlashReport['identity'] {
  if (!read.ok) return read;
  const { value } = read;
  if (value === undefined) return { ok: false, why: 'no identity can be read' };
  return {
    ok: true,
    value: {
      deviceId: formatDeviceId(value.eui64),
      manufacturer: hexNumber(value.manufacturerCode, 4),
      imageType: hexNumber(value.imageType, 4),
      hardware: hexNumber(value.hardwareVersion, 4),
      trust: value.trustAnchors.map(({ role, publicKey }) => ({ role, publicKey: hex(publicKey) })),
    },
  };
}

function bootPortsOf(identity: DeviceIdentity | undefined): BootPorts {
  const crypto = nodeCrypto();
  const trust = trustOf(identity);
  return {
    crypto: bootCryptoOf(crypto, crc32, trust),
    readImageHeader: imageHeaderReader(crypto, trust),
    timestampS: 0,
  };
}

function slotReport(
  flash: NorFlash,
  identity: DeviceIdentity | undefined,
  state: BootState | undefined,
  slot: SlotIndex,
): SlotReport {
  const ports = bootPortsOf(identity);
  const blob = part(() => readSlotHeader(flash, ports.crypto, slot));
  const header = blob.ok && blob.value !== undefined ? part(() => ports.readImageHeader(blob.value!)) : undefined;
  const image = header?.ok === true ? header.value : undefined;
  const checked = part(() => verifySlot(flash, ports, slot, { identity }));
  return {
    slot,
    role: roleOf(state, slot),
    image: image && {
      version: versionText(image.fileVersion),
      securityCounter: image.securityCounter,
      bytes: image.imageBytes,
      hash: hex(image.imageHash),
      manifestDigest: hex(image.manifestDigest),
    },
    verified: checked.ok && checked.value.ok,
    fault: checked.ok && !checked.value.ok ? checked.value.fault : undefined,
  };
}

function roleOf(state: BootState | undefined, slot: SlotIndex): SlotReport['role'] {
  if (state === undefined) return undefined;
  if (state.pending?.slot === slot) return 'pending';
  if (state.confirmed?.slot === slot) return 'runs';
  if (state.staged?.slot === slot) return 'staged';
  return state.confirmed?.previous?.slot === slot ? 'previous' : undefined;
}

function stagingReport(
  flash: NorFlash,
  identity: DeviceIdentity | undefined,
  state: BootState | undefined,
): StagingReport | undefined {
  if (state === undefined) return undefined;
  const crypto = nodeCrypto();
  const trust = trustOf(identity);
  const slot = otherSlot(state.confirmed?.slot ?? 1);
  const store = new StagingStore(flash, bootCryptoOf(crypto, crc32, trust), slot, (blob) =>
    offerOf(blob, crypto, trust),
  );
  const held = store.recovered(state);
  if (held === undefined) return undefined;
  return {
    slot,
    version: versionText(held.manifest.fileVersion),
    blockCount: held.map.blockCount,
    durableBlocks: held.map.durableCount,
    sealed: held.sealed,
    map: hex(held.map.bits),
  };
}
