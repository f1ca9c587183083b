/**
 * Where a campaign keeps what must last:
 *
 *   DIR/campaign.json   the input that it was begun with, octet for octet
 *   DIR/journal/        its records; one process owns it, others read beside it
 *   DIR/control.json    where the owner takes commands, while it runs
 */
import { join } from 'node:path';
import { recordOfLine, type CampaignRecord, type JournalPort } from '@smets1/campaign';
import { JournalError, nodeFiles, openJournal, readJournal } from '@smets1/journal';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { makeFolder, writeOutput } from '../files/output-file.js';
import { CAMPAIGN_FILE_BYTES_MAX } from '../limits.js';
import type { Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { readCampaign, type CampaignFile } from './campaign-file.js';

export interface CampaignFolder {
  readonly path: string;
  readonly input: string;
  readonly journal: string;
  readonly control: string;
}

export interface OwnedJournal {
  readonly journal: JournalPort;
  readonly close: () => void;
}

function campaignFolder(job: Job, directory: string): CampaignFolder {
  const path = pathFrom(job.shell, directory);
  return {
    path,
    input: join(path, 'campaign.json'),
    journal: join(path, 'journal'),
    control: join(path, 'control.json'),
  };
}

/**
 * The folder of a campaign that is begun or gone on with: a copy of its input is in it.
 *
 * @throws {@link CliError} `usage` when it is the folder of another input; as `writeOutput` does
 */
export function takeFolder(job: Job, directory: string, inputPath: string): CampaignFolder {
  const folder = campaignFolder(job, directory);
  const octets = readInput(pathFrom(job.shell, inputPath), 'the campaign', CAMPAIGN_FILE_BYTES_MAX);
  makeFolder(folder.path, 0o700);
  const kept = keptInput(folder);
  if (kept === undefined) writeOutput(folder.input, octets, { force: false });
  else if (!Buffer.from(octets).equals(kept))
    throw new CliError(
      'usage',
      `${folder.path} is the folder of another campaign, or of this one before ${inputPath} was changed; go on with ${folder.input}, or name another folder`,
    );
  return folder;
}

function keptInput(folder: CampaignFolder): Uint8Array | undefined {
  try {
    return readInput(folder.input, 'the input of the campaign', CAMPAIGN_FILE_BYTES_MAX);
  } catch (error) {
    if (error instanceof CliError && error.code === 'file-missing') return undefined;
    throw error;
  }
}

/** The input that the campaign of a folder was begun with. @throws {@link CliError} `usage` where there is none. */
export function readFolder(
  job: Job,
  directory: string,
): { readonly folder: CampaignFolder; readonly file: CampaignFile } {
  const folder = campaignFolder(job, directory);
  if (keptInput(folder) === undefined)
    throw new CliError(
      'usage',
      `${folder.path} is no folder of a campaign; it is what --journal named to \`campaign run\``,
    );
  return { folder, file: readCampaign(job, folder.input) };
}

/** @throws JournalError `locked` while another process runs the campaign, `corrupt`, `storage-full`, `storage-failed` */
export function ownJournal(folder: CampaignFolder): OwnedJournal {
  const journal = openJournal({ files: nodeFiles(), directory: folder.journal });
  const encoder = new TextEncoder();
  return {
    journal: {
      *readAll() {
        for (const { octets } of journal.readAll()) yield new TextDecoder().decode(octets);
      },
      append: async (lines) => void (await journal.appendAll(lines.map((line) => encoder.encode(line)))),
    },
    close: () => journal.close(),
  };
}

/**
 * The records that are durable now, read beside the process that runs the campaign; none where it has not begun.
 *
 * @throws JournalError `corrupt`, `storage-failed`; CampaignError `journal-damaged`
 */
export function* recordsOf(folder: CampaignFolder): Generator<CampaignRecord, void, undefined> {
  let reader;
  try {
    reader = readJournal({ files: nodeFiles(), directory: folder.journal });
  } catch (error) {
    if (error instanceof JournalError && error.code === 'no-journal') return;
    throw error;
  }
  try {
    for (const { octets } of reader.readAll()) yield recordOfLine(new TextDecoder().decode(octets));
  } finally {
    reader.close();
  }
}
