/** Goal: what a day has room for can be seen, and what was agreed can be put, by somebody with a shell. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called, type Running } from '../test-support/call.js';

const USER = '90-B3-D5-1F-30-01-00-00';
const HASH = 'ab'.repeat(32);
const folder = testFolder();
let dco: Running;
let to: readonly string[] = [];

const plain = async (...args: readonly string[]): Promise<Called> =>
  await call(folder.path, 'dco', 'capacity', ...args, ...to);
const capacity = async (...args: readonly string[]): Promise<Called> => await plain(...args, '--json');

beforeAll(async () => {
  await call(folder.path, 'keygen', 'keys');
  writeFileSync(join(folder.path, 'inventory.json'), JSON.stringify({ devices: [] }));
  const trust = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
  const rest = ['--store', 'store', '--inventory', 'inventory.json', '--key', 'keys/dco.key.pem', '--json'];
  dco = start(folder.path, ['dco', 'serve', ...trust, ...rest]);
  const ready = await dco.event('ready');
  to = ['--to', String(ready['url']), '--token-file', String(ready['tokenFile'])];
});

afterAll(async () => {
  dco.interrupt();
  expect((await dco.done).exitCode).toBe(0);
  folder.remove();
});

describe('dco capacity', () => {
  it('shows what the public rules give as long as nothing else is agreed', async () => {
    const { result } = await capacity('show');
    expect(result).toMatchObject({ exitCode: 0, max: 12_000, used: 0, left: 12_000, limitWithoutSchedule: 500 });
    const { stdout } = await plain('show');
    expect(stdout).toMatch(/large images +0 of 12,000 started, 12,000 left\n/);
  });

  it('puts a schedule, which is then seen on its days, and withdraws it', async () => {
    const days = ['--first', '2090-12-01', '--last', '2090-12-20'];
    const put = await capacity('schedule', 'BULK 17', '--user', USER, ...days, '--per-day', '4000');
    expect(put.result).toMatchObject({ outcome: 'agreed', exitCode: 0, repeated: false });
    const seen = await capacity('show', '--day', '2090-12-20');
    expect(seen.events).toContainEqual(expect.objectContaining({ event: 'user', userId: USER, limit: 4000 }));
    expect((await plain('show', '--day', '2090-12-20')).stdout).toMatch(/User .*: 0 of 4,000 by schedule BULK 17\n/);
    const low = await capacity(
      'change',
      'NOTICE 3',
      '--from',
      '2090-12-19',
      '--per-day',
      '5000',
      '--other-traffic',
      '1500',
    );
    expect(low.result).toMatchObject({ outcome: 'changed', overbooked: ['2090-12-19', '2090-12-20'] });
    expect((await capacity('show', '--day', '2090-12-19')).result).toMatchObject({ max: 3_500, otherTraffic: 1_500 });
    expect((await capacity('schedule', 'BULK 17', '--withdraw')).result).toMatchObject({ outcome: 'withdrawn' });
    const again = await capacity('schedule', 'BULK 17', '--withdraw');
    expect(again.result).toMatchObject({ exitCode: 12, code: 'not-found', wayOut: expect.stringMatching(/show/) });
  });

  it('opens an incident that halts, shows it, and closes it', async () => {
    const put = await capacity('incident', 'INC 9', '--hash', HASH.toUpperCase(), '--halt');
    expect(put.result).toMatchObject({ outcome: 'opened', exitCode: 0, priority: 1, halts: true });
    const seen = await plain('show');
    expect(seen.stdout).toMatch(/incident INC 9: image ABABABABABABABAB… priority 1, halts other large images\n/);
    expect(seen.stdout).toMatch(/waiting +0; an incident halts others\n/);
    expect((await capacity('incident', 'INC 9', '--close')).result).toMatchObject({ outcome: 'closed' });
    expect((await capacity('show')).result).toMatchObject({ halted: false, incidents: 0 });
  });

  it('says what is wrong, and that it is the caller’s mistake or the DCO’s refusal', async () => {
    const days = ['--first', '2091-01-01', '--last', '2091-01-02'];
    const over = await capacity('schedule', 'BULK 18', '--user', USER, ...days, '--per-day', '12001');
    expect(over.result).toMatchObject({ exitCode: 12, code: 'schedule-over-capacity' });
    const above = await capacity('change', 'NOTICE 4', '--from', '2091-01-01', '--per-day', '12001');
    expect(above.result).toMatchObject({ exitCode: 12, code: 'capacity-above-ceiling' });
    expect((await capacity('schedule', 'BULK 18', '--user', USER, ...days)).result).toMatchObject({ exitCode: 2 });
    expect((await capacity('incident', 'INC 10')).result).toMatchObject({ exitCode: 2 });
    expect((await capacity('show', '--day', '2091-02-30')).exitCode).toBe(2);
  });
});
