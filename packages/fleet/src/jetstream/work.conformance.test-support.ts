/**
 * Goal: whatever holds the jobs, those who enter them and those who do them see the same behaviour.
 * Method: the same suite on the queue in memory, the one in a directory, and JetStream on a real server.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { enterJob } from './enter-job.js';
import { waitingRecord, type JobRecord } from './job-record.js';
import { testJob, testKeys, testPackage } from './test-jobs.test-support.js';
import { jobKey, packageDigest, type UpdateJob } from './update-job.js';
import type { UpdateWork } from './work-ports.js';

export interface WorkTraits {
  /** A new, empty queue with such leases. */
  readonly open: (leaseMs: number) => Promise<UpdateWork>;
  /** What another process would see of the same queue, if there can be one. */
  readonly reopen?: (work: UpdateWork) => Promise<UpdateWork>;
}

/** No test lives that long: what is in hand stays there. */
const LEASE_MS = 60_000;
/** Short enough to wait for its end; long enough that a busy machine can extend it in time. */
const SHORT_LEASE_MS = 3_000;
/** How long one waits for what must come; most of it comes at once. */
const WAIT_MS = 20_000;

export function describeWork(name: string, traits: WorkTraits): void {
  const keys = testKeys();
  const packageOctets = testPackage(keys, 2, 3_000);
  const job = (index: number, campaignId = 'spring'): UpdateJob => testJob(keys, packageOctets, { index, campaignId });

  describe(`the work queue ${name}`, () => {
    const opened: UpdateWork[] = [];
    const open = async (leaseMs = LEASE_MS): Promise<UpdateWork> => {
      const work = await traits.open(leaseMs);
      opened.push(work);
      return work;
    };
    afterEach(async () => {
      for (const work of opened.splice(0)) await work.close();
    });

    it('gives back a job as it was put, once, and no more once it is done', async () => {
      const { queue } = await open();
      expect(await queue.put(job(1), 0)).toBe('entered');
      expect(await queue.left('main')).toBe(1);
      const delivery = await queue.take('main', WAIT_MS);
      expect(delivery).toMatchObject({ job: job(1), round: 0, attempt: 1, leaseMs: LEASE_MS });
      expect(await queue.left('main')).toBe(1); // in hand is not done
      await delivery?.done();
      expect(await queue.left('main')).toBe(0);
      expect(await queue.take('main', 0)).toBeUndefined();
    });

    it('takes a job in once, however often it is put, and again in another round', async () => {
      const { queue } = await open();
      expect(await queue.put(job(1), 0)).toBe('entered');
      expect(await queue.put(job(1), 0)).toBe('there');
      await queue.take('main', WAIT_MS);
      expect(await queue.put(job(1), 0)).toBe('there'); // in hand
      expect(await queue.put(job(1), 1)).toBe('entered');
      expect(await queue.put(job(2), 0)).toBe('entered');
      expect(await queue.left('main')).toBe(3);
    });

    it('gives each job to one worker at a time', async () => {
      const { queue } = await open();
      for (const index of [1, 2, 3]) await queue.put(job(index), 0);
      const taken = await Promise.all([1, 2, 3].map(async () => await queue.take('main', WAIT_MS)));
      const devices = taken.map((delivery) => delivery?.job.deviceId);
      expect(new Set(devices)).toEqual(new Set([1, 2, 3].map((index) => job(index).deviceId)));
      expect(await queue.take('main', 0)).toBeUndefined();
    });

    it('gives a job to another one when the lease ends, and counts', async () => {
      const { queue } = await open(SHORT_LEASE_MS);
      await queue.put(job(1), 0);
      await queue.take('main', WAIT_MS);
      expect(await queue.take('main', WAIT_MS)).toMatchObject({ job: job(1), attempt: 2 });
    });

    it('keeps a job in hand as long as it is extended', async () => {
      const { queue } = await open(SHORT_LEASE_MS);
      await queue.put(job(1), 0);
      const delivery = await queue.take('main', WAIT_MS);
      let extended = 0;
      let isTaken = false;
      const other = queue.take('main', 1.5 * SHORT_LEASE_MS).then((taken) => {
        isTaken = taken !== undefined;
      });
      const answers: Promise<unknown>[] = [];
      const extending = setInterval(() => {
        extended += 1;
        answers.push(delivery!.extend());
      }, SHORT_LEASE_MS / 10);
      await other;
      clearInterval(extending);
      await Promise.allSettled(answers); // none is under way when the connection ends
      expect(extended).toBeGreaterThan(4); // that it was really held over a lease's end
      expect(isTaken).toBe(false);
    });

    it('gives a job that was put back to the next one at once', async () => {
      const { queue } = await open();
      await queue.put(job(1), 0);
      (await queue.take('main', WAIT_MS))?.later(0);
      expect(await queue.take('main', WAIT_MS)).toMatchObject({ attempt: 2 });
    });

    it('gives a job that was put back for later no sooner, though its lease would have ended', async () => {
      const { queue } = await open(SHORT_LEASE_MS);
      await queue.put(job(1), 0);
      const delivery = await queue.take('main', WAIT_MS);
      const laterMs = 1.5 * SHORT_LEASE_MS;
      const putBackMs = performance.now();
      delivery?.later(laterMs);
      expect(await queue.take('main', WAIT_MS)).toMatchObject({ attempt: 2 });
      expect(performance.now() - putBackMs).toBeGreaterThan(laterMs * 0.9);
    });

    it('gives a job to its own site only', async () => {
      const { queue } = await open();
      const elsewhere = testJob(keys, packageOctets, { index: 1, site: 'north' });
      await queue.put(elsewhere, 0);
      await queue.put(job(2), 0);
      expect(await queue.take('main', WAIT_MS)).toMatchObject({ job: job(2) });
      expect(await queue.take('main', 0)).toBeUndefined();
      expect(await queue.left('north')).toBe(1);
      expect(await queue.take('north', WAIT_MS)).toMatchObject({ job: elsewhere });
    });

    it('takes a job to whoever waits for one', async () => {
      const { queue } = await open();
      const waiting = queue.take('main', WAIT_MS);
      await queue.put(job(1), 0);
      expect(await waiting).toMatchObject({ job: job(1) });
    });

    it('writes a record only over the one that was read', async () => {
      const { states } = await open();
      const key = jobKey(job(1));
      const first = waitingRecord(job(1), 0, 1);
      expect(await states.read(key)).toBeUndefined();
      const revision = await states.create(key, first);
      expect(revision).toBeDefined();
      expect(await states.create(key, first)).toBeUndefined();
      expect(await states.read(key)).toEqual({ record: first, revision });
      const second: JobRecord = { ...first, state: 'claimed', claim: 1, worker: 'a' };
      const next = await states.update(key, second, revision!);
      expect(next).toBeDefined();
      expect(await states.update(key, first, revision!)).toBeUndefined(); // too late
      expect(await states.read(key)).toEqual({ record: second, revision: next });
    });

    it('lets exactly one of many writers win', async () => {
      const { states } = await open();
      const key = jobKey(job(1));
      const record = waitingRecord(job(1), 0, 1);
      const revision = await states.create(key, record);
      const writers = Array.from(
        { length: 20 },
        async (_, n) => await states.update(key, { ...record, claim: n }, revision!),
      );
      const wins = (await Promise.all(writers)).filter((won) => won !== undefined);
      expect(wins).toHaveLength(1);
    });

    it('lists the records of a campaign, or all', async () => {
      const { states } = await open();
      const listed = async (campaignId?: string): Promise<readonly string[]> => {
        const found: string[] = [];
        for await (const record of states.list(campaignId)) found.push(jobKey(record.job));
        return found.toSorted();
      };
      expect(await listed()).toEqual([]);
      const jobs = [job(1), job(2), job(3, 'summer')];
      for (const one of jobs) await states.create(jobKey(one), waitingRecord(one, 0, 1));
      expect(await listed()).toEqual(jobs.map(jobKey).toSorted());
      expect(await listed('summer')).toEqual([jobKey(jobs[2]!)]);
      expect(await listed('autumn')).toEqual([]);
    });

    it('lists each record once, though records are written meanwhile', async () => {
      const { states } = await open();
      const jobs = Array.from({ length: 100 }, (_, index) => job(index));
      const revisions = new Map<string, number | undefined>();
      for (const one of jobs) revisions.set(jobKey(one), await states.create(jobKey(one), waitingRecord(one, 0, 1)));
      const found: string[] = [];
      for await (const record of states.list('spring')) {
        found.push(jobKey(record.job));
        const one = jobs[(found.length * 37) % jobs.length]!;
        const over = revisions.get(jobKey(one))!;
        const revision = await states.update(jobKey(one), waitingRecord(one, 0, found.length), over);
        expect(revision).toBeDefined();
        revisions.set(jobKey(one), revision);
      }
      expect(found.toSorted()).toEqual(jobs.map(jobKey).toSorted());
    });

    it('keeps packages by their SHA-256, and has no other', async () => {
      const { packages } = await open();
      const large = testPackage(keys, 3, 400_000);
      expect(await packages.put(large)).toBe(packageDigest(large));
      expect(await packages.put(large)).toBe(packageDigest(large));
      expect(Buffer.compare(await packages.get(packageDigest(large)), large)).toBe(0);
      await expect(packages.get(packageDigest(packageOctets))).rejects.toMatchObject({ code: 'package-missing' });
    });

    it('enters a job once, and again only what has failed', async () => {
      const work = await open();
      const one = job(1);
      expect(await enterJob(work, one)).toEqual({ kind: 'entered', state: 'waiting' });
      expect(await enterJob(work, one)).toEqual({ kind: 'known', state: 'waiting' });
      const other = testJob(keys, packageOctets, { index: 1, counter: 9n });
      expect(await enterJob(work, other)).toEqual({ kind: 'other-terms', state: 'waiting' });
      expect(await work.queue.left('main')).toBe(1);

      const { record, revision } = (await work.states.read(jobKey(one)))!;
      const fault = { code: 'reverted', message: 'it reverted' } as const;
      await work.states.update(jobKey(one), { ...record, state: 'failed', fault }, revision);
      expect(await enterJob(work, one)).toEqual({ kind: 'known', state: 'failed' });
      expect(await enterJob(work, other, { again: true })).toEqual({ kind: 'entered', state: 'waiting' });
      expect(await work.states.read(jobKey(one))).toMatchObject({ record: { job: other, round: 1, tries: 0 } });
    });

    it('puts back, when it is entered again, a job whose message was lost', async () => {
      const work = await open();
      await work.states.create(jobKey(job(1)), waitingRecord(job(1), 0, 1)); // and then whoever entered it was killed
      expect(await work.queue.left('main')).toBe(0);
      expect(await enterJob(work, job(1))).toEqual({ kind: 'entered', state: 'waiting' });
      expect(await work.queue.take('main', WAIT_MS)).toMatchObject({ job: job(1), round: 0 });
    });

    const { reopen } = traits;
    if (reopen !== undefined) {
      it('shows another process the same jobs, records and packages', async () => {
        const work = await open();
        await work.packages.put(packageOctets);
        await enterJob(work, job(1));
        await enterJob(work, job(2));
        await (await work.queue.take('main', WAIT_MS))?.done();
        const after = await reopen(work);
        opened.push(after);
        expect(await after.queue.left('main')).toBe(1);
        expect(await after.queue.take('main', WAIT_MS)).toMatchObject({ job: job(2) });
        expect(await after.states.read(jobKey(job(1)))).toMatchObject({ record: { state: 'waiting' } });
        expect(await after.packages.get(packageDigest(packageOctets))).toEqual(packageOctets);
      });
    }
  });
}
