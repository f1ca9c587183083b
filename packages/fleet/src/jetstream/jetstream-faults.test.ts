/**
 * Goal: whatever is wrong with the server is named, with the way out; and what it does on a bad day is survived.
 * Method: real servers that lack something, a socket that speaks like an old one, servers killed and started again, with and without
 * what they held.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { enterJob } from './enter-job.js';
import { isPassing } from './error.js';
import { openJetstreamWork, SERVER_VERSION_MIN, type JetstreamWorkOptions } from './jetstream-work.js';
import { startNatsServer, type NatsServer, type NatsServerOptions } from './nats-server.js';
import { testJob, testKeys, testPackage } from './test-jobs.test-support.js';
import { jobKey, packageDigest } from './update-job.js';
import type { UpdateWork } from './work-ports.js';

const keys = testKeys();
const packageOctets = testPackage(keys, 2, 3_000);
const job = testJob(keys, packageOctets);
/** No test lives that long: what is in hand stays there. */
const LEASE_MS = 60_000;
/** How long one waits for what must come. */
const WAIT_MS = 20_000;
/** How long one call waits that is made again. */
const TURN_MS = 2_000;

const folders: string[] = [];
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'smets1-nats-'));
  folders.push(made);
  return made;
}

async function start(options: Partial<NatsServerOptions> = {}): Promise<NatsServer> {
  const server = await startNatsServer({ directory: folder(), port: 0, ...options });
  cleanUps.push(async () => await server.stop('SIGKILL'));
  return server;
}

async function open(
  { url }: { readonly url: string },
  options: Partial<JetstreamWorkOptions> = {},
): Promise<UpdateWork> {
  const work = await openJetstreamWork({ server: url, create: true, leaseMs: LEASE_MS, ...options });
  cleanUps.push(async () => await work.close());
  return work;
}

async function rawConnection({ url }: NatsServer): Promise<NatsConnection> {
  const connection = await connect({ servers: url });
  cleanUps.push(async () => await connection.close());
  return connection;
}

/** Asks until there is an answer: a server that was started again needs a moment, and so does the connection to it. */
async function patient<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error) || tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Says who it is as a server does, and answers pings. */
async function serverThatSays(version: string): Promise<{ readonly url: string }> {
  const info = {
    server_id: 'X',
    server_name: 'x',
    version,
    proto: 1,
    headers: true,
    max_payload: 1_048_576,
    jetstream: true,
  };
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on('data', (octets) => {
      if (octets.toString().includes('PING')) socket.write('PONG\r\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(async () => await new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return { url: `nats://127.0.0.1:${address.port}` };
}

describe('a server that cannot be used', () => {
  it('is unreachable when nobody listens', async () => {
    const server = await start();
    await server.stop();
    await expect(open(server)).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringContaining('scripts/nats.sh start DIR PORT') as string,
    });
  });

  it('refuses without the token, and takes who has it', async () => {
    const server = await start({ token: 'a-token-of-some-length' });
    await expect(open(server)).rejects.toMatchObject({
      code: 'server-refused',
      message: expect.stringContaining('--token-file') as string,
    });
    const work = await open(server, { token: 'a-token-of-some-length' });
    expect(await work.queue.left('main')).toBe(0);
  });

  it('is too old below the version that is tested', async () => {
    await expect(open(await serverThatSays('2.8.4'))).rejects.toMatchObject({
      code: 'server-too-old',
      message: expect.stringContaining(SERVER_VERSION_MIN) as string,
    });
    await expect(open(await serverThatSays('2.9.9'))).rejects.toMatchObject({ code: 'server-too-old' });
  });

  it('keeps no streams when it was started without', async () => {
    await expect(open(await start({ jetstream: false }))).rejects.toMatchObject({
      code: 'jetstream-off',
      message: expect.stringContaining('-js') as string,
    });
  });

  it('has no queue before anything was entered', async () => {
    const server = await start();
    await expect(open(server, { create: false })).rejects.toMatchObject({
      code: 'stream-missing',
      message: expect.stringContaining('smets1 fleet enqueue') as string,
    });
    await open(server);
    await expect(open(server, { create: false })).resolves.toBeDefined();
  });

  it('has something else under the name of the queue', async () => {
    const server = await start();
    const manager = await jetstreamManager(await rawConnection(server));
    await manager.streams.add({ name: 'SMETS1_UPDATES', subjects: ['smets1.updates.>'] });
    await expect(open(server)).rejects.toMatchObject({ code: 'stream-differs' });
    await expect(open(server, { create: false })).rejects.toMatchObject({
      code: expect.stringMatching(/^stream-(?:differs|missing)$/) as string,
    });
  });

  it('is asked for a lease that no meter could live with', async () => {
    await expect(openJetstreamWork({ server: 'nats://127.0.0.1:9', create: true, leaseMs: 10 })).rejects.toMatchObject({
      code: 'misuse',
    });
  });

  it('is not installed', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = folder();
    try {
      await expect(startNatsServer({ directory: folder(), port: 0 })).rejects.toMatchObject({
        code: 'server-missing',
        message: expect.stringContaining('bash scripts/setup.sh nats-server') as string,
      });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('does not start where another one listens, and says why', async () => {
    const { port } = await start();
    await expect(startNatsServer({ directory: folder(), port })).rejects.toMatchObject({
      code: 'server-unreachable',
      message: expect.stringContaining('address already in use') as string,
    });
  });
});

describe('what others put on the server', () => {
  it('is no package when it is stored under the name of one', async () => {
    const server = await start();
    const work = await open(server);
    const store = await new Objm(await rawConnection(server)).open('smets1-packages');
    const digest = packageDigest(packageOctets);
    await store.putBlob({ name: digest }, testPackage(keys, 3, 3_000));
    await expect(work.packages.get(digest)).rejects.toMatchObject({ code: 'package-digest' });
    expect(await work.packages.put(packageOctets)).toBe(digest); // and storing the right one mends it
    expect(await work.packages.get(digest)).toEqual(packageOctets);
  });

  it('is taken out of the queue when it is no job', async () => {
    const server = await start();
    const refused: string[] = [];
    const work = await open(server, { onRefused: (detail) => void refused.push(detail) });
    await jetstream(await rawConnection(server)).publish('smets1.updates.main.x.y.z.0', 'no job');
    await enterJob(work, job);
    expect(await work.queue.take('main', WAIT_MS)).toBeUndefined();
    expect(refused).toEqual(['smets1.updates.main.x.y.z.0: the job is no JSON']);
    expect(await work.queue.take('main', WAIT_MS)).toMatchObject({ job });
    expect(await work.queue.left('main')).toBe(1);
  });

  it('is no record when it stands in place of one', async () => {
    const server = await start();
    const work = await open(server);
    await enterJob(work, job);
    const bucket = await new Kvm(await rawConnection(server)).open('smets1-updates');
    await bucket.put(jobKey(job), '{"state":"done"}');
    await expect(work.states.read(jobKey(job))).rejects.toMatchObject({ code: 'record-format' });
    await bucket.delete(jobKey(job));
    expect(await work.states.read(jobKey(job))).toBeUndefined();
    expect(await enterJob(work, job)).toMatchObject({ kind: 'entered' });
  });
});

describe('a server that is killed', () => {
  it('has, started again, what it held: jobs, records, packages and who has which job in hand', async () => {
    const directory = folder();
    const server = await start({ directory });
    const work = await open(server);
    await work.packages.put(packageOctets);
    const second = testJob(keys, packageOctets, { index: 2 });
    await enterJob(work, job);
    await enterJob(work, second);
    const inHand = await work.queue.take('main', WAIT_MS);
    await server.stop('SIGKILL');
    await expect(work.queue.take('main', WAIT_MS)).rejects.toMatchObject({ code: 'server-unreachable' });
    await expect(work.states.read(jobKey(job))).rejects.toMatchObject({ code: 'server-unreachable' });

    await start({ directory, port: server.port });
    const next = await patient(async () => await work.queue.take('main', TURN_MS));
    expect(new Set([inHand?.job.deviceId, next?.job.deviceId])).toEqual(new Set([job.deviceId, second.deviceId]));
    expect(await work.queue.put(job, 0)).toBe('there');
    expect(await work.states.read(jobKey(job))).toMatchObject({ record: { state: 'waiting' } });
    expect(await work.packages.get(packageDigest(packageOctets))).toEqual(packageOctets);
    await inHand?.done();
    await next?.done();
    expect(await work.queue.left('main')).toBe(0);
  });

  it('has all that it had confirmed, killed right after the last word', async () => {
    const directory = folder();
    const server = await start({ directory });
    const work = await open(server);
    const authorised = Array.from({ length: 200 }, (_, index) => testJob(keys, packageOctets, { index }));
    for (const one of authorised) await enterJob(work, one);
    await server.stop('SIGKILL');
    await start({ directory, port: server.port });
    expect(await patient(async () => await work.queue.left('main'))).toBe(200);
    const found: string[] = [];
    for await (const record of work.states.list('spring')) found.push(record.job.deviceId);
    expect(found.toSorted()).toEqual(authorised.map(({ deviceId }) => deviceId).toSorted());
  });

  it('is, without its disk, an empty one that names the way out; entering the jobs again is that way', async () => {
    const server = await start();
    const work = await open(server);
    await work.packages.put(packageOctets);
    await enterJob(work, job);
    await work.queue.take('main', WAIT_MS);
    await server.stop('SIGKILL');
    const bare = await start({ directory: folder(), port: server.port });
    const lost = async (): Promise<unknown> => await work.queue.take('main', TURN_MS);
    await expect(untilNot('server-unreachable', lost)).rejects.toMatchObject({ code: 'stream-missing' });

    const entering = await open(bare);
    await entering.packages.put(packageOctets);
    expect(await enterJob(entering, job)).toMatchObject({ kind: 'entered' });
    // Whoever waited all the time goes on with the connection that it has.
    expect(await patient(async () => await work.queue.take('main', TURN_MS))).toMatchObject({ job, attempt: 1 });
    expect(await work.packages.get(packageDigest(packageOctets))).toEqual(packageOctets);
  });
});

async function untilNot(code: string, call: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === code) || tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

describe('a closed queue', () => {
  it('says so', async () => {
    const work = await open(await start());
    await work.close();
    await expect(work.queue.take('main', WAIT_MS)).rejects.toMatchObject({ code: 'closed' });
    await expect(work.states.read(jobKey(job))).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('a site', () => {
  it('keeps the lease that its first worker asked for', async () => {
    const server = await start();
    const first = await open(server, { leaseMs: 3_000 });
    await first.queue.left('main');
    const second = await open(server, { leaseMs: 60_000 });
    await enterJob(second, job);
    expect(await second.queue.take('main', WAIT_MS)).toMatchObject({ leaseMs: 3_000 });
  });
});
