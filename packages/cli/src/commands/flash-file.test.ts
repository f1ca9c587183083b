/** Goal: a flash file is looked at as it is, also a spoilt one, and is never written to. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_LAYOUT, FLASH_FILE_HEADER_BYTES, PARTITION_NAMES } from '@smets1/emulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called } from '../test-support/call.js';
import { makeRelease } from '../test-support/release.js';
import { mapPicture, wearPicture } from '../inspect/flash-picture.js';

const folder = testFolder();
afterAll(folder.remove);
const at = (name: string): string => join(folder.path, name);
const inspect = async (file: string): Promise<Called> =>
  await call(folder.path, 'flash-file', 'inspect', file, '--json');
const offsetOf = (name: string): number =>
  FLASH_FILE_HEADER_BYTES + DEFAULT_LAYOUT.partitions.find((partition) => partition.name === name)!.offsetBytes;

interface Copy {
  readonly partition: string;
  readonly sector: number;
  /** -1: no record. */
  readonly bootEpoch: number;
}

function copiesIn(result: Called['result']): readonly Copy[] {
  const copies = result['bootCopies'] as readonly {
    readonly partition: string;
    readonly sector: number;
    readonly state: { readonly value?: { readonly bootEpoch: number } };
  }[];
  return copies.map(({ partition, sector, state }) => ({ partition, sector, bootEpoch: state.value?.bootEpoch ?? -1 }));
}

/** A meter that took half of an image. */
beforeAll(async () => {
  await makeRelease(folder.path, { bytes: 200_000 });
  const meter = start(folder.path, [
    'emulate',
    '--flash',
    'meter.flash',
    '--trust',
    'keys',
    '--ws',
    '127.0.0.1:0',
    '--json',
  ]);
  const to = String((await meter.event('ready'))['ws']);
  const half = start(folder.path, ['flash', 'package.s1pk', '--to', to, '--rate', '200000', '--json']);
  await half.event('progress', ({ durableBlocks }) => Number(durableBlocks) > 8);
  half.interrupt();
  await half.done;
  meter.interrupt();
  await meter.done;
});

describe('flash-file inspect', () => {
  it('tells slots, boot records, staging map, wear and registers', async () => {
    const { result, exitCode } = await inspect('meter.flash');
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      event: 'result',
      outcome: 'done',
      granuleBytes: 16,
      identity: { ok: true, value: { deviceId: '00-DB-12-34-56-78-90-A0', hardware: '1111' } },
      boot: { ok: true, value: { bootEpoch: 1, confirmed: { slot: 0, securityCounter: 1 } } },
      slots: [
        { slot: 0, role: 'runs', verified: true, image: { version: '00010000', bytes: 4096 } },
        { slot: 1, verified: false, fault: 'wrong-hash', image: { version: '00020001', bytes: 200_000 } },
      ],
      staging: { ok: true, value: { version: '00020001', blockCount: 196, sealed: false } },
      meter: { ok: true, value: { view: { supplyState: 'enabled' } } },
    });
    const { partitions, wear, staging } = result as unknown as {
      partitions: { name: string }[];
      wear: { max: number; counts: number[] };
      staging: { value: { durableBlocks: number; map: string } };
    };
    expect(partitions.map(({ name }) => name)).toEqual(PARTITION_NAMES);
    expect(wear.max).toBe(Math.max(...wear.counts));
    const copies = copiesIn(result);
    expect(copies.filter(({ bootEpoch }) => bootEpoch >= 0).length).toBeGreaterThan(1);
    expect(Math.max(...copies.map(({ bootEpoch }) => bootEpoch))).toBe(1);
    expect(new Set(copies.map(({ partition }) => partition))).toEqual(new Set(['boot-a', 'boot-b']));
    const bits = [...Buffer.from(staging.value.map, 'hex')].reduce(
      (sum, octet) => sum + octet.toString(2).replaceAll('0', '').length,
      0,
    );
    expect(bits).toBe(staging.value.durableBlocks);
    expect(bits).toBeGreaterThan(8);
  });

  it('tells it to people as well', async () => {
    const { stdout } = await call(folder.path, 'flash-file', 'inspect', 'meter.flash');
    expect(stdout).toContain('slot 0     00010000, 4,096 octets');
    expect(stdout).toContain('NOT VERIFIED (wrong-hash)');
    expect(stdout).toMatch(/staging +00020001 in slot 1: \d+ of 196 blocks/);
    expect(stdout).toMatch(/wear +0 to \d+ erases a sector/);
  });

  it('needs no permission to write, and changes nothing', async () => {
    const before = readFileSync(at('meter.flash'));
    chmodSync(at('meter.flash'), 0o400);
    const { mtimeMs } = statSync(at('meter.flash'));
    await inspect('meter.flash');
    chmodSync(at('meter.flash'), 0o600);
    expect(readFileSync(at('meter.flash')).equals(before)).toBe(true);
    expect(statSync(at('meter.flash')).mtimeMs).toBe(mtimeMs);
  });

  it('tells what is left of a meter that lost something', async () => {
    const octets = readFileSync(at('meter.flash'));
    octets.fill(0, offsetOf('slot-0') + 5_000, offsetOf('slot-0') + 5_010);
    octets.fill(0, offsetOf('identity'), offsetOf('staging'));
    const [newest] = copiesIn((await inspect('meter.flash')).result).toSorted((a, b) => b.bootEpoch - a.bootEpoch);
    const sectorAt = offsetOf(newest!.partition) + newest!.sector * DEFAULT_LAYOUT.geometry.sectorRuns[0]!.sectorBytes;
    octets.fill(0, sectorAt, sectorAt + DEFAULT_LAYOUT.geometry.sectorRuns[0]!.sectorBytes);
    writeFileSync(at('spoilt.flash'), octets);
    const { result, exitCode } = await inspect('spoilt.flash');
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      identity: { ok: false, why: expect.stringContaining('identity') },
      boot: { ok: true, value: { confirmed: { slot: 0 } } },
      slots: [{ verified: false }, { verified: false }],
    });
    const left = copiesIn(result).find(
      ({ partition, sector }) => partition === newest!.partition && sector === newest!.sector,
    );
    expect(left?.bootEpoch).toBe(-1);
  });

  it.each([
    ['is not there', 'nix.flash', 2, 'file-missing'],
    ['is a folder', 'folder', 2, 'not-a-file'],
    ['is something else', 'firmware.bin', 20, 'bad-magic'],
    ['is cut short', 'short.flash', 20, 'truncated'],
    ['has a damaged header', 'header.flash', 20, 'bad-crc'],
  ])('ends with a cause of its own for a file that %s', async (_, file, exitCode, code) => {
    mkdirSync(at('folder'), { recursive: true });
    const octets = readFileSync(at('meter.flash'));
    writeFileSync(at('short.flash'), octets.subarray(0, 100_000));
    octets[45]! ^= 1;
    writeFileSync(at('header.flash'), octets);
    expect((await inspect(file)).result).toMatchObject({ exitCode, code });
  });
});

describe('the pictures', () => {
  it('draw at most 64 cells, each the worst or the sum of its part', () => {
    expect(wearPicture([0, 1, 4, 8])).toBe(' ▁▄█');
    expect(wearPicture(Array.from({ length: 1_024 }, (_, i) => (i === 1_023 ? 5 : 0)))).toBe(`${' '.repeat(63)}█`);
    expect(mapPicture('0f', 8)).toBe('████····');
    expect(mapPicture('01'.repeat(16), 128)).toBe('▒···'.repeat(16));
  });
});
