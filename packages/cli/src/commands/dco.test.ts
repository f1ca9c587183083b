/** Goal: the way over the store and release of a DCO, as somebody with a shell takes it. */
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
  await makeRelease(folder.path, { bytes: 50_000 });
  await call(folder.path, 'package', 'split', 'package.s1pk', '--out-dir', 'parts', '--part-bytes', '30000');
  meter = start(folder.path, ['emulate', '--trust', 'keys', '--ws', '127.0.0.1:0', '--json']);
  const address = (await meter.event('ready'))['ws'];
  const inventory = { devices: [{ deviceId: DEVICE, address, publicKeyPath: 'keys/device.pub.pem' }] };
  writeFileSync(join(folder.path, 'inventory.json'), JSON.stringify(inventory));
  const trust = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
  const rest = ['--store', 'store', '--inventory', 'inventory.json', '--key', 'keys/dco.key.pem', '--json'];
  dco = start(folder.path, ['dco', 'serve', ...trust, ...rest]);
  const ready = await dco.event('ready');
  to = ['--to', String(ready['url']), '--token-file', String(ready['tokenFile'])];
});

afterAll(async () => {
  dco.interrupt();
  expect((await dco.done).exitCode).toBe(0);
  meter.interrupt();
  await meter.done;
  folder.remove();
});

describe('dco', () => {
  const submit = (...paths: readonly string[]): readonly string[] => [
    'dco',
    'submit',
    ...paths,
    '--originator',
    ORIGINATOR,
    '--device',
    DEVICE,
    ...to,
  ];

  it('does not answer a part alone, and says that some is not done', async () => {
    const { result } = await smets1(...submit('parts/package.part-02-of-02.s1pk'), '--counter', '2');
    expect(result).toMatchObject({ outcome: 'waiting', exitCode: 21, blockCount: 49 });
    const early = await smets1('dco', 'activate', 'activate.signed', ...to);
    expect(early.result).toMatchObject({ exitCode: 12, code: 'image-incomplete' });
  });

  it('answers once the image is whole, and again the same', async () => {
    const { result } = await smets1(...submit('parts/package.part-01-of-02.s1pk'), '--counter', '1');
    expect(result).toMatchObject({
      outcome: 'held',
      exitCode: 0,
      code: 'success',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const again = await smets1(...submit('parts/package.part-01-of-02.s1pk'), '--counter', '1');
    expect(again.result).toMatchObject({ outcome: 'held', exitCode: 0 });
    expect(again.events[0]).toMatchObject({ event: 'part-accepted', repeated: true });
  });

  it('says what it holds, and forgets what was acknowledged', async () => {
    const status = await smets1('dco', 'status', ...to);
    expect(status.result).toMatchObject({ exitCode: 0, state: 'ok', images: 1, unacknowledged: 2 });
    const numbers = status.events.filter(({ event }) => event === 'response').map((event) => event['responseNumber']);
    expect(numbers).toEqual([1, 2]);
    const after = await smets1('dco', 'status', ...to, '--acknowledge', '2');
    expect(after.result).toMatchObject({ unacknowledged: 0, acknowledgedUpTo: 2 });
  });

  it('brings the image to the meter on 11.3, countersigned, and says what the meter signed', async () => {
    const { result } = await smets1('dco', 'activate', 'activate.signed', ...to);
    expect(result).toMatchObject({ outcome: 'activated', exitCode: 0, runningVersion: '00020001', attested: true });
    const again = await smets1('dco', 'activate', 'activate.signed', ...to);
    expect(again.result).toMatchObject({ outcome: 'activated', exitCode: 0, responseNumber: result['responseNumber'] });
    const view = await smets1('dco', 'status', ...to, '--request', `${ORIGINATOR}:${DEVICE}:1`);
    expect(view.result).toMatchObject({ srv: '11.3', state: 'answered' });
  });

  it('holds an image for devices it does not know, and says which', async () => {
    const stranger = '00-DB-12-34-56-78-90-FF';
    const { result, events } = await smets1(...submit('package.s1pk'), '--device', stranger, '--counter', '500');
    expect(result).toMatchObject({ outcome: 'held', exitCode: 0, deviceCount: 2, unknownDeviceCount: 1 });
    expect(result['unknownDeviceIds']).toEqual([stranger]);
    expect(events).toContainEqual({
      event: 'warning',
      detail: expect.stringContaining(`1 of 2 devices: ${stranger};`),
    });
  });

  it('refuses in the words of the API', async () => {
    const foreign = await smets1(
      'dco',
      'submit',
      'package.s1pk',
      ...to,
      '--originator',
      ORIGINATOR,
      '--counter',
      '1',
      '--device',
      DEVICE,
    );
    expect(foreign.result).toMatchObject({ exitCode: 12, code: 'request-id-reused' });
    writeFileSync(join(folder.path, 'wrong.token'), 'x'.repeat(40));
    const stranger = await smets1('dco', 'status', to[0]!, to[1]!, '--token-file', 'wrong.token');
    expect(stranger.result).toMatchObject({ exitCode: 10, code: 'wrong-token' });
    const nobody = await smets1('dco', 'status', '--to', 'http://127.0.0.1:1', '--token-file', 'wrong.token');
    expect(nobody.result).toMatchObject({ exitCode: 11 });
  });

  it('has its store alone', async () => {
    const trust = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
    const rest = ['--store', 'store', '--inventory', 'inventory.json', '--key', 'keys/dco.key.pem'];
    const second = await smets1('dco', 'serve', ...trust, ...rest);
    expect(second.result).toMatchObject({ exitCode: 20, code: 'storage-locked' });
  });
});
