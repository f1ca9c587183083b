/**
 * Goal: the main job on real images: both of Debian's, over a WebSocket and over a PTY serial line, with the slot read back by a program that is not ours.
 * Method: the command line, as a user types it; the flash file is read by the Python of emulator/docs/FLASH-FILE.md; coreutils' sha256sum has the last word.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../support/child.js';
import { child } from '../support/child.js';
import { buildUBoot, estate, smallFirmware, type Estate } from '../support/estate.js';
import { uBootPath, type UBoot } from '../support/firmware.js';
import { eventOf, finished, smets1 } from '../support/smets1.js';

let of: Estate;

beforeAll(async () => {
  of = await estate();
}, 60_000);

afterAll(() => of.end());

async function sha256sum(path: string): Promise<string> {
  const run = child('sha256sum', [path]);
  expect(await run.ended).toBe(0);
  return run.stdout().slice(0, 64);
}

/** Slot, version, octets and hash of the active image, as the page's own program finds them. */
async function readFlash(flashPath: string): Promise<readonly string[]> {
  const page = readFileSync(join(import.meta.dirname, '../../emulator/docs/FLASH-FILE.md'), 'utf8');
  const [, program] = /```python\n([\s\S]*?)```/.exec(page) ?? [];
  const script = of.path('read-flash.py');
  writeFileSync(script, program ?? '');
  const run = child('/usr/bin/python3', [script, flashPath]);
  if ((await run.ended) !== 0) throw new Error(run.stderr());
  return run.stdout().trim().split(' ');
}

async function emulator(flash: string, door: readonly string[]): Promise<{ meter: Child; url: string }> {
  const meter = of.start('emulate', '--flash', of.path(flash), '--trust', of.path('keys'), ...door, '--json');
  const ready = await eventOf(meter, ({ event }) => event === 'ready');
  return { meter, url: String(ready['ws'] ?? ready['serial']) };
}

const jobs: readonly (readonly [UBoot, string, number])[] = [
  ['qemu_arm', 'ws', 193],
  ['qemu_arm', 'serial', 193],
  ['qemu_arm64', 'ws', 238],
  ['qemu_arm64', 'serial', 238],
];

describe('the main job', () => {
  it.each(jobs)(
    'puts %s into a meter over %s, and the meter keeps it',
    { timeout: 60_000 },
    async (machine, link, blocks) => {
      const name = `${machine}-${link}`;
      const door = link === 'ws' ? ['--ws', '127.0.0.1:0'] : ['--serial', of.path(`${name}.line`)];
      const packagePath = await of.build(name, uBootPath(machine), '00020001');
      const parts = await finished(
        smets1('package', 'split', packagePath, '--out-dir', of.path(`${name}.parts`), '--json'),
      );
      expect(parts).toMatchObject({ exitCode: 0, parts: [{}, {}] });
      const authorisation = await of.authorise(packagePath, 1);
      const flash = `${name}.flash`;
      const { meter, url } = await emulator(flash, door);
      const attest = ['--device-key', of.publicKey('device'), '--json'];
      const done = await finished(smets1('flash', packagePath, '--to', url, '--activate', authorisation, ...attest));
      expect(done).toMatchObject({
        outcome: 'activated',
        exitCode: 0,
        attested: true,
        dataFrames: blocks,
        runningVersion: '00020001',
      });
      meter.kill();
      await meter.ended;

      const [, version, length, hash] = await readFlash(of.path(flash));
      expect(hash).toBe(await sha256sum(uBootPath(machine)));
      expect([version, Number(length)]).toEqual(['00020001', readFileSync(uBootPath(machine)).length]);

      const again = await emulator(flash, door);
      expect(await finished(smets1('read-version', '--to', again.url, ...attest))).toMatchObject({
        runningVersion: '00020001',
        attested: true,
      });
      const repeated = await finished(smets1('flash', packagePath, '--to', again.url, ...attest));
      expect(repeated).toMatchObject({ outcome: 'already-running', exitCode: 0, dataFrames: 0 });
      again.meter.kill();
      await again.meter.ended;
    },
  );

  it(
    'refuses a lower counter, and an equal one with another image, with exit 12 and nothing sent',
    { timeout: 60_000 },
    async () => {
      const packagePath = await buildUBoot(of, 'qemu_arm64', '00020001');
      const { url } = await emulator('counters.flash', ['--ws', '127.0.0.1:0']);
      const authorisation = await of.authorise(packagePath, 1);
      await finished(smets1('flash', packagePath, '--to', url, '--activate', authorisation, '--json'));
      const lower = await of.build('lower', smallFirmware(of, 'lower.bin', 20_000, 1), '00020002', 0x0002_0000);
      const other = await of.build('other', smallFirmware(of, 'other.bin', 20_000, 2), '00020002', 0x0002_0001);
      expect(await finished(smets1('flash', lower, '--to', url, '--json'), 12)).toMatchObject({
        code: 'counterTooLow',
        dataFrames: 0,
      });
      expect(await finished(smets1('flash', other, '--to', url, '--json'), 12)).toMatchObject({
        code: 'counterUsed',
        dataFrames: 0,
      });
      expect(await finished(smets1('read-version', '--to', url, '--json'))).toMatchObject({
        runningVersion: '00020001',
      });
    },
  );
});
