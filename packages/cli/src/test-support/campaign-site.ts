/** Meters, a DCO and a package, with an input of a campaign for them: all by the commands themselves. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, start, type Running } from './call.js';
import { makeRelease } from './release.js';

export const USER = '90-B3-D5-1F-30-01-00-00';

export interface CampaignSite {
  readonly deviceIds: readonly string[];
  readonly meters: Running;
  dco: Running;
  /** How the DCO is reached. */
  readonly to: readonly string[];
  /** Starts the DCO again, on the same address and store, after it was ended. */
  startDco(): Promise<void>;
  /** Writes an input for these meters as NAME.json; `other` replaces whole keys. */
  writeInput(name: string, other?: Readonly<Record<string, unknown>>): void;
  end(): Promise<void>;
}

export async function campaignSite(folder: string, meterCount: number): Promise<CampaignSite> {
  await makeRelease(folder, { bytes: 30_000 });
  const [wanted] = (await call(folder, 'package', 'inspect', 'package.s1pk', '--json')).events.slice(-1);
  const many = ['--meters', String(meterCount), '--seed', '5', '--inventory', 'meters.json'];
  const meters = start(folder, ['emulate', ...many, '--trust', 'keys', '--ws', '127.0.0.1:0', '--json']);
  await meters.event('ready');
  const { devices } = JSON.parse(readFileSync(join(folder, 'meters.json'), 'utf8')) as {
    readonly devices: readonly { readonly deviceId: string }[];
  };
  const deviceIds = devices.map(({ deviceId }) => deviceId);
  const serve = async (
    listen: string,
  ): Promise<{ readonly dco: Running; readonly ready: Readonly<Record<string, unknown>> }> => {
    const trust = ['--trust', 'manufacturer=keys/manufacturer.pub.pem', '--trust', 'supplier=keys/supplier.pub.pem'];
    const rest = ['--store', 'store', '--inventory', 'meters.json', '--key', 'keys/dco.key.pem', '--listen', listen];
    const dco = start(folder, ['dco', 'serve', ...trust, ...rest, '--json']);
    return { dco, ready: await dco.event('ready') };
  };
  const first = await serve('127.0.0.1:0');
  const url = String(first.ready['url']);
  const entry = { deviceModel: 'ALTO', hardware: '1111', status: 'Active', takesUpdates: true, operable: true };
  const imageOctets = wanted!['totalBytes'];
  const cpl = [
    {
      ...entry,
      entryId: 'V1',
      firmwareVersion: '00010000',
      manufacturerImageHash: '1'.repeat(64),
      imageOctets,
      upgradableFrom: 'N/A',
    },
    {
      ...entry,
      entryId: 'V2',
      firmwareVersion: wanted!['version'],
      manufacturerImageHash: wanted!['hash'],
      imageOctets,
      upgradableFrom: ['V1'],
    },
  ];
  const site: CampaignSite = {
    deviceIds,
    meters,
    dco: first.dco,
    to: ['--to', url, '--token-file', String(first.ready['tokenFile'])],
    startDco: async () => {
      site.dco = (await serve(url.slice('http://'.length))).dco;
    },
    writeInput: (name, other = {}) => {
      const input = {
        format: 1,
        campaignId: name,
        startDay: '2026-01-01',
        users: [{ userId: USER, name: 'A Supplier', role: 'supplier' }],
        lists: { cpl, epcl: [] },
        cohorts: [{ cohortId: 'all', userId: USER, entryId: 'V1', meters: { deviceIds } }],
        requests: [
          {
            requestId: 'r',
            userId: USER,
            requestedAt: '2026-01-01T09:00:00Z',
            targetEntryId: 'V2',
            cohortIds: ['all'],
          },
        ],
        policy: { releaseEveryMinutes: 1440 },
        ...other,
      };
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(input));
    },
    end: async () => {
      site.dco.interrupt();
      await site.dco.done;
      meters.interrupt();
      await meters.done;
    },
  };
  return site;
}
