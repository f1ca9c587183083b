/** A server, a rack of meters and workers as processes: the command as users run it. All of it ends with `close`. */
import { join } from 'node:path';
import {
  enterJob,
  openJetstreamWork,
  startNatsServer,
  updateJobOf,
  type JobRecord,
  type NatsServer,
  type UpdateWork,
  WorkError,
} from '@smets1/fleet';
import type { Child } from '../support/child.js';
import { eventOf, eventsOf, smets1, type CliEvent } from '../support/smets1.js';
import { trialKeys, type TrialKeys } from '../support/trial-keys.js';
import { openRack, type Rack, type Release } from './rack.js';

/** Short, so that a worker's end is soon known; too short for one that must go on without the queue for a while. */
const LEASE_S_DEFAULT = 1;
const POLL_MS = 50;
/** A machine that is busy with everything else may leave a server without its turn for seconds. */
const PATIENCE_MS_MAX = 60_000;

export interface YardWorker {
  readonly name: string;
  readonly child: Child;
  /** Where a record names it. */
  readonly workerId: Promise<string>;
  events(): readonly CliEvent[];
  event(fits: (event: CliEvent) => boolean): Promise<CliEvent>;
}

export interface Yard {
  readonly keys: TrialKeys;
  readonly server: NatsServer;
  readonly rack: Rack;
  readonly work: UpdateWork;
  worker(name: string, port?: number): YardWorker;
  /** Enters the update of each meter; gives the campaign's name. */
  enter(release: Release, counter: bigint): Promise<string>;
  records(campaignId: string): Promise<readonly JobRecord[]>;
  /** Resolves once every job of a campaign is done or has failed. @throws when that takes too long */
  untilFinal(campaignId: string, msMax: number): Promise<readonly JobRecord[]>;
  /** Jobs that are in the queue once whoever ended one had the time to say so. */
  left(): Promise<number>;
  close(): Promise<void>;
}

export async function openYard(meterCount: number, leaseS = LEASE_S_DEFAULT): Promise<Yard> {
  const keys = trialKeys();
  const server = await startNatsServer({ directory: join(keys.directory, 'nats'), port: 0 });
  const rack = await openRack(keys, meterCount);
  const work = await openJetstreamWork({ server: server.url, create: true, leaseMs: leaseS * 1000 });
  const workers: YardWorker[] = [];
  /** What a worker said that ended by itself. */
  const ended: string[] = [];
  const records = async (campaignId: string): Promise<readonly JobRecord[]> =>
    await patiently(async () => {
      const found: JobRecord[] = [];
      for await (const record of work.states.list(campaignId)) found.push(record);
      return found;
    });
  return {
    keys,
    server,
    rack,
    work,
    records,
    worker: (name, port = server.port) => {
      const nats = ['--nats', `nats://127.0.0.1:${port}`, '--inventory', rack.inventory(name)];
      const child = smets1('fleet', 'worker', ...nats, '--parallel', '1', '--lease', String(leaseS), '--json');
      const event = async (fits: (event: CliEvent) => boolean): Promise<CliEvent> => await eventOf(child, fits);
      const workerId = event((one) => one.event === 'ready').then((ready) => String(ready['workerId']));
      workerId.catch(() => undefined); // it may be killed before anybody asks
      void child.ended.then((how) => {
        if (how !== 'SIGKILL') ended.push(`worker ${name} ended with ${how}: ${child.stdout()}${child.stderr()}`);
      });
      const started: YardWorker = { name, child, workerId, events: () => eventsOf(child), event };
      workers.push(started);
      return started;
    },
    enter: async (release, counter) => {
      const campaignId = `version-${release.version}`;
      await patiently(async () => await work.packages.put(release.octets));
      for (const meter of rack.meters) {
        const authorisation = meter.authorisation(keys, release, counter);
        const job = updateJobOf({ campaignId, site: 'main', packageOctets: release.octets, authorisation });
        await patiently(async () => await enterJob(work, job));
      }
      return campaignId;
    },
    untilFinal: async (campaignId, msMax) => {
      for (let waitedMs = 0; ; waitedMs += POLL_MS) {
        const now = await records(campaignId);
        if (now.every(({ state }) => state === 'done' || state === 'failed')) return now;
        if (ended.length > 0) throw new Error(ended.join('\n'));
        if (waitedMs > msMax) throw new Error(`not done after ${msMax} ms: ${JSON.stringify(now.map(toldOf))}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    left: async () => {
      const untilMs = performance.now() + PATIENCE_MS_MAX;
      for (;;) {
        const left = await patiently(async () => await work.queue.left('main'));
        if (left === 0 || performance.now() > untilMs) return left;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    close: async () => {
      for (const { child } of workers) child.kill();
      await Promise.all(workers.map(async ({ child }) => await child.ended));
      await work.close();
      await rack.close();
      await server.stop('SIGKILL');
      keys.remove();
    },
  };
}

function toldOf({ job, state, worker, claim, tries, fault }: JobRecord): object {
  return { deviceId: job.deviceId, state, worker, claim, tries, fault };
}

/** Asks again while the server does not answer, as a worker does. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + PATIENCE_MS_MAX;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof WorkError && error.code === 'server-unreachable') || performance.now() > untilMs)
        throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
