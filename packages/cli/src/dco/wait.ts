/** Waits for what comes of a request, and tells what happens meanwhile. */
import type { DcoClient, EntryRecord, RequestView, StageEvent } from '@smets1/dco';
import { refusalOf } from '@smets1/protocol';
import { DCO_ENTRY_EXIT, EXIT, REFUSAL_EXIT, type ExitCode } from '../exit-codes.js';
import { POLL_MS } from '../limits.js';
import type { Reporter } from '../output/reporter.js';
import { failed, type Finish } from '../run-command.js';

export interface Waiting {
  readonly client: DcoClient;
  readonly requestId: string;
  readonly report: Reporter;
  /** Ends the waiting, not the request. */
  readonly signal: AbortSignal;
  /** Octets of the whole image, for the progress line. */
  readonly totalBytes: number | undefined;
  /** Told of each event of the request. */
  readonly onStage?: (event: StageEvent) => void;
}

/**
 * Resolves to the request with its responses, or to undefined when the waiting was ended by `signal`.
 *
 * @throws DcoError when the DCO is gone
 */
export async function untilAnswered(waiting: Waiting): Promise<RequestView | undefined> {
  const { client, requestId, signal } = waiting;
  const watching = new AbortController();
  const ended = AbortSignal.any([signal, watching.signal]);
  // Events are told for the sake of those who watch; what counts is asked for, so an event that is lost is no loss.
  const watched = watch(waiting, ended).catch(() => undefined);
  try {
    for (;;) {
      // eslint-disable-next-line no-await-in-loop -- each question waits for the answer to the one before
      const view = await client.request(requestId);
      if (isFinal(view)) return view;
      // eslint-disable-next-line no-await-in-loop -- a pause between two questions
      await pause(signal);
      if (signal.aborted) return undefined;
    }
  } finally {
    watching.abort();
    await watched;
  }
}

/** A future-dated 11.3 is answered twice: accepted, and later what came of it. */
function isFinal({ state, responses }: RequestView): boolean {
  return state === 'answered' || responses.some(({ code }) => code === 'accepted');
}

async function watch({ client, requestId, report, totalBytes, onStage }: Waiting, signal: AbortSignal): Promise<void> {
  for await (const event of client.events(signal)) {
    if (!('stage' in event) || event.requestId !== requestId) continue;
    onStage?.(event);
    tellStage(report, event, totalBytes);
  }
}

export function tellStage(report: Reporter, event: StageEvent, totalBytes: number | undefined): void {
  const { stage, durableBlocks, blockCount } = event;
  if (stage === 'progress' && totalBytes !== undefined && durableBlocks !== undefined && blockCount !== undefined) {
    const doneBytes = Math.round((totalBytes * durableBlocks) / blockCount);
    report.progress({ label: 'forwarding', doneBytes, totalBytes }, { ...event });
    return;
  }
  const blocks = blockCount === undefined ? undefined : `${durableBlocks} of ${blockCount} blocks`;
  const words = [stage.replaceAll('-', ' '), blocks, event.code, event.detail].filter((word) => word !== undefined);
  report.event(`dco-${stage}`, { ...event }, words.join(': '));
}

/** The end of a request that was answered. */
export function finishOfEntry(entry: EntryRecord, good: (entry: EntryRecord) => Finish): Finish {
  const exitCode = exitCodeOfEntry(entry);
  if (exitCode === EXIT.done) return good(entry);
  return failed(exitCode, `${entry.srv} of ${entry.requestId} was not done (${entry.code}): ${entry.message}`, {
    outcome: entry.code,
    fields: entryFields(entry),
  });
}

export function entryFields({
  code,
  message,
  requestId,
  number,
  device,
  image,
}: EntryRecord): Readonly<Record<string, unknown>> {
  return {
    code,
    message,
    requestId,
    responseNumber: number,
    ...(image === undefined
      ? {}
      : {
          hash: image.firmwareHash.toLowerCase(),
          deviceCount: image.deviceCount,
          unknownDeviceCount: image.unknown?.deviceCount ?? 0,
          unknownDeviceIds: image.unknown?.deviceIds,
        }),
    ...(device === undefined
      ? {}
      : {
          deviceId: device.deviceId,
          runningVersion: device.firmwareVersion,
          runningHash: device.runningHash?.toLowerCase(),
          activateImageResponseCode: device.activateImageResponseCode,
          attested: device.attested ?? false,
        }),
  };
}

function exitCodeOfEntry({ code, device }: EntryRecord): ExitCode {
  const refusal = device?.refusal === undefined ? undefined : refusalOf(device.refusal.code);
  return code === 'refused' && refusal !== undefined ? REFUSAL_EXIT[refusal] : DCO_ENTRY_EXIT[code];
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, POLL_MS);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
