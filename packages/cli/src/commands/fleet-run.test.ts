/** Goal: one line brings a package to a fleet, tells programs and people the same, and refuses what cannot be meant by its name. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, testFolder, start, type Called } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const folder = testFolder();
afterAll(folder.remove);
const fleet = async (line: string): Promise<Called> =>
  await call(folder.path, 'fleet', 'run', ...line.split(' '), '--json');
beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 20_000 });
});

const FORTY = '--meters 40 --package package.s1pk --trust keys --faults 15% --seed 9';

describe('smets1 fleet run', () => {
  it('brings the package to every meter, and says how many, how fast, and what was hashed from outside', async () => {
    const { exitCode, events, result } = await fleet(`${FORTY} --out ends.json`);
    expect([exitCode, result['outcome']]).toEqual([0, 'done']);
    expect(result).toMatchObject({
      meters: 40,
      activated: 36,
      asExpected: 40,
      imageBytes: 20_000,
      isSignedAnew: false,
      outcomes: { activated: 36, 'not-authentic': 2, unknownKey: 2 },
      slots: { hashed: 40, asExpected: 40 },
      pace: { imagesPerSecond: expect.any(Number), floorRatio: expect.any(Number), workers: expect.any(Number) },
    });
    expect(events.at(-2)).toMatchObject({ event: 'progress', doneMeters: 40, totalMeters: 40, notAsExpected: 0 });
    const written = JSON.parse(readFileSync(join(folder.path, 'ends.json'), 'utf8')) as { ends: unknown[] };
    expect(written.ends.length).toBe(40);
    expect(written).not.toHaveProperty('pace');
  });

  it('writes the same file again, on another number of workers', async () => {
    expect((await fleet(`${FORTY} --workers 3 --out again.json`)).exitCode).toBe(0);
    expect((await fleet(`${FORTY} --workers 1 --out ends.csv`)).exitCode).toBe(0);
    const read = (name: string): string => readFileSync(join(folder.path, name), 'utf8');
    expect(read('again.json')).toBe(read('ends.json'));
    expect(read('ends.csv').trimEnd().split('\n').length).toBe(41);
  });

  it('signs the image anew without keys to trust, and says so', async () => {
    const { result, events } = await fleet('--meters 3 --package package.s1pk --faults 0');
    expect(result).toMatchObject({ exitCode: 0, activated: 3, isSignedAnew: true, fileVersion: '00020001' });
    expect(events[0]).toMatchObject({ event: 'warning', detail: expect.stringContaining('signed anew') });
  });

  it('tells people the figures that it tells programs', async () => {
    const { stdout, exitCode } = await call(folder.path, 'fleet', 'run', ...FORTY.split(' '));
    expect(exitCode).toBe(0);
    for (const word of ['40 meters, seed 9', '36 meters run it', '2 refused the octet', '40 of 40 hold', 'images/s'])
      expect(stdout).toContain(word);
  });

  it.each([
    ['no meters', '--meters 0 --package package.s1pk', 2, 'usage'],
    ['more meters than the bound', '--meters 50001 --package package.s1pk', 2, 'usage'],
    ['a file that is missing', '--meters 2 --package nothing.s1pk', 2, 'file-missing'],
    ['a file that is no package', '--meters 2 --package image.ota', 15, 'malformed'],
    [
      'a package of another manufacturer',
      '--meters 2 --package package.s1pk --trust manufacturer=keys/dco.pub.pem --trust supplier=keys/supplier.pub.pem',
      14,
      'unknownKey',
    ],
    ['a share above all', '--meters 2 --package package.s1pk --faults 101%', 2, 'usage'],
    ['an output of no kind', '--meters 2 --package package.s1pk --out ends.txt', 2, 'usage'],
    ['an output that is there', '--meters 2 --package package.s1pk --out firmware.bin', 2, 'usage'],
    ['a family that nobody knows', '--meters 2 --package package.s1pk --profile wooden', 2, 'misuse'],
  ] as const)('refuses %s', async (_, line, exitCode, code) => {
    const called = await fleet(line);
    expect(called.exitCode).toBe(exitCode);
    expect(called.result['code'] ?? called.result['outcome']).toBe(code);
  });

  it('stops when it is told to, and writes nothing', async () => {
    const line = FORTY.replace('40', '5000');
    const running = start(folder.path, ['fleet', 'run', ...line.split(' '), '--out', 'no.csv', '--json']);
    await running.event('progress');
    running.interrupt();
    const { exitCode, result } = await running.done;
    expect([exitCode, result['code']]).toEqual([18, 'interrupted']);
    expect(statSync(join(folder.path, 'no.csv'), { throwIfNoEntry: false })).toBeUndefined();
  });
});
