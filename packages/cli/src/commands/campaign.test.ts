/** Goal: a campaign is planned and lived as its input says, the files that come out agree, and what is wrong is said where it is. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignReport } from '@smets1/campaign';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, testFolder, type Called } from '../test-support/call.js';

const folder = testFolder();
afterAll(folder.remove);
const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args);
const at = (name: string): string => join(folder.path, name);

type Json = Readonly<Record<string, unknown>>;

const USER = '90-B3-D5-1F-30-01-00-00';
const entry = (version: number, upgradableFrom: readonly string[] | 'N/A'): Json => ({
  entryId: `V${version}`,
  deviceModel: 'ALTO',
  hardware: '1111',
  firmwareVersion: `000${version}0000`,
  manufacturerImageHash: String(version).repeat(64),
  status: 'Active',
  imageOctets: 971_304,
  upgradableFrom,
  takesUpdates: true,
  operable: true,
});
/** 1,800 meters without an agreed schedule: 500 a day. */
const spring = (more: Json = {}): Json => ({
  format: 1,
  campaignId: 'spring',
  startDay: '2027-03-01',
  users: [{ userId: USER, name: 'A Supplier', role: 'supplier' }],
  lists: { cpl: [entry(1, 'N/A'), entry(2, ['V1'])], epcl: [] },
  cohorts: [
    {
      cohortId: 'all',
      userId: USER,
      entryId: 'V1',
      meters: { count: 1_800, firstDeviceId: '00-DB-12-00-00-00-00-00' },
    },
  ],
  requests: [
    { requestId: 'r', userId: USER, requestedAt: '2027-02-01T09:00:00Z', targetEntryId: 'V2', cohortIds: ['all'] },
  ],
  ...more,
});
const write = (name: string, input: unknown): void => writeFileSync(at(name), JSON.stringify(input));
const read = (name: string): CampaignReport => JSON.parse(readFileSync(at(name), 'utf8')) as CampaignReport;

beforeAll(() => write('spring.json', spring()));

describe('campaign plan', () => {
  it('says the way, the days, the hash and the end, and writes nothing', async () => {
    const before = readdirSync(folder.path);
    const plan = await smets1('campaign', 'plan', 'spring.json');
    expect(plan.exitCode).toBe(0);
    for (const part of ['all: V1 → V2', '2027-03-01 to 2027-03-04', `hash ${'2'.repeat(64)}`, '1,800 done'])
      expect(plan.stdout).toContain(part);
    expect(readdirSync(folder.path)).toEqual(before);
  });

  it('asks what would be, if: twice the capacity is half the days', async () => {
    const schedule = { approvalForm: 'F', periods: [{ fromDay: '2027-03-01', imagesPerDay: 300 }] };
    const request = { ...(spring()['requests'] as Json[])[0], schedule };
    write('capped.json', spring({ policy: { capacityPerDay: 300 }, requests: [request] }));
    const days = async (...wishes: readonly string[]): Promise<unknown> =>
      ((await smets1('campaign', 'plan', 'capped.json', '--json', ...wishes)).result['head'] as CampaignReport['head'])
        .startDays;
    expect(await days()).toBe(6);
    expect(await days('--what-if', 'capacity=600', '--what-if', 'without=windows')).toBe(3);
    expect((await smets1('campaign', 'plan', 'capped.json', '--what-if', 'capacity=lots')).exitCode).toBe(2);
  });

  it('refuses a request without a way, names it, and ends 12', async () => {
    write('lost.json', spring({ lists: { cpl: [entry(1, 'N/A'), entry(2, 'N/A')], epcl: [] } }));
    const plan = await smets1('campaign', 'plan', 'lost.json', '--json');
    expect(plan.exitCode).toBe(12);
    expect(plan.events.find(({ event }) => event === 'request')).toMatchObject({
      requestId: 'r',
      outcome: 'refused',
      refusal: { code: 'no-path' },
    });
  });

  it('ends 21 for a campaign that would wait for ever', async () => {
    write(
      'paused.json',
      spring({ events: [{ at: '2027-03-02T00:00:00Z', command: { kind: 'pause', reason: 'look' } }] }),
    );
    for (const verb of ['plan', 'simulate'])
      expect((await smets1('campaign', verb, 'paused.json')).exitCode, verb).toBe(21);
  });
});

describe('campaign simulate', () => {
  const outputs = ['--journal', 'j.jsonl', '--figures', 'f.json', '--page', 'p.html', '--csv', 'tables'];

  it('writes journal, figures, page and tables that agree, and the same again from the same seed', async () => {
    const first = await smets1('campaign', 'simulate', 'spring.json', '--seed', '7', '--json', ...outputs);
    expect(first.exitCode).toBe(0);
    const report = read('f.json');
    expect(first.result).toMatchObject({ seed: 7, head: report.head });
    const lines = readFileSync(at('j.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(report.records);
    expect(readFileSync(at('p.html'), 'utf8')).toContain('spring');
    const days = readFileSync(at('tables/days.csv'), 'utf8').trimEnd().split('\r\n');
    expect(days).toHaveLength(1 + report.days.length);
    copyFileSync(at('j.jsonl'), at('first.jsonl'));
    const again = await smets1('campaign', 'simulate', 'spring.json', '--seed', '7', '--force', ...outputs);
    expect(again.exitCode).toBe(0);
    expect(readFileSync(at('j.jsonl'), 'utf8')).toBe(readFileSync(at('first.jsonl'), 'utf8'));
  });

  it('writes over nothing that is there, before it begins', async () => {
    writeFileSync(at('kept.json'), 'mine');
    const refused = await smets1('campaign', 'simulate', 'spring.json', '--figures', 'kept.json', '--page', 'new.html');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('exists already');
    expect(readFileSync(at('kept.json'), 'utf8')).toBe('mine');
    expect(existsSync(at('new.html'))).toBe(false);
  });
});

describe('an input that is none', () => {
  it('ends 2 with the place in the file and the way out', async () => {
    writeFileSync(at('broken.json'), '{ "format": 1,\n  "format": 1 }');
    writeFileSync(at('latin1.json'), Buffer.from([0x7b, 0xff, 0x7d]));
    write('typo.json', spring({ startday: '2027-03-01' }));
    for (const [file, part] of [
      ['broken.json', 'line 2'],
      ['latin1.json', 'no UTF-8'],
      ['typo.json', 'startday'],
      ['nowhere.json', 'nowhere.json'],
    ] as const) {
      const { exitCode, stderr } = await smets1('campaign', 'plan', file);
      expect([file, exitCode]).toEqual([file, 2]);
      expect(stderr).toContain(part);
    }
  });
});
