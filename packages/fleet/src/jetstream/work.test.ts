/** Both ways of holding jobs, on the one suite. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { embeddedWork } from './embedded-work.js';
import { openJetstreamWork } from './jetstream-work.js';
import { startNatsServer, type NatsServer } from './nats-server.js';
import { describeWork } from './work.conformance.test-support.js';

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

describeWork('in memory', { open: async (leaseMs) => await Promise.resolve(embeddedWork({ leaseMs })) });

const places = new WeakMap<object, { readonly directory: string; readonly leaseMs: number }>();
describeWork('in a directory', {
  open: async (leaseMs) => {
    const place = { directory: folder(), leaseMs };
    const work = embeddedWork(place);
    places.set(work, place);
    return await Promise.resolve(work);
  },
  reopen: async (work) => {
    await work.close();
    return embeddedWork(places.get(work));
  },
});

const connect = async (options: { leaseMs?: number } = {}): ReturnType<typeof openJetstreamWork> =>
  await openJetstreamWork({ server: server!.url, create: true, ...options });
describeWork('on JetStream', {
  // A server for each test: streams have fixed names.
  open: async (leaseMs) => {
    await server?.stop('SIGKILL');
    server = await startNatsServer({ directory: folder(), port: 0 });
    return await connect({ leaseMs });
  },
  reopen: async () => await connect(),
});
