/**
 * Goal: kill -9 of the server, or of its countersigner, at any moment loses nothing that was acknowledged; the next start goes on where the
 * last one stopped.
 * Method: a server in a child process on a real directory, killed at moments spread over the submission of an image and over its way to a
 * meter on a paced WebSocket. The children load the built package, so build before running this file.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { acceptWebSockets } from '@smets1/hardware';
import type { WebSocketDoor } from '@smets1/hardware';
import { generateKeyPair, hostMeter, demoKey, publicKeyPem } from '@smets1/host';
import { afterAll, describe, expect, it } from 'vitest';
import { authorisationFor, benchImage, deviceId, hex, requestId, TOKEN, trust, until } from '../bench.test-support.js';
import { dcoClient } from '../client/client.js';
import type { DcoClient } from '../client/client.js';
import { DcoError } from '../error.js';
import { fakeMeter } from '../fake-meter.test-support.js';
import type { FakeMeter } from '../fake-meter.test-support.js';
import { startControlProcess } from './control-process.js';
import { DEFAULT_CONTROL_POLICY, startDco } from './start-dco.js';

const root = mkdtempSync(join(tmpdir(), 'dco-process-'));
const children = new Set<Child>();
const doors: WebSocketDoor[] = [];
type Child = ChildProcessByStdio<null, Readable, Readable>;
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const door of doors) await door.close();
  rmSync(root, { recursive: true, force: true });
});

const BUILT = new URL('../../dist/index.js', import.meta.url).href;
const SERVER = `
import { startDco, inventoryOf } from ${JSON.stringify(BUILT)};
import { dialWebSocket } from '@smets1/hardware';
const { directory, keyPath, inventory, trust, token, ratePerLink } = JSON.parse(process.argv[1]);
const keys = (list) => list.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
const known = inventoryOf(inventory, 'the test', '.');
const dco = await startDco({
  directory,
  trust: { manufacturer: keys(trust.manufacturer), supplier: keys(trust.supplier) },
  inventory: known,
  links: { open: (id) => dialWebSocket(known.devices.get(id).address) },
  control: { keyPath, allowDemo: false },
  listen: { port: 0 },
  token,
  settings: { retryMsFirst: 100 },
  ...(ratePerLink === undefined ? {} : { ratePerLink }),
});
console.log(JSON.stringify({ url: dco.url }));
process.on('SIGTERM', () => dco.close().then(() => process.exit(0)));
`;

const { privatePem, publicKey: dcoKey } = generateKeyPair();
const keyPath = join(root, 'dco.key.pem');
writeFileSync(keyPath, privatePem, { mode: 0o600 });

interface Server {
  readonly client: DcoClient;
  readonly pid: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
}

interface World {
  readonly directory: string;
  readonly addresses?: Readonly<Record<string, string>>;
  readonly ratePerLink?: number;
}

async function startServer({ directory, addresses = {}, ratePerLink }: World): Promise<Server> {
  const text = (keys: readonly Uint8Array[]): readonly string[] =>
    keys.map((key) => Buffer.from(key).toString('base64'));
  const publicKeyPemOfAll = publicKeyPem(demoKey('device').publicKey);
  const configuration = {
    directory,
    keyPath,
    token: TOKEN,
    ratePerLink,
    trust: { manufacturer: text(trust.manufacturer), supplier: text(trust.supplier) },
    inventory: {
      devices: [1, 2].map((n) => ({
        deviceId: deviceId(n),
        address: addresses[deviceId(n)] ?? 'ws://127.0.0.1:1',
        publicKeyPem: publicKeyPemOfAll,
      })),
    },
  };
  const cwd = new URL('../..', import.meta.url).pathname;
  const argv = ['--input-type=module', '-e', SERVER, JSON.stringify(configuration)];
  const child: Child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], cwd });
  children.add(child);
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => {
      children.delete(child);
      resolve();
    });
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (complaints += piece));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) =>
      resolve((JSON.parse(line) as { readonly url: string }).url),
    );
    void ended.then(() => reject(new Error(`the server ended: ${complaints}`)));
  });
  return {
    client: dcoClient({ url, token: TOKEN }),
    pid: child.pid!,
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
      return ended;
    },
  };
}

/** A meter that dials in from nowhere: it waits on a WebSocket, and trusts the DCO key of this test. */
async function meterOnSocket(n: number): Promise<{ readonly meter: FakeMeter; readonly address: string }> {
  const meter = fakeMeter(n, { dcoKey });
  const hosted = hostMeter(meter);
  const door = await acceptWebSockets({ host: '127.0.0.1', port: 0 }, { authorise: () => ({ ok: true }) }, (link) =>
    hosted.attach(link),
  );
  doors.push(door);
  return { meter, address: `ws://127.0.0.1:${door.address.port}` };
}

describe('a server that is killed', () => {
  it('while an image is submitted keeps every acknowledged part, and answers each request once', async () => {
    const directory = join(root, 'submit');
    const large = benchImage({ imageBytes: 971_304, blockShift: 12, partBytes: 60_000 });
    expect(large.parts.length).toBeGreaterThan(16);
    const acknowledged = new Set<number>();
    let lives = 0;
    let server = await startServer({ directory });
    const submit = async (i: number): Promise<void> => {
      await server.client.submitPart({ requestId: requestId(i), devices: [deviceId(1)], part: large.parts[i]! });
      acknowledged.add(i);
    };
    for (const [i] of large.parts.entries()) {
      if (i > 0 && i % 2 === 0) {
        // In the middle of a request: some of these find the part taken, some not, some never heard of.
        const submitted = submit(i).catch((error: unknown) => expect(error).toBeInstanceOf(DcoError));
        await new Promise((resolve) => setTimeout(resolve, (i * 7) % 12));
        await server.kill();
        await submitted;
        server = await startServer({ directory });
        lives += 1;
        for (const known of acknowledged)
          expect(await server.client.request(requestId(known))).toMatchObject({ srv: '11.1' });
        // The last part may have been taken without a word of it.
        if (i < large.parts.length - 1) expect((await server.client.responses()).responses).toEqual([]);
      }
      await submit(i);
    }
    await server.kill();
    server = await startServer({ directory });
    const { responses } = await server.client.responses();
    expect(responses.map(({ requestId: id, code }) => `${id} ${code}`).toSorted()).toEqual(
      large.parts.map((_, i) => `${requestId(i)} success`).toSorted(),
    );
    await server.kill();
    expect(lives).toBeGreaterThanOrEqual(8);
  }, 120_000);

  it('while it forwards goes on where the meter is, and activates once', async () => {
    const directory = join(root, 'forward');
    // More than a window of blocks between two kills: on a busy machine as many may come at once.
    const large = benchImage({ imageBytes: 800_000, blockShift: 12, partBytes: 750_000 });
    const { meter, address } = await meterOnSocket(1);
    const world: World = { directory, addresses: { [deviceId(1)]: address }, ratePerLink: 200_000 };
    let server = await startServer(world);
    for (const [i, part] of large.parts.entries())
      await server.client.submitPart({ requestId: requestId(i), devices: [deviceId(1)], part });
    const release = {
      requestId: requestId(1000),
      deviceId: deviceId(1),
      firmwareHash: hex(large.imageHash),
      authorisation: authorisationFor(large, deviceId(1), 1),
    };
    await server.client.activate(release);
    const moments: number[] = [];
    for (let kill = 1; kill <= 10; kill += 1) {
      const at = Math.floor((large.blockCount * kill) / 11);
      const before = moments.at(-1) ?? 0;
      await until(() => meter.storedBlocks >= Math.max(at, before + 1), `${at} blocks`, 20_000);
      await server.kill();
      moments.push(meter.storedBlocks);
      expect(meter.activations).toBe(0);
      server = await startServer(world);
      expect(await server.client.request(requestId(1000))).toMatchObject({
        state: expect.stringMatching(/forwarding|sealed|activating|answered/),
      });
    }
    await waitForAnswer(server.client, 1000);
    expect(await server.client.request(requestId(1000))).toMatchObject({
      state: 'answered',
      responses: [{ code: 'success' }],
    });
    expect(meter.activations).toBe(1);
    // A block that was open when its session ended comes again; one that was durable does not.
    expect(meter.storedBlocks).toBeLessThanOrEqual(large.blockCount + 10 * 17);
    expect(new Set(moments).size).toBe(10);
    await server.client.activate(release);
    expect(meter.activations).toBe(1);
    await server.kill('SIGTERM');
  }, 120_000);

  it('while the meter activates finds out what became of it', async () => {
    const directory = join(root, 'activate');
    const small = benchImage();
    const { meter, address } = await meterOnSocket(1);
    const world: World = { directory, addresses: { [deviceId(1)]: address } };
    let server = await startServer(world);
    for (const [i, part] of small.parts.entries())
      await server.client.submitPart({ requestId: requestId(i), devices: [deviceId(1)], part });
    await server.client.activate({
      requestId: requestId(1000),
      deviceId: deviceId(1),
      firmwareHash: hex(small.imageHash),
      authorisation: authorisationFor(small, deviceId(1), 1),
    });
    await until(() => meter.activations === 1, 'the activation', 20_000);
    await server.kill();
    server = await startServer(world);
    await waitForAnswer(server.client, 1000);
    expect(await server.client.request(requestId(1000))).toMatchObject({
      responses: [{ code: 'success', device: { firmwareVersion: '00020001' } }],
    });
    expect(meter.activations).toBe(1);
    await server.kill('SIGTERM');
  }, 60_000);
});

describe('the countersigner', () => {
  it('is a process of its own that may be killed: the next 11.3 has another', async () => {
    const directory = join(root, 'control');
    const small = benchImage();
    const { meter, address } = await meterOnSocket(1);
    const server = await startServer({ directory, addresses: { [deviceId(1)]: address } });
    for (const [i, part] of small.parts.entries())
      await server.client.submitPart({ requestId: requestId(i), devices: [deviceId(1)], part });
    process.kill(childOf(server.pid), 'SIGKILL');
    await server.client.activate({
      requestId: requestId(1000),
      deviceId: deviceId(1),
      firmwareHash: hex(small.imageHash),
      authorisation: authorisationFor(small, deviceId(1), 1),
    });
    await waitForAnswer(server.client, 1000);
    expect(meter.activations).toBe(1);
    await server.kill('SIGTERM');
  }, 60_000);

  it('hears in its own process of what was called off, and refuses another trust there in words', async () => {
    const mainPath = new URL('../../dist/control/control-main.js', import.meta.url).pathname;
    const directory = join(root, 'revoke');
    const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');
    mkdirSync(directory, { mode: 0o700 });
    const configuration = {
      storeDirectory: directory,
      controlDirectory: join(directory, 'control'),
      keyPath,
      allowDemo: false,
      manufacturerKeys: trust.manufacturer.map(base64),
      supplierKeys: trust.supplier.map(base64),
      policy: DEFAULT_CONTROL_POLICY,
    };
    const control = await startControlProcess(configuration, mainPath);
    const authorisation = authorisationFor(benchImage(), deviceId(1), 1);
    expect(await control.revoke({ authorisation })).toEqual({ ok: true });
    const unsigned = authorisation.with(167, authorisation[167]! ^ 1);
    expect(await control.revoke({ authorisation: unsigned })).toMatchObject({ ok: false, code: 'signature' });
    await control.close();
    const foreign = { ...configuration, supplierKeys: [base64(dcoKey)] };
    await expect(startControlProcess(foreign, mainPath)).rejects.toMatchObject({ code: 'control-trust-changed' });
    const again = await startControlProcess(configuration, mainPath);
    await again.close();
  }, 30_000);

  it('that cannot have its key keeps the DCO from starting, and says why', async () => {
    const options = {
      trust,
      inventory: { devices: new Map() },
      links: { open: () => Promise.reject(new Error('none')) },
      listen: { port: 0 },
      token: TOKEN,
    };
    const mainPath = new URL('../../dist/control/control-main.js', import.meta.url).pathname;
    const open = join(root, 'open.key.pem');
    writeFileSync(open, privatePem, { mode: 0o600 });
    chmodSync(open, 0o644);
    for (const [path, words] of [
      [join(root, 'absent.pem'), 'key-not-found'],
      [open, 'key-mode'],
    ] as const) {
      const starting = startDco({ ...options, directory: join(root, 'no-key'), control: { keyPath: path, mainPath } });
      await expect(starting).rejects.toMatchObject({ code: 'control-failed', message: expect.stringContaining(words) });
    }
  }, 30_000);
});

async function waitForAnswer(client: DcoClient, counter: number): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    if ((await client.request(requestId(counter))).state === 'answered') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no answer to ${counter}`);
}

/** The one child of a process, by the parents that /proc tells of. */
function childOf(pid: number): number {
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`process ${pid} has no child`);
}
