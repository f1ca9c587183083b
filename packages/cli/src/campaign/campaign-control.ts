/** How a second process tells a campaign that runs what to do: HTTP on loopback, with a token that only the folder's owner can read. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { campaignCommandOf, type CampaignCommand, type CampaignRecord, type Checked } from '@smets1/campaign';
import { errorResponse, guardServer, type GuardedResponse } from '@smets1/http-guard';
import * as v from 'valibot';
import { CliError } from '../errors.js';
import { readInput } from '../files/input-file.js';
import { writeOutput } from '../files/output-file.js';
import {
  CAMPAIGN_COMMAND_BYTES_MAX,
  CAMPAIGN_COMMAND_DEPTH_MAX,
  CAMPAIGN_COMMAND_MS_MAX,
  CAMPAIGN_COMMAND_VALUES_MAX,
  CAMPAIGN_CONTROL_FILE_BYTES_MAX,
  CAMPAIGN_LOOK_MS_MAX,
} from '../limits.js';
import type { CampaignFolder } from './campaign-folder.js';

export interface CampaignControl {
  close(): Promise<void>;
}

const FILE = v.object({ url: v.string(), token: v.string(), pid: v.number() });

/**
 * Takes commands until it is closed.
 *
 * @param tell - Tells one to the campaign; resolves when it is durable.
 * @throws GuardError `listen-failed`; {@link CliError} as `writeOutput` does
 */
export async function openCampaignControl(
  folder: CampaignFolder,
  tell: (command: CampaignCommand) => Promise<Checked<CampaignRecord>>,
  report: (error: unknown) => void,
): Promise<CampaignControl> {
  const token = randomBytes(32).toString('base64url');
  const guard = guardServer({
    token,
    limits: {
      bodyBytesMax: CAMPAIGN_COMMAND_BYTES_MAX,
      jsonDepthMax: CAMPAIGN_COMMAND_DEPTH_MAX,
      jsonValuesMax: CAMPAIGN_COMMAND_VALUES_MAX,
      idleMsMax: CAMPAIGN_COMMAND_MS_MAX,
    },
    handler: async ({ method, path, body }): Promise<GuardedResponse> => {
      if (method === 'GET' && path === '/v1/owner') return { status: 200, json: { pid: process.pid } };
      if (method !== 'POST' || path !== '/v1/commands')
        return errorResponse(
          404,
          'not-found',
          `there is no ${method} ${path}; there are GET /v1/owner, POST /v1/commands`,
        );
      if (body.kind !== 'json')
        return errorResponse(400, 'bad-request', 'send a JSON body with Content-Type: application/json');
      const command = campaignCommandOf(body.value);
      const record = command.ok ? await tell(command.value) : command;
      if (!record.ok) return errorResponse(422, record.fault.code, record.fault.message);
      return { status: 200, json: record.value };
    },
    report,
  });
  const { host, port } = await guard.listen(0);
  const close = async (): Promise<void> => {
    rmSync(folder.control, { force: true });
    await guard.close();
  };
  try {
    const text = JSON.stringify({ url: `http://${host}:${port}`, token, pid: process.pid });
    rmSync(folder.control, { force: true });
    writeOutput(folder.control, new TextEncoder().encode(`${text}\n`), { force: true, mode: 0o600 });
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** The process that runs the campaign, if there is one that answers. */
export async function ownerOf(folder: CampaignFolder): Promise<number | undefined> {
  const control = controlOf(folder);
  if (control === undefined) return undefined;
  try {
    const answer = await fetch(`${control.url}/v1/owner`, {
      headers: { authorization: `Bearer ${control.token}` },
      signal: AbortSignal.timeout(CAMPAIGN_LOOK_MS_MAX),
    });
    return answer.ok ? control.pid : undefined;
  } catch {
    return undefined; // killed, and its file left behind
  }
}

/**
 * Tells a command to the process that runs the campaign.
 *
 * @throws {@link CliError} `owner-silent` when it does not answer
 */
export async function tellOwner(folder: CampaignFolder, command: CampaignCommand): Promise<Checked<CampaignRecord>> {
  const control = controlOf(folder);
  try {
    if (control === undefined) throw new TypeError('it has not said where it takes commands');
    const answer = await fetch(`${control.url}/v1/commands`, {
      method: 'POST',
      headers: { authorization: `Bearer ${control.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(CAMPAIGN_COMMAND_MS_MAX),
    });
    const json = (await answer.json()) as CampaignRecord & { readonly error?: { readonly message: string } };
    if (answer.ok) return { ok: true, value: json };
    return { ok: false, fault: { code: 'contradiction', path: '', message: json.error?.message ?? 'it was refused' } };
  } catch (cause) {
    throw new CliError(
      'owner-silent',
      `the process that runs this campaign does not answer; whether the command counts, \`campaign status\` tells; try it again`,
      { cause },
    );
  }
}

function controlOf(folder: CampaignFolder): v.InferOutput<typeof FILE> | undefined {
  try {
    const octets = readInput(folder.control, 'the control file', CAMPAIGN_CONTROL_FILE_BYTES_MAX);
    return v.parse(FILE, JSON.parse(new TextDecoder().decode(octets)));
  } catch {
    return undefined;
  }
}
