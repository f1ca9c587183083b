/** Goal: many meters behind one door are as many separate meters: each has its own name, key and flash, and the inventory says where. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadInventory } from '@smets1/dco';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called, type Running } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const folder = testFolder();
afterAll(folder.remove);
const at = (name: string): string => join(folder.path, name);
const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args, '--json');
beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 20_000 });
});

let rack: Running | undefined;
async function stop(): Promise<void> {
  rack?.interrupt();
  const ended = await rack?.done;
  rack = undefined;
  if (ended !== undefined) expect(ended.result).toMatchObject({ outcome: 'done', exitCode: 0 });
}
afterEach(stop);

interface Device {
  readonly deviceId: string;
  readonly address: string;
  readonly publicKeyPem: string;
}

async function rackOn(...more: readonly string[]): Promise<readonly Device[]> {
  const args = ['emulate', '--meters', '4', '--trust', 'keys', '--inventory', 'meters.json', '--force', '--json'];
  rack = start(folder.path, [...args, ...more]);
  expect(await rack.event('ready')).toMatchObject({ meters: 4 });
  return (JSON.parse(readFileSync(at('meters.json'), 'utf8')) as { devices: Device[] }).devices;
}

async function update({ deviceId, address, publicKeyPem }: Device): Promise<Called> {
  writeFileSync(at('device.pem'), publicKeyPem);
  const sign = `authorise sign --package package.s1pk --out a.signed --force --device-id ${deviceId} --originator 90-B3-D5-1F-30-01-00-00 --counter 1 --key keys/supplier.key.pem`;
  expect((await smets1(...sign.split(' '))).exitCode).toBe(0);
  const countersign =
    'authorise countersign a.signed --out a.auth --force --key keys/dco.key.pem --trust supplier=keys/supplier.pub.pem';
  expect((await smets1(...countersign.split(' '))).exitCode).toBe(0);
  return await smets1('flash', 'package.s1pk', '--to', address, '--activate', 'a.auth', '--device-key', 'device.pem');
}

async function versionOf({ address }: Device): Promise<unknown> {
  return (await smets1('read-version', '--to', address)).result['runningVersion'];
}

describe('smets1 emulate --meters', () => {
  it('is an inventory that the DCO reads, of meters that are reached and updated one by one', async () => {
    const devices = await rackOn();
    const inventory = loadInventory(at('meters.json'));
    expect([...inventory.devices.keys()]).toEqual(devices.map(({ deviceId }) => deviceId));
    expect(new Set(devices.map(({ publicKeyPem }) => publicKeyPem)).size).toBe(4);
    const updated = await update(devices[2]!);
    expect(updated.result).toMatchObject({ outcome: 'activated', attested: true, runningVersion: '00020001' });
    expect(await Promise.all(devices.map(versionOf))).toEqual(['00010000', '00010000', '00020001', '00010000']);
    const other = await smets1('flash', 'package.s1pk', '--to', devices[0]!.address, '--activate', 'a.auth');
    expect(other.result).toMatchObject({ code: 'authorisationWrongDevice' });
  });

  it('has nothing at another path', async () => {
    const [device] = await rackOn();
    for (const path of ['/meters/00-DB-12-34-00-00-00-05', '/', '/meters/'])
      // eslint-disable-next-line no-await-in-loop -- one after the other
      expect((await smets1('read-version', '--to', new URL(path, device!.address).href)).exitCode).toBe(10);
  });

  it('asks for a token where one is given', async () => {
    writeFileSync(at('token'), `${'t'.repeat(32)}\n`, { mode: 0o600 });
    const [device] = await rackOn('--token-file', 'token');
    const asked = ['read-version', '--to', device!.address];
    expect((await smets1(...asked)).exitCode).toBe(10);
    expect((await smets1(...asked, '--token-file', 'token')).exitCode).toBe(0);
  });

  it('keeps flash and keys in a folder, and comes back with them', async () => {
    const before = await rackOn('--folder', 'rack', '--seed', '5');
    expect((await update(before[1]!)).exitCode).toBe(0);
    await stop();
    expect(existsSync(at(`rack/${before[1]!.deviceId}.flash`))).toBe(true);
    const after = await rackOn('--folder', 'rack');
    expect(after.map(({ publicKeyPem }) => publicKeyPem)).toEqual(before.map(({ publicKeyPem }) => publicKeyPem));
    expect(await Promise.all(after.map(versionOf))).toEqual(['00010000', '00020001', '00010000', '00010000']);
    await stop();
    const other = await smets1('emulate', '--meters', '4', '--trust', 'keys', '--folder', 'rack', '--seed', '6');
    expect(other).toMatchObject({ exitCode: 2, result: { code: 'usage' } });
  });

  it.each([
    ['--meters 3 --flash a.flash'],
    ['--meters 3 --control 127.0.0.1:0'],
    ['--meters 3 --clock virtual'],
    ['--meters 3 --device-key keys/device.key.pem'],
    ['--meters 3 --ws 0.0.0.0:0'],
    ['--meters 0'],
    ['--meters 10001'],
    ['--inventory a.json'],
    ['--folder a'],
    ['--meters 3 --inventory keys/dco.key.pem'],
  ])('refuses %s', async (line) => {
    expect((await smets1('emulate', '--trust', 'keys', ...line.split(' '))).exitCode).toBe(2);
  });
});
