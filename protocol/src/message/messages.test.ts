import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../frame/frame.js';
import { FRAME_PAYLOAD_BYTES_MAX, SACK_DURABLE_OCTETS_MAX, SACK_RANGES_MAX } from '../limits.js';
import {
  decodeHostMessage,
  decodeMeterMessage,
  encodeHostMessage,
  encodeMeterMessage,
  type Envelope,
} from './envelope.js';
import { HOST_TYPES, type HostMessage } from './host-messages.js';
import { METER_TYPES, type MeterMessage } from './meter-messages.js';
import { decodeSack, encodeSack, type Sack } from './sack.js';

const octets = (bytes: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: bytes, maxLength: bytes });
const upTo = (bytes: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: bytes });
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const kind = <K extends string>(name: K): { kind: fc.Arbitrary<K> } => ({ kind: fc.constant(name) });

const hostMessages: { readonly [K in HostMessage['kind']]: fc.Arbitrary<HostMessage> } = {
  hello: fc.record({ ...kind('hello'), minor: u8, frameBytesMax: u16, nonce: octets(8) }),
  offer: fc.record({
    ...kind('offer'),
    replace: fc.boolean(),
    offerNonce: u32,
    manifest: upTo(1_024),
    otaHeader: octets(60),
    gbcsSignature: octets(64),
  }),
  data: fc.record({
    ...kind('data'),
    block: u16,
    offsetBytes: u32,
    octets: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  }),
  'get-map': fc.record({ ...kind('get-map'), firstBlock: u16 }),
  seal: fc.record({ ...kind('seal'), manifestDigest: octets(32), nonce: octets(8) }),
  activate: fc.record({ ...kind('activate'), authorisation: octets(232), nonce: octets(8) }),
  'read-version': fc.record({ ...kind('read-version'), nonce: octets(8) }),
  'get-state': fc.record(kind('get-state')),
  abort: fc.record({ ...kind('abort'), reason: u8 }),
  ping: fc.record(kind('ping')),
};

const phase = fc.constantFrom('empty', 'receiving', 'complete', 'sealed', 'activating', 'trial', 'recovery');
const meterMessages: { readonly [K in MeterMessage['kind']]: fc.Arbitrary<MeterMessage> } = {
  'meter-hello': fc.record({
    ...kind('meter-hello'),
    minor: u8,
    frameBytesMax: u16,
    nonce: octets(8),
    deviceId: octets(8),
    bootEpoch: u32,
    deviceClass: u16,
    manufacturerCode: u16,
    imageType: u16,
    hardwareVersion: u16,
    runningVersion: u32,
    securityCounter: u32,
    phase,
    blockShiftMax: u8,
    slotBytes: u32,
    blockCountMax: u32,
    windowBlocks: u16,
    originatorCounter: u64,
  }),
  accept: fc.record({
    ...kind('accept'),
    status: fc.constantFrom('send', 'running', 'sealed'),
    blockShift: u8,
    durableCount: u16,
    offerNonce: u32,
    creditBlocks: u32,
    frameBytesMax: u16,
    manifestDigest: octets(32),
  }),
  refuse: fc.record({ ...kind('refuse'), code: u16, requestType: u8, detail: u32 }),
  sack: fc.record({
    ...kind('sack'),
    highest: u32,
    bitmap: octets(8),
    creditBlocks: u32,
    heldMs: u16,
    durableCount: u16,
    durableFrom: fc.integer({ min: 0, max: 8_191 }).map((n) => n * 8),
    durable: upTo(SACK_DURABLE_OCTETS_MAX),
    ranges: fc.array(fc.record({ block: u16, offsetBytes: u32, lengthBytes: u32 }), { maxLength: SACK_RANGES_MAX }),
    receivedBytes: u32,
    storedBytes: u32,
  }),
  nack: fc.record({
    ...kind('nack'),
    cause: fc.constantFrom('spoilt', 'signature', 'outside'),
    block: u16,
    offsetBytes: u32,
    lengthBytes: u32,
  }),
  map: fc
    .record({ firstBlock: u16, count: fc.nat({ max: 4_096 }) })
    .chain((given) => octets(Math.ceil(given.count / 8)).map((bitmap) => ({ kind: 'map', ...given, bitmap }))),
  busy: fc.record({
    ...kind('busy'),
    cause: fc.constantFrom('erasing', 'checking', 'activating', 'trial', 'writing'),
    etaMs: u32,
  }),
  sealed: fc.record({ ...kind('sealed'), outcome: octets(208) }),
  outcome: fc.record({ ...kind('outcome'), outcome: octets(208) }),
  state: fc.record({
    ...kind('state'),
    phase,
    durableCount: u16,
    blockCount: u16,
    manifestDigest: octets(32),
    bootEpoch: u32,
    runningVersion: u32,
  }),
  alert: fc.record({ ...kind('alert'), alertCode: u16, timestampS: u32, payload: upTo(64) }),
};

const envelopeOf = <M>(message: fc.Arbitrary<M>): fc.Arbitrary<Envelope<M>> =>
  fc.record({ sessionTag: u32, sequence: u32, message });
const whole = { kind: 'message' } as const;

describe.each(Object.entries(hostMessages))("a host's %s", (name, message) => {
  it('gives back what was encoded, and is for a host no message', () => {
    fc.assert(
      fc.property(envelopeOf(message), (envelope) => {
        const frame = encodeHostMessage(envelope);
        expect(decodeHostMessage(frame)).toEqual({ ...whole, envelope });
        expect(decodeMeterMessage(frame)).toMatchObject({
          kind: 'unknown',
          type: HOST_TYPES[name as HostMessage['kind']],
        });
      }),
      { numRuns: 40 },
    );
  });

  it('is read the same with the fields of a later minor at its end, and as malformed when cut', () => {
    const cut = new Set<string>();
    fc.assert(
      fc.property(envelopeOf(message), fc.uint8Array({ minLength: 1, maxLength: 20 }), (envelope, later) => {
        if (envelope.message.kind === 'data') return;
        for (const [payload, expected] of changed(encodeHostMessage(envelope), later)) {
          const decoded = decodeHostMessage(payload);
          if (expected === 'whole') expect(decoded).toEqual({ ...whole, envelope });
          else cut.add(decoded.kind);
        }
      }),
      { numRuns: 20 },
    );
    expect([...cut]).toEqual(['data', 'ping', 'get-state'].includes(name) ? [] : ['malformed']);
  });
});

describe.each(Object.entries(meterMessages))("a meter's %s", (name, message) => {
  it('gives back what was encoded, and is for a meter no message', () => {
    fc.assert(
      fc.property(envelopeOf(message), (envelope) => {
        const frame = encodeMeterMessage(envelope);
        expect(decodeMeterMessage(frame)).toEqual({ ...whole, envelope });
        expect(decodeHostMessage(frame)).toMatchObject({
          kind: 'unknown',
          type: METER_TYPES[name as MeterMessage['kind']],
        });
      }),
      { numRuns: 40 },
    );
  });

  it('is read the same with the fields of a later minor at its end, and as malformed when cut', () => {
    const cut = new Set<string>();
    fc.assert(
      fc.property(envelopeOf(message), fc.uint8Array({ minLength: 1, maxLength: 20 }), (envelope, later) => {
        for (const [payload, expected] of changed(encodeMeterMessage(envelope), later)) {
          const decoded = decodeMeterMessage(payload);
          if (expected === 'whole') expect(decoded).toEqual({ ...whole, envelope });
          else cut.add(decoded.kind);
        }
      }),
      { numRuns: 20 },
    );
    expect([...cut]).toEqual(['malformed']);
  });
});

describe('decoding', () => {
  it('gives an answer to any frame, in both directions', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(u8, u32, u32, upTo(1_300), (type, sessionTag, sequence, payload) => {
        const frame = encodeFrame({ type, sessionTag, sequence, block: 0, offsetBytes: 0, payload });
        kinds.add(decodeHostMessage(frame).kind).add(decodeMeterMessage(frame).kind);
      }),
      { numRuns: 2_000 },
    );
    expect([...kinds].toSorted()).toEqual(['malformed', 'message', 'unknown']);
  });

  it('refuses lists that are longer than the specification allows, and maps that do not begin at a multiple of 8', () => {
    const payload = (given: Partial<Sack>): Uint8Array =>
      encodeSack({
        kind: 'sack',
        highest: 0,
        bitmap: new Uint8Array(8),
        creditBlocks: 0,
        heldMs: 0,
        durableCount: 0,
        durableFrom: 0,
        durable: new Uint8Array(0),
        ranges: [],
        receivedBytes: 0,
        storedBytes: 0,
        ...given,
      });
    const range = { block: 0, offsetBytes: 0, lengthBytes: 1 };
    expect(
      decodeSack(payload({ ranges: Array.from({ length: 32 }, () => range), durable: new Uint8Array(32) })),
    ).toBeDefined();
    for (const wrong of [
      { ranges: Array.from({ length: 33 }, () => range) },
      { durable: new Uint8Array(33) },
      { durableFrom: 4 },
    ]) {
      expect(decodeSack(payload(wrong))).toBeUndefined();
    }
    const meter = (type: number, octetsOf: Uint8Array): string =>
      decodeMeterMessage(encodeFrame({ type, sessionTag: 0, sequence: 0, block: 0, offsetBytes: 0, payload: octetsOf }))
        .kind;
    const map = new Uint8Array(1_000);
    new DataView(map.buffer).setUint16(2, 4_096, true);
    expect(meter(METER_TYPES.map, map)).toBe('message');
    new DataView(map.buffer).setUint16(2, 4_097, true);
    expect(meter(METER_TYPES.map, map)).toBe('malformed');
    const alert = new Uint8Array(100);
    alert[2] = 64;
    expect(meter(METER_TYPES.alert, alert)).toBe('message');
    alert[2] = 65;
    expect(meter(METER_TYPES.alert, alert)).toBe('malformed');
  });

  it('refuses DATA without octets', () => {
    const frame = encodeFrame({
      type: HOST_TYPES.data,
      sessionTag: 1,
      sequence: 2,
      block: 3,
      offsetBytes: 4,
      payload: new Uint8Array(0),
    });
    expect(decodeHostMessage(frame)).toEqual({ kind: 'malformed', type: HOST_TYPES.data, sessionTag: 1, sequence: 2 });
  });

  it('keeps no view of what came off the line but the octets of DATA', () => {
    fc.assert(
      fc.property(envelopeOf(fc.oneof(hostMessages.offer, hostMessages.seal)), (envelope) => {
        const frame = Buffer.from(encodeHostMessage(envelope));
        const decoded = decodeHostMessage(frame);
        frame.fill(0xee);
        expect(decoded).toEqual({ ...whole, envelope });
      }),
      { numRuns: 20 },
    );
  });
});

/** The frame with octets added to its payload, and cut to every shorter payload that fixed fields do not allow. */
function* changed(frame: Uint8Array, later: Uint8Array): Generator<[Uint8Array, 'whole' | 'cut']> {
  const decoded = decodeFrame(frame);
  if (decoded.kind !== 'frame') throw new Error('not a frame');
  const { payload } = decoded.frame;
  if (payload.length + later.length <= FRAME_PAYLOAD_BYTES_MAX) {
    yield [encodeFrame({ ...decoded.frame, payload: Uint8Array.of(...payload, ...later) }), 'whole'];
  }
  if (payload.length > 0)
    yield [encodeFrame({ ...decoded.frame, payload: payload.subarray(0, payload.length - 1) }), 'cut'];
}
