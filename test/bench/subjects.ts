/** What the benchmark measures: the product's own functions, and the same cryptography called without it. */
import { createHash, createPublicKey, generateKeyPairSync, hash, sign, verify, type KeyObject } from 'node:crypto';
import { crc32 as zlibCrc32 } from 'node:zlib';
import {
  DEFAULT_LAYOUT,
  blobOf,
  createFlash,
  manufacture,
  startEsme,
  type DeviceIdentity,
  type Esme,
  type EsmeOptions,
  type NorFlash,
} from '@smets1/emulator';
import { demoKey, nodeCrypto, nodeSigner } from '@smets1/host';
import {
  blockMessage,
  buildOtaImage,
  buildPackage,
  countersign,
  decodeFromLine,
  decodeMeterMessage,
  encodeForLine,
  encodeHostMessage,
  lineDecoder,
  runTask,
  signAuthorisation,
  startSender,
  stepSender,
  verifyOutcome,
  verifyPackage,
  wakeSenderAtMs,
  type SendableImage,
  type SenderInput,
  type VerifiedPackage,
} from '@smets1/protocol';

const crypto = nodeCrypto();
const keys = {
  manufacturer: demoKey('manufacturer'),
  supplier: demoKey('supplier'),
  dco: demoKey('dco'),
  device: demoKey('device'),
};
const signer = nodeSigner(keys);
const trust = { manufacturer: [keys.manufacturer.publicKey], supplier: [keys.supplier.publicKey] };
const MANUFACTURER_CODE = 0x121d;
const HARDWARE = 0x1150;
const DEVICE_ID = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0);

export interface Subject {
  readonly packageOctets: Uint8Array;
  readonly verified: VerifiedPackage;
}

export function subjectOf(manufacturerImage: Uint8Array, fileVersion: number): Subject {
  const packageOctets = buildFromRaw(manufacturerImage, fileVersion);
  const checked = runTask(verifyPackage(packageOctets, trust), crypto);
  if (!checked.ok) throw new Error(checked.fault.detail);
  return { packageOctets, verified: checked.value };
}

/** The product's build from a raw firmware: image signature, manifest, every block. */
export function buildFromRaw(manufacturerImage: Uint8Array, fileVersion: number): Uint8Array {
  const image = {
    manufacturerImage,
    manufacturerCode: MANUFACTURER_CODE,
    imageType: 1,
    fileVersion,
    hardwareMin: HARDWARE,
    hardwareMax: HARDWARE,
  };
  return build(runTask(buildOtaImage(image), crypto, signer), fileVersion);
}

function build(otaImage: Uint8Array, fileVersion: number): Uint8Array {
  return runTask(
    buildPackage({ otaImage, manufacturerKey: keys.manufacturer.publicKey, securityCounter: fileVersion }),
    crypto,
    signer,
  );
}

export function verifyIt(packageOctets: Uint8Array): boolean {
  const checked = runTask(verifyPackage(packageOctets, trust), crypto);
  if (!checked.ok) throw new Error(checked.fault.detail);
  return true;
}

/** The floor of a build: one signature a block, manifest and image signature, SHA-256 and CRC once each. */
export function floorOfBuild(subject: Subject, key: KeyObject): number {
  const image = imageOf(subject);
  const options = { key, dsaEncoding: 'ieee-p1363' } as const;
  let signed = 0;
  for (const message of messagesOf(subject)) signed += sign('sha256', message, options).length;
  signed += sign('sha256', subject.verified.manifest.octets, options).length;
  signed += sign('sha256', image, options).length;
  signed += hash('sha256', image, 'buffer').length;
  return signed + (zlibCrc32(subject.packageOctets) & 1);
}

/** The floor of a verification: the same operations, checking. */
export function floorOfVerify(subject: Subject, keysOf: FloorKeys): number {
  const image = imageOf(subject);
  let held = verifyBlocks(subject, keysOf);
  held += hash('sha256', image, 'buffer').length;
  return held + (zlibCrc32(subject.packageOctets) & 1);
}

/** The floor of an update: one check a block, manifest and image signature, three SHA-256 and two CRC passes. */
export function floorOfUpdate(subject: Subject, keysOf: FloorKeys): number {
  const image = imageOf(subject);
  let held = verifyBlocks(subject, keysOf);
  for (let pass = 0; pass < 3; pass++) held += createHash('sha256').update(image).digest().length;
  for (let pass = 0; pass < 2; pass++) held += zlibCrc32(subject.packageOctets) & 1;
  return held;
}

export interface FloorKeys {
  readonly manufacturer: KeyObject;
  readonly supplier: KeyObject;
}

export function floorKeys(): FloorKeys {
  return { manufacturer: keyObject(keys.manufacturer.publicKey), supplier: keyObject(keys.supplier.publicKey) };
}

export function floorSigningKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

export interface Update {
  /** Octets on the line, both directions. */
  readonly wireOctets: number;
  readonly runningHash: string;
}

/** One whole update of a new virtual meter over a stream in this process, on virtual time: offer to confirmed and attested outcome. */
export function updateRun(old: Subject, next: Subject): () => Update {
  const { verified } = next;
  const authorisation = authorise(verified);
  const { manifest, digest: manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks } = verified;
  const image: SendableImage = { manifest, manifestDigest, manufacturerKey, otaHeader, gbcsSignature, blocks };
  const blank = factoryFlash(old);
  return () => {
    const meter = startMeter(blank.fork());
    let nowMs = 0;
    let wireOctets = 0;
    let atMeter = lineDecoder('stream');
    let atHost = lineDecoder('stream');
    const plan = {
      image,
      authorisation,
      replace: false,
      deviceId: DEVICE_ID,
      octetsPerSecond: undefined,
      random: new Uint8Array(8),
    };
    let state = startSender(plan, nowMs);
    const onLine = (frame: Uint8Array): Uint8Array => {
      const octets = encodeForLine('stream', frame);
      wireOctets += octets.length;
      return octets;
    };
    const step = (input: SenderInput): Uint8Array[] => {
      const stepped = stepSender(state, input, nowMs);
      state = stepped.state;
      return stepped.effects.flatMap((effect) => {
        if (effect.kind === 'send') return [onLine(encodeHostMessage(effect.envelope))];
        if (effect.kind === 'event') return [];
        const outcome = runTask(verifyOutcome(effect.octets, keys.device.publicKey), crypto);
        return step({ kind: 'outcome-checked', outcome: outcome.ok ? outcome.value : undefined, attested: outcome.ok });
      });
    };
    const hearAll = (chunks: readonly Uint8Array[]): Uint8Array[] =>
      chunks.flatMap((chunk) => {
        const decoded = decodeFromLine(atMeter, chunk);
        atMeter = decoded.decoder;
        return decoded.frames.flatMap((frame) => meter.hear(frame, nowMs).map(onLine));
      });
    const answerAll = (chunks: readonly Uint8Array[]): Uint8Array[] =>
      chunks.flatMap((chunk) => {
        const decoded = decodeFromLine(atHost, chunk);
        atHost = decoded.decoder;
        return decoded.frames.flatMap((frame) => step({ kind: 'heard', received: decodeMeterMessage(frame) }));
      });
    let toMeter = step({ kind: 'link-up' });
    let toHost: Uint8Array[] = [];
    while (state.phase.kind !== 'ended') {
      if (toMeter.length + toHost.length > 0) {
        nowMs += 1;
        [toMeter, toHost] = [answerAll(toHost), hearAll(toMeter)];
        continue;
      }
      const senderAtMs = wakeSenderAtMs(state) ?? Infinity;
      nowMs = Math.max(nowMs, Math.min(senderAtMs, meter.wakeAtMs()));
      if (meter.wakeAtMs() <= nowMs) toHost = meter.tick(nowMs).map(onLine);
      if (senderAtMs <= nowMs) toMeter = step({ kind: 'tick' });
    }
    const { result } = state.phase;
    if (result.kind !== 'done' || !result.attested) throw new Error(`the update ended ${result.kind}`);
    return { wireOctets, runningHash: meter.view(nowMs).runningHash };
  };
}

/** A 32 Mbit flash as it leaves the factory, with this image. */
export function factoryFlash({ verified }: Subject): NorFlash {
  const flash = createFlash(DEFAULT_LAYOUT);
  const offerBlob = blobOf({ ...verified, manifestDigest: verified.digest });
  manufacture(flash, crypto, identity(), { offerBlob, image: verified.manufacturerImage() });
  return flash;
}

/** Powers a meter on: boot checks its image with the real signatures. */
export function startMeter(flash: NorFlash, options: EsmeOptions = {}): Esme {
  return startEsme({ flash, crypto, signer }, options, 0);
}

function imageOf(subject: Subject): Uint8Array {
  return subject.verified.manufacturerImage();
}

function messagesOf({ verified }: Subject): readonly Uint8Array[] {
  const { digest, manifest, blocks } = verified;
  return blocks.map((block, i) => blockMessage(digest, i, manifest.blockCount, block.subarray(0, -64)));
}

function verifyBlocks(subject: Subject, { manufacturer, supplier }: FloorKeys): number {
  const { verified } = subject;
  const { digest, manifest, blocks, gbcsSignature } = verified;
  const byManufacturer = { key: manufacturer, dsaEncoding: 'ieee-p1363' } as const;
  let held = 0;
  blocks.forEach((block, i) => {
    const message = blockMessage(digest, i, manifest.blockCount, block.subarray(0, -64));
    held += Number(verify('sha256', message, byManufacturer, block.subarray(-64)));
  });
  // The manifest's octets carry its signature at the end; what is checked costs the same whatever the answer.
  held += Number(verify('sha256', manifest.octets, byManufacturer, manifest.octets.subarray(-64)));
  held += Number(verify('sha256', imageOf(subject), { key: supplier, dsaEncoding: 'ieee-p1363' }, gbcsSignature));
  if (held !== blocks.length + 1) throw new Error('the floor checked something else');
  return held;
}

function authorise(verified: VerifiedPackage): Uint8Array {
  const fields = {
    deviceId: DEVICE_ID,
    imageHash: verified.imageHash,
    manifestDigest: verified.digest,
    originator: Uint8Array.of(0x90, 0xb3, 0xd5, 0x1f, 0x30, 0x01, 0x00, 0x00),
    originatorCounter: 1n,
    notBeforeS: 0,
    notAfterS: 0xffffffff,
  };
  return runTask(countersign(runTask(signAuthorisation(fields), crypto, signer)), crypto, signer);
}

function identity(): DeviceIdentity {
  const anchor = (role: 'manufacturer' | 'supplier' | 'dco') => ({ role, publicKey: keys[role].publicKey });
  return {
    eui64: DEVICE_ID,
    manufacturerCode: MANUFACTURER_CODE,
    imageType: 1,
    hardwareVersion: HARDWARE,
    deviceClass: 1,
    trustAnchors: [anchor('manufacturer'), anchor('supplier'), anchor('dco')],
  };
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const part = (from: number): string => Buffer.from(publicKey.subarray(from, from + 32)).toString('base64url');
  return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: part(1), y: part(33) }, format: 'jwk' });
}
