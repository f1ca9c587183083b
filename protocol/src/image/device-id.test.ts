import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LocalProtocolError } from '../errors.js';
import { formatDeviceId, parseDeviceId } from './device-id.js';

const ID = Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x90, 0xa0);

it('is written as DUIS writes it', () => {
  expect(formatDeviceId(ID)).toBe('00-DB-12-34-56-78-90-A0');
});

it('is read in either case', () => {
  expect(parseDeviceId('00-DB-12-34-56-78-90-A0')).toEqual(ID);
  expect(parseDeviceId('00-db-12-34-56-78-90-a0')).toEqual(ID);
});

it('is read as it was written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (id) => {
      expect(parseDeviceId(formatDeviceId(id))).toEqual(id);
    }),
  );
});

it.each([
  '',
  '00DB1234567890A0',
  '00-DB-12-34-56-78-90',
  '00-DB-12-34-56-78-90-A0-',
  '00-DB-12-34-56-78-90-A0\n',
  ' 00-DB-12-34-56-78-90-A0',
  '00-DB-12-34-56-78-90-G0',
])('is not %j', (text) => {
  expect(parseDeviceId(text)).toBeUndefined();
});

it('has eight octets', () => {
  expect(() => formatDeviceId(new Uint8Array(7))).toThrow(LocalProtocolError);
});
