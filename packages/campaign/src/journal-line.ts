/** A journal as JSON lines. */
import * as v from 'valibot';
import { CampaignError } from './error.js';
import type { CampaignRecord } from './model/campaign-record.js';

const KINDS = [
  'opened',
  'requested',
  'commanded',
  'room-told',
  'granted',
  'released',
  'outcomes',
  'gave-up',
  'expired',
  'phase-begun',
  'safety-tested',
  'stopped',
  'noticed',
  'ended',
] as const satisfies readonly CampaignRecord['kind'][];

const HEAD = v.looseObject({ seq: v.pipe(v.number(), v.safeInteger()), atMs: v.number(), kind: v.picklist(KINDS) });

/** Without the line's end. The same record always gives the same text. */
export function lineOfRecord(record: CampaignRecord): string {
  return JSON.stringify(record);
}

/**
 * A line of a journal that this package wrote. Whether the record may follow the ones before it, `apply` sees; a journal of strangers is checked by
 * the hash chain of `@smets1/journal`, not here.
 *
 * @throws {@link CampaignError} `journal-damaged` when it is no record.
 */
export function recordOfLine(line: string): CampaignRecord {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new CampaignError('journal-damaged', 'a line of the journal is no JSON; take a whole journal', { cause });
  }
  const head = v.safeParse(HEAD, json);
  if (!head.success)
    throw new CampaignError('journal-damaged', `a line of the journal is no record: ${head.issues[0].message}`);
  return json as CampaignRecord;
}
