/**
 * Goal: whatever happens to a worker or to its queue, each meter goes through its update once, and its record says so.
 * Method: virtual meters, the embedded queue and the workers on one virtual clock. A worker is cut off from its queue at every frame of an
 * update in turn, on its way there and on its way back.
 */
import type { MeterLinks } from '@smets1/dco';
import { LinkError } from '@smets1/hardware';
import { createWorld, worldTime, type World } from '@smets1/host';
import { afterEach, describe, expect, it } from 'vitest';
import { embeddedWork } from './embedded-work.js';
import { enterJob } from './enter-job.js';
import { WorkError } from './error.js';
import type { JobRecord } from './job-record.js';
import { testRack, type Rack } from './rack.test-support.js';
import { testJob, testKeys, testPackage } from './test-jobs.test-support.js';
import { jobKey, type UpdateJob } from './update-job.js';
import { onVirtualTime } from './virtual-time.test-support.js';
import type { UpdateWork } from './work-ports.js';
import { runUpdateWorker, type UpdateWorkerOptions, type WorkerEvent, type WorkerTally } from './worker.js';

const keys = testKeys();
const packageOctets = testPackage(keys, 2, 40_000);
const LEASE_MS = 8_000;
/** Real time, for one update of a meter for each frame of it. */
const EVERY_FRAME_MS_MAX = 120_000;

interface Bench {
  readonly world: World;
  readonly work: UpdateWork;
  readonly rack: Rack;
  /** Enters the update of each meter. */
  enter(): Promise<readonly UpdateJob[]>;
  record(job: UpdateJob): Promise<JobRecord | undefined>;
  worker(id: string, wish?: Partial<UpdateWorkerOptions>): Running;
  settle<T>(promise: Promise<T>): Promise<T>;
}

interface Running {
  readonly tally: Promise<WorkerTally>;
  readonly events: readonly WorkerEvent[];
  readonly stop: () => void;
}

const racks: Rack[] = [];
afterEach(async () => {
  for (const rack of racks.splice(0)) await rack.stop();
});

async function bench(count: number): Promise<Bench> {
  const world = createWorld({ seed: 1 });
  const time = worldTime(world);
  const work = embeddedWork({ leaseMs: LEASE_MS, time });
  const rack = testRack(keys, time, count);
  racks.push(rack);
  await work.packages.put(packageOctets);
  return {
    world,
    work,
    rack,
    enter: async () => {
      const jobs = rack.meters.map((_, at) => testJob(keys, packageOctets, { index: at + 1 }));
      for (const job of jobs) await enterJob(work, job, { nowMs: () => world.now() });
      return jobs;
    },
    record: async (job) => (await work.states.read(jobKey(job)))?.record,
    worker: (workerId, wish) => {
      const stopping = new AbortController();
      const events: WorkerEvent[] = [];
      const tally = runUpdateWorker({
        work,
        workerId,
        site: 'main',
        inventory: rack.inventory,
        links: rack.links,
        signal: stopping.signal,
        untilIdle: true,
        crypto: keys.crypto,
        time,
        nowMs: () => world.now(),
        onEvent: (event) => void events.push(event),
        ...wish,
      });
      return { tally, events, stop: () => stopping.abort() };
    },
    settle: async (promise) => await onVirtualTime(world, promise),
  };
}

const kinds = ({ events }: Running): readonly string[] =>
  events.map(({ kind }) => kind).filter((kind) => kind !== 'stage');

/** A queue that its worker can be cut off from: calls do not arrive, or they do and their answers do not. */
function severable(work: UpdateWork): { readonly work: UpdateWork; cut: 'no' | 'calls' | 'answers' } {
  const line = { work, cut: 'no' as 'no' | 'calls' | 'answers' };
  const lost = (): WorkError => new WorkError('server-unreachable', 'the line is cut');
  const over = async <T>(call: () => Promise<T>): Promise<T> => {
    if (line.cut === 'calls') throw lost();
    const answer = await call();
    if (line.cut === 'answers') throw lost();
    return answer;
  };
  const { queue, states, packages } = work;
  line.work = {
    queue: {
      put: async (job, round) => await over(async () => await queue.put(job, round)),
      left: async (site) => await over(async () => await queue.left(site)),
      take: async (site, waitMs) => {
        const delivery = await over(async () => await queue.take(site, waitMs));
        return (
          delivery && {
            ...delivery,
            extend: async () => await over(async () => await delivery.extend()),
            done: async () => await over(async () => await delivery.done()),
            later: (delayMs) => {
              if (line.cut === 'no') delivery.later(delayMs);
            },
          }
        );
      },
    },
    states: {
      read: async (key) => await over(async () => await states.read(key)),
      create: async (key, record) => await over(async () => await states.create(key, record)),
      update: async (key, record, revision) => await over(async () => await states.update(key, record, revision)),
      list: (campaignId) => states.list(campaignId),
    },
    packages: {
      put: async (octets) => await over(async () => await packages.put(octets)),
      get: async (digest) => await over(async () => await packages.get(digest)),
    },
    close: async () => await work.close(),
  };
  return line;
}

describe('workers', () => {
  it('take every meter of a campaign through its update once', async () => {
    const { rack, enter, record, worker, settle } = await bench(6);
    const jobs = await enter();
    const workers = [worker('a', { parallel: 2 }), worker('b', { parallel: 2 })];
    const tallies = await settle(Promise.all(workers.map(async ({ tally }) => await tally)));
    expect(tallies.reduce((sum, { done }) => sum + done, 0)).toBe(6);
    expect(Math.min(...tallies.map(({ claimed }) => claimed))).toBeGreaterThan(0); // that there were two of them
    for (const meter of rack.meters)
      expect([meter.trialsOf(2), meter.runningVersion(), meter.opened]).toEqual([1, 2, 1]);
    for (const job of jobs)
      expect(await record(job)).toMatchObject({
        state: 'done',
        what: 'activated',
        claim: 1,
        device: { attested: true },
      });
  });

  it('leave alone what is done already, also when the queue was never told', async () => {
    const { work, rack, enter, worker, settle } = await bench(1);
    await enter();
    let refused = 0;
    const forgetful: UpdateWork = {
      ...work,
      queue: {
        ...work.queue,
        take: async (site, waitMs) => {
          const delivery = await work.queue.take(site, waitMs);
          if (delivery?.attempt !== 1) return delivery;
          const done = async (): Promise<void> => {
            refused += 1;
            return await Promise.reject(new WorkError('server-unreachable', 'the line is cut'));
          };
          return { ...delivery, done };
        },
      },
    };
    const only = worker('a', { work: forgetful });
    expect(await settle(only.tally)).toMatchObject({ claimed: 1, done: 1, noEffect: 1 });
    expect(refused).toBe(1);
    expect(rack.meters[0]).toMatchObject({ opened: 1 });
  });

  it('find a meter that runs the image already, when queue and records were lost', async () => {
    const { world, rack, enter, worker, settle } = await bench(1);
    await enter();
    await settle(worker('a').tally);
    const anew = embeddedWork({ leaseMs: LEASE_MS, time: worldTime(world) });
    await anew.packages.put(packageOctets);
    const job = testJob(keys, packageOctets, { index: 1 });
    await enterJob(anew, job);
    const again = worker('b', { work: anew });
    expect(await settle(again.tally)).toMatchObject({ done: 1 });
    expect((await anew.states.read(jobKey(job)))?.record).toMatchObject({ state: 'done', what: 'already-running' });
    expect(rack.meters[0]?.trialsOf(2)).toBe(1);
  });

  it('put back what they have in hand when they are told to stop, and the next one resumes from what the meter holds', async () => {
    const { rack, enter, record, worker, settle } = await bench(1);
    const [job] = await enter();
    const first = worker('a', { untilIdle: false, octetsPerSecond: 20_000 });
    const meter = rack.meters[0]!;
    meter.onFrame = (frame) => {
      if (frame === 25) first.stop();
    };
    expect(await settle(first.tally)).toMatchObject({ claimed: 1, putBack: 1, done: 0, lost: 0 });
    expect(await record(job!)).toMatchObject({ state: 'waiting', tries: 0, fault: { code: 'interrupted' } });
    const second = worker('b');
    expect(await settle(second.tally)).toMatchObject({ done: 1 });
    const [held] = second.events.flatMap((event) =>
      event.kind === 'stage' && event.stage.stage === 'progress' ? [event.stage] : [],
    );
    expect(held?.durableBlocks).toBeGreaterThan(0);
    expect(held?.durableBlocks).toBeLessThan(held?.blockCount ?? 0);
    expect(meter.trialsOf(2)).toBe(1);
  });

  it('try a meter that does not answer again, later and later, until it counts as failed', async () => {
    const { rack, enter, record, worker, settle } = await bench(1);
    const [job] = await enter();
    let opened = 0;
    rack.fault = () => {
      opened += 1;
      return new LinkError('refused', 'nobody there');
    };
    const only = worker('a', { triesMax: 4 });
    expect(await settle(only.tally)).toMatchObject({ claimed: 4, putBack: 3, failed: 1 });
    expect(only.events.flatMap((event) => (event.kind === 'put-back' ? [event.delayMs] : []))).toEqual([
      1_000, 2_000, 4_000,
    ]);
    expect(opened).toBe(4);
    expect(await record(job!)).toMatchObject({ state: 'failed', tries: 4, claim: 4, fault: { code: 'no-answer' } });
  });

  it('do not claim a meter that they do not know, or whose word they could not check', async () => {
    const { rack, enter, record, worker, settle } = await bench(2);
    const jobs = await enter();
    const [keyless] = [...rack.inventory.devices.values()];
    const inventory = { devices: new Map([[keyless!.deviceId, { ...keyless!, publicKey: undefined }]]) };
    const other = worker('a', { untilIdle: false, inventory });
    const all = worker('b');
    await settle(all.tally);
    other.stop();
    expect(await settle(other.tally)).toMatchObject({ claimed: 0 });
    const said = other.events.flatMap((event) => (event.kind === 'put-back' ? [event.detail] : []));
    expect(said).toContainEqual(`${rack.meters[0]!.deviceId} has no public key in the inventory`);
    expect(said).toContainEqual(`${rack.meters[1]!.deviceId} is not in the inventory`);
    for (const job of jobs) expect(await record(job)).toMatchObject({ state: 'done', worker: 'b', claim: 1, tries: 0 });
  });

  it('end a job with a defect of ours, and go on with the others', async () => {
    const { rack, enter, record, worker, settle } = await bench(2);
    const jobs = await enter();
    const [first] = rack.meters;
    rack.fault = (deviceId) => (deviceId === first?.deviceId ? new TypeError('undefined is not a link') : undefined);
    const only = worker('a', { parallel: 1 });
    expect(await settle(only.tally)).toMatchObject({ done: 1, failed: 1 });
    expect(kinds(only)).toContain('defect');
    expect(await record(jobs[0]!)).toMatchObject({ state: 'failed', fault: { code: 'defect' } });
    expect(await record(jobs[1]!)).toMatchObject({ state: 'done' });
  });

  it('wait for a package that is missing, and refuse one that is not what its name says', async () => {
    const { work, enter, record, worker, settle } = await bench(1);
    const [job] = await enter();
    const answers: (() => Promise<Uint8Array>)[] = [
      async () => await Promise.reject(new WorkError('package-missing', 'not there')),
      async () => await Promise.reject(new WorkError('package-digest', 'another SHA-256')),
    ];
    const get = async (digest: string): Promise<Uint8Array> =>
      await (answers.shift() ?? (async () => await work.packages.get(digest)))();
    const only = worker('a', { work: { ...work, packages: { ...work.packages, get } } });
    expect(await settle(only.tally)).toMatchObject({ claimed: 3, putBack: 2, done: 1 });
    expect(only.events.flatMap((event) => (event.kind === 'put-back' ? [event.code] : []))).toEqual([
      'package-missing',
      'package-digest',
    ]);
    expect(await record(job!)).toMatchObject({ state: 'done', claim: 3, tries: 2 });
  });

  it('send no meter a package with another image than its job names', async () => {
    const { work, rack, record, worker, settle } = await bench(1);
    const other = await work.packages.put(testPackage(keys, 3, 5_000));
    const job = { ...testJob(keys, packageOctets, { index: 1 }), packageDigest: other };
    await enterJob(work, job);
    expect(await settle(worker('a').tally)).toMatchObject({ claimed: 1, failed: 1 });
    expect(await record(job)).toMatchObject({ state: 'failed', fault: { code: 'package-format' } });
    expect(rack.meters[0]?.opened).toBe(0);
  });

  it('end with what waiting does not mend, and put back the rest', async () => {
    const { work, enter, worker, settle } = await bench(1);
    await enter();
    const read = async (): Promise<never> => await Promise.reject(new WorkError('record-format', 'no record'));
    const only = worker('a', { work: { ...work, states: { ...work.states, read } } });
    await expect(settle(only.tally)).rejects.toMatchObject({ code: 'record-format' });
  });
});

describe('a worker that is cut off from its queue', () => {
  /** One update without a cut, to know how many frames a meter hears in it. */
  async function framesOfOneUpdate(): Promise<number> {
    const { rack, enter, worker, settle } = await bench(1);
    await enter();
    let frames = 0;
    rack.meters[0]!.onFrame = (frame) => {
      frames = frame;
    };
    await settle(worker('a').tally);
    return frames;
  }

  it.each(['calls', 'answers'] as const)(
    'has no second effect, whichever frame it is cut off at (%s are lost)',
    async (cut) => {
      const frames = await framesOfOneUpdate();
      expect(frames).toBeGreaterThan(15);
      let takenOver = 0;
      for (let at = 1; at <= frames; at += 1) {
        const { work, rack, enter, record, worker, settle } = await bench(1);
        const [job] = await enter();
        const line = severable(work);
        const meter = rack.meters[0]!;
        const first = worker('a', { work: line.work, untilIdle: false });
        meter.onFrame = (frame) => {
          if (frame === at) line.cut = cut;
        };
        const second = worker('b');
        expect(await settle(second.tally), `frame ${at}`).toMatchObject({ lost: 0 });
        const done = await record(job!);
        expect(done, `frame ${at}`).toMatchObject({ state: 'done' });
        expect([meter.trialsOf(2), meter.runningVersion()], `frame ${at}`).toEqual([1, 2]);
        takenOver += done?.worker === 'b' ? 1 : 0;
        // It comes back, and leaves what the other one wrote.
        line.cut = 'no';
        first.stop();
        await settle(first.tally);
        expect(await record(job!)).toEqual(done);
        expect(meter.trialsOf(2)).toBe(1);
        await rack.stop();
      }
      // Without calls somebody else has to finish it; where only answers are lost the first one's end arrives.
      expect(takenOver).toBe(cut === 'calls' ? frames : 0);
    },
    EVERY_FRAME_MS_MAX,
  );

  it('knows its own end again when only the answer to it was lost', async () => {
    const { work, enter, record, worker, settle } = await bench(1);
    const [job] = await enter();
    let lost = 0;
    const update = async (...args: Parameters<UpdateWork['states']['update']>): Promise<number | undefined> => {
      const revision = await work.states.update(...args);
      if (args[1].state !== 'done' || lost > 0) return revision;
      lost += 1;
      throw new WorkError('server-unreachable', 'the line is cut');
    };
    const only = worker('a', { work: { ...work, states: { ...work.states, update } } });
    expect(await settle(only.tally)).toMatchObject({ claimed: 1, done: 1, lost: 0, noEffect: 0 });
    expect(lost).toBe(1);
    expect(await record(job!)).toMatchObject({ state: 'done', claim: 1 });
  });

  it('lets go of its meter before the next worker may begin', async () => {
    const { work, world, rack, enter, worker, settle } = await bench(1);
    await enter();
    const line = severable(work);
    const links: MeterLinks = { open: async (id) => paused(await rack.links.open(id), () => line.cut !== 'no') };
    const first = worker('a', { work: line.work, links, untilIdle: false });
    const openedAtMs: number[] = [];
    rack.fault = () => {
      openedAtMs.push(world.now());
      return undefined;
    };
    rack.meters[0]!.onFrame = (frame) => {
      if (frame === 6) line.cut = 'calls';
    };
    let letGoAtMs = Number.NaN;
    const second = worker('b', {
      links: {
        open: async (id) => {
          letGoAtMs = first.events.some(({ kind }) => kind === 'lost') ? world.now() : Number.NaN;
          return await rack.links.open(id);
        },
      },
    });
    await settle(second.tally);
    expect(openedAtMs).toHaveLength(2);
    expect(letGoAtMs).toBe(openedAtMs[1]);
    first.stop();
    expect(await settle(first.tally)).toMatchObject({ claimed: 1, lost: 1, done: 0 });
  });
});

/** A link whose far end is heard no more once `isDead`: a meter that answers nothing does not end a conversation by itself. */
function paused(link: Awaited<ReturnType<MeterLinks['open']>>, isDead: () => boolean): typeof link {
  return {
    label: link.label,
    capabilities: link.capabilities,
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    send: (octets) => link.send(octets),
    onReceive: (handler) =>
      link.onReceive((octets) => {
        if (!isDead()) handler(octets);
      }),
    onClose: (handler) => link.onClose(handler),
    close: async () => await link.close(),
  };
}
