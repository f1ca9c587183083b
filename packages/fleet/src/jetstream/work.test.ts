/** Both ways of holding jobs, on the one suite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { embeddedWork } from './embedded-work.js';
import { openJetstreamWork } from './jetstream-work.js';
import { startNatsServer, type NatsServer } from './nats-server.js';
import { describeWork, LEASE_MS } from './work.conformance.test-support.js';

const root = mkdtempSync(join(tmpdir(), 'smets1-work-'));
let made = 0;
const folder = (): string => {
  made += 1;
  return join(root, String(made));
};
let server: NatsServer | undefined;

afterAll(async () => {
  await server?.stop('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

describeWork('in memory', { open: async () => await Promise.resolve(embeddedWork({ leaseMs: LEASE_MS })) });

const directories = new WeakMap<object, string>();
describeWork('in a directory', {
  open: async () => {
    const directory = folder();
    const work = embeddedWork({ directory, leaseMs: LEASE_MS });
    directories.set(work, directory);
    return await Promise.resolve(work);
  },
  reopen: async (work) => {
    await work.close();
    return embeddedWork({ directory: directories.get(work)!, leaseMs: LEASE_MS });
  },
});

const connect = async (): ReturnType<typeof openJetstreamWork> =>
  await openJetstreamWork({ server: server!.url, create: true, leaseMs: LEASE_MS });
describeWork('on JetStream', {
  // A server for each test: streams have fixed names.
  open: async () => {
    await server?.stop('SIGKILL');
    server = await startNatsServer({ directory: folder(), port: 0 });
    return await connect();
  },
  reopen: connect,
});
