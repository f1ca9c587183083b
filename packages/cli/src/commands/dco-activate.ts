import { CANCELLATION_DATE, DcoError, type ImageView, type RequestView, type StageEvent } from '@smets1/dco';
import {
  AUTHORISATION_BYTES,
  AUTHORISATION_UNCOUNTERSIGNED_BYTES,
  decodeAuthorisation,
  formatDeviceId,
  SIGNATURE_BYTES,
} from '@smets1/protocol';
import { cancellationCounter, requestIdOf } from '../dco/request-id.js';
import { entryFields, finishOfEntry, untilAnswered } from '../dco/wait.js';
import { CliError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { readInput } from '../files/input-file.js';
import type { JsonFields } from '../output/reporter.js';
import { hex, rows } from '../output/style.js';
import { failed, type Finish, type Job } from '../run-command.js';
import { pathFrom } from '../shell.js';
import { clientOf, type DcoFlags } from './dco-submit.js';

export interface DcoActivateFlags extends DcoFlags {
  /** Seconds since 1970. */
  readonly at?: number;
  readonly cancel: boolean;
  readonly counter?: bigint;
}

/** One 11.3: the DCO checks, countersigns, forwards, activates. Again with the same counter, it goes on waiting for the same. */
export async function dcoActivate(job: Job, flags: DcoActivateFlags, path: string): Promise<Finish> {
  if (flags.cancel && flags.at !== undefined) throw new CliError('usage', '--cancel and --at contradict each other');
  const octets = readInput(pathFrom(job.shell, path), 'the authorisation', AUTHORISATION_BYTES);
  const decoded = decodeAuthorisation(octets);
  if (!decoded.ok) {
    return failed(EXIT['not-authorised'], `${path} is no authorisation: ${decoded.fault.detail}`, {
      fields: { code: decoded.fault.code },
    });
  }
  const { deviceId, imageHash, originator, originatorCounter } = decoded.value;
  const device = formatDeviceId(deviceId);
  const client = clientOf(job, flags);
  const counter = flags.counter ?? (flags.cancel ? cancellationCounter(originatorCounter) : originatorCounter);
  const requestId = requestIdOf(originator, device, counter);
  const executionDateTime = flags.cancel ? CANCELLATION_DATE : flags.at && new Date(flags.at * 1000).toISOString();
  const admitted = await client.activate({
    requestId,
    deviceId: device,
    firmwareHash: hex(imageHash),
    // The DCO makes the countersignature itself; one that is there already is of no use to it.
    authorisation: octets.subarray(0, AUTHORISATION_UNCOUNTERSIGNED_BYTES),
    ...(executionDateTime ? { executionDateTime } : {}),
  });
  job.report.event(
    'admitted',
    { ...admitted },
    `11.3 ${requestId} ${admitted.repeated ? 'was taken before' : 'taken'}`,
  );
  const interrupted = (cause: string): Finish =>
    failed(EXIT.interrupted, cause, {
      wayOut: 'run the same again to see what comes of it',
      fields: { requestId },
    });
  let sent: StageEvent | undefined;
  let view: RequestView | undefined;
  let image: ImageView | undefined;
  try {
    image = (await client.images()).find(({ firmwareHash }) => firmwareHash.toLowerCase() === hex(imageHash));
    view = await untilAnswered({
      client,
      requestId,
      report: job.report,
      signal: job.shell.interruption(),
      totalBytes: image && wireBytes(image),
      onStage: (event) => {
        if (event.sentBytes !== undefined) sent = event;
      },
    });
  } catch (error) {
    // The request is durable there: a DCO that went away has not forgotten it.
    if (!(error instanceof DcoError) || (error.code !== 'no-answer' && error.code !== 'closed')) throw error;
    return interrupted(`the DCO went away after it took 11.3 ${requestId}: ${error.message}`);
  }
  const entry = view?.responses.at(-1);
  if (entry === undefined) return interrupted(`waiting for 11.3 ${requestId} was interrupted; the DCO goes on with it`);
  const done = flags.cancel ? 'cancelled' : 'activated';
  return finishOfEntry(entry, () => ({
    ok: true,
    outcome: entry.code === 'accepted' ? 'accepted' : done,
    fields: { ...entryFields(entry), ...transferFields(sent, image) },
    text: rows([
      ['done', entry.message],
      ['request', requestId],
      ['meter', entry.device?.deviceId],
      ['runs', entry.device?.firmwareVersion],
      ['hash', entry.device?.runningHash?.toLowerCase()],
      ['attested', entry.device && (entry.device.attested === true ? 'yes' : 'no')],
    ]),
  }));
}

/** Octets of all blocks with their signatures. */
function wireBytes({ imageBytes, blockCount }: ImageView): number {
  return imageBytes + blockCount * SIGNATURE_BYTES;
}

/** What went over the line while this command watched; nothing, when the DCO had no need to send. */
function transferFields(sent: StageEvent | undefined, image: ImageView | undefined): JsonFields {
  if (sent?.sentBytes === undefined || image === undefined) return {};
  const { sentBytes, resumedFromBlocks = 0, discardedBytes = 0 } = sent;
  const blockBytes = 2 ** Math.ceil(Math.log2(image.imageBytes / image.blockCount)) + SIGNATURE_BYTES;
  const resumedFrom = Math.min(resumedFromBlocks * blockBytes, wireBytes(image));
  const octetsWritten = wireBytes(image) - resumedFrom;
  return {
    octetsWritten,
    octetsSent: sentBytes,
    octetsResent: discardedBytes + Math.max(0, sentBytes - octetsWritten),
    resumedFrom,
    resumedFromBlocks,
  };
}
