import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLink, parseAddress } from './address.js';
import { LinkError } from './link.js';

describe('parseAddress', () => {
  it.each([
    ['ws://127.0.0.1:8080/meter', { kind: 'websocket', url: 'ws://127.0.0.1:8080/meter' }],
    ['wss://head.example/a?b=c', { kind: 'websocket', url: 'wss://head.example/a?b=c' }],
    ['WS://[::1]:80/x', { kind: 'websocket', url: 'ws://[::1]/x' }],
    ['serial:/dev/ttyUSB0?baud=9600', { kind: 'serial', path: '/dev/ttyUSB0', baudRate: 9600 }],
    ['serial:/dev/ttyUSB0', { kind: 'serial', path: '/dev/ttyUSB0', baudRate: 115_200 }],
    ['serial:COM3?baud=300', { kind: 'serial', path: 'COM3', baudRate: 300 }],
    ['serial:./line a', { kind: 'serial', path: './line a', baudRate: 115_200 }],
  ])('reads %s', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each([
    '',
    'meter',
    '/dev/ttyUSB0',
    'tcp://host:1',
    'ws:127.0.0.1',
    'ws:///meter',
    'ws://host:99999/',
    'ws://name:word@host/',
    'ws://host/#part',
    'serial:',
    'serial:?baud=9600',
    'serial://dev/ttyUSB0',
    'serial:/dev/x?baud=',
    'serial:/dev/x?baud=9600&parity=even',
    'serial:/dev/x?baud=1e3',
    'serial:/dev/x?baud=49',
    'serial:/dev/x?baud=4000001',
    'serial:/dev/x?baud=9600?baud=1200',
    `serial:/${'x'.repeat(2000)}`,
  ])('refuses “%s” and shows one that would do', (text) => {
    let error: unknown;
    try {
      parseAddress(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(LinkError);
    expect(error).toMatchObject({ code: 'bad-address', message: expect.stringMatching(/ws:\/\/127|serial:\/dev/) });
  });

  it('does not repeat a password', () => {
    expect(() => parseAddress('ws://me:s3cret@host/')).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('s3cret') }),
    );
  });

  it('gives an address or a LinkError, whatever the text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `serial:${rest}`),
      fc.string().map((rest) => `ws://${rest}`),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          expect(parseAddress(input).kind).toBeOneOf(['websocket', 'serial']);
        } catch (error) {
          expect(error).toBeInstanceOf(LinkError);
        }
      }),
    );
  });
});

describe('openLink', () => {
  it('goes where the address says', async () => {
    await expect(openLink('serial:/dev/smets1-none?baud=9600')).rejects.toMatchObject({ code: 'not-found' });
    await expect(openLink('ws://127.0.0.1:1/')).rejects.toMatchObject({ code: 'refused' });
    await expect(openLink('gopher:hole')).rejects.toMatchObject({ code: 'bad-address' });
  });
});
