/**
 * Goal: over HTTP the DCO takes what is right, says what is wrong with what is not, and tells who watches.
 * Method: a server on loopback with files in memory, meters of this process, the countersigner in this process too.
 */
import { memoryFiles } from '@smets1/journal';
import type { MemoryFiles } from '@smets1/journal';
import { demoKey, publicKeyPem } from '@smets1/host';
import { afterEach, describe, expect, it } from 'vitest';
import {
  authorisationFor,
  benchImage,
  crypto,
  deviceId,
  fastTime,
  hex,
  requestId,
  signer,
  TOKEN,
  trust,
  until,
} from '../bench.test-support.js';
import { CANCELLATION_DATE, dcoClient } from '../client/client.js';
import type { DcoClient } from '../client/client.js';
import type { ControlPort } from '../control-port.js';
import { openCountersigner } from '../control/countersigner.js';
import { DcoError } from '../error.js';
import type { StageEvent } from '../events.js';
import { fakeLinks, fakeMeter } from '../fake-meter.test-support.js';
import type { FakeMeter } from '../fake-meter.test-support.js';
import { inventoryOf } from '../inventory.js';
import { DEFAULT_CONTROL_POLICY, startDco } from './start-dco.js';
import type { Dco, DcoOptions } from './start-dco.js';

const image = benchImage();
const devices = [deviceId(1), deviceId(2)];

interface Bench {
  readonly dco: Dco;
  readonly client: DcoClient;
  readonly world: MemoryFiles;
  readonly meters: readonly FakeMeter[];
  readonly reported: readonly unknown[];
}

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function start(options: Partial<DcoOptions> = {}, world: MemoryFiles = memoryFiles({ seed: 1 })): Promise<Bench> {
  const meters = [fakeMeter(1), fakeMeter(2)];
  const links = fakeLinks(meters);
  const reported: unknown[] = [];
  const { files, processes } = world;
  const pem = publicKeyPem(demoKey('device').publicKey);
  const entries = meters.map((meter) => ({
    deviceId: meter.deviceId.toLowerCase(),
    address: 'memory:',
    publicKeyPem: pem,
  }));
  const dco = await startDco({
    directory: 'dco',
    files,
    processes,
    trust,
    links,
    linkTime: fastTime(),
    inventory: inventoryOf({ devices: entries }, 'the test', '.'),
    control: options.control ?? (await control(world)),
    listen: { port: 0 },
    token: TOKEN,
    segmentBytes: 64 * 1024,
    report: (error) => void reported.push(error),
    ...options,
  });
  closings.push(
    () => dco.close(),
    () => links.close(),
  );
  return { dco, client: dcoClient({ url: dco.url, token: TOKEN }), world, meters, reported };
}

async function control({ files, processes }: MemoryFiles): Promise<ControlPort> {
  files.makeDirectory('dco');
  const countersigner = await openCountersigner({
    files,
    processes,
    storeDirectory: 'dco',
    controlDirectory: 'dco/control',
    crypto,
    signer,
    trust,
    policy: DEFAULT_CONTROL_POLICY,
    nowMs: () => Date.now(),
  });
  return {
    countersign: (request) => countersigner.countersign(request),
    revoke: (request) => countersigner.revoke(request),
    close: () => Promise.resolve(countersigner.close()),
  };
}

async function submitAll(client: DcoClient): Promise<void> {
  for (const [i, part] of image.parts.entries()) await client.submitPart({ requestId: requestId(i), devices, part });
}

function release(n: number, counter: number): Parameters<DcoClient['activate']>[0] {
  return {
    requestId: requestId(1000 + counter),
    deviceId: deviceId(n),
    firmwareHash: hex(image.imageHash),
    authorisation: authorisationFor(image, deviceId(n), counter),
  };
}

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DcoError && error.refusal !== undefined)
      return [error.refusal.status, error.refusal.code, error.refusal.fault].join(' ').trim();
    throw error;
  }
  return 'nothing';
}

describe('a DCO over HTTP', () => {
  it('holds parts, answers 11.1, releases on 11.3, reads on 11.2, and is told what was received', async () => {
    const { client, dco, meters } = await start();
    await submitAll(client);
    const pulled = await client.responses();
    expect(pulled).toMatchObject({ acknowledgedUpTo: 0, more: false });
    expect(pulled.responses.map(({ number, code, srv }) => [number, code, srv])).toEqual(
      [1, 2, 3].map((n) => [n, 'success', '11.1']),
    );
    expect(await client.images()).toMatchObject([
      {
        imageId: image.imageId,
        state: 'held',
        heldBlocks: 6,
        missing: [],
        sets: [{ state: 'complete', deviceCount: 2, partCount: 3 }],
      },
    ]);
    expect(await client.acknowledge(3)).toEqual({ acknowledgedUpTo: 3 });
    expect(await client.activate(release(1, 1))).toEqual({ requestId: requestId(1001), repeated: false });
    await until(() => dco.state.entriesOf.has(requestId(1001)), 'the response');
    expect(await client.request(requestId(1001))).toMatchObject({
      srv: '11.3',
      state: 'answered',
      responses: [{ number: 4, code: 'success', device: { firmwareVersion: '00020001', attested: true } }],
    });
    expect(meters[0]!.activations).toBe(1);
    await client.readVersion({ requestId: requestId(2000), deviceId: deviceId(1).toLowerCase() });
    await until(() => dco.state.entriesOf.has(requestId(2000)), 'the response');
    expect((await client.responses(4)).responses).toMatchObject([
      { srv: '11.2', code: 'success', device: { firmwareVersion: '00020001' } },
    ]);
    expect(await client.meter(deviceId(1))).toMatchObject({
      address: 'memory:',
      hasKey: true,
      known: { runningVersion: 0x00020001 },
    });
    expect(await client.health()).toMatchObject({
      state: 'ok',
      images: 1,
      requests: 5,
      pendingReleases: 0,
      unacknowledged: 2,
    });
  });

  it('takes a date, and the date that calls it off', async () => {
    const { client, dco, meters } = await start();
    await submitAll(client);
    const executionDateTime = new Date(Date.now() + 3_600_000).toISOString();
    await client.activate({ ...release(1, 1), executionDateTime });
    await until(() => dco.state.pending.get(requestId(1001))?.stage === 'sealed', 'sealed');
    expect(await client.meter(deviceId(1))).toMatchObject({
      pending: { state: 'sealed', executionDateTime, responses: [{ code: 'accepted' }] },
    });
    const called = await client.activate({
      ...release(1, 1),
      requestId: requestId(1002),
      executionDateTime: CANCELLATION_DATE,
    });
    expect(called).toEqual({ requestId: requestId(1002), repeated: false, cancelled: requestId(1001) });
    expect(meters[0]!.activations).toBe(0);
  });

  it('tells each stage to whoever watches', async () => {
    const { client, dco } = await start();
    const told: StageEvent[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const event of client.events(stop.signal)) if ('stage' in event) told.push(event);
    })();
    await until(() => dco.events.watcherCount === 1, 'the watcher');
    await submitAll(client);
    await client.activate(release(1, 1));
    await until(() => told.some(({ stage }) => stage === 'answered'), 'the end');
    stop.abort();
    await watching;
    const stages = told
      .map(({ stage }) => stage)
      .filter((stage) => !['progress', 'link-up', 'meter-found'].includes(stage));
    expect(stages).toEqual([
      'part-held',
      'part-held',
      'part-held',
      'image-held',
      'requested',
      'countersigned',
      'forwarding',
      'sealed',
      'activating',
      'answered',
    ]);
    expect(told.filter(({ stage }) => stage === 'progress').at(-1)).toMatchObject({ durableBlocks: 6, blockCount: 6 });
    await until(() => dco.events.watcherCount === 0, 'the watcher gone');
  });

  it('refuses, each with its code and status, and without effect', async () => {
    const { client, dco } = await start();
    const part = image.parts[0]!;
    const spoilt = part.slice();
    spoilt[spoilt.length - 1]! ^= 1;
    const ask = { requestId: requestId(1), devices, part };
    expect(await refusalOf(client.submitPart({ ...ask, requestId: 'x' }))).toBe('400 bad-request-id');
    expect(await refusalOf(client.submitPart({ ...ask, devices: ['x'] }))).toBe('400 bad-device-id');
    expect(await refusalOf(client.submitPart({ ...ask, devices: [] }))).toBe('400 bad-request');
    expect(await refusalOf(client.submitPart({ ...ask, part: spoilt }))).toBe('422 part-refused badCrc');
    expect(await refusalOf(client.activate(release(1, 1)))).toBe('404 image-not-held');
    expect(await refusalOf(client.activate({ ...release(1, 1), firmwareHash: 'AB' }))).toBe('400 bad-request');
    expect(await refusalOf(client.activate({ ...release(1, 1), executionDateTime: '2031-02-30T00:00:00Z' }))).toBe(
      '400 bad-request',
    );
    expect(await refusalOf(client.activate({ ...release(1, 1), executionDateTime: CANCELLATION_DATE }))).toBe(
      '409 nothing-to-cancel',
    );
    expect(await refusalOf(client.request(requestId(7)))).toBe('404 not-found');
    expect(await refusalOf(client.meter(deviceId(7)))).toBe('404 not-found');
    expect(await refusalOf(client.acknowledge(1))).toBe('400 bad-request');
    expect(await refusalOf(client.responses(-1))).toBe('400 bad-request');
    const stranger = dcoClient({ url: dco.url, token: 'another-token-altogether' });
    expect(await refusalOf(stranger.health())).toBe('401 wrong-token');
    expect(dco.state.requests.size).toBe(0);
  });

  it('refuses bodies that say more than they should, and other methods', async () => {
    const { dco } = await start();
    const post = async (
      path: string,
      body: string,
      method: 'POST' | 'PUT' = 'POST',
      type = 'application/json',
    ): Promise<string> => {
      const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': type };
      const response = await fetch(dco.url + path, { method, headers, body });
      const json = (await response.json()) as { readonly error: { readonly code: string } };
      return `${response.status} ${json.error.code}`;
    };
    const read = { requestId: requestId(1), deviceId: deviceId(1) };
    expect(await post('/requests/11.2', JSON.stringify({ ...read, more: 1 }))).toBe('400 bad-request');
    expect(await post('/requests/11.2', JSON.stringify(read).replace('{', '{"requestId":"x",'))).toBe('400 bad-json');
    expect(await post('/requests/11.2', JSON.stringify(read).replace('{', '{"__proto__":{},'))).toBe('400 bad-json');
    expect(await post('/requests/11.2', '[]')).toBe('400 bad-request');
    expect(await post('/requests/11.2', JSON.stringify(read), 'POST', 'text/plain')).toBe('400 bad-request');
    expect(await post('/requests/11.4', JSON.stringify(read))).toBe('404 not-found');
    expect(await post('/responses', JSON.stringify(read))).toBe('404 not-found');
    expect(await post('/requests/11.2', JSON.stringify(read), 'PUT')).toBe('404 not-found');
  });

  it('says 507 when the disk is full, keeps what it holds, and goes on when there is space', async () => {
    const world = memoryFiles({ seed: 1 });
    const { client, dco } = await start({}, world);
    const large = benchImage({ imageBytes: 200_000, blockShift: 12, partBytes: 20_000 });
    world.setCapacity(64 * 1024 + 1024 * 1024);
    let taken = 0;
    let refusal = 'nothing';
    for (; refusal === 'nothing' && taken < large.parts.length; taken += 1) {
      refusal = await refusalOf(client.submitPart({ requestId: requestId(taken), devices, part: large.parts[taken]! }));
    }
    expect(refusal).toBe('507 storage-full');
    expect(dco.state.requests.size).toBe(taken - 1);
    expect(await client.health()).toMatchObject({ state: 'ok', requests: taken - 1 });
    world.setCapacity(Number.POSITIVE_INFINITY);
    for (const [i, part] of large.parts.entries()) await client.submitPart({ requestId: requestId(i), devices, part });
    expect((await client.responses()).responses).toHaveLength(large.parts.length);
  });

  it('says 503 when the disk breaks its promises', async () => {
    const { client, world } = await start();
    expect((await client.health()).state).toBe('ok');
    world.failEvery('syncData', 'EIO');
    expect(await refusalOf(client.submitPart({ requestId: requestId(1), devices, part: image.parts[0]! }))).toBe(
      '503 storage-failed',
    );
    expect((await client.health()).state).toBe('storage-failed');
  });

  it('is one at a time on a directory, needs a token worth the name, and a free port', async () => {
    const { dco, world } = await start();
    const another = memoryFiles({ seed: 2 });
    await expect(start({ control: noControl }, world)).rejects.toMatchObject({ code: 'storage-locked' });
    await expect(start({ token: 'short' }, another)).rejects.toMatchObject({ code: 'misuse' });
    await expect(start({ listen: { port: dco.port } }, memoryFiles({ seed: 3 }))).rejects.toMatchObject({
      code: 'listen-failed',
    });
  });

  it('does not begin anew where only the control is left', async () => {
    const world = memoryFiles({ seed: 1 });
    const { dco } = await start({}, world);
    await dco.close();
    for (const name of world.files.list('dco/journal-1')) world.files.unlink(`dco/journal-1/${name}`);
    await expect(start({ control: { keyPath: 'dco.key.pem' } }, world)).rejects.toMatchObject({
      code: 'storage-corrupt',
      message: expect.stringMatching(/deleted in part.*restore .* or delete all of it/),
    });
  });

  it('is missed by its clients in words', async () => {
    const client = dcoClient({ url: 'http://127.0.0.1:1', token: TOKEN });
    await expect(client.health()).rejects.toMatchObject({
      code: 'no-answer',
      message: expect.stringContaining('http://127.0.0.1:1'),
    });
  });
});

const noControl: ControlPort = {
  countersign: () => Promise.resolve({ ok: false, code: 'unavailable', message: 'there is none' }),
  revoke: () => Promise.resolve({ ok: false, code: 'unavailable', message: 'there is none' }),
  close: () => Promise.resolve(),
};
