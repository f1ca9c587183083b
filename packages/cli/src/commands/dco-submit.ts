import { dcoClient, type DcoClient, type EntryRecord, type PartAccepted } from '@smets1/dco';
import { formatDeviceId, PACKAGE_BYTES_MAX, readContainer, splitPackage } from '@smets1/protocol';
import { DCC_ID, requestIdOf } from '../dco/request-id.js';
import { entryFields, finishOfEntry } from '../dco/wait.js';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import { readToken } from '../files/token-file.js';
import { eui64 } from '../flags/values.js';
import { DEVICES_FILE_BYTES_MAX, DEVICES_MAX } from '../limits.js';
import { counted, rows } from '../output/style.js';
import { failed, type CommonFlags, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { notSound } from '../verdict.js';

/** How a DCO is reached. */
export interface DcoFlags extends CommonFlags {
  readonly to: string;
  readonly tokenFile: string;
}

export interface DcoSubmitFlags extends DcoFlags {
  readonly device?: readonly Uint8Array[];
  readonly devices?: string;
  readonly originator: Uint8Array;
  readonly counter: bigint;
}

export function clientOf(job: Job, flags: DcoFlags): DcoClient {
  return dcoClient({ url: flags.to.replace(/\/+$/, ''), token: readToken(pathFrom(job.shell, flags.tokenFile)) });
}

/** Gives parts, or the parts of a package, to a DCO: one 11.1 each. Again with the same counter, it is harmless. */
export async function dcoSubmit(job: Job, flags: DcoSubmitFlags, ...paths: readonly string[]): Promise<Finish> {
  const client = clientOf(job, flags);
  const devices = devicesOf(job, flags);
  const parts: Uint8Array[] = [];
  for (const path of paths) {
    const octets = readInput(pathFrom(job.shell, path), 'the part', PACKAGE_BYTES_MAX);
    const read = readContainer(octets);
    if (!read.ok) return notSound(path, read.fault);
    const split = read.value.kind === 'part' ? { ok: true as const, value: [octets] } : splitPackage(octets);
    if (!split.ok) return notSound(path, split.fault);
    parts.push(...split.value);
  }
  const accepted: PartAccepted[] = [];
  for (const [i, part] of parts.entries()) {
    const requestId = requestIdOf(flags.originator, DCC_ID, flags.counter + BigInt(i));
    // eslint-disable-next-line no-await-in-loop -- one part at a time: each is durable when it is answered
    const answer = await client.submitPart({ requestId, devices, part });
    const taken = `part ${i + 1} of ${parts.length} taken, ${counted(answer.heldBlocks)} of ${counted(answer.blockCount)} blocks held`;
    job.report.event('part-accepted', { ...answer }, answer.repeated ? `${taken} (it was there already)` : taken);
    accepted.push(answer);
  }
  const [last] = accepted.slice(-1);
  if (last === undefined) throw new CliError('usage', 'no parts were given');
  const { responses } = await client.request(last.requestId);
  const [entry] = responses;
  if (entry !== undefined) {
    warnOfUnknown(job, entry);
    return finishOfEntry(entry, () => held(accepted, entry));
  }
  return failed(
    EXIT['some-not-done'],
    `the DCO holds ${counted(last.heldBlocks)} of ${counted(last.blockCount)} blocks, so there is no 11.1 response yet`,
    {
      outcome: 'waiting',
      wayOut: 'submit the parts that hold the missing blocks; `smets1 dco status` names them',
      fields: { imageId: last.imageId, heldBlocks: last.heldBlocks, blockCount: last.blockCount },
    },
  );
}

/** The image is held all the same: devices are often added after their firmware has come. */
function warnOfUnknown({ report }: Job, { image }: EntryRecord): void {
  if (image?.unknown === undefined) return;
  const { deviceCount, deviceIds } = image.unknown;
  const more = deviceCount - deviceIds.length;
  const named = `${deviceIds.join(', ')}${more > 0 ? ` and ${counted(more)} more` : ''}`;
  report.warn(
    `the DCO's inventory lacks ${counted(deviceCount)} of ${counted(image.deviceCount)} devices: ${named}; an 11.3 for them is refused until they are added and the DCO is started again`,
  );
}

function held(accepted: readonly PartAccepted[], entry: EntryRecord): Finish {
  const requestIds = accepted.map(({ requestId }) => requestId);
  const imageId = accepted.at(-1)?.imageId;
  return {
    ok: true,
    outcome: 'held',
    fields: { ...entryFields(entry), imageId, requestIds },
    text: rows([
      ['done', 'the DCO holds the whole image; every part has its 11.1 response'],
      ['image', imageId],
      ['hash', entry.image?.firmwareHash.toLowerCase()],
      ['requests', `${requestIds[0]} to ${requestIds.at(-1)}`],
    ]),
  };
}

function devicesOf(job: Job, flags: DcoSubmitFlags): readonly string[] {
  const ids = [...(flags.device ?? [])];
  if (flags.devices !== undefined) {
    const text = new TextDecoder().decode(
      readInput(pathFrom(job.shell, flags.devices), 'the device list', DEVICES_FILE_BYTES_MAX),
    );
    for (const [i, line] of text.split('\n').entries()) {
      const word = line.trim();
      if (word === '' || word.startsWith('#')) continue;
      try {
        ids.push(eui64(word));
      } catch {
        throw new CliError(
          'usage',
          `${flags.devices}, line ${i + 1}: “${word}” is no device id, as in 00-DB-12-34-56-78-90-A0`,
        );
      }
    }
  }
  if (ids.length === 0 || ids.length > DEVICES_MAX) {
    throw new CliError(
      'usage',
      `an 11.1 is for 1 to ${DEVICES_MAX} devices; name them with --device EUI64 or --devices FILE`,
    );
  }
  return ids.map(formatDeviceId);
}
