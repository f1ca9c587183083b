/** An input of a campaign as a file, read, checked and compiled. */
import { campaignInputOfText, compileCampaign, stopRule, whatIf, type Campaign, type WhatIf } from '@smets1/campaign';
import { nodeCrypto } from '@smets1/host';
import { parseJson } from '@smets1/http-guard';
import * as products from '@smets1/products';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { CAMPAIGN_FILE_BYTES_MAX } from '../limits.js';
import { hex } from '../output/style.js';
import type { Job } from '../run-command.js';
import { pathFrom } from '../shell.js';

export interface CampaignFile {
  readonly campaign: Campaign;
  /** SHA-256 of the file, and of what is to be otherwise; 64 hex digits. */
  readonly inputDigest: string;
}

/** @throws {@link CliError} as `readInput` does; `usage` for an input that is not taken, with the place in it and the way out. */
export function readCampaign(job: Job, path: string, wishes: readonly WhatIf[] = []): CampaignFile {
  const without = wishes.flatMap((wish) => wish.without ?? []);
  const otherwise: WhatIf = Object.assign({}, ...wishes, without.length === 0 ? {} : { without }) as WhatIf;
  const octets = readInput(pathFrom(job.shell, path), 'the campaign', CAMPAIGN_FILE_BYTES_MAX);
  const text = utf8(octets);
  if (text === undefined) throw new CliError('usage', `${path} is no UTF-8 text; a campaign is a JSON file`);
  const read = campaignInputOfText(text, parseJson, products);
  if (!read.ok) {
    const { path: at, message } = read.fault;
    throw new CliError('usage', `${path}${at === '' ? '' : `, ${at}`}: ${message}`);
  }
  const isAsWritten = wishes.length === 0;
  const input = isAsWritten ? read.value : whatIf(read.value, otherwise);
  const parts = isAsWritten ? [octets] : [octets, new TextEncoder().encode(`\0${JSON.stringify(otherwise)}`)];
  return {
    campaign: compileCampaign(input, { products, stopRule: stopRule(input.policy.stopRule) }),
    inputDigest: hex(nodeCrypto().sha256(parts)),
  };
}

function utf8(octets: Uint8Array): string | undefined {
  try {
    // The byte order mark stays: the input says itself that it takes none.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}
