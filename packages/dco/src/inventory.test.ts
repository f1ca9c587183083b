import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoKey, publicKeyPem } from '@smets1/host';
import { afterAll, describe, expect, it } from 'vitest';
import { loadInventory } from './inventory.js';

const folder = mkdtempSync(join(tmpdir(), 'dco-inventory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pem = publicKeyPem(demoKey('device').publicKey);
const good = { deviceId: '00-db-12-34-56-78-90-a0', address: 'ws://127.0.0.1:1' };
function load(json: unknown): ReturnType<typeof loadInventory> {
  const path = join(folder, 'inventory.json');
  writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json));
  return loadInventory(path);
}

describe('an inventory', () => {
  it('gives each device its address and its key, from the entry or from a file beside the inventory', () => {
    writeFileSync(join(folder, 'device.pub.pem'), pem);
    const other = { ...good, deviceId: '00-DB-12-34-56-78-90-A1', publicKeyPath: 'device.pub.pem' };
    const bare = { ...good, deviceId: '00-DB-12-34-56-78-90-A2' };
    const { devices } = load({ devices: [{ ...good, publicKeyPem: pem }, other, bare] });
    expect([...devices.keys()]).toEqual([
      '00-DB-12-34-56-78-90-A0',
      '00-DB-12-34-56-78-90-A1',
      '00-DB-12-34-56-78-90-A2',
    ]);
    const keys = [...devices.values()].map(({ publicKey }) => publicKey);
    expect(keys).toEqual([demoKey('device').publicKey, demoKey('device').publicKey, undefined]);
  });

  it.each<readonly [string, unknown, string]>([
    ['is no JSON', '{', 'no JSON'],
    ['is something else', { meters: [] }, 'devices'],
    ['has an entry without address', { devices: [good, { deviceId: good.deviceId }] }, 'devices[1]: address'],
    ['has an entry with more than is known', { devices: [{ ...good, colour: 'red' }] }, 'devices[0]: colour'],
    ['has a device id that is none', { devices: [{ ...good, deviceId: '00' }] }, 'devices[0]: deviceId "00"'],
    [
      'names a device twice',
      { devices: [good, { ...good, deviceId: good.deviceId.toUpperCase() }] },
      'devices[1]: device 00-DB',
    ],
    ['has a key that is none', { devices: [{ ...good, publicKeyPem: 'x' }] }, 'devices[0]: the public key'],
    [
      'has a key file that is not there',
      { devices: [{ ...good, publicKeyPath: 'absent.pem' }] },
      'devices[0]: the public key',
    ],
    ['has two keys for one', { devices: [{ ...good, publicKeyPem: pem, publicKeyPath: 'x' }] }, 'devices[0]: has both'],
  ])('that %s is refused, and the entry named', (_, json, words) => {
    expect(() => load(json)).toThrow(
      expect.objectContaining({ code: 'inventory-format', message: expect.stringContaining(words) }),
    );
  });

  it('that is not there is missed by its path', () => {
    expect(() => loadInventory(join(folder, 'absent.json'))).toThrow(
      expect.objectContaining({ code: 'inventory-not-found' }),
    );
  });
});
