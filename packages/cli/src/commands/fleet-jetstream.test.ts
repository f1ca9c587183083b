/** Goal: a campaign over a queue, as somebody with a shell runs it: entered once, done once, and every bad end with its way out. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNatsServer, type NatsServer } from '@smets1/fleet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called, type Running } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const DEVICE = '00-DB-12-34-56-78-90-A0';
const folder = testFolder();
const path = (name: string): string => join(folder.path, name);
let server: NatsServer;
let meter: Running;

const fleet = async (...args: readonly string[]): Promise<Called> =>
  await call(folder.path, 'fleet', ...args, '--nats', server.url, '--json');
const enqueue = async (campaign: string, ...more: readonly string[]): Promise<Called> =>
  await fleet('enqueue', 'package.s1pk', '--campaign', campaign, '--authorisations', 'authorised', ...more);
const worker = async (...more: readonly string[]): Promise<Called> =>
  await fleet('worker', '--inventory', 'meters.json', '--until-idle', '--lease', '1', ...more);

beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 20_000 });
  await makeRelease(folder.path, {
    bytes: 20_000,
    name: 'second-',
    version: '00030001',
    originatorCounter: 2,
    seed: 8,
  });
  mkdirSync(path('authorised'));
  copyFileSync(path('activate.auth'), path('authorised/one.auth'));
  writeFileSync(path('authorised/read.me'), 'not an authorisation, and not taken for one');
  server = await startNatsServer({ directory: path('nats'), port: 0 });
  meter = start(folder.path, ['emulate', '--trust', 'keys', '--ws', '127.0.0.1:0', '--json']);
  const address = (await meter.event('ready'))['ws'];
  const device = { deviceId: DEVICE, address, publicKeyPath: 'keys/device.pub.pem' };
  writeFileSync(path('meters.json'), JSON.stringify({ devices: [device] }));
  writeFileSync(path('away.json'), JSON.stringify({ devices: [{ ...device, address: 'ws://127.0.0.1:9/meter' }] }));
});

afterAll(async () => {
  meter.interrupt();
  await meter.done;
  await server.stop();
  folder.remove();
});

describe('a campaign over a queue', () => {
  it('says that there is none before anything was entered', async () => {
    expect(await fleet('status')).toMatchObject({ exitCode: 12, result: { code: 'stream-missing' } });
  });

  it('takes jobs of a verified package in once', async () => {
    const trust = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
    expect(await enqueue('spring', ...trust)).toMatchObject({ exitCode: 0, result: { entered: 1, known: 0 } });
    expect(await enqueue('spring')).toMatchObject({ exitCode: 0, result: { entered: 0, known: 1 } });
    const strangers = ['--trust', 'manufacturer=keys/dco.pub.pem', '--trust', 'supplier=keys/dco.pub.pem'];
    expect((await enqueue('summer', ...strangers)).exitCode).toBe(14);
    const { events, result } = await fleet('status', '--campaign', 'spring');
    expect(events[0]).toMatchObject({ event: 'job', deviceId: DEVICE, state: 'waiting', claim: 0 });
    expect(result).toMatchObject({ jobs: 1, waiting: 1, done: 0 });
  });

  it('leaves jobs of other sites alone, and updates the meter of its own', async () => {
    expect(await worker('--site', 'north')).toMatchObject({ exitCode: 0, result: { claimed: 0 } });
    const { exitCode, events, result } = await worker();
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ claimed: 1, done: 1, failed: 0 });
    expect(events.find(({ event }) => event === 'ended')).toMatchObject({
      state: 'done',
      what: 'activated',
      attested: true,
    });
    const status = await fleet('status');
    expect(status.events[0]).toMatchObject({
      state: 'done',
      what: 'activated',
      runningVersion: '00020001',
      attested: true,
    });
    expect(await worker()).toMatchObject({ exitCode: 0, result: { claimed: 0 } });
  });

  it('finds what runs already, under the name of another campaign', async () => {
    await enqueue('autumn');
    const { events } = await worker();
    expect(events.find(({ event }) => event === 'ended')).toMatchObject({ state: 'done', what: 'already-running' });
  });

  it('ends a job of a meter that is away as failed, says why, and enters it again only when asked to', async () => {
    const second = [
      'enqueue',
      'second-package.s1pk',
      '--campaign',
      'winter',
      '--authorisations',
      'second-activate.auth',
    ];
    expect((await fleet(...second)).result).toMatchObject({ entered: 1 });
    const away = ['worker', '--inventory', 'away.json', '--until-idle', '--tries', '1'];
    expect(await fleet(...away)).toMatchObject({ exitCode: 21, result: { failed: 1 } });
    expect((await fleet('status', '--campaign', 'winter')).events[0]).toMatchObject({
      state: 'failed',
      code: 'no-answer',
    });
    expect((await fleet(...second)).result).toMatchObject({ entered: 0, failedBefore: 1 });
    expect((await fleet(...second, '--again')).result).toMatchObject({ entered: 1 });
    expect(await worker()).toMatchObject({ exitCode: 0, result: { done: 1 } });
    expect((await fleet('status', '--campaign', 'winter')).events[0]).toMatchObject({
      round: 1,
      runningVersion: '00030001',
    });
  });

  it('does not change the terms of a job that is on its way', async () => {
    await enqueue('snow');
    expect(await enqueue('snow', '--site', 'north')).toMatchObject({ exitCode: 21, result: { otherTerms: 1 } });
  });

  it('is refused before it begins, with what is wrong', async () => {
    const files = ['enqueue', '--campaign', 'rain', '--authorisations'];
    expect((await fleet(...files, 'keys', 'package.s1pk')).result).toMatchObject({ code: 'file-missing' });
    expect((await fleet(...files, 'nowhere', 'package.s1pk')).result).toMatchObject({ code: 'file-missing' });
    expect(await fleet(...files, 'activate.signed', 'package.s1pk')).toMatchObject({
      exitCode: 2,
      result: { code: 'misuse' },
    });
    expect(await fleet(...files, 'second-activate.auth', 'package.s1pk')).toMatchObject({ exitCode: 2 });
    expect(await fleet(...files, 'activate.auth', 'firmware.bin')).toMatchObject({
      result: { code: 'package-format' },
    });
    const nobody = await call(folder.path, 'fleet', 'status', '--nats', 'nats://127.0.0.1:9');
    expect(nobody.exitCode).toBe(11);
    expect(nobody.stderr).toContain('scripts/nats.sh start DIR PORT');
  });

  it('stops when it is told to', async () => {
    const args = ['fleet', 'worker', '--inventory', 'meters.json', '--site', 'south', '--nats', server.url, '--json'];
    const running = start(folder.path, args);
    await running.event('ready');
    running.interrupt();
    expect(await running.done).toMatchObject({ exitCode: 0, result: { claimed: 0 } });
  });
});
