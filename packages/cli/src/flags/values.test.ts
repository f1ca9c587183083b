import fc from 'fast-check';
import {
  BLOCK_SHIFT_DEFAULT,
  BLOCK_SHIFT_MAX,
  BLOCK_SHIFT_MIN,
  formatDeviceId,
  OTA_HEADER_STRING_BYTES,
  PART_BYTES_MAX,
} from '@smets1/protocol';
import * as fleet from '@smets1/fleet';
import * as protocol from '@smets1/protocol';
import { describe, expect, it } from 'vitest';
import * as limits from '../limits.js';
import {
  bigWholeNumber,
  blockBytes,
  day,
  eui64,
  hexRange,
  hexValue,
  imageHash,
  instantS,
  listenAddress,
  share,
  trustedKeyFile,
  wholeNumber,
} from './values.js';

describe('values of options', () => {
  it('are read as they are written in scripts', () => {
    expect(hexValue(4)('121D')).toBe(0x121d);
    expect(hexValue(8)('0x00020001')).toBe(0x00020001);
    expect(hexRange(4)('1111..1211')).toEqual({ min: 0x1111, max: 0x1211 });
    expect(hexRange(4)('1111')).toEqual({ min: 0x1111, max: 0x1111 });
    expect(wholeNumber(0, 10)('0x0A')).toBe(10);
    expect(bigWholeNumber(1n, 1n << 62n)('4611686018427387904')).toBe(1n << 62n);
    expect(blockBytes('4096')).toBe(4096);
    expect([share('1%'), share('0.5%'), share('0.25'), share('100%'), share('0')]).toEqual([0.01, 0.005, 0.25, 1, 0]);
    expect(instantS('2026-12-01T00:00:00Z')).toBe(Date.UTC(2026, 11, 1) / 1000);
    expect(instantS('2026-12-01T01:00:00+01:00')).toBe(Date.UTC(2026, 11, 1) / 1000);
    expect(day('2028-02-29')).toBe('2028-02-29');
    expect(imageHash('AB'.repeat(32))).toBe('ab'.repeat(32));
    expect(listenAddress('127.0.0.1:8080')).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(listenAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
    expect(trustedKeyFile('supplier=keys/a=b.pem')).toEqual({ role: 'supplier', path: 'keys/a=b.pem' });
    expect(trustedKeyFile('./x=y.pem')).toEqual({ role: 'bench', path: './x=y.pem' });
  });

  it.each([
    ['hex without digits', () => hexValue(4)('')],
    ['too many hex digits', () => hexValue(4)('1121D')],
    ['hex with a sign', () => hexValue(4)('-1')],
    ['a range that ends before it begins', () => hexRange(4)('1211..1111')],
    ['a range of three', () => hexRange(4)('1..2..3')],
    ['a number with an exponent', () => wholeNumber(0, 1e9)('1e3')],
    ['a fraction', () => wholeNumber(0, 10)('1.5')],
    ['a number above its bound', () => wholeNumber(0, 10)('11')],
    ['an empty number', () => wholeNumber(0, 10)('')],
    ['a share of more than all', () => share('101%')],
    ['a share that is negative', () => share('-1%')],
    ['a share without a number', () => share('%')],
    ['a block of no power of two', () => blockBytes('4095')],
    ['a block that is too large', () => blockBytes('131072')],
    ['an instant without a zone', () => instantS('2026-12-01T00:00:00')],
    ['an instant that is none', () => instantS('2026-13-01T00:00:00Z')],
    ['a day that is none', () => day('2026-02-29')],
    ['a day with a time', () => day('2026-02-28T00:00:00Z')],
    ['a hash that is too short', () => imageHash('ab'.repeat(31))],
    ['a short EUI-64', () => eui64('00-DB-12-34-56-78-90')],
    ['an EUI-64 with two separators', () => eui64('00-DB:12-34-56-78-90-A0')],
    ['a port that is too high', () => listenAddress('127.0.0.1:65536')],
    ['no port', () => listenAddress('127.0.0.1')],
    ['a role that is none', () => trustedKeyFile('suplier=a.pem')],
    ['a role without a path', () => trustedKeyFile('supplier=')],
  ])('refuses %s', (_, read) => {
    expect(read).toThrow(TypeError);
  });

  it('gives back every EUI-64 that is printed, with dashes, with colons and with neither', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (octets) => {
        const text = formatDeviceId(octets);
        for (const written of [text, text.toLowerCase(), text.replaceAll('-', ':'), text.replaceAll('-', '')]) {
          expect(eui64(written)).toEqual(octets);
        }
      }),
    );
  });
});

it('the bounds of options are those of the protocol and of fleets', () => {
  expect(limits.BLOCK_BYTES_MIN).toBe(2 ** BLOCK_SHIFT_MIN);
  expect(limits.BLOCK_BYTES_MAX).toBe(2 ** BLOCK_SHIFT_MAX);
  expect(limits.BLOCK_BYTES_DEFAULT).toBe(2 ** BLOCK_SHIFT_DEFAULT);
  expect(limits.PART_BYTES_DEFAULT).toBe(PART_BYTES_MAX);
  expect(limits.HEADER_STRING_BYTES_MAX).toBe(OTA_HEADER_STRING_BYTES);
  expect(limits.FLEET_METERS_MAX).toBe(fleet.limits.METERS_MAX);
  expect(limits.FLEET_WORKERS_MAX).toBe(fleet.limits.WORKERS_MAX);
  expect(limits.ORIGINATOR_COUNTER_MAX).toBe(protocol.ORIGINATOR_COUNTER_MAX);
});
