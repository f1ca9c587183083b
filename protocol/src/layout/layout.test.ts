import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { crc16, crc32 } from './crc.js';
import { crc32 as portableCrc32 } from './crc32.browser.js';
import { layout, octets, reserved, u16, u32, u64, u8 } from './layout.js';
import { asciiOctets, compareOctets, concat, equalOctets, fromHex, plainOctets, toHex } from './octets.js';

const EVERYTHING = layout({ a: u8, b: u16, reserved1: reserved(2), c: u32, d: u64, e: octets(5) });
const value = fc.record({
  a: fc.integer({ min: 0, max: 0xff }),
  b: fc.integer({ min: 0, max: 0xffff }),
  c: fc.integer({ min: 0, max: 0xffffffff }),
  d: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  e: fc.uint8Array({ minLength: 5, maxLength: 5 }),
});

describe('a layout', () => {
  it('puts each field at the sum of those before it, little-endian', () => {
    expect(EVERYTHING.at).toEqual({ a: 0, b: 1, reserved1: 3, c: 5, d: 9, e: 17 });
    expect(EVERYTHING.bytes).toBe(22);
    const octetsOf = EVERYTHING.encode({
      a: 1,
      b: 0x0302,
      c: 0x07060504,
      d: 0x0f0e0d0c0b0a0908n,
      e: Uint8Array.of(16, 17, 18, 19, 20),
    });
    expect(toHex(octetsOf)).toBe('01020300000405060708090A0B0C0D0E0F1011121314');
  });

  it('gives back what was encoded, at any offset', () => {
    fc.assert(
      fc.property(value, fc.nat({ max: 9 }), (fields, at) => {
        const target = new Uint8Array(EVERYTHING.bytes + at).fill(0xee);
        EVERYTHING.encodeInto(fields, target, at);
        expect(EVERYTHING.decode(target, at)).toEqual(fields);
        expect(EVERYTHING.reservedIsZero(target, at)).toBe(true);
        expect(target.subarray(0, at).every((octet) => octet === 0xee)).toBe(true);
      }),
    );
  });

  it('decodes octets as copies, also from the Buffer of a transport that uses it again', () => {
    const source = Buffer.alloc(EVERYTHING.bytes, 7);
    const { e } = EVERYTHING.decode(source);
    source.fill(9);
    expect(e).toEqual(new Uint8Array(5).fill(7));
    expect(e.constructor).toBe(Uint8Array);
  });

  it('refuses what does not fit: numbers out of range, runs of another length, targets and sources too short', () => {
    const good = { a: 1, b: 2, c: 3, d: 4n, e: new Uint8Array(5) };
    for (const wrong of [
      { a: 256 },
      { a: -1 },
      { b: 0.5 },
      { c: 2 ** 32 },
      { d: 1n << 64n },
      { d: -1n },
      { e: new Uint8Array(4) },
    ]) {
      expect(() => EVERYTHING.encode({ ...good, ...wrong })).toThrow(LocalProtocolError);
    }
    expect(() => EVERYTHING.encodeInto(good, new Uint8Array(22), 1)).toThrow(LocalProtocolError);
    expect(() => EVERYTHING.decode(new Uint8Array(21))).toThrow(LocalProtocolError);
  });

  it('tells reserved octets that are not zero', () => {
    const octetsOf = new Uint8Array(EVERYTHING.bytes);
    octetsOf[4] = 1;
    expect(EVERYTHING.reservedIsZero(octetsOf)).toBe(false);
  });
});

describe('the CRCs', () => {
  it('have the check values of the catalogue', () => {
    const check = asciiOctets('123456789');
    expect(crc16(check)).toBe(0x29b1);
    expect(crc32(check)).toBe(0xcbf43926);
  });

  it('are the same in a browser as in Node', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 0, max: 0xffffffff }), (octetsOf, before) => {
        expect(portableCrc32(octetsOf)).toBe(crc32(octetsOf));
        expect(portableCrc32(octetsOf, before)).toBe(crc32(octetsOf, before));
      }),
    );
  });

  it('continue from the CRC of the octets before', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32(b, crc32(a))).toBe(crc32(concat(a, b)));
      }),
    );
  });
});

describe('octet helpers', () => {
  it('turn octets to hex and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (run) => {
        expect(fromHex(toHex(run))).toEqual(run);
      }),
    );
    expect(fromHex('0a 0B\n')).toEqual(Uint8Array.of(10, 11));
    for (const wrong of ['0', '0g', '0x01']) expect(fromHex(wrong)).toBeUndefined();
  });

  it('compare as big-endian numbers, the shorter first', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(Math.sign(compareOctets(a, b))).toBe(Math.sign(Buffer.compare(a, b)));
        expect(equalOctets(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });

  it('make a Buffer plain without copying it', () => {
    const buffer = Buffer.from([1, 2, 3]).subarray(1);
    const plain = plainOctets(buffer);
    expect(plain.constructor).toBe(Uint8Array);
    expect(plain).toEqual(Uint8Array.of(2, 3));
    buffer[0] = 9;
    expect(plain[0]).toBe(9);
  });
});
