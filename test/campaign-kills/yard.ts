/** Meters, a DCO and campaigns as processes: the command as users run it. All of it ends with `close`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { checkJournalFile } from '../campaign/check-journal.js';
import type { Child } from '../support/child.js';
import { estate, ORIGINATOR, smallFirmware } from '../support/estate.js';
import { eventOf, eventsOf, finished, smets1 } from '../support/smets1.js';

const IMAGE_BYTES = 24_000;
/** Octets a second of each link, so that a campaign lasts long enough to be struck often. */
const RATE = '12000';

export interface Round {
  readonly version: string;
  /** Starts the command that runs this campaign, or goes on with it. */
  start(): Child;
  /** What was found wrong once it has ended: by the meters, by the independent checker of journals, by the DCO. */
  audit(): Promise<readonly string[]>;
}

export interface Yard {
  readonly meters: number;
  /** A campaign that takes every meter to the next version. */
  round(): Promise<Round>;
  close(): Promise<void>;
}

export async function openYard(meters: number): Promise<Yard> {
  const of = await estate();
  const rack = of.start(
    'emulate',
    '--meters',
    String(meters),
    '--seed',
    '7',
    '--trust',
    of.path('keys'),
    '--inventory',
    of.path('meters.json'),
    '--json',
  );
  await eventOf(rack, ({ event }) => event === 'ready');
  const { devices } = JSON.parse(readFileSync(of.path('meters.json'), 'utf8')) as {
    readonly devices: readonly { readonly deviceId: string }[];
  };
  const deviceIds = devices.map(({ deviceId }) => deviceId);
  const { to } = await of.serveDco('--rate', RATE);
  const entries: object[] = [entryOf('V1', '00010000', '1'.repeat(64), IMAGE_BYTES, 'N/A')];

  return {
    meters,
    async round() {
      const number = entries.length + 1;
      const version = number.toString(16).padStart(4, '0').padEnd(8, '0').toUpperCase();
      const name = `campaign-${number}`;
      const firmware = smallFirmware(of, `${name}.bin`, IMAGE_BYTES, number);
      const packagePath = await of.build(name, firmware, version, number);
      const about = await finished(smets1('package', 'inspect', packagePath, '--json'));
      entries.push(entryOf(`V${number}`, version, about!['hash'], about!['totalBytes'], [`V${number - 1}`]));
      const input = of.path(`${name}.json`);
      writeFileSync(input, JSON.stringify(inputOf(name, entries, deviceIds)));
      const folder = of.path(name);
      const more = ['--package', packagePath, '--supplier-key', of.key('supplier'), '--json'];
      return {
        version,
        start: () => of.start('campaign', 'run', input, '--journal', folder, ...to, ...more),
        async audit() {
          const faults: string[] = [];
          const records = of.path(`${name}.jsonl`);
          await finished(smets1('campaign', 'report', folder, '--journal', records, '--json'));
          const verdict = await checkJournalFile(input, records, { isRun: true });
          for (const { rule, message } of verdict.faults) faults.push(`${name}: ${rule}: ${message}`);
          if (!verdict.isEnded) faults.push(`${name} has not ended`);
          const { metersByStage, starts } = verdict;
          if (metersByStage['done'] !== meters)
            faults.push(`${name}: ${JSON.stringify(metersByStage)} of ${meters} meters`);
          if (starts.large !== meters) faults.push(`${name}: ${JSON.stringify(starts)} for ${meters} meters`);
          // The meters say it themselves: boot brought this version up once.
          for (const deviceId of deviceIds) {
            const trials = eventsOf(rack).filter(
              (one) => one.event === 'start' && one['meter'] === deviceId && one['runningVersion'] === version,
            );
            if (trials.length !== 1) faults.push(`${deviceId} was brought to ${version} ${trials.length} times`);
          }
          const status = await finished(smets1('dco', 'status', ...to, '--json'));
          if (status?.['unacknowledged'] !== 0)
            faults.push(`${name}: ${String(status?.['unacknowledged'])} responses are left`);
          return faults;
        },
      };
    },
    close: async () => await of.end(),
  };
}

function entryOf(
  entryId: string,
  firmwareVersion: string,
  hash: unknown,
  octets: unknown,
  upgradableFrom: unknown,
): object {
  const model = { deviceModel: 'ALTO', hardware: '1111', status: 'Active', takesUpdates: true, operable: true };
  return { ...model, entryId, firmwareVersion, manufacturerImageHash: hash, imageOctets: octets, upgradableFrom };
}

/** Everything starts at once: it is the processes that are tried here, not the rules. */
function inputOf(campaignId: string, entries: readonly object[], deviceIds: readonly string[]): object {
  const target = `V${entries.length}`;
  const requestedAt = '2026-01-01T09:00:00Z';
  return {
    format: 1,
    campaignId,
    startDay: '2026-01-01',
    users: [{ userId: ORIGINATOR, name: 'A Supplier', role: 'supplier' }],
    lists: { cpl: entries, epcl: [] },
    cohorts: [{ cohortId: 'all', userId: ORIGINATOR, entryId: `V${entries.length - 1}`, meters: { deviceIds } }],
    requests: [{ requestId: 'r', userId: ORIGINATOR, requestedAt, targetEntryId: target, cohortIds: ['all'] }],
    // Small images are not counted; these are.
    policy: { releaseEveryMinutes: 1440, largeAboveOctets: 1_000 },
  };
}
