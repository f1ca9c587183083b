/** Goal: a campaign against a real DCO and meters, as somebody with a shell runs, watches, stops and reports it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, start, testFolder, type Called } from '../test-support/call.js';
import { campaignSite, USER, type CampaignSite } from '../test-support/campaign-site.js';

const METERS = 5;
const folder = testFolder();
let site: CampaignSite;

beforeAll(async () => {
  site = await campaignSite(folder.path, METERS);
}, 60_000);

afterAll(async () => {
  await site.end();
  folder.remove();
});

const smets1 = async (...args: readonly string[]): Promise<Called> => await call(folder.path, ...args, '--json');
const withKeys = ['--package', 'package.s1pk', '--supplier-key', 'keys/supplier.key.pem'];
const runOf = (name: string, input = name): string[] => [
  'campaign',
  'run',
  `${input}.json`,
  '--journal',
  name,
  ...site.to,
];
const file = (name: string): string => join(folder.path, name);

describe('campaign run', () => {
  it('updates every meter once, survives a DCO that goes away, and is harmless when it is run again', async () => {
    site.writeInput('spring');
    site.dco.interrupt();
    await site.dco.done;
    const nobody = await smets1(...runOf('spring'), ...withKeys);
    expect(nobody.result).toMatchObject({ exitCode: 11, outcome: 'no-answer' });
    await site.startDco();
    const running = start(folder.path, [...runOf('spring'), ...withKeys, '--json']);
    await running.event('released');
    site.dco.interrupt();
    await site.dco.done;
    await running.event('warning', ({ detail }) => String(detail).includes('it is asked again'));
    const during = await smets1('campaign', 'status', 'spring');
    expect(during.result).toMatchObject({ outcome: 'running', pid: process.pid });
    await site.startDco();
    const { result, exitCode } = await running.done;
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({ head: { inScope: METERS, starts: METERS, stages: { done: METERS } } });
    const starts = site.meters.soFar().filter(({ event }) => event === 'start');
    expect(starts).toHaveLength(METERS);
    expect(new Set(starts.map(({ meter }) => meter))).toEqual(new Set(site.deviceIds));
    expect(new Set(starts.map((one) => one['runningVersion']))).toEqual(new Set(['00020001']));

    const again = await smets1(...runOf('spring'), ...withKeys);
    expect(again).toMatchObject({ exitCode: 0, result: { head: { starts: METERS } } });
    expect(site.meters.soFar().filter(({ event }) => event === 'start')).toHaveLength(METERS);
  });

  it('says where each meter stands, and reports', async () => {
    const status = await smets1('campaign', 'status', 'spring', '--meters');
    expect(status.result).toMatchObject({ outcome: 'ended', stages: { done: METERS }, underWay: 0 });
    expect(status.events.filter(({ event }) => event === 'meter').map((one) => one['deviceId'])).toEqual(
      site.deviceIds,
    );
    const one = await smets1('campaign', 'status', 'spring', '--meter', site.deviceIds[2]!);
    expect(one.result).toMatchObject({
      deviceId: site.deviceIds[2],
      stage: 'done',
      runs: 'V2',
      path: ['V1', 'V2'],
      tries: 1,
    });
    const outputs = [
      '--page',
      'spring.html',
      '--csv',
      'tables',
      '--figures',
      'figures.json',
      '--journal',
      'records.jsonl',
    ];
    const report = await smets1('campaign', 'report', 'spring', ...outputs);
    expect(report).toMatchObject({ exitCode: 0, result: { ended: true } });
    expect(readFileSync(file('spring.html'), 'utf8')).toContain('</html>');
    expect(readFileSync(file('tables/users.csv'), 'utf8')).toContain(USER);
    expect(JSON.parse(readFileSync(file('figures.json'), 'utf8'))).toMatchObject({ campaignId: 'spring', ended: true });
    const records = readFileSync(file('records.jsonl'), 'utf8').trimEnd().split('\n');
    expect(JSON.parse(records.at(-1)!)).toMatchObject({ kind: 'ended', seq: records.length - 1 });
    expect((await smets1('campaign', 'report', 'spring', ...outputs)).result).toMatchObject({
      exitCode: 2,
      code: 'file-exists',
    });
  });

  it('tells meters that run the image already from those that need it: nothing is sent to them again', async () => {
    site.writeInput('again');
    const { result, exitCode } = await smets1(...runOf('again'), ...withKeys);
    expect({ exitCode, result }).toMatchObject({ exitCode: 0, result: { head: { stages: { done: METERS } } } });
    expect(site.meters.soFar().filter(({ event }) => event === 'start')).toHaveLength(METERS);
  });
});

describe('campaign draft', () => {
  const draft = (...more: readonly string[]): readonly string[] => [
    'campaign',
    'draft',
    'package.s1pk',
    '--inventory',
    'meters.json',
    '--user',
    USER,
    '--out',
    'draft.json',
    ...more,
  ];

  it('writes an input that is planned as it stands', async () => {
    expect((await smets1(...draft())).result).toMatchObject({
      exitCode: 0,
      meters: METERS,
      from: '00010000',
      to: '00020001',
    });
    const plan = await smets1('campaign', 'plan', 'draft.json');
    expect(plan).toMatchObject({ exitCode: 0, result: { head: { inScope: METERS, starts: METERS } } });
    expect((await smets1(...draft())).result).toMatchObject({ exitCode: 2, code: 'file-exists' });
  });

  it('says what it cannot make one of', async () => {
    const same = await smets1(...draft('--runs', '00020001', '--force'));
    expect(same.result).toMatchObject({ exitCode: 2, detail: expect.stringContaining('run already') });
    writeFileSync(file('nobody.json'), '{ "devices": [] }');
    const nobody = await smets1(...draft('--force').map((word) => (word === 'meters.json' ? 'nobody.json' : word)));
    expect(nobody.result).toMatchObject({ exitCode: 2, detail: expect.stringContaining('names no device') });
  });
});

describe('a campaign that waits', () => {
  it('is paused, resumed and told of capacity by a second process while one runs it, and ends with 18 when it is interrupted', async () => {
    site.writeInput('later', { startDay: '2099-01-01' });
    const running = start(folder.path, [...runOf('later'), ...withKeys, '--json']);
    await running.event('running');
    const paused = await smets1('campaign', 'pause', 'later', '--reason', 'a doubt');
    expect(paused.result).toMatchObject({ outcome: 'told', command: 'pause', running: true });
    const status = await smets1('campaign', 'status', 'later');
    expect(status.result).toMatchObject({ outcome: 'running', pid: process.pid });
    expect(status.events[0]).toMatchObject({ event: 'request', status: 'paused', reason: 'a doubt' });
    writeFileSync(file('less.json'), '{ "kind": "capacity", "fromDay": "2099-02-01", "imagesPerDay": 6 }');
    expect((await smets1('campaign', 'tell', 'later', 'less.json')).result).toMatchObject({ command: 'capacity' });
    const wrong = await smets1('campaign', 'pause', 'later', '--request', 'none');
    expect(wrong.result).toMatchObject({ exitCode: 12, outcome: 'refused' });
    const second = await smets1(...runOf('later'), ...withKeys);
    expect(second.result).toMatchObject({ exitCode: 20, code: 'locked' });
    running.interrupt();
    expect((await running.done).result).toMatchObject({ exitCode: 18, outcome: 'interrupted', open: METERS });
  });

  it('is told the same while nobody runs it', async () => {
    const resumed = await smets1('campaign', 'resume', 'later');
    expect(resumed.result).toMatchObject({ outcome: 'told', command: 'resume', running: false });
    const status = await smets1('campaign', 'status', 'later');
    expect(status.result).toMatchObject({ outcome: 'not-running' });
    expect(status.events[0]).toMatchObject({ status: 'open' });
    const aborted = await smets1('campaign', 'abort', 'later', '--reason', 'withdrawn');
    expect(aborted.result).toMatchObject({ outcome: 'told', command: 'abort' });
    const over = await smets1(...runOf('later'), ...withKeys);
    expect(over.result).toMatchObject({ exitCode: 21, outcome: 'some-not-done', head: { stages: { exempt: METERS } } });
    expect((await smets1('campaign', 'resume', 'later')).result).toMatchObject({ exitCode: 12 });
  });
});

describe('T65 a campaign is refused', () => {
  const expectRefused = async (args: readonly string[], exitCode: number, words: RegExp): Promise<void> => {
    const { result } = await smets1(...args);
    expect(result).toMatchObject({ exitCode, detail: expect.stringMatching(words) });
  };

  beforeAll(() => site.writeInput('refused'));

  it('in the folder of another one', async () => {
    site.writeInput('kept', { startDay: '2099-01-01' });
    const running = start(folder.path, [...runOf('kept'), ...withKeys, '--json']);
    await running.event('running');
    running.interrupt();
    await running.done;
    await expectRefused([...runOf('kept', 'refused'), ...withKeys], 2, /folder of another campaign/);
  });

  it('with a package that is no entry of its list, or not as its entry says', async () => {
    site.writeInput('wrong');
    const text = readFileSync(file('wrong.json'), 'utf8');
    const list = (JSON.parse(text) as { lists: { cpl: { manufacturerImageHash: string }[] } }).lists.cpl;
    writeFileSync(file('wrong.json'), text.replace(list[1]!.manufacturerImageHash, '2'.repeat(64)));
    await expectRefused([...runOf('wrong'), ...withKeys], 2, /no entry of the product list/);
    writeFileSync(file('wrong.json'), text.replace('"00020001"', '"00020002"'));
    await expectRefused([...runOf('wrong'), ...withKeys], 2, /entry V2 says 00020002/);
    writeFileSync(file('wrong.json'), text.replaceAll(/"imageOctets":\d+/g, '"imageOctets":900000'));
    await expectRefused([...runOf('wrong'), ...withKeys], 2, /entry V2 says 900,000/);
    await expectRefused(
      [...runOf('refused'), '--package', 'image.ota', '--supplier-key', 'keys/supplier.key.pem'],
      15,
      /does not verify/,
    );
    const trust = ['--trust', 'manufacturer=keys/dco.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
    await expectRefused([...runOf('refused'), ...withKeys, ...trust], 14, /does not verify \(unknownKey\)/);
  });

  it('without the package or the key that it will need', async () => {
    site.writeInput('short');
    const { input } = { input: JSON.parse(readFileSync(file('short.json'), 'utf8')) as { lists: { cpl: object[] } } };
    const [v1, v2] = input.lists.cpl as Record<string, unknown>[];
    const v3 = {
      ...v2,
      entryId: 'V3',
      upgradableFrom: ['V1'],
      manufacturerImageHash: '3'.repeat(64),
      firmwareVersion: '00030000',
    };
    const requests = [
      { requestId: 'r', userId: USER, requestedAt: '2026-01-01T09:00:00Z', targetEntryId: 'V3', cohortIds: ['all'] },
    ];
    site.writeInput('short', { lists: { cpl: [v1, v2, v3], epcl: [] }, requests });
    await expectRefused([...runOf('short'), ...withKeys], 2, /no package was given for V3/);
    const other = ['--package', 'package.s1pk', '--supplier-key', `90-B3-D5-1F-30-01-00-09=keys/supplier.key.pem`];
    await expectRefused([...runOf('refused'), ...other], 2, /no such User/);
  });

  it('by a DCO that does not know the key of the Supplier, before any meter is lost to it', async () => {
    await call(folder.path, 'keygen', 'strangers');
    site.writeInput('stranger');
    const keys = ['--package', 'package.s1pk', '--supplier-key', 'strangers/supplier.key.pem'];
    await expectRefused([...runOf('stranger'), ...keys], 22, /signature|key/);
    const status = await smets1('campaign', 'status', 'stranger');
    expect(status.result).toMatchObject({ outcome: 'not-running', stages: { released: METERS } });
    const right = await smets1(...runOf('stranger'), ...withKeys);
    expect(right).toMatchObject({ exitCode: 0, result: { head: { stages: { done: METERS }, starts: METERS } } });
  });

  it('where there is none', async () => {
    for (const words of [['status'], ['pause'], ['report']])
      await expectRefused(['campaign', ...words, 'nowhere'], 2, /no folder of a campaign/);
    writeFileSync(file('odd.json'), '{ "kind": "dance" }');
    await expectRefused(['campaign', 'tell', 'spring', 'odd.json'], 2, /odd\.json/);
  });
});
