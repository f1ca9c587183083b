import { loadInventory } from '@smets1/dco';
import { formatDeviceId, otaImageBytes, PACKAGE_BYTES_MAX, readContainer } from '@smets1/protocol';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { checkOutput, writeOutput } from '../files/output-file.js';
import { counted, hex, hexNumber, rows, versionText } from '../output/style.js';
import type { CommonFlags, Finish, Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

export interface CampaignDraftFlags extends CommonFlags {
  readonly inventory: string;
  readonly user: Uint8Array;
  readonly id: string;
  readonly model: string;
  /** What the meters run now: a file version. */
  readonly runs: number;
  readonly out: string;
  readonly force: boolean;
}

/** The smallest input of a campaign: every meter of an inventory to the image of one package, for one User. To be made richer by hand. */
export function campaignDraft(job: Job, flags: CampaignDraftFlags, path: string): Finish {
  const out = pathFrom(job.shell, flags.out);
  checkOutput(out, flags, pathFrom(job.shell, flags.inventory));
  const octets = readInput(pathFrom(job.shell, path), 'the package', PACKAGE_BYTES_MAX);
  const read = readContainer(octets);
  if (!read.ok) return notSound(path, read.fault);
  const deviceIds = [...loadInventory(pathFrom(job.shell, flags.inventory)).devices.keys()];
  if (deviceIds.length === 0) throw new CliError('usage', `${flags.inventory} names no device`);
  const { manifest } = read.value;
  const [from, to] = [versionText(flags.runs), versionText(manifest.fileVersion)].map((version) =>
    version.toUpperCase(),
  );
  if (from === to) throw new CliError('usage', `${path} is version ${to}, which --runs says the meters run already`);
  const userId = formatDeviceId(flags.user);
  const today = new Date().toISOString().slice(0, 10);
  const model = {
    deviceModel: flags.model,
    hardware: hexNumber(manifest.hardwareMin, 4),
    status: 'Active',
    takesUpdates: true,
    operable: true,
    imageOctets: otaImageBytes(manifest.imageBytes),
  };
  const input = {
    format: 1,
    campaignId: flags.id,
    startDay: today,
    users: [{ userId, name: 'Supplier', role: 'supplier' }],
    lists: {
      cpl: [
        // Nobody is sent what the meters run: its hash and size stand for nothing.
        {
          ...model,
          entryId: from,
          firmwareVersion: from,
          manufacturerImageHash: '0'.repeat(64),
          upgradableFrom: 'N/A',
        },
        {
          ...model,
          entryId: to,
          firmwareVersion: to,
          manufacturerImageHash: hex(manifest.imageHash),
          upgradableFrom: [from],
        },
      ],
      epcl: [],
    },
    cohorts: [{ cohortId: 'all', userId, entryId: from, meters: { deviceIds } }],
    requests: [{ requestId: 'r1', userId, requestedAt: `${today}T00:00:00Z`, targetEntryId: to, cohortIds: ['all'] }],
  };
  writeOutput(out, new TextEncoder().encode(`${JSON.stringify(input, undefined, 2)}\n`), flags);
  return {
    ok: true,
    fields: { out, meters: deviceIds.length, from, to, hash: hex(manifest.imageHash) },
    text: rows([
      ['wrote', flags.out],
      ['meters', `${counted(deviceIds.length)}, from version ${from} to ${to}`],
      ['next', `smets1 campaign plan ${flags.out}`],
    ]),
  };
}
