/**
 * Goal: every meter of a fleet comes to its right end, which is seen from outside, and the seed alone decides what happens. Method: a small
 * fleet with many faults, in this thread and on worker threads; meters that share everything must not share one's misfortune.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createFleet } from './fleet.js';
import type { FleetOptions } from './fleet-plan.js';
import { isExpected, type MeterEnd } from './meter-end.js';
import { endsAsCsv, isAsExpected } from './report.js';
import { runFleet } from './run-fleet.js';

/** Threads run what was built. */
const BUILT = new URL('../dist/fleet-worker.js', import.meta.url);
const FIRMWARE = Uint8Array.from({ length: 20_000 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 24);
const OPTIONS: FleetOptions = { meters: 40, seed: 7, release: { firmware: FIRMWARE }, faultRate: 0.3 };

function sha256(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}

describe('a fleet', () => {
  const fleet = createFleet(OPTIONS);
  const { report, ends, slots } = fleet.run();

  it('brings the image to every meter that nothing keeps from it, and to no other', () => {
    expect(isAsExpected(report)).toBe(true);
    expect(report).toMatchObject({
      meters: 40,
      activated: 32,
      asExpected: 40,
      imageBytes: 20_000,
      imageHash: sha256(FIRMWARE),
      outcomes: { activated: 32, 'not-authentic': 4, unknownKey: 4 },
      slots: { hashed: 40, asExpected: 40 },
    });
    const kinds = ['foreign-signature', 'power-cut', 'spoilt-octet'] as const;
    expect(report.faults).toEqual(Object.fromEntries(kinds.map((kind) => [kind, { meters: 4, asExpected: 4 }])));
    expect(ends.filter(({ powerCuts }) => powerCuts > 0).map(({ fault }) => fault)).toEqual(Array(4).fill('power-cut'));
  });

  it('has flash that says the same when it is read from outside', () => {
    for (const { index, runs } of ends) {
      const octets = fleet.imageIn(index)!;
      expect(sha256(octets) === sha256(FIRMWARE)).toBe(runs === 'new');
      expect(slots[index]!.sha256).toBe(sha256(octets));
    }
    expect(new Set(ends.map(({ deviceId }) => deviceId)).size).toBe(40);
  });

  it('lives the same history again, on one thread or three', async () => {
    const again = createFleet(OPTIONS).run();
    expect(again).toEqual({ report, ends, slots });
    const seen: MeterEnd[] = [];
    for (const workers of [1, 3]) {
      // eslint-disable-next-line no-await-in-loop -- both would only share the same cores
      const { pace, ...outcome } = await runFleet({
        ...OPTIONS,
        workers,
        workerUrl: BUILT,
        onEnds: (news) => seen.push(...news),
      });
      expect(outcome).toEqual({ report, ends, slots });
      expect(pace.workers).toBe(workers);
      expect(pace.checks.signaturesMade).toBeLessThan(pace.checks.signaturesAsked);
    }
    expect(seen.length).toBe(80);
  });

  it('lives another one from another seed', () => {
    const other = createFleet({ ...OPTIONS, seed: 8 }).run();
    expect(isAsExpected(other.report)).toBe(true);
    expect(other.ends.map(({ tookMs }) => tookMs)).not.toEqual(ends.map(({ tookMs }) => tookMs));
  });

  it('can be read as one line a meter', () => {
    const lines = endsAsCsv(ends).trimEnd().split('\n');
    expect(lines.length).toBe(41);
    expect(lines[0]).toMatch(/^index,deviceId,fault,outcome,runs,/);
    expect(lines[1]).toMatch(/^0,00-DB-12-34-00-00-00-01,\S+,\S+,(new|old),(true|false),true,/);
  });
});

describe('a meter that shares its checks with sound ones', () => {
  it('still finds the octet that is spoilt on its own way, wherever it is', () => {
    // Every second meter is sound, and has had the very same block verified just before.
    const { report, ends } = createFleet({ ...OPTIONS, meters: 60, seed: 3, faultRate: 0.5 }).run();
    const spoilt = ends.filter(({ fault }) => fault === 'spoilt-octet');
    expect(spoilt.length).toBe(10);
    expect(new Set(spoilt.map(({ outcome, runs }) => `${outcome} ${runs}`))).toEqual(new Set(['not-authentic old']));
    expect(isAsExpected(report)).toBe(true);
  });
});

describe('a power cut', () => {
  it('strikes in the update, whichever operation is drawn', () => {
    // 30 cuts in an update of some 130 operations, one of them drawn within the last two.
    const { report, ends } = createFleet({ ...OPTIONS, meters: 90, seed: 2, faultRate: 1 }).run();
    expect(report.faults['power-cut']).toEqual({ meters: 30, asExpected: 30 });
    expect(ends.filter(({ powerCuts }) => powerCuts === 1).length).toBe(30);
  });
});

describe('the table of right ends', () => {
  const end = { outcome: 'activated', runs: 'new', attested: true, powerCuts: 0 } as Omit<MeterEnd, 'asExpected'>;

  it.each([
    ['a sound meter that runs the old firmware', { fault: 'none', runs: 'old' }, false],
    ['a sound meter whose word nobody attests', { fault: 'none', attested: false }, false],
    ['a sound meter that lost its power', { fault: 'none', powerCuts: 1 }, false],
    ['a cut that did not strike', { fault: 'power-cut' }, false],
    ['a cut that struck', { fault: 'power-cut', powerCuts: 1 }, true],
    ['a spoilt octet that was taken', { fault: 'spoilt-octet' }, false],
    [
      'a spoilt octet refused by a meter that runs neither',
      { fault: 'spoilt-octet', outcome: 'not-authentic', runs: 'neither' },
      false,
    ],
    ['a foreign signature that was taken', { fault: 'foreign-signature' }, false],
    ['a foreign signature refused', { fault: 'foreign-signature', outcome: 'unknownKey', runs: 'old' }, true],
  ] as const)('judges %s', (_, change, expected) => {
    expect(isExpected({ ...end, ...change })).toBe(expected);
  });
});

describe('a fleet that cannot be', () => {
  const packageOctets = FIRMWARE.slice(0, 500);
  const trust = { manufacturer: [], supplier: [] };

  it.each([
    ['no meters', { meters: 0 }, 'misuse'],
    ['half a meter', { meters: 1.5 }, 'misuse'],
    ['more meters than the bound', { meters: 50_001 }, 'misuse'],
    ['a share of faults above one', { faultRate: 1.1 }, 'misuse'],
    ['a share of faults that is no number', { faultRate: Number.NaN }, 'misuse'],
    ['a family that nobody knows', { profile: 'wooden' }, 'misuse'],
    ['firmware without octets', { release: { firmware: new Uint8Array(0) } }, 'misuse'],
    ['octets that are no package', { release: { packageOctets, trust } }, 'package-refused'],
    [
      'an image that no slot of the family holds',
      { profile: 'serial-nor', release: { firmware: new Uint8Array(700_000) } },
      'not-applicable',
    ],
  ] as const)('is refused: %s', (_, change, code) => {
    expect(() => createFleet({ ...OPTIONS, ...change })).toThrow(expect.objectContaining({ name: 'FleetError', code }));
  });

  it('runs on 1 to 64 workers', async () => {
    for (const workers of [0, 65]) {
      // eslint-disable-next-line no-await-in-loop -- one after the other
      await expect(runFleet({ ...OPTIONS, workers })).rejects.toMatchObject({ code: 'misuse' });
    }
  });

  it('stops when it is told to, and says so; a worker that cannot start says that', async () => {
    const told = new AbortController();
    const run = runFleet({
      ...OPTIONS,
      meters: 2_000,
      workerUrl: BUILT,
      signal: told.signal,
      onEnds: () => told.abort(),
    });
    await expect(run).rejects.toMatchObject({ code: 'interrupted' });
    const nowhere = new URL('nowhere.js', BUILT);
    await expect(runFleet({ ...OPTIONS, workerUrl: nowhere })).rejects.toMatchObject({ code: 'worker-failed' });
  });
});

describe('families of meters', () => {
  it.each(['serial-nor', 'internal-ecc', 'parallel-nor', 'zero-erased', 'wide-granule'])(
    '%s takes the image',
    (profile) => {
      const { report } = createFleet({ ...OPTIONS, meters: 6, faultRate: 1, profile }).run();
      expect(report).toMatchObject({ profile, asExpected: 6, activated: 2, slots: { hashed: 6, asExpected: 6 } });
    },
  );
});
