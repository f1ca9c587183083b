/** Goal: an activation that waits for its date can be called off with the file that asked for it, and then cannot be asked for again. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called, type Running } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const DEVICE = '00-DB-12-34-56-78-90-A0';
const ORIGINATOR = '90-B3-D5-1F-30-01-00-00';
const folder = testFolder();
let meter: Running;
let dco: Running;
let to: readonly string[] = [];

const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args, '--json');

beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 20_000 });
  meter = start(folder.path, ['emulate', '--trust', 'keys', '--ws', '127.0.0.1:0', '--json']);
  const address = (await meter.event('ready'))['ws'];
  const inventory = { devices: [{ deviceId: DEVICE, address, publicKeyPath: 'keys/device.pub.pem' }] };
  writeFileSync(join(folder.path, 'inventory.json'), JSON.stringify(inventory));
  const trust = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
  const rest = ['--store', 'store', '--inventory', 'inventory.json', '--key', 'keys/dco.key.pem', '--json'];
  dco = start(folder.path, ['dco', 'serve', ...trust, ...rest]);
  const ready = await dco.event('ready');
  to = ['--to', String(ready['url']), '--token-file', String(ready['tokenFile'])];
  const who = ['--originator', ORIGINATOR, '--counter', '1', '--device', DEVICE];
  await smets1('dco', 'submit', 'package.s1pk', ...who, ...to);
});

afterAll(async () => {
  dco.interrupt();
  await dco.done;
  meter.interrupt();
  await meter.done;
  folder.remove();
});

describe('dco activate --cancel', () => {
  it('needs no counter, says the same again, and leaves the authorisation spent', async () => {
    const at = String(Math.floor(Date.now() / 1000) + 3600);
    const { result } = await smets1('dco', 'activate', 'activate.signed', ...to, '--at', at);
    expect(result).toMatchObject({ outcome: 'accepted', exitCode: 0 });
    const called = await smets1('dco', 'activate', 'activate.signed', ...to, '--cancel');
    expect(called.result).toMatchObject({ outcome: 'cancelled', exitCode: 0 });
    const again = await smets1('dco', 'activate', 'activate.signed', ...to, '--cancel');
    expect(again.result).toMatchObject({ outcome: 'cancelled', responseNumber: called.result['responseNumber'] });
    const anew = await smets1('dco', 'activate', 'activate.signed', ...to, '--counter', '77');
    expect(anew.result).toMatchObject({ code: 'authorisation-revoked' });
  });
});
