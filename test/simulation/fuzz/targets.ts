/** The doors at which octets of others come in. Behind each stands the shipped code; a shot gives back in a word what came of it. */
import { startEsme, type Esme } from '@smets1/emulator';
import {
  beginHeld,
  beginRecord,
  blocksRecords,
  decodeAuthorisation,
  decodeHostMessage,
  decodeOutcome,
  deframe,
  DEFRAMER_START,
  droppedRecord,
  ENCODED_FRAME_BYTES_MAX,
  encodeForLine,
  encodeMeterMessage,
  PACKAGE_BYTES_MAX,
  readOtaImage,
  recoverHeld,
  runTask,
  sealedRecord,
  verifyPackage,
  verifyPart,
  type CryptoPort,
  type MeterMessage,
} from '@smets1/protocol';
import { FlatMeter } from '../transfers/flat-meter.js';
import { Host } from '../transfers/host.js';
import type { Bench } from '../transfers/images.js';
import { flashFiles, flashScans, manufactured } from './flash-targets.js';
import { hostFrameSeeds } from './host-words.js';
import { repairFrame, repairPackage } from './mutate.js';
import { SHOTS_MANY, type Target } from './target.js';

const FRAME_MAX = 8_300;
const SHOTS_A_LIFE = 400;

/** `bench`: real signatures, or a stub that takes every signature for right. */
export function targetsOf(bench: Bench, isStub: boolean): readonly Target[] {
  return [
    hostFrames(bench, isStub),
    esmeFrames(bench),
    meterFrames(bench),
    streams(bench),
    packages(bench),
    stagingLogs(bench),
    flashScans(bench),
    flashFiles(bench),
  ];
}

/** Takes every signature that has the right length. */
export function stubCrypto(real: CryptoPort): CryptoPort {
  return { sha256: (chunks) => real.sha256(chunks), verify: (_key, _message, signature) => signature.length === 64 };
}

/** Receiver and staging; driven to another stage of an update in each life. */
function hostFrames(bench: Bench, isStub: boolean): Target {
  const { shapes, old } = bench;
  const { wanted, other, ancient, foreign } = shapes[1]!;
  let meter: FlatMeter | undefined;
  let shots = 0;
  const complaints: string[] = [];
  return {
    name: 'host-frame',
    seeds: hostFrameSeeds(bench),
    bytesMax: FRAME_MAX,
    shotsABatch: SHOTS_MANY,
    repair: repairFrame,
    reset() {
      meter = undefined;
      shots = 0;
    },
    shoot(octets, random) {
      if (meter === undefined || shots++ % SHOTS_A_LIFE === 0) {
        meter = new FlatMeter({
          bench,
          known: [old, wanted, other, ancient, foreign],
          drawCut: () => undefined,
          drawTorn: () => 0,
          selfTest: true,
          isAuthorised: () => true,
          complain: (invariant, detail) => void complaints.push(`${invariant}: ${detail}`),
        });
        for (const frame of hostFrameSeeds(bench).slice(0, random.below(9))) meter.hear(frame, 1);
      }
      const said = meter.hear(octets, shots % SHOTS_A_LIFE) ?? [];
      if (random.below(64) === 0) meter.tick(shots);
      // With every signature taken for right, anything may be activated: that is what the stub is for.
      const [complaint] = complaints.splice(0);
      if (complaint !== undefined && !isStub) throw new Error(complaint);
      return said.map((frame) => `${frame[1]}.${frame[14]}`).join();
    },
  };
}

/** The whole meter; and nothing that it answers contains the image or a secret. */
function esmeFrames(bench: Bench): Target {
  // The image that runs: no input contains any of it, as one does of the image that is offered.
  const windows = windowsOf([bench.old.octets]);
  const flash = manufactured(bench).flash;
  let esme: Esme | undefined;
  let shots = 0;
  return {
    name: 'esme-frame',
    seeds: hostFrameSeeds(bench),
    bytesMax: FRAME_MAX,
    shotsABatch: SHOTS_MANY,
    repair: repairFrame,
    reset() {
      esme = undefined;
      shots = 0;
    },
    shoot(octets, random) {
      if (esme === undefined || shots++ % SHOTS_A_LIFE === 0) {
        const { crypto, signer } = bench;
        esme = startEsme({ flash: flash.fork(), crypto, signer }, { loadW: 100 }, 0);
        for (const frame of hostFrameSeeds(bench).slice(0, random.below(9))) esme.hear(frame, 1);
      }
      const nowMs = shots % SHOTS_A_LIFE;
      const said = esme.hear(octets, nowMs);
      if (random.below(64) === 0) esme.tick(nowMs);
      for (const frame of said)
        if (leaks(frame, windows)) throw new Error('an answer contains octets of the image that runs');
      return said.map((frame) => `${frame[1]}.${frame[14]}`).join();
    },
  };
}

/** The sender, in every phase of a run. */
function meterFrames(bench: Bench): Target {
  const { wanted } = bench.shapes[1]!;
  const { manifestDigest } = wanted.image;
  const outcome = new Uint8Array(208).fill(3);
  const words: readonly MeterMessage[] = [
    hello(bench),
    {
      kind: 'accept',
      status: 'send',
      blockShift: 8,
      durableCount: 0,
      offerNonce: 0,
      creditBlocks: 4,
      frameBytesMax: 8_192,
      manifestDigest,
    },
    { kind: 'refuse', code: 21, requestType: 3, detail: 0 },
    {
      kind: 'sack',
      highest: 1,
      bitmap: new Uint8Array(8),
      creditBlocks: 9,
      heldMs: 1,
      durableCount: 1,
      durableFrom: 0,
      durable: Uint8Array.of(1),
      ranges: [{ block: 1, offsetBytes: 0, lengthBytes: 64 }],
      receivedBytes: 100,
      storedBytes: 100,
    },
    { kind: 'nack', cause: 'spoilt', block: 0, offsetBytes: 0, lengthBytes: 64 },
    { kind: 'map', firstBlock: 0, count: 2, bitmap: Uint8Array.of(1) },
    { kind: 'busy', cause: 'erasing', etaMs: 100 },
    { kind: 'sealed', outcome },
    { kind: 'outcome', outcome },
    { kind: 'alert', alertCode: 0x8f72, timestampS: 9, payload: new Uint8Array(32) },
  ];
  const plan = {
    image: wanted.image,
    authorisation: bench.authorise(wanted, 1),
    replace: true,
    deviceId: undefined,
    octetsPerSecond: undefined,
    random: new Uint8Array(8).fill(9),
  };
  let host: Host | undefined;
  let shots = 0;
  let sent = 0;
  return {
    name: 'meter-frame',
    seeds: words.map((message, i) => encodeMeterMessage({ sessionTag: 0, sequence: 1 + (i % 4), message })),
    bytesMax: FRAME_MAX,
    shotsABatch: SHOTS_MANY,
    repair: repairFrame,
    reset() {
      host = undefined;
      shots = 0;
    },
    shoot(octets) {
      if (host === undefined || host.result !== undefined || shots++ % SHOTS_A_LIFE === 0) {
        host = new Host(bench, plan, 0, () => (sent += 1));
        host.linkUp(0);
        // To the transfer, so that answers of every phase meet one who waits for them.
        for (const [i, message] of words.slice(0, shots % 3).entries())
          host.hear(encodeMeterMessage({ sessionTag: 7, sequence: i + 1, message: answering(message) }), 1);
      }
      const before = sent;
      host.hear(octets, shots % SHOTS_A_LIFE);
      if (sent - before > FRAMES_AT_ONCE_MAX) throw new Error(`one answer made the host send ${sent - before} frames`);
      return `${host.result === undefined ? 'goes on' : host.result.kind + ('reason' in host.result ? host.result.reason : '')} ${sent - before}`;
    },
  };
}

/** A window's worth of blocks in the smallest fragments, and a few words. */
const FRAMES_AT_ONCE_MAX = 2_048;

function answering(message: MeterMessage): MeterMessage {
  if (message.kind === 'meter-hello') return { ...message, nonce: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 8) };
  return message.kind === 'accept' ? { ...message, offerNonce: 0x0b09_0909 } : message;
}

/** Octets of a serial line in chunks of any size. */
function streams(bench: Bench): Target {
  const seeds = hostFrameSeeds(bench).map((frame) => encodeForLine('stream', frame));
  return {
    name: 'stream',
    seeds,
    bytesMax: 20_000,
    shotsABatch: SHOTS_MANY,
    shoot(octets, random) {
      let state = DEFRAMER_START;
      let at = 0;
      let words = '';
      while (at < octets.length) {
        const chunk = octets.subarray(at, at + 1 + random.below(octets.length));
        at += chunk.length;
        const deframed = deframe(state, chunk);
        ({ state } = deframed);
        if (state.pending.length > ENCODED_FRAME_BYTES_MAX) throw new Error(`${state.pending.length} octets are held`);
        for (const frame of deframed.frames) words += decodeHostMessage(frame).kind[0]!;
      }
      return words.slice(0, 6);
    },
  };
}

/** Packages, parts, OTA images, authorisations and outcomes. */
function packages(bench: Bench): Target {
  const authorisation = bench.authorise(bench.shapes[0]!.wanted, 1);
  return {
    name: 'package',
    seeds: [...bench.shapes.map(({ wanted }) => wanted.packageOctets), authorisation, new Uint8Array(208).fill(1)],
    bytesMax: Math.min(PACKAGE_BYTES_MAX, 4_000),
    shotsABatch: SHOTS_MANY,
    repair: repairPackage,
    shoot(octets) {
      const { crypto, trust } = bench;
      const whole = runTask(verifyPackage(octets, trust), crypto);
      const part = runTask(verifyPart(octets, trust), crypto);
      const image = readOtaImage(octets);
      const permission = decodeAuthorisation(octets);
      const outcome = decodeOutcome(octets);
      return [whole, part, image, permission, outcome].map((answer) => (answer.ok ? 'ok' : answer.fault.code)).join();
    },
  };
}

/** Records of the staging log, in any order and state. */
function stagingLogs(bench: Bench): Target {
  const { image } = bench.shapes[2]!.wanted;
  const held = beginHeld(image, 1);
  const seeds = [beginRecord(held), ...blocksRecords(held, [0, 1, 4]), sealedRecord(held), droppedRecord(held)];
  return {
    name: 'staging-log',
    seeds: seeds.map((record) => record.slice()),
    bytesMax: 64,
    shotsABatch: SHOTS_MANY,
    shoot(octets, random) {
      const log = Array.from({ length: random.below(6) }, () => random.pick(seeds));
      const recovered = recoverHeld([...log, octets, random.pick(seeds)], image);
      const map = recovered.held?.map;
      if (map !== undefined && map.durableCount > map.blockCount)
        throw new Error('more blocks are durable than there are');
      return `${recovered.held?.sealed} ${map?.durableCount}`;
    },
  };
}

const WINDOW_BYTES = 8;

function windowsOf(secrets: readonly Uint8Array[]): ReadonlySet<string> {
  const windows = new Set<string>();
  for (const secret of secrets)
    for (let at = 0; at + WINDOW_BYTES <= secret.length; at++)
      windows.add(Buffer.from(secret.subarray(at, at + WINDOW_BYTES)).toString('latin1'));
  return windows;
}

function leaks(frame: Uint8Array, windows: ReadonlySet<string>): boolean {
  const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('latin1');
  for (let at = 0; at + WINDOW_BYTES <= text.length; at++)
    if (windows.has(text.slice(at, at + WINDOW_BYTES))) return true;
  return false;
}

function hello({ identity }: Bench): MeterMessage {
  return {
    kind: 'meter-hello',
    minor: 0,
    frameBytesMax: 8_192,
    nonce: new Uint8Array(8),
    deviceId: identity.eui64,
    bootEpoch: 1,
    deviceClass: identity.deviceClass,
    manufacturerCode: identity.manufacturerCode,
    imageType: identity.imageType,
    hardwareVersion: identity.hardwareVersion,
    runningVersion: 0x0101,
    securityCounter: 5,
    phase: 'empty',
    blockShiftMax: 16,
    slotBytes: 65_536,
    blockCountMax: 256,
    windowBlocks: 8,
    originatorCounter: 0n,
  };
}
