/** Goal: each command that works on files does what its help says, and ends with the exit code of the API. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoKey, publicKeyPem } from '@smets1/host';
import { decodeAuthorisation, readContainer } from '@smets1/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, testFolder, type Called } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';

const folder = testFolder();
afterAll(folder.remove);
const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args);
const at = (name: string): string => join(folder.path, name);

const TRUST = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];

beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 10_000 });
});

describe('keygen', () => {
  it('makes four pairs that only their owner can read, and never again in the same place', async () => {
    expect(statSync(at('keys')).mode & 0o777).toBe(0o700);
    for (const role of ['manufacturer', 'supplier', 'dco', 'device']) {
      expect(statSync(at(`keys/${role}.key.pem`)).mode & 0o777).toBe(0o600);
      expect(readFileSync(at(`keys/${role}.pub.pem`), 'latin1')).toContain('BEGIN PUBLIC KEY');
    }
    const before = readFileSync(at('keys/dco.key.pem'), 'latin1');
    const again = await smets1('keygen', 'keys');
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain('exists already');
    expect(readFileSync(at('keys/dco.key.pem'), 'latin1')).toBe(before);
  });
});

describe('image', () => {
  const build = [
    'image',
    'build',
    'firmware.bin',
    '--manufacturer',
    '121D',
    '--image-type',
    '0001',
    '--version',
    '00020001',
  ];

  it('is read back as it was built, and verified with the key that signed it', async () => {
    const { result } = await smets1('image', 'inspect', 'image.ota', '--json');
    expect(result).toMatchObject({
      manufacturer: '121D',
      imageType: '0001',
      version: '00020001',
      hardwareMin: '1111',
      hardwareMax: '1211',
    });
    expect(result).toMatchObject({ imageBytes: 10_000, totalBytes: 10_126, large: false, verified: false });
    const verified = await smets1(
      'image',
      'verify',
      'image.ota',
      '--trust',
      'supplier=keys/supplier.pub.pem',
      '--json',
    );
    expect(verified.result).toMatchObject({ outcome: 'done', exitCode: 0, verified: true, hash: result['hash'] });
  });

  it('is not authentic with another key, and does not verify when it is spoilt', async () => {
    const other = await smets1('image', 'verify', 'image.ota', '--trust', 'supplier=keys/dco.pub.pem', '--json');
    expect(other.result).toMatchObject({ outcome: 'not-authentic', exitCode: 14, code: 'gbcsSignature' });
    writeFileSync(at('cut.ota'), readFileSync(at('image.ota')).subarray(0, 5_000));
    const cut = await smets1('image', 'verify', 'cut.ota', '--trust', 'supplier=keys/supplier.pub.pem', '--json');
    expect(cut.result).toMatchObject({ outcome: 'verify-failed', exitCode: 15, code: 'truncated' });
  });

  it('keeps a text in its header, and refuses one that is too long', async () => {
    const text = ['--hardware', '1111', '--key', 'keys/supplier.key.pem', '--header-string'];
    expect((await smets1(...build, '--out', 'text.ota', ...text, 'hello')).exitCode).toBe(0);
    expect((await smets1('image', 'inspect', 'text.ota')).stdout).toMatch(/header string +hello\n/);
    expect((await smets1(...build, '--out', 'long.ota', ...text, 'x'.repeat(33))).exitCode).toBe(2);
  });

  it('is not put around an image', async () => {
    const again = [
      'image',
      'build',
      'image.ota',
      ...build.slice(3),
      '--hardware',
      '1111',
      '--key',
      'keys/supplier.key.pem',
    ];
    const { exitCode, stderr } = await smets1(...again, '--out', 'twice.ota');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('already');
  });

  it('is not signed with a key that others can read, nor with one that everybody knows', async () => {
    const rest = ['--out', 'x.ota', '--hardware', '1111', '--key'];
    writeFileSync(at('open.key.pem'), readFileSync(at('keys/supplier.key.pem')));
    chmodSync(at('open.key.pem'), 0o640);
    const open = await smets1(...build, ...rest, 'open.key.pem');
    expect(open).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('0600') });
    writeFileSync(at('demo.pub.pem'), publicKeyPem(demoKey('supplier').publicKey));
    const demo = await smets1('image', 'verify', 'image.ota', '--trust', 'supplier=demo.pub.pem');
    expect(demo).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('demonstration key') });
  });
});

describe('package', () => {
  it('takes the file version for its counter unless told otherwise, and the block size it is given', async () => {
    const { result } = await smets1('package', 'inspect', 'package.s1pk', '--json');
    expect(result).toMatchObject({
      kind: 'package',
      counter: 0x00020001,
      blockBytes: 1024,
      blockCount: 10,
      verified: false,
    });
    const more = [
      '--counter',
      '7',
      '--block-bytes',
      '256',
      '--applicable-from',
      '00010000..0001FFFF',
      '--label',
      'pilot',
    ];
    await smets1('package', 'build', 'image.ota', '--key', 'keys/manufacturer.key.pem', '--out', 'more.s1pk', ...more);
    const other = await smets1('package', 'inspect', 'more.s1pk', '--json');
    expect(other.result).toMatchObject({ counter: 7, blockBytes: 256, blockCount: 40, label: 'pilot' });
    expect(other.result).toMatchObject({ applicableFromMin: '00010000', applicableFromMax: '0001FFFF' });
  });

  it('verifies with both keys by role, or with one bench key and a warning', async () => {
    const { result } = await smets1('package', 'verify', 'package.s1pk', ...TRUST, '--json');
    expect(result).toMatchObject({ exitCode: 0, verified: true, whole: true });
    const bench = testFolder();
    await makeRelease(bench.path, { bytes: 300, isBench: true });
    const one = await call(bench.path, 'package', 'verify', 'package.s1pk', '--trust', 'bench.pub.pem');
    expect(one).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('bench trust') });
    bench.remove();
  });

  it('asks for the key of each role', async () => {
    const { exitCode, stderr } = await smets1(
      'package',
      'verify',
      'package.s1pk',
      '--trust',
      'supplier=keys/supplier.pub.pem',
    );
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--trust manufacturer=PEM');
  });

  it('with one bit flipped in a block is refused, and says in which', async () => {
    const octets = readFileSync(at('package.s1pk'));
    octets[5_000]! ^= 1;
    writeFileSync(at('flipped.s1pk'), octets);
    const { result } = await smets1('package', 'verify', 'flipped.s1pk', ...TRUST, '--json');
    expect(result).toMatchObject({ outcome: 'verify-failed', exitCode: 15, code: 'badCrc', block: expect.any(Number) });
  });

  it('signed by somebody else is not authentic', async () => {
    const swapped = ['--trust', 'manufacturer=keys/dco.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
    const { result } = await smets1('package', 'verify', 'package.s1pk', ...swapped, '--json');
    expect(result).toMatchObject({ outcome: 'not-authentic', exitCode: 14, code: 'unknownKey' });
  });

  it('comes back octet for octet from its parts, in any order', async () => {
    const split = await smets1(
      'package',
      'split',
      'package.s1pk',
      '--out-dir',
      'parts',
      '--part-bytes',
      '4000',
      '--json',
    );
    const parts = (split.result['parts'] as { path: string; bytes: number }[]).map(({ path }) => path);
    expect(parts.length).toBeGreaterThan(2);
    expect((split.result['parts'] as { bytes: number }[]).every(({ bytes }) => bytes <= 4000)).toBe(true);
    const joined = await smets1('package', 'join', ...parts.toReversed(), '--out', 'joined.s1pk');
    expect(joined.exitCode).toBe(0);
    expect(readFileSync(at('joined.s1pk')).equals(readFileSync(at('package.s1pk')))).toBe(true);
    const verified = await smets1('package', 'verify', parts[0]!, ...TRUST, '--json');
    expect(verified.result).toMatchObject({ kind: 'part', whole: false, firstBlock: 0, exitCode: 0 });
    const short = await smets1('package', 'join', ...parts.slice(1), '--out', 'short.s1pk', '--json');
    expect(short.result).toMatchObject({
      exitCode: 15,
      code: 'missingBlocks',
      detail: expect.stringContaining('blocks 0-'),
    });
  });

  it('says how large a part must be when no block fits', async () => {
    const { exitCode, stderr } = await smets1(
      'package',
      'split',
      'package.s1pk',
      '--out-dir',
      'p',
      '--part-bytes',
      '1000',
    );
    expect(exitCode).toBe(2);
    const needed = /(\d+) or more are needed/.exec(stderr)?.[1];
    const fits = await smets1(
      'package',
      'split',
      'package.s1pk',
      '--out-dir',
      'least',
      '--part-bytes',
      needed ?? '0',
      '--json',
    );
    const parts = fits.result['parts'] as { bytes: number }[];
    expect(Math.max(...parts.map(({ bytes }) => bytes))).toBe(Number(needed));
    const below = String(Number(needed) - 1);
    expect((await smets1('package', 'split', 'package.s1pk', '--out-dir', 'p', '--part-bytes', below)).exitCode).toBe(
      2,
    );
  });

  it('of a raw firmware is refused with the way there', async () => {
    const { exitCode, stderr } = await smets1(
      'package',
      'build',
      'firmware.bin',
      '--key',
      'keys/manufacturer.key.pem',
      '--out',
      'x',
    );
    expect(exitCode).toBe(15);
    expect(stderr).toContain('smets1 image build');
  });
});

describe('authorise', () => {
  const sign = ['authorise', 'sign', '--package', 'package.s1pk', '--device-id', '00-DB-12-34-56-78-90-A0'];
  const more = ['--originator', '90-B3-D5-1F-30-01-00-00', '--key', 'keys/supplier.key.pem'];

  it('names device, image, counter and times, and is countersigned over all of it', async () => {
    const times = ['--not-before', '2026-01-01T00:00:00Z', '--not-after', '2027-01-01T00:00:00Z'];
    const signed = await smets1(
      ...sign,
      ...more,
      ...times,
      ...TRUST,
      '--counter',
      '5',
      '--out',
      'timed.signed',
      '--json',
    );
    expect(signed.result).toMatchObject({ exitCode: 0, counter: 5, countersigned: false, notBeforeS: 1767225600 });
    const countersigned = await smets1(
      'authorise',
      'countersign',
      'timed.signed',
      '--key',
      'keys/dco.key.pem',
      ...TRUST,
      '--out',
      'timed.auth',
    );
    expect(countersigned.exitCode).toBe(0);
    const authorisation = decodeAuthorisation(readFileSync(at('timed.auth')));
    const container = readContainer(readFileSync(at('package.s1pk')));
    if (!authorisation.ok || !container.ok) throw new Error('neither reads');
    expect(authorisation.value.countersigned).toBe(true);
    expect(authorisation.value.imageHash).toEqual(container.value.manifest.imageHash);
  });

  it('warns when the package was not verified', async () => {
    const { stderr } = await smets1(...sign, ...more, '--counter', '6', '--out', 'six.signed');
    expect(stderr).toContain('were not checked');
  });

  it('is not countersigned when another signed it, or when it is countersigned already', async () => {
    const stranger = ['--trust', 'supplier=keys/manufacturer.pub.pem', '--key', 'keys/dco.key.pem', '--out', 'y.auth'];
    const other = await smets1('authorise', 'countersign', 'activate.signed', ...stranger, '--json');
    expect(other.result).toMatchObject({ outcome: 'not-authorised', exitCode: 22, code: 'supplierSignatureBad' });
    const twice = await smets1(
      'authorise',
      'countersign',
      'activate.auth',
      '--key',
      'keys/dco.key.pem',
      ...TRUST,
      '--out',
      'z.auth',
    );
    expect(twice.exitCode).toBe(2);
  });

  it('that ends before it begins is refused', async () => {
    const times = ['--not-before', '2027-01-01T00:00:00Z', '--not-after', '2026-01-01T00:00:00Z'];
    expect((await smets1(...sign, ...more, ...times, '--counter', '1', '--out', 'never')).exitCode).toBe(2);
  });
});
