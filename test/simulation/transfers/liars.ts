/**
 * Lying devices: no meter at all behind the line, and no key of one, but somebody who knows the protocol, may have listened to the meter before, and
 * answers. Nothing of what it says may ever count as done.
 */
import {
  decodeHostMessage,
  runTask,
  signOutcome,
  type HostMessage,
  type MeterHello,
  type MeterMessage,
  type OutcomeFields,
  type SignerPort,
} from '@smets1/protocol';
import { OTHER_DEVICE_ID } from './images.js';
import { tellHost, type Middle, type Scene } from './middle.js';

export const LIAR_NAMES: readonly string[] = [
  'complete-at-once',
  'random-bitmaps',
  'signed-by-a-stranger',
  'replays-outcomes',
  'endless-busy',
  'endless-alerts',
  'another-meter',
  'changes-identity',
  'random-codes',
  'noise',
  'silent',
];

const REPLAYING = 'replays-outcomes';

/** Answers every word of the host; the true meter hears none. */
export function liarOf(name: string, scene: Scene): Middle {
  let heard = 0;
  const middle: Middle = {
    name,
    struck: 0,
    fromHost(frame) {
      const received = decodeHostMessage(frame);
      if (received.kind !== 'message') return;
      const { message, sequence, sessionTag } = received.envelope;
      heard += 1;
      if (name === 'silent') {
        middle.struck += 1;
        return;
      }
      if (name === 'noise') {
        middle.struck += 1;
        scene.toHost(scene.random.octets(scene.random.below(80)));
        return;
      }
      for (const answer of answersOf(name, scene, message, heard)) {
        // What he is there for is the recorded word; the rest only brings the host to ask for it.
        if (name !== REPLAYING || 'outcome' in answer) middle.struck += 1;
        const tag = message.kind === 'offer' ? 77 : sessionTag;
        tellHost(scene, { sessionTag: tag, sequence, message: answer });
      }
    },
    fromMeter() {
      // The true meter's words do not reach the host while somebody lies in its place.
    },
  };
  return middle;
}

function answersOf(name: string, scene: Scene, asked: HostMessage, heard: number): readonly MeterMessage[] {
  const { random } = scene;
  if (name === 'endless-busy' && asked.kind !== 'hello')
    return [{ kind: 'busy', cause: 'checking', etaMs: random.pick([0, 50, 4_000, 0xffff_ffff]) }];
  if (name === 'endless-alerts')
    return [
      { kind: 'alert', alertCode: 0x8f72, timestampS: heard, payload: random.octets(32) },
      ...plain(name, scene, asked, heard),
    ];
  if (name === 'random-codes' && asked.kind !== 'hello')
    return [{ kind: 'refuse', code: random.below(64), requestType: random.below(16), detail: random.u32() }];
  return plain(name, scene, asked, heard);
}

function plain(name: string, scene: Scene, asked: HostMessage, heard: number): readonly MeterMessage[] {
  const { random, shape } = scene;
  const { image } = shape.wanted;
  const blocks = image.blocks.length;
  const bitmap =
    name === 'random-bitmaps' ? random.octets(Math.ceil(blocks / 8)) : new Uint8Array(Math.ceil(blocks / 8)).fill(0xff);
  const durableCount = name === 'random-bitmaps' ? random.below(65_536) : blocks;
  switch (asked.kind) {
    case 'hello':
      return [hello(name, scene, asked.nonce, heard)];
    case 'offer':
      return [
        {
          kind: 'accept',
          status: name === 'complete-at-once' ? random.pick(['running', 'sealed', 'send'] as const) : 'send',
          blockShift: 8,
          durableCount,
          offerNonce: asked.offerNonce,
          creditBlocks: name === 'random-bitmaps' ? random.u32() : 8,
          frameBytesMax: random.pick([0, 64, 8_192, 65_535]),
          manifestDigest: image.manifestDigest,
        },
      ];
    case 'get-map':
      return [{ kind: 'map', firstBlock: asked.firstBlock, count: blocks, bitmap }];
    case 'data':
    case 'ping':
      return [
        {
          kind: 'sack',
          highest: name === 'random-bitmaps' ? random.u32() : heard,
          bitmap: random.octets(8),
          creditBlocks: random.u32(),
          heldMs: random.below(65_536),
          durableCount,
          durableFrom: name === 'random-bitmaps' ? random.below(8_192) * 8 : 0,
          durable: bitmap,
          ranges: [],
          receivedBytes: random.u32(),
          storedBytes: random.u32(),
        },
      ];
    case 'seal':
      return [{ kind: 'sealed', outcome: outcome(name, scene, { kind: 'seal', nonce: asked.nonce }) }];
    case 'activate':
      return [{ kind: 'outcome', outcome: outcome(name, scene, { kind: 'activation', nonce: asked.nonce }) }];
    case 'read-version':
      return [{ kind: 'outcome', outcome: outcome(name, scene, { kind: 'version', nonce: asked.nonce }) }];
    case 'get-state':
    case 'abort':
      return [];
  }
}

/**
 * Says all that a host wants to read: signed with a key that is not the meter's; or, where it was recorded, by the true meter, for this very image
 * and permission, but in answer to an earlier question.
 */
function outcome(name: string, scene: Scene, what: Pick<OutcomeFields, 'kind' | 'nonce'>): Uint8Array {
  const { bench, random } = scene;
  if (name !== REPLAYING) return signed(scene, what, bench.strangerSigner);
  return signed(scene, { ...what, nonce: random.octets(what.nonce.length) }, bench.signer);
}

function signed(scene: Scene, what: Pick<OutcomeFields, 'kind' | 'nonce'>, signer: SignerPort): Uint8Array {
  const { bench, shape } = scene;
  const { manifest, manifestDigest } = shape.wanted.image;
  const fields: OutcomeFields = {
    ...what,
    code: 'success',
    deviceId: bench.identity.eui64,
    imageHash: manifest.imageHash,
    manifestDigest: what.kind === 'version' ? new Uint8Array(32) : manifestDigest,
    originatorCounter: what.kind === 'activation' ? 1n : 0n,
    runningHash: manifest.imageHash,
    runningVersion: manifest.fileVersion,
    securityCounter: manifest.securityCounter,
    bootEpoch: 9,
  };
  return runTask(signOutcome(fields), bench.crypto, signer);
}

function hello(name: string, { bench }: Scene, nonce: Uint8Array, heard: number): MeterHello {
  const { identity } = bench;
  const other = name === 'another-meter' || (name === 'changes-identity' && heard > 3);
  return {
    kind: 'meter-hello',
    minor: 0,
    frameBytesMax: 8_192,
    nonce,
    deviceId: other ? OTHER_DEVICE_ID : identity.eui64,
    bootEpoch: 9,
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
