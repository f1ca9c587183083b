import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../layout/octets.js';
import { ENCODED_FRAME_BYTES_MAX, FRAME_PAYLOAD_BYTES_MAX } from '../limits.js';
import { cobsDecode, cobsEncode, cobsEncodedBytesMax } from './cobs.js';
import { deframe, DEFRAMER_START, type DeframerState } from './deframer.js';
import { DATA_OVERHEAD_BYTES } from './frame.js';
import { decodeFromLine, encodeForLine, lineDecoder } from './line-coding.js';

/** Long runs without zero are rare in plain noise, and are where COBS has its edges. */
const run = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .array(fc.tuple(fc.integer({ min: 250, max: 258 }), fc.nat({ max: 2 })), { maxLength: 4 })
    .map((pieces) =>
      concat(...pieces.map(([ones, zeros]) => concat(new Uint8Array(ones).fill(0x5a), new Uint8Array(zeros)))),
    ),
);
const ones = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i % 255) + 1);

describe('COBS', () => {
  it('gives back what was encoded, holds no zero but the last, and keeps its bound', () => {
    fc.assert(
      fc.property(run, (octets) => {
        const encoded = cobsEncode(octets);
        expect(encoded.indexOf(0)).toBe(encoded.length - 1);
        expect(encoded.length - 1).toBeLessThanOrEqual(cobsEncodedBytesMax(octets.length));
        expect(cobsDecode(encoded.subarray(0, -1))).toEqual(octets);
      }),
    );
  });

  // Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999, and the table of examples that goes with it.
  it.each([
    ['00', '0101'],
    ['0000', '010101'],
    ['11220033', '0311220233'],
    ['11223344', '0511223344'],
    ['11000000', '0211010101'],
  ])('encodes %s as the inventors do', (plain, encoded) => {
    expect(toHex(cobsEncode(fromHex(plain)!))).toBe(`${encoded}00`);
    expect(cobsDecode(fromHex(encoded)!)).toEqual(fromHex(plain));
  });

  it('encodes runs of 253, 254 and 255 octets, and takes a run of 254 with and without its last code', () => {
    expect(toHex(cobsEncode(ones(253))).slice(0, 2)).toBe('FE');
    expect(toHex(cobsEncode(ones(255))).slice(510)).toBe('02FF00');
    const full = concat(Uint8Array.of(255), ones(254));
    expect(cobsDecode(full)).toEqual(ones(254));
    expect(cobsDecode(concat(full, Uint8Array.of(1)))).toEqual(ones(254));
    expect(cobsDecode(concat(full, Uint8Array.of(1, 1)))).toEqual(concat(ones(254), Uint8Array.of(0)));
  });

  it('is undefined for what is no COBS, and never throws', () => {
    for (const wrong of ['00', '02', '0311', '050011']) expect(cobsDecode(fromHex(wrong)!)).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 9_000 }), (noise) => void cobsDecode(noise)));
  });

  it('makes of the longest frame no more than a decoder collects', () => {
    expect(cobsEncodedBytesMax(FRAME_PAYLOAD_BYTES_MAX + DATA_OVERHEAD_BYTES)).toBeLessThanOrEqual(
      ENCODED_FRAME_BYTES_MAX,
    );
  });
});

describe('the deframer', () => {
  const feed = (chunks: readonly Uint8Array[]): { frames: Uint8Array[]; state: DeframerState; spoiltCount: number } => {
    let state = DEFRAMER_START;
    let spoiltCount = 0;
    const frames: Uint8Array[] = [];
    for (const chunk of chunks) {
      const fed = deframe(state, chunk);
      ({ state } = fed);
      spoiltCount += fed.spoiltCount;
      frames.push(...fed.frames);
      expect(state.pending.length).toBeLessThanOrEqual(ENCODED_FRAME_BYTES_MAX);
    }
    return { frames, state, spoiltCount };
  };

  it('finds the frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(
          run.filter(({ length }) => length > 0),
          { maxLength: 5 },
        ),
        fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1 }),
        (frames, cuts) => {
          const stream = concat(...frames.map(cobsEncode));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const end = at + cuts[i % cuts.length]!;
            chunks.push(stream.subarray(at, end));
            at = end;
          }
          expect(feed(chunks).frames).toEqual(frames);
        },
      ),
    );
  });

  it('ignores empty frames and finds its feet after noise at the next zero', () => {
    const frame = Uint8Array.of(1, 0, 2);
    const { frames, spoiltCount } = feed([Uint8Array.of(0, 0, 0, 99, 1, 2), Uint8Array.of(0), cobsEncode(frame)]);
    expect(frames).toEqual([frame]);
    expect(spoiltCount).toBe(1);
  });

  it('drops a run that is too long as a whole, holds none of it, and goes on after it', () => {
    const frame = Uint8Array.of(5);
    const noise = ones(ENCODED_FRAME_BYTES_MAX + 1);
    const { frames, state, spoiltCount } = feed([noise, noise, Uint8Array.of(0), cobsEncode(frame)]);
    expect(frames).toEqual([frame]);
    expect(spoiltCount).toBe(1);
    expect(state.pending).toHaveLength(0);
  });

  it('never throws and never holds more than one frame, whatever comes', () => {
    const noise = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ min: 1, maxLength: 9_000 }));
    fc.assert(fc.property(fc.array(noise, { maxLength: 12 }), (chunks) => void feed(chunks)));
  });
});

describe('the line', () => {
  it('carries on a message transport each frame as it is', () => {
    const frame = Uint8Array.of(1, 0, 2);
    expect(encodeForLine('message', frame)).toBe(frame);
    expect(decodeFromLine(lineDecoder('message'), frame).frames).toEqual([frame]);
  });

  it('delimits on a stream', () => {
    const frame = Uint8Array.of(1, 0, 2);
    const { frames } = decodeFromLine(lineDecoder('stream'), encodeForLine('stream', frame));
    expect(frames).toEqual([frame]);
  });
});
