/** Goal: one line takes a firmware file all the way, on both kinds of line. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generatedFirmware } from '../meter/first-image.js';
import { call, testFolder } from '../test-support/call.js';

const folder = testFolder();
afterAll(folder.remove);

describe('demo', () => {
  it.each(['ws', 'serial'])('takes a firmware of two parts to a running meter over %s', async (link) => {
    const firmware = generatedFirmware(789_972, 3);
    writeFileSync(join(folder.path, 'firmware.bin'), firmware);
    const { result, events } = await call(folder.path, 'demo', 'firmware.bin', '--link', link, '--json');
    const hash = createHash('sha256').update(firmware).digest('hex');
    expect(result).toMatchObject({ outcome: 'activated', exitCode: 0, hash, slotHash: hash, attested: true, link });
    expect(result).toMatchObject({ runningVersion: '00020001', octetsWritten: 789_972, isSynthetic: false });
    const stages = events.map(({ stage }) => stage);
    expect(stages.filter((stage) => stage === 'part')).toHaveLength(2);
    const order = ['parts', 'responses', 'activate', 'countersigned', 'activated', 'restart', 'read-version', 'slot'];
    expect(order.map((stage) => stages.indexOf(stage))).toEqual(
      order.map((stage) => stages.indexOf(stage)).toSorted((a, b) => a - b),
    );
    expect(order.every((stage) => stages.includes(stage))).toBe(true);
  });

  it('says of a small firmware that it is not large, keeps everything where it is asked to, and never mixes it', async () => {
    writeFileSync(join(folder.path, 'small.bin'), generatedFirmware(5_000, 4));
    const { exitCode, stdout } = await call(folder.path, 'demo', 'small.bin', '--keep', 'kept');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('not large');
    expect(readdirSync(join(folder.path, 'kept'))).toEqual(
      expect.arrayContaining(['keys', 'meter.flash', 'package.s1pk', 'store']),
    );
    const again = await call(folder.path, 'demo', 'small.bin', '--keep', 'kept');
    expect(again.exitCode).toBe(2);
  });

  it('takes an image that is larger than the default slots', async () => {
    writeFileSync(join(folder.path, 'huge.bin'), generatedFirmware(2_200_000, 5));
    const { result } = await call(folder.path, 'demo', 'huge.bin', '--json');
    expect(result).toMatchObject({ outcome: 'activated', exitCode: 0 });
  });

  it('refuses a firmware that is none', async () => {
    expect((await call(folder.path, 'demo', 'nix.bin')).exitCode).toBe(2);
    expect((await call(folder.path, 'demo', '.')).exitCode).toBe(2);
    expect(existsSync(join(folder.path, 'nix.bin'))).toBe(false);
  });
});
