/**
 * Goal: SPEC.md is enough. A meter and a verifier written in Python from that page alone take Debian's U-Boot image.
 * Method: our sender over a PTY pair; the meter's process dies in the middle, with nothing but its files left, and is started again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openSerial, ptyPair } from '@smets1/hardware';
import { runSender, type SendReport } from '@smets1/host';
import { formatDeviceId, resentBytes, splitPackage, toHex, WINDOW_BYTES, type SenderPlan } from '@smets1/protocol';
import { child, type Child } from '../support/child.js';
import { U_BOOT_BYTES, uBoot, uBootPath } from '../support/firmware.js';
import { authorisationOf, packageOf, sendable, trialKeys } from '../support/trial-keys.js';

const PYTHON = '/usr/bin/python3';
const PEER = join(import.meta.dirname, 'python');
const BLOCK_OCTETS = 4096 + 64;
const DIES_AFTER_BLOCKS = 100;

const keys = trialKeys();
const device = {
  deviceId: Uint8Array.of(0x00, 0xdb, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc),
  manufacturerCode: 0x121d,
  imageType: 1,
  hardwareVersion: 0x1150,
};
const firmware = uBoot('qemu_arm64');
const packageOctets = packageOf(keys, device, firmware, 0x0002_0001);
const image = sendable(keys, packageOctets);
const packagePath = join(keys.directory, 'image.s1pk');
writeFileSync(packagePath, packageOctets);
const children: Child[] = [];

afterAll(async () => {
  for (const each of children) each.kill();
  await Promise.all(children.map(({ ended }) => ended));
  keys.remove();
});

function python(script: string, ...args: readonly string[]): Child {
  const started = child(PYTHON, [join(PEER, script), ...args]);
  children.push(started);
  return started;
}

describe('a verifier written from SPEC.md alone', () => {
  const verify = async (
    path: string,
  ): Promise<{ exit: number | string; said: { ok: boolean; code: string | null; imageHash: string } }> => {
    const run = python(
      'verify_package.py',
      path,
      '--manufacturer',
      keys.publicPath('manufacturer'),
      '--supplier',
      keys.publicPath('supplier'),
      '--json',
    );
    const exit = await run.ended;
    return { exit, said: JSON.parse(run.stdout()) as { ok: boolean; code: string | null; imageHash: string } };
  };

  it('finds our package authentic, with the hash that sha256sum gives', async () => {
    const { exit, said } = await verify(packagePath);
    const sum = child('sha256sum', [uBootPath('qemu_arm64')]);
    await sum.ended;
    expect(exit).toBe(0);
    expect(said).toMatchObject({ ok: true, code: null });
    expect(said.imageHash.toLowerCase()).toBe(sum.stdout().slice(0, 64));
  });

  it('finds each of its parts authentic', async () => {
    const parts = splitPackage(packageOctets);
    if (!parts.ok) throw new Error(parts.fault.detail);
    expect(parts.value.length).toBe(2);
    for (const [i, part] of parts.value.entries()) {
      const path = join(keys.directory, `part-${i}`);
      writeFileSync(path, part);
      expect((await verify(path)).exit).toBe(0);
    }
  });

  it('refuses it with one bit of it flipped', async () => {
    const spoilt = packageOctets.slice();
    spoilt[500_000]! ^= 1;
    const path = join(keys.directory, 'spoilt.s1pk');
    writeFileSync(path, spoilt);
    const { exit, said } = await verify(path);
    expect(exit).toBe(14);
    expect(said).toMatchObject({ ok: false, code: 'badCrc' });
  });
});

describe('a meter written from SPEC.md alone', () => {
  const state = join(keys.directory, 'meter');
  mkdirSync(state);
  const profile = join(keys.directory, 'profile.json');
  writeFileSync(
    profile,
    JSON.stringify({
      deviceId: formatDeviceId(device.deviceId),
      deviceClass: 1,
      manufacturerCode: '121D',
      imageType: '0001',
      hardwareVersion: '1150',
      runningVersion: '00010000',
      securityCounter: 1,
      runningImageHash: '00'.repeat(32),
      slotBytes: 2_000_000,
      blockShiftMax: 16,
      windowBlocks: 16,
      trust: {
        manufacturer: [keys.publicPath('manufacturer')],
        supplier: [keys.publicPath('supplier')],
        dco: [keys.publicPath('dco')],
      },
      deviceKey: keys.privatePath('device'),
    }),
  );
  const plan = (authorised: boolean): SenderPlan => ({
    image,
    authorisation: authorised ? authorisationOf(keys, device, image, 1n) : undefined,
    replace: false,
    deviceId: device.deviceId,
    octetsPerSecond: undefined,
    random: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  });

  it(
    'takes the image over a PTY, dies in the middle, resumes, verifies, activates and attests',
    { timeout: 60_000 },
    async () => {
      const pty = await ptyPair();
      try {
        const meter = (...more: readonly string[]): Child =>
          python('meter.py', '--tty', pty.b, '--state', state, '--profile', profile, ...more);
        const first = meter('--die-after-blocks', String(DIES_AFTER_BLOCKS));
        await first.line((line) => line.includes('ready'));
        let lost = 0;
        const again = first.ended.then((how) => {
          expect(how).toBe(9);
          return meter();
        });
        const report: SendReport = await runSender({
          plan: plan(true),
          openLink: () => openSerial({ path: pty.a, baudRate: 115_200 }),
          deviceKey: keys.publicKey('device'),
          onEvent: (event) => {
            if (event.kind === 'session-lost') lost++;
          },
        });
        const second = await again;
        expect(report.result).toMatchObject({ kind: 'done', what: 'activated', attested: true });
        expect(lost).toBe(1);
        expect(report.stats.sessions).toBe(2);
        const resent = resentBytes(report.stats);
        expect(resent).toBeGreaterThan(0);
        expect(resent).toBeLessThanOrEqual(WINDOW_BYTES + BLOCK_OCTETS);
        const running = readFileSync(join(state, 'running.bin'));
        expect(running.length).toBe(U_BOOT_BYTES.qemu_arm64);
        expect(createHash('sha256').update(running).digest('hex').toUpperCase()).toBe(toHex(image.manifest.imageHash));
        second.kill('SIGTERM');
        expect(await second.ended).toBe(0);
      } finally {
        await pty.close();
      }
    },
  );

  it('says that the image is already running, and is sent nothing', { timeout: 60_000 }, async () => {
    const pty = await ptyPair();
    try {
      const meter = python('meter.py', '--tty', pty.b, '--state', state, '--profile', profile);
      await meter.line((line) => line.includes('ready'));
      const openLink = () => openSerial({ path: pty.a, baudRate: 115_200 });
      const report = await runSender({ plan: plan(false), openLink, deviceKey: keys.publicKey('device') });
      expect(report.result).toMatchObject({ kind: 'done', what: 'already-running', attested: true });
      expect(report.stats.dataFrames).toBe(0);
    } finally {
      await pty.close();
    }
  });
});
