/**
 * Goal: no command writes over what cannot be had again: keys, its own input, a meter whose flash is damaged or belongs to other keys.
 * Method: the command line, and the files compared before and after.
 */
import { existsSync, openSync, readFileSync, rmSync, writeSync, closeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { estate, smallFirmware, type Estate } from '../support/estate.js';
import { eventOf, finished } from '../support/smets1.js';

let of: Estate;

beforeAll(async () => {
  of = await estate();
}, 60_000);

afterAll(() => of.end());

const DOOR = ['--ws', '127.0.0.1:0', '--json'];
const IDENTITY = [
  '--manufacturer',
  '121D',
  '--image-type',
  '0001',
  '--version',
  '00000002',
  '--hardware',
  '0001..0002',
];

async function makeMeter(name: string): Promise<string> {
  const flash = of.path(name);
  const meter = of.start('emulate', '--flash', flash, '--trust', of.path('keys'), ...DOOR);
  await eventOf(meter, ({ event }) => event === 'ready');
  meter.kill('SIGTERM');
  await meter.ended;
  return flash;
}

describe('an output', () => {
  it('is never a private key, nor the input, whatever is forced', { timeout: 60_000 }, async () => {
    const firmware = smallFirmware(of, 'fw.bin', 5000, 1);
    for (const out of [of.key('dco'), firmware]) {
      const before = readFileSync(out);
      const run = of.start(
        'image',
        'build',
        firmware,
        '--out',
        out,
        '--force',
        ...IDENTITY,
        '--key',
        of.key('supplier'),
        '--json',
      );
      await finished(run, 2);
      expect(readFileSync(out).equals(before)).toBe(true);
    }
  });
});

describe('the flash file of a meter', () => {
  it('is left as it is when the identity in it cannot be read', { timeout: 60_000 }, async () => {
    const flash = await makeMeter('damaged.flash');
    const file = readFileSync(flash);
    const descriptor = openSync(flash, 'r+');
    let copies = 0;
    for (let at = file.indexOf('SID1'); at >= 0; at = file.indexOf('SID1', at + 1)) {
      expect(at).toBeGreaterThan(4096);
      writeSync(descriptor, Uint8Array.of(file[at + 20]! ^ 1), 0, 1, at + 20);
      copies += 1;
    }
    expect(copies).toBe(2);
    closeSync(descriptor);
    const before = readFileSync(flash);
    expect(
      await finished(of.start('emulate', '--flash', flash, '--trust', of.path('keys'), ...DOOR), 20),
    ).toMatchObject({
      code: 'storage-failed',
    });
    expect(readFileSync(flash).equals(before)).toBe(true);
  });

  it('is opened with the keys that it was made with, and no others are made for it', { timeout: 60_000 }, async () => {
    const flash = await makeMeter('mine.flash');
    await finished(of.start('emulate', '--flash', flash, ...DOOR), 2);
    expect(existsSync(`${flash}.keys`)).toBe(false);
    rmSync(of.path('others'), { recursive: true, force: true });
    await finished(of.start('keygen', of.path('others')));
    await finished(of.start('emulate', '--flash', flash, '--trust', of.path('others'), ...DOOR), 2);
  });
});

describe('a DCO whose countersigner does not start', () => {
  it('ends at once', { timeout: 20_000 }, async () => {
    const inventory = smallFirmware(of, 'inventory.json', 0, 1);
    const descriptor = openSync(inventory, 'w');
    writeSync(descriptor, '{"devices":[]}');
    closeSync(descriptor);
    const ended = await finished(
      of.start(
        'dco',
        'serve',
        '--store',
        of.path('store'),
        '--inventory',
        inventory,
        '--key',
        of.path('nope'),
        ...of.trust,
        '--json',
      ),
      2,
    );
    expect(ended).toMatchObject({ event: 'result', exitCode: 2 });
  });
});
