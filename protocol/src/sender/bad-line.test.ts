/**
 * Goal: whatever the line does, and whoever loses power when, a transfer ends in bounded time: with the exact image, or with a reason.
 * Method: both machines on virtual time over a line that loses, repeats, delays, spoils and joins; each seed is one history.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { TRIAL_STARTS_MAX } from '../limits.js';
import type { SenderResult } from './sender-types.js';
import { authorisationFor, modelImage, planOf } from '../test-support/model-image.test-support.js';
import { Pair, type Faults, type Struck } from '../test-support/pair.test-support.js';

const image = modelImage({ bytes: 256 * 30 + 17 });
const authorisation = authorisationFor(image);
const seed = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const HOUR_MS = 3_600_000;
const RUNS_MAX = 5;
let interrupted = 0;

const rates = (most: number): fc.Arbitrary<Faults> => {
  const rate = fc.double({ min: 0, max: most, noNaN: true });
  return fc.record({ loss: rate, twice: rate, late: rate, flip: rate, splice: rate });
};

const total: Struck & { cuts: number; hostCrashes: number } = {
  loss: 0,
  twice: 0,
  late: 0,
  flip: 0,
  splice: 0,
  cuts: 0,
  hostCrashes: 0,
};
function count(pair: Pair): void {
  const struck = pair.struck();
  for (const fault of Object.keys(struck) as (keyof Struck)[]) total[fault] += struck[fault];
  total.cuts += pair.meter.cuts;
  total.hostCrashes += pair.hostCrashes;
}

function exactImageIn(pair: Pair): boolean {
  return (
    Buffer.compare(pair.meter.flash.slot.subarray(0, image.manufacturerImage.length), image.manufacturerImage) === 0
  );
}

/** As a host's command line is: a transfer that was interrupted is resumed by the next call. */
function runAgainAndAgain(pair: Pair): SenderResult {
  for (let again = 0; ; again++) {
    const result = pair.run(pair.world.nowMs + HOUR_MS);
    if (result.kind === 'done' || again === RUNS_MAX || !['interrupted', 'no-answer'].includes(result.reason))
      return result;
    interrupted++;
    pair.startHost(pair.options.plan);
  }
}

describe('a transfer over a bad line', () => {
  it('activates the exact image while the line lets something through', () => {
    fc.assert(
      fc.property(
        seed,
        rates(0.12),
        fc.constantFrom<'stream' | 'message'>('stream', 'message'),
        fc.integer({ min: 0, max: 900 }),
        (history, faults, framing, latencyMs) => {
          const pair = new Pair({
            seed: history,
            plan: planOf({ image, authorisation }),
            framing,
            line: { faults, latencyMs },
            meter: { checkJitterMs: 20 },
          });
          expect(runAgainAndAgain(pair)).toMatchObject({
            kind: 'done',
            what: expect.stringMatching(/activated|already-running/),
            attested: true,
          });
          expect(exactImageIn(pair)).toBe(true);
          expect(pair.meter.flash.running.hash).toEqual(image.imageHash);
          expect(pair.meter.counts['activate']).toBe(1);
          count(pair);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('ends with the exact image or with a reason when the line is worse than that, and never claims what is not so', () => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(seed, rates(0.6), (history, faults) => {
        const pair = new Pair({ seed: history, plan: planOf({ image }), line: { faults } });
        const result = pair.run(3 * HOUR_MS);
        const name = result.kind === 'done' ? result.what : result.reason;
        ends.set(name, (ends.get(name) ?? 0) + 1);
        if (result.kind === 'done') expect(exactImageIn(pair)).toBe(true);
        count(pair);
      }),
      { numRuns: 80 },
    );
    console.log(`ends on very bad lines: ${JSON.stringify(Object.fromEntries(ends))}`);
    for (const end of ends.keys()) expect(['sealed', 'no-answer', 'interrupted', 'too-noisy']).toContain(end);
    expect(ends.size).toBeGreaterThan(1);
    expect(ends.get('sealed')).toBeGreaterThan(0);
  });

  it('goes on after power cuts of either side, at any moment', () => {
    fc.assert(
      fc.property(
        seed,
        rates(0.06),
        fc.array(fc.tuple(fc.nat({ max: 4_000 }), fc.boolean()), { minLength: 1, maxLength: 6 }),
        (history, faults, cuts) => {
          const pair = new Pair({
            seed: history,
            plan: planOf({ image, authorisation }),
            line: { faults, octetsPerSecond: 9_600 },
          });
          for (const [atMs, ofMeter] of cuts) {
            pair.world.at(atMs, () => {
              if (pair.host.phase.kind === 'ended') return;
              if (!ofMeter) pair.crashHost(100, atMs % 2 === 0 ? 'lost' : 'arrives');
              else if (pair.meter.powered) pair.meter.cutPower();
            });
          }
          const result = runAgainAndAgain(pair);
          // Three cuts in one trial are three starts that did not confirm: then the old image has to run again, and the host has to say so.
          if (result.kind === 'failed') {
            expect(result.reason).toBe('reverted');
            expect(pair.meter.cuts).toBeGreaterThanOrEqual(TRIAL_STARTS_MAX);
            expect(pair.meter.flash.running.version).toBe(0x00010000);
            return;
          }
          expect(result.what).toMatch(/activated|already-running/);
          expect(pair.meter.flash.running.hash).toEqual(image.imageHash);
          count(pair);
        },
      ),
      { numRuns: 80 },
    );
  });

  it('makes one history of one seed', () => {
    const history = (): unknown => {
      const pair = new Pair({
        seed: 77,
        plan: planOf({ image }),
        line: { faults: { loss: 0.1, twice: 0.1, late: 0.2, flip: 0.05, splice: 0.05 } },
      });
      pair.run();
      return [pair.world.nowMs, pair.world.events, pair.struck(), pair.host.stats];
    };
    expect(history()).toEqual(history());
  });

  afterAll(() => {
    console.log(`faults that struck: ${JSON.stringify({ ...total, interrupted })}`);
    for (const [fault, times] of Object.entries(total)) expect(times, fault).toBeGreaterThan(20);
  });
});
