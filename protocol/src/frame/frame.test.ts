import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { crc16 } from '../layout/crc.js';
import { toHex } from '../layout/octets.js';
import { FRAME_PAYLOAD_BYTES_MAX } from '../limits.js';
import { DATA_OVERHEAD_BYTES, DATA_TYPE, decodeFrame, encodeFrame, type Frame } from './frame.js';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ minLength: 8_000, maxLength: FRAME_PAYLOAD_BYTES_MAX }),
);
const other = fc
  .record({
    type: fc.integer({ min: 0, max: 255 }).filter((type) => type !== DATA_TYPE),
    sessionTag: u32,
    sequence: u32,
    payload,
  })
  .map((given): Frame => ({ ...given, block: 0, offsetBytes: 0 }));
const data = fc.record({
  type: fc.constant(DATA_TYPE),
  sessionTag: u32,
  sequence: u32,
  block: fc.integer({ min: 0, max: 0xffff }),
  offsetBytes: u32,
  payload,
});
const frame = fc.oneof(other, data);

describe('a frame', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(frame, (given) => {
        expect(decodeFrame(encodeFrame(given))).toEqual({ kind: 'frame', frame: given });
      }),
    );
  });

  it('is as long as the specification says', () => {
    fc.assert(
      fc.property(other, (given) => {
        expect(encodeFrame(given)).toHaveLength(given.payload.length + 18);
      }),
    );
    fc.assert(
      fc.property(data, (given) => {
        expect(encodeFrame(given)).toHaveLength(given.payload.length + DATA_OVERHEAD_BYTES);
      }),
    );
    expect(DATA_OVERHEAD_BYTES).toBe(24);
  });

  it('with any single bit flipped is no frame, and at most DATA whose header is whole', () => {
    const kinds = new Map<string, number>();
    const small = fc.oneof(other, data).filter(({ payload: { length } }) => length < 40);
    fc.assert(
      fc.property(small, (given) => {
        const octets = encodeFrame(given);
        for (let bit = 0; bit < octets.length * 8; bit++) {
          const spoilt = octets.slice();
          spoilt[bit >> 3]! ^= 1 << (bit & 7);
          const decoded = decodeFrame(spoilt);
          expect(decoded.kind).not.toBe('frame');
          if (decoded.kind === 'spoilt-data') {
            const { payload: _payload, ...header } = given;
            expect(decoded).toEqual({
              kind: 'spoilt-data',
              frame: { ...header, payload: new Uint8Array(0) },
              lengthBytes: given.payload.length,
            });
          }
          kinds.set(decoded.kind, (kinds.get(decoded.kind) ?? 0) + 1);
        }
      }),
      { numRuns: 60 },
    );
    expect([...kinds.keys()].toSorted()).toEqual(['dropped', 'spoilt-data']);
  });

  it('cut short or lengthened is no frame', () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 9 }), (given, at, tail) => {
        const octets = encodeFrame(given);
        expect(decodeFrame(octets.subarray(0, at % octets.length)).kind).not.toBe('frame');
        expect(decodeFrame(Uint8Array.of(...octets, ...tail)).kind).not.toBe('frame');
      }),
    );
  });

  it('is never made of noise, and noise never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9_000 }), (noise) => {
        expect(decodeFrame(noise).kind).not.toBe('frame');
      }),
    );
  });

  it('does not keep the buffer it was decoded from hostage: the payload is a plain view', () => {
    const buffer = Buffer.from(
      encodeFrame({ type: 4, sessionTag: 1, sequence: 2, block: 0, offsetBytes: 0, payload: Uint8Array.of(1, 2) }),
    );
    const decoded = decodeFrame(buffer);
    expect(decoded.kind === 'frame' && decoded.frame.payload.constructor).toBe(Uint8Array);
  });

  it('of another major version is dropped, and only a HELLO of it is told apart; another minor is read', () => {
    const versioned = (version: number, type: number): Uint8Array => {
      const octets = encodeFrame({
        type,
        sessionTag: 0,
        sequence: 1,
        block: 0,
        offsetBytes: 0,
        payload: new Uint8Array(0),
      });
      octets[0] = version;
      const bytes = type === DATA_TYPE ? 18 : 12;
      const crc = crc16(octets.subarray(0, bytes));
      octets[bytes] = crc & 0xff;
      octets[bytes + 1] = crc >> 8;
      return octets;
    };
    expect(decodeFrame(versioned(0x20, 0x01))).toEqual({ kind: 'dropped', fault: 'hello-version' });
    expect(decodeFrame(versioned(0x20, 0x08))).toEqual({ kind: 'dropped', fault: 'version' });
    expect(decodeFrame(versioned(0x20, DATA_TYPE))).toEqual({ kind: 'dropped', fault: 'version' });
    expect(decodeFrame(versioned(0x17, 0x08))).toMatchObject({ kind: 'dropped', fault: 'crc' });
  });

  it('takes no payload that is too long', () => {
    const tooLong = {
      type: 4,
      sessionTag: 0,
      sequence: 0,
      block: 0,
      offsetBytes: 0,
      payload: new Uint8Array(FRAME_PAYLOAD_BYTES_MAX + 1),
    };
    expect(() => encodeFrame(tooLong)).toThrow(LocalProtocolError);
  });

  it('stands as the specification draws it', () => {
    const octets = encodeFrame({
      type: DATA_TYPE,
      sessionTag: 0x0a0b0c0d,
      sequence: 7,
      block: 0x0102,
      offsetBytes: 0x100,
      payload: Uint8Array.of(0xaa),
    });
    expect(toHex(octets).slice(0, 36)).toBe('100301000D0C0B0A07000000020100010000');
  });
});
