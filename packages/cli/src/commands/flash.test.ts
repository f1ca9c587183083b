/** Goal: what a meter says of a package comes out of `flash` as the outcome, the exit code and the counts of the API. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called, type Running } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const folder = testFolder();
afterAll(folder.remove);
const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args, '--json');
const ATTEST = ['--device-key', 'keys/device.pub.pem'];

let meter: Running | undefined;
async function meterOn(...more: readonly string[]): Promise<string> {
  meter = start(folder.path, ['emulate', '--trust', 'keys', '--ws', '127.0.0.1:0', '--json', ...more]);
  return String((await meter.event('ready'))['ws']);
}
afterEach(async () => {
  meter?.interrupt();
  const ended = await meter?.done;
  meter = undefined;
  if (ended !== undefined) expect(ended.result).toMatchObject({ event: 'result', outcome: 'done', exitCode: 0 });
});

beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 200_000 });
  await makeRelease(folder.path, { bytes: 3_000, name: 'other-', seed: 8, counter: 0x00020001, originatorCounter: 2 });
  await makeRelease(folder.path, { bytes: 3_000, name: 'next-', seed: 9, version: '00020002', originatorCounter: 3 });
});

describe('flash', () => {
  it('brings a package to a meter and activates it; the same again sends nothing and is a success', async () => {
    const to = await meterOn();
    const line = ['flash', 'package.s1pk', '--to', to, '--activate', 'activate.auth', ...ATTEST];
    const first = await smets1(...line);
    expect(first.result).toMatchObject({
      outcome: 'activated',
      exitCode: 0,
      runningVersion: '00020001',
      attested: true,
    });
    expect(first.result['runningHash']).toBe(first.result['hash']);
    expect(first.result).toMatchObject({ octetsWritten: 200_000 + 196 * 64, octetsResent: 0, resumedFrom: 0 });
    expect(first.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['link-up', 'meter-found', 'accepted', 'progress', 'sealing', 'sealed', 'activating']),
    );
    const again = await smets1(...line);
    expect(again.result).toMatchObject({ outcome: 'already-running', exitCode: 0, dataFrames: 0, octetsWritten: 0 });
    const read = await smets1('read-version', '--to', to, ...ATTEST);
    expect(read.result).toMatchObject({ outcome: 'version-read', runningVersion: '00020001', attested: true });
  });

  it('without an authorisation leaves the image held, and the old one running', async () => {
    const to = await meterOn();
    const { result } = await smets1('flash', 'package.s1pk', '--to', to);
    expect(result).toMatchObject({ outcome: 'sealed', exitCode: 0, runningVersion: '00010000', attested: false });
  });

  it('of a lower counter, or of the same with another image, is refused with 12', async () => {
    const to = await meterOn();
    await smets1('flash', 'package.s1pk', '--to', to, '--activate', 'activate.auth');
    const { result } = await smets1('flash', 'other-package.s1pk', '--to', to);
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 12, code: 'counterUsed', dataFrames: 0 });
    await makeRelease(folder.path, { bytes: 3_000, name: 'low-', counter: 2 });
    const low = await smets1('flash', 'low-package.s1pk', '--to', to);
    expect(low.result).toMatchObject({ outcome: 'refused', exitCode: 12, code: 'counterTooLow' });
  });

  it('does not drop another image that the meter holds, unless it is told to', async () => {
    const to = await meterOn();
    await smets1('flash', 'package.s1pk', '--to', to);
    const { result } = await smets1('flash', 'next-package.s1pk', '--to', to);
    expect(result).toMatchObject({
      exitCode: 12,
      code: 'otherImageHeld',
      wayOut: expect.stringContaining('--replace'),
    });
    const replaced = await smets1(
      'flash',
      'next-package.s1pk',
      '--to',
      to,
      '--replace',
      '--activate',
      'next-activate.auth',
    );
    expect(replaced.result).toMatchObject({ outcome: 'activated', runningVersion: '00020002' });
  });

  it('says that the meter reverted, with 17, and the old version is the one that runs', async () => {
    writeFileSync(join(folder.path, 'failing.json'), JSON.stringify({ failingVersions: ['00020001'] }));
    const to = await meterOn('--profile', 'failing.json');
    const { result } = await smets1('flash', 'package.s1pk', '--to', to, '--activate', 'activate.auth', ...ATTEST);
    expect(result).toMatchObject({ outcome: 'reverted', exitCode: 17, runningVersion: '00010000' });
  });

  it('tells an authorisation that is not valid from everything else, with 22', async () => {
    const to = await meterOn();
    const unfinished = await smets1('flash', 'package.s1pk', '--to', to, '--activate', 'activate.signed');
    expect(unfinished.result).toMatchObject({ exitCode: 22, wayOut: expect.stringContaining('countersign') });
    const foreign = await smets1('flash', 'package.s1pk', '--to', to, '--activate', 'next-activate.auth');
    expect(foreign.result).toMatchObject({ exitCode: 22, detail: expect.stringContaining('another image') });
    const past = ['--not-after', '2020-01-01T00:00:00Z', '--counter', '9', '--key', 'keys/supplier.key.pem'];
    const who = ['--device-id', '00-DB-12-34-56-78-90-A0', '--originator', '90-B3-D5-1F-30-01-00-00'];
    await smets1('authorise', 'sign', '--package', 'package.s1pk', ...who, ...past, '--out', 'past.signed');
    const dco = ['--key', 'keys/dco.key.pem', '--trust', 'supplier=keys/supplier.pub.pem', '--out', 'past.auth'];
    await smets1('authorise', 'countersign', 'past.signed', ...dco);
    const expired = await smets1('flash', 'package.s1pk', '--to', to, '--activate', 'past.auth');
    expect(expired.result).toMatchObject({ exitCode: 22, code: 'authorisationExpired' });
  });

  it('stops with 18 when it is interrupted, and resumes where it was', async () => {
    const to = await meterOn();
    const paced = start(folder.path, ['flash', 'package.s1pk', '--to', to, '--rate', '100000', '--json']);
    await paced.event('progress', ({ durableBlocks }) => Number(durableBlocks) > 8);
    paced.interrupt();
    const cut = await paced.done;
    expect(cut.result).toMatchObject({ outcome: 'interrupted', exitCode: 18 });
    const resumed = await smets1('flash', 'package.s1pk', '--to', to);
    expect(resumed.result).toMatchObject({ outcome: 'sealed', exitCode: 0 });
    expect(Number(resumed.result['resumedFromBlocks'])).toBeGreaterThan(0);
    expect(Number(resumed.result['octetsResent'])).toBeLessThanOrEqual(65_536 + 1_088);
  });

  it('leaves another meter alone, with 19, and believes no other key, with 14', async () => {
    const to = await meterOn();
    const other = await smets1('flash', 'package.s1pk', '--to', to, '--device-id', '00-00-00-00-00-00-00-01');
    expect(other.result).toMatchObject({ outcome: 'device-changed', exitCode: 19, dataFrames: 0 });
    const stranger = await smets1('read-version', '--to', to, '--device-key', 'keys/dco.pub.pem');
    expect(stranger.result).toMatchObject({ outcome: 'not-authentic', exitCode: 14, attested: false });
  });

  it('tells a port that is not there from a meter that does not answer', async () => {
    expect((await smets1('read-version', '--to', 'ws://127.0.0.1:1/meter')).result).toMatchObject({
      outcome: 'port',
      exitCode: 10,
    });
    expect((await smets1('read-version', '--to', 'serial:/dev/nix')).result).toMatchObject({ exitCode: 10 });
    expect((await smets1('read-version', '--to', 'gopher:nix')).result).toMatchObject({ exitCode: 2 });
  });

  it('is let in only with the token, where the meter asks for one', async () => {
    writeFileSync(join(folder.path, 'token'), 'a-token-of-sixteen-or-more\n', { mode: 0o600 });
    const to = await meterOn('--token-file', 'token');
    expect((await smets1('read-version', '--to', to)).result).toMatchObject({ exitCode: 10, code: 'unauthorised' });
    expect((await smets1('read-version', '--to', to, '--token-file', 'token')).result).toMatchObject({ exitCode: 0 });
  });
});

describe('a virtual meter', () => {
  it('comes back with what its flash file held', async () => {
    const to = await meterOn('--flash', 'meter.flash');
    await smets1('flash', 'package.s1pk', '--to', to, '--activate', 'activate.auth');
    meter!.interrupt();
    await meter!.done;
    meter = start(folder.path, [
      'emulate',
      '--flash',
      'meter.flash',
      '--trust',
      'keys',
      '--ws',
      '127.0.0.1:0',
      '--json',
    ]);
    expect(await meter.event('ready')).toMatchObject({ isNew: false, runningVersion: '00020001', mode: 'confirmed' });
  });

  it('owns its flash file alone', async () => {
    await meterOn('--flash', 'owned.flash');
    const second = await smets1('emulate', '--flash', 'owned.flash', '--trust', 'keys');
    expect(second.result).toMatchObject({ exitCode: 2, code: 'file-locked' });
  });

  it('makes its serial line anew where a killed one left its name', async () => {
    const line = join(folder.path, 'line');
    symlinkSync('/dev/pts/4094', line);
    meter = start(folder.path, ['emulate', '--trust', 'keys', '--serial', 'line', '--json']);
    expect(await meter.event('ready')).toMatchObject({ serial: `serial:${line}` });
    expect((await smets1('read-version', '--to', `serial:${line}`)).result).toMatchObject({ exitCode: 0 });
  });

  it('refuses a flash file that is none, and a profile that is none', async () => {
    writeFileSync(join(folder.path, 'no.flash'), 'x'.repeat(10_000));
    const { result } = await smets1('emulate', '--flash', 'no.flash', '--trust', 'keys');
    expect(result).toMatchObject({ exitCode: 20, code: 'bad-magic' });
    writeFileSync(join(folder.path, 'no.json'), '{"deviceId":"nix"}');
    const profile = await smets1('emulate', '--profile', 'no.json', '--trust', 'keys');
    expect(profile.result).toMatchObject({ exitCode: 2, detail: expect.stringContaining('deviceId') });
  });

  it('makes keys of its own when it is given none, and is reached on both doors', async () => {
    meter = start(folder.path, ['emulate', '--flash', 'own.flash', '--json', '--seed', '42']);
    const ready = await meter.event('ready');
    expect(ready).toMatchObject({
      seed: 42,
      keys: expect.stringContaining('own.flash.keys'),
      runningVersion: '00010000',
    });
    const key = ['--device-key', join(String(ready['keys']), 'device.pub.pem')];
    for (const to of [ready['serial'], ready['ws'], ready['serial']]) {
      // eslint-disable-next-line no-await-in-loop -- the meter has one port
      expect((await smets1('read-version', '--to', String(to), ...key)).result).toMatchObject({
        exitCode: 0,
        attested: true,
      });
    }
  });
});
