/**
 * Goal: of any number of workers that were given the same job, in any order, only the last one to claim it has a say in how it ended.
 * Method: random interleavings of claims and ends against a model of one line: who claimed last.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimJob, writeEnd, type Claimed } from './claim.js';
import { embeddedWork } from './embedded-work.js';
import { WorkError } from './error.js';
import { waitingRecord, type JobRecord } from './job-record.js';
import { testJob, testKeys, testPackage } from './test-jobs.test-support.js';
import { jobKey } from './update-job.js';

const keys = testKeys();
const packageOctets = testPackage(keys, 2, 1_000);
const job = testJob(keys, packageOctets);
const key = jobKey(job);
const PATIENCE = { isLost: () => false, pause: async () => await Promise.resolve() };

const turn = fc.record({
  worker: fc.integer({ min: 0, max: 3 }),
  does: fc.constantFrom('claim', 'claim', 'claim', 'end', 'fail'),
});

describe('a claim', () => {
  it('gives the last one who made it, and nobody else, the word about the end', async () => {
    let overtaken = 0;
    let ended = 0;
    const property = fc.asyncProperty(fc.array(turn, { minLength: 5, maxLength: 30 }), async (turns) => {
      const { states } = embeddedWork();
      await states.create(key, waitingRecord(job, 0, 0));
      const claims = new Map<number, Claimed>();
      let owner: number | undefined;
      let final: string | undefined;
      for (const [atMs, { worker, does }] of turns.entries()) {
        if (does === 'claim') {
          const claim = await claimJob(states, { job, round: 0 }, `w${worker}`, atMs);
          expect(claim.kind).toBe(final === undefined ? 'claimed' : 'no-effect');
          if (claim.kind !== 'claimed') continue;
          if (owner !== undefined) overtaken += 1;
          claims.set(worker, claim);
          owner = worker;
          continue;
        }
        const claim = claims.get(worker);
        if (claim === undefined) continue;
        claims.delete(worker);
        const state = does === 'end' ? 'done' : 'failed';
        const next: JobRecord = { ...claim.record, state, atMs };
        const isWritten = await writeEnd(states, { ...claim, key }, next, PATIENCE);
        expect(isWritten).toBe(owner === worker && final === undefined);
        if (isWritten) final = `${state} by w${worker}`;
      }
      const end = (await states.read(key))?.record;
      if (final === undefined) expect(['waiting', 'claimed']).toContain(end?.state);
      else expect(`${end?.state} by ${end?.worker}`).toBe(final);
      if (final !== undefined) ended += 1;
    });
    await fc.assert(property, { numRuns: 300 });
    expect(overtaken).toBeGreaterThan(100); // claims that nobody contested would prove nothing
    expect(ended).toBeGreaterThan(100);
  });

  it('begins a record anew when the store lost it, and leaves a later round alone', async () => {
    const { states } = embeddedWork();
    expect(await claimJob(states, { job, round: 3 }, 'a', 7)).toMatchObject({
      kind: 'claimed',
      record: { state: 'claimed', round: 3, claim: 1, worker: 'a', atMs: 7 },
    });
    expect(await claimJob(states, { job, round: 2 }, 'b', 8)).toMatchObject({ kind: 'no-effect' });
    expect((await states.read(key))?.record).toMatchObject({ worker: 'a' });
  });

  it('waits to write its end while the store does not answer, and stops waiting when it is lost', async () => {
    const { states } = embeddedWork();
    const claim = await claimJob(states, { job, round: 0 }, 'a', 1);
    if (claim.kind !== 'claimed') throw new Error('it was not claimed');
    let asked = 0;
    const update = async (): Promise<never> => {
      asked += 1;
      return await Promise.reject(new WorkError('server-unreachable', 'the line is cut'));
    };
    const next: JobRecord = { ...claim.record, state: 'done' };
    const patience = { isLost: () => asked >= 3, pause: async () => await Promise.resolve() };
    expect(await writeEnd({ ...states, update }, { ...claim, key }, next, patience)).toBe(false);
    expect(asked).toBe(3);
    const broken = async (): Promise<never> => await Promise.reject(new WorkError('record-format', 'no record'));
    await expect(writeEnd({ ...states, update: broken }, { ...claim, key }, next, PATIENCE)).rejects.toMatchObject({
      code: 'record-format',
    });
  });
});
