/**
 * Goal: three workers on one queue update every meter once, though one of them is killed, another is cut off from the queue and comes
 * back, and the third has a slow line.
 * Method: the command as users run it, three processes, each behind a line of its own to a real server. Meters are in this process, and
 * tell how often they activated what. Both faults strike in the middle of a conversation, at a frame that a meter hears.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { loopbackProxy, type LoopbackProxy } from './loopback-proxy.js';
import { release, type Moment } from './rack.js';
import { openYard, type Yard } from './yard.js';

const METERS = 6;
const STRIKE_FRAME = 8;
const SLOW_MS = 15;
/** Time for the one that is cut off to end what it is in the middle of, on a machine that is busy with everything else. */
const LEASE_S = 4;
const FINAL_MS_MAX = 60_000;
const TEST_MS_MAX = 150_000;

let yard: Yard | undefined;
const lines: LoopbackProxy[] = [];
afterEach(async () => {
  await yard?.close();
  for (const line of lines.splice(0)) await line.close();
});

describe('three workers on one queue', () => {
  it.each(['without a word', 'by a hang-up'] as const)(
    'update every meter once, though one is killed and one is cut off %s',
    async (how) => {
      yard = await openYard(METERS, LEASE_S);
      const { keys, rack, server } = yard;
      const v2 = release(keys, 2, 20_000);
      const v3 = release(keys, 3, 20_000);
      const line = async (): Promise<LoopbackProxy> => {
        const made = await loopbackProxy(server.port);
        lines.push(made);
        return made;
      };
      const [lineA, lineB, lineC] = [await line(), await line(), await line()];
      lineC.delay(SLOW_MS);
      const [a, b, c] = [yard.worker('a', lineA.port), yard.worker('b', lineB.port), yard.worker('c', lineC.port)];
      // All three wait for a job, so that each of them gets one.
      const [idA, idB] = await Promise.all([a.workerId, b.workerId, c.workerId]);

      const struck = new Map<string, string>();
      rack.onMoment = ({ worker, meter, frame }: Moment) => {
        if (frame !== STRIKE_FRAME || struck.has(worker) || worker === 'c') return;
        struck.set(worker, meter.deviceId);
        if (worker === 'a') a.child.kill('SIGKILL');
        else if (how === 'without a word') lineB.cut();
        else lineB.hangUp();
      };
      const first = await yard.enter(v2, 1n);
      const records = await yard.untilFinal(first, FINAL_MS_MAX);

      expect(struck.size).toBe(2);
      expect(await a.child.ended).toBe('SIGKILL');
      for (const record of records) expect(record).toMatchObject({ state: 'done', device: { attested: true } });
      const byDevice = new Map(records.map((record) => [record.job.deviceId, record]));
      // Whoever was struck did not write the end of that job; somebody else did, with a claim of his own.
      for (const [worker, id] of [
        ['a', idA],
        ['b', idB],
      ] as const) {
        const record = byDevice.get(struck.get(worker)!);
        expect(record?.worker).not.toBe(id);
        expect(record?.claim).toBeGreaterThan(1);
      }
      // The one that was cut off still reached its meter: the update took effect, and only its word of that was lost.
      expect(byDevice.get(struck.get('b')!)?.what).toBe('already-running');
      for (const meter of rack.meters) {
        expect([meter.trialsOf(2), meter.view().runningVersion]).toEqual([1, 2]);
        expect(meter.view().originatorCounter).toBe(1n);
      }

      // It comes back, lets go of what is another's by now, and works on: alone, since nobody else is left.
      lineB.heal();
      lineB.accept();
      await b.event(({ event }) => event === 'lost');
      c.child.kill('SIGKILL');
      await c.child.ended;
      const second = await yard.enter(v3, 2n);
      for (const record of await yard.untilFinal(second, FINAL_MS_MAX))
        expect(record).toMatchObject({ state: 'done', what: 'activated', worker: idB });
      for (const meter of rack.meters) {
        expect([meter.trialsOf(2), meter.trialsOf(3), meter.view().runningVersion]).toEqual([1, 1, 3]);
        expect(meter.view().originatorCounter).toBe(2n);
      }
      // Nothing that it did while it was cut off reached the records when it came back.
      expect(await yard.records(first)).toEqual(records);
      expect(await yard.left()).toBe(0);
      expect(rack.failures).toEqual([]);
      for (const { passedBytes } of lines) expect(passedBytes).toBeGreaterThan(0); // nobody found a way past a line
    },
    TEST_MS_MAX,
  );
});
